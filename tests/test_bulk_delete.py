"""Bulk deletes of any size: the status of each id is what the server did."""

from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest

import kmoment
from kmoment import DeleteStatus, testing
from kmoment._engine.bulk_delete import PART_SIZE
from kmoment.sandbox import Fault, Sandbox

pytestmark = pytest.mark.anyio

# Ids in one part. Small, because making audiences takes time.
FEW = 4


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Use small parts: the results do not depend on the size of a part."""
    monkeypatch.setattr("kmoment._engine.bulk_delete.PART_SIZE", FEW)


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox() as running:
        yield running


async def audiences(moment: kmoment.AsyncClient, count: int = 2 * FEW + 2) -> list[int]:
    """Make audiences. By default they are too many for two requests."""
    create = moment.with_options(reconcile_delays=()).account(1234).audiences.create
    drafts = [kmoment.AudienceDraft.display(f"bulk {number}") for number in range(count)]
    return [made.id for made in (await moment.each(create, drafts).collect()).values()]


def there(sandbox: Sandbox) -> set[int]:
    return {int(row["id"]) for row in sandbox.state()["accounts"]["1234"]["audiences"]}


def fate(outcome: kmoment.Outcome[int, DeleteStatus]) -> str:
    """How the outcome of one id ended, in a word."""
    return str(outcome.value if outcome.ok else outcome.status)


def by_status(result: kmoment.BulkDeleteResult) -> dict[str, int]:
    return Counter(map(fate, result.outcomes))


def sent(sandbox: Sandbox) -> int:
    return sum(it["endpoint"] == "audiences.delete_many" for it in sandbox.requests())


async def test_any_number_of_ids(sandbox: Sandbox) -> None:
    """Any number of ids is sent in parts, with one outcome for each id in the given order."""
    count = 2 * PART_SIZE + 10
    async with kmoment.AsyncClient(sandbox.token, base_url=sandbox.url) as moment:
        ids = await audiences(moment, count)
        result = await moment.account(1234).audiences.delete_many([*ids, 999_999])
    assert not there(sandbox) & set(ids)
    assert sent(sandbox) == 3
    assert [outcome.input for outcome in result.outcomes] == [*ids, 999_999]
    assert by_status(result) == {"deleted": count, "already absent": 1}
    assert (result.success_count, result.fail_count) == (count, 1)
    assert len(result.error_messages or ()) == 1


KINDS = ["drop_before", "drop_after", "reset", "truncate", "bad_json", "html", "status"]


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("acts", [True, False])
async def test_a_part_whose_answer_is_lost(sandbox: Sandbox, kind: str, acts: bool) -> None:
    """If a part's answer is lost, the status of its ids is still true. Other parts are done."""
    if kind in ("truncate", "bad_json") and not acts:
        return  # these kinds have a success status, which means that the work was done
    async with kmoment.AsyncClient(sandbox.token, base_url=sandbox.url) as moment:
        ids = await audiences(moment)
        fault = Fault("audiences.delete_many", kind, nth=(2,), status=502, act=acts)
        sandbox.add_fault(fault)
        result = await moment.account(1234).audiences.delete_many(ids)
    for outcome in result.outcomes:
        if outcome.value is DeleteStatus.DELETED:
            assert outcome.input not in there(sandbox)
        else:
            assert outcome.status is kmoment.OutcomeStatus.UNKNOWN
            assert isinstance(outcome.error, kmoment.OutcomeUnknownError)
    assert by_status(result)["deleted"] >= FEW + 2


@pytest.mark.usefixtures("small_parts")
async def test_a_part_that_is_refused(sandbox: Sandbox) -> None:
    """If a part is refused, its ids have failed with its error. Other parts are still done."""
    async with kmoment.AsyncClient(sandbox.token, base_url=sandbox.url) as moment:
        ids = await audiences(moment)
        sandbox.add_fault(
            Fault("audiences.delete_many", "status", nth=(1,), status=403, body=DENIED)
        )
        result = await moment.account(1234).audiences.delete_many(ids)
    assert by_status(result) == {"failed": FEW, "deleted": FEW + 2}
    assert there(sandbox) >= set(ids[:FEW])
    assert isinstance(result.outcomes[0].error, kmoment.PermissionDeniedError)
    assert (result.success_count, result.fail_count) == (FEW + 2, FEW)


async def test_nothing_done_is_an_error(sandbox: Sandbox) -> None:
    """If every request is refused and nothing was deleted, the call raises."""
    sandbox.add_fault(Fault("audiences.delete_many", "status", status=403, body=DENIED))
    async with kmoment.AsyncClient(sandbox.token, base_url=sandbox.url) as moment:
        with pytest.raises(kmoment.PermissionDeniedError):
            await moment.account(1234).audiences.delete_many([1, 2])
    assert {1, 2} <= there(sandbox)


DENIED = {"code": -813, "msg": "x", "extras": {"detailCode": 7001}}
ABSENT = testing.error(-813, detail_code=75014)
SHOWN = {"id": 1, "name": "x"}, {"id": 2, "name": "x"}
CASES: dict[str, tuple[list[Any], list[str]]] = {
    "an answer with nothing in it": (
        [testing.answer(list(SHOWN)), testing.answer(), testing.answer([SHOWN[1]]), *[ABSENT] * 2],
        ["deleted", "failed", "already absent"],
    ),
    "a look that fails": (
        [testing.answer(list(SHOWN)), testing.answer(), testing.dead_token()],
        ["unknown"] * 3,
    ),
    "refused, and gone all the same": (
        [testing.answer(list(SHOWN)), testing.error(-2), testing.answer([SHOWN[0]]), *[ABSENT] * 2],
        ["failed", "already absent", "already absent"],
    ),
}


BODY_LOST = testing.answer(b"{")
DOUBT = testing.broken()
REST = testing.answer({"successCount": 0, "failCount": 1, "errorMessages": ["x"]})
DOUBTS: dict[str, tuple[list[Any], list[str], tuple[int | None, int | None]]] = {
    "its counts are lost": (
        [testing.answer(list(SHOWN)), BODY_LOST, testing.answer([]), *[ABSENT] * 3],
        ["deleted", "deleted", "deleted"],
        (3, 0),
    ),
    "hidden by a stale list": (
        [
            testing.answer(list(SHOWN)),
            DOUBT,
            testing.answer([]),
            ABSENT,
            testing.answer({"id": 2, "name": "x", "type": "DISPLAY"}),
            ABSENT,
        ],
        ["deleted", "unknown", "deleted"],
        (None, None),
    ),
    "what is left is asked for once more": (
        [
            testing.answer(list(SHOWN)),
            DOUBT,
            testing.answer([SHOWN[1]]),
            REST,
            testing.answer([SHOWN[1]]),
            *[ABSENT] * 2,
        ],
        ["deleted", "failed", "deleted"],
        (2, 1),
    ),
    "done late, and listed late": (
        [
            testing.answer([SHOWN[0]]),
            DOUBT,
            testing.answer(list(SHOWN)),
            testing.answer({"successCount": 0, "failCount": 2, "errorMessages": ["x", "x"]}),
            testing.answer([]),
            *[ABSENT] * 3,
        ],
        ["deleted", "deleted", "deleted"],
        (3, 0),
    ),
    "a look at one that fails": (
        [
            testing.answer(list(SHOWN)),
            BODY_LOST,
            testing.answer([]),
            *[ABSENT] * 2,
            testing.dead_token(),
        ],
        ["deleted", "deleted", "unknown"],
        (None, None),
    ),
    "twice in doubt": (
        [
            testing.answer(list(SHOWN)),
            DOUBT,
            testing.answer([SHOWN[1]]),
            DOUBT,
            testing.answer([SHOWN[1]]),
            ABSENT,
            testing.answer({"id": 3, "name": "new", "type": "DISPLAY"}),
        ],
        ["deleted", "unknown", "unknown"],
        (None, None),
    ),
}


AGAIN = {
    "what is left is asked for once more": ["2"],
    "done late, and listed late": ["1,2"],
    "twice in doubt": ["2"],
}


@pytest.mark.parametrize("name", DOUBTS)
async def test_a_request_in_doubt(name: str) -> None:
    """After a doubt, ids that are still listed are sent once more, and the counts are true."""
    steps, statuses, counts = DOUBTS[name]
    script = testing.Script(*steps)
    async with script.async_client() as moment:
        result = await moment.account(1).audiences.delete_many([1, 2, 3])
    assert [fate(outcome) for outcome in result.outcomes] == statuses
    assert (result.success_count, result.fail_count) == counts
    asked = [request.url.query.get("audienceIds") for request in script.requests]
    assert [ids for ids in asked if ids] == ["1,2,3", *AGAIN.get(name, [])]


@pytest.mark.parametrize("name", CASES)
async def test_what_the_lists_tell(name: str) -> None:
    """The lists before and after decide the status of each id if the answer does not."""
    steps, statuses = CASES[name]
    async with testing.Script(*steps).async_client() as moment:
        result = await moment.account(1).audiences.delete_many([1, 2, 3])
    assert [fate(outcome) for outcome in result.outcomes] == statuses


async def test_refused_and_unseen_is_refused() -> None:
    """A refused request raises its error, also if the check afterwards fails."""
    steps = testing.answer(list(SHOWN)), testing.error(-2), testing.dead_token()
    async with testing.Script(*steps).async_client() as moment:
        with pytest.raises(kmoment.BadRequestError):
            await moment.account(1).audiences.delete_many([1, 2])


async def test_without_looking() -> None:
    """Without checks, an answer short of full success makes every id of the part unknown."""
    counts = {"successCount": 1, "failCount": 1, "errorMessages": ["x"]}
    script = testing.Script(testing.answer(counts))
    async with script.async_client(reconcile_delays=()) as moment:
        result = await moment.account(1).audiences.delete_many([1, 2])
    assert by_status(result) == {"unknown": 2}
    assert len(script.requests) == 1


@pytest.mark.parametrize("name", [*CASES, *DOUBTS])
def test_the_sync_client_tells_the_same(name: str) -> None:
    """The sync client gives the same status for each id as the async client."""
    steps, statuses = (CASES.get(name) or DOUBTS[name])[:2]
    with testing.Script(*steps).client() as moment:
        result = moment.account(1).audiences.delete_many([1, 2, 3])
    assert [fate(outcome) for outcome in result.outcomes] == statuses


@pytest.mark.usefixtures("small_parts")
async def test_closing_in_the_middle_tells_what_was_deleted() -> None:
    """The parts that were done are done; the others were not sent."""
    ids = list(range(1, 3 * FEW + 1))
    script = testing.Script(then=testing.answer({"successCount": FEW, "failCount": 0}))
    client = script.async_client(reconcile_delays=())
    send = script.send

    async def closing(*args: Any) -> Any:
        answer = await send(*args)
        client._dispatcher.state.closed = True
        return answer

    script.send = closing  # type: ignore[method-assign,assignment]
    result = await client.account(1).audiences.delete_many(ids)
    assert by_status(result) == {"deleted": FEW, "failed": 2 * FEW}
    with pytest.raises(kmoment.ClientClosedError):
        await client.account(1).audiences.delete_many(ids)
