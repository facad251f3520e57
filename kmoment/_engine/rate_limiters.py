"""The rate limiters of one process: queues, timers, and what the log says of them.

Calls of one limiter leave in order, spaced as ``_policies/rate_limit.py`` says. A call that met a
429 comes back with the place it had.
"""

import asyncio
import heapq
import logging
from collections import OrderedDict
from collections.abc import Callable
from itertools import count, islice
from math import inf
from typing import Final, NamedTuple

from .._policies.rate_limit import Mode, RateLimiter
from .._policies.shared_limit import LATELY, SharedLimitDetector
from ..limits import LimitStatus
from .admission import LimitKey, QueueClosedError, QueueTooLongError, Turn

_log: Final = logging.getLogger("kmoment")

_IDLE_SECONDS: Final = 600.0
"""A limiter that nobody has used for this long is dropped. What it has learnt goes with it."""
_SAY_AGAIN: Final = 60.0
"""Seconds in which the log does not repeat that calls wait for the same limiter."""


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


class Lane:
    """One limiter, the calls that wait for it, and the timer for the next of them."""

    __slots__ = ("limiter", "queue", "said", "timer", "when")

    def __init__(self, limiter: RateLimiter) -> None:
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
        self._lanes: OrderedDict[LimitKey, Lane] = OrderedDict()
        self._detectors: dict[str, SharedLimitDetector] = {}
        self._orders = count()

    def __len__(self) -> int:
        return len(self._lanes)

    def try_enter(self, key: LimitKey, period: float, now: float) -> Turn | None:
        """A turn, if nobody has to wait for it."""
        lane = self._lanes.get(key)
        if lane is not None and lane.limiter.free:  # nearly every call comes this way
            return give(lane, key, next(self._orders), now)
        lane = self._lane(key, period, now)
        if lane.queue or lane.limiter.delay(now) > 0:
            return None
        return give(lane, key, next(self._orders), now)

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
            if not future.done() or future.cancelled():
                self._lane(key, period, now).queue.leave()
            elif future.exception() is None:
                self.dropped(future.result(), self._clock())
            raise

    def is_stale(self, turn: Turn) -> bool:
        """Whether a limit was met after *turn* was given: the call has to enter again."""
        return turn.free and (turn.limiter.limited or not self._is_current(turn))

    def accepted(self, turn: Turn, now: float) -> None:
        """The call of *turn* got an answer that is no 429."""
        limiter = turn.limiter
        was = limiter.mode
        limiter.accepted(now, turn)
        if limiter.free and not self._detectors:  # nearly every call
            return
        detector = self._detectors.get(turn.key[0])
        if was is Mode.DROUGHT and limiter.mode is not Mode.DROUGHT:
            self._say_over(turn)
            if detector is not None:
                detector.measured(now)
        if detector is not None and self._is_current(turn):
            shared = detector.shared
            detector.accepted(turn.key[1], now)
            if detector.shared is not shared:
                self._move(turn.key[0], now)
        self._pump_waiting(turn.key, now)

    def rejected(self, turn: Turn, now: float, retry_after: float | None) -> None:
        """The call of *turn* got a 429."""
        limiter = turn.limiter
        held = limiter.mode is Mode.HOLD and limiter.is_present(turn)
        limiter.rejected(now, turn, retry_after)
        self._say_waiting(turn, now)
        if turn.key[1] is not None and not limiter.declared and self._is_current(turn):
            detector = self._detector(turn.key[0], now)
            shared = detector.shared
            if not (shared and turn.probe):
                probe = turn.at if turn.probe else None
                detector.rejected(turn.key[1], now, held=held, probe=probe)
            if detector.shared is not shared:
                self._move(turn.key[0], now)
        self._pump_waiting(turn.key, now)

    def dropped(self, turn: Turn, now: float) -> None:
        """The call of *turn* was not sent, or got no answer."""
        turn.limiter.dropped(now, turn)
        self._pump_waiting(turn.key, now)

    def statuses(self, now: float) -> list[LimitStatus]:
        """What is known of every limit."""
        return [
            LimitStatus(
                quota=key[0],
                ad_account_id=key[1],
                rate=lane.limiter.rate if lane.limiter.limited else None,
                waiting=len(lane.queue),
                last_rejection=_ago(lane.limiter.last_rejection, now),
                state=lane.limiter.mode.value,
            )
            for key, lane in self._lanes.items()
        ]

    def close(self) -> None:
        """End every wait."""
        for lane in self._lanes.values():
            if lane.timer is not None:
                lane.timer.cancel()
            while waiter := lane.queue.pop():
                waiter.turn.set_exception(QueueClosedError())

    # -- Lanes --------------------------------------------------------------------------

    def _key(self, key: LimitKey) -> LimitKey:
        detector = self._detectors.get(key[0])
        return (key[0], None) if detector is not None and detector.shared else key

    def _lane(self, key: LimitKey, period: float, now: float) -> Lane:
        if self._detectors:
            key = self._key(key)
        lane = self._lanes.get(key)
        if lane is None:
            self._drop_idle(now)
            lane = self._lanes[key] = self._new_lane(key, RateLimiter(period))
        return lane

    def _detector(self, quota: str, now: float) -> SharedLimitDetector:
        detector = self._detectors.get(quota)
        if detector is None:
            limiters = {key[1]: it.limiter for key, it in self._lanes.items() if key[0] == quota}
            detector = self._detectors[quota] = SharedLimitDetector(
                {account: it.accepted_since(now - LATELY) for account, it in limiters.items()}
            )
        return detector

    def _new_lane(self, key: LimitKey, limiter: RateLimiter) -> Lane:
        return Lane(limiter)

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
        old = [key for key in self._lanes if key[0] == quota]
        lanes = [self._lanes.pop(key) for key in old]
        if shared:
            lane = self._lane((quota, None), 0.0, now)
            lane.limiter.dry(now)
            _log.warning("%s: the limit seems to be one for all ad accounts", quota)
        for lane in lanes:
            if lane.timer is not None:
                lane.timer.cancel()
            while waiter := lane.queue.pop():
                self._lane(waiter.key, 0.0, now).queue.push(waiter)
        for lane in [lane for key, lane in self._lanes.items() if key[0] == quota]:
            self._pump(lane, now)

    # -- Turns --------------------------------------------------------------------------

    def _check(self, lane: Lane, ahead: int, now: float, max_wait: float) -> None:
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

    def _pump(self, lane: Lane, now: float) -> None:
        """Give turns to all that may go now, and set the timer for the next."""
        while lane.queue:
            delay = lane.limiter.delay(now)
            if delay > 0:
                self._wake(lane, now + delay)
                return
            waiter = lane.queue.pop()
            if waiter is None:
                return
            waiter.turn.set_result(give(lane, waiter.key, waiter.order, now))

    def _wake(self, lane: Lane, when: float) -> None:
        if lane.timer is not None and lane.when <= when:
            return
        if lane.timer is not None:
            lane.timer.cancel()
        lane.timer = None
        if when < inf:  # else the next answer wakes it
            lane.timer, lane.when = self._call_at(when, self._timed, lane), when

    def _timed(self, lane: Lane) -> None:
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


def give(lane: Lane, key: LimitKey, order: int, now: float) -> Turn:
    """A turn to send a call now."""
    turn = Turn(key, order, lane.limiter)
    lane.limiter.mark(turn, now)
    return turn


def _name(key: LimitKey) -> str:
    quota, account = key
    return quota if account is None else f"{quota} of account {account}"


def _ago(at: float | None, now: float) -> float | None:
    return None if at is None else now - at
