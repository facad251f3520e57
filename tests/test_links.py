"""Links: learnt from ad groups that have one, shown, made, and read back. Never a wrong one."""

import asyncio
import json
import random
from collections import Counter
from copy import deepcopy
from typing import Any

import attrs
import pytest

import kmoment
from kmoment import testing
from kmoment._protocol.link_edit import LinkEdit, differing, make_edit
from kmoment._protocol.link_place import AdGroupSample, Place, learn, places_of
from kmoment.sandbox import Fault, Sandbox

pytestmark = pytest.mark.anyio

Json = dict[str, Any]

FIELDS = (
    "targeting.sandboxAudiences[number]",
    "targeting.sandboxAudiences[text]",
    "targeting.sandboxAudiences[audienceId]",
    "targeting.custom.deep.list[audience.id]",
    "sandboxAudiences[number]",
    "unknownHolder.audiences[id]",
)
GOAL = {"campaignType": "TALK_BIZ_BOARD", "goal": "VISITING"}
TARGET = 4
AUDIENCE = 3


def objects(sandbox: Sandbox) -> Json:
    """Every ad group as the server has it, without the date that each edit changes."""
    found = deepcopy(sandbox.state()["accounts"]["1234"]["adGroupObjects"])
    for body in found.values():
        body.pop("lastModifiedDate", None)
    return found  # type: ignore[no-any-return]


def links(sandbox: Sandbox) -> set[tuple[int, int]]:
    rows = sandbox.state()["accounts"]["1234"]["links"]
    return {(row["audienceId"], row["adGroupId"]) for row in rows}


def ready(sandbox: Sandbox) -> None:
    """Make the target's campaign one of the same Type X Goal as the linked ad groups'."""
    sandbox.reset()
    sandbox.set_ad_group(TARGET, {"campaign": {"id": 3, "campaignTypeGoal": GOAL}})


def entries(body: Json, field: str) -> list[Any]:
    holder: Any = body
    for name in field.split("[")[0].split("."):
        holder = (holder or {}).get(name)
    return list(holder or ())


def check_one_entry_more(before: Json, after: Json, field: str) -> None:
    """The target has exactly one entry more, and nothing else is another."""
    old, new = entries(before[str(TARGET)], field), entries(after[str(TARGET)], field)
    assert new[: len(old)] == old
    assert len(new) == len(old) + 1
    (*way, last), holder = field.split("[")[0].split("."), after[str(TARGET)]
    for name in way:
        holder = holder[name]
    holder[last] = old
    assert not list(differing(before, after))


def edits(sandbox: Sandbox) -> list[Json]:
    return [it for it in sandbox.requests() if it["method"] != "GET"]


# -- The whole way ----------------------------------------------------------------------


@pytest.mark.parametrize("field", FIELDS)
async def test_a_link_like_another_ones(field: str) -> None:
    """The plan finds the place, whatever it is, shows it, and makes exactly this entry."""
    async with (
        Sandbox(link_field=field) as sandbox,
        kmoment.AsyncClient(sandbox.token, base_url=sandbox.url, reconcile_delays=()) as moment,
    ):
        ready(sandbox)
        sandbox.set_ad_group(TARGET, {"unknown": {"deep": [1, 2]}, "pacing": "QUICK"})
        before = objects(sandbox)
        audiences = moment.account(1234).audiences
        plan = await audiences.plan_link(AUDIENCE, TARGET, like=1)
        assert edits(sandbox) == []
        assert plan.place is not None
        assert plan.place.startswith(field.split("[")[0] + "[]")
        assert plan.evidence == "found in 3 of 3 linked ad groups, in 0 of 1 others"
        assert (plan.like, plan.audience_id, plan.ad_group_id) == (1, AUDIENCE, TARGET)
        text = str(plan)
        assert f"+ {json.dumps(plan.entry)}" in text
        assert "left out of the edit: name, config" in text
        assert plan.evidence in text
        assert "name" in plan.left_out
        result = await plan.apply()
        assert result == (AUDIENCE, TARGET, True)
        assert AUDIENCE in {one for one, group in links(sandbox) if group == TARGET}
        check_one_entry_more(before, objects(sandbox), field)
        (sent,) = edits(sandbox)
        assert not {"name", "status", "createdDate"} & sent["body"].keys()
        assert sent["body"]["unknown"] == {"deep": [1, 2]}
        again = await audiences.plan_link(AUDIENCE, TARGET, like=1)
        assert again.already_linked
        assert "does already" in str(again)
        assert (await again.apply()).changed is False
        assert (await plan.apply()).changed is False
        assert len(edits(sandbox)) == 1


def test_the_same_in_blocking_code() -> None:
    """A blocking client plans and applies the same, and finds by itself what to learn from."""
    with (
        Sandbox() as sandbox,
        kmoment.Client(sandbox.token, base_url=sandbox.url) as moment,
    ):
        ready(sandbox)
        before = objects(sandbox)
        plan = moment.account(1234).audiences.plan_link(AUDIENCE, TARGET)
        assert isinstance(plan, kmoment.LinkPlan)
        assert plan.notes == ("ad group 1 was chosen to learn from",)
        assert repr(plan).startswith(f"<LinkPlan: audience {AUDIENCE}, ad group {TARGET}, targ")
        assert (plan.audience_id, plan.ad_group_id) == (AUDIENCE, TARGET)
        assert (plan.like, plan.entry, plan.already_linked) == (1, AUDIENCE, False)
        assert "found in 3 of 3" in plan.evidence
        assert "config" in plan.left_out
        assert plan.apply().changed
        check_one_entry_more(before, objects(sandbox), "targeting.sandboxAudiences[number]")


# -- What is refused --------------------------------------------------------------------


async def refusal(sandbox: Sandbox, **how: Any) -> kmoment.LinkRefusedError:
    """The error of a plan. Nothing may have been written."""
    before = objects(sandbox)
    async with kmoment.AsyncClient(sandbox.token, base_url=sandbox.url) as moment:
        given: Json = {"audience_id": AUDIENCE, "ad_group_id": TARGET, "like": 1} | how
        with pytest.raises(kmoment.LinkRefusedError) as caught:
            await moment.account(1234).audiences.plan_link(**given)
    assert edits(sandbox) == []
    assert objects(sandbox) == before
    return caught.value


async def test_nothing_to_learn_from() -> None:
    """An ad group without audiences teaches nothing; neither does an account without links."""
    async with Sandbox() as sandbox:
        ready(sandbox)
        assert "nothing to learn from ad group 5" in str(await refusal(sandbox, like=5))
        for group in (1, 2, 3):
            sandbox.unlink(1, group)
        assert "nothing to learn from" in str(await refusal(sandbox, like=None))


async def test_several_places_are_listed_and_chosen() -> None:
    """A second list with the same ids is no guess: both are listed, and ``at`` chooses."""
    async with Sandbox() as sandbox:
        ready(sandbox)
        for group in (1, 2, 3):
            sandbox.set_ad_group(group, {"other": {"ids": [1]}})
        error = await refusal(sandbox)
        assert isinstance(error, kmoment.AmbiguousPlaceError)
        assert error.places == ("other.ids[]", "targeting.sandboxAudiences[]")
        assert "found in 3 of 3" in str(error)
        wrong = await refusal(sandbox, at="targeting.nothing")
        assert "is none of the places" in str(wrong)
        async with kmoment.AsyncClient(sandbox.token, base_url=sandbox.url) as moment:
            audiences = moment.account(1234).audiences
            at = "targeting.sandboxAudiences"
            plan = await audiences.plan_link(AUDIENCE, TARGET, like=1, at=at)
        assert plan.place == "targeting.sandboxAudiences[]"


async def test_a_single_value_is_no_place() -> None:
    """Where the id stands in a value or in a list in a list, nothing can be added: refused."""
    async with Sandbox() as sandbox:
        ready(sandbox)
        for group in (1, 2, 3):
            sandbox.unlink(1, group)
            sandbox.link(1, group)
            sandbox.set_ad_group(group, {"only": 1, "deep": [[1]]})
        error = await refusal(sandbox)
        assert isinstance(error, kmoment.AmbiguousPlaceError)
        assert "only (not a list)" in str(error)
        assert error.places == ("targeting.sandboxAudiences[]",)


async def test_entries_that_are_no_audiences() -> None:
    """A place with an entry that is no audience's id, or one of another ad group's, is refused."""
    async with Sandbox(link_field="sandboxHidden.x[number]") as sandbox:
        ready(sandbox)
        sandbox.unlink(1, 2)
        sandbox.unlink(1, 3)
        sandbox.set_ad_group(1, {"creatives": [1, 777]})
        async with kmoment.AsyncClient(sandbox.token, base_url=sandbox.url) as moment:
            plan = await moment.account(1234).audiences.plan_link(AUDIENCE, TARGET, like=1)
            assert plan.place == "sandboxHidden.x[]"
        assert "no audience's id" in str(await refusal(sandbox, at="creatives"))
        sandbox.set_ad_group(1, {"creatives": [1, 2]})
        assert "does not use" in str(await refusal(sandbox, at="creatives[]"))


async def test_the_ad_group_does_not_fit() -> None:
    """A deleted ad group, one of another type, and an unknown one are refused."""
    async with Sandbox() as sandbox:
        ready(sandbox)
        assert "another type" in str(await refusal(sandbox, audience_id=2))
        assert "another Type X Goal" in str(await refusal(sandbox, ad_group_id=5))
        sandbox.link(2, 5)
        assert "another Type X Goal" in str(await refusal(sandbox, audience_id=2, like=5))
        sandbox.set_ad_group(5, {"bidAmount": 1})  # so that audience 1's ad groups are listed
        error = await refusal(sandbox, audience_id=2, like=5)
        assert "the ad group is of another type than MESSAGE" in str(error)
        sandbox.set_ad_group(TARGET, {"config": "DEL"})
        async with kmoment.AsyncClient(sandbox.token, base_url=sandbox.url) as moment:
            audiences = moment.account(1234).audiences
            for audience, group in ((AUDIENCE, TARGET), (AUDIENCE, 99), (99, 1)):
                with pytest.raises(kmoment.NotFoundError):
                    await audiences.plan_link(audience, group, like=1)
    assert edits(sandbox) == []


async def test_an_ad_group_that_says_it_is_deleted() -> None:
    """An ad group whose object says that it is deleted is refused, too."""
    rows = [{"id": 3, "name": "a", "type": "DISPLAY"}]
    steps = [testing.answer(rows), testing.answer({"id": 4, "config": "DEL"})]
    async with testing.Script(*steps).async_client() as moment:
        with pytest.raises(kmoment.LinkRefusedError, match="is deleted"):
            await moment.account(1).audiences.plan_link(3, 4, like=1)


async def test_an_ad_group_that_has_changed() -> None:
    """An edit between plan and apply is not overwritten. A new status is no edit."""
    async with (
        Sandbox() as sandbox,
        kmoment.AsyncClient(sandbox.token, base_url=sandbox.url) as moment,
    ):
        ready(sandbox)
        audiences = moment.account(1234).audiences
        plan = await audiences.plan_link(AUDIENCE, TARGET, like=1)
        sandbox.set_ad_group(TARGET, {"bidAmount": 777})
        with pytest.raises(kmoment.ConflictError, match="bidAmount"):
            await plan.apply()
        plan = await audiences.plan_link(AUDIENCE, TARGET, like=1)
        sandbox.set_ad_group(TARGET, {"status": ["PAUSED"]})
        assert edits(sandbox) == []
        assert (await plan.apply()).changed
        done = await audiences.plan_link(AUDIENCE, TARGET, like=1)
        sandbox.unlink(AUDIENCE, TARGET)
        with pytest.raises(kmoment.ConflictError, match="no longer"):
            await done.apply()


async def test_something_else_changes_with_the_edit() -> None:
    """If the server changes more than the entry, that is an error with the paths, no success."""
    async with (
        Sandbox() as sandbox,
        kmoment.AsyncClient(sandbox.token, base_url=sandbox.url) as moment,
    ):
        ready(sandbox)
        testing_view = moment.with_options(reconcile_delays=(0.01,))
        plan = await testing_view.account(1234).audiences.plan_link(AUDIENCE, TARGET, like=1)
        sandbox.add_fault(Fault("ad_groups.update", "delay", delay=0.2, act=True))
        applying = asyncio.create_task(plan.apply())
        await asyncio.sleep(0.1)
        sandbox.set_ad_group(TARGET, {"name": "reset by the edit"})
        with pytest.raises(kmoment.WriteMismatchError) as caught:
            await applying
        assert caught.value.differences == ("name",)


@pytest.mark.parametrize(
    ("endpoint", "how", "error", "said"),
    [
        ("ad_groups.get", {"kind": "drop_before"}, kmoment.OutcomeUnknownError, "back failed"),
        ("audiences.ad_groups", {}, kmoment.OutcomeUnknownError, "does not list the ad group"),
    ],
)
async def test_a_side_that_cannot_be_read_back(
    endpoint: str, how: Json, error: type[Exception], said: str
) -> None:
    """A link that only one side shows is no success: it may have been done."""
    async with Sandbox() as sandbox:
        ready(sandbox)
        moment = kmoment.AsyncClient(sandbox.token, base_url=sandbox.url, outage_patience=0)
        testing.no_waiting(moment)
        async with moment:
            plan = await moment.account(1234).audiences.plan_link(AUDIENCE, TARGET, like=1)
            empty = {"kind": "status", "status": 200, "body": {"content": []}}
            sandbox.add_fault(Fault(endpoint, nth=tuple(range(2, 60)), **(how or empty)))
            with pytest.raises(error, match=said):
                await plan.apply()
        assert (AUDIENCE, TARGET) in links(sandbox)


async def test_an_edit_that_was_taken_and_not_made() -> None:
    """A success whose ad group is as it was is an error; the place is what differs."""
    async with Sandbox() as sandbox:
        ready(sandbox)
        moment = kmoment.AsyncClient(sandbox.token, base_url=sandbox.url, reconcile_delays=())
        async with moment:
            plan = await moment.account(1234).audiences.plan_link(AUDIENCE, TARGET, like=1)
            sandbox.add_fault(Fault("ad_groups.update", "status", status=200, body={"id": 4}))
            with pytest.raises(kmoment.WriteMismatchError, match="as it was") as caught:
                await plan.apply()
        assert caught.value.differences == ("targeting.sandboxAudiences",)
        assert links(sandbox) == {(1, 1), (1, 2), (1, 3)}


async def test_a_refused_edit_is_an_error() -> None:
    """What Kakao refuses is its error, and nothing was written."""
    async with Sandbox() as sandbox:
        ready(sandbox)
        before = objects(sandbox)
        async with kmoment.AsyncClient(sandbox.token, base_url=sandbox.url) as moment:
            plan = await moment.account(1234).audiences.plan_link(AUDIENCE, TARGET, like=1)
            refused = {"code": -813, "msg": "x", "extras": {"detailCode": 32013}}
            sandbox.add_fault(Fault("ad_groups.update", "status", status=400, body=refused))
            with pytest.raises(kmoment.BadRequestError):
                await plan.apply()
        assert objects(sandbox) == before


async def test_another_answer_is_no_ad_group() -> None:
    """JSON of something else is not taken for the ad group."""
    rows = [{"id": 3, "name": "a", "type": "DISPLAY"}]
    others: list[Any] = [[], {"id": 5}, {"ok": True}]
    for other in others:
        steps = [testing.answer(rows), testing.answer(other)]
        async with testing.Script(*steps).async_client() as moment:
            with pytest.raises(kmoment.ProtocolError, match="not ad group 4"):
                await moment.account(1).audiences.plan_link(3, 4, like=1)


async def test_an_example_that_is_deleted_is_passed_over() -> None:
    """Without ``like``, an ad group that cannot be read is not learnt from."""
    async with Sandbox() as sandbox:
        ready(sandbox)
        sandbox.set_ad_group(1, {"config": "DEL"})
        async with kmoment.AsyncClient(sandbox.token, base_url=sandbox.url) as moment:
            plan = await moment.account(1234).audiences.plan_link(AUDIENCE, TARGET)
            assert (plan.like, plan.evidence[:15]) == (2, "found in 2 of 2")
            assert repr(plan).startswith("<AsyncLinkPlan")


async def test_both_sides_of_the_target_must_agree() -> None:
    """A target whose object names the audience, while the audience does not list it: refused."""
    async with Sandbox() as sandbox:
        ready(sandbox)
        sandbox.link(AUDIENCE, TARGET)
        empty = Fault("audiences.ad_groups", "status", nth=(1,), status=200, body={"content": []})
        sandbox.add_fault(empty)
        error = await refusal(sandbox)
        assert "does not use" in str(error)
    place, count = learn([sample(1, {5}, list=[5])], frozenset({5, 6}))
    row = kmoment.AudienceSummary(id=6, name="b")
    rows = {5: kmoment.AudienceSummary(id=5, name="a"), 6: row}
    with pytest.raises(kmoment.LinkRefusedError, match="holds audience 6 already"):
        make_edit(
            account=1,
            audience=row,
            target=sample(2, set(), list=[6]),
            samples=[sample(1, {5}, list=[5])],
            audiences=rows,
            learnt=(place, count),
        )


def edit_of(field: Json, entry: Any, **place: Any) -> LinkEdit:
    return LinkEdit(
        account=1,
        audience_id=6,
        ad_group_id=2,
        before={"id": 2, **field},
        place=Place(("a", "list"), **place),
        entry=entry,
    )


def test_what_the_server_makes_of_an_entry() -> None:
    """A server may add members to the new entry, and order a set. Anything else is a mismatch."""
    edit = edit_of({"a": {"list": [{"x": {"id": 5}}]}}, {"x": {"id": 6}}, member=("x", "id"))
    added = [{"x": {"id": 6}, "name": "b"}, {"x": {"id": 5}}]
    assert edit.is_done({"id": 2, "a": {"list": added}, "lastModifiedDate": "now"})
    assert edit.mismatch({"id": 2, "a": {"list": [*added, {"x": {"id": 7}}]}}) == ("a.list",)
    assert edit.mismatch({"id": 2, "a": {"list": "gone"}}) == ("a.list",)
    assert edit.mismatch({"id": 2, "a": {"list": [{"x": {"id": 6}}]}}) == ("a.list",)
    assert edit.is_undone({"id": 2, "a": {"list": [{"x": {"id": 5}}]}, "b": None})
    assert edit_of({"a": None}, 6).after == {"id": 2, "a": {"list": [6]}}
    assert edit_of({}, 6).after == {"id": 2, "a": {"list": [6]}}
    nothing = attrs.evolve(edit, place=None)
    assert nothing.after == nothing.before
    assert not nothing.is_done(nothing.before)
    assert nothing.mismatch(nothing.before) == ()


def test_a_way_that_is_no_object() -> None:
    """A place that other ad groups have otherwise is refused, with what is expected there."""
    first = sample(1, {5}, a={"list": [5]})
    cases: list[tuple[Any, str]] = [(3, "an object is expected"), ({"list": 3}, "a list is")]
    for other, said in cases:
        with pytest.raises(kmoment.LinkRefusedError, match=said):
            learn([first, sample(2, set(), a=other)], frozenset({5}))


def test_ids_in_lists_of_lists_are_seen() -> None:
    """An id within a list in an entry makes another place, where nothing can be added."""
    found = places_of({"id": 5, "a": [{"deep": [{"x": 5}, [5]]}, [5]], "b": [{"x": {"y": "5"}}]}, 5)
    assert {str(it) for it in found} == {
        "a.deep (not a list)",
        "a (not a list)",
        "b[].x.y as text",
    }
    twice = sample(1, {5}, a=[{"x": 5, "y": 5}])
    with pytest.raises(kmoment.AmbiguousPlaceError, match="more than one place: "):
        learn([twice], frozenset({5}), at="a")
    assert str(learn([twice], frozenset({5}), at="a[].x")[0]) == "a[].x"


# -- Entries that are objects -----------------------------------------------------------


def sample(ident: int, uses: set[int], unused: set[int] = frozenset(), **body: Any) -> Any:  # type: ignore[assignment]
    return AdGroupSample(ident, {"id": ident, **body}, frozenset(uses), frozenset(unused))


def linked_objects(*extras: Json) -> list[Any]:
    return [
        kmoment.AudienceSummary(id=n, name=f"audience {n}", type=kmoment.AudienceType.DISPLAY)
        for n, _ in enumerate(extras, 1)
    ]


@pytest.mark.parametrize(
    ("extras", "expected"),
    [
        ([{"inclusionType": "INCLUDE"}], {"inclusionType": "INCLUDE"}),
        ([{"on": True, "x": None}], {"on": True, "x": None}),
        ([{"name": "audience 1"}, {"name": "audience 2"}], {"name": "audience 3"}),
        ([{"weight": 5}, {"weight": 5}], {"weight": 5}),
        ([{"weight": 5}, {}], {}),
        ([{"weight": 5}], None),
        ([{"rowId": 77}, {"rowId": 78}], None),
        ([{"key": "a8f0"}], None),
    ],
)
async def test_what_else_an_entry_holds(extras: list[Json], expected: Json | None) -> None:
    """What says how an audience is used is copied; what is one audience's own is not guessed."""
    rows = [{"id": n, "name": f"audience {n}", "type": "DISPLAY"} for n in (1, 2, 3)]
    held = [{"audienceId": n, **extra} for n, extra in enumerate(extras, 1)]

    def answer(request: testing.Request) -> Any:
        path = request.url.path.removeprefix("/openapi/v4")
        if path.endswith("/adGroups") and path != "/adGroups":
            uses = int(path.split("/")[3]) <= len(held)
            groups = [{"campaignId": 1, "adGroupId": 11}] if uses else []
            return testing.answer({"content": groups})
        answers = {
            "/targetings/audiences": rows,
            "/adGroups": [],
            "/adGroups/11": {"id": 11, "targeting": {"list": held}},
            "/adGroups/12": {"id": 12, "targeting": None},
        }
        return testing.answer(answers[path])

    async with testing.Script(then=answer).async_client() as moment:
        making = moment.account(1).audiences.plan_link(3, 12, like=11)
        if expected is None:
            with pytest.raises(kmoment.LinkRefusedError, match="is not known"):
                await making
        else:
            plan = await making
            assert plan.entry == {"audienceId": 3, **expected}
            assert "was not checked" in plan.notes[0]


def test_a_decoy_of_one_sample_is_not_taken() -> None:
    """A place that a second ad group disproves is dropped; one that is left over is refused."""
    first = sample(11, {5}, true={"list": [5]}, decoy=[5], only=5)
    second = sample(12, {5}, true={"list": [5]}, only=6)
    place, count = learn([first, second], frozenset({5, 6}))
    assert (str(place), count.found, count.linked) == ("true.list[]", 2, 2)
    with pytest.raises(kmoment.AmbiguousPlaceError) as caught:
        learn([first], frozenset({5, 6}))
    assert caught.value.places == ("decoy[]", "true.list[]")
    apart = sample(12, {5}, elsewhere={"list": [5]})
    with pytest.raises(kmoment.AmbiguousPlaceError):
        learn([first, apart], frozenset({5}))
    with pytest.raises(kmoment.LinkRefusedError, match="does not name them"):
        learn([sample(13, {5}, other=[6])], frozenset({5, 6}))


# -- 500 random ad groups ---------------------------------------------------------------


def decoys(rng: random.Random, depth: int = 0) -> Any:
    """A random value, in which ids of audiences stand by chance."""
    kind = rng.randrange(8 if depth < 3 else 5)
    if kind < 2:
        return rng.choice([1, 2, 3, 4, 100, "1", "3", True, None, "ANDROID"])
    if kind < 5:
        pool = rng.choice([[1], [3], [1, 3], ["1"], ["3", "x"], [7, 8], [{"id": 1}], [[1]], []])
        return deepcopy(pool)
    return {f"m{rng.randrange(5)}": decoys(rng, depth + 1) for _ in range(rng.randrange(1, 4))}


def random_members(rng: random.Random, *, crowded: bool) -> Json:
    known = {"pacing": rng.choice(["QUICK", "NORMAL"]), "bidAmount": rng.choice([1, 3, 500])}
    read_only = {"creativeCount": rng.choice([1, 3]), "isValidPeriod": rng.random() < 0.5}
    unknown = {f"u{n}": decoys(rng) for n in range(rng.randrange(1, 5) if crowded else 1)}
    return {**known, **read_only, **unknown}


def set_scene(sandbox: Sandbox, rng: random.Random) -> None:
    ready(sandbox)
    for group in (1, 2, 3, 4):
        sandbox.set_ad_group(group, random_members(rng, crowded=rng.random() < 0.5))
    for group in (2, 3):
        if rng.random() < 0.3:
            sandbox.unlink(1, group)
    if rng.random() < 0.3:
        sandbox.link(1, TARGET)
    if rng.random() < 0.3:
        sandbox.link(AUDIENCE, 2)


async def attempt(moment: kmoment.AsyncClient, rng: random.Random) -> str:
    """Plan and apply. The name of the error, if there is one."""
    audiences = moment.account(1234).audiences
    try:
        plan = await audiences.plan_link(AUDIENCE, TARGET, like=rng.choice([None, 1]))
        return "linked" if (await plan.apply()).changed else "already"
    except kmoment.KmomentError as error:
        return type(error).__name__


@pytest.mark.parametrize("field", FIELDS[:5])
async def test_random_ad_groups(field: str) -> None:
    """Over 500 random ad groups, the server has one entry more after, or the plan was refused."""
    seen: Counter[str] = Counter()
    asyncio.get_running_loop().set_debug(False)  # debug mode would take most of the time
    async with Sandbox(link_field=field) as sandbox:
        moment = kmoment.AsyncClient(sandbox.token, base_url=sandbox.url)
        testing.no_waiting(moment)
        async with moment:
            for seed in range(100):
                rng = random.Random(f"{field}:{seed}")
                set_scene(sandbox, rng)
                before, linked = objects(sandbox), links(sandbox)
                ended = await attempt(moment, rng)
                seen[ended] += 1
                if ended == "linked":
                    check_one_entry_more(before, objects(sandbox), field)
                    assert links(sandbox) == linked | {(AUDIENCE, TARGET)}
                else:
                    assert ended in ("LinkRefusedError", "AmbiguousPlaceError"), ended
                    assert objects(sandbox) == before
                    assert edits(sandbox) == []
    assert seen["linked"] >= 30, seen  # it refuses what is not sure, not everything


# -- Faults -----------------------------------------------------------------------------

WRONG = {"status": 502}
KINDS: list[Json] = [
    {"kind": "status", **WRONG},
    {"kind": "status", "act": True, **WRONG},
    {"kind": "status", "status": 503, "act": True},
    {"kind": "throttle"},
    {"kind": "maintenance"},
    {"kind": "envelope_in_200"},
    {"kind": "html"},
    {"kind": "html", "act": True},
    {"kind": "bad_json"},
    {"kind": "truncate"},
    {"kind": "bad_gzip"},
    {"kind": "drop_before"},
    {"kind": "drop_after"},
    {"kind": "reset"},
    {"kind": "reset", "act": True},
    {"kind": "commit_late", "delay": 0.02},
]


@pytest.mark.parametrize("times", [1, None], ids=["once", "for ever"])
@pytest.mark.parametrize("fault", KINDS, ids=lambda it: "-".join(map(str, it.values())))
async def test_links_under_faults(fault: Json, times: int | None) -> None:
    """Whatever is lost, no success is reported that is none, and no other change is made."""
    field = FIELDS[0]
    async with Sandbox(link_field=field) as sandbox:
        for endpoint in ("ad_groups.update", "ad_groups.get", "audiences.ad_groups"):
            for first in (1, 3) if endpoint != "ad_groups.update" and times else (1,):
                ready(sandbox)
                moment = kmoment.AsyncClient(
                    sandbox.token,
                    base_url=sandbox.url,
                    outage_patience=0,
                    max_attempts=2,
                    max_wait=20,
                )
                testing.no_waiting(moment)
                nth = tuple(range(first, first + 2)) if times else ()
                sandbox.add_fault(Fault(endpoint, nth=nth, **fault))
                before, linked = objects(sandbox), links(sandbox)
                async with moment:
                    ended = await attempt(moment, random.Random(1))
                at_once = links(sandbox)
                await asyncio.sleep(0.03 if fault["kind"] == "commit_late" else 0)
                after, more = objects(sandbox), links(sandbox) - linked
                assert more in (set(), {(AUDIENCE, TARGET)})
                assert ended != "already"
                if ended == "linked":
                    assert (AUDIENCE, TARGET) in at_once
                elif ended not in ("OutcomeUnknownError", "WriteMismatchError"):
                    assert not more, ended
                if more:
                    check_one_entry_more(before, after, field)
                else:
                    assert after == before
