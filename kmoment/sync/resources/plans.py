# Made from kmoment/resources/plans.py by `nox -s mirror`: edit that one.
"""What would be done, shown before it is done."""

from ..._engine.planned_delete import apply_delete
from .._sender import Sender
from ...models import BulkDeleteResult, DeletePlanRow


class DeletePlan:
    """Audiences to delete, with the ad groups that use each. Made by ``audiences.plan_delete``.

    Print it to see what would be deleted.
    """

    __slots__ = ("_account", "_rows", "_sender")

    def __init__(self, sender: Sender, account: int, rows: tuple[DeletePlanRow, ...]) -> None:
        self._sender = sender
        self._account = account
        self._rows = rows

    @property
    def rows(self) -> tuple[DeletePlanRow, ...]:
        """Each audience once, with the ad groups that use it."""
        return self._rows

    @property
    def in_use(self) -> tuple[DeletePlanRow, ...]:
        """The rows whose audience is used by an ad group."""
        return tuple(row for row in self._rows if row.ad_groups)

    def apply(self, *, unlink: bool = False) -> BulkDeleteResult:
        """Delete the audiences, after looking again at which ad groups use them.

        :param unlink: Unlink the ad groups that the plan shows before. Without it an audience that
            is in use is an error.
        :returns: What became of each audience, as from ``audiences.delete_many``.
        :raises AudienceInUseError: An audience is in use. Nothing was deleted.
        :raises ConflictError: An ad group uses one that did not when the plan was made. Nothing was
            deleted.
        :raises OutcomeUnknownError: Something may have been done. It may be repeated.
        :raises APIError: A call failed. What it had unlinked before stays unlinked; no audience was
            deleted. It may be repeated.

        https://developers.kakao.com/docs/latest/en/kakaomoment/audience
        """
        return self._sender.run(apply_delete, self._account, self._rows, unlink)

    def __str__(self) -> str:
        return "\n".join(map(_line, self._rows)) or "nothing to delete"

    def __repr__(self) -> str:
        counts = f"{len(self._rows)} audiences, {len(self.in_use)} in use"
        return f"<{type(self).__name__}: {counts}>"


def _line(row: DeletePlanRow) -> str:
    groups = ", ".join(str(group.ad_group_id) for group in row.ad_groups)
    use = f"used by ad groups {groups}" if groups else "not used"
    return f"delete {row.audience.id} {row.audience.name!r}: {use}"
