"""The rate limiters of one client whose limits are shared over Redis.

A limiter without a known limit is this process's own, and costs no round trip. Once a limit is
known, by a 429 here or from the board, its state is in Redis. One task for each such limiter
talks to Redis, as long as calls wait or have something to report: it reserves the next slot for
the first waiter, and the other calls of the process wait behind it.
"""

from collections.abc import Callable, Iterable
from math import inf
from secrets import token_hex
from typing import Any, Final, cast

from .._engine.admission import LimitKey, Turn
from .._engine.rate_limiters import CallAt, InMemoryRateLimiters, Lane, give
from .._policies.rate_limit import Mode, RateLimiter
from ..errors import FleetUnavailableError, KmomentError, UsageError
from ._board import KEPT_SECONDS
from ._keys import limit_field, limiter_key
from ._lane import SharedLane, Slot
from ._link import LinkLostError
from ._scripts import SWAP
from ._session import Session

_FREE: Final = Mode.FREE  # by name: looking an enum member up costs Python 3.11 about 0.2 us

_SURE_SECONDS: Final = 0.02
"""Who has waited longer than this for a slot asks whether it may still be used."""
_MARK_SECONDS: Final = 60.0
"""Seconds between two marks on the board that a limit is in use."""
_MICRO: Final = 1e-6


class FleetRateLimiters(InMemoryRateLimiters):
    """Limiters that are in Redis where a limit is known, and in this process where none is."""

    def __init__(
        self, session: Session, clock: Callable[[], float], call_at: CallAt, seconds: float
    ) -> None:
        super().__init__(clock, call_at)
        self._session = session
        self._link, self._board = session.link, session.board
        self._seconds = seconds
        """The longest time that a call under a declared period takes."""
        self._me = token_hex(4)
        self._is_calm = False
        """Whether Redis is there, and nobody is known to have met a 429: each call is free."""
        self._followed: set[str] = set()
        """Groups whose limit is one for all accounts, as the board says."""
        self._owners: dict[RateLimiter, SharedLane] = {}
        """Lanes that still have something to say, also those that are used no more."""
        self._link.listeners.append(self._link_changed)
        self._board.listeners.append(self._board_read)

    # -- What the engine asks -----------------------------------------------------------

    def try_enter(self, key: LimitKey, period: float, now: float) -> Turn | None:
        """A turn, if nobody has to wait for it, neither for Redis."""
        lane = self._lanes.get(key)
        if self._is_calm and lane is not None and lane.limiter.free and now < self._board.due:
            return give(lane, key, next(self._orders), now)
        if now >= self._board.due:
            self._board.look(now)
        if self._link.away:
            return None if self._session.stops else super().try_enter(key, period, now)
        if self._is_limited(cast("SharedLane", self._lane(key, period, now))):
            return None
        return super().try_enter(key, period, now)

    async def enter(
        self, key: LimitKey, period: float, now: float, *, max_wait: float, order: int | None
    ) -> Turn:
        """Wait for a turn."""
        if self._link.away and self._session.stops:
            self._board.look(now)
            raise FleetUnavailableError(f"not sent: the fleet's Redis is away: {self._link.reason}")
        return await super().enter(key, period, now, max_wait=max_wait, order=order)

    def accepted(self, turn: Turn, now: float) -> None:
        """The call of *turn* got an answer that is no 429."""
        limiter = turn.limiter
        if limiter.free and self._is_calm:  # nearly every call
            limiter.accepted(now, turn)
            return
        super().accepted(turn, now)
        if limiter.mode is not _FREE:
            self._report(turn, "accepted", now)

    def rejected(self, turn: Turn, now: float, retry_after: float | None) -> None:
        """The call of *turn* got a 429."""
        self._is_calm = False
        super().rejected(turn, now, retry_after)
        if turn.limiter.mode is not _FREE:
            self._report(turn, "rejected", now, retry_after)

    def dropped(self, turn: Turn, now: float) -> None:
        """The call of *turn* was not sent, or got no answer."""
        super().dropped(turn, now)
        if turn.limiter.mode is not _FREE:
            self._report(turn, "dropped", now)

    def close(self) -> None:
        """End every wait. What was not reported yet still is."""
        super().close()
        if self._board_read in self._board.listeners:
            self._link.listeners.remove(self._link_changed)
            self._board.listeners.remove(self._board_read)
        for lane in {*self._owners.values(), *cast("Iterable[SharedLane]", self._lanes.values())}:
            lane.renew_no_more()
            lane.wake.set()

    # -- Lanes --------------------------------------------------------------------------

    def _new_lane(self, key: LimitKey, limiter: RateLimiter) -> SharedLane:
        return SharedLane(key, limiter, self._me)

    def _find(self, key: LimitKey) -> SharedLane | None:
        return cast("SharedLane | None", self._lanes.get(key))

    def _pump(self, lane: Lane, now: float) -> None:
        """Give turns, or let the lane's task ask Redis for them."""
        shared = cast("SharedLane", lane)
        if now >= self._board.due:
            self._board.look(now)
        if not self._link.away and self._is_limited(shared):
            self._keep(shared)
        else:
            super()._pump(lane, now)

    def _is_limited(self, lane: SharedLane) -> bool:
        return lane.limiter.mode is not _FREE or lane.key in self._board.limits

    def _report(self, turn: Turn, kind: str, now: float, *extra: Any) -> None:
        lane = self._find(self._key(turn.key))
        if lane is None or lane.limiter is not turn.limiter:
            lane = self._owners.get(turn.limiter)
        if lane is not None and not self._link.away:
            lane.report(kind, now, turn, *extra)
            self._keep(lane)

    def _link_changed(self, away: bool) -> None:
        """Redis was lost, or is back."""
        self._is_calm, now = False, self._clock()
        for lane in [lane for lane in map(self._find, self._lanes) if lane]:
            if not self._is_limited(lane):
                continue
            if not away:
                lane.come_back()
                self._keep(lane)
            elif self._session.stops:
                self._refuse(lane, FleetUnavailableError(f"not sent: {self._link.reason}"))
            else:
                lane.go_alone(self._board.members)
                super()._pump(lane, now)

    def _board_read(self) -> None:
        """The board may name limits that this process does not know yet."""
        for key in self._board.limits:
            lane = self._find(key)
            if lane is not None and lane.limiter.mode is _FREE:
                lane.asked_for = True
                self._keep(lane)
        for quota in {key[0] for key in self._lanes if key[1] is not None} | {*self._detectors}:
            self._follow(quota, told=(quota, None) in self._board.limits)
        self._is_calm = not (self._board.limits or self._detectors or self._link.away)

    def _follow(self, quota: str, *, told: bool) -> None:
        """Use one limiter for all accounts as long as other processes do."""
        if quota not in self._detectors and not told:
            return
        now = self._clock()
        detector = self._detector(quota, now)
        if detector.shared is not told and (told or quota in self._followed):
            detector.turn(now, shared=told)
            self._move(quota, now)
        if told:
            self._followed.add(quota)

    def _move(self, quota: str, now: float) -> None:
        """One limiter takes the place of many, or the reverse: here, and then for all."""
        super()._move(quota, now)
        if not self._detectors[quota].shared:
            self._followed.discard(quota)
            self._board.forget((quota, None))

    # -- The task of a lane -------------------------------------------------------------

    def _keep(self, lane: SharedLane) -> None:
        """Let the lane's task go on, or start it."""
        lane.wake.set()
        if lane.task is None:
            self._owners[lane.limiter] = lane
            lane.task = self._session.spawn(self._work(lane))

    async def _work(self, lane: SharedLane) -> None:
        """Talk to Redis as long as there is something to say or to wait for."""
        try:
            while lane.busy and not self._link.away:
                await self._step(lane)
        except LinkLostError:
            pass  # `_link_changed` was called
        except KmomentError as error:
            self._refuse(lane, error)
        finally:
            lane.task = None
            if not lane.holding:
                self._owners.pop(lane.limiter, None)

    async def _step(self, lane: SharedLane) -> None:
        now = self._clock()
        if lane.slot is not None and (now >= lane.slot.at or not lane.queue):
            await self._use(lane, lane.slot, now)
        elif lane.asked_for or now >= lane.due or self._may_ask(lane, now):
            await self._exchange(lane)
        else:
            await self._rest(lane, lane.next_at())

    def _may_ask(self, lane: SharedLane, now: float) -> bool:
        return bool(lane.queue) and lane.slot is None and now >= lane.ask_at

    async def _rest(self, lane: SharedLane, when: float) -> None:
        """Wait until *when*, or until something happens."""
        lane.wake.clear()
        timer = self._call_at(when, lane.wake.set)
        try:
            await lane.wake.wait()
        finally:
            timer.cancel()

    async def _use(self, lane: SharedLane, slot: Slot, now: float) -> None:
        """Give a slot to the first waiter, if the rate has not changed for the worse."""
        if slot.sent not in lane.holding and now - lane.synced > _SURE_SECONDS:
            await self._exchange(lane)
            now = self._clock()
        lane.slot = None
        waiter = lane.queue.pop() if lane.is_valid(slot, now) else None
        if waiter is None:
            self._hand_back(lane, slot, now)
        else:
            turn = Turn(waiter.key, waiter.order, lane.limiter)
            lane.use(slot, turn, now)
            waiter.turn.set_result(turn)

    def _hand_back(self, lane: SharedLane, slot: Slot, now: float) -> None:
        """Nobody uses a slot: its call was cancelled, or the rate has changed."""
        lane.limiter.dropped(now, slot.sent)
        lane.report("dropped", now, slot.sent)

    async def _exchange(self, lane: SharedLane) -> None:
        """Write what is new, and reserve a slot; read first if another process has written."""
        slot, read = None, False
        while True:
            began, told, lane.tell_at = self._clock(), len(lane.reports), inf
            changed = lane.renew(began)  # first: nobody may have noticed that it has run out
            changed |= lane.settle(began) or told > 0
            if slot is None and self._may_ask(lane, began) and lane.limiter.mode is not _FREE:
                slot = lane.reserve(began, self._board.members, self._seconds)
                changed |= slot is not None or lane.join_line(began)
            if read and not changed:
                lane.asked_for = lane.careful = False
                break
            if await self._swap(lane, began, changed=changed):
                break
            read = bool(lane.version)
            if slot is not None and lane.version:  # what was read does not know of it
                lane.withdraw(slot)
                slot = None
        del lane.reports[:told]
        lane.slot = slot or lane.slot
        if lane.limiter.mode is _FREE:  # the board was wrong: no limit is known
            self._board.forget(lane.key)
            super()._pump(lane, self._clock())

    async def _swap(self, lane: SharedLane, began: float, *, changed: bool) -> bool:
        """Write the lane's state, unless another process has written since it was read."""
        writes = (changed or not lane.version) and lane.limiter.mode is not _FREE
        version, text = token_hex(8), lane.text(began) if writes else ""
        ttl = KEPT_SECONDS + self._pause(lane, began)
        key = limiter_key(self._session.namespace, lane.key)
        answer = await self._link.script(SWAP, key, lane.version, version, text, round(ttl * 1000))
        lane.synced = self._clock()
        if len(answer) > 1:
            self._take(lane, answer, began)
            return False
        lane.version = version if writes else lane.version
        lane.asked_for = lane.careful = False
        if writes:
            lane.attached = True
            self._mark(lane, began)
        return True

    def _pause(self, lane: SharedLane, now: float) -> float:
        """Seconds until the next call may be sent, as far as it is known."""
        delay = lane.limiter.delay(now)
        return 0.0 if delay == inf else delay

    def _take(self, lane: SharedLane, answer: list[str], began: float) -> None:
        """Another process has written, or what was written is gone."""
        server, version, text, at = answer
        lane.version = version
        if version:
            age = max(0, int(server) - int(at)) * _MICRO
            # Redis has answered at some time from began to now. A declared period is to be kept
            # whatever the way to Redis takes. A learnt rate would fall by it with each exchange.
            asked = lane.synced if lane.limiter.declared else began
            self._read(lane, text, version, asked - age)

    def _read(self, lane: SharedLane, text: str, version: str, base: float) -> None:
        try:
            lane.read(text, version, base)
        except (ValueError, LookupError, TypeError, AttributeError):
            pass  # another program has written it, or another version of this one
        else:
            return
        raise UsageError(
            f"the state of {lane.key[0]} in Redis was not written by this version of kmoment: "
            "use another namespace"
        )

    def _mark(self, lane: SharedLane, now: float) -> None:
        """Let others know of the limit."""
        if now > lane.marked + _MARK_SECONDS:
            lane.marked = now
            self._board.post(limit_field(lane.key))

    def _refuse(self, lane: SharedLane, error: KmomentError) -> None:
        """End the wait of all that wait for *lane*."""
        lane.forget_turns()
        lane.asked_for = False
        while waiter := lane.queue.pop():
            waiter.turn.set_exception(error)
