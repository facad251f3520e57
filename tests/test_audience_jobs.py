"""Finding, editing, waiting for, and deleting audiences: what takes several calls."""

import asyncio
import json
import pickle
import threading
from collections.abc import Callable, Iterator
from typing import Any

import attrs
import pytest

import kmoment
from helpers import TOKEN
from kmoment import testing
from kmoment._engine import audience_wait
from kmoment.sandbox import Fault, Sandbox

pytestmark = pytest.mark.anyio

AVAILABLE = {"audienceStatus": "AVAILABLE"}


def listed(**states: str | None) -> Any:
    """A list of audiences with these states: ``_1="STANDBY"``."""
    rows = [{"id": int(k[1:]), "name": k, "audienceStatus": v} for k, v in states.items()]
    return testing.answer({"content": rows})


@pytest.fixture
def place() -> Iterator[tuple[Sandbox, kmoment.Client]]:
    with (
        Sandbox() as sandbox,
        kmoment.Client(sandbox.token, base_url=sandbox.url) as moment,
    ):
        yield sandbox, moment


def writes(sandbox: Sandbox) -> list[str]:
    return [str(it["endpoint"]) for it in sandbox.requests() if it["method"] != "GET"]


# -- find -------------------------------------------------------------------------------


def test_a_name_that_is_not_found_is_told_near_ones() -> None:
    """What was not found is a name and not an id: the message and the hints speak of names."""
    rows = [
        {"id": n, "name": name, "type": "DISPLAY"} for n, name in enumerate(["첫 오디언스", "x"], 1)
    ]
    with testing.Script(then=testing.answer({"content": rows})).client() as moment:
        with pytest.raises(kmoment.NotFoundError) as caught:
            moment.account(1).audiences.find("첫")
        assert caught.value.reason == "no audience is named '첫'; near names: '첫 오디언스'"
        assert "Check the name" in caught.value.hint
        assert "이름" in caught.value.hint_ko
        with pytest.raises(kmoment.NotFoundError, match="no MESSAGE audience is named 'x'"):
            moment.account(1).audiences.find("x", "MESSAGE")


def test_find_takes_the_one_of_that_name() -> None:
    """A name finds its audience however its Hangul was typed; none and several are errors."""
    rows = [
        {"id": 1, "name": "이십대", "type": "DISPLAY"},
        {"id": 2, "name": "both", "type": "DISPLAY"},
        {"id": 3, "name": "both", "type": "MESSAGE"},
    ]
    with testing.Script(then=testing.answer({"content": rows})).client() as moment:
        audiences = moment.account(1).audiences
        assert audiences.find(" 이십대 ").id == 1
        assert audiences.find("both", "MESSAGE").id == 3
        with pytest.raises(kmoment.NotFoundError, match="'이'") as missing:
            audiences.find("이")
        assert missing.value.operation == "audiences.find"
        with pytest.raises(kmoment.AmbiguousAudienceError) as several:
            audiences.find("both")
        with pytest.raises(kmoment.InvalidArgumentError, match="name must be text"):
            audiences.find(" ")
    assert [row.id for row in several.value.candidates] == [2, 3]
    again = pickle.loads(pickle.dumps(several.value))
    assert (str(again), again.candidates) == (str(several.value), several.value.candidates)


# -- edit -------------------------------------------------------------------------------

DETAIL = {
    "id": 1,
    "type": "DISPLAY",
    "name": "before",
    "ageType": "NOT_ALL",
    "ages": ["20"],
    "genderType": "ALL",
    "depth2locations": [
        {"value": "I1000", "desrciption": "x", "depth1Name": "서울", "depth2Name": "강남구"}
    ],
    "cohortTargetings": [{"cohortId": 1, "inclusionType": "INCLUDE", "odd": 1}],
    "newMember": {"deep": [1]},
    "lastModifiedDate": "2024-01-01T00:00:00",
}


def test_edit_keeps_what_it_does_not_change() -> None:
    """An edit sends the whole audience: targeting, unknown members, and what was misspelt."""
    detail, done = testing.answer(DETAIL), testing.answer({"id": 1, "name": "a", "type": "DISPLAY"})
    script = testing.Script(detail, detail, done)
    with script.client() as moment:
        moment.account(1234).audiences.edit(1, name="after", genders=["F"])
    sent = json.loads(script.requests[2].body or b"")
    assert sent["name"] == "after"
    assert (sent["genderType"], sent["genders"], sent["ages"]) == ("NOT_ALL", ["F"], ["20"])
    assert sent["locationType"] == "AREA"
    assert sent["depth2Locations"][0]["description"] == "x"
    assert sent["cohortTargetings"] == DETAIL["cohortTargetings"]
    assert sent["newMember"] == {"deep": [1]}
    assert (sent["id"], sent["adAccountId"]) == (1, 1234)


@pytest.mark.parametrize("member", ["name", "ages", "newMember", "lastModifiedDate"])
def test_edit_is_refused_if_the_audience_changed(member: str) -> None:
    """An audience that changed between the two reads, or since the user's read, is not written."""
    changed = {"name": "b", "ages": ["25"], "newMember": 2, "lastModifiedDate": "2024-01-02T00:00"}
    after = testing.answer({**DETAIL, member: changed[member]})
    script = testing.Script(testing.answer(DETAIL), after, testing.answer(DETAIL), then=after)
    with script.client() as moment:
        audiences = moment.account(1).audiences
        with pytest.raises(kmoment.ConflictError, match="nothing was written"):
            audiences.edit(1, name="x")
        mine = audiences.get(1)
        with pytest.raises(kmoment.ConflictError):
            audiences.edit(mine, name="x")
    assert {request.method for request in script.requests} == {"GET"}


def test_edit_does_not_mind_what_changes_by_itself() -> None:
    """A new status, population or order of a set is no edit by someone else."""
    now = {**DETAIL, "audienceStatus": "STANDBY", "populationScore": 5}
    done = testing.answer({"id": 1, "name": "a", "type": "DISPLAY"})
    script = testing.Script(testing.answer(DETAIL), testing.answer(now), done)
    with script.client() as moment:
        assert moment.account(1).audiences.edit(1, name="a").name == "a"


def test_edit_refuses_bad_input() -> None:
    """No change, and a bad id, are refused unsent; a change that breaks rules is not written."""
    script = testing.Script(then=testing.answer(DETAIL))
    with script.client() as moment:
        audiences = moment.account(1).audiences
        with pytest.raises(kmoment.InvalidArgumentError, match="at least one member"):
            audiences.edit(1)
        with pytest.raises(kmoment.InvalidArgumentError, match="audience must be"):
            audiences.edit(0, name="x")
        assert not script.requests
        with pytest.raises(kmoment.InvalidDraftError):
            audiences.edit(1, ages=["22"])
    assert {request.method for request in script.requests} == {"GET"}


# -- wait -------------------------------------------------------------------------------


def test_wait_until_it_is_available() -> None:
    """The list is made at once, then after pauses that grow from 5 s to 60 s."""
    steps = [listed(_1="STANDBY", _2="AVAILABLE")] * 9
    script = testing.Script(*steps, listed(_1="AVAILABLE", _2="AVAILABLE"))
    with script.client() as moment:
        rows = moment.account(7).audiences.wait(2, 1)
    assert [row.id for row in rows] == [2, 1]
    assert {row.audience_status for row in rows} == {"AVAILABLE"}
    assert len(script.requests) == 10
    assert all(0 < pause <= audience_wait.FIRST_PAUSE for pause in script.pauses)
    grown = [5 * 1.5**n for n in range(7)] + [60, 60]
    assert sum(script.pauses) == pytest.approx(sum(grown), rel=0.2)


@pytest.mark.parametrize("status", ["SEED_NOT_ENOUGH", "ERROR"])
def test_a_state_that_stays_ends_the_wait(status: str) -> None:
    """An audience that will not become available ends the wait at once, with its state."""
    script = testing.Script(listed(_1="STANDBY", _2=status))
    with script.client() as moment, pytest.raises(kmoment.AudienceNotUsableError) as caught:
        moment.account(7).audiences.wait(1, 2)
    assert (caught.value.audience_status, caught.value.audience.id) == (status, 2)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
    with testing.Script(listed(_1=status)).client() as moment:
        assert moment.account(7).audiences.wait(1, until=status)[0].id == 1


def test_unknown_states_are_waited_on_and_named() -> None:
    """A state that kmoment does not know is waited on. The error at the end names all states."""
    script = testing.Script(then=listed(_1="WARMING", _2="STANDBY", _3=None))
    with script.client() as moment, pytest.raises(kmoment.DeadlineExceededError) as caught:
        moment.account(7).audiences.wait(1, 2, 3, timeout=100)
    text = str(caught.value)
    assert "1 is WARMING (which kmoment does not know)" in text
    assert "2 is STANDBY" in text
    assert "3 is without a status" in text
    assert isinstance(caught.value, TimeoutError)
    assert 100 <= sum(script.pauses) < 170


def test_the_time_ends_a_wait() -> None:
    """The time counts also while the client pauses for real."""
    with Sandbox() as sandbox, kmoment.Client(sandbox.token, base_url=sandbox.url) as moment:
        audiences = moment.account(1234).audiences
        created = audiences.create(kmoment.AudienceDraft.display("x"))
        with pytest.raises(kmoment.DeadlineExceededError, match="STANDBY"):
            audiences.wait(created.id, timeout=0.2)


def test_an_audience_that_is_not_there() -> None:
    """An old list is not believed: what two lists do not show is asked for by itself."""
    found = testing.answer({"id": 1, "name": "a", "type": "DISPLAY", **AVAILABLE})
    with testing.Script(listed(), listed(), found).client() as moment:
        assert moment.account(7).audiences.wait(1)[0].audience_status == "AVAILABLE"
    gone = testing.error(-813, detail_code=75014)
    with (
        testing.Script(listed(), listed(), gone).client() as moment,
        pytest.raises(kmoment.NotFoundError),
    ):
        moment.account(7).audiences.wait(1)


def test_a_list_that_fails() -> None:
    """A failure that may pass is waited on; one for good ends the wait of all."""
    steps = [testing.broken(), listed(), listed(), testing.broken(), listed(_1="AVAILABLE")]
    with testing.Script(*steps).client(max_attempts=1) as moment:
        assert len(moment.account(7).audiences.wait(1)) == 1
    with testing.Script(then=testing.dead_token()).client() as moment:
        outcomes = moment.account(7).audiences.wait_each(1, 2)
    assert [type(it.error) for it in outcomes] == [kmoment.AuthenticationError] * 2


def test_wait_each_gives_outcomes() -> None:
    """One that cannot be used, and one that is not there, do not end the wait for the others."""
    gone = testing.error(-813, detail_code=75014)
    state = {"lists": 0}

    def answer(request: testing.Request) -> Any:
        if request.url.path.endswith("/3"):
            return gone
        state["lists"] += 1
        return listed(_1="STANDBY" if state["lists"] < 5 else "AVAILABLE", _2="ERROR")

    with testing.Script(then=answer).client() as moment:
        outcomes = moment.account(7).audiences.wait_each(1, 2, 3)
        assert moment.account(7).audiences.wait_each() == []
        assert moment.account(7).audiences.wait() == []
    assert [it.ok for it in outcomes] == [True, False, False]
    assert [type(it.error).__name__ for it in outcomes[1:]] == [
        "AudienceNotUsableError",
        "NotFoundError",
    ]


async def test_a_thousand_waiters_make_one_list_a_tick() -> None:
    """However many wait for audiences of one account, each tick makes one list."""
    ticks = 6
    state = {"lists": 0}

    def answer(request: testing.Request) -> Any:
        state["lists"] += 1
        done = "AVAILABLE" if state["lists"] > ticks else "STANDBY"
        return listed(**{f"_{n}": done for n in range(1, 1001)})

    async with testing.Script(then=answer).async_client() as moment:
        audiences = moment.account(7).audiences
        rows = await asyncio.gather(*(audiences.wait(n) for n in range(1, 1001)))
    assert state["lists"] == ticks + 1
    assert [row.id for (row,) in rows] == list(range(1, 1001))


def test_waiters_on_threads_share_too() -> None:
    """Blocking waiters share their lists as well, and a batch of waits runs on the loop."""
    state = {"lists": 0}

    def answer(request: testing.Request) -> Any:
        state["lists"] += 1
        done = "AVAILABLE" if state["lists"] > 4 else "STANDBY"
        return listed(**{f"_{n}": done for n in range(1, 41)})

    with testing.Script(then=answer).client() as moment:
        audiences = moment.account(7).audiences
        outcomes = moment.each(audiences.wait, range(1, 41), concurrency=40).collect()
        assert [row.id for (row,) in outcomes.values()] == list(range(1, 41))
        assert threading.active_count() < 20
    assert state["lists"] == 5


async def test_the_next_waiter_takes_over() -> None:
    """If the one that lists is cancelled, the others go on; a closed client ends them."""
    async with Sandbox() as sandbox:
        moment = kmoment.AsyncClient(sandbox.token, base_url=sandbox.url)
        audiences = moment.account(1234).audiences
        ids = [(await audiences.create(kmoment.AudienceDraft.display(f"x{n}"))).id for n in (1, 2)]
        testing_pauses: list[float] = []

        async def brief(seconds: float) -> None:
            testing_pauses.append(seconds)
            await asyncio.sleep(0.02)

        moment._change_settings(sleep=brief)
        first, second = (asyncio.create_task(audiences.wait(one)) for one in ids)
        await asyncio.sleep(0.05)
        first.cancel()
        await asyncio.sleep(0.05)
        sandbox.advance(60)
        (row,) = await second
        assert row.audience_status == "AVAILABLE"
        third = asyncio.create_task(audiences.wait(row.id, until="ERROR"))
        with pytest.raises(kmoment.AudienceNotUsableError):
            await third
        fourth = asyncio.create_task(audiences.wait(99999))
        await asyncio.sleep(0.01)
        await moment.aclose()
        with pytest.raises(kmoment.ClientClosedError):
            await fourth


@pytest.mark.parametrize(
    ("argument", "call"),
    [
        ("audience_ids[0]", lambda it: it.wait("x")),
        ("until", lambda it: it.wait(1, until="")),
        ("timeout", lambda it: it.wait(1, timeout=0)),
        ("timeout", lambda it: it.wait_each(1, timeout=-1)),
        ("audience_ids", lambda it: it.plan_delete(7)),
        ("type", lambda it: it.find("x", type=3)),
        ("audience_id", lambda it: it.delete(0, if_unused=True)),
    ],
)
def test_bad_input_is_refused_unsent(argument: str, call: Callable[[Any], Any]) -> None:
    """Bad input is one error that names its argument, before the client's thread starts."""
    client = kmoment.Client(TOKEN)
    with pytest.raises(kmoment.InvalidArgumentError) as caught:
        call(client.account(1).audiences)
    assert caught.value.argument == argument
    assert client._sender.owner.running is None


# -- delete -----------------------------------------------------------------------------


def test_delete_if_unused(place: tuple[Sandbox, kmoment.Client]) -> None:
    """An audience in use is kept, and the error has its ad groups. One that is not, is deleted."""
    sandbox, moment = place
    audiences = moment.account(1234).audiences
    with pytest.raises(kmoment.AudienceInUseError) as caught:
        audiences.delete(1, if_unused=True)
    assert [group.ad_group_id for group in caught.value.ad_groups] == [1, 2, 3]
    assert writes(sandbox) == []
    again = pickle.loads(pickle.dumps(caught.value))
    assert (str(again), again.ad_groups) == (str(caught.value), caught.value.ad_groups)
    audiences.delete(3, if_unused=True)
    assert {row.id for row in audiences.list()} == {1, 2}


def test_plan_delete(place: tuple[Sandbox, kmoment.Client]) -> None:
    """The plan shows who uses what; applying it deletes only what is unused, or unlinks first."""
    sandbox, moment = place
    audiences = moment.account(1234).audiences
    plan = audiences.plan_delete([1, 3, 1])
    assert [(row.audience.id, len(row.ad_groups)) for row in plan.rows] == [(1, 3), (3, 0)]
    assert [row.audience.id for row in plan.in_use] == [1]
    assert "delete 1 'first_audience': used by ad groups 1, 2, 3" in str(plan)
    assert repr(plan) == "<DeletePlan: 2 audiences, 1 in use>"
    with pytest.raises(kmoment.AudienceInUseError):
        plan.apply()
    assert writes(sandbox) == []
    result = plan.apply(unlink=True)
    assert [it.value for it in result.outcomes] == ["deleted", "deleted"]
    assert writes(sandbox) == ["audiences.unlink"] * 3 + ["audiences.delete_many"]
    with pytest.raises(kmoment.NotFoundError):
        audiences.plan_delete([1])
    nothing = audiences.plan_delete([])
    assert (nothing.rows, str(nothing)) == ((), "nothing to delete")
    assert nothing.apply().success_count == 0


def test_a_link_that_the_plan_did_not_show(place: tuple[Sandbox, kmoment.Client]) -> None:
    """An ad group that has begun to use an audience since the plan is not unlinked."""
    sandbox, moment = place
    plan = moment.account(1234).audiences.plan_delete([3])
    sandbox.link(3, 4)
    with pytest.raises(kmoment.ConflictError, match="ad groups 4"):
        plan.apply(unlink=True)
    assert writes(sandbox) == []


async def test_plan_delete_async() -> None:
    """The async plan is awaited; a failing look stops it before anything is deleted."""
    async with (
        Sandbox() as sandbox,
        kmoment.AsyncClient(sandbox.token, base_url=sandbox.url) as moment,
    ):
        plan = await moment.account(1234).audiences.plan_delete([1])
        assert isinstance(plan, kmoment.AsyncDeletePlan)
        refused = {"code": -5, "msg": "no permission"}
        sandbox.add_fault(Fault("audiences.ad_groups", "status", status=403, times=1, body=refused))
        with pytest.raises(kmoment.PermissionDeniedError):
            await plan.apply(unlink=True)
        assert writes(sandbox) == []
        assert (await plan.apply(unlink=True)).success_count == 1


def test_plans_of_a_blocking_batch_are_blocking(place: tuple[Sandbox, kmoment.Client]) -> None:
    """A batch in blocking code gives plans that block, not plans to await."""
    _, moment = place
    audiences = moment.account(1234).audiences
    (plan,) = moment.each(audiences.plan_delete, [[3]]).collect().values()
    assert isinstance(plan, kmoment.DeletePlan)
    assert plan.apply().success_count == 1


async def test_a_plan_does_not_believe_an_old_list() -> None:
    """An audience that the list does not show yet is asked for by itself."""
    found = testing.answer({"id": 1, "name": "a", "type": "DISPLAY"})
    steps = [listed(), found, testing.answer({"content": []})]
    async with testing.Script(*steps).async_client() as moment:
        audiences = moment.account(1).audiences
        plan = await audiences.plan_delete([1])
        assert (str(plan), repr(plan)) == (
            "delete 1 'a': not used",
            "<AsyncDeletePlan: 1 audiences, 0 in use>",
        )
        assert await audiences.wait() == []
        assert await audiences.wait_each() == []
        assert (await audiences.plan_delete([])).rows == ()


def test_rows_of_a_plan_are_values() -> None:
    """A row of a plan compares and pickles."""
    row = kmoment.DeletePlanRow(kmoment.AudienceSummary(id=1, name="a"), ())
    assert pickle.loads(pickle.dumps(row)) == row
    assert attrs.evolve(row.audience, id=2) != row.audience


@pytest.mark.anyio
async def test_an_audience_that_nobody_uses_is_deleted() -> None:
    """``if_unused`` looks first, and deletes what no ad group uses."""
    script = testing.Script(testing.answer({"content": []}), testing.answer())
    async with script.async_client() as moment:
        await moment.account(1).audiences.delete(7, if_unused=True)
    assert [request.method for request in script.requests] == ["GET", "DELETE"]
