"""Slots, rate limiters, circuit breakers and hooks: all that a call passes before the network."""

import asyncio
import contextlib
import logging
import random
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, strategies as st

import kmoment
from helpers import TOKEN
from helpers.calls import DRAFT
from helpers.fault_server import FaultServer, Silence
from helpers.scripted import ok, scripted
from helpers.virtual_clock import run
from kmoment._engine.admission import FairSemaphore, InMemoryRateLimiters
from kmoment._engine.context import AttemptState
from kmoment._policies.circuit_breaker import PROBE_SECONDS, CircuitBreaker, CircuitBreakers
from kmoment._policies.rate_limit import RateLimiter
from kmoment._protocol.http import Request, Response
from kmoment._secret import Secret
from kmoment.hooks import CallReport

pytestmark = pytest.mark.anyio

# -- Slots ------------------------------------------------------------------------------


async def test_slots_are_served_in_turn() -> None:
    """A key with 100 waiters does not delay another key: the other key is served next."""
    slots, order = FairSemaphore(1), list[str]()

    async def use(key: str) -> None:
        await slots.acquire(key)
        order.append(key)
        await asyncio.sleep(0)
        slots.release()

    flood = [asyncio.create_task(use("flood")) for _ in range(100)]
    await asyncio.sleep(0)
    await use("quiet")
    assert order.index("quiet") <= 3
    await asyncio.gather(*flood)
    assert order.count("flood") == 100


async def test_slots_bound_and_come_back() -> None:
    """No more calls run at once than there are slots, and cancelled waiters keep no slot."""
    slots, under_way, peak = FairSemaphore(3), 0, 0

    async def use(key: int) -> None:
        nonlocal under_way, peak
        await slots.acquire(key % 4)
        under_way += 1
        peak = max(peak, under_way)
        try:
            await asyncio.sleep(0.001)
        finally:
            under_way -= 1
            slots.release()

    tasks = [asyncio.create_task(use(n)) for n in range(60)]
    await asyncio.sleep(0.002)
    for task in tasks[::2]:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert peak == 3
    assert slots._free == 3
    assert not slots._queues


async def test_a_slot_given_to_who_just_gave_up_goes_on() -> None:
    """A waiter that is cancelled just when it gets its slot passes the slot to the next one."""
    slots = FairSemaphore(1)
    await slots.acquire("a")
    waiting = asyncio.create_task(slots.acquire("b"))
    await asyncio.sleep(0)
    slots.release()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await asyncio.wait_for(slots.acquire("c"), 1)


# -- Limiters ---------------------------------------------------------------------------


class Server:
    """Accepts a call only if *period* has passed since the last one it accepted."""

    def __init__(self, period: float) -> None:
        self.period, self.last = period, -1e9
        self.accepted = self.rejected = 0

    def take(self, now: float) -> bool:
        if now - self.last < self.period:
            self.rejected += 1
            return False
        self.last = now
        self.accepted += 1
        return True


def drive(
    limiter: RateLimiter, server: Server, calls: int, trip: Callable[[int], float], now: float = 0.0
) -> float:
    """Make *calls* one after the other on a simulated clock. Returns the time at the end."""
    for number in range(calls):
        now += limiter.delay(now)
        started = limiter.started(now)
        there = now + trip(number) / 2
        fine = server.take(there)
        now += trip(number)
        if fine:
            limiter.ended(now)
        else:
            limiter.throttled(now, started, None)
    return now


@given(st.lists(st.floats(0.01, 2.0), min_size=20, max_size=20))
def test_a_declared_limit_is_never_broken(trips: list[float]) -> None:
    """Calls through a limiter with a declared period never break the limit, at any latency."""
    limiter, server = RateLimiter(5.0), Server(5.0)
    took = drive(limiter, server, 20, lambda n: trips[n])
    assert server.rejected == 0
    assert took <= 5.0 * 20 + sum(trips) + 1e-6


@pytest.mark.parametrize("hidden", [0.3, 1.0, 2.7, 5.0, 11.0])
def test_a_hidden_limit_is_learnt(hidden: float) -> None:
    """After learning, under 1 % of the calls are rejected, at 85 % of the hidden rate or more."""
    limiter, server = RateLimiter(), Server(hidden)
    begin = drive(limiter, server, 120, lambda _: 0.02)
    server.accepted = server.rejected = 0
    took = drive(limiter, server, 500, lambda _: 0.02, begin) - begin
    assert server.rejected / 500 < 0.01
    assert server.accepted / took > 0.85 / (hidden + 0.02)


def test_calls_sent_together_slow_the_limiter_once() -> None:
    """If calls that were sent together are all rejected, the limiter slows down only once."""
    limiter = RateLimiter()
    started = [limiter.started(0.0) for _ in range(30)]
    for number in started:
        limiter.throttled(1.0, number, None)
    assert limiter.period == 1.0
    assert limiter.delay(1.0) == 1.0


def test_a_declared_period_grows_at_most_fourfold() -> None:
    """A limiter with a declared period slows down to at most four times that period."""
    limiter = RateLimiter(2.0)
    for now in range(100):
        limiter.throttled(float(now), limiter.started(float(now)), None)
    assert limiter.period == 8.0
    for now in range(200):
        limiter.ended(1000.0 + now)
    assert limiter.period < 8.0


def test_retry_after_holds_the_limiter() -> None:
    """After a 429 with Retry-After, every call of the limiter waits that long."""
    limiter = RateLimiter()
    limiter.throttled(10.0, limiter.started(10.0), 7.0)
    assert limiter.delay(10.0) == 7.0


def test_a_429_after_a_quiet_time_is_no_reason_to_crawl() -> None:
    """The quiet time is no gap that was rejected for being too short."""
    limiter, now = RateLimiter(), 1_000.0
    limiter.started(now)
    limiter.ended(now)
    now += 600
    for _ in range(2):
        limiter.throttled(now, limiter.started(now), None)
        now += limiter.delay(now)
    limiter.started(now)
    limiter.ended(now)
    assert limiter.delay(now) < 5


async def test_idle_queues_are_dropped() -> None:
    """A queue that is not in use is dropped, and a queue in use is kept."""
    queues = InMemoryRateLimiters()
    busy = queues.queue("busy", 1.0, 0.0)
    await busy.turn.acquire()
    for number in range(50):
        queues.queue(number, 0.0, float(number))
    for number in range(60):
        queues.queue(("new", number), 0.0, 10_000.0)
    assert queues.queue("busy", 9.0, 10_000.0) is busy
    assert len(queues) <= 62
    busy.turn.release()


async def test_a_429_slows_its_endpoint_and_account_only() -> None:
    """A 429 does not delay calls of other endpoints and other accounts."""
    client = kmoment.AsyncClient(TOKEN, max_attempts=1)
    scripted(client, ok(b"", 429, **{"retry-after": "50"}), ok([]))
    with pytest.raises(kmoment.RateLimitedError):
        await client.account(1).targeting.cohorts()
    async with asyncio.timeout(1):
        await client.account(2).targeting.cohorts()
        await client.account(1).targeting.customer_files()
    hasty = client.with_options(deadline=20)
    with pytest.raises(kmoment.DeadlineExceededError, match="its turn comes in") as caught:
        await hasty.account(1).targeting.cohorts()
    assert (caught.value.phase, caught.value.request_sent) == ("waiting for its turn", False)


def test_a_declared_period_is_checked() -> None:
    """A declared period that is not above zero seconds is refused."""
    with pytest.raises(kmoment.InvalidArgumentError, match="periods"):
        kmoment.AsyncClient(TOKEN, periods={"audiences": 0})


# -- Limiters and slots under a client, in virtual time ---------------------------------


class Limits:
    """A transport with latency, and a server with a limit for each account."""

    def __init__(self, trip: Callable[[], float], period: Callable[[str], float]) -> None:
        self.trip, self.period = trip, period
        self.servers: dict[str, Server] = {}
        self.spent = defaultdict[str, float](float)
        self.arrivals: list[tuple[str, str, float]] = []

    async def send(self, request: Request, _: Secret, attempt: AttemptState) -> Response:
        account, trip = request.headers["adAccountId"], self.trip()
        server = self.servers.setdefault(account, Server(self.period(account)))
        attempt.sent = True
        self.spent[account] += trip
        await asyncio.sleep(trip / 2)
        now = asyncio.get_running_loop().time()
        self.arrivals.append((account, request.url.name, now))
        fine = server.take(now)
        await asyncio.sleep(trip / 2)
        return ok([]) if fine else ok(b"", 429)

    async def aclose(self) -> None:
        """Do nothing: there is nothing to close."""

    @property
    def rejected(self) -> int:
        return sum(server.rejected for server in self.servers.values())


def limited(client: kmoment.AsyncClient, limits: Limits) -> Limits:
    client._change_settings(new_transport=lambda _: limits)
    return limits


def jitter(seed: int = 1) -> Callable[[], float]:
    """Latencies from 0.02 to 1 second."""
    draw = random.Random(seed)
    return lambda: draw.uniform(0.02, 1.0)


def test_three_hundred_accounts_share_one_client() -> None:
    """300 accounts make 20 calls each at a strict limit: none is rejected, and no time is lost."""
    client = kmoment.AsyncClient(TOKEN, periods={"targeting.cohorts": 5.0})
    limits = limited(client, Limits(jitter(), lambda _: 5.0))

    async def work(account: int) -> None:
        for _ in range(20):
            await client.account(account).targeting.cohorts()

    async def everyone() -> float:
        await asyncio.gather(*(work(account) for account in range(1, 301)))
        return asyncio.get_running_loop().time()

    took = run(everyone())
    assert limits.rejected == 0
    assert sum(server.accepted for server in limits.servers.values()) == 300 * 20
    assert took < 1.05 * (19 * 5.0 + max(limits.spent.values()))
    assert len(client._dispatcher.state.limiters) == 300  # type: ignore[arg-type]


def test_hidden_limits_are_learnt_by_account() -> None:
    """Each account's limit is learnt: under 1 % rejected, at 85 % of the limit's rate or more."""
    hidden = {str(account): 0.2 * 1.5**account for account in range(1, 11)}
    client = kmoment.AsyncClient(TOKEN, deadline=600)
    limits = limited(client, Limits(lambda: 0.02, hidden.__getitem__))

    async def work(account: int) -> tuple[int, float]:
        await calls(account, 120)
        server = limits.servers[str(account)]
        before, begin = server.rejected, asyncio.get_running_loop().time()
        await calls(account, 300)
        return server.rejected - before, asyncio.get_running_loop().time() - begin

    async def calls(account: int, count: int) -> None:
        for _ in range(count):
            with contextlib.suppress(kmoment.RateLimitedError):
                await client.account(account).targeting.cohorts()

    async def everyone() -> list[tuple[int, float]]:
        return await asyncio.gather(*(work(account) for account in range(1, 11)))

    for (rejected, took), period in zip(run(everyone()), hidden.values(), strict=True):
        assert rejected < 0.01 * 300
        assert 300 / took > 0.85 / (period + 0.02)


def test_a_flood_delays_others_by_less_than_one_slot() -> None:
    """While 1,000 calls of one account wait, a call of another account gets the next slot."""
    client = kmoment.AsyncClient(TOKEN, max_connections=4)
    limited(client, Limits(lambda: 0.1, lambda _: 0.0))
    call = client.account(1).targeting.cohorts

    async def work() -> float:
        flood = [asyncio.ensure_future(call()) for _ in range(1000)]
        await asyncio.sleep(1.05)
        begin = asyncio.get_running_loop().time()
        await client.account(2).targeting.cohorts()
        took = asyncio.get_running_loop().time() - begin
        await asyncio.gather(*flood)
        return took

    assert run(work()) <= 0.1 + 0.1, "it waited longer than for one slot"


def test_a_declared_period_spaces_its_own_account_only() -> None:
    """Calls of one group and account are spaced, and do not delay other accounts and groups."""
    client = kmoment.AsyncClient(TOKEN, periods={"targeting.cohorts": 5.0})
    limits = limited(client, Limits(lambda: 0.1, lambda _: 0.0))

    async def work() -> None:
        one, two = client.account(1).targeting, client.account(2).targeting
        spaced = [one.cohorts() for _ in range(4)]
        await asyncio.gather(*spaced, two.cohorts(), one.customer_files(), one.customer_files())

    run(work())
    times = [(account, round(at, 6)) for account, _, at in limits.arrivals]
    free = [("1", 0.05)] * 3 + [("2", 0.05)]
    assert sorted(times) == sorted([*free, ("1", 5.15), ("1", 10.25), ("1", 15.35)])


# -- CircuitBreakers ---------------------------------------------------------------------------


def test_a_breaker_opens_probes_and_escalates() -> None:
    """An open breaker refuses calls, lets one probe through in time, and waits longer each time."""
    breaker = CircuitBreaker(60.0, 300.0)
    error = kmoment.QuotaExceededError("used up", {"status": 400})
    assert breaker.refusal(0) is None
    breaker.trip(error, 0)
    breaker.trip(error, 1)
    held = breaker.refusal(59)
    assert isinstance(held, kmoment.QuotaExceededError)
    assert (held.request_sent, held.reason) == (False, "not sent: used up; next try in 1 s")
    assert breaker.refusal(60) is None
    assert breaker.refusal(60) is not None
    assert breaker.refusal(60 + PROBE_SECONDS) is None
    breaker.trip(error, 100)
    assert breaker.refusal(399) is not None
    assert breaker.refusal(400) is None
    breaker.close()
    assert breaker.refusal(401) is None


def test_an_answer_of_another_kind_closes_breakers() -> None:
    """A probe that gets any answer other than the refusal closes the breakers."""
    breakers = CircuitBreakers()
    breakers.note(kmoment.MaintenanceError("x", {"status": 503}), 0)
    breakers.note(kmoment.APIConnectionError("x"), 1)
    held = breakers.refusal(2, {"operation": "audiences.get"})
    assert isinstance(held, kmoment.MaintenanceError)
    assert held.operation == "audiences.get"
    breakers.note(kmoment.ServerError("x", {"status": 502}), 3)
    assert breakers.refusal(4, {}), "a gateway's answer closes nothing"
    breakers.note(kmoment.NotFoundError("x", {"status": 400, "code": -813}), 3)
    assert breakers.refusal(4, {}) is None


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (ok({"code": -10}, 400), kmoment.QuotaExceededError),
        (ok({"code": -401}, 401), kmoment.AuthenticationError),
    ],
)
async def test_what_is_refused_for_everyone_is_asked_once(
    answer: Any, error: type[kmoment.APIError]
) -> None:
    """200 calls with a dead token, or after the quota is used up, send only one request."""
    client = kmoment.AsyncClient(TOKEN)
    transport = scripted(client, answer)
    for _ in range(200):
        with pytest.raises(error):
            await client.locations.depth1()
    assert len(transport.requests) == 1


# -- Hooks ------------------------------------------------------------------------------


class Listener:
    """A hook that keeps all reports."""

    def __init__(self) -> None:
        self.attempts: list[tuple[Any, ...]] = []
        self.calls: list[CallReport] = []

    def on_attempt(self, *what: Any) -> None:
        self.attempts.append(what)

    def on_call(self, report: CallReport) -> None:
        self.calls.append(report)


class Clumsy:
    """A hook that always fails."""

    def on_attempt(self, *what: Any) -> None:
        raise RuntimeError("clumsy")

    def on_call(self, report: CallReport) -> None:
        raise RuntimeError("clumsy")


async def test_hooks_hear_of_attempts_and_calls(caplog: pytest.LogCaptureFixture) -> None:
    """A hook gets every failed attempt and every call. A hook that raises does not matter."""
    ear = Listener()
    client = kmoment.AsyncClient(TOKEN, hooks=[Clumsy(), ear])
    scripted(client, ok(b"", 502), ok([]))
    await client.locations.depth1()
    ((operation, account, attempt),) = ear.attempts
    assert (operation, account, attempt.effect) == ("locations.depth1", None, "unknown")
    (call,) = ear.calls
    assert (call.operation, call.effect, len(call.attempts)) == ("locations.depth1", "ok", 1)
    assert "the hook 'Clumsy' has failed" in caplog.text
    assert TOKEN not in caplog.text


async def test_the_log_has_the_facts(caplog: pytest.LogCaptureFixture) -> None:
    """At DEBUG each call is one log record with its facts, but without its body and token."""
    caplog.set_level(logging.DEBUG, "kmoment")
    client = kmoment.AsyncClient(TOKEN, reconcile_delays=())
    scripted(client, ok({"code": -2, "msg": "x"}, 400))
    with pytest.raises(kmoment.BadRequestError):
        await client.account(5).audiences.create(DRAFT)
    (record,) = [r for r in caplog.records if r.name == "kmoment"]
    facts = vars(record)["kmoment"]
    assert facts["operation"] == "audiences.create"
    assert facts["ad_account_id"] == 5
    assert facts["effect"] == "failed"
    assert DRAFT.name not in str(vars(record))
    assert TOKEN not in str(vars(record))


async def test_a_cancelled_write_that_was_sent_is_unknown(server: FaultServer) -> None:
    """If a write that was sent is cancelled, the hook gets "unknown". Unsent calls: "unsent"."""
    ear = Listener()
    server.default = Silence(5)
    async with kmoment.AsyncClient(
        TOKEN, base_url=server.url, hooks=[ear], max_connections=1
    ) as client:
        tasks = [
            asyncio.create_task(client.account(1).audiences.delete(1)),
            asyncio.create_task(client.account(1).audiences.delete(2)),
            asyncio.create_task(client.locations.depth1()),
        ]
        while not server.requests:
            await asyncio.sleep(0.01)
        for task in reversed(tasks):
            task.cancel()
            await asyncio.wait([task])
    assert [report.effect for report in ear.calls] == ["unsent", "unsent", "unknown"]


async def test_a_deadline_is_told_as_one(server: FaultServer) -> None:
    """A hook gets a call that ran out of time with its error, unlike a cancelled call."""
    ear = Listener()
    server.default = Silence(5)
    async with kmoment.AsyncClient(TOKEN, base_url=server.url, hooks=[ear], deadline=0.2) as client:
        with pytest.raises(kmoment.OutcomeUnknownError):
            await client.account(1).audiences.delete(1)
    (report,) = ear.calls
    assert report.effect == "unknown"
    assert isinstance(report.error, kmoment.OutcomeUnknownError)


def test_a_success_closes_every_breaker() -> None:
    """Closing the breakers after a success lets all calls through again."""
    breakers = CircuitBreakers()
    breakers.note(kmoment.QuotaExceededError("x", {"status": 400}), 0)
    assert breakers.tripped
    breakers.close()
    assert not breakers.tripped
    assert breakers.refusal(1, {}) is None
