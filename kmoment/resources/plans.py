"""What would be done, shown before it is done."""

from typing import Any, Final

from .._engine.ad_group_link import apply_link
from .._engine.planned_delete import apply_delete
from .._plain import Serializable, plain
from .._protocol.link_edit import LinkEdit, described
from .._sender import AsyncSender
from ..models import BulkDeleteResult, DeletePlanRow, LinkResult


class AsyncDeletePlan(Serializable):
    """Audiences to delete, with the ad groups that use each. Made by ``audiences.plan_delete``.

    Print it to see what would be deleted.
    """

    __slots__ = ("_account", "_rows", "_sender")

    def __init__(self, sender: AsyncSender, account: int, rows: tuple[DeletePlanRow, ...]) -> None:
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

    async def apply(self, *, unlink: bool = False) -> BulkDeleteResult:
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
        return await self._sender.run(apply_delete, self._account, self._rows, unlink)

    def to_dict(self) -> dict[str, Any]:
        """The account and the rows, as values that JSON has."""
        return {"ad_account_id": self._account, "rows": plain(self._rows)}

    def __str__(self) -> str:
        return "\n".join(map(_line, self._rows)) or "nothing to delete"

    def __repr__(self) -> str:
        counts = f"{len(self._rows)} audiences, {len(self.in_use)} in use"
        return f"<{type(self).__name__}: {counts}>"


class AsyncLinkPlan(Serializable):
    """The edit of an ad group that makes it use an audience. Made by ``audiences.plan_link``.

    *Experimental: the field is learnt, and it was never tried on the live API.* Print it to see
    what would be changed, and on which evidence.
    """

    __slots__ = ("_edit", "_sender")

    def __init__(self, sender: AsyncSender, edit: LinkEdit) -> None:
        self._sender = sender
        self._edit = edit

    @property
    def audience_id(self) -> int:
        """The audience."""
        return self._edit.audience_id

    @property
    def ad_group_id(self) -> int:
        """The ad group that would be edited."""
        return self._edit.ad_group_id

    @property
    def already_linked(self) -> bool:
        """Whether the ad group uses the audience already. Then nothing is to be changed."""
        return self._edit.place is None

    @property
    def like(self) -> int | None:
        """The ad group that it was learnt from."""
        return self._edit.like

    @property
    def place(self) -> str | None:
        """Where the ad group names its audiences."""
        return None if self._edit.place is None else str(self._edit.place)

    @property
    def entry(self) -> Any:
        """What would be added there."""
        return self._edit.entry

    @property
    def evidence(self) -> str:
        """In how many ad groups the place was found."""
        return str(self._edit.count or "")

    @property
    def notes(self) -> tuple[str, ...]:
        """What was chosen, and what could not be checked."""
        return self._edit.notes

    @property
    def left_out(self) -> tuple[str, ...]:
        """Members of the ad group that are not sent: clients read them, and Kakao's edit does not
        take them (evidence: quoted)."""
        return self._edit.left_out

    async def apply(self) -> LinkResult:
        """Edit the ad group, and read both sides back.

        The ad group is read again before. Kakao has no call that writes only what has not changed,
        so an edit by someone else within the same moment is lost. One edit per 5 s and account.

        :returns: Whether anything was changed. It is not if the ad group used it already.
        :raises ConflictError: The ad group has changed since it was planned. Nothing was written.
        :raises LinkRefusedError: The ad group is deleted. Nothing was written.
        :raises OutcomeUnknownError: The edit was sent, and reading back did not tell. Make a new
            plan to see what is there.
        :raises WriteMismatchError: The edit was sent, and what is there is not what was planned.
        :raises APIError: A call failed, and nothing was written.

        https://developers.kakao.com/docs/latest/en/kakaomoment/ad-group
        """
        return await self._sender.run(apply_link, self._edit)

    def to_dict(self) -> dict[str, Any]:
        """All that it tells, as values that JSON has."""
        return {name: plain(getattr(self, name)) for name in _TOLD}

    def __str__(self) -> str:
        return described(self._edit)

    def __repr__(self) -> str:
        state = "already linked" if self.already_linked else self.place
        return (
            f"<{type(self).__name__}: audience {self.audience_id}, "
            f"ad group {self.ad_group_id}, {state}>"
        )


_TOLD: Final = (
    *("audience_id", "ad_group_id", "already_linked", "like"),
    *("place", "entry", "evidence", "notes", "left_out"),
)


def _line(row: DeletePlanRow) -> str:
    groups = ", ".join(str(group.ad_group_id) for group in row.ad_groups)
    use = f"used by ad groups {groups}" if groups else "not used"
    return f"delete {row.audience.id} {row.audience.name!r}: {use}"
