"""A fleet and a journal whose Redis is a node of a Redis Cluster."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

import kmoment
from helpers.calls import DRAFT
from helpers.redis_cluster import redis_cluster
from helpers.redis_server import RedisServer
from kmoment.doctor import State, check
from kmoment.fleet import Fleet
from kmoment.fleet._link import Link, LinkLostError
from kmoment.sandbox import Sandbox

pytestmark = pytest.mark.anyio

ACCOUNT = 1234
PERIODS = {"locations.depth1": 0.01}


@pytest.fixture
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A cluster of one node."""
    with redis_cluster([tmp_path_factory.mktemp("node")]) as (node,):
        yield node


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[RedisServer]]:
    """A cluster of two nodes."""
    with redis_cluster([tmp_path_factory.mktemp("node") for _ in range(2)]) as found:
        yield found


def client(sandbox: Sandbox, node: RedisServer) -> kmoment.AsyncClient:
    fleet = Fleet(node.url)
    return kmoment.AsyncClient(sandbox.token, base_url=sandbox.url, fleet=fleet, periods=PERIODS)


async def test_a_cluster_of_one_node(whole: RedisServer, sandbox: Sandbox) -> None:
    """A node that has all keys serves as any Redis does: limits, locks, the status, a journal."""
    async with client(sandbox, whole) as moment:
        for _ in range(3):
            await moment.locations.depth1()
        made = await moment.account(ACCOUNT).audiences.create(DRAFT)
        await moment.account(ACCOUNT).audiences.delete(made.id)
        shown = Fleet(whole.url).status()
    assert [limit.quota for limit in shown.limits] == ["locations.depth1"]
    kinds = {key.split("}:")[1].split(":")[0] for key in whole.ask("KEYS", "*")}
    assert kinds == {"board", "create", "limiter"}
    journal = kmoment.Journal(whole.url, run="r")
    with journal.begin(1):
        pass
    assert [run.run for run in kmoment.journal.runs(whole.url)] == ["r"]


@pytest.mark.parametrize("number", [0, 1])
async def test_one_node_of_a_cluster(
    nodes: list[RedisServer], sandbox: Sandbox, number: int
) -> None:
    """A node that has only a part of the keys is refused at the first call, unsent."""
    before = len(sandbox.requests())
    async with client(sandbox, nodes[number]) as moment:
        for _ in range(2):
            with pytest.raises(kmoment.UsageError, match="a part of the keys of a cluster"):
                await moment.locations.depth1()
    assert len(sandbox.requests()) == before


async def test_keys_that_go_to_another_node(nodes: list[RedisServer]) -> None:
    """If another node has a key, Redis is away, and the reason names the cluster."""
    target: Any = Fleet(nodes[0].url)._target
    link = Link(target, asyncio.get_running_loop().time)
    for number in range(100):
        with suppress(LinkLostError):
            await link.command("GET", f"key {number}")
    assert link.away
    assert link.reason == "it has only a part of the keys of a cluster"
    await link.aclose()


def test_a_journal_on_one_node_of_a_cluster(nodes: list[RedisServer]) -> None:
    """Where another node has a run's key, the journal says so, and the job does not start."""
    refused = 0
    for number in range(8):
        journal = kmoment.Journal(nodes[0].url, run=f"run {number}")
        try:
            with journal.begin(1):
                pass
        except kmoment.JournalStoreError as error:
            assert "a part of the keys of a cluster" in str(error)
            refused += 1
    assert 0 < refused < 8


def test_the_doctor_on_one_node_of_a_cluster(
    nodes: list[RedisServer], sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The doctor finds it, with what to do."""
    monkeypatch.setenv("KMOMENT_REDIS_URL", nodes[0].url)
    monkeypatch.setenv("KMOMENT_TOKEN", sandbox.token)
    (found,) = (it for it in check() if it.what == "Redis")
    assert found.state is State.FAIL
    assert "a part of the keys of a cluster" in found.why
