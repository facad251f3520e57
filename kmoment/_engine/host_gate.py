"""Waiting for a host that is down: one probe at a time, and with the first answer the rest goes on.

``_policies/outage.py`` says when the host is down. What was sent before and is in doubt is treated
as ever: only calls that were not sent yet, and calls that may be sent again, come here.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import Final

import attrs

from .._policies.outage import HostHealth

_log: Final = logging.getLogger("kmoment")

_AT_ONCE: Final = 4
"""Calls that go on with the first answer. Each further answer lets two go: not all at once."""
_NEXT_SECONDS: Final = 0.05
"""Seconds after which more of them go, if no further answer has come."""

_EXACT: Final = 1e-6
"""Seconds. A timer may fire this much early, since sums of floats are not exact."""


@attrs.define(eq=False)
class _Waiter:
    patience: float
    """Seconds that the host may be down."""
    go: "asyncio.Future[bool | None]"
    timer: asyncio.TimerHandle | None = None


class HostGate:
    """The calls of one client that wait for its host."""

    def __init__(self, clock: Callable[[], float], host: str) -> None:
        self.health: Final = HostHealth()
        self._clock = clock
        self._host = host
        self._waiting: deque[_Waiter] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self.troubled: bool = False
        """Whether :meth:`succeeded` has to be told of an answer."""

    @property
    def closed(self) -> bool:
        """Whether calls have to wait. Only then :meth:`wait` has to be asked."""
        return self.health.down_since is not None

    @property
    def seconds(self) -> float:
        """For how long the host has been down."""
        since = self.health.down_since
        return 0.0 if since is None else self._clock() - since

    def failed(self, reason: str, *, probe: bool) -> None:
        """A call got nothing from the host."""
        self.troubled = True
        if self.health.failed(self._clock(), reason, probe=probe):
            _log.warning("%s is down (%s): calls wait until it answers", self._host, reason)
        self._schedule()

    def succeeded(self) -> None:
        """The host has answered."""
        seconds, more = self.seconds, 2
        if self.health.succeeded():
            _log.info("%s answers again, after %.1f s", self._host, seconds)
            more = _AT_ONCE
        if self._waiting:
            self._let_go(more)
            self._schedule()
        self.troubled = bool(self._waiting)

    def close(self) -> None:
        """Nobody waits any longer."""
        while self._waiting:
            go = self._waiting.popleft().go
            if not go.done():
                go.set_result(None)

    def gave_up(self) -> None:
        """A probe has ended without an answer, such as by cancellation."""
        self.health.gave_up()
        self._schedule()

    async def wait(self, patience: float) -> bool | None:
        """Wait until the call may be sent. Whether it is a probe; ``None`` if patience ended.

        :param patience: Seconds, counted from the moment the host went down.
        """
        if self.health.probe(self._clock()):
            return True
        if self.seconds >= patience:
            return None
        waiter = _Waiter(patience, asyncio.get_running_loop().create_future())
        self._waiting.append(waiter)
        self._schedule()
        self._set_end(waiter)
        go = waiter.go
        try:
            return await go
        except asyncio.CancelledError:
            if go.done() and not go.cancelled() and go.result():
                self.gave_up()
            raise
        finally:
            if waiter.timer is not None:
                waiter.timer.cancel()

    def _set_end(self, waiter: "_Waiter") -> None:
        """Set the timer for the end of the patience."""
        # Of a host that is up it is only a moment to look again: it may go down once more.
        seconds = waiter.patience - self.seconds if self.closed else max(1.0, waiter.patience)
        when = self._clock() + seconds
        waiter.timer = asyncio.get_running_loop().call_at(when, self._end, waiter)

    def _end(self, waiter: "_Waiter") -> None:
        if waiter.go.done():
            return
        if self.closed and self.seconds >= waiter.patience - _EXACT:
            waiter.go.set_result(None)
        else:
            self._set_end(waiter)

    def _schedule(self) -> None:
        """Set the timer for the next probe or, when the host is up, for who still waits."""
        if not self._waiting or self._timer is not None:
            return
        when = self.health.next_probe if self.closed else self._clock() + _NEXT_SECONDS
        if when is not None:
            self._timer = asyncio.get_running_loop().call_at(when, self._timed)

    def _timed(self) -> None:
        self._timer = None
        if not self.closed:
            self._let_go(_AT_ONCE)
        elif self._waiting and self.health.probe(self._clock()) and not self._release(probe=True):
            self.health.gave_up()
        self._schedule()

    def _let_go(self, count: int) -> None:
        for _ in range(count):
            self._release(probe=False)

    def _release(self, *, probe: bool) -> bool:
        while self._waiting:
            go = self._waiting.popleft().go
            if not go.done():
                go.set_result(probe)
                return True
        return False
