"""A fleet: limits, breakers and create locks shared over a real Redis."""

import asyncio
import json
import pickle
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from math import inf
from typing import Any

import pytest
import redis
from redis.crc import key_slot

import kmoment
from helpers import TOKEN
from helpers.calls import DRAFT
from helpers.limits import Gap, Limit, Sliding
from helpers.redis_server import RedisServer
from kmoment._engine import dispatcher
from kmoment._engine.admission import (
    LimitKey,
    QueueClosedError,
    QueueTooLongError,
    RateLimiterStore,
)
from kmoment._engine.rate_limiters import InMemoryRateLimiters
from kmoment._secret import Secret
from kmoment.fleet import Fleet, _keys, _lane, _link, _scripts
from kmoment.fleet._fleet import Membership
from kmoment.hooks import BreakerClose, BreakerEvent, BreakerOpen, Hook
from kmoment.sandbox import Fault, Sandbox

pytestmark = pytest.mark.anyio

KEY: LimitKey = ("audiences", 1)
ACCOUNT = 1234


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with RedisServer(tmp_path_factory.mktemp("redis")) as running:
        yield running


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that is busy has not lost its Redis."""
    monkeypatch.setattr(_link, "LIMIT", 5.0)


@pytest.fixture
def server(started: RedisServer) -> RedisServer:
    """A Redis that knows nothing yet."""
    started.ask("FLUSHALL")
    return started


@pytest.fixture
def fleet(server: RedisServer) -> Fleet:
    return Fleet(server.url, namespace="test")


async def until(condition: Callable[[], Any]) -> None:
    """Wait until it holds: the test's own time limit ends it."""
    while not condition():
        await asyncio.sleep(0.005)


def client(sandbox: Sandbox, fleet: Fleet | None, **settings: Any) -> kmoment.AsyncClient:
    return kmoment.AsyncClient(sandbox.token, base_url=sandbox.url, fleet=fleet, **settings)


# -- One table of tests for both stores -------------------------------------------------

Make = Callable[[], Awaitable[RateLimiterStore]]


@pytest.fixture(params=["memory", "redis"])
async def make(request: pytest.FixtureRequest) -> AsyncIterator[Make]:
    """Makes stores. Those of Redis are of one fleet, each as in a process of its own."""
    loop, shares = asyncio.get_running_loop(), list[Any]()
    memory = InMemoryRateLimiters(loop.time, loop.call_at)

    async def store() -> RateLimiterStore:
        if request.param == "memory":
            return memory
        fleet = Fleet(request.getfixturevalue("server").url, namespace="test")
        shares.append(fleet._join(loop.time, loop.call_at, 5.0))
        await shares[-1].start()
        limiters: RateLimiterStore = shares[-1].limiters
        return limiters

    yield store
    for share in shares:
        share.limiters.close()
        await share.aclose()


def now() -> float:
    return asyncio.get_running_loop().time()


async def turn(store: RateLimiterStore, period: float = 0.0, order: int | None = None) -> Any:
    found = store.try_enter(KEY, period, now()) if order is None else None
    return found or await store.enter(KEY, period, now(), max_wait=inf, order=order)


async def call(store: RateLimiterStore, limit: Limit, period: float = 0.0) -> int:
    """One call under a hidden *limit*, until it is accepted. How often it was rejected."""
    order, rejected = None, 0
    while True:
        mine = await turn(store, period, order)
        await asyncio.sleep(0.002)
        if not limit.take(now()):
            store.accepted(mine, now())
            return rejected
        store.rejected(mine, now(), None)
        order, rejected = mine.order, rejected + 1


async def test_a_hidden_limit_is_held_together(make: Make) -> None:
    """Three clients under one hidden limit lose no call, and all learn that there is one."""
    stores, limit = [await make() for _ in range(3)], Sliding(8, 0.2)
    calls = [call(stores[number % 3], limit) for number in range(60)]
    rejected = sum(await asyncio.gather(*calls))
    assert rejected < 2 * len(calls)
    rates = [status.rate for store in stores for status in store.statuses(now())]
    assert None not in rates


async def test_a_declared_period_is_kept_together(make: Make) -> None:
    """Under a declared period no call begins before the answer of the one before has an age."""
    stores, limit = [await make() for _ in range(3)], Gap(0.02)
    calls = [call(stores[number % 3], limit, 0.02) for number in range(30)]
    assert sum(await asyncio.gather(*calls)) == 0


async def test_an_answer_that_takes_longer_than_a_lease(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under a declared period nobody goes while an answer is awaited, however long it takes."""
    monkeypatch.setattr(_lane, "LEASE_SECONDS", 0.3)
    stores = [await make() for _ in range(2)]
    first = await turn(stores[0], 0.02)
    other = asyncio.create_task(turn(stores[1], 0.02))
    await asyncio.wait([other], timeout=1.5)
    assert not other.done()
    stores[0].accepted(first, now())
    stores[1].accepted(await other, now())


async def test_closing_does_not_wait_for_an_answer(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A turn that is held when its store is closed keeps no task alive: its lease ends by
    itself."""
    monkeypatch.setattr(_lane, "LEASE_SECONDS", 0.3)
    store: Any = await make()
    await turn(store, 0.02)
    store.close()
    owners = getattr(store, "_owners", {})
    async with asyncio.timeout(3):
        await until(lambda: not any(lane.task for lane in owners.values()))


async def test_a_rejected_call_keeps_its_place(make: Make) -> None:
    """A call that comes back after a 429 is served before those that came later."""
    store, served = await make(), list[str]()
    first = await turn(store, 0.02)
    store.rejected(first, now(), None)

    async def enter(name: str, order: int | None) -> None:
        mine = await turn(store, 0.02, order)
        served.append(name)
        store.accepted(mine, now())

    later = [asyncio.create_task(enter(f"later {n}", 10 + n)) for n in range(3)]
    await asyncio.sleep(0)
    await enter("back", first.order)
    await asyncio.gather(*later)
    assert served.index("back") <= 1  # one of them may hold the turn already
    assert [name for name in served if name != "back"] == ["later 0", "later 1", "later 2"]


async def test_a_cancelled_waiter_passes_its_turn_on(make: Make) -> None:
    """Whoever is cancelled while waiting, or with a turn not yet used, blocks nobody."""
    store = await make()
    first = await turn(store, 0.01)
    tasks = [asyncio.create_task(turn(store, 0.01)) for _ in range(20)]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    store.dropped(first, now())
    for number, task in enumerate(tasks[1::2]):
        mine = await task
        report = store.dropped if number % 2 else store.accepted
        report(mine, now())
    assert store.statuses(now())[0].waiting == 0


async def test_cancelled_at_any_moment(make: Make) -> None:
    """A call may be cancelled at any moment of its wait: the next one still gets its turn."""
    store = await make()
    for moment in range(30):
        task = asyncio.create_task(turn(store, 0.001))
        await asyncio.sleep(moment * 0.0002)
        task.cancel()
        await asyncio.wait([task])
        if not task.cancelled():
            store.dropped(task.result(), now())
    store.accepted(await turn(store, 0.001), now())


async def test_too_long_a_queue(make: Make) -> None:
    """A call that cannot pass within its time does not wait at all."""
    store = await make()
    store.accepted(await turn(store, 9.0), now())
    with pytest.raises(QueueTooLongError):
        await store.enter(KEY, 9.0, now(), max_wait=1.0, order=None)


async def test_closing_ends_the_waits(make: Make) -> None:
    """Who waits when the client is closed is told so."""
    store = await make()
    await turn(store, 1.0)
    task = asyncio.create_task(turn(store, 1.0))
    await asyncio.sleep(0.01)
    store.close()
    with pytest.raises(QueueClosedError):
        await task


# -- What is shared ---------------------------------------------------------------------


async def test_a_free_call_asks_redis_nothing(
    fleet: Fleet, server: RedisServer, sandbox: Sandbox
) -> None:
    """Calls without a limit are no commands: Redis is asked once a second at most."""
    async with client(sandbox, fleet) as moment:
        await moment.locations.depth1()
        before = server.ask("INFO", "stats")["total_commands_processed"]
        for _ in range(20):
            await moment.locations.depth1()
        after = server.ask("INFO", "stats")["total_commands_processed"]
    assert after - before < 10


async def test_a_limit_is_known_to_a_client_that_comes_later(
    fleet: Fleet, server: RedisServer, sandbox: Sandbox
) -> None:
    """A client that never met a 429 goes on at the rate that another one has learnt."""
    state = Fleet(server.url, namespace="test")
    async with client(sandbox, fleet, periods={"locations.depth1": 0.5}) as told:
        await told.locations.depth1()
    async with client(sandbox, state) as untold:
        await untold.locations.depth1()
        (limit,) = untold.limits()
    assert limit.rate == 2
    shown = fleet.status()
    assert [(it.quota, it.ad_account_id, it.rate) for it in shown.limits] == [
        ("locations.depth1", None, 2.0)
    ]


async def test_a_limit_reaches_a_running_client(fleet: Fleet, sandbox: Sandbox) -> None:
    """The first 429 of one client slows another client that calls at the same time."""
    other = Fleet(redis_of(fleet), namespace="test")
    async with client(sandbox, fleet) as first, client(sandbox, other) as second:
        await second.locations.depth1()
        sandbox.add_fault(Fault("locations.depth1", "throttle", times=3))
        await asyncio.gather(*(first.locations.depth1() for _ in range(3)))

        def is_known() -> bool:
            return any(limit.rate for limit in second.limits())

        async with asyncio.timeout(20):
            while not is_known():
                await second.locations.depth1()
                await asyncio.sleep(0.02)


def redis_of(fleet: Fleet) -> Any:
    """A client of redis-py for the fleet's Redis."""
    settings = fleet._target.settings.reveal()
    return redis.Redis(host=settings["host"], port=settings["port"])


async def test_a_board_that_is_wrong(fleet: Fleet, server: RedisServer, sandbox: Sandbox) -> None:
    """A limit that the board names and Redis has forgotten holds nobody back."""
    async with client(sandbox, fleet, periods={"locations.depth1": 0.5}) as told:
        await told.locations.depth1()
    (key,) = server.ask("KEYS", "*:limiter")
    server.ask("DEL", key)
    (shown,) = fleet.status().limits
    assert (shown.rate, shown.state) == (None, None)
    async with client(sandbox, fleet) as moment:
        await asyncio.gather(*(moment.locations.depth1() for _ in range(5)))
        assert [limit.rate for limit in moment.limits()] == [None]
    await asyncio.to_thread(lambda: None)
    assert fleet.status().limits == ()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("odd", "what"),
        ("limit:nobody:x", "NOW "),
        ("limit", "NOW "),
        ("breaker:quota", "NOW no json"),
        ("breaker:quota", "NOW {}"),
        ("breaker:quota", 'NOW {"trips": "1", "left": null, "reason": "", "facts": {}}'),
    ],
)
async def test_a_board_of_another_program(
    fleet: Fleet, server: RedisServer, sandbox: Sandbox, field: str, value: str
) -> None:
    """What another program or version has written on the board stops no call, and no status."""
    later = str((int(server.ask("TIME")[0]) + 9) * 1_000_000)
    server.ask("HSET", _keys.board_key("test"), field, value.replace("NOW", later))
    limiter = _keys.limiter_key("test", KEY)
    server.ask("HSET", limiter, "state", "odd")
    server.ask("HSET", _keys.board_key("test"), _keys.limit_field(KEY), f"{later} ")
    async with client(sandbox, fleet) as moment:
        assert await moment.locations.depth1()
    shown = fleet.status()
    assert [(it.quota, it.rate) for it in shown.limits] == [("audiences", None)]
    assert shown.breakers == ()


async def test_scripts_are_loaded_again(
    fleet: Fleet, server: RedisServer, sandbox: Sandbox
) -> None:
    """Calls under a limit go on after SCRIPT FLUSH and after FLUSHALL."""
    async with client(sandbox, fleet, periods={"locations.depth1": 0.01}) as moment:
        await moment.locations.depth1()
        for command in (["SCRIPT", "FLUSH"], ["FLUSHALL"]):
            server.ask(*command)
            await moment.locations.depth1()
        (key,) = server.ask("KEYS", "*:limiter")
    told = json.loads(server.ask("HGET", key, "state"))
    assert told["format"] == _keys.FORMAT
    assert 0 < int(server.ask("PTTL", key)) <= 610_000


def test_each_key_has_one_slot_of_its_own_limit() -> None:
    """Keys of one limiter or lock hash by what is in braces, so that a cluster can spread them."""
    found = {
        _keys.limiter_key("ns", ("audiences", 7)): "ns:7:audiences",
        _keys.limiter_key("ns", ("audiences", None)): "ns:all:audiences",
        _keys.board_key("ns"): "ns",
        _keys.probe_key("ns", "quota"): "ns",
        _keys.create_key("ns", 7, "a}b{c"): "ns:7",
    }
    for key, tag in found.items():
        assert key_slot(key.encode()) == key_slot(tag.encode()), key
        assert key.startswith("kmoment:{")
    assert _keys.limit_of(_keys.limit_field(("PUT /a:b", 7))) == ("PUT /a:b", 7)


# -- Breakers ---------------------------------------------------------------------------


async def test_a_breaker_opens_for_all_and_closes_for_all(
    fleet: Fleet, server: RedisServer, sandbox: Sandbox
) -> None:
    """A used-up quota that one client meets stops the other, and a success lets both go on."""
    other = Fleet(server.url, namespace="test")
    async with client(sandbox, fleet) as first, client(sandbox, other) as second:
        await second.locations.depth1()
        sandbox.add_fault(Fault("locations.depth2", "quota_exceeded", times=1))
        with pytest.raises(kmoment.QuotaExceededError):
            await first.locations.depth2("강남구")
        second_share: Any = second._dispatcher.state.share
        await until(lambda: fleet.status().breakers)
        await second_share._session.board.read()
        with pytest.raises(kmoment.QuotaExceededError) as caught:
            await second.locations.depth1()
        assert caught.value.request_sent is False
        (shown,) = fleet.status().breakers
        assert shown.kind == "quota"
        assert 0 < shown.seconds <= 60
        first._dispatcher.state.breakers.close()
        await until(lambda: not fleet.status().breakers)
        await second_share._session.board.read()
        await second.locations.depth1()


async def test_hooks_hear_of_breakers_of_others(
    fleet: Fleet, server: RedisServer, sandbox: Sandbox
) -> None:
    """Hooks of a client hear of a breaker that another process has opened, and of its end."""
    heard: list[BreakerEvent] = []

    class Ear(Hook):
        def on_breaker_open(self, event: BreakerOpen) -> None:
            heard.append(event)

        def on_breaker_close(self, event: BreakerClose) -> None:
            heard.append(event)

    async with client(sandbox, fleet, hooks=[Ear()]) as moment:
        await moment.locations.depth1()
        share: Any = moment._dispatcher.state.share
        told = {"reason": "used up", "trips": 1, "left": 50.0, "facts": {}}
        share._session.board.post("breaker:quota", json.dumps(told))
        await until(lambda: heard)
        share._session.board.remove("breaker:quota")
        while not heard[1:]:
            await share._session.board.read()
    first, last = heard
    assert isinstance(first, BreakerOpen)
    assert (first.kind, first.error.reason, first.seconds) == ("quota", "used up", 50.0)
    assert isinstance(last, BreakerClose)


async def test_one_client_probes(fleet: Fleet, server: RedisServer, sandbox: Sandbox) -> None:
    """When a breaker's time is up, one client of a fleet tries, and the other is still refused."""
    other = Fleet(server.url, namespace="test")
    async with client(sandbox, fleet) as first, client(sandbox, other) as second:
        shares: list[Any] = [it._dispatcher.state for it in (first, second)]
        await asyncio.gather(first.locations.depth1(), second.locations.depth1())
        error = kmoment.QuotaExceededError("the quota is used up")
        shares[0].breakers.note(error, now())
        await until(lambda: fleet.status().breakers)
        await shares[1].share._session.board.read()
        later, token = now() + 61, Secret(sandbox.token)
        passed = [
            state.breakers.refusal(later, {}) or await state.share.may_probe(later, {}, token)
            for state in shares
        ]
        assert passed[0] is None
        assert isinstance(passed[1], kmoment.QuotaExceededError)


async def test_a_dead_token_stops_those_who_use_it(
    fleet: Fleet, server: RedisServer, sandbox: Sandbox
) -> None:
    """A refused token stops clients with that token, no others, and is in Redis as a digest."""
    async with client(sandbox, fleet) as first:
        await first.locations.depth1()
        state: Any = first._dispatcher.state
        state.breakers.note(kmoment.AuthenticationError("no"), now(), Secret(sandbox.token))
        await until(lambda: fleet.status().breakers)
        fields = server.ask("HKEYS", _keys.board_key("test"))
        digits = _keys.fingerprint("test", sandbox.token)
        assert f"breaker:token:{digits}" in fields
        assert len(digits) == 16
        assert sandbox.token not in str(fields)
        async with client(sandbox, Fleet(server.url, namespace="test")) as same:
            with pytest.raises(kmoment.AuthenticationError, match="not sent"):
                await same.locations.depth1()
        async with client(sandbox, Fleet(server.url, namespace="another")) as apart:
            assert await apart.locations.depth1()


async def test_a_call_under_way_closes_no_breaker_of_another(
    fleet: Fleet, server: RedisServer, sandbox: Sandbox
) -> None:
    """What was sent before a breaker was known here, and then ends well or with another error,
    does not let all go on: only a probe does."""
    async with client(sandbox, fleet) as first, client(sandbox, Fleet(server.url)) as other:
        await asyncio.gather(first.locations.depth1(), other.locations.depth1())
        state: Any = first._dispatcher.state
        board = state.share._session.board
        told = {"reason": "used up", "trips": 1, "left": 60.0, "facts": {}}
        board.post("breaker:quota", json.dumps(told))
        await until(lambda: state.breakers.tripped)
        state.breakers.close()
        refused = kmoment.BadRequestError("no", {"code": -813})
        assert state.breakers.note(refused, now()) == 0
        assert state.breakers.tripped
        with pytest.raises(kmoment.QuotaExceededError, match="not sent: used up"):
            await first.locations.depth1()
        assert await state.share.may_probe(now(), {}, Secret(sandbox.token)) is None
        state.breakers.close()
        await first.locations.depth1()
        await until(lambda: not fleet.status().breakers)


async def test_a_breaker_that_was_just_closed(fleet: Fleet, sandbox: Sandbox) -> None:
    """A copy of the board from before a success does not trip the breaker again."""
    async with client(sandbox, fleet) as moment:
        await moment.locations.depth1()
        state: Any = moment._dispatcher.state
        state.breakers.note(kmoment.QuotaExceededError("used up"), now())
        board = state.share._session.board
        await until(lambda: board.breakers)
        state.breakers.close()
        for listener in board.listeners:
            listener()
        assert not state.breakers.tripped


async def test_a_script_that_is_sent_twice(fleet: Fleet, sandbox: Sandbox) -> None:
    """After a stall a script is sent once more. The second copy takes no lock, no lease and no
    state of the first for that of another process."""
    async with client(sandbox, fleet) as moment:
        await moment.locations.depth1()
        share: Any = moment._dispatcher.state.share
        ask = share._session.link.script
        for _ in range(2):
            taken, _before = await ask(_scripts.LOCK, lock_key(), "mine", 10_000)
            assert taken
            answer = await ask(_scripts.SWAP, "kmoment:{a}:limiter", "", "1", "{}", 10_000)
            assert len(answer) == 1
        assert (await ask(_scripts.LOCK, lock_key(), "other", 10_000))[0] == 0
        assert len(await ask(_scripts.SWAP, "kmoment:{a}:limiter", "", "2", "{}", 10_000)) > 1


# -- Creates ----------------------------------------------------------------------------


async def test_creates_of_one_name_are_made_in_turn(
    fleet: Fleet, server: RedisServer, sandbox: Sandbox
) -> None:
    """While one client creates a name, another waits, and then lists anew."""
    other = Fleet(server.url, namespace="test")
    async with client(sandbox, fleet) as first, client(sandbox, other) as second:
        audiences = [it.account(ACCOUNT).audiences for it in (first, second)]
        made = await asyncio.gather(*(it.create(DRAFT) for it in audiences))
        assert made[0].id != made[1].id
        for audience in made:
            await audiences[0].delete(audience.id)
    await until(lambda: str(server.ask("GET", lock_key())).startswith("free:"))
    assert 0 < int(server.ask("PTTL", lock_key())) <= 15_000


def lock_key() -> str:
    return _keys.create_key("test", ACCOUNT, DRAFT.name)


async def test_a_lock_that_another_holds(
    fleet: Fleet, server: RedisServer, sandbox: Sandbox
) -> None:
    """A create that does not get its lock within its deadline says so, and was not sent."""
    server.ask("SET", lock_key(), "another", "PX", 60_000)
    async with client(sandbox, fleet, deadline=0.5) as moment:
        with pytest.raises(kmoment.DeadlineExceededError) as caught:
            await moment.account(ACCOUNT).audiences.create(DRAFT)
    assert caught.value.phase == "create lock"
    assert caught.value.request_sent is False
    assert server.ask("GET", lock_key()) == "another"


async def test_a_lock_ends_with_a_call_that_is_cancelled(
    fleet: Fleet, server: RedisServer, sandbox: Sandbox
) -> None:
    """Whenever a create is cancelled, no lock is left behind."""
    async with client(sandbox, fleet) as moment:
        await moment.locations.depth1()
        sandbox.add_fault(Fault("audiences.list", "delay", delay=20))
        try:
            for number in range(12):
                create = moment.account(ACCOUNT).audiences.create(DRAFT)
                task = asyncio.create_task(create)
                await asyncio.sleep(number * 0.0005)
                task.cancel()
                await asyncio.wait([task])
                assert task.cancelled()
            await until(lambda: (server.ask("GET", lock_key()) or "free:")[:5] == "free:")
        finally:
            sandbox.clear_faults()


async def test_a_create_whose_lock_was_lost_is_never_adopted(
    fleet: Fleet, server: RedisServer, sandbox: Sandbox
) -> None:
    """If the lock is gone when an audience is found, another process may have made it."""
    async with client(sandbox, fleet, reconcile_delays=(0.3,)) as moment:
        audiences = moment.account(ACCOUNT).audiences
        sandbox.add_fault(Fault("audiences.create", "drop_after", times=1))
        task = asyncio.create_task(audiences.create(DRAFT))
        await until(lambda: server.ask("GET", lock_key()))
        await asyncio.sleep(0.1)
        server.ask("DEL", lock_key())
        with pytest.raises(kmoment.OutcomeUnknownError) as caught:
            await task
        assert caught.value.reason == "another process may have made it"
        assert len(caught.value.candidates) == 1
        await audiences.delete(caught.value.candidates[0].id)


async def test_a_create_that_outlives_its_lock(
    fleet: Fleet, server: RedisServer, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As long as a create lasts, its lock is renewed, also if Redis was away for a moment. A lock
    that was lost is not taken anew."""
    monkeypatch.setattr(dispatcher, "_SETTLED", 0.3)
    async with client(sandbox, fleet, reconcile_delays=(0.1,)) as moment:
        audiences = moment.account(ACCOUNT).audiences
        sandbox.add_fault(Fault("audiences.create", "delay", delay=2.0, times=1))
        task = asyncio.create_task(audiences.create(DRAFT))
        await until(lambda: server.ask("GET", lock_key()))
        mine, share = server.ask("GET", lock_key()), moment._dispatcher.state.share
        assert isinstance(share, Membership)
        share._session.link._lost("for a moment")
        monkeypatch.setattr(share._session.link, "_next_try", 0.0)
        await asyncio.sleep(1.2)
        assert server.ask("GET", lock_key()) == mine
        server.ask("DEL", lock_key())
        made = await task
        await until(lambda: not share._session._tasks)
        assert server.ask("GET", lock_key()) is None
        await audiences.delete(made.id)


async def test_a_lock_is_not_renewed_for_ever(
    fleet: Fleet, server: RedisServer, sandbox: Sandbox
) -> None:
    """A create that lasts longer than any may keeps its lock no longer than that."""
    async with client(sandbox, fleet) as moment:
        await moment.locations.depth1()
        share = moment._dispatcher.state.share
        assert isinstance(share, Membership)
        lock = await share.lock_create(ACCOUNT, DRAFT.name, 0.6, 0.5)
        await until(lambda: not share._session._tasks)
        assert server.ask("GET", lock_key())
        await until(lambda: server.ask("GET", lock_key()) is None)
        lock.release()


async def test_a_create_under_its_lock_is_adopted(fleet: Fleet, sandbox: Sandbox) -> None:
    """While the lock is held a lost answer is found as ever."""
    async with client(sandbox, fleet, reconcile_delays=(0.05, 0.5)) as moment:
        audiences = moment.account(ACCOUNT).audiences
        sandbox.add_fault(Fault("audiences.create", "drop_after", times=1))
        made = await audiences.create(DRAFT)
        assert made.reconciled
        await audiences.delete(made.id)


# -- The object -------------------------------------------------------------------------


def test_the_blocking_client(fleet: Fleet, server: RedisServer, sandbox: Sandbox) -> None:
    """The blocking client shares too, shows as a member, and is gone once it is closed."""
    with kmoment.Client(sandbox.token, base_url=sandbox.url, fleet=fleet) as moment:
        assert moment.locations.depth1()
        assert len(fleet.status().members) == 1
        assert moment.with_options(max_attempts=1).locations.depth1()
    assert fleet.status().members == ()
    assert server.ask("CLIENT", "LIST").count("\n") <= 1


async def test_status_for_asyncio(fleet: Fleet, sandbox: Sandbox) -> None:
    """Two clients of one loop are one member: they share the connection."""
    async with client(sandbox, fleet) as first, client(sandbox, fleet) as second:
        await first.locations.depth1()
        await second.locations.depth1()
        shown = await fleet.astatus()
    assert shown
    assert shown.namespace == fleet.namespace == "test"
    assert len(shown.members) == 1
    assert shown.version


async def test_closing_a_fleet(fleet: Fleet, sandbox: Sandbox) -> None:
    """A closed fleet takes no further client, and serves those that it has."""
    async with client(sandbox, fleet) as first, client(sandbox, fleet) as second:
        await first.locations.depth1()
        await fleet.aclose()
        await first.locations.depth1()
        with pytest.raises(kmoment.ClientClosedError, match="fleet"):
            await second.locations.depth1()


def test_clients_that_are_left_in_closed_loops(fleet: Fleet, sandbox: Sandbox) -> None:
    """A fleet keeps nothing of clients that were never closed, once their loops are."""

    async def use() -> kmoment.AsyncClient:
        moment = client(sandbox, fleet)
        assert await moment.locations.depth1()
        return moment

    left = [asyncio.run(use()) for _ in range(3)]
    assert len(fleet._sessions) == 1

    async def close() -> None:
        for moment in left:
            await moment.aclose()

    asyncio.run(close())
    assert len(fleet._sessions) == 0


def test_a_second_loop(fleet: Fleet, sandbox: Sandbox) -> None:
    """A client whose loop was closed goes on in another one, with connections of its own."""
    moment = client(sandbox, fleet)
    for _ in range(2):
        asyncio.run(call_once(moment))
    asyncio.run(moment.aclose())


async def call_once(moment: kmoment.AsyncClient) -> None:
    await moment.locations.depth1()


@pytest.mark.parametrize(
    ("settings", "argument"),
    [
        ({"url": "http://localhost"}, "url"),
        ({"url": "redis://localhost:port/0"}, "url"),
        ({"url": 5}, "url"),
        ({"namespace": "a b"}, "namespace"),
        ({"namespace": ""}, "namespace"),
        ({"namespace": 5}, "namespace"),
        ({"on_failure": "open"}, "on_failure"),
        ({"creates": "never"}, "creates"),
    ],
)
def test_settings_that_are_refused(settings: Any, argument: str) -> None:
    """Each argument that breaks its rule is refused when the fleet is made."""
    with pytest.raises(kmoment.InvalidArgumentError) as caught:
        Fleet(**{"url": "redis://:canary@localhost/0", **settings})
    assert caught.value.argument == argument
    assert "canary" not in str(caught.value)


def test_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without arguments a fleet is that of the environment; without a URL it is refused."""
    monkeypatch.delenv("KMOMENT_REDIS_URL", raising=False)
    monkeypatch.delenv("KMOMENT_FLEET", raising=False)
    with pytest.raises(kmoment.InvalidArgumentError, match="KMOMENT_REDIS_URL"):
        Fleet()
    monkeypatch.setenv("KMOMENT_REDIS_URL", "redis://localhost/0")
    assert Fleet().namespace == "default"
    monkeypatch.setenv("KMOMENT_FLEET", "nightly")
    assert Fleet().namespace == "nightly"
    monkeypatch.setenv("KMOMENT_FLEET", "a b")
    with pytest.raises(kmoment.InvalidArgumentError, match="KMOMENT_FLEET"):
        Fleet()


def test_a_client_takes_a_fleet_and_nothing_else() -> None:
    """What is no fleet is refused when the client is made."""
    for wrong in (Fleet, "redis://localhost", 5):
        with pytest.raises(kmoment.InvalidArgumentError, match="Fleet"):
            kmoment.AsyncClient(TOKEN, fleet=wrong)  # type: ignore[arg-type]


def test_the_url_is_a_secret() -> None:
    """The password of a URL is in no repr, and a fleet does not pickle."""
    fleet = Fleet("redis://:canary@localhost/0", namespace="test")
    assert "canary" not in repr(fleet) + repr(fleet._target)
    assert repr(Fleet.__new__(Fleet)) == "<Fleet>"
    with pytest.raises(TypeError, match="make one in each process"):
        pickle.dumps(fleet)


def test_clients_of_redis_py(server: RedisServer) -> None:
    """The address of a client of redis-py is taken over, blocking or not, decoding or not."""
    from redis import asyncio as redis_asyncio

    for given in (
        redis.Redis(port=server.port),
        redis.Redis(port=server.port, decode_responses=True),
        redis_asyncio.Redis(port=server.port),
    ):
        assert Fleet(given).status().available


def test_an_open_way_to_another_machine_warns() -> None:
    """A Redis on another machine without TLS warns; with TLS, or on this machine, it does not."""
    with pytest.warns(RuntimeWarning, match="unencrypted"):
        Fleet("redis://10.1.2.3/0")
    for url in ("rediss://10.1.2.3/0", "redis://127.0.0.1/0", "unix:///run/redis.sock"):
        Fleet(url)


def test_without_redis_py(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra a fleet names it."""
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(ModuleNotFoundError, match=r"kmoment\[fleet\]"):
        Fleet("redis://localhost/0")


async def test_a_state_of_another_program(
    fleet: Fleet, server: RedisServer, sandbox: Sandbox
) -> None:
    """What another program has written in place of a state is refused in one clear error."""
    key = _keys.limiter_key("test", ("locations.depth1", None))
    server.ask("HSET", key, "version", "1", "state", "{}", "at", "0")
    async with client(sandbox, fleet, periods={"locations.depth1": 0.01}) as moment:
        with pytest.raises(kmoment.UsageError, match="another namespace"):
            await moment.locations.depth1()


async def test_old_fields_are_deleted(fleet: Fleet, server: RedisServer, sandbox: Sandbox) -> None:
    """Members that are gone, and limits that nobody has used for long, leave the board."""
    server.ask("HSET", _keys.board_key("test"), "member:gone", "1 ", "limit:7:old", "1 ")
    async with client(sandbox, fleet) as moment:
        await moment.locations.depth1()
        assert await asyncio.to_thread(fleet_fields, server) == {"member"}


def fleet_fields(server: RedisServer) -> set[str]:
    """The kinds of fields that are on the board, once old ones are gone."""
    while "member:gone" in (fields := server.ask("HKEYS", _keys.board_key("test"))):
        pass
    return {field.split(":")[0] for field in fields}


async def test_a_limit_that_turns_out_to_be_shared(make: Make) -> None:
    """When the limiter of all accounts takes the place of many, calls that wait go along, and the
    turns of the old limiters are still reported."""
    store, limit, rejected = await make(), Sliding(4, 0.1), 0

    async def work(account: int) -> None:
        nonlocal rejected
        key, order = ("audiences", account), None
        while True:
            mine = store.try_enter(key, 0.0, now()) if order is None else None
            mine = mine or await store.enter(key, 0.0, now(), max_wait=inf, order=order)
            await asyncio.sleep(0.002)
            if not limit.take(now()):
                store.accepted(mine, now())
                return
            store.rejected(mine, now(), None)
            order = mine.order
            rejected += 1
            if rejected == 30:
                own: Any = store
                own._detector("audiences", now()).turn(now(), shared=True)
                own._move("audiences", now())

    await asyncio.gather(*(work(number % 8) for number in range(60)))
    assert rejected >= 30
    assert all(status.waiting == 0 for status in store.statuses(now()))


def test_the_folder_of_a_test_is_left_empty(started: RedisServer) -> None:
    """Redis writes no files: nothing is left of a test."""
    assert started.folder is not None
    assert list(started.folder.iterdir()) == []


async def test_one_limit_for_all_accounts_is_so_for_all_processes(
    server: RedisServer,
) -> None:
    """If one process finds that all accounts have one limit, the others follow; and back."""
    loop = asyncio.get_running_loop()
    shares = [Fleet(server.url)._join(loop.time, loop.call_at, 5.0) for _ in range(2)]
    first, second = (share.limiters for share in shares)
    for share in shares:
        await share.start()
        for account in (1, 2):
            mine = share.limiters.try_enter(("audiences", account), 0.0, now())
            assert mine
            share.limiters.accepted(mine, now())
    for wanted in (True, False):
        for one in (first, second):
            one._detector("audiences", now())
        first._detectors["audiences"].turn(now(), shared=wanted)
        first._move("audiences", now())
        if wanted:
            await first.enter(("audiences", 1), 0.0, now(), max_wait=inf, order=None)
        async with asyncio.timeout(10):
            while second._detectors["audiences"].shared is not wanted:
                await asyncio.sleep(0.02)
                second._board.look(now())
    for share in shares:
        share.limiters.close()
        await share.aclose()
