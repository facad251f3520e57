"""Hooks and the log: what they hear of calls, and that they cannot harm them."""

import asyncio
import logging
import time
from typing import Any

import pytest

import kmoment
from helpers import TOKEN
from helpers.calls import DRAFT
from helpers.fault_server import FaultServer, Silence
from helpers.scripted import ok, scripted
from kmoment._engine.notify import finish_later
from kmoment._protocol.http import TransportError
from kmoment.hooks import (
    AttemptEnd,
    AttemptStart,
    BreakerClose,
    BreakerEvent,
    BreakerOpen,
    CallEnd,
    CallStart,
    Hook,
    RetryRefused,
)
from kmoment.sandbox import Fault, Sandbox

pytestmark = pytest.mark.anyio


class Listener(Hook):
    """A hook that keeps all events."""

    def __init__(self) -> None:
        self.heard: list[Any] = []

    def on_call_start(self, event: CallStart) -> None:
        self.heard.append(event)

    on_attempt_start = on_attempt_end = on_call_end = on_call_start
    on_retry_refused: Any = on_call_start
    on_breaker_open: Any = on_call_start
    on_breaker_close: Any = on_call_start

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.heard if type(event) is kind]


class Clumsy(Hook):
    """A hook that always fails."""

    def on_call_start(self, event: CallStart) -> None:
        raise RuntimeError("clumsy")

    on_attempt_start = on_attempt_end = on_call_end = on_call_start


class Patient(Listener):
    """A hook whose methods are async."""

    async def on_call_start(self, event: CallStart) -> None:  # type: ignore[override]
        await asyncio.sleep(0.01)
        self.heard.append(event)

    on_attempt_start = on_attempt_end = on_call_end = on_call_start  # type: ignore[assignment]
    on_retry_refused = on_breaker_open = on_breaker_close = on_call_start


KINDS = [CallStart, AttemptStart, AttemptEnd, AttemptStart, AttemptEnd, CallEnd]


@pytest.mark.parametrize("hook", [Listener, Patient])
async def test_hooks_hear_of_every_step(
    hook: type[Listener], caplog: pytest.LogCaptureFixture
) -> None:
    """A hook, async or not, gets every step in order. A hook that raises does not matter."""
    ear = hook()
    client = kmoment.AsyncClient(TOKEN, hooks=[Clumsy(), ear])
    scripted(client, ok(b"", 502), ok([], x_request_id="abc"))
    await client.locations.depth1()
    assert [type(event) for event in ear.heard] == KINDS
    assert {event.call_id for event in ear.heard} == {1}
    first, last = ear.of(AttemptEnd)
    assert (first.number, first.status, first.effect) == (1, 502, "unknown")
    assert isinstance(first.error, kmoment.ServerError)
    assert (last.number, last.effect, last.error, last.request_id) == (2, "ok", None, "abc")
    (end,) = ear.of(CallEnd)
    assert (end.operation, end.effect, len(end.attempts)) == ("locations.depth1", "ok", 1)
    assert "the hook 'Clumsy' has failed in on_call_end" in caplog.text
    assert TOKEN not in caplog.text


def time_is_up(state: Any) -> None:
    """Let the next call try whether a breaker may close."""
    for breakers in (state.breakers._shared, *state.breakers._of_tokens.values()):
        for breaker in breakers.values():
            breaker._until = breaker._may_trip_at = 0.0


@pytest.mark.parametrize("hook", [Listener, Patient])
async def test_breakers_are_told(hook: type[Listener], sandbox: Sandbox) -> None:
    """A hook hears when a breaker opens, stays open after a try, and closes."""
    ear = hook()
    hooks = [Clumsy(), ear]
    sandbox.add_fault(Fault("locations.depth1", "quota_exceeded", times=2))
    before = time.time()
    async with kmoment.AsyncClient(sandbox.token, base_url=sandbox.url, hooks=hooks) as client:
        for _ in range(2):
            with pytest.raises(kmoment.QuotaExceededError):
                await client.locations.depth1()
            time_is_up(client._dispatcher.state)
        await client.locations.depth1()
        await asyncio.sleep(0.05)  # no call waits for these
    first, again = ear.of(BreakerOpen)
    assert (first.kind, first.seconds, again.seconds) == ("quota", 60.0, 300.0)
    assert isinstance(first.error, kmoment.QuotaExceededError)
    (close,) = ear.of(BreakerClose)
    assert close.kind == "quota"
    assert before <= first.time <= again.time <= close.time <= time.time()
    assert 0 < close.seconds < 60


def test_breakers_of_a_blocking_client_are_told(sandbox: Sandbox) -> None:
    """Hooks of a blocking client hear of breakers, and of a token that is refused."""
    ear = Listener()
    sandbox.add_fault(Fault("locations.depth1", "maintenance", times=2))
    with kmoment.Client(sandbox.token, base_url=sandbox.url, hooks=[ear]) as client:
        with pytest.raises(kmoment.MaintenanceError):
            client.locations.depth1()
        time_is_up(client._sender.owner.running.state)  # type: ignore[union-attr]
        client.locations.depth1()
    refused = kmoment.Client("canary", base_url=sandbox.url, hooks=[ear])
    with refused, pytest.raises(kmoment.AuthenticationError):
        refused.locations.depth1()
    kinds = [(type(it), it.kind) for it in ear.heard if isinstance(it, BreakerEvent)]
    opened, closed = (BreakerOpen, "maintenance"), (BreakerClose, "maintenance")
    assert kinds == [opened, closed, (BreakerOpen, "token")]
    assert "canary" not in str(ear.of(BreakerOpen)[1].error)


@pytest.mark.parametrize("hook", [Listener, Patient])
async def test_a_retry_that_the_budget_refuses(hook: type[Listener]) -> None:
    """A hook hears of a call that is not tried again because the retry budget is used up."""
    ear = hook()
    client = kmoment.AsyncClient(TOKEN, hooks=[ear])
    scripted(client, ok([]), ok(b"", 502))
    await client.locations.depth1()
    assert ear.of(RetryRefused) == []
    client._dispatcher.state.budget.tokens = 0.0
    with pytest.raises(kmoment.ServerError):
        await client.locations.depth1()
    (refused,) = ear.of(RetryRefused)
    (_, end) = ear.of(CallEnd)
    assert (refused.call_id, refused.operation) == (end.call_id, "locations.depth1")
    assert refused.error is end.error
    assert [type(event) for event in ear.heard][-3:] == [AttemptEnd, RetryRefused, CallEnd]


def test_a_blocking_retry_that_the_budget_refuses(sandbox: Sandbox) -> None:
    """The same of a blocking client."""
    ear = Listener()
    with kmoment.Client(sandbox.token, base_url=sandbox.url, hooks=[ear]) as client:
        client.locations.depth1()
        client._sender.owner.running.state.budget.tokens = 0.0  # type: ignore[union-attr]
        sandbox.add_fault(Fault("locations.depth1", "status", status=502, times=1))
        with pytest.raises(kmoment.ServerError):
            client.locations.depth1()
    assert [event.operation for event in ear.of(RetryRefused)] == ["locations.depth1"]


async def test_spans_can_be_made_of_events(server: FaultServer) -> None:
    """Events have wall-clock times, seconds on the wire, and the server's address and port."""
    ear = Listener()
    before = time.time()
    async with kmoment.AsyncClient(TOKEN, base_url=server.url, hooks=[ear]) as client:
        await client.locations.depth1()
    (end,) = ear.of(AttemptEnd)
    assert before <= end.time <= time.time()
    assert 0 < end.seconds < 10
    assert (end.server_address, str(end.server_port)) == tuple(server.url[7:].split(":"))


async def test_waits_are_told_apart_from_the_wire(server: FaultServer) -> None:
    """The wait for a turn is not among the seconds on the wire."""
    ear = Listener()
    periods = {"locations.depth1": 0.3}
    async with kmoment.AsyncClient(
        TOKEN, base_url=server.url, hooks=[ear], periods=periods
    ) as client:
        await asyncio.gather(client.locations.depth1(), client.locations.depth1())
    second = ear.of(AttemptEnd)[1]
    assert second.waits.turn >= 0.29
    assert second.seconds < 0.29
    assert ear.of(CallEnd)[1].waits.turn >= 0.29


def test_a_call_for_another_call_names_it(sandbox: Sandbox) -> None:
    """The list before a create is a call of its own, whose parent is the create."""
    ear = Listener()
    with kmoment.Client(sandbox.token, base_url=sandbox.url, hooks=[ear]) as client:
        audiences = client.account(1234).audiences
        audiences.delete(audiences.create(DRAFT).id)
    ends = {event.operation: event for event in ear.of(CallEnd)}
    create = ends["audiences.create"]
    assert ends["audiences.list"].parent_id == create.call_id
    assert create.parent_id is None


async def test_a_create_that_ends_while_it_lists_is_told() -> None:
    """A create whose first list fails is told as ended with that error, and as not sent."""
    ear = Listener()
    client = kmoment.AsyncClient(TOKEN, hooks=[ear], outage_patience=0)
    scripted(client, ok({"code": -3, "msg": "no"}, 403))
    with pytest.raises(kmoment.PermissionDeniedError):
        await client.account(1).audiences.create(DRAFT)
    listed, created = ear.of(CallEnd)
    assert (listed.operation, created.operation) == ("audiences.list", "audiences.create")
    assert created.effect == "unsent"
    assert created.error is listed.error


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


@pytest.mark.parametrize("hook", [Listener, Patient])
async def test_a_cancelled_write_that_was_sent_is_unknown(
    hook: type[Listener], server: FaultServer
) -> None:
    """If a write that was sent is cancelled, the hook gets "unknown". Unsent calls: "unsent"."""
    ear = hook()
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
        await asyncio.sleep(0.1)
    assert [event.effect for event in ear.of(CallEnd)] == ["unsent", "unsent", "unknown"]


async def test_a_deadline_is_told_as_one(server: FaultServer) -> None:
    """A hook gets a call that ran out of time with its error, unlike a cancelled call."""
    ear = Listener()
    server.default = Silence(5)
    async with kmoment.AsyncClient(TOKEN, base_url=server.url, hooks=[ear], deadline=0.2) as client:
        with pytest.raises(kmoment.OutcomeUnknownError):
            await client.account(1).audiences.delete(1)
    (end,) = ear.of(CallEnd)
    assert end.effect == "unknown"
    assert isinstance(end.error, kmoment.OutcomeUnknownError)


class Old:
    """Not a subclass of Hook."""

    def on_call(self, report: object) -> None: ...


@pytest.mark.parametrize(
    ("hook", "rule"),
    [(Listener, r"not the class: Listener\(\)"), (Old(), "subclass of kmoment.hooks.Hook")],
)
def test_what_is_no_hook_is_refused(hook: Any, rule: str) -> None:
    """A class, or an object that is not of a subclass of Hook, is refused by its place."""
    with pytest.raises(kmoment.InvalidArgumentError, match=rf"hooks\[1\] must be .*{rule}"):
        kmoment.AsyncClient(TOKEN, hooks=[Listener(), hook])


def test_async_hooks_are_refused_in_blocking_code() -> None:
    """A blocking client cannot await a hook, and says so when it is made."""
    with pytest.raises(kmoment.InvalidArgumentError, match="on_call_start is one"):
        kmoment.Client(TOKEN, hooks=[Patient()])


class Failing(Hook):
    """An async hook that always fails."""

    async def on_call_end(self, event: CallEnd) -> None:
        raise RuntimeError("clumsy")


async def test_an_async_hook_that_fails_harms_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """Its error is logged, and the call goes on."""
    client = kmoment.AsyncClient(TOKEN, hooks=[Failing()])
    scripted(client, ok([]))
    assert await client.locations.depth1() == []
    assert "the hook 'Failing' has failed in on_call_end" in caplog.text


async def test_two_readings_of_a_path_are_one_attempt() -> None:
    """A route that the server does not know is tried in its other reading, in the same attempt."""
    ear = Listener()
    client = kmoment.AsyncClient(TOKEN, hooks=[ear])
    page = {"timestamp": "x", "status": 404, "error": "Not Found", "path": "/"}
    scripted(client, ok(page, 404), ok({"id": 1, "name": "x", "type": "DISPLAY"}))
    await client.account(1).audiences.get(1)
    assert len(ear.of(AttemptStart)) == len(ear.of(AttemptEnd)) == 1


async def test_a_call_that_sends_nothing_has_no_attempt() -> None:
    """A call that a queue refuses is told as ended, without an attempt."""
    ear = Listener()
    client = kmoment.AsyncClient(
        TOKEN, hooks=[ear], periods={"locations.depth1": 100.0}, max_wait=0
    )
    scripted(client, ok([]))
    await client.locations.depth1()
    with pytest.raises(kmoment.DeadlineExceededError):
        await client.locations.depth1()
    assert len(ear.of(AttemptStart)) == 1
    assert len(ear.of(CallEnd)) == 2


class Refusing:
    """A transport that finds a bad certificate."""

    async def send(self, request: Any, token: Any, attempt: Any) -> Any:
        failure = TransportError("a bad certificate")
        failure.final = True
        raise failure

    async def aclose(self) -> None: ...


async def test_a_request_that_never_left_is_an_attempt_too() -> None:
    """A failed connection is told as an attempt that was not sent."""
    ear = Listener()
    client = kmoment.AsyncClient(TOKEN, hooks=[ear])
    client._change_settings(new_transport=lambda _: Refusing())
    with pytest.raises(kmoment.APIConnectionError):
        await client.locations.depth1()
    assert [event.effect for event in ear.of(AttemptEnd)] == ["unsent"]


def test_a_hook_without_a_loop_is_closed() -> None:
    """What an async hook still has to do is closed if the loop is gone."""
    event = CallEnd.__new__(CallEnd)
    work: Any = Failing().on_call_end(event)
    finish_later([work])
    assert work.cr_frame is None


async def test_a_token_that_cannot_be_had_is_told() -> None:
    """Nothing was sent, so no attempt is told."""
    ear = Listener()

    def no_token() -> str:
        raise kmoment.APIError("no token today")

    client = kmoment.AsyncClient(no_token, hooks=[ear])
    scripted(client, ok([]))
    with pytest.raises(kmoment.APIError, match="no token today"):
        await client.locations.depth1()
    assert ear.of(AttemptEnd) == []
