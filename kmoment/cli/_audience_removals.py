"""``kmoment audiences delete`` and ``unlink``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from ..errors import AudienceInUseError
from ._confirm import confirm, confirm_count, require_answer, warn_of_consent
from ._errors import DONE, told
from ._options import Command, Whole
from ._session import Session, pass_session

if TYPE_CHECKING:
    from ..models import DeletePlanRow


@click.command("delete", cls=Command)
@click.argument("audience_ids", type=Whole(1), nargs=-1, required=True)
@click.option("--unlink", is_flag=True, help="First unlink the ad groups that use them.")
@pass_session
def delete(session: Session, audience_ids: tuple[int, ...], unlink: bool) -> int:
    """Delete audiences, after showing which ad groups use each one.

    The number of audiences has to be typed, or --yes given. One that is in use is refused, unless
    --unlink is given. Exit code 3 if some could not be deleted.
    """
    from ._output import print_rows

    require_answer(session)
    account = session.ad_account
    plan = account.audiences.plan_delete(audience_ids)
    if plan.in_use and not unlink and not session.dry_run:
        groups = [group for row in plan.in_use for group in row.ad_groups]
        raise AudienceInUseError([row.audience.id for row in plan.in_use], groups)
    lines = "\n".join(_line(row, unlink=unlink) for row in plan.rows)
    warn_of_consent(session, "delete")
    if not confirm_count(session, lines, len(plan.rows)):
        return DONE
    session.under_way = "some may be deleted: look with `kmoment audiences list`"
    outcomes = plan.apply(unlink=unlink).outcomes
    rows = [{"audience_id": it.input, "status": (it.value or it.status).value} for it in outcomes]
    columns = ("audience_id", "status")
    print_rows(session, rows, columns, " ".join(columns), ad_account_id=account.ad_account_id)
    return told(outcomes)


def _line(row: DeletePlanRow, *, unlink: bool) -> str:
    """Name, status, and the ad groups that use one audience."""
    one = row.audience
    groups = ", ".join(f"{it.ad_group_id} {it.ad_group_name!r}" for it in row.ad_groups)
    first = "which are unlinked first" if unlink else "so it is refused without --unlink"
    use = f"used by ad groups {groups}, {first}" if groups else "not used"
    return f"delete {one.id} {one.name!r} ({one.audience_status or 'status not known'}): {use}"


@click.command("unlink", cls=Command)
@click.argument("audience_id", type=Whole(1))
@click.argument("ad_group_id", type=Whole(1))
@pass_session
def unlink(session: Session, audience_id: int, ad_group_id: int) -> None:
    """Make an ad group stop using an audience."""
    require_answer(session)
    audiences = session.ad_account.audiences
    if confirm(session, f"unlink ad group {ad_group_id} from audience {audience_id}"):
        session.under_way = (
            f"ad group {ad_group_id} may be unlinked: `audiences ad-groups` shows it"
        )
        audiences.unlink(audience_id, ad_group_id)
        session.note("unlinked")


COMMANDS: Final = (delete, unlink)
