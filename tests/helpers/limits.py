"""Simulated limits, and calls under them in virtual time.

:func:`simulate` lets workers make calls through the real limiters of ``_engine/admission.py``.
Each worker makes one call after the other, and a rejected call goes back to its place. There is
no event loop and no network: 30 seconds of a slow limit take some milliseconds.
"""

import asyncio
import heapq
import logging
import math
import random
from collections import deque
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any, Final

import attrs

from kmoment import AsyncClient
from kmoment._engine.admission import LimitKey, Turn
from kmoment._engine.context import AttemptState
from kmoment._engine.rate_limiters import InMemoryRateLimiters
from kmoment._protocol.http import Request, Response, TransportError
from kmoment._secret import Secret

_EXACT: Final = 1e-9
"""Seconds. Two times that differ by less are the same: sums of floats are not exact."""
_LATE: Final = 0.001
"""Seconds: the most by which a timer fires late."""
_APART: Final = 0.002
"""Seconds in which all workers begin."""


# -- Limits -----------------------------------------------------------------------------


class Limit:
    """What a server allows. ``rate`` is in calls per second, for ever."""

    rate: float = math.inf

    def take(self, now: float) -> float:
        """A call arrives. 0 if it is accepted, else the seconds to wait."""
        return 0.0

    def allowed(self, begin: float, end: float) -> float:
        """How many calls are allowed from *begin* to *end*."""
        return self.rate * (end - begin)


class Gap(Limit):
    """So many seconds between two accepted calls; or, if *counted*, since the last call at all."""

    def __init__(self, period: float, *, counted: bool = False) -> None:
        self.rate, self._period, self._counted = 1 / period, period, counted
        self._last = -math.inf

    def take(self, now: float) -> float:
        since, fine = now - self._last, now - self._last >= self._period - _EXACT
        if fine or self._counted:
            self._last = now
        return 0.0 if fine else self._period - (0.0 if self._counted else since)


class Window(Limit):
    """So many calls in each period. Time 0 is *phase* seconds after the beginning of one."""

    def __init__(self, calls: int, period: float, phase: float = 0.0) -> None:
        self.rate, self._calls, self._period = calls / period, calls, period
        self._phase = phase
        self._number = self._used = 0

    def take(self, now: float) -> float:
        now += self._phase
        number = math.floor(now / self._period)
        if number != self._number:
            self._number, self._used = number, 0
        if self._used >= self._calls:
            return (number + 1) * self._period - now
        self._used += 1
        return 0.0


class Dip(Window):
    """A window of which only half the calls are allowed from one time to another."""

    def __init__(
        self, calls: int, period: float, phase: float = 0.0, *, begin: float, end: float
    ) -> None:
        super().__init__(calls, period, phase)
        self._all, self._begin, self._end = calls, begin, end

    def take(self, now: float) -> float:
        self._calls = self._all // 2 if self._begin <= now < self._end else self._all
        return super().take(now)

    def allowed(self, begin: float, end: float) -> float:
        low = max(0.0, min(end, self._end) - max(begin, self._begin))
        return self.rate * (end - begin - low / 2)


class Sliding(Limit):
    """So many accepted calls in any period."""

    def __init__(self, calls: int, period: float) -> None:
        self.rate, self._calls, self._period = calls / period, calls, period
        self._times: deque[float] = deque()

    def take(self, now: float) -> float:
        while self._times and now - self._times[0] >= self._period - _EXACT:
            self._times.popleft()
        if len(self._times) >= self._calls:
            return self._times[0] + self._period - now
        self._times.append(now)
        return 0.0


class Bucket(Limit):
    """A bucket of *burst* tokens, to which *rate* tokens are added in a second."""

    def __init__(self, rate: float, burst: float) -> None:
        self.rate, self._burst, self._tokens, self._at = rate, burst, burst, 0.0

    def take(self, now: float) -> float:
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self.rate)
        self._at = now
        if self._tokens < 1 - _EXACT:
            return (1 - self._tokens) / self.rate
        self._tokens -= 1
        return 0.0


class Nothing(Limit):
    """An outage of the limit: every call is rejected."""

    rate = 0.0

    def take(self, now: float) -> float:
        return 1.0


class Changing(Limit):
    """One limit after the other: pairs of the time from which on it holds, and the limit."""

    def __init__(self, *parts: tuple[float, Limit]) -> None:
        self._parts = parts
        self.rate = max(limit.rate for _, limit in parts)

    def take(self, now: float) -> float:
        return [limit for begin, limit in self._parts if begin <= now][-1].take(now)

    def allowed(self, begin: float, end: float) -> float:
        ends = [start for start, _ in self._parts[1:]] + [math.inf]
        return sum(
            limit.rate * max(0.0, min(end, until) - max(begin, start))
            for (start, limit), until in zip(self._parts, ends, strict=True)
        )


class Unhelpful(Limit):
    """A limit whose Retry-After is always the same, however long one has to wait."""

    def __init__(self, limit: Limit, retry_after: float = 1.0) -> None:
        self.rate, self._limit, self._retry_after = limit.rate, limit, retry_after

    def take(self, now: float) -> float:
        return self._retry_after if self._limit.take(now) else 0.0

    def allowed(self, begin: float, end: float) -> float:
        return self._limit.allowed(begin, end)


class Stray(Limit):
    """Rejects a share of the calls by chance. There is no limit."""

    def __init__(self, share: float, seed: int = 5) -> None:
        self._share, self._random = share, random.Random(seed)

    def take(self, now: float) -> float:
        return 0.01 if self._random.random() < self._share else 0.0


class First(Limit):
    """Rejects the first calls, whatever comes after them."""

    def __init__(self, calls: int, then: Limit | None = None) -> None:
        self._left, self._then = calls, then or Limit()
        self.rate = self._then.rate

    def take(self, now: float) -> float:
        if self._left:
            self._left -= 1
            return 0.01
        return self._then.take(now)


# -- What is asked of a run -------------------------------------------------------------


@attrs.frozen(kw_only=True)
class Load:
    """Who calls, and how far away the server is."""

    workers: int = 32
    seconds: float = 30.0
    latency: float = 0.05
    """Seconds of a round trip."""
    jitter: float = 0.01
    """The share of the latency by which single round trips differ from it."""
    accounts: int = 1
    shared: bool = False
    """Whether all accounts have one limit, and not one each."""
    clients: int = 1
    """Programs that do not know of each other, under one limit."""
    retry_after: bool = False
    """Whether the server says how long to wait, in whole seconds."""
    quiet: tuple[float, float] = (math.inf, math.inf)
    """From when to when, in seconds, only one worker calls."""
    calls: int | None = None
    """Calls in all; ``None`` for as many as there is time for."""

    @property
    def limits(self) -> int:
        """Limits that the server keeps."""
        return 1 if self.shared else self.accounts


@attrs.frozen
class Goal:
    """Shares of what the limit allows, and of calls that may be rejected."""

    steady: float = 0.90
    """In the second half."""
    whole: float = 0.80
    rejected: float = 0.03
    """In the second half. Where fewer than 34 calls fit into it, one call."""


@attrs.frozen
class Result:
    """What the server saw: when calls arrived."""

    accepted: Sequence[float]
    rejected: Sequence[float]
    took: float
    """Seconds until the last answer."""
    steady: float
    """Accepted calls, as a share of what was possible in the second half."""
    whole: float
    steady_calls: int
    """Calls of each limit in the second half."""
    steady_rejections: int
    """The same, rejected."""

    @property
    def rejected_share(self) -> float:
        """The share of rejected calls in the second half."""
        return self.steady_rejections / max(1, self.steady_calls)

    def reaches(self, goal: Goal) -> bool:
        few = self.steady_calls < 34 and self.steady_rejections <= 1
        fine = few or self.rejected_share <= goal.rejected
        return fine and self.steady >= goal.steady and self.whole >= goal.whole

    def __str__(self) -> str:
        return f"{self.steady:.2f}/{self.whole:.2f}/{100 * self.rejected_share:.1f} %"


# -- The simulation ---------------------------------------------------------------------


@attrs.frozen(order=True)
class _Call:
    order: int
    """Its place in the queue, which it keeps."""
    account: int = attrs.field(order=False)
    worker: int = attrs.field(order=False)


class _Client:
    """The limiters of one program, and its calls that wait."""

    def __init__(self, clock: Callable[[], float], *, alone: bool) -> None:
        self.store = InMemoryRateLimiters(clock, _no_timer)
        self._alone = alone
        self._queues: dict[LimitKey, list[_Call]] = {}
        self.wakes: dict[LimitKey, float] = {}
        self._shared = False

    def key(self, account: int) -> LimitKey:
        return ("simulated", None if self._alone else account)

    def queue(self, call: _Call) -> LimitKey:
        lane = self.store._key(self.key(call.account))
        heapq.heappush(self._queues.setdefault(lane, []), call)
        return lane

    def next(self, lane: LimitKey, now: float) -> tuple[_Call, Turn] | float:
        """The next call and its turn; or the seconds until there may be one."""
        queue = self._queues.get(lane)
        if not queue:
            return math.inf
        key = self.key(queue[0].account)
        turn = self.store.try_enter(key, 0.0, now)
        if turn is None:
            return self.store._lane(key, 0.0, now).limiter.delay(now)
        return heapq.heappop(queue), turn

    def moved(self) -> list[LimitKey]:
        """The queues that are new, if one limiter has taken the place of many or the reverse."""
        shared = any(it.shared for it in self.store._detectors.values())
        if shared is self._shared:
            return []
        self._shared = shared
        waiting = [call for queue in self._queues.values() for call in queue]
        self._queues.clear()
        return list(dict.fromkeys([self.queue(call) for call in waiting]))


def _no_timer(*_: object) -> Any:
    raise AssertionError("calls wait in the simulation, not in the store")


class _Simulation:
    def __init__(self, limit: Callable[[], Limit], load: Load, seed: int) -> None:
        self.load, self.now = load, 0.0
        self.accepted: list[float] = []
        self.rejected: list[float] = []
        self._random = random.Random(seed)
        self._limits = [limit() for _ in range(load.limits)]
        alone = load.accounts == 1
        self._clients = [_Client(lambda: self.now, alone=alone) for _ in range(load.clients)]
        self._events: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._numbers, self._calls = count(), 0

    def run(self) -> None:
        for worker in range(self.load.workers):
            self._at(self._random.random() * _APART, self._begin, worker)
        while self._events and self._events[0][0] <= self.load.seconds:
            self.now, _, event, args = heapq.heappop(self._events)
            event(*args)

    def possible(self, begin: float, end: float) -> float:
        """How many calls the limits allow, and the workers can make."""
        times = sorted({begin, end, *(at for at in self.load.quiet if begin < at < end)})
        return sum(map(self._possible, times, times[1:]))

    def _possible(self, begin: float, end: float) -> float:
        """The same, for a time in which equally many workers call."""
        first, last = self.load.quiet
        workers = 1 if first <= begin < last else self.load.workers
        most = (end - begin) * workers / self.load.latency
        return min(most, sum(limit.allowed(begin, end) for limit in self._limits))

    def _at(self, when: float, event: Callable[..., None], *args: Any) -> None:
        heapq.heappush(self._events, (when, next(self._numbers), event, args))

    def _begin(self, worker: int) -> None:
        """A worker makes its next call."""
        if self._calls == self.load.calls:
            return
        first, last = self.load.quiet
        if worker and first <= self.now < last:
            self._at(last, self._begin, worker)
            return
        account = self._calls % self.load.accounts
        self._calls += 1
        client = self._client(worker)
        self._pump(client, client.queue(_Call(self._calls, account, worker)))

    def _client(self, worker: int) -> _Client:
        return self._clients[worker % len(self._clients)]

    def _pump(self, client: _Client, lane: LimitKey) -> None:
        while isinstance(found := client.next(lane, self.now), tuple):
            self._send(*found)
        when = self.now + found
        if when < client.wakes.get(lane, math.inf):
            client.wakes[lane] = when
            self._at(when + self._random.random() * _LATE, self._wake, client, lane)

    def _wake(self, client: _Client, lane: LimitKey) -> None:
        client.wakes.pop(lane, None)
        self._pump(client, lane)

    def _send(self, call: _Call, turn: Turn) -> None:
        spread = self.load.jitter * self._random.uniform(-1, 1)
        trip = self.load.latency * (1 + spread)
        self._at(self.now + trip / 2, self._arrive, call, turn, self.now + trip)

    def _arrive(self, call: _Call, turn: Turn, back: float) -> None:
        wait = self._limits[call.account % len(self._limits)].take(self.now)
        (self.rejected if wait else self.accepted).append(self.now)
        self._at(back, self._answer, call, turn, wait)

    def _answer(self, call: _Call, turn: Turn, wait: float) -> None:
        client = self._client(call.worker)
        lane = client.store._key(turn.key)
        if wait:
            seconds = float(math.ceil(wait)) if self.load.retry_after else None
            client.store.rejected(turn, self.now, seconds)
            lane = client.queue(call)
        else:
            client.store.accepted(turn, self.now)
            self._at(self.now, self._begin, call.worker)
        for each in client.moved() or [lane]:
            self._pump(client, each)


def simulate(limit: Callable[[], Limit], load: Load, seed: int = 1) -> Result:
    """Run *load* under limits that *limit* makes. The log is silent meanwhile."""
    it, log = _Simulation(limit, load, seed), logging.getLogger("kmoment")
    log.disabled = True
    try:
        it.run()
    finally:
        log.disabled = False
    half, end = load.seconds / 2, load.seconds
    accepted = sum(at >= half for at in it.accepted)
    rejected = sum(at >= half for at in it.rejected)
    return Result(
        accepted=it.accepted,
        rejected=it.rejected,
        took=it.now,
        steady=accepted / it.possible(half, end),
        whole=len(it.accepted) / it.possible(0.0, end),
        steady_calls=round((accepted + rejected) / load.limits),
        steady_rejections=round(rejected / load.limits),
    )


def runs(limit: Callable[[], Limit], load: Load, seeds: int = 3) -> list[Result]:
    """One result for each seed."""
    return [simulate(limit, load, seed) for seed in range(1, seeds + 1)]


# -- Under a client ---------------------------------------------------------------------


class LimitedHost:
    """A client's transport, for virtual time: a limit for each account, and outages."""

    def __init__(
        self,
        limit: Callable[[], Limit],
        *,
        latency: float = 0.02,
        outages: Sequence[tuple[float, float]] = (),
    ) -> None:
        self._limit, self._latency, self._outages = limit, latency, outages
        self._random = random.Random(1)
        self._limits: dict[str, Limit] = {}
        self.times: list[float] = []
        """When each request arrived."""
        self.accepted = self.rejected = 0

    async def send(self, request: Request, _: Secret, attempt: AttemptState) -> Response:
        half = self._latency / 2 * self._random.uniform(0.98, 1.02)
        await asyncio.sleep(half)
        now = asyncio.get_running_loop().time()
        self.times.append(now)
        if any(begin <= now < end for begin, end in self._outages):
            raise TransportError("the connection was refused")
        attempt.sent = True
        account = request.headers.get("adAccountId", "")
        wait = self._limits.setdefault(account, self._limit()).take(now)
        self.rejected += wait > 0
        self.accepted += not wait
        await asyncio.sleep(half)
        return Response(429 if wait else 200, {}, b"" if wait else b"[]")

    async def aclose(self) -> None:
        """Do nothing: there is nothing to close."""


def limited(client: AsyncClient, host: LimitedHost) -> LimitedHost:
    """Let *client* call *host*."""
    client._change_settings(new_transport=lambda _: host)
    return host
