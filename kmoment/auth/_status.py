"""Which token a profile has, and whether it is good."""

import os
import stat
from pathlib import Path
from typing import Final, Literal

import attrs

from .._secret import Secret
from ..errors import AddressNotAllowedError, APIError, AuthenticationError, KmomentError
from ._blocking import blocking
from ._errors import CredentialStoreError, NotLoggedInError
from ._folder import folder
from ._profiles import Profile, profile as profile_named
from ._store import store_of
from ._stored import Because, Choice, StoredToken, choose
from ._token_info import TokenInfo, token_info_async

State = Literal["ok", "missing", "expired", "address_not_allowed", "unreadable", "unknown"]


@attrs.frozen(kw_only=True)
class Status:
    """What is known of a token. It does not hold the token."""

    state: State
    """``ok``: Kakao takes it. ``missing``: none is stored. ``expired``: Kakao refuses it.
    ``address_not_allowed``: this machine may not use it. ``unreadable``: the store does not work.
    ``unknown``: Kakao was not asked, or did not answer."""
    because: Because
    """Why it is this token."""
    profile: Profile | None
    """``None``: the token is ``KMOMENT_TOKEN``."""
    path: Path | None = None
    """The file that has the token, if a file has it."""
    mode: int | None = None
    """That file's permission bits. ``0o600``: only you can read it."""
    info: TokenInfo | None = None
    error: KmomentError | None = None
    """Why the state is not ``ok``."""

    @property
    def missing_scopes(self) -> tuple[str, ...]:
        """Consent items that the profile asks for and that the token does not have."""
        if self.info is None or self.profile is None:
            return ()
        return tuple(it for it in self.profile.scopes if it not in self.info.scopes)


async def status_async(profile: str | None = None, *, ask: bool = True) -> Status:
    """What is known of a token: where it is, whether Kakao takes it, and what it may do.

    :param profile: Default: as for ``stored``.
    :param ask: Whether Kakao is asked.
    :raises ProfileNotFoundError: There is no such profile, or none is chosen.
    """
    choice = choose(profile)
    found = _placed(choice)
    try:
        token = Secret(StoredToken(choice)())
    except NotLoggedInError as error:
        return attrs.evolve(found, state="missing", error=error)
    except CredentialStoreError as error:
        return attrs.evolve(found, state="unreadable", error=error)
    return await _asked(found, choice, token) if ask else found


status: Final = blocking(status_async)


def _placed(choice: Choice) -> Status:
    """Where the token is."""
    found = Status(state="unknown", because=choice.because, profile=choice.profile)
    if choice.profile is None or choice.profile.store != "file":
        return found
    path = folder() / "credentials.json"
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return found
    return attrs.evolve(found, path=path, mode=mode)


async def _asked(found: Status, choice: Choice, token: Secret) -> Status:
    try:
        info = await token_info_async(token, kapi_url=_kapi_url(choice.profile))
    except AuthenticationError as error:
        StoredToken(choice).explain(error)
        return attrs.evolve(found, state="expired", error=error)
    except AddressNotAllowedError as error:
        return attrs.evolve(found, state="address_not_allowed", error=error)
    except APIError as error:
        return attrs.evolve(found, error=error)
    return attrs.evolve(found, state="ok", info=info)


def _kapi_url(profile: Profile | None) -> str:
    """Kakao's; for ``KMOMENT_TOKEN`` with ``KMOMENT_BASE_URL``: that of a profile of that URL."""
    if profile is not None:
        return profile.kapi_url
    url = os.environ.get("KMOMENT_BASE_URL")
    return (
        Profile(name="environment", base_url=url) if url else Profile(name="environment")
    ).kapi_url


def logout(profile: str) -> bool:
    """Forget the token of a profile on this machine. Whether there was one.

    The token stays alive at Kakao: no call to revoke it is known. The profile stays.

    :raises ProfileNotFoundError: There is no such profile.
    :raises CredentialStoreError: The store does not work.
    """
    chosen = profile_named(profile)
    return store_of(chosen).delete(chosen.name)
