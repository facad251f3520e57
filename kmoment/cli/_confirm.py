"""Before a write: what would be done, where, and whether it is meant."""

from __future__ import annotations

import sys

import click

from ..errors import APIError
from ._errors import FAILED, USAGE, Stop
from ._output import print_text
from ._session import Session, is_terminal
from ._words import plural, tell

_NO_ONE_TO_ASK = "there is no terminal to ask on: give --yes, or --dry-run to see the plan"


def require_answer(session: Session) -> None:
    """Refuse a write that nobody can be asked about. Called before anything is sent."""
    if not (session.yes or session.dry_run or is_terminal(sys.stdin)):
        raise Stop(_NO_ONE_TO_ASK, USAGE)


def confirm(session: Session, plan: str) -> bool:
    """Show *plan*, and ask. False for a dry run.

    :raises Stop: It is not meant.
    """
    if _shown(session, plan):
        return False
    if not session.yes and not click.confirm("Do it?", err=True):
        raise Stop("nothing was written", FAILED)
    return True


def confirm_count(session: Session, plan: str, count: int) -> bool:
    """As :func:`confirm`, but the number of audiences has to be typed: a delete is for good."""
    if _shown(session, plan):
        return False
    if not session.yes:
        question = f"Type {count} to delete {plural(count, 'audience')}"
        if click.prompt(question, err=True, default="", show_default=False).strip() != str(count):
            raise Stop("nothing was deleted", FAILED)
    return True


def _shown(session: Session, plan: str) -> bool:
    """Show where and what. A dry run's plan is its result, so it goes to stdout."""
    session.note(_where(session)) if session.yes else tell(_where(session))
    if session.dry_run:
        print_text(plan)
        session.note("dry run: nothing was written")
        return True
    tell(plan)
    return False


def _where(session: Session) -> str:
    """Profile, account id and account name: every write names them."""
    try:
        name = repr(session.client.accounts.get(session.ad_account_id).name)
    except APIError as error:
        name = f"(its name could not be read: {error.reason})"
    return f"{session.who}, account {session.ad_account_id} {name}, {session.client.base_url}"
