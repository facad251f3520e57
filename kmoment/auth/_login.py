"""A login, in an order that loses no token: nothing that can fail comes after the consent."""

import os
import sys
from collections.abc import Callable, Iterable
from typing import Any, Final, Literal

import attrs

from .. import _validate
from .._secret import Secret, checked_token
from ..errors import AuthenticationError, InvalidArgumentError
from . import _browser
from ._blocking import blocking
from ._credentials import Credential
from ._errors import LoginInProgressError, LoginNeedsTerminalError, ProfileNotFoundError
from ._folder import locked
from ._profiles import Profile, StoreName, api_url, profile as profile_named, save_profile
from ._request import CREATE, wrapped
from ._steps import Login, ReadPasted, Show, Steps, asked, forget_elsewhere
from ._store import keep, store_of
from ._token_info import TokenInfo, token_info_async

CODE_SECONDS: Final = 600.0
"""How long a code lives, by third-party code. Nobody needs to wait longer for one."""
_ALLOW: Final = {"create": CREATE, "delete": "moment_delete"}

Allow = Literal["create", "delete"]


async def login_async(
    profile: str = "default",
    *,
    client_id: str | None = None,
    client_secret: Secret | str | None = None,
    redirect_uris: Iterable[str] | None = None,
    scopes: Iterable[str] | None = None,
    allow: Iterable[Allow] = (),
    accounts: Iterable[int] | None = None,
    store: StoreName | None = None,
    base_url: str | None = None,
    force: bool = False,
    timeout: float = CODE_SECONDS,  # noqa: ASYNC109 - it is told to the person
    show: Show | None = None,
    open_browser: Callable[[str], object] | None = _browser.open_browser,
    read_pasted: ReadPasted | None = None,
) -> Login:
    """Let a person log in at Kakao, and store the token under a profile.

    This issues a token: the number of tokens is limited, and a token cannot be shown again. So
    everything that can fail is tried before the consent page opens; the code is exchanged once;
    and a token that was issued is never lost: if it cannot be stored after all, it is written to
    a file that only you can read, and ``problems`` says so.

    What is not given here comes from the environment (``KMOMENT_CLIENT_ID``,
    ``KMOMENT_CLIENT_SECRET``, ``KMOMENT_REDIRECT_URI``, ``KMOMENT_BASE_URL``), then from the
    profile as it was saved.

    :param client_id: The app's REST API key.
    :param client_secret: That of Business Authentication. It is not saved. Empty: the app has none.
    :param redirect_uris: Registered with the app, on this machine, such as
        ``http://localhost:8765/callback``. The first one whose port is free is used.
    :param scopes: Consent items. Default: ``moment_management``.
    :param allow: ``create`` and ``delete`` add ``moment_create`` and ``moment_delete``.
    :param accounts: Ad accounts to ask for. Default, and always with ``moment_create``: all.
    :param store: ``file`` (default) or ``keyring``. The profile remembers it.
    :param base_url: The API that the token is for. With another than Kakao's, such as a sandbox,
        the login happens there too.
    :param force: Issue a token although the stored one is alive and may do all this, or is for
        another API and would be lost.
    :param timeout: Seconds to wait for the consent.
    :param show: Is given lines for the person. Default: standard error, if it is a terminal.
    :param open_browser: Is given the address of the consent page. ``None``: no browser.
    :param read_pasted: Returns the next line that the person has pasted, ``None`` at the end. It
        is called in a thread, and waits while the browser may come back: the first one wins.
    :raises InvalidArgumentError: An argument is missing or breaks its rule.
    :raises LoginNeedsTerminalError: No *show* is given, and there is no terminal.
    :raises LoginInProgressError: Another login of this profile is under way.
    :raises RedirectPortInUseError: No port of the redirect URIs is free.
    :raises CredentialStoreError: The token or the profile could not be stored.
    :raises LoginRefusedError: Kakao or the user refused.
    :raises LoginTimeoutError: No consent came in time.
    :raises LoginOutcomeUnknownError: The code was sent, and the answer was lost.
    :raises APIError: Kakao cannot be reached, or whether the stored token is alive is not known.
    """
    hidden, client_secret = wrapped(client_secret), None
    before = _known(profile)
    after = _planned(
        profile,
        before,
        client_id=client_id or os.environ.get("KMOMENT_CLIENT_ID"),
        redirect_uris=redirect_uris or _from_environment("KMOMENT_REDIRECT_URI"),
        scopes=scopes,
        accounts=accounts,
        store=store,
        base_url=base_url or os.environ.get("KMOMENT_BASE_URL"),
    )
    after = _allowing(after, allow)
    if not force:
        _require_same_api(before, after)
    steps = Steps(
        before,
        after,
        _client_secret(after, hidden),
        timeout=_validate.seconds("timeout", timeout),
        show=show or _terminal(),
        open_browser=open_browser,
        read_pasted=read_pasted,
    )
    with locked(f"login-{after.name}", busy=LoginInProgressError(after.name)):
        return (None if force else await _alive(before, after)) or await steps.run()


login: Final = blocking(login_async)


async def login_with_token_async(
    profile: str,
    token: Secret | str,
    *,
    store: StoreName | None = None,
    base_url: str | None = None,
    scopes: Iterable[str] | None = None,
    force: bool = False,
) -> Login:
    """Store a token that was issued elsewhere. Opens nothing, and issues nothing.

    Kakao is asked whether it is alive. Where it cannot be asked, the token is stored, and
    ``problems`` says so.

    :param force: Store it although the profile has a token for another API, which is then lost.
    :raises InvalidArgumentError: It cannot be a token, or another argument breaks its rule.
    :raises AuthenticationError: Kakao refuses it. Nothing was stored.
    :raises CredentialStoreError: It could not be stored.
    """
    hidden, token = checked_token(Secret.wrap(token)), ""
    before = _known(profile)
    url = base_url or os.environ.get("KMOMENT_BASE_URL")
    after = _planned(profile, before, store=store, base_url=url, scopes=scopes)
    if not force:
        _require_same_api(before, after)
    info, problems = await asked(after, hidden)
    keep(store_of(after), after.name, Credential(hidden, after.base_url))
    save_profile(after)
    forget_elsewhere(before, after)
    granted = info.scopes if info else after.scopes
    return Login(
        profile=after, issued=False, token=hidden, scopes=granted, info=info, problems=problems
    )


login_with_token: Final = blocking(login_with_token_async)


# -- Before: settings -------------------------------------------------------------------


def _from_environment(name: str) -> tuple[str, ...] | None:
    """Several values are separated by blanks."""
    return tuple(os.environ.get(name, "").split()) or None


def _known(name: str) -> Profile | None:
    try:
        return profile_named(name)
    except ProfileNotFoundError:
        return None


def _planned(name: str, before: Profile | None, **given: Any) -> Profile:
    """The profile as it will be: what is given, and else what is known."""
    known = attrs.asdict(before) if before else {}
    changes = {key: value for key, value in given.items() if value is not None}
    if before is not None and api_url(changes.get("base_url", before.base_url)) != before.base_url:
        del known["kauth_url"]  # it goes with the API
    return Profile(**{**known, **changes, "name": name})


def _allowing(profile: Profile, allow: Iterable[Allow]) -> Profile:
    asked = _validate.collection("allow", allow) or ()
    for one in asked:
        if one not in _ALLOW:
            _validate.refuse("allow", "create or delete", one)
    return attrs.evolve(profile, scopes=(*profile.scopes, *(_ALLOW[one] for one in asked)))


def _require_same_api(before: Profile | None, after: Profile) -> None:
    """Refuse to lose a token that is for another API, such as Kakao's for a sandbox's."""
    found = store_of(before).read(before.name) if before else None
    if found is not None and found.base_url != after.base_url:
        rule = f"must be {found.base_url}, for which profile {after.name!r} has a token"
        raise InvalidArgumentError("base_url", f"{rule}: name another profile, or force it")


def _client_secret(profile: Profile, given: Secret | None) -> Secret | None:
    """The client secret, once all else that a login needs is there."""
    if profile.client_id is None:
        raise InvalidArgumentError("client_id", "is missing: pass it, or set KMOMENT_CLIENT_ID")
    if not profile.redirect_uris:
        rule = "are missing: pass those registered with the app, or set KMOMENT_REDIRECT_URI"
        raise InvalidArgumentError("redirect_uris", rule)
    found = given or wrapped(os.environ.get("KMOMENT_CLIENT_SECRET"))
    if found is None:
        rule = "is missing: pass it ('' if the app has none), or set KMOMENT_CLIENT_SECRET"
        raise InvalidArgumentError("client_secret", rule)
    if not isinstance(found.reveal(), str):
        _validate.refuse("client_secret", "text", found.reveal(), secret=True)
    return found if found.reveal() else None


def _terminal() -> Show:
    """Where lines go if nothing else is given."""
    if not sys.stderr.isatty():
        raise LoginNeedsTerminalError
    return lambda line: print(line, file=sys.stderr, flush=True)


# -- Before: is there a token already? --------------------------------------------------


async def _alive(before: Profile | None, after: Profile) -> Login | None:
    """The stored token as a login, if it is alive and may do what is asked for."""
    found = store_of(before).read(before.name) if before else None
    if before is None or found is None or found.base_url != after.base_url:
        return None
    try:
        info = await token_info_async(found.token, kapi_url=after.kapi_url)
    except AuthenticationError:
        return None
    if not _covers(info, after):
        return None
    if before.store != after.store:
        keep(store_of(after), after.name, found)
    save_profile(after)
    forget_elsewhere(before, after)
    return Login(profile=after, issued=False, token=found.token, scopes=info.scopes, info=info)


def _covers(info: TokenInfo, asked: Profile) -> bool:
    every = CREATE in asked.scopes
    accounts = set() if every else set(asked.accounts)
    return set(asked.scopes) <= {*info.scopes} and accounts <= {*info.ad_account_ids}
