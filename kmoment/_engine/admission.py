"""Waiting before a request may go out: for a turn of the rate limiter, then for a connection.

A :class:`RateLimiterStore` gives turns; ``rate_limiters.py`` has the one of this process.
:class:`FairSemaphore` bounds the requests under way. Both serve ad accounts in turn: an account
with ten thousand calls waiting delays another account by less than one call.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Hashable
from typing import Final, Protocol

from .._policies.rate_limit import RateLimiter, Sent
from ..limits import LimitStatus

LimitKey = tuple[str, int | None]
"""Which calls share a limiter: a quota group, and an account or ``None`` for all."""


FIRST: Final = -1
"""The place before all others."""


class QueueTooLongError(Exception):
    """A call cannot get its turn in the time that it may wait."""

    def __init__(self, waiting: int, rate: float, seconds: float) -> None:
        super().__init__(waiting, rate, seconds)
        self.waiting: int = waiting
        self.rate: float = rate
        self.seconds: float = seconds


class QueueClosedError(Exception):
    """The client was closed while the call waited."""


class Turn(Sent):
    """The right to send one call now. It must be reported how that went.

    It is the limiter's note of the call too: each call makes one.
    """

    __slots__ = ("key", "limiter", "order")

    def __init__(self, key: LimitKey, order: int, limiter: RateLimiter) -> None:
        # The rest is filled in by the limiter: this is made for each call, and has to be quick.
        self.key: LimitKey = key
        self.order: int = order
        """Its place in the queue, which it keeps if it has to come back."""
        self.limiter: RateLimiter = limiter


class RateLimiterStore(Protocol):
    """Where limiters live: in this process, or where several can share them."""

    def try_enter(self, key: LimitKey, period: float, now: float) -> Turn | None:
        """A turn, if nobody has to wait for it."""
        ...

    async def enter(
        self, key: LimitKey, period: float, now: float, *, max_wait: float, order: int | None
    ) -> Turn:
        """Wait for a turn.

        :param max_wait: Seconds. A call that cannot pass in them does not wait at all.
        :param order: The place that the call had before it had to come back; :data:`FIRST` to be
            the next of its account.
        :raises QueueTooLongError: It would take longer than *max_wait*.
        """
        ...

    def is_stale(self, turn: Turn) -> bool:
        """Whether a limit was met after *turn* was given: the call has to enter again."""
        ...

    def accepted(self, turn: Turn, now: float) -> None:
        """The call of *turn* got an answer that is no 429."""
        ...

    def rejected(self, turn: Turn, now: float, retry_after: float | None) -> None:
        """The call of *turn* got a 429."""
        ...

    def dropped(self, turn: Turn, now: float) -> None:
        """The call of *turn* was not sent, or got no answer."""
        ...

    def statuses(self, now: float) -> list[LimitStatus]:
        """What is known of every limit."""
        ...

    def close(self) -> None:
        """End every wait with :class:`QueueClosedError`."""
        ...


class FairSemaphore:
    """A semaphore whose waiters are served by key in turn, and within a key in order."""

    def __init__(self, slots: int) -> None:
        self._free = slots
        self._queues: OrderedDict[Hashable, deque[asyncio.Future[None]]] = OrderedDict()

    def take(self) -> bool:
        """Take a slot, if one is free. Nobody waits then."""
        if self._free > 0:
            self._free -= 1
            return True
        return False

    async def acquire(self, key: Hashable) -> None:
        """Take a slot, waiting for one where there is none."""
        if self.take():
            return
        turn = asyncio.get_running_loop().create_future()
        self._queues.setdefault(key, deque()).append(turn)
        try:
            await turn
        except BaseException:
            if turn.done() and not turn.cancelled():
                self.release()  # it was given a slot at the moment it gave up
            raise

    def release(self) -> None:
        """Give a slot back: to the next key's first waiter, if anyone waits."""
        while self._queues:
            key, queue = self._queues.popitem(last=False)
            turn = queue.popleft()
            if queue:
                self._queues[key] = queue
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1
