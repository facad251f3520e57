"""Logging in at Kakao, and the tokens that logins have stored (extra ``auth``).

The library never issues a token by itself. A person does, at ``kmoment auth login`` or with
:func:`login`; programs use what was stored. Nothing is used that was not asked for: a client
without a token reads ``KMOMENT_TOKEN`` alone.

    client = kmoment.AsyncClient(kmoment.auth.stored("agency"))

A profile has what belongs to one Kakao user and one app. Profiles are in ``config.toml``, without
secrets. Tokens are in ``credentials.json``, which only you can read, or in the keyring of the
operating system (extra ``keyring``), if the profile says so. Both files are in one folder:
``KMOMENT_HOME``, or what the platform has for settings (:func:`folder`).

A token of Kakao has no date of expiry and cannot be refreshed. It ends after long disuse, or when
it is revoked; then a person logs in again. How many may be issued is limited.

Each function that asks Kakao has a counterpart for asyncio, with ``_async`` at its end. Nothing
here has been tried against the live Kakao: the pages and third-party code that it rests on are
named where they are used.

https://developers.kakao.com/docs/latest/en/business-auth/rest-api
"""

from ._errors import (
    CredentialPermissionsError,
    CredentialStoreError,
    LoginInProgressError,
    LoginNeedsTerminalError,
    LoginOutcomeUnknownError,
    LoginRefusedError,
    LoginTimeoutError,
    NotLoggedInError,
    ProfileNotFoundError,
    RedirectPortInUseError,
    StateMismatchError,
)
from ._exchange import IssuedToken
from ._folder import folder
from ._login import login, login_async, login_with_token, login_with_token_async
from ._profiles import Profile, default_profile, profile, profiles, save_profile, set_default
from ._request import AuthorizationRequest
from ._status import Status, logout, status, status_async
from ._steps import Login
from ._store import try_store
from ._stored import Choice, choose, stored, stored_by_account
from ._token_info import TokenInfo, token_info, token_info_async

__all__ = [
    "AuthorizationRequest",
    "Choice",
    "CredentialPermissionsError",
    "CredentialStoreError",
    "IssuedToken",
    "Login",
    "LoginInProgressError",
    "LoginNeedsTerminalError",
    "LoginOutcomeUnknownError",
    "LoginRefusedError",
    "LoginTimeoutError",
    "NotLoggedInError",
    "Profile",
    "ProfileNotFoundError",
    "RedirectPortInUseError",
    "StateMismatchError",
    "Status",
    "TokenInfo",
    "choose",
    "default_profile",
    "folder",
    "login",
    "login_async",
    "login_with_token",
    "login_with_token_async",
    "logout",
    "profile",
    "profiles",
    "save_profile",
    "set_default",
    "status",
    "status_async",
    "stored",
    "stored_by_account",
    "token_info",
    "token_info_async",
    "try_store",
]
