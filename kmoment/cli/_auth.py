"""``kmoment auth``."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, Final

import click

from .._secret import Secret
from ._confirm import confirm_forget, refuse_dry_run, require_answer
from ._errors import DONE, FAILED, LOGIN_NEEDED, USAGE, Stop
from ._options import Group
from ._session import Session, is_terminal, pass_session
from ._words import tell

if TYPE_CHECKING:
    from ..auth import Login, Profile

_URI: Final = "http://localhost:8765/callback"


@click.group(cls=Group, help="Log in, and see which tokens are stored.")
def commands() -> None:
    """Nothing of its own."""


@commands.command("login")
@click.option("--client-id", metavar="KEY", help="The app's REST API key. Else KMOMENT_CLIENT_ID.")
@click.option(
    "--redirect-uri",
    "redirect_uris",
    multiple=True,
    metavar="URI",
    help="Registered with the app, on this machine. May be repeated.",
)
@click.option("--allow", metavar="WORDS", help="create,delete: ask for these consents too.")
@click.option("--accounts", metavar="IDS", help="Ask for these ad accounts only.")
@click.option("--store", type=click.Choice(["file", "keyring"]), help="Where the token is kept.")
@click.option("--force", is_flag=True, help="Issue a token although the stored one is alive.")
@click.option("--no-browser", is_flag=True, help="Only print the address.")
@click.option("--with-token", is_flag=True, help="Store a token that is typed, or read from stdin.")
@pass_session
def login(session: Session, /, with_token: bool, **given: Any) -> int:
    """Log in at Kakao with a browser, and store the token.

    Kakao limits how many tokens are issued. So all that can fail is tried before the browser
    opens, and a stored token that is alive is kept. On a machine without a browser, open the
    address elsewhere, and paste the address on which the browser has ended.

    The client secret is that of Business Authentication: KMOMENT_CLIENT_SECRET, or it is asked
    for. It is not stored.
    """
    refuse_dry_run(session)
    done = _stored_token(session, given) if with_token else _consented(session, given)
    for problem in done.problems:
        tell(f"warning: {problem}")
    for scope in done.refused_scopes:
        tell(f"warning: the consent {scope} was not given")
    _tell_accounts(session, done)
    return DONE if done.saved else FAILED


def _consented(session: Session, given: dict[str, Any]) -> Login:
    from .. import auth

    name = _name(session)
    known = next((it for it in auth.profiles() if it.name == name), None)
    asks = is_terminal(sys.stdin) and is_terminal(sys.stderr)
    settings = _asked(known, given) if asks else _said(given)
    if given["no_browser"]:
        settings["open_browser"] = None
    return auth.login(
        name,
        **settings,
        allow=_split(given["allow"]) or (),
        accounts=_split(given["accounts"]),
        store=given["store"],
        base_url=session.base_url,
        force=given["force"],
        show=tell if asks else None,
        read_pasted=_pasted if asks else None,
    )


def _said(given: dict[str, Any]) -> dict[str, Any]:
    """What the options say of the app. The environment and the profile say the rest."""
    return {"client_id": given["client_id"], "redirect_uris": given["redirect_uris"] or None}


def _asked(known: Profile | None, given: dict[str, Any]) -> dict[str, Any]:
    """What the app says of itself: an option, the environment, the profile, or a question."""
    env = os.environ
    client_id = given["client_id"] or env.get("KMOMENT_CLIENT_ID") or (known and known.client_id)
    uris = given["redirect_uris"] or env.get("KMOMENT_REDIRECT_URI", "").split()
    return {
        "client_id": client_id or click.prompt("REST API key of the app", err=True),
        "redirect_uris": uris
        or (known and known.redirect_uris)
        or [click.prompt("Redirect URI that is registered with the app", _URI, err=True)],
        "client_secret": None if "KMOMENT_CLIENT_SECRET" in env else _hidden("Client secret"),
    }


def _hidden(what: str) -> Secret:
    text = f"{what} (not shown)"
    return Secret(click.prompt(text, "", hide_input=True, err=True, show_default=False))


def _pasted() -> str | None:
    """The next line that is pasted. Read without Python's buffer, which a thread would lock."""
    return os.read(sys.stdin.fileno(), 65536).decode(errors="replace") or None


def _stored_token(session: Session, given: dict[str, Any]) -> Login:
    """Store a token that was issued elsewhere. It is never an argument: others see those."""
    from .. import auth

    if is_terminal(sys.stdin):
        token = _hidden("Business token")
    else:
        token = Secret(sys.stdin.readline().strip())
    return auth.login_with_token(
        _name(session), token, store=given["store"], base_url=session.base_url
    )


def _name(session: Session) -> str:
    from .. import auth

    named = session.profile or os.environ.get("KMOMENT_PROFILE")
    return named or auth.default_profile() or "default"


def _split(text: str | None) -> list[Any] | None:
    return None if text is None else [it.strip() for it in text.split(",") if it.strip()]


def _tell_accounts(session: Session, done: Login) -> None:
    """Say what the token may do. An only ad account becomes the profile's own."""
    import attrs

    from .. import auth

    accounts = done.info.ad_account_ids if done.info else ()
    what = "logged in" if done.issued else "the stored token is alive: kept"
    session.note(f"{what}; profile {done.profile.name}, consents {', '.join(done.scopes)}")
    session.note(f"ad accounts: {', '.join(map(str, accounts)) or 'see `kmoment accounts list`'}")
    if len(accounts) == 1 and done.profile.account is None and done.saved:
        auth.save_profile(attrs.evolve(done.profile, account=accounts[0]))
        session.note(f"account {accounts[0]} is used where none is named")


@commands.command("status")
@pass_session
def status(session: Session) -> int:
    """Show whose token is used, where it is, and what it may do.

    Exit code 4 if there is none or Kakao refuses it, 1 if that could not be found out.
    """
    from .. import auth
    from ._output import print_rows

    if session.base_url:
        raise Stop("it asks where the token is from: set KMOMENT_BASE_URL instead", USAGE)
    found = auth.status(session.profile)
    row = {
        "profile": found.profile.name if found.profile else None,
        "because": found.because,
        "state": found.state,
        "store": found.profile.store if found.profile else "environment",
        "path": str(found.path) if found.path else None,
        "mode": f"{found.mode:04o}" if found.mode is not None else None,
        "scopes": ", ".join(found.info.scopes) if found.info else None,
        "missing_scopes": ", ".join(found.missing_scopes),
        "accounts": ", ".join(map(str, found.info.ad_account_ids)) if found.info else None,
    }
    print_rows(session, [row], tuple(row), "profile because state store scopes accounts")
    if found.error is not None:
        tell(f"note: {found.error}")
    return {"ok": DONE, "missing": LOGIN_NEEDED, "expired": LOGIN_NEEDED}.get(found.state, FAILED)


@commands.command("list")
@pass_session
def list_(session: Session) -> None:
    """List the profiles. Kakao is not asked."""
    from .. import auth
    from ._output import print_rows

    default = auth.default_profile()
    rows = [
        {
            "profile": it.name,
            "default": it.name == default,
            "account": it.account,
            "store": it.store,
            "scopes": ", ".join(it.scopes),
            "base_url": it.base_url,
        }
        for it in auth.profiles()
    ]
    columns = ("profile", "default", "account", "store", "scopes", "base_url")
    print_rows(session, rows, columns, " ".join(columns))


@commands.command("switch")
@click.argument("profile")
@pass_session
def switch(session: Session, profile: str) -> None:
    """Use a profile where none is named."""
    from .. import auth

    refuse_dry_run(session)
    auth.set_default(profile)
    session.note(f"profile {profile} is used where none is named")


@commands.command("logout")
@pass_session
def logout(session: Session) -> int:
    """Forget a profile's token on this machine. At Kakao it stays alive.

    No call that revokes a token is known: the app's console can.
    """
    from .. import auth

    require_answer(session)
    name = auth.profile(_name(session)).name
    price = "a new one needs a consent, and their number is small"
    if confirm_forget(session, f"forget the token of profile {name}: {price}"):
        session.note("forgotten" if auth.logout(name) else "there was none")
    return DONE


@commands.command("token")
@click.option("--show", is_flag=True, help="Print it on a terminal too.")
@pass_session
def token(session: Session, show: bool) -> None:
    """Print the token, for another program. Not on a terminal, unless --show is given."""
    from .. import auth

    if is_terminal(sys.stdout) and not show:
        raise Stop("a token is not shown on a terminal: pipe it, or give --show", USAGE)
    print(auth.stored(session.profile)())
