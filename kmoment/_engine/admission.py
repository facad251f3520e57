"""Waiting before a request may go out: for a free connection, and for the rate limiter.

:class:`FairSemaphore` bounds the requests under way and serves ad accounts in turn: an account
with ten thousand calls waiting delays another account by less than one slot. A :class:`Queue`
lets the calls of one quota group and account through one by one, spaced by its limiter.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Hashable
from itertools import islice
from typing import Final, Protocol

import attrs

from .._policies.rate_limit import RateLimiter

_IDLE_SECONDS: Final = 600.0
"""A queue that nobody has used for this long is dropped. Limits learnt are forgotten with it."""


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
            else:
                self._drop(key, turn)
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

    def _drop(self, key: Hashable, turn: "asyncio.Future[None]") -> None:
        queue = self._queues.get(key)
        if queue and turn in queue:
            queue.remove(turn)
            if not queue:
                del self._queues[key]


@attrs.define(eq=False)
class Queue:
    """The calls of one quota group and account, and the limiter that spaces them."""

    limiter: RateLimiter
    turn: asyncio.Lock = attrs.Factory(asyncio.Lock)

    def is_idle(self, now: float) -> bool:
        """Whether nobody has used it for long."""
        return not self.turn.locked() and self.limiter.last_used < now - _IDLE_SECONDS


class RateLimiterStore(Protocol):
    """Where queues and limiters live. One process keeps them in memory; several could share."""

    def queue(self, key: Hashable, period: float, now: float) -> Queue:
        """The queue of *key*, made with *period* where there is none yet."""
        ...


class InMemoryRateLimiters:
    """The queues of one process."""

    def __init__(self) -> None:
        self._queues: OrderedDict[Hashable, Queue] = OrderedDict()

    def __len__(self) -> int:
        return len(self._queues)

    def queue(self, key: Hashable, period: float, now: float) -> Queue:
        """The queue of *key*, made with *period* where there is none yet."""
        queue = self._queues.get(key)
        if queue is None:
            self._drop_idle(now)
            queue = self._queues[key] = Queue(RateLimiter(period))
        self._queues.move_to_end(key)
        return queue

    def _drop_idle(self, now: float) -> None:
        # Two for each new one: old queues cannot pile up.
        idle = [key for key, queue in islice(self._queues.items(), 2) if queue.is_idle(now)]
        for key in idle:
            del self._queues[key]
