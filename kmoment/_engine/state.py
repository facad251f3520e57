"""What a client and all its views share: everything that belongs to one event loop."""

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count
from typing import Any, Final
from weakref import WeakValueDictionary

from .._policies.circuit_breaker import CircuitBreakers
from .._policies.retry_budget import PER_CONNECTION, Budget
from ..errors import ClientClosedError, WrongLoopError
from ..limits import LimitStatus
from .admission import FairSemaphore, RateLimiterStore
from .closed_loop import last_step
from .host_gate import HostGate
from .listing import Listings, Looks
from .settings import ClientSettings, Sends
from .sharing import LEASE_SPARE, Share, Sharing
from .timeouts import TimeoutScheduler
from .token import TokenSource

DRAIN_SECONDS: Final = 5.0
"""Time that closing gives to calls under way: most answers take less than a second."""
_SEEN: Final = 10_000
"""Ids kept in memory: more than one list of audiences shows."""

_entering: Final = threading.RLock()


class ClientState:
    """Opened by the first call, in its event loop, and closed once for all views.

    A new event loop begins it anew once the one before is closed. A forked process makes another.
    """

    clock: Callable[[], float]
    timeouts: TimeoutScheduler
    limiters: RateLimiterStore
    gate: HostGate

    def __init__(self, settings: ClientSettings) -> None:
        self.token: TokenSource = TokenSource(settings.token)
        self.seen: deque[int] = deque(maxlen=_SEEN)
        """Ids of audiences that answers have shown. A stale list may not show them yet."""
        self.loop: asyncio.AbstractEventLoop | None = None
        self.closed: bool = False
        self._leaving: bool = False
        """Code of calls that were left in a closed loop is being ended. It may call."""
        self._begin(settings)

    def _begin(self, settings: ClientSettings) -> None:
        """Make what belongs to one event loop."""
        self.slots: FairSemaphore = FairSemaphore(settings.max_connections)
        self.breakers: CircuitBreakers = CircuitBreakers()
        self.budget: Budget = Budget(PER_CONNECTION * settings.max_connections)
        self.listings: Listings = Listings()
        self.looks: Looks = Looks()
        self.shared: dict[Any, Any] = {}
        """What jobs of several calls share, by keys of their own."""
        self.idents: Iterator[int] = count(1)
        self.transport: Sends | None = None
        self.share: Share | None = None
        """What other processes share with this client."""
        self.live: int = 0
        """Calls under way."""
        self.quiet: asyncio.Event = asyncio.Event()
        """Set by each call that ends while the client closes."""
        self.creating: WeakValueDictionary[tuple[int | None, str], asyncio.Lock] = (
            WeakValueDictionary()
        )
        """Creates under way, by account and name: one at a time."""

    @property
    def is_calm(self) -> bool:
        """Whether a success tells nothing new to the breakers, the gate and the budget."""
        budget = self.budget
        return not (self.breakers.tripped or self.gate.troubled or budget.tokens < budget.capacity)

    def open(self, settings: ClientSettings) -> None:
        """Get ready for a call in the running loop. Begin anew if the loop before is closed."""
        if self.closed:
            raise ClientClosedError("the client is closed; make a new one")
        loop = _running_loop()
        if loop is not self.loop:
            self._enter_loop(loop, settings)

    def _leave_loop(self) -> None:
        """End what a closed loop has left behind. Refuse to leave any other loop."""
        if self._leaving:
            raise WrongLoopError("the event loop of this call is closed")
        if self.loop is None or self.transport is None:
            return
        if not self.loop.is_closed():
            raise WrongLoopError(
                "the client belongs to the event loop of its first call, which is not closed; "
                "make one per loop"
            )
        transport, self.transport = self.transport, None
        self._leaving = True
        try:
            with last_step(self.loop), suppress(RuntimeError):  # of what waits for a closed loop
                self.timeouts.abandon()
                if self.share is not None:
                    self.share.abandon()
                for _ in transport.aclose().__await__():
                    pass
        finally:
            self._leaving = False

    def _enter_loop(self, loop: asyncio.AbstractEventLoop, settings: ClientSettings) -> None:
        with _entering:  # another thread may be first
            self._leave_loop()
            if self.loop is not None:
                self.token = self.token.in_another_loop()
                self._begin(settings)
            self.clock, self.timeouts = loop.time, TimeoutScheduler(loop)
            self.limiters = settings.new_limiters(loop.time, loop.call_at)
            if settings.fleet is not None:
                self._join(settings.fleet, settings, loop)
            self.breakers.listener = settings.notifier.breaker_listener()
            self.gate = HostGate(loop.time, settings.base_url)
            self.transport = settings.new_transport(settings)
            self.loop = loop

    def _join(
        self, fleet: Sharing, settings: ClientSettings, loop: asyncio.AbstractEventLoop
    ) -> None:
        """Share with other processes what would be this one's own."""
        seconds = min(settings.options.deadline, 2 * settings.timeout) + LEASE_SPARE
        share = fleet._join(loop.time, loop.call_at, seconds)
        self.share, self.limiters, self.breakers = share, share.limiters, share.breakers

    def limits(self) -> list[LimitStatus]:
        """What is known of every limit."""
        return [] if self.transport is None else self.limiters.statuses(self.clock())

    def waiting_for(self) -> str | None:
        """What most calls wait for now, in a few words."""
        if self.transport is None:
            return None
        if self.gate.closed:
            down = f"the host, which has been down for {self.gate.seconds:.0f} s"
            return f"{down} ({self.gate.health.reason})"
        queues = [status for status in self.limits() if status.waiting]
        if not queues:
            return None
        longest = max(queues, key=lambda status: status.waiting)
        rate = "" if longest.rate is None else f" at {longest.rate:.3g} a second"
        return f"{longest.quota}: {longest.waiting} calls in turn{rate}"

    async def close(self, seconds: float | None = None) -> None:
        """Refuse new calls, give those under way *seconds*, and close every connection.

        :param seconds: Default: :data:`DRAIN_SECONDS`.
        """
        if self.loop is not None and self.loop is not _running_loop():
            with _entering:
                self._leave_loop()
        self.closed = True
        if self.transport is not None:
            try:
                await self._drain(DRAIN_SECONDS if seconds is None else seconds)
            finally:
                self.limiters.close()
                self.gate.close()
                self.timeouts.close()
                await self._close_connections(self.transport)

    async def _close_connections(self, transport: Sends) -> None:
        try:
            if self.share is not None:
                await self.share.aclose()
        finally:
            await transport.aclose()

    def __str__(self) -> str:
        return "closed" if self.closed else "open" if self.transport else "not opened yet"

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
