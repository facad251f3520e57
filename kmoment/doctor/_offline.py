"""Checks on this machine. Nothing is sent."""

import os
import platform
import stat
import sys
from collections.abc import Callable, Iterator
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import attrs

from ..auth import (
    CredentialPermissionsError,
    NotLoggedInError,
    ProfileNotFoundError,
    folder,
    status,
)
from ..auth._folder import is_private
from ..auth._stored import default_account
from ..errors import InvalidArgumentError, UsageError
from . import _redis
from ._report import Check, State
from ._scene import Scene

_PACKAGES: Final = ("kmoment", "aiohttp", "attrs", "cattrs", "anyio", "yarl")
_AUTH: Final = ("filelock", "platformdirs", "tomlkit")
_EXTRAS: Final = {
    "auth": _AUTH,
    "cli": (*_AUTH, "click", "rich"),
    "excel": ("openpyxl", "xlsxwriter"),
    "fleet": ("redis",),
    "keyring": ("keyring",),
    "otel": ("opentelemetry",),
    "progress": ("rich",),
    "speedups": ("orjson", *(() if sys.platform == "win32" else ("uvloop",))),
}
_PROXIES: Final = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY")
_LOGIN: Final = ("run `kmoment auth login`", "`kmoment auth login`을 실행하세요.")
_PRIVATE: Final = ("chmod 600 {}", "chmod 600 {} 명령으로 권한을 고치세요.")


def offline_checks(scene: Scene) -> Iterator[tuple[str, Callable[[], Check]]]:
    """Each check with its name."""
    yield "versions", _versions
    yield "optional parts", _extras
    yield "folder", _folder
    yield "credentials", _credentials
    yield "token", partial(_token, scene)
    yield "account", partial(_account, scene)
    yield "store", partial(_store, scene)
    yield "proxies", _proxies
    yield "terminal", _terminal
    if _redis.is_named():
        yield _redis.SETTINGS, partial(_redis.settings, scene)


def _versions() -> Check:
    packages = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    where = f"Python {platform.python_version()} on {platform.system()}"
    return Check(State.OK, "versions", f"{packages}; {where}")


def _extras() -> Check:
    here = [name for name, needs in _EXTRAS.items() if all(map(find_spec, needs))]
    lacking = [name for name in _EXTRAS if name not in here]
    told = f"installed: {', '.join(here) or 'none'}"
    told += f"; not installed: {', '.join(lacking)}" if lacking else ""
    return Check(State.OK, "optional parts", told)


def _folder() -> Check:
    path = folder()
    named = "KMOMENT_HOME" if os.environ.get("KMOMENT_HOME") else "the default"
    if not path.exists():
        return Check(State.OK, "folder", f"{path} ({named}) is not there yet: a login makes it")
    mode = stat.S_IMODE(path.stat().st_mode)
    told = f"{path} ({named}) has mode {mode:04o}"
    if os.name == "posix" and mode & stat.S_IWOTH:
        todo = (f"chmod 700 {path}", f"chmod 700 {path} 명령으로 권한을 고치세요.")
        return Check(State.WARN, "folder", f"{told}: others can change what is in it", *todo)
    return Check(State.OK, "folder", told)


def _credentials() -> Check:
    path = folder() / "credentials.json"
    if not path.exists():
        return Check(State.OK, "credentials", "no file of tokens")
    found = path.stat()
    mode = stat.S_IMODE(found.st_mode)
    if not is_private(found):
        return _not_private(path, mode)
    return Check(State.OK, "credentials", f"mode {mode:04o}")


def _not_private(path: Path, mode: int) -> Check:
    todo, todo_ko = (text.format(path) for text in _PRIVATE)
    return Check(State.FAIL, "credentials", f"mode {mode:04o}: not yours alone", todo, todo_ko)


def _token(scene: Scene) -> Check:
    try:
        choice = scene.choice
    except ProfileNotFoundError as error:
        scene.usable = False
        return Check(State.FAIL, "token", str(error), *_LOGIN)
    except UsageError as error:
        scene.usable = False
        return Check(State.FAIL, "token", str(error), "correct the file", "파일을 고치세요.")
    if choice.profile is None:
        return Check(State.OK, "token", "from KMOMENT_TOKEN")
    told = f"of profile {choice.profile.name!r}, {_BECAUSE[choice.because]}"
    over = "; KMOMENT_TOKEN is set and not used" if choice.over_environment else ""
    return Check(State.OK, "token", told + over)


_BECAUSE: Final = {
    "argument": "which was named",
    "KMOMENT_PROFILE": "which KMOMENT_PROFILE names",
    "default": "the default profile",
}


def _account(scene: Scene) -> Check:
    """The ad account that is named. Whether the user has it is asked later."""
    try:
        profile = scene.choice.profile if scene.usable else None
        scene.named_account = scene.named_account or default_account(profile)
    except InvalidArgumentError as error:
        return Check(State.FAIL, "account", str(error), *_ACCOUNT)
    told = f"{scene.named_account} is named" if scene.named_account else _NOT_NAMED
    return Check(State.OK, "account", told)


_NOT_NAMED: Final = "none is named: commands need --account ID, KMOMENT_ACCOUNT or the profile's"
_ACCOUNT: Final = (
    "correct it, or unset it: the profile's is used, or the first",
    "값을 고치거나 지우세요. 지우면 프로필의 광고계정이나 첫 번째 광고계정을 씁니다.",
)


def _store(scene: Scene) -> Check:
    if not scene.usable:
        return Check(State.SKIPPED, "store", "no token is chosen")
    found = status(scene.profile, ask=False)
    if found.profile is None:
        return Check(State.SKIPPED, "store", "the token is not stored")
    if found.error is None:
        return Check(State.OK, "store", f"{found.profile.store}, answers")
    scene.usable = False
    if isinstance(found.error, NotLoggedInError):
        return Check(State.FAIL, "store", str(found.error), *_LOGIN)
    if isinstance(found.error, CredentialPermissionsError):
        return attrs.evolve(_not_private(found.error.path, found.error.mode), what="store")
    return Check(State.FAIL, "store", str(found.error), *_STORE)


_STORE: Final = (
    "unlock it, or log in again with --store file",
    "저장소의 잠금을 풀거나 --store file로 다시 로그인하세요.",
)


def _proxies() -> Check:
    """By their names alone: a proxy's URL may hold a password."""
    named = [name for name in _PROXIES if os.environ.get(name)]
    if not named:
        return Check(State.OK, "proxies", "the environment names none")
    told = f"{', '.join(named)} are set, and not used"
    todo = "if you need a proxy: Client(..., trust_env=True)"
    return Check(State.WARN, "proxies", told, todo, "프록시가 필요하면 trust_env=True를 쓰세요.")


def _terminal() -> Check:
    encoding = getattr(sys.stdout, "encoding", None) or "unknown"
    try:
        "가✓".encode(encoding)
    except (UnicodeEncodeError, LookupError):
        told = f"{encoding} cannot show every character: codes like \\u2713 stand for them"
        todo = ("set PYTHONUTF8=1", "PYTHONUTF8=1을 설정하세요.")
        return Check(State.WARN, "terminal", told, *todo)
    return Check(State.OK, "terminal", encoding)
