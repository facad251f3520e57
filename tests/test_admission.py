"""Slots, turns and circuit breakers: all that a call passes before the network."""

import asyncio
import random
from collections import Counter, defaultdict
from collections.abc import Callable
from math import inf
from typing import Any

import pytest
from hypothesis import given, strategies as st

import kmoment
from helpers import TOKEN
from helpers.limits import (
    Bucket,
    First,
    Gap,
    Limit,
    LimitedHost,
    Sliding,
    limited as on_host,
)
from helpers.scripted import ok, scripted
from helpers.virtual_clock import run
from kmoment._engine.admission import (
    FairSemaphore,
    LimitKey,
    QueueClosedError,
    QueueTooLongError,
)
from kmoment._engine.context import AttemptState
from kmoment._engine.rate_limiters import InMemoryRateLimiters
from kmoment._policies.circuit_breaker import PROBE_SECONDS, CircuitBreaker, CircuitBreakers
from kmoment._policies.rate_limit import Mode
from kmoment._policies.shared_limit import SharedLimitDetector
from kmoment._protocol.http import Request, Response
from kmoment._secret import Secret

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


# -- Turns ------------------------------------------------------------------------------


class Clock:
    """A clock that is set by hand, and a loop's timers."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


KEY: LimitKey = ("audiences", 1)


def limiters() -> tuple[InMemoryRateLimiters, Clock]:
    clock = Clock()
    return InMemoryRateLimiters(clock, asyncio.get_running_loop().call_at), clock


async def test_idle_limiters_are_dropped() -> None:
    """A limiter that is not in use is dropped, and a limiter that calls wait for is kept."""
    store, _ = limiters()
    assert store.try_enter(KEY, 1000.0, 0.0)
    waiting = asyncio.create_task(store.enter(KEY, 1000.0, 0.0, max_wait=inf, order=None))
    await asyncio.sleep(0)
    for number in range(50):
        store.try_enter(("x", number), 0.0, float(number))
    for number in range(60):
        store.try_enter(("new", number), 0.0, 10_000.0)
    assert KEY in [(it.quota, it.ad_account_id) for it in store.statuses(0.0)]
    assert len(store) <= 62
    waiting.cancel()


async def test_a_rejected_call_keeps_its_place() -> None:
    """A call that met a 429 leaves before all that came after it."""
    store, clock = limiters()
    first = store.try_enter(KEY, 0.0, 0.0)
    assert first is not None
    store.rejected(first, 0.0, 1.0)
    left: list[str] = []

    async def wait(name: str, order: int | None) -> None:
        await store.enter(KEY, 0.0, clock.now, max_wait=inf, order=order)
        left.append(name)

    tasks = [asyncio.create_task(wait("later", None)) for _ in range(3)]
    await asyncio.sleep(0)
    tasks.append(asyncio.create_task(wait("first", first.order)))
    await asyncio.sleep(0)
    clock.now = 5.0
    store._pump(store._lanes[KEY], clock.now)
    await asyncio.gather(*tasks)
    assert left == ["first", "later", "later", "later"]


async def test_a_turn_given_to_who_just_gave_up_goes_on() -> None:
    """A waiter that is cancelled as it gets its turn leaves a limiter that serves the next."""
    store, clock = limiters()
    turn = store.try_enter(KEY, 1.0, 0.0)
    assert turn is not None
    waiting = [
        asyncio.create_task(store.enter(KEY, 1.0, 0.0, max_wait=inf, order=None)) for _ in range(2)
    ]
    await asyncio.sleep(0)
    clock.now = 1.0
    store.accepted(turn, 1.0)
    clock.now = 2.0
    store._pump(store._lanes[KEY], 2.0)
    waiting[0].cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting[0]
    clock.now = 3.0
    store._pump(store._lanes[KEY], 3.0)
    await asyncio.wait_for(waiting[1], 1)


async def test_who_cannot_pass_in_time_is_refused_at_once() -> None:
    """A call whose turn comes later than it may wait is told how long the queue is."""
    store, _ = limiters()
    assert store.try_enter(KEY, 2.0, 0.0)
    tasks = [
        asyncio.create_task(store.enter(KEY, 2.0, 0.0, max_wait=inf, order=None)) for _ in range(5)
    ]
    await asyncio.sleep(0)
    with pytest.raises(QueueTooLongError) as caught:
        await store.enter(KEY, 2.0, 0.0, max_wait=3.0, order=None)
    assert (caught.value.waiting, caught.value.rate) == (5, 0.5)
    for task in tasks:
        task.cancel()


async def test_a_429_slows_its_endpoint_and_account_only() -> None:
    """A 429 does not delay calls of other endpoints and other accounts."""
    client = kmoment.AsyncClient(TOKEN, max_wait=10)
    scripted(client, ok(b"", 429, **{"retry-after": "50"}), ok([]))
    with pytest.raises(kmoment.DeadlineExceededError, match="its turn comes in about 50 s"):
        await client.account(1).targeting.cohorts()
    async with asyncio.timeout(1):
        await client.account(2).targeting.cohorts()
        await client.account(1).targeting.customer_files()
    with pytest.raises(kmoment.DeadlineExceededError, match="its turn comes in") as caught:
        await client.account(1).targeting.cohorts()
    assert (caught.value.phase, caught.value.request_sent) == ("waiting for a turn", False)


async def test_a_server_that_asks_for_more_time_than_the_call_has() -> None:
    """A Retry-After beyond the deadline ends the call at once, as a throttle."""
    client = kmoment.AsyncClient(TOKEN, deadline=20)
    scripted(client, ok(b"", 429, **{"retry-after": "50"}))
    with pytest.raises(kmoment.RateLimitedError) as caught:
        await client.account(1).targeting.cohorts()
    assert caught.value.retry_after == 50


async def test_max_wait_ends_a_wait_that_gets_longer() -> None:
    """A call that has spent max_wait in a queue ends, and says for what it waited."""
    client = kmoment.AsyncClient(TOKEN, max_wait=0.2)
    transport = scripted(client, ok(b"", 429))
    with pytest.raises(kmoment.DeadlineExceededError) as caught:
        await client.locations.depth1()
    assert caught.value.phase == "waiting for a turn"
    assert caught.value.attempts
    assert len(transport.requests) >= 2


def test_a_declared_period_is_checked() -> None:
    """A declared period that is not above zero seconds is refused."""
    with pytest.raises(kmoment.InvalidArgumentError, match="periods"):
        kmoment.AsyncClient(TOKEN, periods={"audiences": 0})


# -- Limiters and slots under a client, in virtual time ---------------------------------


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
    """Each account's limit is learnt: under 3 % rejected, at 85 % of the limit's rate or more."""
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
            await client.account(account).targeting.cohorts()

    async def everyone() -> list[tuple[int, float]]:
        return await asyncio.gather(*(work(account) for account in range(1, 11)))

    for (rejected, took), period in zip(run(everyone()), hidden.values(), strict=True):
        assert rejected <= 0.03 * 300
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


# -- Many calls at once, in virtual time -------------------------------------------------


async def gathered(client: kmoment.AsyncClient, count: int, accounts: int = 1) -> Counter[str]:
    """How *count* calls ended that were made at once."""
    calls = (client.account(1 + n % accounts).targeting.cohorts() for n in range(count))
    answers = await asyncio.gather(*calls, return_exceptions=True)
    return Counter(type(answer).__name__ for answer in answers)


LIMITS_OF_50: dict[str, Callable[[], Limit]] = {
    "gap": lambda: Gap(0.02),
    "sliding": lambda: Sliding(50, 1.0),
    "bucket": lambda: Bucket(50.0, 50),
}


@pytest.mark.parametrize("kind", LIMITS_OF_50)
def test_five_thousand_calls_at_once(kind: str) -> None:
    """5,000 calls made at once under 50/s all succeed, in under 125 s. Most are sent once: who has
    a turn, and waits for a connection when the limit is met, waits for another turn."""
    client = kmoment.AsyncClient(TOKEN)
    host = on_host(client, LimitedHost(LIMITS_OF_50[kind]))

    async def work() -> float:
        assert await gathered(client, 5000) == {"list": 5000}
        return asyncio.get_running_loop().time()

    assert run(work()) < 125
    assert host.accepted == 5000
    assert host.rejected < 0.15 * 5000


def test_time_in_queues_is_not_counted() -> None:
    """200 calls of which the last waits 200 s for its turn succeed with a deadline of 3 s; so do
    100 that wait for the only connection."""
    client = kmoment.AsyncClient(TOKEN, deadline=3, periods={"targeting.cohorts": 1.0})
    on_host(client, LimitedHost(Limit))
    assert run(gathered(client, 200)) == {"list": 200}
    client = kmoment.AsyncClient(TOKEN, deadline=3, max_connections=1)
    on_host(client, LimitedHost(Limit, latency=0.5))
    assert run(gathered(client, 100)) == {"list": 100}


def test_time_after_the_turn_is_counted() -> None:
    """The deadline goes on after the turn: an answer that takes longer than it is not awaited."""
    client = kmoment.AsyncClient(TOKEN, deadline=3, periods={"targeting.cohorts": 1.0})
    on_host(client, LimitedHost(Limit, latency=3.1))
    assert run(gathered(client, 20)) == {"DeadlineExceededError": 20}


def test_max_wait_refuses_at_once() -> None:
    """A call that 100 others are before, at 2 a second, fails without waiting if ``max_wait`` is
    10 s. The error says so."""
    client = kmoment.AsyncClient(TOKEN, periods={"targeting.cohorts": 0.5})
    on_host(client, LimitedHost(Limit))
    hurried = client.with_options(max_wait=10).account(1).targeting

    async def work() -> None:
        crowd = asyncio.ensure_future(gathered(client, 101))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        with pytest.raises(kmoment.DeadlineExceededError) as caught:
            await hurried.cohorts()
        assert asyncio.get_running_loop().time() == 0
        assert "100 calls wait before it, at 2 a second" in str(caught.value)
        assert (caught.value.phase, caught.value.request_sent) == ("waiting for a turn", False)
        crowd.cancel()
        await asyncio.wait([crowd])

    run(work())


async def test_who_comes_back_is_not_refused_for_who_came_after() -> None:
    """A rejected call has its place before all that wait, so ``max_wait`` does not count them."""
    store, _ = limiters()
    first = store.try_enter(KEY, 0.5, 0.0)
    assert first is not None
    tasks = [
        asyncio.create_task(store.enter(KEY, 0.5, 0.0, max_wait=inf, order=None)) for _ in range(99)
    ]
    await asyncio.sleep(0)
    store.rejected(first, 0.0, None)
    again = asyncio.create_task(store.enter(KEY, 0.5, 0.0, max_wait=3.0, order=first.order))
    await asyncio.sleep(0)
    assert not again.done()
    for task in (*tasks, again):
        task.cancel()
    await asyncio.wait([*tasks, again])


def test_the_first_call_of_each_of_300_accounts_is_rejected() -> None:
    """If each account's first call gets a 429, all 600 calls of 300 accounts succeed."""
    client = kmoment.AsyncClient(TOKEN)
    on_host(client, LimitedHost(lambda: First(1, Gap(0.5))))
    assert run(gathered(client, 600, accounts=300)) == {"list": 600}


@given(
    seed=st.integers(0, 2**32),
    calls=st.integers(1, 60),
    cancelled=st.floats(0, 1),
    rejected=st.floats(0, 0.6),
    period=st.sampled_from([0.0, 0.0, 0.3]),
)
def test_cancelled_calls_hand_on_their_turn(
    seed: int, calls: int, cancelled: float, rejected: float, period: float
) -> None:
    """Calls of three accounts that are cancelled at any time, waiting or under way, do not keep
    the others from ending; nobody waits then, and the limiters work as before."""
    draw = random.Random(seed)

    async def call(store: InMemoryRateLimiters, account: int) -> None:
        clock, order = asyncio.get_running_loop().time, None
        key = ("x", account)
        while True:
            turn = store.try_enter(key, period, clock()) if order is None else None
            if turn is None:
                turn = await store.enter(key, period, clock(), max_wait=inf, order=order)
            try:
                await asyncio.sleep(draw.uniform(0.01, 0.3))
            except asyncio.CancelledError:
                store.dropped(turn, clock())
                raise
            if draw.random() >= rejected:
                return store.accepted(turn, clock())
            store.rejected(turn, clock(), draw.choice([None, 1.0]))
            order = turn.order

    async def work() -> None:
        loop = asyncio.get_running_loop()
        store = InMemoryRateLimiters(loop.time, loop.call_at)
        tasks = [asyncio.create_task(call(store, n % 3)) for n in range(calls)]
        stopped = [task for task in tasks if draw.random() < cancelled]
        for task in stopped:
            loop.call_later(draw.choice([0.0, draw.uniform(0, 1), draw.uniform(0, 9)]), task.cancel)
        await asyncio.wait(tasks)
        assert all(task.done() for task in tasks)
        assert all(task in stopped for task in tasks if task.cancelled())
        assert not any(status.waiting for status in store.statuses(loop.time()))
        await asyncio.wait_for(call(store, 0), 600)

    run(work())


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


def test_a_success_closes_every_breaker() -> None:
    """Closing the breakers after a success lets all calls through again."""
    breakers = CircuitBreakers()
    breakers.note(kmoment.QuotaExceededError("x", {"status": 400}), 0)
    assert breakers.tripped
    breakers.close()
    assert not breakers.tripped
    assert breakers.refusal(1, {}) is None


async def test_closing_ends_every_wait() -> None:
    """A call that waits for its turn ends when the client is closed, and was not sent."""
    client = kmoment.AsyncClient(TOKEN, periods={"locations.depth1": 1000.0})
    scripted(client, ok([]))
    await client.locations.depth1()
    waiting = [asyncio.create_task(client.locations.depth1()) for _ in range(3)]
    await asyncio.sleep(0.01)
    await client._dispatcher.state.close(0)
    for ended in await asyncio.gather(*waiting, return_exceptions=True):
        assert isinstance(ended, kmoment.APIConnectionError)
        assert (ended.reason, ended.request_sent) == ("the client was closed", False)


async def test_who_waits_goes_along_when_a_limit_turns_out_to_be_shared() -> None:
    """Calls that wait for their accounts' limiters wait for the one of all, and get their turn."""
    store, clock = limiters()
    keys: list[LimitKey] = [("audiences", account) for account in (1, 2)]
    waiting = []
    for key in keys:
        assert store.try_enter(key, 0.0, 0.0)
        store._lanes[key].limiter.dry(0.0)
        waiting.append(asyncio.create_task(store.enter(key, 0.0, 0.0, max_wait=inf, order=None)))
    await asyncio.sleep(0)
    store._detectors["audiences"] = SharedLimitDetector()
    store._detectors["audiences"].shared = True
    store._move("audiences", 0.0)
    (status,) = store.statuses(0.0)
    assert (status.ad_account_id, status.waiting) == (None, 2)
    clock.now = 1.0
    store._timed(store._lanes["audiences", None])
    probe = await asyncio.wait_for(waiting[0], 1)
    assert not waiting[1].done(), "one probe at a time"
    clock.now = 3.0
    store.accepted(probe, clock.now)
    assert (await asyncio.wait_for(waiting[1], 1)).limiter is probe.limiter


async def test_a_limiter_of_all_accounts_that_is_slower_gives_way() -> None:
    """If fewer calls go through than before, each account has its own limiter again."""
    store, clock = limiters()
    one, other = ((("audiences", account)) for account in (1, 2))
    detector = store._detectors["audiences"] = SharedLimitDetector()
    detector.rejected(1, 0.0)
    for _ in range(30):
        detector.accepted(1, 20.0)
    detector.turn(20.0, shared=True)
    store._move("audiences", 20.0)
    clock.now = 29.0
    probe = store.try_enter(one, 0.0, clock.now)
    assert probe is not None
    assert [it.ad_account_id for it in store.statuses(clock.now)] == [None]
    store.accepted(probe, clock.now)
    assert store.try_enter(one, 0.0, clock.now)
    assert store.try_enter(other, 0.0, clock.now)
    assert [it.ad_account_id for it in store.statuses(clock.now)] == [1, 2]


async def test_who_was_just_cancelled_is_passed_over() -> None:
    """A waiter whose task has not yet seen its cancellation gets no turn, and none is lost."""
    store, clock = limiters()
    turn = store.try_enter(KEY, 1.0, 0.0)
    assert turn is not None
    waiting = asyncio.create_task(store.enter(KEY, 1.0, 0.0, max_wait=inf, order=None))
    await asyncio.sleep(0)
    store.dropped(turn, 1.0)
    waiting.cancel()
    clock.now = 9.0
    lane = store._lanes[KEY]
    assert lane.limiter.delay(clock.now) == 0
    store._pump(lane, clock.now)
    with pytest.raises(asyncio.CancelledError):
        await waiting
    (status,) = store.statuses(9.0)
    assert status.waiting == 0


async def test_closing_limiters_ends_every_wait() -> None:
    """Whoever waits for a limiter, of one account or of all, is told that it is closed."""
    store, _ = limiters()
    assert store.try_enter(KEY, 100.0, 0.0)
    waiting = asyncio.create_task(store.enter(KEY, 100.0, 0.0, max_wait=inf, order=None))
    await asyncio.sleep(0)
    store.close()
    with pytest.raises(QueueClosedError):
        await waiting


def test_a_turn_is_given_at_its_moment_also_after_a_wait_for_the_token() -> None:
    """A call that waited for its token does not leave as if it had come before that wait: under
    one call a second, two sends are a second apart."""
    sends: list[float] = []
    slow = 0.0

    async def token() -> str:
        await asyncio.sleep(slow)
        return f"token{slow}"

    async def work() -> None:
        nonlocal slow
        client = kmoment.AsyncClient(token)
        now = asyncio.get_running_loop().time
        transport = scripted(client, *[ok([])] * 3)
        answer = transport.send

        async def send(*given: Any) -> Any:
            sends.append(now())
            return await answer(*given)

        transport.send = send  # type: ignore[method-assign,assignment]
        audiences = client.account(1).audiences
        await audiences.list()
        state = client._dispatcher.state
        lane = state.limiters._lane(("audiences", 1), 0.0, now())  # type: ignore[attr-defined]
        lane.limiter.free = False
        lane.limiter._set(Mode.HOLD, 1.0, now())
        await asyncio.sleep(5)
        slow = 0.9
        state.token._known.clear()
        first = asyncio.ensure_future(audiences.list())
        await asyncio.sleep(0.95)
        await audiences.list()
        await first

    run(work())
    assert sends[2] - sends[1] == pytest.approx(1.0, abs=0.02)
