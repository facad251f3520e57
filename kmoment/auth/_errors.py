"""What can go wrong at a login, and with profiles and stored tokens. No error holds a secret."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..errors import KmomentError, UsageError


class CredentialStoreError(UsageError):
    """The place for tokens does not work: it cannot be read or written, or it is silent."""

    store: str
    """``file`` or ``keyring``."""
    reason: str

    def __init__(self, store: str, reason: str) -> None:
        super().__init__(store, reason)
        self.store = store
        self.reason = reason

    def __str__(self) -> str:
        return f"the {self.store} store of tokens {self.reason}"


class CredentialPermissionsError(CredentialStoreError):
    """Other users of this machine can read the file of tokens, or it belongs to one of them."""

    hint = "Make the file yours alone (chmod 600). If others may have read it, log in again."
    hint_ko = "파일 권한을 600으로 바꾸세요. 다른 사용자가 읽었을 수 있다면 다시 로그인하세요."

    path: Path
    mode: int
    """The file's permission bits, such as ``0o644``."""

    def __init__(self, path: Path, mode: int) -> None:
        reason = f"is not private: {path} has mode {mode:04o}; it must be yours, with 0600"
        super().__init__("file", reason)
        self.path = path
        self.mode = mode

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.path, self.mode)


class ProfileNotFoundError(UsageError):
    """There is no profile of this name, or none was named and none is the default."""

    name: str | None
    near: tuple[str, ...]
    """Names that are written nearly like it, the nearest first."""

    def __init__(self, name: str | None, near: Sequence[str] = ()) -> None:
        super().__init__(name, tuple(near))
        self.name = name
        self.near = tuple(near)

    def __str__(self) -> str:
        if self.name is None:
            return "no profile is chosen: name one, or run `kmoment auth login`"
        like = f"; near names: {', '.join(self.near)}" if self.near else ""
        return f"there is no profile {self.name!r}{like}"


class NotLoggedInError(UsageError):
    """The profile has no token."""

    hint = "Run `kmoment auth login`."
    hint_ko = "`kmoment auth login`을 실행하세요."

    profile: str
    store: str

    def __init__(self, profile: str, store: str) -> None:
        super().__init__(profile, store)
        self.profile = profile
        self.store = store

    def __str__(self) -> str:
        command = f"run `kmoment auth login --profile {self.profile}`"
        return f"profile {self.profile!r} has no token in its {self.store} store: {command}"


class LoginNeedsTerminalError(UsageError):
    """Nobody can be shown the address of the consent page: there is no terminal."""

    hint = "Set KMOMENT_TOKEN, or pass a token with `kmoment auth login --with-token`."
    hint_ko = "KMOMENT_TOKEN을 설정하거나 `kmoment auth login --with-token`으로 토큰을 전달하세요."

    def __str__(self) -> str:
        return f"a login needs a terminal | {self.hint}"


class RedirectPortInUseError(UsageError):
    """No registered redirect URI has a port that is free on this machine."""

    hint = "End the program that has the port, or register another redirect URI with the app."
    hint_ko = "포트를 사용 중인 프로그램을 종료하거나 다른 리다이렉트 URI를 앱에 등록하세요."

    ports: tuple[int, ...]

    def __init__(self, ports: Sequence[int]) -> None:
        super().__init__(tuple(ports))
        self.ports = tuple(ports)

    def __str__(self) -> str:
        ports = ", ".join(map(str, self.ports))
        return f"no port of the redirect URIs can be listened on: {ports} | {self.hint}"


class LoginInProgressError(UsageError):
    """Another login of this profile is under way. Two would issue two tokens and keep one."""

    profile: str

    def __init__(self, profile: str) -> None:
        super().__init__(profile)
        self.profile = profile

    def __str__(self) -> str:
        return f"another login of profile {self.profile!r} is under way; end it first"


class StateMismatchError(UsageError):
    """The redirected address belongs to another login, or to none."""

    def __str__(self) -> str:
        return "the address is not from this login: its `state` is missing or another one"


class LoginRefusedError(KmomentError):
    """Kakao, or the user, has refused the login. No token was issued."""

    code: str | None
    """Such as ``KOE028`` or ``access_denied``."""
    hint: str
    hint_ko: str
    description: str | None
    """The server's words."""

    def __init__(
        self, code: str | None, hint: str, hint_ko: str, description: str | None = None
    ) -> None:
        super().__init__(code, hint, hint_ko, description)
        self.code = code
        self.hint = hint
        self.hint_ko = hint_ko
        self.description = description

    def __str__(self) -> str:
        parts = (f"the login was refused: {self.code or 'no code'}", self.description, self.hint)
        return " | ".join(part for part in parts if part)


class LoginTimeoutError(KmomentError, TimeoutError):
    """The browser did not come back in time. No token was issued."""

    seconds: float
    foreign: int
    """Requests that came meanwhile and were not from this login."""

    def __init__(self, seconds: float, foreign: int) -> None:
        super().__init__(seconds, foreign)
        self.seconds = seconds
        self.foreign = foreign

    def __str__(self) -> str:
        others = f"; {self.foreign} requests came that were not from this login"
        return f"no consent within {self.seconds:.0f} s{others if self.foreign else ''}"


class LoginOutcomeUnknownError(KmomentError):
    """The code was sent, and no usable answer came. A token may have been issued, and is lost."""

    hint = "Check the app's token list before you try again: the number of tokens is limited."
    hint_ko = "다시 시도하기 전에 앱의 토큰 목록을 확인하세요. 발급 횟수에 제한이 있습니다."

    reason: str

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return f"nobody knows whether a token was issued: {self.reason} | {self.hint}"
