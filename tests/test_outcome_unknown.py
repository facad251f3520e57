"""Cases in which a write may have been done. The report must say so, also after a later event.

``test_stateful.py`` has found each of them.
"""

import asyncio
from typing import Any

import attrs
import pytest

import kmoment
from helpers import TOKEN
from helpers.calls import DRAFT
from helpers.truth import TROUBLES, Truth, under, writing
from helpers.virtual_clock import run
from kmoment import testing
from kmoment._engine.reconcile import list_call
from kmoment.hooks import CallEnd, Hook
from test_stateful import Ear

NEW = kmoment.AudienceDraft.display("new")


def moment(**settings: Any) -> tuple[Any, Truth, Ear]:
    ear = Ear()
    client = kmoment.AsyncClient(TOKEN, hooks=[ear], **settings)
    truth = under(client, Truth(lambda: 0.01))
    truth.kakao.seed(1, 3)
    return client, truth, ear


CALLS = {
    "update": lambda a: a.update(101, NEW),
    "delete": lambda a: a.delete(101),
    "unlink": lambda a: a.unlink(101, 1),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_final_answer_after_a_doubt_is_a_doubt(name: str) -> None:
    """If an attempt may have acted, a later 401 raises OutcomeUnknownError."""

    async def work() -> None:
        client, _, _ = moment()
        with writing("502 after", "401") as told, pytest.raises(kmoment.APIError) as caught:
            await CALLS[name](client.account(1).audiences)
        assert told.changes == 1
        assert isinstance(caught.value, kmoment.OutcomeUnknownError), repr(caught.value)

    run(work())


@pytest.mark.parametrize("name", CALLS)
def test_a_breaker_in_the_middle_of_a_doubt(name: str) -> None:
    """If a probe may have acted and the breaker refuses its retry, the outcome is unknown."""

    async def work() -> None:
        client, _, _ = moment()
        audiences = client.account(1).audiences
        with writing("quota"), pytest.raises(kmoment.QuotaExceededError):
            await audiences.list()
        await asyncio.sleep(61)
        with writing("reset after") as told, pytest.raises(kmoment.APIError) as caught:
            await CALLS[name](audiences)
        assert told.changes == 1
        assert isinstance(caught.value, kmoment.OutcomeUnknownError), repr(caught.value)

    run(work())


@pytest.mark.parametrize("name", CALLS)
def test_cancelled_in_the_pause_after_a_doubt(name: str) -> None:
    """If a call is cancelled after an attempt that may have acted, the hook gets "unknown"."""

    async def work() -> None:
        client, _, ear = moment()
        client._change_settings(sleep=lambda _: asyncio.sleep(100))
        with writing("reset after") as told:
            task = asyncio.ensure_future(CALLS[name](client.account(1).audiences))
            await asyncio.sleep(1)
            task.cancel()
            await asyncio.wait([task])
        assert told.changes == 1
        assert ear.outcomes(told, f"audiences.{name}") == {"unknown"}

    run(work())


def test_a_bulk_delete_and_a_stale_list() -> None:
    """A bulk delete that did nothing is no success if a stale list does not show the audience."""

    async def work() -> None:
        client, truth, _ = moment()
        with writing("reset before", "stale list"):
            try:
                result = await client.account(1).audiences.delete_many([103])
            except kmoment.OutcomeUnknownError:
                return
        assert 103 not in truth.kakao.of(1), result

    run(work())


def test_cancelled_while_reading_back() -> None:
    """If a call is cancelled during the check after a possible write, the hook gets "unknown"."""

    async def work() -> None:
        client, _, ear = moment()
        with writing("502 after") as told:
            task = asyncio.ensure_future(client.account(1).audiences.unlink(101, 1))
            while len(ear.attempts) < 2:
                await asyncio.sleep(0.001)
            task.cancel()
            await asyncio.wait([task])
        assert task.cancelled()
        assert told.changes == 1
        assert ear.outcomes(told, "audiences.unlink") == {"unknown"}

    run(work())


def test_a_bulk_delete_done_late_is_no_failure() -> None:
    """If the first request is done late, "already deleted" for the second counts as deleted."""

    async def work() -> None:
        client, _, _ = moment()
        with writing("late by 0.06 s") as told:
            result = await client.account(1).audiences.delete_many([101, 102, 103])
        assert told.changes == 3
        assert (result.success_count, result.fail_count) == (3, 0)

    TROUBLES["late by 0.06 s"] = attrs.evolve(TROUBLES["late by 3 s"], late=0.06)
    try:
        run(work())
    finally:
        del TROUBLES["late by 0.06 s"]


# -- What the error says ----------------------------------------------------------------


def one(*answers: Any, **settings: Any) -> tuple[kmoment.AsyncClient, testing.Script]:
    script = testing.Script(*answers)
    return script.async_client(reconcile_delays=(), **settings), script


@pytest.mark.anyio
@pytest.mark.parametrize("failure", [testing.lost(), testing.broken()], ids=["lost", "500"])
async def test_a_write_in_doubt_is_not_called_repeatable(failure: Any) -> None:
    """``can_retry`` of the last attempt is not that of the write."""
    client, _ = one(failure)
    with pytest.raises(kmoment.OutcomeUnknownError) as caught:
        await client.account(1).audiences.create(DRAFT)
    assert caught.value.can_retry is False
    assert caught.value.request_sent is True
    assert len(caught.value.attempts) == 1


@pytest.mark.anyio
async def test_a_token_callable_that_fails_does_not_hide_a_doubt() -> None:
    """The delete may have been done: that is what the caller has to know."""
    asked: list[int] = []

    def provide() -> str:
        asked.append(1)
        if len(asked) > 1:
            raise OSError("the vault is closed")
        return TOKEN

    client, _ = one(testing.broken(500), testing.dead_token(), token=provide)
    with pytest.raises(kmoment.OutcomeUnknownError):
        await client.account(1).audiences.delete(1)
    assert len(asked) == 2


@pytest.mark.anyio
async def test_a_token_callable_that_fails_is_heard_where_nothing_was_done() -> None:
    """Its own error comes out."""
    asked: list[int] = []

    def provide() -> str:
        asked.append(1)
        if len(asked) > 1:
            raise OSError("the vault is closed")
        return TOKEN

    client, _ = one(testing.dead_token(), token=provide)
    with pytest.raises(OSError, match="vault"):
        await client.account(1).audiences.delete(1)


@pytest.mark.anyio
async def test_a_circuit_breaker_does_not_hide_an_earlier_attempt() -> None:
    """It opens during the pause of a delete that may have been done."""
    client, script = one(testing.broken(500))

    async def trip(_: float) -> None:
        state = client._dispatcher.state
        used_up = kmoment.QuotaExceededError("x", {"status": 400})
        token = state.token.known(list_call(1))
        assert token is not None
        state.breakers.note(used_up, state.clock(), token)

    client._change_settings(sleep=trip)
    with pytest.raises(kmoment.OutcomeUnknownError) as caught:
        await client.account(1).audiences.delete(1)
    assert caught.value.request_sent is True
    assert [attempt.effect for attempt in caught.value.attempts] == ["unknown"]
    assert len(script.requests) == 1


@pytest.mark.anyio
async def test_a_wait_that_is_over_after_a_doubt_is_a_doubt() -> None:
    """If an attempt may have acted and ``max_wait`` ends before the next, that is a doubt."""
    ear = Ends()
    client = kmoment.AsyncClient(TOKEN, max_connections=1, max_wait=0.2, hooks=[ear])
    transport = Slow()
    client._change_settings(new_transport=lambda _: transport)
    audiences = client.account(1).audiences
    with pytest.raises(kmoment.OutcomeUnknownError, match="max_wait") as caught:
        await asyncio.gather(audiences.delete(1), audiences.list())
    assert caught.value.request_sent
    assert caught.value.attempts
    (end,) = [event for event in ear.heard if event.operation == "audiences.delete"]
    assert end.effect == "unknown"
    assert isinstance(end.error, kmoment.OutcomeUnknownError)
    transport.go.set()


class Ends(Hook):
    """A hook that keeps how calls ended."""

    def __init__(self) -> None:
        self.heard: list[CallEnd] = []

    def on_call_end(self, event: CallEnd) -> None:
        self.heard.append(event)


class Slow:
    """A transport that fails a delete at once, and answers a list when it is told to."""

    def __init__(self) -> None:
        self.go = asyncio.Event()

    async def send(self, request: Any, token: Any, attempt: Any) -> Any:
        attempt.sent = True
        if request.method == "DELETE":
            return testing.broken()
        await self.go.wait()
        return testing.answer([])

    async def aclose(self) -> None: ...
