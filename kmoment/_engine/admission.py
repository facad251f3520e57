"""Waiting before a request may go out: for a turn of the rate limiter, then for a connection.

:class:`InMemoryRateLimiters` gives turns: calls of one limiter leave in order, spaced as
``_policies/rate_limit.py`` says. A call that met a 429 comes back with the place it had.
:class:`FairSemaphore` bounds the requests under way. Both serve ad accounts in turn: an account
with ten thousand calls waiting delays another account by less than one call.
"""

import asyncio
import heapq
import logging
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from itertools import count, islice
from math import inf
from typing import Final, NamedTuple, Protocol

import attrs

from .._policies.rate_limit import Mode, RateLimiter, Sent
from .._policies.shared_limit import SharedLimitDetector

_log: Final = logging.getLogger("kmoment")

_IDLE_SECONDS: Final = 600.0
"""A limiter that nobody has used for this long is dropped. What it has learnt goes with it."""
_SAY_AGAIN: Final = 60.0
"""Seconds in which the log does not repeat that calls wait for the same limiter."""


class LimitKey(NamedTuple):
    """Which calls share a limiter."""

    quota: str
    account: int | None


@attrs.frozen(kw_only=True)
class LimitStatus:
    """What is known of one limit. ``client.limits()`` lists them."""

    quota: str
    """The quota group, such as ``audiences``."""
    ad_account_id: int | None
    """``None`` if the limit is one for all accounts."""
    rate: float | None
    """Calls per second that are sent at most; ``None`` where no limit was met."""
    waiting: int
    """Calls that wait for their turn."""
    last_rejection: float | None
    """Seconds since the last 429."""
    state: str
    """What the limiter does, in a word: ``kmoment._policies.rate_limit`` explains them."""


FIRST: Final = -1
"""The place before all others."""


class QueueTooLongError(Exception):
    """A call cannot get its turn in the time that it may wait."""

    def __init__(self, waiting: int, rate: float, seconds: float) -> None:
        super().__init__(waiting, rate, seconds)
        self.waiting, self.rate, self.seconds = waiting, rate, seconds


@attrs.define(eq=False)
class Turn:
    """The right to send one call now. It must be reported how that went."""

    key: LimitKey
    order: int
    """Its place in the queue, which it keeps if it has to come back."""
    limiter: RateLimiter
    sent: Sent
    free: bool = False
    """Whether no limit was known when it was given."""


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


class _Waiter(NamedTuple):
    order: int
    tie: int
    """Decides between waiters of one place."""
    key: LimitKey
    turn: "asyncio.Future[Turn]"


class _Queue:
    """Calls that wait for one limiter. Accounts are served in turn, each in order."""

    def __init__(self) -> None:
        self._heaps: OrderedDict[LimitKey, list[_Waiter]] = OrderedDict()
        self._left = 0
        """Waiters in the heaps that have given up."""
        self._count = 0

    def __len__(self) -> int:
        return self._count - self._left

    def push(self, waiter: _Waiter) -> None:
        heapq.heappush(self._heaps.setdefault(waiter.key, []), waiter)
        self._count += 1

    def leave(self) -> None:
        """A waiter has given up. It is taken out when its turn comes."""
        self._left += 1

    def pop(self) -> _Waiter | None:
        """The next waiter that has not given up."""
        while self._heaps:
            key, heap = self._heaps.popitem(last=False)
            waiter = heapq.heappop(heap)
            if heap:
                self._heaps[key] = heap
            self._count -= 1
            if not waiter.turn.done():
                return waiter
            self._left -= 1
        return None


class _Lane:
    """One limiter, the calls that wait for it, and the timer for the next of them."""

    __slots__ = ("key", "limiter", "queue", "said", "timer", "when")

    def __init__(self, key: LimitKey, limiter: RateLimiter) -> None:
        self.key = key
        self.limiter = limiter
        self.queue = _Queue()
        self.timer: asyncio.TimerHandle | None = None
        self.when = inf
        self.said = -inf
        """When the log last said that calls wait."""

    def is_idle(self, now: float) -> bool:
        return not self.queue and self.limiter.last_used < now - _IDLE_SECONDS


CallAt = Callable[..., asyncio.TimerHandle]


class InMemoryRateLimiters:
    """The limiters of one process: one for each quota group and account.

    If a limit turns out to be one for all accounts, one limiter takes the place of all of a group.
    """

    def __init__(self, clock: Callable[[], float], call_at: CallAt) -> None:
        self._clock = clock
        self._call_at = call_at
        self._lanes: OrderedDict[LimitKey, _Lane] = OrderedDict()
        self._detectors: dict[str, SharedLimitDetector] = {}
        self._orders = count()

    def __len__(self) -> int:
        return len(self._lanes)

    def try_enter(self, key: LimitKey, period: float, now: float) -> Turn | None:
        """A turn, if nobody has to wait for it."""
        lane = self._lane(key, period, now)
        if lane.queue or lane.limiter.delay(now) > 0:
            return None
        return self._give(lane, key, next(self._orders), now)

    async def enter(
        self, key: LimitKey, period: float, now: float, *, max_wait: float, order: int | None
    ) -> Turn:
        """Wait for a turn."""
        lane = self._lane(key, period, now)
        # Who comes back has a place near the beginning.
        self._check(lane, len(lane.queue) if order is None else 0, now, max_wait)
        future: asyncio.Future[Turn] = asyncio.get_running_loop().create_future()
        number = next(self._orders)
        lane.queue.push(_Waiter(number if order is None else order, number, key, future))
        self._pump(lane, now)
        try:
            return await future
        except BaseException:
            if future.done() and not future.cancelled():
                self.dropped(future.result(), self._clock())
            else:
                self._lane(key, period, now).queue.leave()
            raise

    def is_stale(self, turn: Turn) -> bool:
        """Whether a limit was met after *turn* was given: the call has to enter again."""
        return turn.free and (turn.limiter.limited or not self._is_current(turn))

    def accepted(self, turn: Turn, now: float) -> None:
        """The call of *turn* got an answer that is no 429."""
        was = turn.limiter.mode
        turn.limiter.accepted(now, turn.sent)
        if was is Mode.DROUGHT and turn.limiter.mode is not Mode.DROUGHT:
            self._say_over(turn)
        detector = self._detectors.get(turn.key.quota)
        if detector is not None and self._is_current(turn):
            shared = detector.shared
            detector.accepted(turn.key.account, now)
            if detector.shared is not shared:
                self._move(turn.key.quota, now)
        self._pump_waiting(turn.key, now)

    def rejected(self, turn: Turn, now: float, retry_after: float | None) -> None:
        """The call of *turn* got a 429."""
        limiter = turn.limiter
        held = limiter.mode is Mode.HOLD and limiter.is_present(turn.sent)
        limiter.rejected(now, turn.sent, retry_after)
        self._say_waiting(turn, now)
        if turn.key.account is not None and not limiter.declared and self._is_current(turn):
            detector = self._detectors.setdefault(turn.key.quota, SharedLimitDetector())
            shared = detector.shared
            if not (shared and turn.sent.probe):
                detector.rejected(turn.key.account, now, held=held)
            if detector.shared is not shared:
                self._move(turn.key.quota, now)
        self._pump_waiting(turn.key, now)

    def dropped(self, turn: Turn, now: float) -> None:
        """The call of *turn* was not sent, or got no answer."""
        turn.limiter.dropped(now, turn.sent)
        self._pump_waiting(turn.key, now)

    def statuses(self, now: float) -> list[LimitStatus]:
        """What is known of every limit."""
        return [
            LimitStatus(
                quota=key.quota,
                ad_account_id=key.account,
                rate=lane.limiter.rate if lane.limiter.limited else None,
                waiting=len(lane.queue),
                last_rejection=_ago(lane.limiter.last_rejection, now),
                state=lane.limiter.mode.value,
            )
            for key, lane in self._lanes.items()
        ]

    # -- Lanes --------------------------------------------------------------------------

    def _key(self, key: LimitKey) -> LimitKey:
        detector = self._detectors.get(key.quota)
        return LimitKey(key.quota, None) if detector is not None and detector.shared else key

    def _lane(self, key: LimitKey, period: float, now: float) -> _Lane:
        if self._detectors:
            key = self._key(key)
        lane = self._lanes.get(key)
        if lane is None:
            self._drop_idle(now)
            lane = self._lanes[key] = _Lane(key, RateLimiter(period))
        return lane

    def _drop_idle(self, now: float) -> None:
        # Two for each new one: old limiters cannot pile up.
        for key, lane in list(islice(self._lanes.items(), 2)):
            if lane.is_idle(now):
                del self._lanes[key]
            else:
                self._lanes.move_to_end(key)

    def _is_current(self, turn: Turn) -> bool:
        """Whether *turn* was given by the limiter that is used now."""
        lane = self._lanes.get(self._key(turn.key))
        return lane is not None and lane.limiter is turn.limiter

    def _move(self, quota: str, now: float) -> None:
        """One limiter takes the place of many, or many that of one. Who waits goes along."""
        shared = self._detectors[quota].shared
        old = [key for key in self._lanes if key.quota == quota]
        lanes = [self._lanes.pop(key) for key in old]
        if shared:
            lane = self._lane(LimitKey(quota, None), 0.0, now)
            lane.limiter.dry(now)
            _log.warning("%s: the limit seems to be one for all ad accounts", quota)
        for lane in lanes:
            if lane.timer is not None:
                lane.timer.cancel()
            while waiter := lane.queue.pop():
                self._lane(waiter.key, 0.0, now).queue.push(waiter)
        for lane in [lane for key, lane in self._lanes.items() if key.quota == quota]:
            self._pump(lane, now)

    # -- Turns --------------------------------------------------------------------------

    def _check(self, lane: _Lane, ahead: int, now: float, max_wait: float) -> None:
        """Refuse a call that cannot pass in time."""
        if max_wait == inf:
            return
        limiter = lane.limiter
        seconds = ahead / limiter.rate if limiter.limited else 0.0
        delay = limiter.delay(now)
        seconds += 0.0 if delay == inf else delay
        if seconds > max_wait:
            raise QueueTooLongError(ahead, limiter.rate, seconds)

    def _pump_waiting(self, key: LimitKey, now: float) -> None:
        lane = self._lanes.get(self._key(key) if self._detectors else key)
        if lane is not None and lane.queue:
            self._pump(lane, now)

    def _pump(self, lane: _Lane, now: float) -> None:
        """Give turns to all that may go now, and set the timer for the next."""
        while lane.queue:
            delay = lane.limiter.delay(now)
            if delay > 0:
                self._wake(lane, now + delay)
                return
            waiter = lane.queue.pop()
            if waiter is None:
                return
            waiter.turn.set_result(self._give(lane, waiter.key, waiter.order, now))

    @staticmethod
    def _give(lane: _Lane, key: LimitKey, order: int, now: float) -> Turn:
        limiter = lane.limiter
        free = not limiter.limited
        return Turn(key, order, limiter, limiter.sent(now), free)

    def _wake(self, lane: _Lane, when: float) -> None:
        if lane.timer is not None and lane.when <= when:
            return
        if lane.timer is not None:
            lane.timer.cancel()
        lane.timer = None
        if when < inf:  # else the next answer wakes it
            lane.timer, lane.when = self._call_at(when, self._timed, lane), when

    def _timed(self, lane: _Lane) -> None:
        lane.timer = None
        self._pump(lane, self._clock())

    # -- The log ------------------------------------------------------------------------

    def _say_waiting(self, turn: Turn, now: float) -> None:
        lane = self._lanes.get(self._key(turn.key))
        if lane is None or turn.limiter.mode is not Mode.DROUGHT or now < lane.said + _SAY_AGAIN:
            return
        lane.said = now
        _log.warning(
            "%s: a limit is met (429); calls wait, the next is sent in %.1f s",
            _name(turn.key),
            0.0 if (delay := turn.limiter.delay(now)) == inf else delay,
        )

    def _say_over(self, turn: Turn) -> None:
        _log.info("%s: calls go on at %.3g a second", _name(turn.key), turn.limiter.rate)


def _name(key: LimitKey) -> str:
    return key.quota if key.account is None else f"{key.quota} of account {key.account}"


def _ago(at: float | None, now: float) -> float | None:
    return None if at is None else now - at
