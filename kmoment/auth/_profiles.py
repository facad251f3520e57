"""Profiles: what belongs to one Kakao user and app, without secrets. One file, ``config.toml``."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, Literal, cast
from urllib.parse import urlsplit

import attrs

from .. import _validate
from .._engine.settings import DEFAULT_BASE_URL
from .._secret import Secret
from .._text import near_names
from ..errors import InvalidArgumentError
from ._errors import ProfileNotFoundError
from ._folder import folder, in_store, locked, needs_extra, write_private

StoreName = Literal["file", "keyring"]

KAUTH: Final = "https://kauth.kakao.com"
KAPI: Final = "https://kapi.kakao.com"
MANAGE: Final = "moment_management"
NO_PROFILE: Final = "none"
"""As ``KMOMENT_PROFILE``: no profile may be used unless an argument names it."""

_NAME: Final = re.compile(r"\w[\w.-]{0,63}")
_KEY: Final = re.compile(r"[A-Za-z0-9_-]+")
_SCOPE: Final = re.compile(r"[a-z0-9_]+")
_HERE: Final = ("localhost", "127.0.0.1", "::1")
"""The names of this machine at which a login listens."""
_MOST_URIS: Final = 10
"""Redirect URIs of one app, by Kakao's page on Business Authentication."""


def _name(value: Any) -> str:
    if not isinstance(value, str) or not _NAME.fullmatch(value) or value == NO_PROFILE:
        rule = "1 to 64 letters, digits, '.', '-' and '_', and not 'none'"
        _validate.refuse("name", rule, value)
    return value


def _client_id(value: Any) -> str | None:
    if value is not None and not (isinstance(value, str) and _KEY.fullmatch(value)):
        _validate.refuse("client_id", "a REST API key: letters, digits, '-' and '_'", value)
    return value


def _words(value: Any) -> tuple[str, ...]:
    words = _validate.collection("scopes", value) or (MANAGE,)
    for word in words:
        if not isinstance(word, str) or not _SCOPE.fullmatch(word):
            _validate.refuse("scopes", "consent items, such as moment_management", word)
    return words


def _uris(value: Any) -> tuple[str, ...]:
    uris = _validate.collection("redirect_uris", value) or ()
    if len(uris) > _MOST_URIS:
        raise InvalidArgumentError("redirect_uris", f"must be at most {_MOST_URIS}")
    return tuple(redirect_uri(f"redirect_uris[{i}]", uri) for i, uri in enumerate(uris))


def redirect_uri(argument: str, value: Any) -> str:
    """An address on this machine that the browser is sent back to."""
    rule = "an http address on this machine without query, such as http://localhost:8765/callback"
    try:
        url = urlsplit(value)
        local = url.scheme == "http" and url.hostname in _HERE
        plain = local and not (set("?#@\\") & set(value)) and value.isprintable() and url.port != 0
    except (ValueError, TypeError, AttributeError):
        plain = False
    if not plain or " " in value:
        _validate.refuse(argument, rule, value)
    return cast("str", value)


def _store(value: Any) -> StoreName:
    if value not in ("file", "keyring"):
        _validate.refuse("store", "file or keyring", value)
    return cast("StoreName", value)


def _accounts(value: Any) -> tuple[int, ...]:
    return tuple(dict.fromkeys(_validate.idents("accounts", value)))


def _account(value: Any) -> int | None:
    return None if value is None else _validate.ident("account", value)


def api_url(value: Any) -> str:
    """Where the API is, checked."""
    return _validate.base_url("base_url", value, insecure=True)


def kauth_url(value: Any) -> str:
    """Where the login happens, checked."""
    return _validate.base_url("kauth_url", value, insecure=True)


def _kauth_of(profile: "Profile") -> str:
    return KAUTH if profile.base_url == DEFAULT_BASE_URL else profile.base_url


@attrs.frozen(kw_only=True)
class Profile:
    """What one login needs and leaves behind, without a secret.

    :raises InvalidArgumentError: A value breaks its rule.
    """

    name: str = attrs.field(converter=_name)
    client_id: str | None = attrs.field(default=None, converter=_client_id)
    """The app's REST API key."""
    redirect_uris: tuple[str, ...] = attrs.field(default=(), converter=_uris)
    """Those that are registered with the app and are on this machine, letter by letter."""
    scopes: tuple[str, ...] = attrs.field(default=(MANAGE,), converter=_words)
    """Consent items that a login asks for."""
    accounts: tuple[int, ...] = attrs.field(default=(), converter=_accounts)
    """Ad accounts that a login asks for. Empty: all that the user has."""
    account: int | None = attrs.field(default=None, converter=_account)
    """The default ad account of the command line."""
    store: StoreName = attrs.field(default="file", converter=_store)
    """Where the token is. The other place is never tried."""
    base_url: str = attrs.field(default=DEFAULT_BASE_URL, converter=api_url)
    """The API that the token is for. It is sent nowhere else."""
    kauth_url: str = attrs.field(
        default=attrs.Factory(_kauth_of, takes_self=True), converter=kauth_url
    )
    """Where the login happens: Kakao's, or with another ``base_url`` (a sandbox) the same host."""

    @property
    def kapi_url(self) -> str:
        """Where one asks what a token may do."""
        return KAPI if self.kauth_url == KAUTH else self.kauth_url


# -- The file ----------------------------------------------------------------------------


@attrs.frozen
class _Config:
    """What the file says."""

    default: str | None
    profiles: Mapping[str, Profile]


def _read() -> _Config:
    """The file, checked whole: who uses one profile is told of a mistake in another."""
    path = folder() / "config.toml"
    try:
        with in_store(path):
            found = tomllib.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    except ValueError as error:
        rule = f"must be a readable TOML file of profiles: {error}"
        raise InvalidArgumentError(str(path), rule) from None
    try:
        return _config(found)
    except InvalidArgumentError as error:
        raise InvalidArgumentError(f"{path}: {error.argument}", error.rule) from None


def _config(found: Mapping[str, Any]) -> _Config:
    default = found.get("default")
    if default is not None and not isinstance(default, str):
        _validate.refuse("default", "the name of a profile", default)
    rows = _table("profiles", found.get("profiles", {}))
    return _Config(default, {name: _profile(name, row) for name, row in rows.items()})


def _profile(name: str, row: Any) -> Profile:
    key = f"profiles.{name}"
    known = {key: value for key, value in _table(key, row).items() if key in _MEMBERS}
    try:
        return Profile(name=name, **known)
    except InvalidArgumentError as error:
        raise InvalidArgumentError(f"{key}.{error.argument}", error.rule) from None


def _table(key: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        _validate.refuse(key, "a table", value)
    return value


_MEMBERS: Final = tuple(it.name for it in attrs.fields(Profile) if it.name != "name")


@contextmanager
def _changing() -> Iterator[Any]:
    """The file as a document to be changed. It is written when the block ends without an error."""
    try:
        import tomlkit
    except ImportError:
        raise needs_extra("tomlkit") from None
    path = folder() / "config.toml"
    with locked("config"):
        _read()  # a damaged file is not written over
        document = tomlkit.parse(path.read_text(encoding="utf-8") if path.exists() else "")
        yield document
        write_private(path, Secret(tomlkit.dumps(document)))


# -- What users call --------------------------------------------------------------------


def profiles() -> tuple[Profile, ...]:
    """All profiles, in the order of their file."""
    return tuple(_read().profiles.values())


def profile(name: str) -> Profile:
    """The profile of this name.

    :raises ProfileNotFoundError: There is none; ``near`` has names that are written alike.
    """
    known = _read().profiles
    if name not in known:
        raise ProfileNotFoundError(name, near_names(str(name), known))
    return known[name]


def default_profile() -> str | None:
    """The name of the profile that is used where none is named."""
    return _read().default


def set_default(name: str) -> None:
    """Make a profile the one that is used where none is named.

    :raises ProfileNotFoundError: There is no such profile.
    """
    chosen = profile(name).name
    with _changing() as config:
        config["default"] = chosen


def save_profile(changed: Profile) -> None:
    """Write a profile: a new one, or in place of the one of its name. Comments in the file stay.

    The first one becomes the default. Needs tomlkit and filelock (extra ``auth``).

    :raises CredentialStoreError: The folder cannot be written.
    """
    with _changing() as config:
        row = config.setdefault("profiles", {}).setdefault(changed.name, {})
        for name, value in _row(changed).items():
            if value is None:
                row.pop(name, None)
            elif row.get(name) != value:
                row[name] = value
        config.setdefault("default", changed.name)


def require_writable() -> None:
    """Raise unless profiles can be written. The file stays as it is.

    :raises CredentialStoreError: They cannot.
    """
    with _changing():
        pass


def _row(profile: Profile) -> dict[str, Any]:
    """Its members as TOML has them; ``None`` for those that are left out."""
    row = attrs.asdict(profile, filter=lambda field, _: field.name != "name")
    if profile.kauth_url == _kauth_of(profile):
        row["kauth_url"] = None
    return {name: list(it) if isinstance(it, tuple) else it for name, it in row.items()}
