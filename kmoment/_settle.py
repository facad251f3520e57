"""Finding out what a write did whose answer was lost. Nothing here creates anything.

* A **create** is looked for in the list of audiences, after a while and again: exactly one of
  the same name and type that was not there before is taken for it. None, or several, is
  reported: a hit can be sound, a miss never is (the commit may come late, the list be stale).
* An **update** whose answer was lost is read; where it is in doubt, it is read and compared.
* A **delete** or **unlink** in doubt is done when what it removes is gone.
* A **bulk delete** is found out by ``_bulk.py``, which knows what was there before.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Protocol, TypeVar, cast

import attrs

from ._call import Call, Replay
from ._convert import write
from ._endpoints import AUDIENCE_AD_GROUPS, GET_AUDIENCE, LIST_AUDIENCES, UNLINK_AD_GROUP
from .errors import APIError, NotFoundError, OutcomeUnknownError
from .models import Audience, AudienceAdGroup, AudienceDraft, AudienceSummary

T = TypeVar("T")
Sleep = Callable[[float], Awaitable[None]]


class Ask(Protocol):
    """Makes a call of its own, with retries, within the same deadline."""

    def __call__(self, call: Call[T], /) -> Awaitable[T]: ...


def unknown(error: APIError, **found: Any) -> OutcomeUnknownError:
    """*error*, as what it means for a write: nobody knows whether it was done."""
    return OutcomeUnknownError(f"it may have been done ({error.reason})", vars(error) | found)


def list_call(account: int | None) -> Call[list[AudienceSummary]]:
    """The call that lists an account's audiences."""
    return Call(endpoint=LIST_AUDIENCES, returns=list[AudienceSummary], account=account)


def get_call(account: int | None, audience_id: int) -> Call[Audience]:
    """The call that gets one audience."""
    return Call(endpoint=GET_AUDIENCE, returns=Audience, account=account, path={"id": audience_id})


def same(row: AudienceSummary, draft: AudienceDraft, known_ids: frozenset[int]) -> bool:
    """Whether *row* can be what *draft* was to create."""
    return row.name == draft.name and row.type in (draft.type, None) and row.id not in known_ids


async def find_created(
    ask: Ask, error: OutcomeUnknownError, delays: tuple[float, ...], sleep: Sleep
) -> Audience:
    """The audience that a create made, or *error* with the candidates there are."""
    account, draft, known_ids = error.ad_account_id, error.draft, error.known_ids
    for delay in delays if known_ids is not None else ():
        await sleep(delay)
        rows = await ask(list_call(account))
        error.candidates = tuple(row for row in rows if same(row, draft, known_ids or frozenset()))
        if len(error.candidates) > 1:
            break
        if error.candidates:
            found = await ask(get_call(account, error.candidates[0].id))
            return attrs.evolve(found, reconciled=True)
    raise error


async def read_back(ask: Ask, call: Call[T], error: APIError, *, done: bool) -> T:
    """What *call* would have answered. *done*: it acted, only its answer was lost."""
    with suppress(_InDoubtError, APIError):
        return cast("T", await _READERS[call.endpoint.replay](ask, call, done))
    raise unknown(error)


class _InDoubtError(Exception):
    """What was read does not tell."""


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


async def _leave_to_its_maker(ask: Ask, call: Call[Any], done: bool) -> Any:
    raise _InDoubtError


_READERS: dict[Replay, Callable[[Ask, Call[Any], bool], Awaitable[Any]]] = {
    Replay.REPLACE: _read_update,
    Replay.IDEMPOTENT: _read_removal,
    Replay.BULK: _leave_to_its_maker,
}
