"""A fleet whose Redis answers late, or fails over to a replica that has not seen all writes."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

import kmoment
from helpers.calls import DRAFT
from helpers.redis_relay import Relay
from helpers.redis_server import RedisServer
from kmoment.fleet import Fleet, _link
from kmoment.sandbox import Fault, Sandbox

pytestmark = pytest.mark.anyio

ACCOUNT = 1234
PERIODS = {"locations.depth1": 0.01}


@pytest.fixture
def primary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    soon = ("--repl-diskless-sync-delay", "0")  # a replica waits 5 s otherwise
    with RedisServer(tmp_path_factory.mktemp("primary"), soon) as running:
        yield running


@pytest.fixture
def replica(
    primary: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RedisServer]:
    """It follows the primary."""
    with RedisServer(tmp_path_factory.mktemp("replica")) as running:
        running.ask("REPLICAOF", "127.0.0.1", primary.port)
        yield running


@pytest.fixture
async def relay(primary: RedisServer) -> AsyncIterator[Relay]:
    async with Relay(primary.port) as running:
        yield running


@pytest.fixture(autouse=True)
def soon_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Redis is tried again after a fraction of a second: tests shall not take long."""
    monkeypatch.setattr(_link, "_REST", (0.05, 0.1))


def client(sandbox: Sandbox, relay: Relay, **settings: Any) -> kmoment.AsyncClient:
    return kmoment.AsyncClient(
        sandbox.token, base_url=sandbox.url, fleet=Fleet(relay.url), **settings
    )


def link(moment: kmoment.AsyncClient) -> Any:
    share: Any = moment._dispatcher.state.share
    return share._session.link


async def calls(*clients: kmoment.AsyncClient, count: int = 10) -> None:
    await asyncio.gather(*(moment.locations.depth1() for moment in clients * count))


async def back(moment: kmoment.AsyncClient) -> None:
    """Call until Redis is used again. The pauses leave a busy machine the time to connect."""
    async with asyncio.timeout(30):
        while link(moment).away:
            await calls(moment, count=1)
            await asyncio.sleep(0.05)


async def served(moment: kmoment.AsyncClient) -> None:
    """Call, and go on until Redis is used again."""
    await calls(moment)
    await back(moment)


async def seen(server: RedisServer, pattern: str) -> str:
    """The first key that is like *pattern*, once it is there."""
    while not (keys := server.ask("KEYS", pattern)):
        await asyncio.sleep(0.005)
    return str(keys[0])


async def fail_over(relay: Relay, primary: RedisServer, replica: RedisServer) -> None:
    """The primary dies, and the replica takes its address."""
    relay.port = replica.port
    relay.cut()
    primary.stop()


async def test_a_redis_that_answers_after_three_seconds(
    relay: Relay, sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    """Calls do not wait for late answers, and what comes late is no answer to a later question."""
    caplog.set_level(logging.INFO, "kmoment")
    async with client(sandbox, relay, periods=PERIODS) as moment:
        await calls(moment)
        relay.delay = 3.0
        await calls(moment)
        assert link(moment).reason.startswith("no answer within 0.25 s")
        relay.delay = 0.0
        await back(moment)
        await calls(moment)
    told = [it.getMessage() for it in caplog.records if it.name == "kmoment"]
    assert [line.split(" ")[3] for line in told] == ["lost", "back"]


async def test_a_failover_that_loses_writes(
    relay: Relay, primary: RedisServer, replica: RedisServer, sandbox: Sandbox
) -> None:
    """After a failover that has lost writes all calls go on, and what the processes know is
    written again: no older turn or rate comes back."""
    settings: Any = {"periods": PERIODS}
    async with (
        client(sandbox, relay, **settings) as first,
        client(sandbox, relay, **settings) as second,
    ):
        await calls(first, second)
        key = await seen(replica, "*:limiter")
        replica.ask("REPLICAOF", "NO", "ONE")
        await calls(first, second)
        old = replica.ask("HGET", key, "version")
        assert old != primary.ask("HGET", key, "version")
        await fail_over(relay, primary, replica)
        # Both at once: one may wait for a turn that the other had before the failover.
        await asyncio.gather(served(first), served(second))
        await calls(first, second)
        assert replica.ask("HGET", key, "version") != old
        limits = [*first.limits(), *second.limits()]
        assert [limit.rate for limit in limits] == [100, 100]


async def test_a_turn_that_a_failover_brings_back(
    relay: Relay, primary: RedisServer, replica: RedisServer, sandbox: Sandbox
) -> None:
    """A turn that a failover brings back, of a process that makes no call any more, holds the
    others up for a few seconds, not for as long as a call may take."""
    async with (
        client(sandbox, relay, periods=PERIODS) as idle,
        client(sandbox, relay, periods=PERIODS) as other,
    ):
        await calls(idle, other)
        key = await seen(replica, "*:limiter")
        sandbox.add_fault(Fault("locations.depth1", "delay", delay=1.0, times=1))
        call = asyncio.create_task(idle.locations.depth1())
        while turn_in(replica, key) not in turns_of(idle):
            await asyncio.sleep(0.005)
        replica.ask("REPLICAOF", "NO", "ONE")
        await call
        while turn_in(primary, key):
            await asyncio.sleep(0.005)
        await fail_over(relay, primary, replica)
        assert turn_in(replica, key)
        await back(other)
        async with asyncio.timeout(15):
            await calls(other)


def turn_in(server: RedisServer, key: str) -> str | None:
    """The turn that a limiter shows as held."""
    lease = json.loads(server.ask("HGET", key, "state"))["lease"]
    return lease and str(lease[0])


def turns_of(moment: kmoment.AsyncClient) -> list[str]:
    """The turns that a client holds."""
    limiters: Any = moment._dispatcher.state.limiters
    return [held.ident for lane in limiters._lanes.values() for held in lane.holding.values()]


async def test_a_create_lock_that_a_failover_loses(
    relay: Relay, primary: RedisServer, replica: RedisServer, sandbox: Sandbox
) -> None:
    """If the lock was lost by a failover, an audience whose answer was lost is not adopted."""
    async with client(sandbox, relay, reconcile_delays=(1.5,)) as moment:
        await moment.locations.depth1()
        await seen(replica, "*:board")
        replica.ask("REPLICAOF", "NO", "ONE")
        audiences = moment.account(ACCOUNT).audiences
        sandbox.add_fault(Fault("audiences.create", "drop_after", times=1))
        task = asyncio.create_task(audiences.create(DRAFT))
        await seen(primary, "*:create:*")
        await fail_over(relay, primary, replica)
        with pytest.raises(kmoment.OutcomeUnknownError, match="another process may") as caught:
            await task
        await audiences.delete(caught.value.candidates[0].id)
