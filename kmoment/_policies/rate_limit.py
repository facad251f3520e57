"""How fast the calls of one limiter may be sent, when nobody says what the limit is.

A limiter holds a *rate*. Calls are sent evenly spaced at that rate and do not wait for answers.
Even spacing at N calls in S seconds breaks no gap, window, sliding log or bucket of that rate, so
the kind of limit need not be known. Only a 429 shows that there is a limit. Four events tell the
limiter all that it knows: a call was sent, accepted, rejected (a 429), or dropped (no answer that
says either). Times are passed in, so the same rules run in virtual time.

``FREE``
    No limit is known. Calls are not spaced. A few rejections among many accepted calls are no
    limit: every 45 accepted calls earn the tolerance of one.
``DROUGHT``
    The limit is used up. One probe at a time is sent, with growing pauses. When one is accepted,
    the limit is *measured*: the calls that were accepted since the last drought, in the time until
    the probe, are a lower bound. The upper bound is the largest k calls / time from the k-th last
    accepted call to the last rejected one. The number of these calls is also the *size*: how many
    calls show if a rate holds. If it is one, the server may count rejected calls too, so that only
    the last pause was long enough: the rate of that pause is tried first.
``BRACKET``
    A rate between both bounds is tried. If *size* calls go well, it is the new lower bound.
``BACK``
    It did not hold: the lower bound is proven by *size* calls before the next try. If that fails,
    it is a drought or, where a Retry-After is dear and some calls went well, a lower bound that is
    a fifth lower.
``HOLD``
    The bounds are close together: the lower one is held. A rejection lowers it a little; the next
    one half-way to what was accepted since the one before.
``CLIMB``
    After a long hold the rate rises by 3, 9, 27, 50 % until a call is rejected.
``FORMER``
    A limit that fell may come back: the rate that held before it fell is tried directly.
``AGAIN``
    After a drought that measured much less than what held before: the drought may have been an
    outage. The old rate is tried once, then the measure is believed.

Answers to calls that were sent before the rate last changed tell nothing about the new rate. Calls
that were sent later than the rate allowed prove nothing either: the limiter had little to do.

``benchmarks/README.md`` shows what each rule is worth, and how the figures here were chosen.
"""

from enum import Enum
from math import inf, sqrt
from typing import Final

from .limit_measure import PAUSE_GROWTH, Cycle

_FREE_PAUSE: Final = 0.2
"""Seconds from the first rejection of a free limiter to its first probe."""
_PAUSES: Final = (0.03, 0.2)
"""Bounds, in seconds, of the same at a known rate, where it is a quarter of the interval."""
_LONGEST_PAUSE: Final = 15.0
"""Seconds: the longest time in which the end of an outage goes unseen."""
_MISSED_CALLS: Final = 12
_SLOW_GROWTH: Final = 1.1
"""From one pause to the next, where the rate before would have sent more calls than that in a
pause: an outage may end at its beginning. Shorter pauses grow faster."""

_ACCEPTED_PER_REJECTION: Final = 45
"""Accepted calls that earn the tolerance of one rejection: 2.2 %, where 3 % are the goal."""
_MOST_TOLERATED: Final = 3.0
_MOST_TOLERATED_FREE: Final = 6.0
_TOLERATED_FIRST: Final = 2.0
_LARGE: Final = 64
"""From this size on a test of a rate may see one rejection: it has many calls."""

_UP: Final = 1.5
_UP_CHARGED: Final = 1.12
_UP_CHARGED_ROUGH: Final = 1.25
"""The largest step of a bracket. Smaller where each rejection costs a Retry-After; but less so if
the Retry-After was too short: then the measure is mostly of such waits, and far too low."""
_CLOSE: Final = 1.09
_CLOSE_CHARGED: Final = 1.15
"""Bounds this close together are not tested further."""
_CLOSE_SLOW: Final = 1.15
_SLOW: Final = 1.0
"""The same, if a test of few calls takes more than so many seconds: it costs much of the time that
it could save."""
_FAR: Final = 3.0
_FEW: Final = 4
"""If the size is so small (few calls) and the bounds are this far apart, steps are large whatever a
rejection costs: the pause was the server's choice and says little."""
_MANY: Final = 21
"""From this size on as many calls show that a rate holds, also where a rejection costs a
Retry-After. Below it takes twice as many there."""
_LEAST_IN_BRACKET: Final = 2
"""Calls that test a rate at least: a window of one call lets one too many pass at first."""
_WINDOWS: Final = 2
"""Windows that a former rate has to hold for: the end of one and the beginning of the next let
twice their calls pass."""
_DOWN: Final = 0.95
"""A held rate that meets a rejection goes down to this share."""

_DEAR: Final = 4.0
_LOWER: Final = 0.8
"""If a proof fails and a Retry-After costs so many calls, the next lower bound is this share: the
cycle of a drought would measure mostly the Retry-After."""

_REMEMBERED_CALLS: Final = 20
"""Clean calls after which a held rate is tried again, when the limit has changed."""
_HELD_CALLS: Final = 44
"""Clean calls after which a held rate gives way by a small step only."""
_HOLD_CALLS: Final = 66
"""Clean calls before a climb, which costs one rejection or two."""
_HOLD_SECONDS: Final = 3.0
_HOLD_RETRY_AFTERS: Final = 30
"""Before a climb, in units of the last Retry-After: a climb costs one."""
_CLIMB_STEPS: Final = (1.03, 1.09, 1.27, 1.5)
_CLIMB_CALLS: Final = 20
"""Calls of a step at least. With fewer, two windows let them pass, and the next step is far too
high."""
_CLIMB_SECONDS: Final = 1.0
_GROWN: Final = 1.15
"""A climb beyond this shows that the limit has grown."""
_FORMER_TRIES: Final = 4
_FORMER_SOON: Final = 0.4
"""The share of a hold after which the former rate is tried."""

_LATE: Final = 0.2
_LATE_SECONDS: Final = 0.012
"""A call sent later than this share of an interval, and this time, proves nothing."""
_CATCH_UP: Final = 0.01
"""Seconds of lateness that the next calls may make up for: a timer fires 1 ms late."""

_EXACT: Final = 0.001
"""Seconds: two moments that differ by less are one, also after a way between two clocks."""


class Mode(Enum):
    """What a limiter does: see the module's docstring."""

    FREE = "free"
    DROUGHT = "drought"
    BRACKET = "bracket"
    BACK = "back"
    HOLD = "hold"
    CLIMB = "climb"
    FORMER = "former"
    AGAIN = "again"


_FREE: Final = Mode.FREE  # by name: looking an enum member up costs Python 3.11 about 0.2 us


class Sent:
    """One call that was sent. :meth:`RateLimiter.mark` fills it in."""

    __slots__ = ("at", "epoch", "free", "on_time", "probe")

    def __init__(self, at: float, *, probe: bool = False) -> None:
        """Begin with a call that was sent at no rate that is known here."""
        self.at: float = at
        self.epoch: int = -1
        """Counts the changes of the rate."""
        self.on_time: bool = False
        """Whether it was sent as soon as the rate allowed."""
        self.probe: bool = probe
        self.free: bool = False
        """Whether no limit was known then."""


class RateLimiter:
    """The rate of one limit. All times are in seconds of the caller's clock."""

    def __init__(self, period: float = 0.0) -> None:
        """Start without a known limit, or with one.

        :param period: A declared limit: seconds from the end of an answer to the next call. If it
            were counted from sending, the network's jitter would shrink the gap.
        """
        self.declared: Final = period
        self._ceiling = 1 / period if period else inf
        self.mode: Mode = Mode.HOLD if period else Mode.FREE
        self.rate: float = self._ceiling
        """Calls per second; infinite where no limit is known."""
        self.free: bool = not period
        """Whether nothing was ever rejected: then no call has to wait."""
        self.last_rejection: float | None = None
        self.last_used: float = -inf
        self._epoch = 0
        self._due = self._not_before = -inf
        self._under_way = 0
        self._probing = self._failed_probe = False
        self._pause = _FREE_PAUSE
        self._latency = 0.0
        self._retry_after = 0.0
        self._told_too_little = False  # a call was rejected after the Retry-After
        self._gave_way = False  # the held rate is one that a rejection has lowered
        self._tolerance = _TOLERATED_FIRST
        self._credited = 0
        """Accepted calls that have been counted for the tolerance."""
        self._in_a_row = 0
        self._cycle = Cycle()
        # The test of the present rate.
        self._clean, self._since, self._size = 0, 0.0, 1
        self._low, self._high = 0.0, inf
        self._high_uncounted = inf  # where it is not yet clear if rejected calls are counted
        self._held = self._top = self._former = 0.0
        self._former_tries = self._step = 0
        self._before: tuple[Mode, float] = self.mode, self.rate

    # -- What is asked ------------------------------------------------------------------

    @property
    def limited(self) -> bool:
        """Whether calls may have to wait."""
        return self.mode is not _FREE

    def delay(self, now: float) -> float:
        """Seconds until the next call may be sent; infinite until the next answer."""
        if (self.mode is Mode.DROUGHT and self._probing) or (self.declared and self._under_way):
            return inf
        return max(0.0, self._due - now, self._not_before - now)

    def is_present(self, sent: Sent) -> bool:
        """Whether *sent* was sent at the present rate."""
        return sent.epoch == self._epoch

    def accepted_since(self, moment: float) -> int:
        """How many accepted calls were sent after *moment*, of the last 256."""
        return sum(at > moment for at in self._cycle.times)

    def is_on_time(self, late: float) -> bool:
        """Whether a call proves something that is sent so many seconds after its time."""
        return late <= _LATE / self.rate + _LATE_SECONDS

    # -- What happens -------------------------------------------------------------------

    def sent(self, now: float) -> Sent:
        """A call is sent."""
        call = Sent(now)
        self.mark(call, now)
        return call

    def mark(self, call: Sent, now: float) -> None:
        """*call* is sent."""
        self.last_used = call.at = now
        if self._cycle.began is None:
            self._cycle.began = now
        call.epoch, call.on_time, call.probe = self._epoch, False, False
        call.free = free = self.mode is _FREE
        if free:
            return
        self._under_way += 1
        interval = 1 / self.rate
        turn = max(self._due, self._not_before)
        call.on_time = self.is_on_time(now - turn)
        call.probe = self._probing = self.mode is Mode.DROUGHT
        self._due = max(turn, now - min(_CATCH_UP, interval / 4)) + interval

    def accepted(self, now: float, sent: Sent) -> None:
        """An answer came that is no 429."""
        self._latency = now - sent.at
        self._cycle.accepted += 1
        self._cycle.times.append(sent.at)
        if self.mode is _FREE:
            return
        self._answered(now)
        if self.mode is Mode.DROUGHT:
            if sent.probe:
                self._measure(now, sent.at)
        elif sent.epoch == self._epoch:
            self._held_well(now, sent)

    def rejected(self, now: float, sent: Sent, retry_after: float | None) -> None:
        """A 429 came."""
        self._answered(now)
        self.free, self.last_rejection = False, now
        self._cycle.rejected_at = max(self._cycle.rejected_at, sent.at)
        told_before, self._retry_after = self._retry_after, retry_after or self._retry_after
        if retry_after:
            self._not_before = max(self._not_before, now + retry_after)
        if self.mode is Mode.DROUGHT:
            if sent.probe:
                self._told_too_little |= told_before > 0
                self._probing, self._failed_probe = False, True
                self._pause = min(_LONGEST_PAUSE, self._pause * self._growth())
                self._due = now + max(self._pause, self.declared)
        elif sent.epoch == self._epoch:
            self._in_a_row += 1
            if self.limited and self._in_a_row >= 2:
                self.dry(now)
            elif self._tolerates():
                self._tolerance -= 1
            else:
                self._give_way(now)

    def dropped(self, now: float, sent: Sent) -> None:
        """The call was cancelled, or no answer came. A turn that lies ahead is free again."""
        self._answered(now)
        if sent.probe:
            self._probing = False
        if sent.at > now and abs(sent.at - self.last_used) < _EXACT:  # no turn comes after it
            self._due = sent.at

    def _growth(self) -> float:
        """From this pause to the next."""
        _, rate = self._before
        is_long = rate < inf and self._pause * rate > _MISSED_CALLS
        return _SLOW_GROWTH if is_long else PAUSE_GROWTH

    def _tolerates(self) -> bool:
        """Whether one rejection changes nothing. A free limiter counts what it has earned here."""
        if self.mode is not _FREE:
            return self._tolerance >= 1 and not self._retry_after  # which would cost calls
        earned = (self._cycle.accepted - self._credited) / _ACCEPTED_PER_REJECTION
        self._tolerance = min(_MOST_TOLERATED_FREE, self._tolerance + earned)
        self._credited = self._cycle.accepted
        return self._tolerance >= 1

    def _answered(self, now: float) -> None:
        self._under_way = max(0, self._under_way - 1)
        if self.declared:
            self._due = max(self._due, now + 1 / self.rate)

    def dry(self, now: float) -> None:
        """Send only probes, until one is accepted."""
        self._before = self.mode, self.rate
        self._remember()
        least, most = _PAUSES
        self._pause = _FREE_PAUSE if self.rate == inf else min(most, max(least, 0.25 / self.rate))
        self.mode, self._probing, self._failed_probe = Mode.DROUGHT, False, False
        self._epoch += 1
        self._due = now + max(self._pause, self.declared)
        if self.rate == inf:
            self.rate = 1 / self._pause  # of the probes, until a rate is measured

    # -- The rules ----------------------------------------------------------------------

    def _remember(self) -> None:
        """Keep in mind a rate that was held."""
        if self.mode is Mode.HOLD and self._clean >= _REMEMBERED_CALLS:
            self._held = max(self._held, self.rate)

    def _set(self, mode: Mode, rate: float, now: float, debt: float = 0.0) -> None:
        """Go on at *rate*, after *debt* seconds without a call."""
        self.mode, self.rate = mode, min(rate, self._ceiling)
        interval = 1 / self.rate
        self._due = max(self.last_used + interval, min(self._due, now + interval)) + debt
        self._epoch += 1
        self._clean, self._since, self._gave_way = 0, now, False
        kept = self._tolerance if mode is Mode.HOLD else 0.0
        self._tolerance = max(min(kept, 0.0), float(self._size >= _LARGE))

    def _held_well(self, now: float, sent: Sent) -> None:
        """The present rate has held for one more call."""
        most = _MOST_TOLERATED if self.mode is Mode.HOLD else 1.0
        self._tolerance = min(most, self._tolerance + 1 / _ACCEPTED_PER_REJECTION)
        self._in_a_row = 0
        if not sent.on_time:
            return
        self._clean += 1
        if self.mode is Mode.HOLD:
            self._maybe_climb(now)
        elif self.mode is Mode.CLIMB:
            if self._clean >= max(_CLIMB_CALLS, self._size) and now - self._since >= _CLIMB_SECONDS:
                self._top = self.rate
                self._step = min(self._step + 1, len(_CLIMB_STEPS) - 1)
                self._set(Mode.CLIMB, self._top * _CLIMB_STEPS[self._step], now)
        elif self._clean >= self._needed():
            self._proven(now)

    def _needed(self) -> int:
        """Calls that show that the present rate holds."""
        calls = self._size * (2 if self._retry_after and self._size < _MANY else 1)
        if self.mode is Mode.FORMER:
            return _WINDOWS * calls
        return max(calls, _LEAST_IN_BRACKET) if self.mode is Mode.BRACKET else calls

    def _proven(self, now: float) -> None:
        """A test has ended well."""
        self._low = self.rate
        if self.mode in (Mode.BRACKET, Mode.BACK):
            self._bracket(now)
            return
        if self.mode is Mode.FORMER:
            self._former = 0.0
        self._set(Mode.HOLD, self.rate, now)

    def _bracket(self, now: float) -> None:
        close, step = (_CLOSE_CHARGED, _UP_CHARGED) if self._retry_after else (_CLOSE, _UP)
        if self._size <= _FEW and self._size > _SLOW * self._low:
            close = _CLOSE_SLOW
        if self._told_too_little:
            step = _UP_CHARGED_ROUGH
        if self._size <= _FEW and self._high > _FAR * self._low:
            step = _UP
        self._high = min(self._high, self._ceiling)
        if self._high <= self._low * close:
            self._set(Mode.HOLD, self._low, now)
        else:
            self._set(Mode.BRACKET, min(self._low * step, sqrt(self._low * self._high)), now)

    def _maybe_climb(self, now: float) -> None:
        calls = max(_HOLD_CALLS, 2 * self._size)
        try_former = self._former > _GROWN * self.rate and self._former_tries < _FORMER_TRIES
        try_former &= not self._retry_after
        if try_former:
            calls = round(calls * _FORMER_SOON)
        seconds = min(_HOLD_SECONDS, _HOLD_SECONDS * self.rate / 20)
        seconds = max(seconds, _HOLD_RETRY_AFTERS * self._retry_after)
        if self._clean < calls or now - self._since < seconds or self.rate >= self._ceiling:
            return
        self._held = self._low = self._top = self.rate
        if try_former:
            self._former_tries += 1
            self._set(Mode.FORMER, self._former, now)
            return
        if self._former < _GROWN * self._held:
            self._former = max(self._former, self._held)
        self._step = 0
        self._set(Mode.CLIMB, self._top * _CLIMB_STEPS[0], now)

    def _give_way(self, now: float) -> None:
        """One call was rejected, and that is not tolerated."""
        if self.mode is Mode.BACK and self._clean and self._retry_after * self.rate >= _DEAR:
            self._low, self._high = self.rate * _LOWER, min(self._high, self.rate)
            self._return(Mode.BACK, self._low, now)
            return
        if self.mode in (Mode.FREE, Mode.BACK, Mode.AGAIN):
            self.dry(now)
            return
        self._high = min(self._high, self.rate) if self.mode is not Mode.CLIMB else self.rate
        if self.mode is Mode.BRACKET:
            if self._low < self._high_uncounted:  # rejected calls are not counted
                self._high = min(self._high, self._high_uncounted)
            self._return(Mode.BACK, self._low, now)
        elif self.mode is Mode.FORMER:
            self._return(Mode.HOLD, self._held, now)
        elif self.mode is Mode.HOLD:
            self._remember()
            self._low = self._lowered(now)
            self._set(Mode.HOLD, self._low, now)
            self._gave_way = True
        elif self._top > self._held * _GROWN:
            self._low = self._top
            self._return(Mode.BACK, self._top, now)
        else:
            self._return(Mode.HOLD, (self._held + self._top) / 2, now)

    def _lowered(self, now: float) -> float:
        """A held rate that has met a rejection, and maybe another one before."""
        lower = self.rate * _DOWN
        if self._gave_way and self._size <= self._clean < _HELD_CALLS:
            seconds = max(_EXACT, now - self._since)
            passed = max(self._clean / seconds, self.rate / 2)
            lower = min(lower, sqrt(lower * passed))
        return lower

    def _return(self, mode: Mode, rate: float, now: float) -> None:
        """Go back to *rate*, after the time by which the test was ahead of it."""
        self._set(mode, rate, now, self._clean * max(0.0, 1 / rate - 1 / self.rate))

    def _measure(self, now: float, probe: float) -> None:
        """A drought is over: what did the limit allow since the one before?"""
        before, rate_before = self._before
        low, high = self._bounds(probe)
        self._high = min(high, self._ceiling, rate_before)
        self._low = min(low, self._high)
        self._high_uncounted = inf
        counted = self._rate_if_counted(probe)
        self._probing, self._in_a_row = False, 0
        self._cycle = self._cycle.next(probe)
        if before is not Mode.AGAIN and self._held > _GROWN * self._low:
            self._set(Mode.AGAIN, self._held, now)
            return
        if before is Mode.AGAIN:
            self._former, self._former_tries, self._held = self._held, 0, 0.0
        if counted > self._high:
            self._high_uncounted, self._high = self._high, counted * PAUSE_GROWTH
            self._set(Mode.BRACKET, counted, now)
        else:
            self._bracket(now)

    def _bounds(self, probe: float) -> tuple[float, float]:
        before, self._size = self._size, max(1, self._cycle.accepted - 1)  # without the probe
        return self._cycle.bounds(probe, self._latency, before)

    def _rate_if_counted(self, probe: float) -> float:
        """The rate that the last pause shows, if the server counts rejected calls too: then only
        the pauses before it were too short. Not if it tells how long to wait: that was waited."""
        if self._size > 1 or not self._failed_probe or self._retry_after:
            return 0.0
        return 1 / (probe - self._cycle.rejected_at)
