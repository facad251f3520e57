"""What a client and all its views have in common: everything that belongs to one event loop."""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

import attrs

from ._breakers import Breakers
from ._lanes import FairSlots, LaneStore, MemoryLanes
from ._retry import Budget
from ._watch import Watch
from .errors import ClientClosedError, WrongLoopError

if TYPE_CHECKING:
    from ._transport import Transport


@attrs.define(eq=False)
class Shared:
    """Opened by the first call, in its loop, and closed once for all."""

    slots: FairSlots
    lanes: LaneStore = attrs.Factory(MemoryLanes)
    breakers: Breakers = attrs.Factory(Breakers)
    transport: "Transport | None" = None
    loop: asyncio.AbstractEventLoop | None = None
    clock: Callable[[], float] = attrs.field(init=False)
    watch: Watch = attrs.field(init=False)
    closed: bool = False
    live: int = 0
    quiet: asyncio.Event = attrs.Factory(asyncio.Event)
    budget: Budget = attrs.Factory(Budget)
    creating: WeakValueDictionary[tuple[int | None, str], asyncio.Lock] = attrs.Factory(
        WeakValueDictionary
    )
    seen: deque[int] = attrs.Factory(lambda: deque(maxlen=10_000))
    """Ids of audiences that answers have shown: a stale list may not show them yet."""

    def open(self, new_transport: "Callable[[], Transport]") -> None:
        """Be ready for a call in the running loop."""
        if self.closed:
            raise ClientClosedError("the client is closed; make a new one")
        if self.transport is None:
            loop = self.loop = _running_loop()
            self.clock, self.watch = loop.time, Watch(loop)
            self.transport = new_transport()
        self._check_loop()

    async def close(self, seconds: float) -> None:
        """Refuse new calls, give those under way so much time, and close every connection."""
        if self.transport is not None:
            self._check_loop()
        self.closed = True
        if self.transport is not None:
            try:
                await self._drain(seconds)
            finally:
                self.watch.close()
                await self.transport.aclose()

    def _check_loop(self) -> None:
        if _running_loop() is not self.loop:
            raise WrongLoopError(
                "the client belongs to the event loop of its first call; make one per loop"
            )

    async def _drain(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self.live:
                    self.quiet.clear()
                    await self.quiet.wait()


def _running_loop() -> asyncio.AbstractEventLoop:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        reason = "kmoment's async client runs on asyncio, and no event loop is running"
    raise WrongLoopError(reason)
