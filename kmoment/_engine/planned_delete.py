"""Deletes audiences of which a plan was shown: first who uses them, then the delete."""

from collections.abc import Sequence
from functools import partial

from .._protocol.call import Call
from .._protocol.endpoints import DELETE_AUDIENCES, UNLINK_AD_GROUP
from ..errors import AudienceInUseError, ConflictError
from ..models import AudienceAdGroup, AudienceSummary, BulkDeleteResult, DeletePlanRow
from .dispatcher import Dispatcher
from .reconcile import ad_groups_call, get_call, list_call
from .together import together


async def plan_delete(
    calls: Dispatcher, account: int, ids: Sequence[int]
) -> tuple[DeletePlanRow, ...]:
    """Each audience once, with the ad groups that use it."""
    listed = {row.id: row for row in await calls.send(list_call(account))}

    async def row_of(audience_id: int) -> DeletePlanRow:
        row = listed.get(audience_id)
        if row is None:  # a list may be old
            found = await calls.send(get_call(account, audience_id))
            row = AudienceSummary(id=found.id, name=found.name, type=found.type)
        return DeletePlanRow(row, tuple(await users_of(calls, account, audience_id)))

    return tuple(await together(row_of, dict.fromkeys(ids)))


async def apply_delete(
    calls: Dispatcher, account: int, rows: Sequence[DeletePlanRow], unlink: bool
) -> BulkDeleteResult:
    """Look again at who uses them, unlink if that is wanted, and delete."""
    ids = [row.audience.id for row in rows]
    if not ids:
        return BulkDeleteResult(success_count=0, fail_count=0)
    now = await together(partial(users_of, calls, account), ids)
    in_use = [one for one, groups in zip(ids, now, strict=True) if groups]
    if in_use and not unlink:
        raise AudienceInUseError(in_use, [group for groups in now for group in groups])
    for row, groups in zip(rows, now, strict=True):
        _refuse_new(row, groups)
    for audience_id, groups in zip(ids, now, strict=True):
        for group in groups:
            await calls.send(_unlink(account, audience_id, group.ad_group_id))
    query = {"audienceIds": ",".join(map(str, ids))}
    return await calls.send(
        Call(endpoint=DELETE_AUDIENCES, returns=BulkDeleteResult, account=account, query=query)
    )


async def users_of(calls: Dispatcher, account: int, audience_id: int) -> list[AudienceAdGroup]:
    """The ad groups that use an audience."""
    return await calls.send(ad_groups_call(account, audience_id))


def _refuse_new(row: DeletePlanRow, now: Sequence[AudienceAdGroup]) -> None:
    """Only links that the plan has shown are removed."""
    planned = {group.ad_group_id for group in row.ad_groups}
    new = [str(group.ad_group_id) for group in now if group.ad_group_id not in planned]
    if new:
        raise ConflictError(
            f"audience {row.audience.id} is now used by ad groups {', '.join(new)} too; "
            "nothing was deleted"
        )


def _unlink(account: int, audience_id: int, ad_group_id: int) -> Call[None]:
    return Call(
        endpoint=UNLINK_AD_GROUP,
        returns=type(None),
        account=account,
        path={"id": audience_id},
        query={"adGroupId": ad_group_id},
    )
