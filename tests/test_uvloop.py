"""The async client on uvloop, which has its own sockets, timers and cancellation."""

import asyncio
from collections.abc import Coroutine, Iterator
from typing import Any

import pytest

import kmoment
from helpers.calls import ROWS, Row
from kmoment.sandbox import Fault, Sandbox

uvloop = pytest.importorskip("uvloop")


def run(work: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert isinstance(runner.get_loop(), uvloop.Loop)
        runner.run(work)


@pytest.fixture
def fresh(sandbox: Sandbox) -> Iterator[Sandbox]:
    sandbox.reset()
    yield sandbox
    sandbox.reset()


def make(sandbox: Sandbox) -> kmoment.AsyncClient:
    return kmoment.AsyncClient(sandbox.token, base_url=sandbox.url)


async def slow_call(client: kmoment.AsyncClient, sandbox: Sandbox) -> asyncio.Task[Any]:
    """A call that the server has received and does not answer."""
    sandbox.add_fault(Fault("locations.depth1", "delay", delay=30, times=1))
    task = asyncio.ensure_future(client.locations.depth1())
    while not any(entry["endpoint"] == "locations.depth1" for entry in sandbox.requests()):
        await asyncio.sleep(0.01)
    return task


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_calls(row: Row, fresh: Sandbox) -> None:
    """Each call of the table returns its value."""

    async def work() -> None:
        async with make(fresh) as client:
            assert row.expect(await row.call(client))

    run(work())


def test_a_reset(fresh: Sandbox) -> None:
    """A read whose connection is reset is tried again, and then raises APIConnectionError."""

    async def work() -> None:
        async with make(fresh).with_options(outage_patience=0) as client:
            fresh.add_fault(Fault("audiences.list", "reset", times=1))
            assert await client.account(1234).audiences.list()
            fresh.add_fault(Fault("audiences.list", "reset"))
            with pytest.raises(kmoment.APIConnectionError) as caught:
                await client.account(1234).audiences.list()
            assert caught.value.request_sent
            assert len(caught.value.attempts) == 3

    run(work())


def test_a_cancellation(fresh: Sandbox) -> None:
    """A cancelled call frees its slot, and the next call works."""

    async def work() -> None:
        async with make(fresh) as client:
            task = await slow_call(client, fresh)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert client._dispatcher.state.slots._free == 100
            assert await client.account(1234).audiences.list()

    run(work())


def test_closing_under_a_call(fresh: Sandbox) -> None:
    """Closing ends the call under way with APIConnectionError, and refuses later calls."""

    async def work() -> None:
        client = make(fresh)
        task = await slow_call(client, fresh)
        await client._dispatcher.state.close(0.05)
        with pytest.raises(kmoment.APIConnectionError):
            await task
        with pytest.raises(kmoment.ClientClosedError):
            await client.locations.depth1()

    run(work())
