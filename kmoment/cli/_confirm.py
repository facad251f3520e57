"""Before a write: what would be done, where, and whether it is meant."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Final, Literal

import click

from ..errors import APIError
from ._errors import FAILED, USAGE, Stop
from ._output import print_text
from ._session import Session, is_terminal
from ._words import plural, tell

_NO_ONE_TO_ASK = "there is no terminal to ask on: give --yes, or --dry-run to see the plan"

_CONSENTS: Final = {"create": "moment_create", "delete": "moment_delete"}


def require_answer(session: Session) -> None:
    """Refuse a write that nobody can be asked about. Called before anything is sent."""
    if not (session.yes or session.dry_run or is_terminal(sys.stdin)):
        raise Stop(_NO_ONE_TO_ASK, USAGE)


def refuse_dry_run(session: Session) -> None:
    """Refuse ``--dry-run`` where nothing can be shown before it is done."""
    if session.dry_run:
        raise Stop("this command has no dry run", USAGE)


def warn_of_consent(session: Session, allow: Literal["create", "delete"]) -> None:
    """Say that the token has no consent to create, or to delete. Kakao is asked only if the profile
    does not ask for it."""
    from ..auth import status

    profile, consent = session.choice.profile, _CONSENTS[allow]
    if profile is None or consent in profile.scopes:
        return
    info = status(profile.name).info
    if info is not None and consent not in info.scopes:
        tell(f"warning: profile {profile.name} has no consent {consent}: a {allow} may be refused")
        tell(f"hint: `kmoment auth login --profile {profile.name} --allow {allow}`")


def confirm(session: Session, plan: str, accounts: Sequence[int] = ()) -> bool:
    """Show *plan*, and ask. False for a dry run.

    :param accounts: The ad accounts that would be written to, if it is not the session's.
    :raises Stop: It is not meant.
    """
    if _shown(session, plan, accounts):
        return False
    if not session.yes and not click.confirm("Do it?", err=True):
        raise Stop("nothing was written", FAILED)
    return True


def confirm_forget(session: Session, plan: str) -> bool:
    """Show what would be forgotten on this side, and ask. False for a dry run.

    :raises Stop: It is not meant.
    """
    if session.dry_run:
        print_text(plan)
        session.note("dry run: nothing was forgotten")
        return False
    tell(plan)
    if not session.yes and not click.confirm("Do it?", err=True):
        raise Stop("nothing was forgotten", FAILED)
    return True


def confirm_count(session: Session, plan: str, count: int) -> bool:
    """As :func:`confirm`, but the number of audiences has to be typed: a delete is for good."""
    if _shown(session, plan, ()):
        return False
    if not session.yes:
        question = f"Type {count} to delete {plural(count, 'audience')}"
        if click.prompt(question, err=True, default="", show_default=False).strip() != str(count):
            raise Stop("nothing was deleted", FAILED)
    return True


def _shown(session: Session, plan: str, accounts: Sequence[int]) -> bool:
    """Show where and what. A dry run's plan is its result, so it goes to stdout."""
    for account in accounts or (session.ad_account_id,):
        tell(
            f"{session.who}, account {account} {_name(session, account)}, {session.client.base_url}"
        )
    if session.dry_run:
        print_text(plan)
        session.note("dry run: nothing was written")
        return True
    tell(plan)
    return False


def _name(session: Session, account: int) -> str:
    """The account's name: every write names it."""
    try:
        return repr(session.client.accounts.get(account).name)
    except APIError as error:
        return f"(its name could not be read: {error.reason})"
