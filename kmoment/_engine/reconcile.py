"""Finds out what a write did whose answer was lost. Nothing here creates anything.

* A **create** is searched for in the list of audiences, several times: exactly one audience of the
  same name and type that was not there before, is not older than the create, and is what the
  draft asks for, is the new one. None or several is reported, not guessed: the server may save
  it late, or show an old list.
* An **update** is read. If it may not have been done, what is there is compared with the draft.
* A **delete** or **unlink** was done if the thing is gone.
* A **bulk delete** looks for itself (``bulk_delete.py``): it knows what was there before.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any, Final, Protocol, TypeVar, cast

import attrs

from .._protocol.call import Call, Replay
from .._protocol.endpoints import (
    AUDIENCE_AD_GROUPS,
    CREATE_AUDIENCE,
    GET_AUDIENCE,
    LIST_AUDIENCES,
    UNLINK_AD_GROUP,
    UPDATE_AUDIENCE,
)
from .._text import normalised
from ..errors import (
    APIError,
    DecodeError,
    NotFoundError,
    OutcomeUnknownError,
    PartialListError,
)
from ..models import Audience, AudienceAdGroup, AudienceDraft, AudienceSummary
from .context import CallContext

T = TypeVar("T")
Sleep = Callable[[float], Awaitable[None]]

_CLOCKS_DIFFER: Final = timedelta(seconds=2)
"""Both the Date header and ``createdDate`` are cut to the second."""
_LATE: Final = 0.75
"""A look may use the list of another create that was asked for after this share of its pause."""

MakeList = Callable[[float], Awaitable[list[AudienceSummary] | None]]
"""Lists the account's audiences, or takes a list that was asked for later than a moment of the
event loop; ``None`` if that has failed."""


class Ask(Protocol):
    """Makes a call of its own, with retries, within the time of the call it is made for."""

    def __call__(self, call: Call[T], /) -> Awaitable[T]: ...


def list_call(account: int | None) -> Call[list[AudienceSummary]]:
    """The call that lists an account's audiences."""
    return Call(endpoint=LIST_AUDIENCES, returns=list[AudienceSummary], account=account)


def get_call(account: int | None, audience_id: int) -> Call[Audience]:
    """The call that gets one audience."""
    return Call(endpoint=GET_AUDIENCE, returns=Audience, account=account, path={"id": audience_id})


def create_call(account: int, draft: AudienceDraft) -> Call[Audience]:
    """The call that creates an audience of a checked draft."""
    ids = {"ad_account_id": account}
    return Call(CREATE_AUDIENCE, Audience, account, body=draft, body_ids=ids)


def update_call(account: int, audience_id: int, draft: AudienceDraft) -> Call[Audience]:
    """The call that replaces an audience by a checked draft."""
    ids = {"id": audience_id, "ad_account_id": account}
    return Call(UPDATE_AUDIENCE, Audience, account, body=draft, body_ids=ids)


def ad_groups_call(account: int | None, audience_id: int) -> Call[list[AudienceAdGroup]]:
    """The call that lists the ad groups that use an audience."""
    return Call(
        endpoint=AUDIENCE_AD_GROUPS,
        returns=list[AudienceAdGroup],
        account=account,
        path={"id": audience_id},
    )


async def ids_listed(listing: Awaitable[list[AudienceSummary]]) -> frozenset[int] | None:
    """The ids of all audiences that are listed; ``None`` if they are not all known.

    A row that cannot be read counts too, if its id can be.
    """
    try:
        return frozenset(row.id for row in await listing)
    except PartialListError:
        return None
    except DecodeError as error:
        ids = {row.get("id") if isinstance(row, dict) else None for row in error.unread}
        if error.partial is None or not all(type(one) is int for one in ids):
            return None
        return frozenset(row.id for row in error.partial) | frozenset(cast("set[int]", ids))


def may_be(row: AudienceSummary, error: OutcomeUnknownError) -> bool:
    """Whether *row* may be what the create that *error* is about has made."""
    draft: AudienceDraft = error.draft
    same = normalised(row.name) == normalised(draft.name) and row.type in (draft.type, None)
    return same and row.id not in (error.known_ids or ()) and not _older(row, error)


def _older(row: AudienceSummary, error: OutcomeUnknownError) -> bool:
    if row.created_date is None or error.created_after is None:
        return False
    return row.created_date < error.created_after - _CLOCKS_DIFFER


async def find_created(
    ask: Ask,
    error: OutcomeUnknownError,
    delays: tuple[float, ...],
    sleep: Sleep,
    make_list: MakeList,
) -> Audience:
    """The audience that a create made; else *error* is raised, with its candidates.

    A look that fails does not keep the next one from being made.
    """
    now = asyncio.get_running_loop().time
    for delay in delays if error.known_ids is not None else ():
        began = now()
        await sleep(delay)
        with suppress(APIError):
            rows = await make_list(began + _LATE * (now() - began))
            if rows is not None and (found := await _look(ask, error, rows)):
                return attrs.evolve(found, reconciled=True)
        if len(error.candidates) > 1:
            break
    raise error


async def _look(
    ask: Ask, error: OutcomeUnknownError, rows: list[AudienceSummary]
) -> Audience | None:
    """The one of *rows* that can only be the new one, and that is what the draft asks for."""
    error.candidates = tuple(row for row in rows if may_be(row, error))
    if len(error.candidates) != 1:
        return None
    audience = await ask(get_call(error.ad_account_id, error.candidates[0].id))
    return audience if _agrees(audience, error.draft) else None


async def read_back(ask: Ask, context: CallContext[T], error: APIError, *, done: bool) -> T:
    """What the call would have answered.

    :param done: The server acted. Only its answer was lost.
    """
    call = context.call
    with suppress(_InDoubtError, APIError):
        return cast("T", await _READERS[call.endpoint.replay](ask, call, done))
    raise context.outcome_unknown(error)


class _InDoubtError(Exception):
    """What was read does not settle it."""


async def _read_update(ask: Ask, call: Call[Any], done: bool) -> Any:
    now = await ask(get_call(call.account, int(call.body_ids["id"])))
    if done or _agrees(now, call.body):
        return now
    raise _InDoubtError


def _agrees(audience: Audience, draft: AudienceDraft) -> bool:
    return not draft.differences(audience.draft())


async def _read_removal(ask: Ask, call: Call[Any], done: bool) -> Any:
    audience_id = int(call.path["id"])
    if call.endpoint.name == UNLINK_AD_GROUP.name:
        groups = await ask(ad_groups_call(call.account, audience_id))
        gone = call.query["adGroupId"] not in {group.ad_group_id for group in groups}
    else:
        gone = await _is_gone(ask, call.account, audience_id)
    if not gone:
        raise _InDoubtError
    return None


async def _is_gone(ask: Ask, account: int | None, audience_id: int) -> bool:
    try:
        await ask(get_call(account, audience_id))
    except NotFoundError:
        return True
    return False


async def _leave_to_bulk_delete(ask: Ask, call: Call[Any], done: bool) -> Any:
    raise _InDoubtError


_READERS: dict[Replay, Callable[[Ask, Call[Any], bool], Awaitable[Any]]] = {
    Replay.REPLACE: _read_update,
    Replay.IDEMPOTENT: _read_removal,
    Replay.BULK: _leave_to_bulk_delete,
}
