"""Links an ad group to an audience: learns from other ad groups where, shows it, does it.

Experimental: the way was never tried on the live API. It reads what is needed to be sure, and
refuses to write where it is not (``_protocol/link_place.py``). An edit is sent once, and never
again by itself. Whether it was done is read from both sides afterwards, whatever the answer was.
"""

from collections.abc import Awaitable, Iterable
from typing import Any, Final, TypeVar

import attrs

from .._protocol.call import Call
from .._protocol.endpoints import AD_GROUPS, GET_AD_GROUP, UPDATE_AD_GROUP
from .._protocol.error_table import facts_of
from .._protocol.link_edit import LinkEdit, make_edit
from .._protocol.link_place import AdGroupSample, Json, as_id, learn, listed_ids, places_of
from ..errors import (
    APIError,
    ConflictError,
    LinkRefusedError,
    NotFoundError,
    OutcomeUnknownError,
    ProtocolError,
    WriteMismatchError,
)
from ..models import (
    AdGroup,
    AdGroupType,
    AudienceAdGroup,
    AudienceSummary,
    CampaignTypeGoal,
    LinkResult,
)
from .dispatcher import Dispatcher
from .planned_delete import users_of
from .reconcile import list_call
from .together import together

T = TypeVar("T")

MOST_AUDIENCES: Final = 20
"""Audiences whose ad groups are listed, to find one to learn from or to know what it uses."""
MOST_LINKED: Final = 4
"""Further linked ad groups that are read."""
MOST_OTHERS: Final = 2
"""Ad groups without the audience that are read, besides the one to be linked."""


# -- Planning ---------------------------------------------------------------------------


async def plan_link(
    calls: Dispatcher,
    account: int,
    audience_id: int,
    ad_group_id: int,
    like: int | None,
    at: str | None,
) -> LinkEdit:
    """The edit that makes the ad group use the audience. Nothing is written."""
    study = _Study(calls, account)
    await study.begin()
    audience = study.audience(audience_id)
    target = await study.ad_group(ad_group_id)
    _refuse_deleted(target, ad_group_id)
    if ad_group_id in await study.users(audience_id):
        return LinkEdit(
            account=account, audience_id=audience_id, ad_group_id=ad_group_id, before=target
        )
    example = like if like is not None else await study.example(audience, ad_group_id)
    learned_from = await study.used_by(example, audience)
    others = await study.others(example, learned_from, ad_group_id)
    samples = [study.sample(one, await study.ad_group(one)) for one in (example, *others)]
    notes = study.check_type(audience, example, target)
    if like is None:
        notes = (f"ad group {example} was chosen to learn from", *notes)
    known = study.sample(ad_group_id, target)
    seen = samples if ad_group_id in (example, *others) else [*samples, known]
    return make_edit(
        account=account,
        audience=audience,
        target=known,
        samples=samples,
        audiences=study.audiences,
        learnt=learn(seen, frozenset(study.audiences), at),
        notes=notes,
    )


class _Study:
    """What was read for one plan."""

    def __init__(self, calls: Dispatcher, account: int) -> None:
        self._calls = calls
        self._account = account
        self._users: dict[int, list[AudienceAdGroup]] = {}
        self._objects: dict[int, Json] = {}
        self.audiences: dict[int, AudienceSummary] = {}

    async def begin(self) -> None:
        """List the account's audiences."""
        rows = await self._calls.send(list_call(self._account))
        self.audiences = {row.id: row for row in rows}

    def audience(self, audience_id: int) -> AudienceSummary:
        """The audience to be linked."""
        if audience_id not in self.audiences:
            facts = facts_of(list_call(self._account))
            raise NotFoundError(f"audience {audience_id} is not listed", facts)
        return self.audiences[audience_id]

    async def users(self, audience_id: int) -> dict[int, AudienceAdGroup]:
        """The ad groups that use an audience, by id."""
        if audience_id not in self._users:
            found = await users_of(self._calls, self._account, audience_id)
            self._users[audience_id] = found
        return {row.ad_group_id: row for row in self._users[audience_id]}

    async def ad_group(self, ad_group_id: int) -> Json:
        """An ad group as it was read."""
        if ad_group_id not in self._objects:
            found = await read_ad_group(self._calls, self._account, ad_group_id)
            self._objects[ad_group_id] = found
        return self._objects[ad_group_id]

    def sample(self, ad_group_id: int, data: Json) -> AdGroupSample:
        """An ad group, with what is known by now of its audiences."""
        uses = {one for one, rows in self._users.items() if ad_group_id in _ids(rows)}
        return AdGroupSample(
            ad_group_id, data, frozenset(uses), frozenset(self._users.keys() - uses)
        )

    async def example(self, audience: AudienceSummary, target: int) -> int:
        """An ad group to learn from: one that uses this audience, or one of its type."""
        rest = [row for row in self.audiences.values() if row.id != audience.id]
        same = [row for row in rest if row.type == audience.type]
        for row in [audience, *same][:MOST_AUDIENCES]:
            users = [one for one in await self.users(row.id) if one != target]
            for one in users[:MOST_LINKED]:
                if await self._is_readable(one):  # it may be deleted
                    return one
        raise LinkRefusedError("there is nothing to learn from: no ad group uses such an audience")

    async def used_by(self, example: int, audience: AudienceSummary) -> frozenset[int]:
        """The audiences that *example* uses and that its object may name."""
        data = await self.ad_group(example)
        ids = listed_ids(data) & self.audiences.keys()
        first = sorted(ids, key=lambda one: (not _is_listed(data, one), one))[:MOST_AUDIENCES]
        await together(self.users, first)
        uses = self.sample(example, data).uses
        if not uses:
            raise LinkRefusedError(
                f"there is nothing to learn from ad group {example}: its object names no audience "
                "that lists it"
            )
        types = {self.audiences[one].type for one in uses if one in self.audiences}
        if audience.type not in types:
            raise LinkRefusedError(
                f"ad group {example} uses audiences of another type than {audience.type}"
            )
        return uses

    async def others(self, example: int, uses: Iterable[int], target: int) -> list[int]:
        """Ad groups that use the same audiences, and some that do not."""
        linked = [
            one
            for audience_id in uses
            for one in await self.users(audience_id)
            if one not in (example, target)
        ]
        readable = await together(self._is_readable, dict.fromkeys(linked[:MOST_LINKED]))
        siblings = await self._siblings(example, {*linked, example, target})
        return [one for one in [*readable, *siblings] if one is not None]

    async def _siblings(self, example: int, besides: set[int]) -> list[int | None]:
        """Further ad groups of the campaign. What cannot be read is left out: it is only more."""
        row = next(
            row for rows in self._users.values() for row in rows if row.ad_group_id == example
        )
        listing = Call(
            endpoint=AD_GROUPS,
            returns=list[AdGroup],
            account=self._account,
            query={"campaignId": row.campaign_id},
        )
        groups = await _if_it_works(self._calls.send(listing)) or []
        ids = [group.id for group in groups if group.id not in besides]
        return await together(self._is_readable, ids[:MOST_OTHERS])

    async def _is_readable(self, ad_group_id: int) -> int | None:
        return ad_group_id if await _if_it_works(self.ad_group(ad_group_id)) else None

    def check_type(self, audience: AudienceSummary, example: int, target: Json) -> tuple[str, ...]:
        """Refuse an ad group that takes audiences of another type. What could not be checked."""
        rows = [row for rows in self._users.values() for row in rows]
        own = next(row for row in rows if row.ad_group_id == example)
        goal = _type_goal(target)
        if goal is None:
            return ("the ad group's object has no Type X Goal: its type was not checked",)
        takes: dict[CampaignTypeGoal | None, AdGroupType | None] = {
            row.campaign_type_goal: row.ad_group_type for row in rows
        }
        if goal not in takes:
            raise LinkRefusedError(
                f"ad group {example} is of a campaign of another Type X Goal ({_words(goal)} is "
                "not among those seen): learn from an ad group of the same"
            )
        if takes[goal] != own.ad_group_type:
            raise LinkRefusedError(f"the ad group is of another type than {audience.type}")
        return ()


def _ids(rows: Iterable[AudienceAdGroup]) -> set[int]:
    return {row.ad_group_id for row in rows}


def _is_listed(data: Json, audience_id: int) -> bool:
    return any(place.addable for place in places_of(data, audience_id))


def _refuse_deleted(target: Json, ad_group_id: int) -> None:
    if "DEL" in (target.get("config"), target.get("userConfig")):
        raise LinkRefusedError(f"ad group {ad_group_id} is deleted")


def _type_goal(target: Json) -> CampaignTypeGoal | None:
    """Where the look-up of engagement targets has it: within the campaign."""
    campaign = target.get("campaign")
    found: Any = campaign.get("campaignTypeGoal") if isinstance(campaign, dict) else None
    if not isinstance(found, dict):
        return None
    return attrs.evolve(
        CampaignTypeGoal(), campaign_type=found.get("campaignType"), goal=found.get("goal")
    )


def _words(goal: CampaignTypeGoal) -> str:
    return f"{goal.campaign_type} X {goal.goal}"


async def _if_it_works(reading: Awaitable[T]) -> T | None:
    try:
        return await reading
    except APIError:
        return None


async def read_ad_group(calls: Dispatcher, account: int, ad_group_id: int) -> Json:
    """One ad group, every member as it came."""
    call = Call(endpoint=GET_AD_GROUP, returns=object, account=account, path={"id": ad_group_id})
    data: Any = await calls.send(call)
    if not isinstance(data, dict) or as_id(data.get("id")) != ad_group_id:
        raise ProtocolError(f"the answer is not ad group {ad_group_id}", facts_of(call))
    return data


# -- Doing it ---------------------------------------------------------------------------


async def apply_link(calls: Dispatcher, edit: LinkEdit) -> LinkResult:
    """Send the edit, if the ad group is still as it was, and read both sides back."""
    account, audience_id, ad_group_id = edit.account, edit.audience_id, edit.ad_group_id
    now = await read_ad_group(calls, account, ad_group_id)
    _refuse_deleted(now, ad_group_id)
    if ad_group_id in _ids(await users_of(calls, account, audience_id)):
        return LinkResult(audience_id, ad_group_id, changed=False)
    if edit.place is None:
        raise ConflictError(
            f"ad group {ad_group_id} used audience {audience_id}, and does no longer"
        )
    if changed := edit.drift(now):
        raise ConflictError(
            f"ad group {ad_group_id} has changed since it was read ({', '.join(changed)}); "
            "nothing was written"
        )
    call = Call(endpoint=UPDATE_AD_GROUP, returns=object, account=account, body=edit.body)
    doubt: APIError | None = None
    try:
        await calls.send(call)
    except OutcomeUnknownError as error:
        doubt = error
    await _confirm(calls, edit, call, doubt)
    return LinkResult(audience_id, ad_group_id, changed=True)


async def _confirm(
    calls: Dispatcher, edit: LinkEdit, call: Call[Any], doubt: APIError | None
) -> None:
    """Read both sides back until they show the link; else raise what is known."""
    failure = await _look(calls, edit, call, doubt)
    for delay in calls.settings.options.reconcile_delays:
        if failure is None:
            return
        await calls.settings.sleep(delay)
        failure = await _look(calls, edit, call, doubt)
    if failure is not None:
        raise failure


async def _look(
    calls: Dispatcher, edit: LinkEdit, call: Call[Any], doubt: APIError | None
) -> APIError | None:
    """What keeps the link from being confirmed; ``None`` if both sides show it."""
    try:
        now = await read_ad_group(calls, edit.account, edit.ad_group_id)
        listed = edit.ad_group_id in _ids(await users_of(calls, edit.account, edit.audience_id))
    except APIError as error:
        return _unknown(call, doubt, f"reading it back failed ({error.reason})")
    if edit.is_done(now):
        return None if listed else _unknown(call, doubt, "the audience does not list the ad group")
    if edit.is_undone(now):
        if doubt is not None:
            return _unknown(call, doubt, "the ad group is as it was, and may still change")
        reason = "Kakao took the edit, and the ad group is as it was"
        return _mismatch(call, reason, edit.mismatch(now))
    return _mismatch(call, "the ad group is not as planned", edit.mismatch(now))


def _unknown(call: Call[Any], doubt: APIError | None, why: str) -> OutcomeUnknownError:
    facts = facts_of(call)
    if doubt is not None:
        facts = doubt._facts()
    facts["request_sent"], facts["draft"] = True, call.body
    return OutcomeUnknownError(f"it may have been done: {why}", facts)


def _mismatch(call: Call[Any], reason: str, paths: tuple[str, ...]) -> WriteMismatchError:
    facts = facts_of(call)
    facts["request_sent"], facts["differences"] = True, paths
    return WriteMismatchError(f"{reason} (differs: {', '.join(paths) or 'nothing'})", facts)
