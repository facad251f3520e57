"""``kmoment profile``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from ._confirm import refuse_dry_run
from ._errors import USAGE, Stop
from ._options import Group
from ._session import Session, pass_session

if TYPE_CHECKING:
    from ..auth import Profile

# The others, the store and the API, are the token's: a login changes them.
_LISTS: Final = ("redirect_uris", "scopes", "accounts")
_KEYS: Final = ("account", "client_id", *_LISTS)


@click.group(cls=Group, help="Settings of a profile, such as its ad account.")
def commands() -> None:
    """Nothing of its own."""


@commands.command("show")
@pass_session
def show(session: Session) -> None:
    """Show the settings of the profile that is used. It has no secret."""
    import attrs

    from ._output import print_rows

    rows = [
        {"setting": name, "value": ", ".join(map(str, it)) if isinstance(it, tuple) else it}
        for name, it in attrs.asdict(_chosen(session)).items()
    ]
    print_rows(session, rows, ("setting", "value"), "setting value")


@commands.command("set")
@click.argument("setting", type=click.Choice(_KEYS))
@click.argument("value")
@pass_session
def set_(session: Session, setting: str, value: str) -> None:
    """Change a setting of a profile; an empty VALUE takes it away.

    Several values are separated by commas. What is asked for at a login (scopes, accounts) counts
    from the next login on.
    """
    import attrs

    from .. import auth

    refuse_dry_run(session)
    listed = [it.strip() for it in value.split(",") if it.strip()]
    changed = attrs.evolve(
        _chosen(session), **{setting: listed if setting in _LISTS else value or None}
    )
    auth.save_profile(changed)
    session.note(f"profile {changed.name}: {setting} is {value or 'not set'}")


def _chosen(session: Session) -> Profile:
    profile = session.choice.profile
    if profile is None:
        raise Stop("KMOMENT_TOKEN is used, which has no settings: give --profile NAME", USAGE)
    return profile
