"""``kmoment accounts``."""

from __future__ import annotations

import click

from ._options import Group, Whole
from ._session import Session, pass_session


@click.group(cls=Group, help="Ad accounts that the token may use.")
def commands() -> None:
    """Nothing of its own."""


@commands.command("list")
@click.option("--config", metavar="WORD", help="Only accounts that are ON, OFF or DEL.")
@pass_session
def list_(session: Session, config: str | None) -> None:
    """List the ad accounts: id, name, your role."""
    from ..models import AdAccount
    from ._output import print_rows

    found = session.client.accounts.list(config=config)
    print_rows(session, found, AdAccount, "id name member_type config")


@commands.command("show")
@click.argument("account_id", type=Whole(1), required=False)
@pass_session
def show(session: Session, account_id: int | None) -> None:
    """Show one ad account: the one named, or that of --account."""
    from ._output import print_one

    print_one(session, session.client.accounts.get(account_id or session.ad_account_id))
