"""``kmoment audiences``: what only reads is here, what writes in the files that this one adds."""

from __future__ import annotations

import click

from ..errors import AudienceNotUsableError, DeadlineExceededError
from . import _audience_edits, _audience_ensure, _audience_removals
from ._errors import FAILED, SOME_FAILED, told
from ._options import Group, Whole
from ._session import Session, pass_session

_NOT_READY = (AudienceNotUsableError, DeadlineExceededError)
_LISTED = "id name type audience_status last_modified_date"


@click.group(cls=Group, help="List, create, edit, link and delete audiences.")
def commands() -> None:
    """Nothing of its own."""


@commands.command("list")
@pass_session
def list_(session: Session) -> None:
    """List the ad account's audiences."""
    from ..models import AudienceSummary
    from ._output import print_rows

    account = session.ad_account
    found = account.audiences.list()
    print_rows(session, found, AudienceSummary, _LISTED, ad_account_id=account.ad_account_id)


@commands.command("show")
@click.argument("audience")
@pass_session
def show(session: Session, audience: str) -> None:
    """Show one audience with its targeting. AUDIENCE is its id or its whole name."""
    from ._output import print_one

    audiences = session.ad_account.audiences
    found = int(audience) if audience.isdecimal() else audiences.find(audience).id
    print_one(session, audiences.get(found), ad_account_id=session.ad_account_id)


@commands.command("ad-groups")
@click.argument("audience_id", type=Whole(1))
@pass_session
def ad_groups(session: Session, audience_id: int) -> None:
    """List the ad groups that use an audience."""
    from ..models import AudienceAdGroup
    from ._output import print_rows

    account = session.ad_account
    print_rows(
        session,
        account.audiences.ad_groups(audience_id),
        AudienceAdGroup,
        "ad_group_id ad_group_name ad_group_status campaign_id campaign_name",
        ad_account_id=account.ad_account_id,
    )


@commands.command("wait")
@click.argument("audience_ids", type=Whole(1), nargs=-1, required=True)
@click.option("--until", default="AVAILABLE", show_default=True, help="The status to wait for.")
@click.option("--timeout", default=3600.0, show_default=True, help="Seconds in all.")
@pass_session
def wait(session: Session, audience_ids: tuple[int, ...], until: str, timeout: float) -> int:
    """Wait until audiences are ready, and list them.

    Exit code 3 if some cannot become so, or not in time.
    """
    from ..models import AudienceSummary
    from ._output import form_of, print_rows

    account = session.ad_account
    session.note(f"waiting for {until}, at most {timeout:g} s; Ctrl-C changes nothing")
    outcomes = account.audiences.wait_each(*audience_ids, until=until, timeout=timeout)
    ready = outcomes.values()
    if ready or form_of(session) != "table":
        print_rows(session, ready, AudienceSummary, _LISTED, ad_account_id=account.ad_account_id)
    code = told(outcomes)
    ended = any(isinstance(it.error, _NOT_READY) for it in outcomes)
    return SOME_FAILED if ended and code == FAILED else code


for added in (
    *_audience_edits.COMMANDS,
    *_audience_ensure.COMMANDS,
    *_audience_removals.COMMANDS,
):
    commands.add_command(added)
