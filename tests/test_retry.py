"""Retries: the table of failures and actions, the decision, and the retry loop."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, strategies as st

import kmoment
from helpers import TOKEN
from helpers.calls import DRAFT, STORED
from helpers.fault_server import (
    Answer,
    CloseAfter,
    CloseBefore,
    CutBody,
    FaultServer,
    Html,
    Silence,
)
from helpers.scripted import ScriptedTransport, ok, scripted
from kmoment._policies.failure import EFFECTS, Effect, FailureKind, kind_of
from kmoment._policies.retry import (
    ACTIONS,
    RETRY_SOON_WITHIN,
    Action,
    Decision,
    FailedAttempt,
    decide,
)
from kmoment._policies.retry_budget import Budget
from kmoment._protocol.call import Replay
from kmoment._protocol.http import Response, TransportError
from kmoment.sandbox import Fault, Sandbox

pytestmark = pytest.mark.anyio

R, RAISE, ONCE = Action.RETRY, Action.RAISE, Action.RETRY_ONCE
QUEUE = Action.REQUEUE
SOON_, DONE, LATER = Action.RETRY_SOON, Action.SUCCEED, Action.SUCCEED_AFTER_DOUBT
FIND, READ, READ_LATER = Action.RECONCILE, Action.READ_BACK, Action.READ_BACK_AFTER_DOUBT

# The contract: effect, then the action for safe, replace, idempotent, create, bulk and once.
TABLE = {
    FailureKind.NOT_CONNECTED: (Effect.UNSENT, R, R, R, R, R, R),
    FailureKind.BAD_CERTIFICATE: (Effect.UNSENT, RAISE, RAISE, RAISE, RAISE, RAISE, RAISE),
    FailureKind.THROTTLED: (Effect.REJECTED, QUEUE, QUEUE, QUEUE, QUEUE, QUEUE, QUEUE),
    FailureKind.QUOTA: (Effect.REJECTED, RAISE, RAISE, RAISE, RAISE, RAISE, RAISE),
    FailureKind.MAINTENANCE: (Effect.REJECTED, ONCE, ONCE, ONCE, ONCE, ONCE, ONCE),
    FailureKind.SERVER_ERROR: (Effect.UNKNOWN, R, SOON_, R, FIND, READ, RAISE),
    FailureKind.CONNECTION_LOST: (Effect.UNKNOWN, R, SOON_, R, FIND, READ, RAISE),
    FailureKind.NOT_THE_API: (Effect.UNKNOWN, ONCE, READ, READ, FIND, READ, RAISE),
    FailureKind.DEADLINE: (Effect.UNSENT, RAISE, RAISE, RAISE, RAISE, RAISE, RAISE),
    FailureKind.BODY_LOST: (Effect.DONE, R, READ, DONE, FIND, READ, RAISE),
    FailureKind.TOO_LARGE: (Effect.DONE, RAISE, READ, DONE, FIND, READ, RAISE),
    FailureKind.NOT_AS_DOCUMENTED: (Effect.UNKNOWN, RAISE, READ, READ, FIND, READ, RAISE),
    FailureKind.UNAUTHORIZED: (Effect.FAILED, RAISE, RAISE, RAISE, RAISE, RAISE, RAISE),
    FailureKind.NOT_FOUND: (Effect.FAILED, RAISE, RAISE, LATER, RAISE, RAISE, RAISE),
    FailureKind.REFUSED: (Effect.FAILED, RAISE, RAISE, READ_LATER, RAISE, RAISE, RAISE),
}


@pytest.mark.parametrize("kind", FailureKind)
def test_the_table_is_the_contract(kind: FailureKind) -> None:
    """Each kind of failure has the effect and the actions that the contract says."""
    outcome, *actions = TABLE[kind]
    assert EFFECTS[kind] is outcome
    assert [ACTIONS[kind][replay] for replay in Replay] == actions


EVENTS: list[tuple[kmoment.APIError, FailureKind]] = [
    (kmoment.APIConnectionError("x", {"request_sent": False}), FailureKind.NOT_CONNECTED),
    (
        kmoment.APIConnectionError("x", {"request_sent": False, "can_retry": False}),
        FailureKind.BAD_CERTIFICATE,
    ),
    (kmoment.APIConnectionError("x", {"request_sent": True}), FailureKind.CONNECTION_LOST),
    (kmoment.APIConnectionError("x", {"request_sent": True, "status": 200}), FailureKind.BODY_LOST),
    (
        kmoment.APIConnectionError("x", {"request_sent": True, "status": 503}),
        FailureKind.CONNECTION_LOST,
    ),
    (kmoment.DeadlineExceededError("x", {"request_sent": False}), FailureKind.DEADLINE),
    (kmoment.RateLimitedError("x"), FailureKind.THROTTLED),
    (kmoment.QuotaExceededError("x"), FailureKind.QUOTA),
    (kmoment.MaintenanceError("x"), FailureKind.MAINTENANCE),
    (kmoment.ServerError("x"), FailureKind.SERVER_ERROR),
    (kmoment.AuthenticationError("x"), FailureKind.UNAUTHORIZED),
    (kmoment.NotFoundError("x"), FailureKind.NOT_FOUND),
    (kmoment.DecodeError("x"), FailureKind.NOT_AS_DOCUMENTED),
    (kmoment.ProtocolError("x", {"status": 200, "not_the_api": True}), FailureKind.NOT_THE_API),
    (kmoment.ProtocolError("x", {"status": 200}), FailureKind.BODY_LOST),
    (kmoment.ProtocolError("x", {"status": 302, "not_the_api": True}), FailureKind.NOT_THE_API),
    (kmoment.ProtocolError("x", {"status": 200, "too_large": True}), FailureKind.TOO_LARGE),
    (kmoment.RouteNotFoundError("x", {"status": 404}), FailureKind.REFUSED),
    (kmoment.AddressNotAllowedError("x", {"status": 401}), FailureKind.REFUSED),
    (kmoment.ProtocolError("x"), FailureKind.CONNECTION_LOST),
    (kmoment.BadRequestError("x"), FailureKind.REFUSED),
    (kmoment.PermissionDeniedError("x"), FailureKind.REFUSED),
]


@pytest.mark.parametrize(("error", "kind"), EVENTS)
def test_errors_are_events(error: kmoment.APIError, kind: FailureKind) -> None:
    """The kind of failure follows from the error's class and its facts."""
    assert kind_of(error) is kind


def tried(kind: FailureKind = FailureKind.CONNECTION_LOST, **more: Any) -> FailedAttempt:
    return FailedAttempt(**{"kind": kind, "number": 1, "elapsed": 0.0, "left": 60.0, **more})


@given(
    kind=st.sampled_from(FailureKind),
    replay=st.sampled_from(Replay),
    number=st.integers(1, 5),
    elapsed=st.floats(0, 100),
    left=st.floats(-1, 100),
    in_doubt=st.booleans(),
    tokens=st.floats(0, 100),
    retry_after=st.none() | st.floats(0, 200),
    jitter=st.floats(0, 1),
)
def test_decisions(
    kind: FailureKind, replay: Replay, number: int, elapsed: float, left: float, in_doubt: bool,
    tokens: float, retry_after: float | None, jitter: float,
) -> None:  # fmt: skip
    """No decision pauses past the deadline, overspends the budget, or repeats an unsafe write."""
    budget = Budget(tokens)
    step = tried(
        kind,
        number=number,
        elapsed=elapsed,
        left=left,
        in_doubt=in_doubt,
        retry_after=retry_after,
    )
    decision = decide(step, replay, budget, 3, lambda: jitter)
    assert budget.tokens >= 0
    if decision.action is Action.RETRY:
        assert 0 <= decision.pause < left
        assert number < 3
        assert budget.tokens < tokens
        assert retry_after is None or decision.pause >= retry_after
        if EFFECTS[kind] in (Effect.UNKNOWN, Effect.DONE):
            assert replay in (Replay.SAFE, Replay.IDEMPOTENT, Replay.REPLACE)
        if kind is FailureKind.MAINTENANCE:
            assert number == 1
    else:
        assert budget.tokens == tokens
        assert decision.action not in (ONCE, SOON_, LATER, READ_LATER)


def test_pauses_grow_and_are_capped() -> None:
    """Pauses double up to a cap: from 0.1 s to 20 s."""
    full: list[float] = []
    for number in range(1, 12):
        at: dict[str, Any] = {"number": number, "left": 1e9}
        full.append(decide(tried(**at), Replay.SAFE, Budget(), 99, lambda: 1.0).pause)
    assert full[:3] == [0.1, 0.2, 0.4]
    assert full[-1] == 20.0


def test_a_throttle_costs_nothing() -> None:
    """After a 429 a call goes back to its queue at any attempt, and pays nothing."""
    budget = Budget(0.0)
    step = tried(FailureKind.THROTTLED, number=99)
    assert decide(step, Replay.CREATE, budget, 1) == Decision(QUEUE)


def test_a_throttle_for_longer_than_the_call_has() -> None:
    """A Retry-After beyond the deadline ends the call."""
    step = tried(FailureKind.THROTTLED, retry_after=61.0, left=60.0)
    assert decide(step, Replay.SAFE, Budget(), 3) == Decision(RAISE)


def test_an_outage_costs_nothing() -> None:
    """While the host is down a call that may be sent again uses no attempt and no budget."""
    budget = Budget(0.0)
    step = tried(FailureKind.SERVER_ERROR, number=99, outage=True)
    assert decide(step, Replay.SAFE, budget, 3).action is R
    assert decide(step, Replay.CREATE, budget, 3).action is FIND


def test_a_late_update_is_not_repeated() -> None:
    """An update is repeated only within 30 s, because it could undo somebody's later edit."""
    assert decide(tried(elapsed=RETRY_SOON_WITHIN - 1), Replay.REPLACE, Budget(), 3).action is R
    assert decide(tried(elapsed=RETRY_SOON_WITHIN), Replay.REPLACE, Budget(), 3) == Decision(RAISE)


def test_missing_after_doubt_is_success() -> None:
    """A delete that gets "not found" succeeds if an earlier attempt may have been done."""
    gone = tried(FailureKind.NOT_FOUND, in_doubt=True)
    assert decide(gone, Replay.IDEMPOTENT, Budget(), 3).action is DONE
    assert decide(tried(FailureKind.NOT_FOUND), Replay.IDEMPOTENT, Budget(), 3).action is RAISE


def test_the_budget_comes_back() -> None:
    """Successes refill the retry budget, up to its full amount."""
    budget = Budget(100.0)
    assert [budget.spend(FailureKind.CONNECTION_LOST) for _ in range(11)] == [10.0] * 10 + [0.0]
    assert not budget.spend(FailureKind.SERVER_ERROR)
    for _ in range(5):
        budget.earn()
    assert budget.spend(FailureKind.SERVER_ERROR) == 5.0
    budget.earn(5.0)
    assert budget.tokens == 5.0
    for _ in range(200):
        budget.earn()
    assert budget.tokens == 100


# -- The loop ---------------------------------------------------------------------------


@pytest.fixture
def naps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses, in seconds. They are recorded and not waited for."""
    taken: list[float] = []

    async def nap(seconds: float) -> None:
        taken.append(seconds)
        await real(0)

    real = asyncio.sleep
    monkeypatch.setattr("asyncio.sleep", nap)
    return taken


def script(*answers: Response | BaseException, **settings: Any) -> tuple[Any, ScriptedTransport]:
    client = kmoment.AsyncClient(TOKEN, **{"outage_patience": 0, **settings})
    return client, scripted(client, *answers)


async def test_a_failing_read_is_tried_three_times(naps: list[float]) -> None:
    """A failing read is tried three times, and the error has all three attempts."""
    client, transport = script(ok(b"", 502))
    with pytest.raises(kmoment.ServerError) as caught:
        await client.locations.depth1()
    assert len(transport.requests) == 3
    assert [a.effect for a in caught.value.attempts] == ["unknown"] * 3
    assert [a.status for a in caught.value.attempts] == [502] * 3
    assert [a.pause for a in caught.value.attempts[:2]] == naps
    assert caught.value.attempts[2].pause == 0


async def test_a_read_recovers(naps: list[float]) -> None:
    """A read succeeds if its second attempt succeeds."""
    client, transport = script(TransportError("gone"), ok([]))
    assert await client.locations.depth1() == []
    assert len(transport.requests) == 2


async def test_retry_after_is_kept(naps: list[float]) -> None:
    """A retry waits for Retry-After. If that is past the deadline, the call fails at once."""
    client, _ = script(ok(b"", 502, retry_after="7"), ok([]))
    await client.locations.depth1()
    assert 7 <= naps[0] < 7.1
    client, transport = script(ok(b"", 429, **{"retry-after": "300"}))
    with pytest.raises(kmoment.RateLimitedError) as caught:
        await client.locations.depth1()
    assert caught.value.retry_after == 300
    assert len(transport.requests) == 1


async def test_without_patience_an_outage_costs_hardly_a_request() -> None:
    """200 calls without patience during a full outage send only a few requests: the probes."""
    client, transport = script(ok(b"", 503))
    for _ in range(200):
        with pytest.raises(kmoment.APIError):
            await client.locations.depth1()
    assert len(transport.requests) <= 20


async def test_with_options_is_a_view() -> None:
    """A view has its own options, and shares the client's transport and closing."""
    client, transport = script(ok(b"", 502))
    once = client.with_options(max_attempts=1, deadline=5, reconcile_delays=())
    with pytest.raises(kmoment.ServerError):
        await once.locations.depth1()
    assert len(transport.requests) == 1
    assert once.with_options()._dispatcher.settings.options == once._dispatcher.settings.options
    assert client._dispatcher.settings.options.max_attempts == 3
    await once.aclose()
    with pytest.raises(kmoment.ClientClosedError):
        await client.locations.depth1()
    for bad in ({"max_attempts": 0}, {"deadline": -1}, {"reconcile_delays": 3}):
        with pytest.raises(kmoment.InvalidArgumentError):
            client.with_options(**bad)
    with pytest.raises(kmoment.InvalidArgumentError, match=r"reconcile_delays\[1\]"):
        client.with_options(reconcile_delays=[1, "x"])


def test_with_options_of_the_sync_client() -> None:
    """The sync client's views share its thread and take the same options."""
    with kmoment.Client(TOKEN) as client:
        transport = scripted(client, ok(b"", 502))
        once = client.with_options(max_attempts=1).with_options(deadline=5)
        with pytest.raises(kmoment.ServerError):
            once.locations.depth1()
        assert len(transport.requests) == 1
        assert once._sender.owner is client._sender.owner
        with pytest.raises(kmoment.InvalidArgumentError):
            client.with_options(deadline=0)


# -- Writes in doubt --------------------------------------------------------------------

CALLS: dict[str, Callable[[Any], Any]] = {
    "update": lambda a: a.audiences.update(2, DRAFT),
    "delete": lambda a: a.audiences.delete(2),
    "unlink": lambda a: a.audiences.unlink(1, 2),
    "delete_many": lambda a: a.audiences.delete_many([2, 3]),
}
BODIES = ["truncate", "bad_json"]
KINDS = ["drop_before", "drop_after", "reset", "truncate", "bad_json", "html"]


# Without `acts` these kinds make no sense: a success status means that the work was done.
LOSSES = [(kind, acts) for kind in KINDS for acts in (True, False) if acts or kind not in BODIES]


@pytest.mark.parametrize(("kind", "acts"), LOSSES)
@pytest.mark.parametrize("name", CALLS)
async def test_a_write_whose_answer_is_lost_is_found_out(name: str, kind: str, acts: bool) -> None:
    """If one answer is lost, the call still succeeds and the work is done."""
    async with Sandbox() as sandbox:
        sandbox.add_fault(Fault(f"audiences.{name}", kind, times=1, act=acts))
        async with kmoment.AsyncClient(sandbox.token, base_url=sandbox.url) as client:
            account = client.account(1234)
            try:
                answer = await CALLS[name](account)
            except kmoment.OutcomeUnknownError:
                # A web page is not Kakao's answer, and nothing was done. kmoment must not guess.
                assert (kind, acts) == ("html", False)
                return
            state = sandbox.state()["accounts"]["1234"]
            check_done(name, answer, state)


def check_done(name: str, answer: Any, state: dict[str, Any]) -> None:
    there = {int(row["id"]): row for row in state["audiences"]}
    if name == "update":
        assert answer.name == DRAFT.name == there[2]["name"]
    if name == "delete":
        assert 2 not in there
    if name == "unlink":
        assert {"audienceId": 1, "adGroupId": 2} not in state["links"]
    if name == "delete_many":
        assert not {2, 3} & there.keys()
        assert (answer.success_count, answer.fail_count) == (2, 0)


@pytest.mark.parametrize("kind", [*KINDS, "status"])
@pytest.mark.parametrize("acts", [True, False])
async def test_a_create_is_never_repeated(kind: str, acts: bool, naps: list[float]) -> None:
    """A create without an answer is found or reported, and is never sent twice."""
    async with Sandbox() as sandbox:
        sandbox.add_fault(Fault("audiences.create", kind, times=1, status=502, act=acts))
        async with kmoment.AsyncClient(sandbox.token, base_url=sandbox.url) as client:
            audiences = client.account(1234).audiences
            try:
                made = await audiences.create(DRAFT)
            except kmoment.OutcomeUnknownError as error:
                assert not acts
                assert error.candidates == ()
                assert error.draft.name == DRAFT.name
                assert error.known_ids is not None
                with pytest.raises(kmoment.OutcomeUnknownError):
                    await client.reconcile(error)
            else:
                assert acts
                assert made.reconciled
                assert made.name == DRAFT.name
            posts = [e for e in sandbox.requests() if e["method"] == "POST"]
            rows = [row for row in await audiences.list() if row.name == DRAFT.name]
    assert len(posts) == 1
    assert len(rows) == int(acts)


async def test_a_create_that_provably_did_nothing_is_tried_again(naps: list[float]) -> None:
    """A create that was throttled is tried again, and makes one audience."""
    async with Sandbox() as sandbox:
        sandbox.add_fault(Fault("audiences.create", "throttle", times=1))
        async with kmoment.AsyncClient(sandbox.token, base_url=sandbox.url) as client:
            made = await client.account(1234).audiences.create(DRAFT)
            rows = await client.account(1234).audiences.list()
    assert not made.reconciled
    assert sum(row.name == DRAFT.name for row in rows) == 1


async def test_a_namesake_is_not_taken_for_the_new_one(naps: list[float]) -> None:
    """An older audience with the same name is never returned as the new one."""
    async with (
        Sandbox() as sandbox,
        kmoment.AsyncClient(sandbox.token, base_url=sandbox.url) as client,
    ):
        audiences = client.account(1234).audiences
        first = await audiences.create(DRAFT)
        sandbox.add_fault(Fault("audiences.create", "drop_before", times=1))
        with pytest.raises(kmoment.OutcomeUnknownError) as caught:
            await audiences.create(DRAFT)
        assert first.id in (caught.value.known_ids or ())
        second = await audiences.create(DRAFT)
    assert second.id != first.id


async def test_two_candidates_are_reported(naps: list[float]) -> None:
    """If there are two new audiences with the name, the error has both as candidates."""
    rows = [{"id": n, "name": DRAFT.name, "type": "DISPLAY"} for n in (7, 8)]
    client, _ = script(ok([]), ok(b"", 502), ok(rows))
    with pytest.raises(kmoment.OutcomeUnknownError) as caught:
        await client.account(1).audiences.create(DRAFT)
    assert [row.id for row in caught.value.candidates] == [7, 8]


async def test_without_a_look_before_nothing_is_adopted(naps: list[float]) -> None:
    """Without reconciling, a create sends one request and reports an unknown outcome."""
    client, transport = script(ok(b"", 502), ok([STORED]), reconcile_delays=())
    with pytest.raises(kmoment.OutcomeUnknownError) as caught:
        await client.account(1).audiences.create(DRAFT)
    assert len(transport.requests) == 1
    assert caught.value.known_ids is None
    with pytest.raises(kmoment.OutcomeUnknownError):
        await client.reconcile(caught.value)
    assert len(transport.requests) == 1


async def test_creates_of_one_name_wait_for_each_other() -> None:
    """Creates with the same name and account never overlap. Those with other names do."""
    async with FaultServer() as server:

        def act(received: Any) -> bytes | None:
            return b'{"id": 1, "name": "x", "type": "DISPLAY"}' if received.body else b"[]"

        server.on_act = act
        server.default = Answer(200, delay=0.02)
        async with kmoment.AsyncClient(TOKEN, base_url=server.url) as client:

            async def create(name: str) -> None:
                await client.account(1).audiences.create(kmoment.AudienceDraft.display(name))

            await asyncio.gather(*(create(name) for name in "aabb"))
        posts = [json_name(r.body) for r in server.requests if r.method == "POST"]
    assert sorted(posts) == ["a", "a", "b", "b"]
    assert posts[0] != posts[1], "two creates of one name were sent together"


def json_name(body: bytes) -> str:
    return body.decode().partition('"name": "')[2][:1]


async def test_a_deadline_in_the_middle_of_a_create_is_a_doubt() -> None:
    """If the deadline ends a create that was sent, the error is OutcomeUnknownError."""
    async with FaultServer() as server:
        server.script(Answer(200, b"[]"))
        server.default = Silence(5)
        async with kmoment.AsyncClient(TOKEN, base_url=server.url, deadline=0.3) as client:
            with pytest.raises(kmoment.OutcomeUnknownError, match="no answer within") as caught:
                await client.account(1).audiences.create(DRAFT)
    assert caught.value.request_sent is True
    assert caught.value.known_ids == frozenset()


async def test_a_deadline_before_a_create_is_no_doubt() -> None:
    """If the deadline ends the list before a create, the error says that nothing was sent."""
    async with FaultServer() as server:
        server.default = Silence(5)
        async with kmoment.AsyncClient(TOKEN, base_url=server.url, deadline=0.2) as client:
            with pytest.raises(kmoment.DeadlineExceededError, match="listing") as caught:
                await client.account(1).audiences.create(DRAFT)
    assert caught.value.request_sent is False


async def test_an_update_in_doubt_to_the_end_is_reported_as_unknown(naps: list[float]) -> None:
    """If no attempt of an update got an answer, the error is OutcomeUnknownError."""
    client, transport = script(ok(b"", 502))
    with pytest.raises(kmoment.OutcomeUnknownError) as caught:
        await client.account(1).audiences.update(1, DRAFT)
    assert len(transport.requests) == 3
    assert len(caught.value.attempts) == 3


async def test_a_lost_body_is_success_where_none_is_needed(server: FaultServer) -> None:
    """A delete whose 200 was cut off succeeds, and is not sent again."""
    server.script(CutBody(b"{}", 1))
    async with kmoment.AsyncClient(TOKEN, base_url=server.url) as client:
        await client.account(1).audiences.delete(1)
    assert len(server.requests) == 1


async def test_gone_after_doubt_is_done(server: FaultServer) -> None:
    """A delete that got no answer and then "not found" succeeds."""
    gone = b'{"code": -813, "extras": {"detailCode": 75014}}'
    server.script(CloseAfter(), Answer(400, gone))
    async with kmoment.AsyncClient(TOKEN, base_url=server.url) as client:
        await client.account(1).audiences.delete(1)
        server.script(Answer(400, gone))
        with pytest.raises(kmoment.NotFoundError):
            await client.account(1).audiences.delete(1)


async def test_a_doubt_that_cannot_be_read_back_is_reported(server: FaultServer) -> None:
    """If the check after a write fails too, the write is unknown and not failed."""
    server.script(CloseAfter())
    server.default = Html(403)
    async with kmoment.AsyncClient(TOKEN, base_url=server.url, reconcile_delays=()) as client:
        with pytest.raises(kmoment.OutcomeUnknownError):
            await client.account(1).audiences.delete_many([1])


def test_reconciling_later_through_the_sync_client() -> None:
    """``reconcile`` of a sync client works with the error of another client."""
    row = {**STORED, "id": 7}
    error = kmoment.OutcomeUnknownError(
        "x", {"ad_account_id": 1, "draft": DRAFT, "known_ids": frozenset({6})}
    )
    with kmoment.Client(TOKEN) as client:
        scripted(client, ok([{**row, "id": 6}, row]), ok(row))
        found = client.reconcile(error)
    assert (found.id, found.reconciled) == (7, True)


async def test_an_unlisted_write_is_sent_once_in_doubt(server: FaultServer) -> None:
    """A write through ``client.request`` is sent once, and its error is OutcomeUnknownError."""
    server.default = CloseBefore()
    async with kmoment.AsyncClient(TOKEN, base_url=server.url) as client:
        with pytest.raises(kmoment.OutcomeUnknownError) as caught:
            await client.request("POST", "/openapi/v4/adGroups", json={})
    assert caught.value.request_sent is True
    assert len(server.requests) == 1
