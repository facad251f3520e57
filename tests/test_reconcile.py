"""Searching for an audience whose create got no answer: what is taken for it, and what is not."""

import asyncio
import unicodedata
from typing import Any

import pytest

import kmoment
from helpers import TOKEN
from helpers.calls import DRAFT, STORED
from helpers.scripted import ok, scripted
from kmoment import testing
from kmoment._protocol.http import Response
from kmoment._text import normalised
from kmoment.sandbox import Fault, Sandbox
from kmoment.sandbox._world import World

pytestmark = pytest.mark.anyio

ROW = {"id": 9, "name": DRAFT.name, "type": "DISPLAY", "createdDate": "2026-11-26T10:00:05"}
NOON = {"date": "Thu, 26 Nov 2026 01:00:00 GMT"}  # 10:00 in Seoul


def listed(*rows: Any, **wrapper: Any) -> Response:
    return ok({"content": list(rows), **wrapper})._replace(headers=NOON)


async def created(*answers: Any, draft: kmoment.AudienceDraft = DRAFT) -> kmoment.Audience:
    """What a create gives whose answer is lost, with these answers to its looks."""
    client = kmoment.AsyncClient(TOKEN, routes="nested", reconcile_delays=(1, 1, 1))
    before, *looks = answers
    transport = scripted(client, before, testing.lost(), *looks)
    testing.no_waiting(client)
    try:
        return await client.account(1).audiences.create(draft)
    finally:
        posts = [request for request in transport.requests if request.method == "POST"]
        assert len(posts) <= 1


async def test_the_one_that_is_new_and_right_is_adopted() -> None:
    """Same name and type, not there before, not older, and what the draft asks for."""
    found = await created(listed(), listed(ROW), ok(STORED))
    assert (found.id, found.reconciled) == (9, True)


@pytest.mark.parametrize(
    "change",
    [{"ages": ["20"]}, {"genders": ["M"]}, {"ufoInterests": ["B0101"]}, {"type": "MESSAGE"}],
    ids=str,
)
async def test_one_that_is_not_what_the_draft_asks_for_is_not(change: dict[str, Any]) -> None:
    """Somebody else may create an audience of the same name at the same moment."""
    other = ok({**STORED, **change})
    with pytest.raises(kmoment.OutcomeUnknownError) as caught:
        await created(listed(), listed(ROW), other, listed(ROW), other, listed(ROW), other)
    assert [row.id for row in caught.value.candidates] == [9]


@pytest.mark.parametrize(
    "change",
    [
        {"ages": ["25", "20"]},
        {"description": "x", "newMember": 1},
        {"name": f" {DRAFT.name}  "},
        {"cohortTargetings": []},
    ],
    ids=str,
)
async def test_form_does_not_count(change: dict[str, Any]) -> None:
    """Order, blanks around a name, empty sets and unknown members make no other audience."""
    assert (await created(listed(), listed(ROW), ok({**STORED, **change}))).id == 9


COHORTS = [{"cohortId": 1, "inclusionType": "INCLUDE"}, {"cohortId": 2, "inclusionType": "EXCLUDE"}]


@pytest.mark.parametrize(
    ("answer", "same"),
    [
        (COHORTS, True),
        (list(reversed(COHORTS)), True),
        ([{**COHORTS[0], "cohortName": "filled in"}, COHORTS[1]], True),
        (COHORTS[:1], False),
        ([COHORTS[0], {"cohortId": 3, "inclusionType": "EXCLUDE"}], False),
    ],
    ids=["same", "other order", "more members", "fewer", "another"],
)
async def test_entries_are_compared_by_what_the_draft_sets(
    answer: list[dict[str, Any]], same: bool
) -> None:
    """The server may fill in more, in any order, but no other entries."""
    entries = [
        kmoment.CohortTargeting(cohort_id=n, inclusion_type=kmoment.InclusionType(how))
        for n, how in ((1, "INCLUDE"), (2, "EXCLUDE"))
    ]
    draft = DRAFT.replace(cohort_targetings=entries)
    detail = ok({**STORED, "cohortTargetings": answer})
    looks = [listed(ROW), detail] * 3
    if same:
        assert (await created(listed(), *looks, draft=draft)).id == 9
    else:
        with pytest.raises(kmoment.OutcomeUnknownError):
            await created(listed(), *looks, draft=draft)


async def test_an_older_one_is_not_adopted() -> None:
    """It was created before the create began, by the server's own clock: a list had hidden it."""
    old = {**ROW, "createdDate": "2026-11-26T09:59:50"}
    with pytest.raises(kmoment.OutcomeUnknownError) as caught:
        await created(listed(), listed(old))
    assert caught.value.candidates == ()
    assert caught.value.created_after is not None


async def test_clocks_are_cut_to_the_second() -> None:
    """An audience of the same second is not older."""
    now = {**ROW, "createdDate": "2026-11-26T09:59:59"}
    assert (await created(listed(), listed(now), ok(STORED))).id == 9


FAILED_LOOKS = {
    "503": ok(b"", 503),
    "page": ok(b"<html>", 404),
    "gateway": ok({"message": "x"}),
    "part of the list": listed(ROW, totalElements=2),
    "cut": ok(b"["),
    "nothing yet": listed(),
}


@pytest.mark.parametrize("failed", FAILED_LOOKS)
async def test_each_look_stands_alone(failed: str) -> None:
    """A look that fails, finds nothing or brings only a part does not end the search."""
    client = kmoment.AsyncClient(TOKEN, routes="nested", reconcile_delays=(1, 1), max_attempts=1)
    scripted(client, listed(), testing.lost(), FAILED_LOOKS[failed], listed(ROW), ok(STORED))
    testing.no_waiting(client)
    assert (await client.account(1).audiences.create(DRAFT)).id == 9


async def test_a_look_whose_detail_fails_is_followed_by_the_next() -> None:
    """The list was read, the detail was not."""
    client = kmoment.AsyncClient(TOKEN, routes="nested", reconcile_delays=(1, 1), max_attempts=1)
    scripted(client, listed(), testing.lost(), listed(ROW), ok(b"", 503), listed(ROW), ok(STORED))
    testing.no_waiting(client)
    assert (await client.account(1).audiences.create(DRAFT)).id == 9


async def test_a_create_after_a_part_of_the_list_adopts_nothing() -> None:
    """What was there before is not known, so nothing is known to be new."""
    with pytest.raises(kmoment.OutcomeUnknownError) as caught:
        await created(listed(totalElements=7), listed(ROW), ok(STORED))
    assert caught.value.known_ids is None


async def test_a_first_list_that_fails_is_the_error_and_nothing_was_sent() -> None:
    """The error is the list's, and the create can be tried again."""
    client = kmoment.AsyncClient(TOKEN, routes="nested", max_attempts=1)
    transport = scripted(client, ok(b"", 503))
    with pytest.raises(kmoment.ServerError) as caught:
        await client.account(1).audiences.create(DRAFT)
    assert caught.value.operation == "audiences.list"
    assert [request.method for request in transport.requests] == ["GET"]


@pytest.mark.parametrize("bad", [{"id": 5, "name": "x", "createdDate": ""}, {"id": 5}], ids=str)
async def test_a_row_that_cannot_be_read_costs_that_row(bad: dict[str, Any]) -> None:
    """Creates go on, and the row's id counts as one that was there before."""
    client = kmoment.AsyncClient(TOKEN, routes="nested")
    scripted(client, listed(bad), ok(STORED))
    assert (await client.account(1).audiences.create(DRAFT)).id == 9
    error = None
    try:
        await created(listed(bad), listed({**bad, **ROW, "id": 5}))
    except kmoment.OutcomeUnknownError as caught:
        error = caught
    assert error is not None
    assert error.known_ids == frozenset({5})


async def test_a_row_without_an_id_makes_all_unknown() -> None:
    """Later it could look new."""
    with pytest.raises(kmoment.OutcomeUnknownError) as caught:
        await created(listed({"name": "x"}), listed(ROW))
    assert caught.value.known_ids is None


NAMES = {
    "typed on a Mac": unicodedata.normalize("NFD", "서울 20대"),
    "blanks": "  서울  20대 ",
    "no-break blank": "서울\u00a020대",
    "full-width": "서울 ２０대",
    "zero-width": "서울\u200b 20대",
    "byte order mark": "\ufeff서울 20대",
}


@pytest.mark.parametrize("name", NAMES)
async def test_a_name_that_the_server_stores_normalised_is_found(name: str) -> None:
    """Its create, whose answer was lost, is adopted."""
    draft = kmoment.AudienceDraft.display(NAMES[name])
    stored = {"id": 9, "name": "서울 20대", "type": "DISPLAY"}
    found = await created(listed(), listed(stored), ok(stored), draft=draft)
    assert found.reconciled


async def test_a_name_is_sent_in_whole_syllables() -> None:
    """As everybody else would type it."""
    client = kmoment.AsyncClient(TOKEN, routes="nested", reconcile_delays=())
    transport = scripted(client, ok(STORED))
    draft = kmoment.AudienceDraft.display(unicodedata.normalize("NFD", "서울"))
    await client.account(1).audiences.create(draft)
    assert "서울".encode() in (transport.requests[0].body or b"")


async def test_a_get_of_the_new_one_meanwhile_does_not_hide_it() -> None:
    """While the create hangs, another task gets the new audience."""
    client = kmoment.AsyncClient(TOKEN, routes="nested", reconcile_delays=(1,))
    hanging = asyncio.Event()

    async def send(request: Any, token: Any, attempt: Any) -> Response:
        if request.method == "POST":
            attempt.sent = True
            hanging.set()
            await asyncio.sleep(0.05)
            raise testing.lost()
        detail = request.url.path.endswith("/9")
        return ok(STORED) if detail else listed(*[ROW] * hanging.is_set())

    transport = scripted(client, listed())
    transport.send = send  # type: ignore[method-assign]
    testing.no_waiting(client)
    audiences = client.account(1).audiences
    creating = asyncio.create_task(audiences.create(DRAFT))
    await hanging.wait()
    await audiences.get(9)
    assert (await creating).reconciled


async def test_twins_on_a_server_that_normalises_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two creates whose names are one to the server wait; each, its answer lost, is adopted once.

    So are updates.
    """
    write = World._write

    def normalising(self: World, account: Any, audience_id: int, body: Any) -> Any:
        return write(self, account, audience_id, {**body, "name": normalised(body["name"])})

    monkeypatch.setattr(World, "_write", normalising)
    async with Sandbox() as sandbox:
        sandbox.add_fault(Fault("audiences.create", "drop_after"))
        sandbox.add_fault(Fault("audiences.update", "drop_after", times=1))
        async with kmoment.AsyncClient(
            sandbox.token, base_url=sandbox.url, reconcile_delays=(0.01,)
        ) as moment:
            audiences = moment.account(1234).audiences
            before = {row.id for row in await audiences.list()}
            drafts = [kmoment.AudienceDraft.display(name) for name in NAMES.values()]
            made = await asyncio.gather(*map(audiences.create, drafts))
            assert all(audience.reconciled for audience in made)
            new = {row.id for row in await audiences.list()} - before
            assert sorted(audience.id for audience in made) == sorted(new)
            edited = drafts[0].replace(ages=["20"])
            assert (await audiences.update(made[0].id, edited)).ages == ("20",)
    posts = [one for one in sandbox.requests() if one["endpoint"] == "audiences.create"]
    assert len(posts) == len(drafts)
