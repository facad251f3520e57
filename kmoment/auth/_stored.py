"""Tokens of profiles, for clients."""

import os
from collections.abc import Mapping
from typing import Literal

import attrs

from .. import _validate
from .._secret import Secret, checked_token
from ..errors import AuthenticationError, InvalidArgumentError
from ._errors import NotLoggedInError, ProfileNotFoundError
from ._profiles import NO_PROFILE, Profile, default_profile, profile as profile_named
from ._store import store_of

Because = Literal["argument", "KMOMENT_TOKEN", "KMOMENT_PROFILE", "default"]


@attrs.frozen
class Choice:
    """Which token is used, and because of what."""

    because: Because
    profile: Profile | None
    """``None``: the token is ``KMOMENT_TOKEN``."""
    over_environment: bool = False
    """Whether a profile was named although ``KMOMENT_TOKEN`` is set."""


def choose(profile: str | None = None) -> Choice:
    """Which token is used: the profile named here, then ``KMOMENT_TOKEN``, then
    ``KMOMENT_PROFILE`` (``none`` forbids all profiles), then the default profile.

    :raises ProfileNotFoundError: There is no such profile, or none is chosen.
    """
    has_token = bool(os.environ.get("KMOMENT_TOKEN"))
    if profile is not None:
        return Choice("argument", profile_named(profile), over_environment=has_token)
    if has_token:
        return Choice("KMOMENT_TOKEN", None)
    if named := os.environ.get("KMOMENT_PROFILE"):
        return Choice("KMOMENT_PROFILE", profile_named(_allowed(named)))
    return Choice("default", profile_named(_allowed(default_profile())))


def _allowed(name: str | None) -> str:
    if name is None or name == NO_PROFILE:
        raise ProfileNotFoundError(None)
    return name


def default_account(profile: Profile | None) -> int | None:
    """The ad account where none is named: that of ``KMOMENT_ACCOUNT``, else of the profile.

    :raises InvalidArgumentError: ``KMOMENT_ACCOUNT`` is no id.
    """
    text = os.environ.get("KMOMENT_ACCOUNT")
    if not text:
        return profile.account if profile else None
    try:
        return _validate.ident("KMOMENT_ACCOUNT", text)
    except InvalidArgumentError:
        _validate.refuse("KMOMENT_ACCOUNT", "an ad account id", text)


class StoredToken:
    """The token of one profile, as clients take it. It reads the store at each request for it."""

    def __init__(self, choice: Choice) -> None:
        self._choice = choice

    def __call__(self) -> str:
        """The token.

        :raises NotLoggedInError: The profile has none.
        :raises CredentialStoreError: The store cannot be read.
        """
        return str(_token_of(self._choice.profile).reveal())

    def check_base_url(self, base_url: str) -> None:
        """Refuse a client whose API is not the one that the token was issued for."""
        if self._choice.profile is not None:
            _require_origin(self._choice.profile, base_url)

    def explain(self, error: AuthenticationError) -> None:
        """Add to *error* what to do."""
        if self._choice.profile is not None:
            _explain(self._choice.profile.name, error)

    def __repr__(self) -> str:
        chosen = self._choice.profile
        return f"<the token of {chosen.name if chosen else 'KMOMENT_TOKEN'}>"


def stored(profile: str | None = None) -> StoredToken:
    """A token callable for either client: the token that a login has stored.

        client = kmoment.AsyncClient(kmoment.auth.stored("agency"))

    The token is read when the first call needs it, and again after the server has refused it: a
    login in the meantime is noticed. It is bound to the API that it was issued for: a client with
    another ``base_url`` refuses it.

    :param profile: Default: ``KMOMENT_TOKEN`` if it is set, then the profile that
        ``KMOMENT_PROFILE`` names (``none`` forbids all), then the default profile.
    :raises ProfileNotFoundError: There is no such profile, or none is chosen.
    """
    return StoredToken(choose(profile))


class TokenByAccount:
    """The tokens of several profiles, chosen by ad account."""

    def __init__(self, by_account: Mapping[int, Profile], default: Profile) -> None:
        self._by_account = by_account
        self._default = default

    def __call__(self, ad_account_id: int | None) -> str:
        """The token for a call of this ad account; ``None``: of none.

        :raises InvalidArgumentError: No profile was named for the account.
        """
        return str(_token_of(self._profile(ad_account_id)).reveal())

    def check_base_url(self, base_url: str) -> None:
        """Refuse a client whose API is not the one that all tokens were issued for."""
        for profile in (*self._by_account.values(), self._default):
            _require_origin(profile, base_url)

    def explain(self, error: AuthenticationError) -> None:
        """Add to *error* what to do."""
        _explain(self._profile(error.ad_account_id).name, error)

    def _profile(self, ad_account_id: int | None) -> Profile:
        if ad_account_id is None:
            return self._default
        if ad_account_id not in self._by_account:
            _validate.refuse("account", f"one of {sorted(self._by_account)}", ad_account_id)
        return self._by_account[ad_account_id]

    def __repr__(self) -> str:
        return f"<the tokens of {len(self._by_account)} ad accounts>"


def stored_by_account(profiles: Mapping[int, str], *, default: str | None = None) -> TokenByAccount:
    """A token callable that picks the profile by the ad account of a call.

        token = kmoment.auth.stored_by_account({1234: "agency", 5678: "agency"})

    For several Kakao users. Calls of no ad account, such as look-ups of places, use *default*,
    else the profile of the first account.

    :raises InvalidArgumentError: An id is none, or no profile is given.
    :raises ProfileNotFoundError: There is no such profile.
    """
    if not isinstance(profiles, Mapping) or not profiles:
        _validate.refuse("profiles", "a mapping of ad account ids to profiles", profiles)
    known = {name: profile_named(name) for name in {*profiles.values(), *filter(None, [default])}}
    by_account = {_validate.ident("profiles", key): known[it] for key, it in profiles.items()}
    return TokenByAccount(by_account, known[default or next(iter(profiles.values()))])


def _token_of(profile: Profile | None) -> Secret:
    """The token of *profile*, or the environment's."""
    if profile is None:
        return checked_token(Secret(os.environ.get("KMOMENT_TOKEN")))
    found = store_of(profile).read(profile.name)
    if found is None:
        raise NotLoggedInError(profile.name, profile.store)
    if found.base_url != profile.base_url:
        _refuse_origin(profile.name, found.base_url, profile.base_url)
    return found.token


def _require_origin(profile: Profile, base_url: str) -> None:
    if base_url != profile.base_url:
        _refuse_origin(profile.name, profile.base_url, base_url)


def _refuse_origin(name: str, issued_for: str, base_url: str) -> None:
    rule = f"must be {issued_for}, which the token of profile {name!r} is for, not {base_url}"
    raise InvalidArgumentError("base_url", rule)


def _explain(name: str, error: AuthenticationError) -> None:
    command = f"kmoment auth login --profile {name}"
    vars(error).update(
        hint=f"The token of profile {name!r} is refused: run `{command}`.",
        hint_ko=f"프로필 {name!r}의 토큰이 거부되었습니다. `{command}`을 실행하세요.",
    )
