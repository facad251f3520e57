"""A fleet whose Redis is away, slow, silent, restarted, flushed, or of no use."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import Any

import pytest

import kmoment
from helpers.calls import DRAFT
from helpers.programs import free_port
from helpers.redis_server import RedisServer
from kmoment._policies.rate_limit import RateLimiter
from kmoment._secret import Secret
from kmoment.fleet import Fleet, _link
from kmoment.fleet._keys import board_key, create_key, fingerprint
from kmoment.fleet._lane import SharedLane
from kmoment.fleet._link import LinkLostError
from kmoment.sandbox import Fault, Sandbox

pytestmark = pytest.mark.anyio

ACCOUNT = 1234
PERIODS = {"locations.depth1": 0.01}


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with RedisServer(tmp_path_factory.mktemp("redis")) as running:
        yield running


@pytest.fixture(autouse=True)
def soon_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Redis is tried again after a fraction of a second: tests shall not take long."""
    monkeypatch.setattr(_link, "_REST", (0.05, 0.1))


def client(sandbox: Sandbox, fleet: Fleet, **settings: Any) -> kmoment.AsyncClient:
    return kmoment.AsyncClient(sandbox.token, base_url=sandbox.url, fleet=fleet, **settings)


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What the log says of the fleet, in a word each."""
    told = [it.getMessage() for it in caplog.records if it.name == "kmoment"]
    return [line.split(" ")[3] for line in told if line.startswith("fleet: Redis")]


async def back(moment: kmoment.AsyncClient) -> None:
    """Call until Redis is used again."""
    share: Any = moment._dispatcher.state.share
    while share._session.link.away:
        await moment.locations.depth1()
        await asyncio.sleep(0.01)


async def calls(moment: kmoment.AsyncClient, count: int = 20) -> None:
    await asyncio.gather(*(moment.locations.depth1() for _ in range(count)))


async def calls_for_ever(moment: kmoment.AsyncClient) -> None:
    while True:
        await moment.locations.depth1()
        await asyncio.sleep(0.01)


async def test_calls_go_on_without_redis(
    server: RedisServer, sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    """When Redis dies and comes back empty, all calls go through, and each way is logged once."""
    caplog.set_level(logging.INFO, "kmoment")
    async with client(sandbox, Fleet(server.url), periods=PERIODS) as moment:
        await calls(moment)
        server.stop()
        await calls(moment)
        assert lines(caplog) == ["lost"]
        server.start()
        await back(moment)
        await calls(moment)
        while not server.ask("KEYS", "*:limiter"):  # the warm state was written again
            await calls(moment, 1)
    assert lines(caplog) == ["lost", "back"]


async def test_a_silent_redis(
    server: RedisServer, sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    """A Redis that accepts and answers nothing stops no call."""
    caplog.set_level(logging.INFO, "kmoment")
    async with client(sandbox, Fleet(server.url), periods=PERIODS) as moment:
        await calls(moment)
        with server.silent():
            await calls(moment)
            assert lines(caplog)[0] == "lost"
        await back(moment)
        await calls(moment)


async def test_a_redis_that_was_never_there(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    """Without Redis from the beginning calls are made as without a fleet."""
    fleet = Fleet(f"redis://127.0.0.1:{free_port()}/0")
    async with client(sandbox, fleet, periods=PERIODS) as moment:
        await calls(moment, 3)
        shown = await fleet.astatus()
    assert not shown
    assert (shown.members, shown.reason) == ((), "ConnectionError")
    assert lines(caplog) == ["lost"]


async def test_waiting_calls_are_refused(server: RedisServer, sandbox: Sandbox) -> None:
    """With ``on_failure="stop"`` calls that wait and calls that come are refused, unsent."""
    fleet = Fleet(server.url, on_failure="stop")
    async with client(sandbox, fleet, periods={"locations.depth1": 0.4}) as moment:
        await moment.locations.depth1()
        waiting = [asyncio.create_task(moment.locations.depth1()) for _ in range(3)]
        await asyncio.sleep(0.05)
        server.stop()
        for found in await asyncio.gather(*waiting, return_exceptions=True):
            assert isinstance(found, kmoment.FleetUnavailableError)
            assert found.request_sent is False
            assert found.can_retry
            assert found.operation == "locations.depth1"
        for method in (moment.locations.depth1, moment.categories.interests):
            with pytest.raises(kmoment.FleetUnavailableError, match="Redis is away"):
                await method()
        server.start()
        async with asyncio.timeout(30):
            while True:
                try:
                    await moment.locations.depth1()
                except kmoment.FleetUnavailableError:
                    await asyncio.sleep(0.01)
                else:
                    break


async def test_creates_without_a_lock(server: RedisServer, sandbox: Sandbox) -> None:
    """Without Redis a create goes, but a lost answer is not adopted; or it is not made at all."""
    async with client(sandbox, Fleet(server.url), reconcile_delays=(0.01, 0.3)) as moment:
        await moment.locations.depth1()
        server.stop()
        audiences = moment.account(ACCOUNT).audiences
        made = await audiences.create(DRAFT)
        assert not made.reconciled
        await audiences.delete(made.id)
        sandbox.add_fault(Fault("audiences.create", "drop_after", times=1))
        with pytest.raises(kmoment.OutcomeUnknownError, match="another process may") as caught:
            await audiences.create(DRAFT)
        (candidate,) = caught.value.candidates
        await audiences.delete(candidate.id)
    requests = len(sandbox.requests())
    async with client(sandbox, Fleet(server.url, creates="refuse")) as moment:
        with pytest.raises(kmoment.FleetUnavailableError, match="not sent") as refused:
            await moment.account(ACCOUNT).audiences.create(DRAFT)
    assert refused.value.request_sent is False
    assert len(sandbox.requests()) == requests


async def test_a_lock_that_cannot_be_given_back(server: RedisServer, sandbox: Sandbox) -> None:
    """A create whose Redis dies under way ends well: the lock ends by itself."""
    async with client(sandbox, Fleet(server.url)) as moment:
        sandbox.add_fault(Fault("audiences.create", "delay", delay=0.3, times=1))
        task = asyncio.create_task(moment.account(ACCOUNT).audiences.create(DRAFT))
        while not server.ask("KEYS", "*:create:*"):
            await asyncio.sleep(0.005)
        server.stop()
        made = await task
        await moment.account(ACCOUNT).audiences.delete(made.id)


async def test_redis_dies_while_a_lost_create_is_looked_for(
    server: RedisServer, sandbox: Sandbox
) -> None:
    """If Redis cannot say that the lock was held, what is found is not adopted."""
    async with client(sandbox, Fleet(server.url), reconcile_delays=(0.4,)) as moment:
        audiences = moment.account(ACCOUNT).audiences
        sandbox.add_fault(Fault("audiences.create", "drop_after", times=1))
        task = asyncio.create_task(audiences.create(DRAFT))
        while not server.ask("KEYS", "*:create:*"):
            await asyncio.sleep(0.005)
        await asyncio.sleep(0.1)
        server.stop()
        with pytest.raises(kmoment.OutcomeUnknownError, match="another process may") as caught:
            await task
        await audiences.delete(caught.value.candidates[0].id)


async def test_a_probe_without_redis(server: RedisServer, sandbox: Sandbox) -> None:
    """While Redis is away each process tries by itself whether a breaker may close."""
    async with client(sandbox, Fleet(server.url)) as moment:
        await moment.locations.depth1()
        server.stop()
        state: Any = moment._dispatcher.state
        state.breakers.note(kmoment.QuotaExceededError("used up"), state.clock() - 100)
        assert await moment.locations.depth1()


async def test_a_breaker_that_trips_without_redis(server: RedisServer, sandbox: Sandbox) -> None:
    """What trips while Redis is away is told when it is back: another process stops too."""
    fleets = (Fleet(server.url), Fleet(server.url))  # each as in a process of its own
    async with client(sandbox, fleets[0]) as moment, client(sandbox, fleets[1]) as other:
        await asyncio.gather(moment.locations.depth1(), other.locations.depth1())
        state: Any = moment._dispatcher.state
        link, token = state.share._session.link, Secret(sandbox.token)
        server.stop()
        await calls(moment, 1)
        with pytest.raises(LinkLostError):
            await link.command("PING")
        for error in (kmoment.QuotaExceededError, kmoment.AuthenticationError):
            state.breakers.note(error("no"), state.clock(), token)
        server.start()
        while link.away:
            with suppress(LinkLostError):
                await link.command("PING")
            await asyncio.sleep(0.01)
        digits = fingerprint("default", sandbox.token)
        told = {"breaker:quota", f"breaker:token:{digits}"}
        while not told <= set(server.ask("HKEYS", board_key("default"))):
            await asyncio.sleep(0.01)
        with pytest.raises(kmoment.APIError, match="not sent"):
            await calls_for_ever(other)


async def test_a_foreign_breaker_without_redis(server: RedisServer, sandbox: Sandbox) -> None:
    """While Redis is away a success also closes a breaker that another process has told of."""
    async with client(sandbox, Fleet(server.url)) as moment:
        await moment.locations.depth1()
        state: Any = moment._dispatcher.state
        told = {"reason": "used up", "trips": 1, "left": 0.0, "facts": {}}
        state.share._session.board.post("breaker:quota", json.dumps(told))
        while not state.breakers.tripped:
            await asyncio.sleep(0.005)
        server.stop()
        await moment.locations.depth1()
        assert not state.breakers.tripped
        await moment.locations.depth1()


async def test_a_password_that_is_changed(server: RedisServer, sandbox: Sandbox) -> None:
    """A Redis that was used, and refuses its password now, is as one that is away."""
    async with client(sandbox, Fleet(server.url), periods=PERIODS) as moment:
        await calls(moment, 2)
        server.ask("CONFIG", "SET", "requirepass", "another")
        share: Any = moment._dispatcher.state.share
        await share._session.link._redis.connection_pool.disconnect()
        while "password" not in share._session.link.reason:
            await calls(moment, 4)


async def test_a_lock_that_redis_gives_too_late(server: RedisServer, sandbox: Sandbox) -> None:
    """A lock that Redis gives after nobody waited for it proves nothing, and is given back."""
    async with client(sandbox, Fleet(server.url)) as moment:
        await moment.locations.depth1()
        share: Any = moment._dispatcher.state.share
        # Redis knows the script now:
        (await share.lock_create(ACCOUNT, "another", 60.0, 60.0)).release()
        with server.silent():
            lock = await share.lock_create(ACCOUNT, "name", 60.0, 60.0)
        key = create_key("default", ACCOUNT, "name")
        while not server.ask("GET", key):
            await asyncio.sleep(0.005)
        assert lock.contended
        assert not await lock.is_held()
        while not server.ask("GET", key).startswith("free:"):
            lock.release()
            await asyncio.sleep(0.05)


async def test_closing_that_is_cancelled(server: RedisServer, sandbox: Sandbox) -> None:
    """If closing is cancelled while Redis is silent, all connections are closed even so."""
    moment = client(sandbox, Fleet(server.url))
    await moment.locations.depth1()
    state: Any = moment._dispatcher.state
    link = state.share._session.link
    with server.silent():
        task = asyncio.create_task(moment.aclose())
        while not link._running:
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert link._redis is None
    assert state.transport._pool._kept.closed


async def test_a_password_that_does_not_fit(server: RedisServer, sandbox: Sandbox) -> None:
    """A Redis that refuses the password is refused at the first call. The password is not shown."""
    server.ask("CONFIG", "SET", "requirepass", "right")
    async with client(sandbox, Fleet(f"redis://:canary@127.0.0.1:{server.port}/0")) as moment:
        with pytest.raises(kmoment.UsageError, match="password") as caught:
            await moment.locations.depth1()
    assert "canary" not in str(caught.value)


async def test_a_replica_is_refused(
    server: RedisServer, sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A read-only replica is refused at the first call; one that was a primary is away."""
    with RedisServer(tmp_path_factory.mktemp("replica")) as replica:
        async with client(sandbox, Fleet(replica.url), periods=PERIODS) as moment:
            await calls(moment, 2)
            replica.ask("REPLICAOF", "127.0.0.1", server.port)
            await calls(moment, 4)
            share: Any = moment._dispatcher.state.share
            assert share._session.link.reason == "it is a read-only replica now"
        async with client(sandbox, Fleet(replica.url)) as moment:
            with pytest.raises(kmoment.UsageError, match="read-only replica"):
                await moment.locations.depth1()


async def test_a_redis_that_refuses_writes(server: RedisServer, sandbox: Sandbox) -> None:
    """A Redis without memory is as one that is away."""
    async with client(sandbox, Fleet(server.url), periods=PERIODS) as moment:
        await calls(moment, 2)
        server.ask("CONFIG", "SET", "maxmemory", "1")
        await calls(moment, 4)
        share: Any = moment._dispatcher.state.share
        assert share._session.link.reason == "it answers OOM" or share._session.link.away


@pytest.fixture
async def old_redis() -> AsyncIterator[int]:
    """A server that answers as Redis 5 would. Its port."""
    info = b"redis_version:5.0.7\r\nrole:master\r\n"

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            words = [await reader.readline() for _ in range(2 * int(line[1:]))][1::2]
            known = words[0].strip() == b"INFO"
            writer.write(b"$%d\r\n%s\r\n" % (len(info), info) if known else b"+OK\r\n")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()


async def test_an_old_redis_is_refused(old_redis: int, sandbox: Sandbox) -> None:
    """A server older than 6.2 is refused at the first call, and the error names its version."""
    async with client(sandbox, Fleet(f"redis://127.0.0.1:{old_redis}/0")) as moment:
        with pytest.raises(kmoment.UsageError, match=r"5\.0\.7"):
            await moment.locations.depth1()


def test_a_share_of_the_rate_while_redis_is_away() -> None:
    """Without Redis each of four members goes on at a quarter of the rate, and none waits for a
    lease; afterwards the lower rate and the later turn hold."""
    lane = SharedLane(("audiences", 1), RateLimiter(0.1), "me")
    lane.reserve(0.0, 4, 60.0)
    lane.go_alone(4)
    assert lane.limiter.rate == 2.5
    assert lane.limiter.delay(1.0) == 0.0
    lane.come_back()
    assert lane.limiter.rate == 10
    assert lane.asked_for
