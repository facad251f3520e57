"""Makes an audience what a draft asks for: it is created, updated, or left as it is.

The account's audiences are listed once for all drafts of a call, and what is there is read. Only
what a draft says is compared, and written with all else as it was read. One at a time of a name: so
two calls at the same moment do not both create. An id that a create gave is remembered, since a
list may be too old to show it.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from copy import copy
from typing import Any, Final, cast
from weakref import WeakValueDictionary

import attrs

from .._protocol.audience_rules import name_and_type, with_said
from .._protocol.codec import encode
from .._protocol.endpoints import CREATE_AUDIENCE
from .._text import normalised
from ..errors import (
    AmbiguousAudienceError,
    InvalidArgumentError,
    InvalidDraftError,
    NotFoundError,
    Violation,
)
from ..models import Audience, AudienceDraft, AudienceSummary, Change, Ensured, EnsureOutcomes
from ..models.draft import checked_draft
from ..outcomes import Outcome
from .dispatcher import Dispatcher
from .reconcile import create_call, get_call, update_call

_REMEMBERED: Final = 10_000
"""Created audiences of an account whose ids are kept: more than one list shows."""

Key = tuple[str, str]


@attrs.define(eq=False)
class Listing:
    """The audiences of the account, listed when they are first asked for."""

    failure: Exception | None = None
    _rows: dict[str, list[AudienceSummary]] | None = None
    _lock: asyncio.Lock = attrs.Factory(asyncio.Lock)

    async def of(
        self, calls: Dispatcher, account: int, draft: AudienceDraft
    ) -> list[AudienceSummary]:
        """Those of *draft*'s name and type. One that is listed without a type may be of any."""
        named = (await self._by_name(calls, account)).get(normalised(draft.name), [])
        return [row for row in named if row.type in (draft.type, None)]

    async def _by_name(self, calls: Dispatcher, account: int) -> dict[str, list[AudienceSummary]]:
        """Who comes while they are listed waits. A failure is everyone's."""
        async with self._lock:
            if self.failure is not None:
                raise copy(self.failure)
            if self._rows is None:
                self._rows = await self._listed(calls, account)
            return self._rows

    async def _listed(self, calls: Dispatcher, account: int) -> dict[str, list[AudienceSummary]]:
        rows: dict[str, list[AudienceSummary]] = {}
        try:
            for row in await calls.list_audiences(account):
                rows.setdefault(normalised(row.name), []).append(row)
        except Exception as error:
            self.failure = error
            raise
        return rows


@attrs.frozen(eq=False)
class Wanted:
    """One draft of a call."""

    draft: AudienceDraft
    listing: Listing
    dry_run: bool


@attrs.define(eq=False)
class Created:
    """What a client has created in an account, and what it is about to."""

    ids: OrderedDict[Key, int] = attrs.Factory(OrderedDict)
    _locks: WeakValueDictionary[Key, asyncio.Lock] = attrs.Factory(WeakValueDictionary)

    def lock(self, key: Key) -> asyncio.Lock:
        """Held by the one who makes the audience of this name and type."""
        return self._locks.setdefault(key, asyncio.Lock())

    def note(self, key: Key, audience_id: int) -> None:
        """An audience was created."""
        self.ids[key] = audience_id
        if len(self.ids) > _REMEMBERED:
            self.ids.popitem(last=False)


# -- Checks, before anything is sent ------------------------------------------------------


def check_draft(account: int, draft: Any) -> None:
    """Raise if *draft* cannot be sent."""
    call = create_call(account, checked_draft("draft", draft))
    encode(call, CREATE_AUDIENCE.path, "https://unsent.invalid")


def check_drafts(account: int, drafts: Sequence[Any]) -> None:
    """Raise :class:`InvalidDraftError` with all that is wrong with *drafts*."""
    found: list[Violation] = []
    first: dict[Key, int] = {}
    for index, draft in enumerate(drafts):
        found += _violations(account, draft, f"drafts[{index}]")
        if not isinstance(draft, AudienceDraft) or not isinstance(draft.name, str):
            continue
        if (place := first.setdefault(name_and_type(draft), index)) != index:
            rule = f"names the audience of drafts[{place}] again: {draft.type} {draft.name!r}"
            found.append(Violation(f"drafts[{index}].name", rule))
    if found:
        raise InvalidDraftError("drafts", found)


def _violations(account: int, draft: Any, at: str) -> list[Violation]:
    try:
        check_draft(account, draft)
    except InvalidDraftError as error:
        return [Violation(f"{at}.{it.path}", it.rule) for it in error.violations]
    except InvalidArgumentError as error:
        _, *member = error.argument.split(".", 1)
        return [Violation(".".join([at, *member]), error.rule)]
    return []


# -- The job ------------------------------------------------------------------------------


async def ensure_one(calls: Dispatcher, account: int, wanted: Wanted) -> Ensured:
    """Make one audience what its draft asks for. With ``dry_run`` nothing is written."""
    created: Created = calls.state.shared.setdefault(("audiences.ensure", account), Created())
    key = name_and_type(wanted.draft)
    async with created.lock(key):
        there = await _find(calls, account, wanted, created.ids.get(key))
        if there is not None:
            return await _update(calls, account, wanted, there)
        ensured = await _create(calls, account, wanted)
        if ensured.audience is not None:
            created.note(key, ensured.audience.id)
        return ensured


async def _find(
    calls: Dispatcher, account: int, wanted: Wanted, made: int | None
) -> Audience | None:
    """The audience of the draft's name and type, if it is there."""
    draft = wanted.draft
    rows = await wanted.listing.of(calls, account, draft)
    if len(rows) > 1:
        raise AmbiguousAudienceError(draft.name, rows)
    if rows:
        found = await calls.send(get_call(account, rows[0].id))
        if found.type == draft.type:
            return found
    return None if made is None else await _made_before(calls, account, draft, made)


async def _made_before(
    calls: Dispatcher, account: int, draft: AudienceDraft, made: int
) -> Audience | None:
    """What this client has created and the list does not show, if it is still there."""
    try:
        found = await calls.send(get_call(account, made))
    except NotFoundError:
        return None
    return found if name_and_type(found) == name_and_type(draft) else None


async def _create(calls: Dispatcher, account: int, wanted: Wanted) -> Ensured:
    draft = wanted.draft
    nothing = AudienceDraft(draft.name, draft.type)
    audience = None
    if not wanted.dry_run:
        audience = await calls.send(create_call(account, checked_draft("audience", draft)))
    return Ensured(
        draft=draft,
        audience=audience,
        change=Change.CREATED,
        differences=draft.differences(nothing),
        dry_run=wanted.dry_run,
    )


async def _update(calls: Dispatcher, account: int, wanted: Wanted, there: Audience) -> Ensured:
    current = there.draft()
    target = with_said(current, wanted.draft)
    differences = target.differences(current)
    if differences:
        body = checked_draft("audience", target)
        if not wanted.dry_run:
            there = await calls.send(update_call(account, there.id, body))
    return Ensured(
        draft=wanted.draft,
        audience=there,
        change=Change.UPDATED if differences else Change.UNCHANGED,
        differences=differences,
        dry_run=wanted.dry_run,
    )


def by_draft(outcomes: Iterable[Outcome[Wanted, Ensured]]) -> EnsureOutcomes:
    """*outcomes*, as those of the drafts."""
    return EnsureOutcomes(attrs.evolve(cast("Any", it), input=it.input.draft) for it in outcomes)
