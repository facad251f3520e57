"""The ids that a job needs: accounts and their pages, trackers, ad groups."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, strategies as st

import kmoment
from helpers import TOKEN
from kmoment import testing
from kmoment._protocol.call import Evidence, LimitScope
from kmoment._protocol.endpoints import ENDPOINTS
from kmoment.sandbox import Sandbox

pytestmark = pytest.mark.anyio

BY_NAME = {endpoint.name: endpoint for endpoint in ENDPOINTS}


def page(ids: Any, number: int, total: int | None, size: int) -> dict[str, Any]:
    counts = {} if total is None else {"totalElements": total, "totalPages": -(-total // size)}
    return {"content": [{"id": one} for one in ids], "number": number, "size": size, **counts}


@given(st.integers(0, 57), st.integers(1, 12), st.booleans())
def test_every_page_is_followed(count: int, size: int, counted: bool) -> None:
    """A list of any length comes whole, each account once, also if the server counts nothing."""
    ids = range(1, count + 1)

    def answer(request: testing.Request) -> Any:
        number = int(request.url.query["page"])
        part = ids[number * size : (number + 1) * size]
        return testing.answer(page(part, number, count if counted else None, size))

    with testing.Script(then=answer).client() as moment:
        assert [row.id for row in moment.accounts.list(size=size)] == list(ids)


def test_a_count_without_pages() -> None:
    """A server that says only how many there are is read to the end, too."""
    steps = [
        testing.answer({"content": [{"id": 1}, {"id": 2}], "totalElements": 3}),
        testing.answer({"content": [{"id": 3}], "totalElements": 3}),
    ]
    with testing.Script(*steps).client() as moment:
        assert [row.id for row in moment.accounts.list(size=2)] == [1, 2, 3]


@pytest.mark.parametrize("total", [25, None])
def test_pages_that_repeat_end_in_an_error(total: int | None) -> None:
    """A server that ignores the page is no endless loop and no short list, but an error."""
    script = testing.Script(then=testing.answer(page(range(1, 11), 0, total, 10)))
    with script.client() as moment, pytest.raises(kmoment.PartialListError) as caught:
        moment.accounts.list(size=10)
    assert [row.id for row in caught.value.partial or ()] == list(range(1, 11))
    assert len(script.requests) <= 3


def test_a_list_that_shrinks_while_it_is_read_is_an_error() -> None:
    """A page that lacks what the count promises is never taken for the whole list."""
    script = testing.Script(
        testing.answer(page([1, 2], 0, 4, 2)), testing.answer(page([2, 3], 1, 4, 2))
    )
    with script.client() as moment, pytest.raises(kmoment.PartialListError, match="3 rows"):
        moment.accounts.list(size=2)


async def test_accounts_of_the_sandbox() -> None:
    """Pages, single accounts, balances and unknown accounts are as Kakao's in the sandbox."""
    async with (
        Sandbox(accounts=range(1, 24)) as sandbox,
        kmoment.AsyncClient(sandbox.token, base_url=sandbox.url) as moment,
    ):
        assert len(await moment.accounts.list(size=10)) == 23
        assert await moment.accounts.list(config="OFF") == []
        last = await moment.accounts.pages(2)
        assert (len(last.content), last.total_pages, last.number) == (3, 3, 2)
        assert (await moment.accounts.balance(7)).id == 7
        with pytest.raises(kmoment.NotFoundError) as caught:
            await moment.accounts.get(99)
        assert caught.value.detail_code == 21006


async def test_what_an_account_owns() -> None:
    """A tracker's id finds its events, and a campaign's ad groups can be read one by one."""
    async with (
        Sandbox() as sandbox,
        kmoment.AsyncClient(sandbox.token, base_url=sandbox.url) as moment,
    ):
        account = moment.account(1234)
        (tracker,) = await account.trackers.list()
        events = await account.targeting.pixel_events(tracker.id, term=30)
        assert events[0].event_code == "*"
        (used, *_) = await account.audiences.ad_groups(1)
        groups = await account.ad_groups.list(used.campaign_id)
        assert used.ad_group_id in {group.id for group in groups}
        group = await account.ad_groups.get(used.ad_group_id)
        assert group.targeting["sandboxAudiences"] == [1]
        sandbox.set_ad_group(used.ad_group_id, {"config": "DEL"})
        with pytest.raises(kmoment.NotFoundError):
            await account.ad_groups.get(used.ad_group_id)


def test_unknown_words_and_members_are_kept() -> None:
    """A word or a member that kmoment does not know comes through, and is in ``extra``."""
    row = {"id": 1, "config": "PAUSED", "memberType": "GUEST", "bizNumber": "1"}
    group = {"id": 3, "config": "NEW", "targeting": {"a": [1]}, "pacing": "QUICK"}
    script = testing.Script(testing.answer({"content": [row]}), testing.answer(group))
    with script.client() as moment:
        (account,) = moment.accounts.list(size=10)
        ad_group = moment.account(1).ad_groups.get(3)
    assert not account.config.is_known  # type: ignore[union-attr]
    assert (account.config, account.member_type) == ("PAUSED", "GUEST")
    assert account.extra == {"bizNumber": "1"}
    assert (ad_group.config, ad_group.targeting) == ("NEW", {"a": [1]})
    assert ad_group.extra == {"pacing": "QUICK"}


def names() -> Iterator[tuple[str, Evidence, float, LimitScope]]:
    documented, quoted = Evidence.DOCUMENTED, Evidence.QUOTED
    yield "accounts.pages", documented, 0.0, LimitScope.ACCOUNT
    yield "accounts.get", documented, 0.0, LimitScope.ACCOUNT
    yield "accounts.balance", documented, 0.0, LimitScope.ACCOUNT
    yield "account.channel_profiles", documented, 0.0, LimitScope.ACCOUNT
    yield "account.customer_data", documented, 0.0, LimitScope.ACCOUNT
    yield "trackers.list", documented, 0.0, LimitScope.ACCOUNT
    yield "trackers.rights", documented, 5.0, LimitScope.APP
    yield "ad_groups.list", quoted, 0.0, LimitScope.ACCOUNT
    yield "ad_groups.get", quoted, 0.0, LimitScope.ACCOUNT
    yield "ad_groups.update", documented, 5.0, LimitScope.ACCOUNT


@pytest.mark.parametrize(("name", "evidence", "period", "scope"), list(names()))
def test_grades_and_limits(name: str, evidence: Evidence, period: float, scope: LimitScope) -> None:
    """Each endpoint carries the grade of its evidence, and the limit that Kakao publishes."""
    endpoint = BY_NAME[name]
    assert (endpoint.evidence, endpoint.period, endpoint.limit_scope) == (evidence, period, scope)


def test_published_limits_are_kept() -> None:
    """Two calls for tracker rights, and two edits of ad groups, wait 5 s for each other."""
    rights = testing.answer({"trackRights": []})
    script = testing.Script(rights, rights, then=testing.answer({"id": 1}))
    with script.client() as moment:
        moment.account(1).trackers.rights()
        moment.account(2).trackers.rights()  # one user: all accounts together
        assert script.pauses == [pytest.approx(5, abs=1)]
        for _ in range(2):
            moment.request("PUT", "/openapi/v4/adGroups", json={"id": 1}, account=1)
        assert len(script.pauses) == 2
    assert TOKEN not in json.dumps([str(request.url) for request in script.requests])
