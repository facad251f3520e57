"""``ensure``: an audience is what a draft asks for, and doing it again changes nothing."""

import asyncio
import json
import pickle
import unicodedata
from collections.abc import Callable, Iterator
from typing import Any

import attrs
import pytest
from hypothesis import given, strategies as st

import kmoment
from helpers import TOKEN
from helpers.strategies import PLACES, drafts
from helpers.truth import Asked, Kakao, Truth, under, writing
from helpers.virtual_clock import run
from kmoment import AudienceDraft, Change, OutcomeStatus, testing
from kmoment._engine import ensure as ensure_engine
from kmoment._protocol.audience_rules import name_and_type
from kmoment._text import normalised
from kmoment.sandbox import Fault, Sandbox

ACCOUNT = 1234
TWENTIES = AudienceDraft.display("20s", ages=["20", "25"])
Use = Callable[[Any], Any]


def blocking(sandbox: Sandbox, use: Use) -> Any:
    with kmoment.Client(sandbox.token, base_url=sandbox.url) as moment:
        return use(moment.account(ACCOUNT).audiences)


def awaited(sandbox: Sandbox, use: Use) -> Any:
    async def work() -> Any:
        async with kmoment.AsyncClient(sandbox.token, base_url=sandbox.url) as moment:
            return await use(moment.account(ACCOUNT).audiences)

    return asyncio.run(work())


both = pytest.mark.parametrize("client", [blocking, awaited])


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


def asked(sandbox: Sandbox) -> list[str]:
    """The calls that were made, in alphabetical order."""
    return sorted(str(it["endpoint"]).removeprefix("audiences.") for it in sandbox.requests())


def there(sandbox: Sandbox) -> list[tuple[str, str]]:
    """Names and types of what is there."""
    rows = sandbox.state()["accounts"][str(ACCOUNT)]["audiences"]
    return [(row["name"], row["type"]) for row in rows]


# -- One --------------------------------------------------------------------------------


@both
def test_created_then_unchanged_then_updated(sandbox: Sandbox, client: Any) -> None:
    """What is missing is created, what is right is left alone, and what differs is updated."""
    made = client(sandbox, lambda it: it.ensure(TWENTIES))
    assert (made.change, made.audience.ages, made.dry_run) == ("created", ("20", "25"), False)
    assert str(made) == "created DISPLAY '20s' (4): ages: +20 +25"
    again = client(sandbox, lambda it: it.ensure(TWENTIES))
    assert (again.change, again.differences) == (Change.UNCHANGED, ())
    assert again.audience.id == made.audience.id
    other = client(sandbox, lambda it: it.ensure(TWENTIES.replace(ages=["25", "30"])))
    assert (other.change, other.audience.id) == (Change.UPDATED, made.audience.id)
    assert str(other) == "updated DISPLAY '20s' (4): ages: +30 -20"
    assert there(sandbox).count(("20s", "DISPLAY")) == 1


@both
def test_a_dry_run_writes_nothing(sandbox: Sandbox, client: Any) -> None:
    """A dry run says what would be done, and sends no write."""
    made = client(sandbox, lambda it: it.ensure(TWENTIES, dry_run=True))
    assert (made.change, made.audience, made.dry_run) == (Change.CREATED, None, True)
    assert str(made) == "dry run: created DISPLAY '20s': ages: +20 +25"
    draft = AudienceDraft.display("first_audience", genders=["F"])
    found = client(sandbox, lambda it: it.ensure(draft, dry_run=True))
    assert (found.change, found.audience.genders) == (Change.UPDATED, ("M",))
    assert asked(sandbox) == ["get", "list", "list"]


def test_only_what_the_draft_sets_counts(sandbox: Sandbox) -> None:
    """What a draft does not set stays, also members that kmoment does not know."""
    full = AudienceDraft.display(
        "full",
        ages=["20"],
        genders=["F"],
        depth2_locations=PLACES["depth2_locations"],
        cohort_targetings=[kmoment.CohortTargeting(cohort_id=1, extra={"odd": [1]})],
        extra={"newMember": {"deep": 1}, "other": 1},
    )
    with kmoment.Client(sandbox.token, base_url=sandbox.url) as moment:
        audiences = moment.account(ACCOUNT).audiences
        made = audiences.create(full)
        assert audiences.ensure(AudienceDraft.display("full")).change == "unchanged"
        draft = AudienceDraft.display("full", genders=[], extra={"other": 2, "no": None})
        ensured = audiences.ensure(draft)
        assert [it.field for it in ensured.differences] == ["genders", "extra"]
        now = audiences.get(made.id).draft()
        assert now == full.replace(genders=None, extra={"newMember": {"deep": 1}, "other": 2})
        assert audiences.ensure(draft).change == "unchanged"


def test_what_is_in_a_set_keeps_what_kmoment_does_not_know(sandbox: Sandbox) -> None:
    """An update sends entries and objects with the members that only the server has."""

    def cohort(number: int, **extra: int) -> kmoment.CohortTargeting:
        return kmoment.CohortTargeting(cohort_id=number, extra=extra)

    before = AudienceDraft.display(
        "x",
        cohort_targetings=[cohort(1, odd=1), cohort(2, odd=2), cohort(3)],
        extra={"deep": {"a": 1, "b": [1], "c": 1}, "flat": 1, "kept": 1},
    )
    wanted = AudienceDraft.display(
        "x",
        cohort_targetings=[cohort(4), cohort(3), cohort(1)],
        extra={"deep": {"a": 2, "b": []}, "flat": {"now": 1}, "new": {"a": 1}, "kept": None},
    )
    with kmoment.Client(sandbox.token, base_url=sandbox.url) as moment:
        audiences = moment.account(ACCOUNT).audiences
        made = audiences.create(before)
        assert audiences.ensure(wanted).change == "updated"
        now = audiences.get(made.id)
        assert audiences.ensure(wanted).change == "unchanged"
    assert now.cohort_targetings == (cohort(4), cohort(3), cohort(1, odd=1))
    deep = {"a": 2, "b": [], "c": 1}
    assert now.extra == {"deep": deep, "flat": {"now": 1}, "new": {"a": 1}, "kept": 1}


def test_a_set_that_fits_is_left_as_it_is(sandbox: Sandbox) -> None:
    """An entry that fits several of what is there leaves one for an entry that fits no other."""

    def cohorts(*extras: dict[str, int]) -> AudienceDraft:
        entries = [kmoment.CohortTargeting(cohort_id=1, extra=extra) for extra in extras]
        return AudienceDraft.display("x", cohort_targetings=entries)

    with kmoment.Client(sandbox.token, base_url=sandbox.url) as moment:
        audiences = moment.account(ACCOUNT).audiences
        audiences.create(cohorts({"a": 1, "b": 1}, {"d": 1}))
        assert audiences.ensure(cohorts({}, {"a": 1})).change == "unchanged"


SAID: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "ages are all": ({"ages": ["20"]}, {"age_type": "ALL"}, "ages: -20"),
    "an empty set": ({"genders": ["M"]}, {"genders": ()}, "genders: -M"),
    "another level of places": (
        {"depth2_locations": PLACES["depth2_locations"][:1]},
        {"locations": PLACES["locations"][:1], "depth2_locations": None},
        "locations: +서울특별시; depth2_locations: -서울특별시 강남구",
    ),
    "everywhere": (
        {"locations": PLACES["locations"][:1]},
        {"location_type": "ALL"},
        "locations: -서울특별시",
    ),
}


@pytest.mark.parametrize("case", SAID)
def test_a_choice_and_its_sets_are_said_together(sandbox: Sandbox, case: str) -> None:
    """A draft that says a choice says its sets, and one that says a set says the choice."""
    before, said, told = SAID[case]
    with kmoment.Client(sandbox.token, base_url=sandbox.url) as moment:
        audiences = moment.account(ACCOUNT).audiences
        audiences.create(AudienceDraft("x", "DISPLAY", **before))
        draft = AudienceDraft("x", "DISPLAY", **said)
        ensured = audiences.ensure(draft)
        assert "; ".join(map(str, ensured.differences)) == told
        assert audiences.ensure(draft).change == "unchanged"


ROWS = [
    {"id": 1, "name": "both", "type": "DISPLAY"},
    {"id": 2, "name": "both", "type": "MESSAGE"},
    {"id": 3, "name": " 이십대", "type": "DISPLAY"},
    {"id": 4, "name": "이십대 ", "type": "DISPLAY"},
    {"id": 5, "name": "untyped"},
]


def listed(rows: Any = ROWS, **wrapper: Any) -> Any:
    return testing.answer({"content": rows, **wrapper})


def test_several_of_one_name_and_type_are_refused() -> None:
    """The error names the candidates, and nothing is written."""
    script = testing.Script(then=listed())
    with script.client() as moment, pytest.raises(kmoment.AmbiguousAudienceError) as caught:
        moment.account(1).audiences.ensure(AudienceDraft.display("이십대"))
    assert [row.id for row in caught.value.candidates] == [3, 4]
    assert [request.method for request in script.requests] == ["GET"]


def test_the_type_tells_two_of_one_name_apart() -> None:
    """An audience of the other type is another one; a list may leave the types out."""
    message = testing.answer({"id": 2, "name": "both", "type": "MESSAGE"})
    other = testing.answer({"id": 5, "name": "untyped", "type": "MESSAGE"})
    made = testing.answer({"id": 6, "name": "untyped", "type": "DISPLAY"})
    script = testing.Script(listed(), message, listed(), other, listed(), made)
    with script.client() as moment:
        audiences = moment.account(1).audiences
        assert audiences.ensure(AudienceDraft.message("both")).change == "unchanged"
        assert audiences.ensure(AudienceDraft.display("untyped")).change == "created"
    assert [request.method for request in script.requests] == [*["GET"] * 5, "POST"]


@pytest.mark.parametrize(
    "call", [lambda it: it.ensure(TWENTIES), lambda it: it.ensure_many([TWENTIES])]
)
def test_a_part_of_the_list_is_not_taken_for_the_list(call: Use) -> None:
    """What is missing is not known, so nothing is written."""
    script = testing.Script(then=listed(totalElements=9))
    with script.client() as moment, pytest.raises(kmoment.PartialListError):
        call(moment.account(1).audiences)
    assert {request.method for request in script.requests} == {"GET"}


# -- Many -------------------------------------------------------------------------------

MANY = [
    AudienceDraft.display("20s", ages=["20", "25"]),
    AudienceDraft.display(" first_audience ", genders=["F"]),
    AudienceDraft.message("second_audience"),
    AudienceDraft.message("20s"),
]


@both
def test_one_list_and_one_get_for_each_that_is_there(sandbox: Sandbox, client: Any) -> None:
    """All drafts share one list, the creates too, and each audience that is there is read once."""
    dry = client(sandbox, lambda it: it.ensure_many(MANY, dry_run=True))
    assert asked(sandbox) == ["get", "get", "list"]
    before = there(sandbox)
    done = client(sandbox, lambda it: it.ensure_many(iter(MANY)))
    assert asked(sandbox) == [*["create"] * 2, *["get"] * 4, *["list"] * 2, "update"]
    changes = ["created", "updated", "unchanged", "created"]
    assert [it.change for it in dry.values()] == [it.change for it in done.values()] == changes
    assert [outcome.input for outcome in done] == MANY
    assert len(there(sandbox)) == len(before) + 2
    again = client(sandbox, lambda it: it.ensure_many(MANY))
    assert repr(again) == "<EnsureOutcomes: 4 unchanged>"
    assert asked(sandbox) == [*["create"] * 2, *["get"] * 8, *["list"] * 3, "update"]


@both
def test_nothing_to_ensure_sends_nothing(sandbox: Sandbox, client: Any) -> None:
    """No draft is no call."""
    outcomes = client(sandbox, lambda it: it.ensure_many([]))
    assert (list(outcomes), repr(outcomes)) == ([], "<EnsureOutcomes: none>")
    assert asked(sandbox) == []


def test_one_that_fails_does_not_stop_the_others(sandbox: Sandbox) -> None:
    """Each draft has its own outcome, in order; a write in doubt is unknown."""
    refused = {"code": -813, "msg": "KakaoMomentException", "extras": {"detailMsg": "no"}}
    sandbox.add_fault(Fault("audiences.update", "status", status=400, body=refused))
    sandbox.add_fault(Fault("audiences.create", "drop_before", nth=(1,)))
    with kmoment.Client(sandbox.token, base_url=sandbox.url, reconcile_delays=()) as moment:
        seen: list[kmoment.Progress] = []
        outcomes = moment.account(ACCOUNT).audiences.ensure_many(
            MANY, concurrency=1, on_progress=seen.append
        )
    statuses = [outcome.status for outcome in outcomes]
    assert statuses == [OutcomeStatus.UNKNOWN, "failed", "ok", "ok"]
    assert [(it.done, it.failed, it.total) for it in seen][-1] == (4, 2, 4)
    assert outcomes.retryable() == []
    assert type(outcomes.failures()) is type(outcomes[:1]) is kmoment.EnsureOutcomes
    with pytest.raises(ExceptionGroup, match="2 of 4"):
        outcomes.raise_if_failed()


def test_the_deadline_is_for_all(sandbox: Sandbox) -> None:
    """What is not done in time is not attempted, the list included."""
    sandbox.add_fault(Fault("audiences.list", "delay", delay=5))
    with kmoment.Client(sandbox.token, base_url=sandbox.url) as moment:
        outcomes = moment.account(ACCOUNT).audiences.ensure_many(MANY, deadline=0.2)
    assert {outcome.status for outcome in outcomes} == {OutcomeStatus.NOT_ATTEMPTED}
    assert outcomes.retryable() == MANY


def test_a_list_that_fails_is_made_once() -> None:
    """Its failure is everyone's, and is raised: nothing was written."""
    script = testing.Script(then=testing.broken())
    with script.client(max_attempts=1) as moment, pytest.raises(kmoment.ServerError):
        moment.account(1).audiences.ensure_many(MANY)
    assert len(script.requests) == 1


@pytest.mark.anyio
async def test_a_list_that_fails_is_made_once_in_asyncio() -> None:
    """The same in asyncio."""
    script = testing.Script(then=testing.broken())
    async with script.async_client(max_attempts=1) as moment:
        with pytest.raises(kmoment.ServerError):
            await moment.account(1).audiences.ensure_many(MANY)
    assert len(script.requests) == 1


@both
def test_an_account_of_many_may_fail_by_itself(sandbox: Sandbox, client: Any) -> None:
    """``ensure_many`` runs for many accounts in a batch."""

    def use(audiences: Any) -> Any:
        return audiences.ensure_many(MANY)

    with kmoment.Client(sandbox.token, base_url=sandbox.url) as moment:
        batch = moment.each_account([ACCOUNT, 9], lambda it: use(it.audiences))
        first, second = batch.collect()
    assert first.value.values()[0].change == "created"
    assert (second.status, type(second.error)) == ("failed", kmoment.PermissionDeniedError)
    assert client(sandbox, use).values()[0].change == "unchanged"


# -- What is refused --------------------------------------------------------------------

BAD: list[Any] = [
    AudienceDraft.display("a", ages=["21"]),
    AudienceDraft.display("b"),
    "b",
    AudienceDraft.display(" b"),
    AudienceDraft.message("b"),
    AudienceDraft.display("c", extra={"ages": [1]}),
    AudienceDraft.display("c", genders=["X"]),
    AudienceDraft(5, "DISPLAY"),  # type: ignore[arg-type]
]


def test_all_that_is_wrong_is_said_at_once() -> None:
    """Every draft is checked before anything is sent, and two of one name and type are refused."""
    client = kmoment.Client(TOKEN)
    with pytest.raises(kmoment.InvalidDraftError) as caught:
        client.account(1).audiences.ensure_many(BAD)
    assert [(it.path, it.rule.partition(" ")[0]) for it in caught.value.violations] == [
        ("drafts[0].ages[0]", "must"),
        ("drafts[2]", "must"),
        ("drafts[3].name", "names"),
        ("drafts[5].extra", "must"),
        ("drafts[6].genders[0]", "must"),
        ("drafts[6].name", "names"),
        ("drafts[7].name", "must"),
    ]
    assert "drafts[3].name: names the audience of drafts[1] again: DISPLAY ' b'" in str(
        caught.value
    )
    assert client._sender.owner.running is None


@pytest.mark.parametrize(
    ("argument", "call"),
    [
        ("draft", lambda it: it.ensure("x")),
        ("draft", lambda it: it.ensure(AudienceDraft.display(" "))),
        ("drafts", lambda it: it.ensure_many("x")),
        ("drafts", lambda it: it.ensure_many(None)),
        ("concurrency", lambda it: it.ensure_many([TWENTIES], concurrency=0)),
        ("on_progress", lambda it: it.ensure_many([TWENTIES], on_progress=1)),
        ("deadline", lambda it: it.ensure_many([TWENTIES], deadline=0)),
        ("journal", lambda it: it.ensure_many([TWENTIES], journal="x.journal")),
        ("shard", lambda it: it.ensure_many([TWENTIES], shard="3/2")),
    ],
)
def test_bad_input_is_refused_unsent(argument: str, call: Use) -> None:
    """Bad input is one error that names its argument, before the client's thread starts."""
    client = kmoment.Client(TOKEN)
    with pytest.raises(kmoment.InvalidArgumentError) as caught:
        call(client.account(1).audiences)
    assert caught.value.argument == argument
    assert client._sender.owner.running is None


@pytest.mark.parametrize("dry_run", [False, True])
def test_an_update_that_would_break_a_rule_is_not_sent(dry_run: bool) -> None:
    """What is there may break a rule together with what the draft says; a dry run says so too."""
    rows = listed([{"id": 1, "name": "x", "type": "DISPLAY"}])
    odd = testing.answer({"id": 1, "name": "x", "type": "DISPLAY", "genderType": "NOT_ALL"})
    script = testing.Script(rows, odd)
    with script.client() as moment, pytest.raises(kmoment.InvalidDraftError, match="genders"):
        moment.account(1).audiences.ensure(AudienceDraft.display("x", ages=["20"]), dry_run=dry_run)
    assert {request.method for request in script.requests} == {"GET"}


# -- What is shown ----------------------------------------------------------------------


def test_a_table_that_a_person_can_check(sandbox: Sandbox) -> None:
    """Printed, the outcomes are an aligned table; as rows, they are plain columns."""
    sandbox.add_fault(Fault("audiences.get", "status", status=403, nth=(2,), body={"code": -5}))
    wanted = [AudienceDraft.display("이십대", ages=["20"]), *MANY[1:3]]
    outcomes = blocking(sandbox, lambda it: it.ensure_many(wanted, dry_run=True, concurrency=1))
    *lines, last = str(outcomes).splitlines()
    assert lines[:3] == [
        "change   type     name             id  differences, or error",
        "created  DISPLAY  이십대               ages: +20",
        "updated  DISPLAY  first_audience   1   genders: +F -M",
    ]
    assert lines[3].startswith("failed   MESSAGE  second_audience      ")
    assert last == repr(outcomes) == "<EnsureOutcomes of a dry run: 1 created, 1 updated, 1 failed>"
    rows = kmoment.rows(outcomes)
    assert rows[1] == {
        "input": " first_audience ",
        "name": " first_audience ",
        "type": "DISPLAY",
        "change": "updated",
        "differences": "genders: +F -M",
        "audience_id": 1,
        "error": None,
    }
    assert (rows[2]["input"], rows[2]["change"]) == ("second_audience", None)
    assert kmoment.rows(outcomes.values()[:1], ad_account_id=7)[0]["ad_account_id"] == 7
    again = pickle.loads(pickle.dumps(outcomes))
    assert str(again.values()[0]) == str(outcomes.values()[0])


# -- Twice in a row ---------------------------------------------------------------------


def distinct(wanted: list[AudienceDraft]) -> list[AudienceDraft]:
    return list({name_and_type(draft): draft for draft in wanted}.values())


LISTS = st.lists(drafts, max_size=5).map(distinct)


@pytest.fixture(scope="module", params=[{}, {"quirks": True, "layout": "flat"}], ids=str)
def server(request: Any) -> Iterator[Sandbox]:
    with Sandbox(**request.param) as running:
        yield running


def writes(sandbox: Sandbox) -> int:
    return sum(request["method"] != "GET" for request in sandbox.requests())


@given(first=LISTS, second=LISTS)
def test_any_drafts_twice(
    server: Sandbox, first: list[AudienceDraft], second: list[AudienceDraft]
) -> None:
    """Whatever is there, a dry run says what a run does, and a second run writes nothing."""
    server.reset()
    with kmoment.Client(server.token, base_url=server.url) as moment:
        audiences = moment.account(ACCOUNT).audiences
        for wanted in (first, second):
            before = writes(server)
            dry = audiences.ensure_many(wanted, dry_run=True).raise_if_failed().values()
            assert writes(server) == before
            done = audiences.ensure_many(wanted).raise_if_failed().values()
            assert [(it.change, it.differences) for it in dry] == [
                (it.change, it.differences) for it in done
            ]
            after = writes(server)
            again = audiences.ensure_many(wanted).raise_if_failed().values()
            assert {it.change for it in again} <= {Change.UNCHANGED}
            assert writes(server) == after
    names = [(normalised(name), kind) for name, kind in there(server)]
    assert len(set(names)) == len(names)


def turned(value: Any) -> Any:
    """An answer in another form: sets turned round, names of places and members filled in."""
    if isinstance(value, list):
        return [turned(item) for item in reversed(value)]
    if not isinstance(value, dict):
        return value
    own = {name: turned(it) for name, it in value.items() if it != []}
    own |= {"description": "filled in"} if "value" in own else {}
    if "depth2Locations" in own:
        own["depth2locations"] = own.pop("depth2Locations")
    return {**own, "filledIn": [1]}


def test_a_server_that_stores_another_form() -> None:
    """Names composed and trimmed, sets in another order, and filled in members are no change."""

    def stored(name: str) -> str:
        return unicodedata.normalize("NFC", " ".join(name.split()))

    kakao = Kakao(stored_name=stored)

    def answer(request: testing.Request) -> Any:
        true = kakao.answer(Asked.of_request(request))
        data = json.loads(true.body)
        if "content" in data:
            return testing.answer({"content": data["content"][::-1]})
        return testing.answer(turned(data))

    parts = unicodedata.normalize("NFD", " 강남  이십대 ")
    wanted = AudienceDraft.display(
        parts,
        ages=["25", "20"],
        locations=PLACES["locations"],
        depth2_locations=PLACES["depth2_locations"],
        ufo_interests=["B02", "7"],
        cohort_targetings=[kmoment.CohortTargeting(cohort_id=n) for n in (1, 2)],
    )
    with testing.Script(then=answer).client() as moment:
        audiences = moment.account(1).audiences
        changes = [audiences.ensure(wanted).change for _ in range(3)]
        changes += [audiences.ensure(wanted.replace(ages=["20"])).change for _ in range(2)]
    assert changes == ["created", "unchanged", "unchanged", "updated", "unchanged"]
    (row,) = kakao.of(1).values()
    assert row["filledIn"] == [1]


# -- Not twice --------------------------------------------------------------------------


def in_truth(use: Callable[[Any, Truth], Any]) -> Truth:
    """Run *use* on a true server, in virtual time."""

    async def work() -> Truth:
        async with kmoment.AsyncClient(TOKEN, routes="nested") as client:
            truth = under(client, Truth(latency=lambda: 0.1))
            await use(client.account(1).audiences, truth)
            return truth

    return run(work())


def test_at_the_same_moment() -> None:
    """Two calls that ensure one audience at the same moment create one."""
    changes: list[str] = []

    async def use(audiences: Any, truth: Truth) -> None:
        calls = [audiences.ensure(TWENTIES), audiences.ensure_many([TWENTIES])]
        one, many = await asyncio.gather(*calls)
        changes.extend([one.change, many.values()[0].change])

    assert len(in_truth(use).kakao.of(1)) == 1
    assert sorted(changes) == ["created", "unchanged"]


def test_a_list_that_is_too_old() -> None:
    """What this client has created is found although a list does not show it yet."""

    async def use(audiences: Any, truth: Truth) -> None:
        made = (await audiences.ensure(TWENTIES)).audience
        with writing("stale list"):
            assert (await audiences.ensure(TWENTIES)).change == "unchanged"
        await audiences.delete(made.id)
        assert (await audiences.ensure(TWENTIES)).change == "created"
        (ident,) = truth.kakao.of(1)
        truth.kakao.of(1)[ident]["name"] = "renamed"
        assert (await audiences.ensure(TWENTIES)).change == "created"

    assert len(in_truth(use).kakao.of(1)) == 2


@pytest.mark.parametrize(
    "trouble", ["reset after", "cut body", "502 after", "page after", "bad JSON"]
)
def test_a_lost_answer_is_found_again(trouble: str) -> None:
    """A create whose answer is lost counts as created, and is not made again."""

    async def use(audiences: Any, truth: Truth) -> None:
        with writing("fine", trouble):
            ensured = await audiences.ensure(TWENTIES)
        assert (ensured.change, ensured.audience.reconciled) == ("created", True)
        assert (await audiences.ensure(TWENTIES)).change == "unchanged"

    assert len(in_truth(use).kakao.of(1)) == 1


def test_the_ids_that_are_kept_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that creates for ever does not remember for ever."""
    monkeypatch.setattr(ensure_engine, "_REMEMBERED", 2)
    created = ensure_engine.Created()
    for number in range(5):
        created.note((str(number), "DISPLAY"), number)
    assert list(created.ids.values()) == [3, 4]


def test_what_was_ensured_is_a_value() -> None:
    """It compares, and shows itself without its draft."""
    audience = kmoment.Audience(id=1, name="20s", type=kmoment.AudienceType.DISPLAY)
    ensured = kmoment.Ensured(draft=TWENTIES, audience=audience, change=Change.UNCHANGED)
    assert ensured == attrs.evolve(ensured)
    assert "draft" not in repr(ensured)
