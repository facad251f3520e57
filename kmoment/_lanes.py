"""Waiting for a turn: how many calls at once, and how fast to one endpoint of one account.

Two gates stand before the network. :class:`FairSlots` bounds the calls under way and serves
accounts in turn, so that one with ten thousand calls waiting delays another by less than one
slot. A :class:`Lane` spaces the calls of one quota group and ad account, measured **from the
end of the previous answer**: measured from sending, the network's jitter eats the gap, and a
strict server rejects about a third.

A lane with no known limit has no spacing and costs nothing. It learns from a 429: the gap that
was rejected becomes a floor, the period doubles until one is found that works, then grows by a
quarter (a declared one at most fourfold), and shrinks by 5 % per clean call, down to just above
the floor.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Hashable
from itertools import islice
from typing import Final, Protocol

_FIRST: Final = 1.0
_GROWTH: Final = 1.25
_SEARCH: Final = 2.0
_SHRINK: Final = 0.95
_MARGIN: Final = 1.05
_LONGEST: Final = 60.0
_IDLE: Final = 600.0


class FairSlots:
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
                self.release()  # it was given a slot in the moment it gave up
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


class Lane:
    """The spacing of one quota group and account. Times are the caller's clock's."""

    __slots__ = (
        "_due",
        "_ended",
        "_floor",
        "_found",
        "_gap",
        "_throttles",
        "_turn",
        "declared",
        "period",
    )

    def __init__(self, period: float = 0.0) -> None:
        self.declared = period
        self.period = period
        """Seconds from the end of one answer to the next call; 0: no spacing."""
        self._due = 0.0
        self._ended = 0.0
        self._gap = 0.0
        self._floor = 0.0
        self._found = False
        self._throttles = 0
        self._turn = asyncio.Lock()

    @property
    def idle_since(self) -> float:
        """When it was last used; for ever, while somebody uses it."""
        return float("inf") if self._turn.locked() else max(self._ended, self._due)

    async def enter(self) -> None:
        """Wait for the call before to end."""
        await self._turn.acquire()

    def leave(self) -> None:
        """Let the next call in."""
        self._turn.release()

    def delay(self, now: float) -> float:
        """Seconds to wait before the call may go out."""
        return max(0.0, self._due - now)

    def started(self, now: float) -> int:
        """A call goes out. What it gives is handed back with a 429."""
        self._gap = now - self._ended  # since the last that was accepted, as the server counts
        return self._throttles

    def ended(self, now: float) -> None:
        """An answer came that was no 429."""
        self._ended = now
        if self.period > self.declared:
            self._found = True
            self.period = max(self.declared, self._floor * _MARGIN, self.period * _SHRINK)
        self._due = max(self._due, now + self.period)

    def throttled(self, now: float, started: int, retry_after: float | None) -> None:
        """A 429 came: slow down, for everyone in the lane, once for calls sent together."""
        if started == self._throttles:
            self._throttles += 1
            if self.period and not self.declared:
                self._floor = min(_LONGEST / _MARGIN, max(self._floor, self._gap))
            self.period = min(self._longest(), max(self.period * self._growth(), _FIRST))
        self._due = max(self._due, now + max(self.period, retry_after or 0.0))

    def _longest(self) -> float:
        return self.declared * 4 if self.declared else _LONGEST

    def _growth(self) -> float:
        return _GROWTH if self.declared or self._found else _SEARCH


class LaneStore(Protocol):
    """Where lanes live. One process keeps them in memory; several could share them."""

    def lane(self, key: Hashable, period: float, now: float) -> Lane:
        """The lane of *key*, made with *period* where there is none yet."""
        ...


class MemoryLanes:
    """Lanes of one process. Lanes that nobody has used for long are dropped."""

    def __init__(self) -> None:
        self._lanes: OrderedDict[Hashable, Lane] = OrderedDict()

    def __len__(self) -> int:
        return len(self._lanes)

    def lane(self, key: Hashable, period: float, now: float) -> Lane:
        """The lane of *key*, made with *period* where there is none yet."""
        lane = self._lanes.get(key)
        if lane is None:
            self._drop_idle(now)
            lane = self._lanes[key] = Lane(period)
        self._lanes.move_to_end(key)
        return lane

    def _drop_idle(self, now: float) -> None:
        idle = [
            key for key, lane in islice(self._lanes.items(), 2) if lane.idle_since < now - _IDLE
        ]
        for key in idle:  # two for each new one: old lanes cannot pile up
            del self._lanes[key]
