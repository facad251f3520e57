"""One limiter that several processes share: what is written in Redis, and what is not yet. Pure.

The local :class:`RateLimiter` shows what the process knows. It is changed at once, and written to
Redis if nobody else has written meanwhile. Else what is there is read, and the reports of this
process are applied to it again. So the rules exist once, in Python.

A turn is *exclusive* if the next call has to wait for its answer: a probe, or a call under a
declared period. It is a lease, which its holder renews until the answer: so a turn ends soon if its
holder is gone, or if a failover has brought it back. Who waits for a lease of a declared period
stands in a line, so that each process gets its turn.
"""

import json
import random
from asyncio import Event, Task
from math import inf
from secrets import token_hex
from typing import Any, Final, NamedTuple

import attrs

from .._engine.admission import LimitKey, Turn
from .._engine.rate_limiters import Lane
from .._policies.limit_state import add_calls, be_careful, dump, restore, scale
from .._policies.rate_limit import Mode, RateLimiter, Sent
from ._keys import FORMAT

PROBE_SECONDS: Final = 5.0
"""The lease of a probe. If its holder is gone, another one probes: it can do no harm."""
LEASE_SECONDS: Final = 5.0
"""The lease of a call under a declared period. Few programs stand still for that long, and few
calls take so long that their lease has to be renewed."""
_RENEWED: Final = 1 / 3
"""The part of a lease after which it is renewed: it may fail twice."""
_LINE_SECONDS: Final = 2.0
_LINE_SECONDS_A_PLACE: Final = 0.05
"""Who was not seen in the line for this long is gone: longer for each that is before it, so that
many do not write all the time."""
_MOST_MEMBERS: Final = 16
"""Shares of a rate, while Redis is away; and members that may all ask for the same slot."""
_AHEAD: Final = 0.03
"""Seconds: longer than a way to Redis and back, shorter than most intervals."""
_POLL: Final = (0.02, 0.8)
"""Seconds between two looks at a lease of another process: for the first in the line, and the
longest where there is no line."""
_POLL_A_MEMBER: Final = 0.01
"""Seconds, where there is no line: the more members, the longer."""
_CALLS: Final = "calls"
"""The kind of a report that is no method of the limiter."""
_SPREAD: Final = 0.002
"""Seconds over which processes spread that wait for the same moment."""
_EXACT: Final = 1e-4
"""Seconds. Less than this is no wait."""
_TOGETHER: Final = 0.03
"""Seconds for which a call that went well may wait to be reported with other news."""


class Report(NamedTuple):
    """How one call went."""

    kind: str
    """The name of the limiter's method: accepted, rejected, dropped."""
    now: float
    sent: Sent
    extra: tuple[Any, ...]
    lease: str | None
    """The lease that the call has held."""


@attrs.define(eq=False)
class Slot:
    """A reserved time to send one call."""

    at: float
    sent: Sent


@attrs.define(eq=False)
class Lease:
    """An exclusive turn."""

    ident: str
    until: float


class Held(NamedTuple):
    """An exclusive turn of this process."""

    ident: str
    last: float
    """Until when its lease is renewed."""


class SharedLane(Lane):
    """A limiter whose state is in Redis, and the calls of this process that wait for it."""

    __slots__ = (
        "ask_at", "asked_for", "attached", "careful", "holding", "key", "lease", "line", "marked",
        "me", "reports", "share", "slot", "stale", "synced", "task", "tell_at", "version", "wake",
    )  # fmt: skip

    def __init__(self, key: LimitKey, limiter: RateLimiter, me: str) -> None:
        super().__init__(limiter)
        self.key, self.me = key, me
        self.version = ""
        """That of the state in Redis that the limiter shows, but for reports. Empty: none."""
        self.attached = False
        """Whether its state was ever in Redis."""
        self.asked_for = self.careful = False
        """Whether its state has to be read though no call waits; and whether the lower rate holds
        then, of what is in Redis and what is known here."""
        self.reports: list[Report] = []
        """What Redis does not know yet."""
        self.tell_at = inf
        """When it has to be told of them."""
        self.slot: Slot | None = None
        self.holding: dict[Sent, Held] = {}
        """The exclusive turns of this process that are not reported yet."""
        self.lease: Lease | None = None
        """The exclusive turn of any process."""
        self.stale = False
        """Whether Redis shows a lease of this process that it does not have."""
        self.line: list[tuple[str, float]] = []
        """Who waits for a declared period, and until when they count."""
        self.ask_at = -inf
        self.synced = self.marked = -inf
        """When Redis was asked last, and when the board was told last."""
        self.share = 1
        """While Redis is away: the rate is divided by this."""
        self.task: Task[None] | None = None
        self.wake = Event()

    @property
    def exclusive(self) -> bool:
        """Whether the next turn will be one."""
        return bool(self.limiter.declared) or self.limiter.mode is Mode.DROUGHT

    # -- Turns --------------------------------------------------------------------------

    def reserve(self, now: float, members: int, seconds: float) -> Slot | None:
        """The next free slot. Without one, :attr:`ask_at` says when to ask again.

        :param seconds: The longest time that a call under a declared period takes.
        """
        delay, ahead = self.limiter.delay(now), self._ahead(members)
        if delay > ahead or not self._is_first(now):
            self._wait(now, delay - ahead, members)
            return None
        slot = Slot(now + delay, self.limiter.sent(now + delay))
        if self.exclusive:
            seconds = seconds if self.limiter.declared else min(seconds, PROBE_SECONDS)
            held = Held(f"{self.me}-{token_hex(6)}", slot.at + seconds)
            self.lease = Lease(held.ident, slot.at + min(seconds, LEASE_SECONDS))
            self.holding[slot.sent] = held
            self.line = [(who, until) for who, until in self.line if who != self.me]
        return slot

    def use(self, slot: Slot, turn: Turn, now: float) -> None:
        """*turn* is that of *slot*. Its call is sent now, not at the time that was reserved."""
        sent = slot.sent
        turn.at, turn.epoch, turn.probe, turn.free = now, sent.epoch, sent.probe, False
        turn.on_time = sent.on_time and self.limiter.is_on_time(now - slot.at)
        if sent in self.holding:
            self.holding[turn] = self.holding.pop(sent)

    def withdraw(self, slot: Slot) -> None:
        """Another process has written since: *slot* is not reserved, and nobody has its lease."""
        held = self.holding.pop(slot.sent, None)
        if held is not None and self.lease is not None and self.lease.ident == held.ident:
            self.lease, self.stale = None, True
            self.limiter._under_way, self.limiter._probing = 0, False

    def _ahead(self, members: int) -> float:
        """Seconds in advance in which a slot may be reserved.

        It is short, since a slot that was reserved before the rate has changed proves nothing.
        A probe is not reserved in advance: answers that come meanwhile say when it is due.
        """
        if self.limiter.mode is Mode.DROUGHT:
            return _EXACT
        interval = 1 / self.limiter.rate
        ahead = min(interval, _AHEAD)
        return ahead if self.exclusive else ahead + interval * max(0, members - _MOST_MEMBERS)

    def is_valid(self, slot: Slot, now: float) -> bool:
        """Whether *slot* may still be used, after news from other processes."""
        if self.limiter.is_present(slot.sent):
            return True
        return self.limiter.mode is not Mode.DROUGHT and self.limiter.delay(now) < inf

    def settle(self, now: float) -> bool:
        """End what has run out: a lease, places in the line. Whether anything has changed."""
        changed, self.stale = self.stale, False
        if self.lease is not None and now > self.lease.until:
            ended, self.lease = self.lease.until, None
            self.limiter.dropped(ended, Sent(ended, probe=True))
            changed = True
        live = [(who, until) for who, until in self.line if until > now]
        changed |= len(live) < len(self.line)
        self.line = live
        return changed

    def _is_first(self, now: float) -> bool:
        return not self.limiter.declared or not self.line or self.line[0][0] == self.me

    def _wait(self, now: float, delay: float, members: int) -> None:
        blocked = delay <= 0 or delay == inf
        seconds = self._poll(members) if blocked else min(delay, _LINE_SECONDS / 2)
        spread = _SPREAD if members > 1 else 0.0
        self.ask_at = now + seconds + random.uniform(0, spread)  # noqa: S311 - spreads load

    def _poll(self, members: int) -> float:
        """Seconds to the next look at a lease: who is far behind in the line need not look."""
        least, most = _POLL
        if not self.limiter.declared:
            return min(most, max(least, _POLL_A_MEMBER * members))
        place = self._place()
        return min(_in_line(place) / 3, least * (place + 1))

    def _place(self) -> int:
        """How many are before this process in the line."""
        places = [who for who, _ in self.line]
        return places.index(self.me) if self.me in places else len(places)

    def join_line(self, now: float) -> bool:
        """Wait for the lease of a declared period. Whether anything has changed."""
        if not self.limiter.declared or not (self.lease or self.line):
            return False
        places = dict(self.line)
        seconds = _in_line(self._place())
        if places.get(self.me, -inf) > now + seconds / 2:
            return False
        self.line = list((places | {self.me: now + seconds}).items())
        return True

    # -- The lease of a call under way ----------------------------------------------------

    @property
    def renew_at(self) -> float:
        """When the lease has to be renewed, if it is that of a call of this process."""
        lease, held = self.lease, self._held()
        if lease is None or held is None or lease.until >= held.last:
            return inf
        return lease.until - (1 - _RENEWED) * LEASE_SECONDS

    def renew(self, now: float) -> bool:
        """Keep a turn whose call has no answer yet. Whether anything has changed."""
        lease, held = self.lease, self._held()
        if lease is None or held is None or now < self.renew_at:
            return False
        lease.until = min(held.last, now + LEASE_SECONDS)
        return True

    def renew_no_more(self) -> None:
        """Let leases end by themselves."""
        self.holding = {sent: held._replace(last=-inf) for sent, held in self.holding.items()}

    def _held(self) -> Held | None:
        """The turn of this process that the lease is of."""
        ident = self.lease and self.lease.ident
        return next((held for held in self.holding.values() if held.ident == ident), None)

    # -- Reports ------------------------------------------------------------------------

    def report(self, kind: str, now: float, sent: Sent, *extra: Any) -> None:
        """Note how a call went. The limiter has been told already."""
        held = self.holding.pop(sent, None)
        lease = held and held.ident
        if self.lease is not None and self.lease.ident == lease:
            self.lease = None
        self.reports.append(Report(kind, now, sent, extra, lease))
        is_urgent = kind != "accepted" or lease or self.limiter.mode is Mode.DROUGHT
        self.tell_at = min(self.tell_at, now if is_urgent else now + _TOGETHER)

    def _report_calls(self) -> None:
        """Tell of the calls from before the limit was known here: they help to measure it."""
        cycle = self.limiter._cycle
        told = {report.sent.at for report in self.reports if report.kind == "accepted"}
        earlier = attrs.evolve(cycle, accepted=cycle.accepted - len(told))
        earlier.times = type(cycle.times)(at for at in cycle.times if at not in told)
        self.reports.insert(0, Report(_CALLS, -inf, Sent(-inf), (earlier,), None))

    def _apply(self, report: Report) -> None:
        if report.kind == _CALLS:
            if self.limiter.mode is Mode.DROUGHT:
                add_calls(self.limiter, *report.extra)
            return
        if report.lease is not None:
            if self.lease is None or self.lease.ident != report.lease:
                return  # its lease has ended, and another call may have the turn now
            self.lease = None
        getattr(self.limiter, report.kind)(report.now, report.sent, *report.extra)

    # -- The state in Redis -------------------------------------------------------------

    def text(self, base: float) -> str:
        """What is written, with times relative to *base*."""
        lease = self.lease and [self.lease.ident, self.lease.until - base]
        line = [[who, until - base] for who, until in self.line]
        return json.dumps(
            {"format": FORMAT, "limiter": dump(self.limiter, base), "lease": lease, "line": line}
        )

    def read(self, text: str, version: str, base: float) -> None:
        """Take over what another process has written, and apply to it what is not there yet."""
        limiter, told = self.limiter, json.loads(text)
        if told["format"] != FORMAT:
            raise ValueError(told["format"])
        before = dump(limiter, base)
        if not self.attached:
            self._report_calls()
        restore(limiter, told["limiter"], base)
        self.lease = self._read_lease(told["lease"], base)
        self.line = [(who, until + base) for who, until in told["line"]]
        limiter._under_way = int(self.lease is not None)
        limiter._probing &= self.lease is not None
        if self.careful:
            be_careful(limiter, before, base)
        self.version, self.attached, self.careful = version, True, False
        for report in self.reports:
            self._apply(report)

    def _read_lease(self, told: list[Any] | None, base: float) -> Lease | None:
        """The lease in Redis, unless it is one that this process has asked for and never got."""
        if told is None:
            return None
        ident, left = told
        known = {held.ident for held in self.holding.values()}
        known.update(report.lease for report in self.reports if report.lease)
        self.stale = ident.startswith(self.me) and ident not in known
        return None if self.stale else Lease(ident, left + base)

    # -- Without Redis ------------------------------------------------------------------

    def go_alone(self, members: int) -> None:
        """Redis is away: go on with a share of the rate. No lease can be held or waited for."""
        self.share = min(_MOST_MEMBERS, max(1, members))
        scale(self.limiter, 1 / self.share)
        self.forget_turns()

    def forget_turns(self) -> None:
        """Redis is away: what was reserved, leased or reported is not known to others."""
        self.reports.clear()
        self.slot = self.lease = None
        self.line, self.holding = [], {}
        self.limiter._under_way, self.limiter._probing = 0, False

    def come_back(self) -> None:
        """Redis is back: the whole rate counts again, and has to be compared with what is there."""
        scale(self.limiter, self.share)
        self.share, self.careful, self.asked_for = 1, True, True

    @property
    def due(self) -> float:
        """When Redis has to be told something."""
        return min(self.tell_at, self.renew_at)

    def next_at(self) -> float:
        """When there is something to do."""
        if self.slot is not None:
            return min(self.due, self.slot.at)
        return min(self.due, self.ask_at) if self.queue else self.due

    @property
    def busy(self) -> bool:
        """Whether Redis has to be asked or told something."""
        has_news = bool(self.asked_for or self.reports or self.queue or self.slot)
        return has_news or self.renew_at < inf


def _in_line(place: int) -> float:
    """Seconds for which a place in the line counts."""
    return _LINE_SECONDS + _LINE_SECONDS_A_PLACE * place
