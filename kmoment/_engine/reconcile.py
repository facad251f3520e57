"""Finds out what a write did whose answer was lost. Nothing here creates anything.

* A **create** is searched for in the list of audiences, several times: exactly one audience of the
  same name and type that was not there before is the new one. None or several is reported, not
  guessed: the server may save it late, or show an old list.
* An **update** is read. If it may not have been done, what is there is compared with the draft.
* A **delete** or **unlink** was done if the thing is gone.
* A **bulk delete** looks for itself (``bulk_delete.py``): it knows what was there before.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Protocol, TypeVar, cast

import attrs

from .._protocol.call import Call, Replay
from .._protocol.converter import write
from .._protocol.endpoints import (
    AUDIENCE_AD_GROUPS,
    GET_AUDIENCE,
    LIST_AUDIENCES,
    UNLINK_AD_GROUP,
)
from ..errors import APIError, NotFoundError, OutcomeUnknownError
from ..models import Audience, AudienceAdGroup, AudienceDraft, AudienceSummary
from .context import CallContext

T = TypeVar("T")
Sleep = Callable[[float], Awaitable[None]]


class Ask(Protocol):
    """Makes a call of its own, with retries, within the time of the call it is made for."""

    def __call__(self, call: Call[T], /) -> Awaitable[T]: ...


def list_call(account: int | None) -> Call[list[AudienceSummary]]:
    """The call that lists an account's audiences."""
    return Call(endpoint=LIST_AUDIENCES, returns=list[AudienceSummary], account=account)


def get_call(account: int | None, audience_id: int) -> Call[Audience]:
    """The call that gets one audience."""
    return Call(endpoint=GET_AUDIENCE, returns=Audience, account=account, path={"id": audience_id})


def may_be(row: AudienceSummary, draft: AudienceDraft, known_ids: frozenset[int]) -> bool:
    """Whether *row* may be what *draft* was to create."""
    return row.name == draft.name and row.type in (draft.type, None) and row.id not in known_ids


async def find_created(
    ask: Ask, error: OutcomeUnknownError, delays: tuple[float, ...], sleep: Sleep
) -> Audience:
    """The audience that a create made; else *error* is raised, with its candidates."""
    account, draft, known_ids = error.ad_account_id, error.draft, error.known_ids
    for delay in delays if known_ids is not None else ():
        await sleep(delay)
        rows = await ask(list_call(account))
        found = [row for row in rows if may_be(row, draft, known_ids or frozenset())]
        error.candidates = tuple(found)
        if len(found) > 1:
            break
        if found:
            audience = await ask(get_call(account, found[0].id))
            return attrs.evolve(audience, reconciled=True)
    raise error


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
    return bool(write(audience.draft().resolved()) == write(draft))


async def _read_removal(ask: Ask, call: Call[Any], done: bool) -> Any:
    audience_id = int(call.path["id"])
    if call.endpoint.name == UNLINK_AD_GROUP.name:
        groups = await ask(
            Call(
                endpoint=AUDIENCE_AD_GROUPS,
                returns=list[AudienceAdGroup],
                account=call.account,
                path={"id": audience_id},
            )
        )
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
