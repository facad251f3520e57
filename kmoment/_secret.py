"""Keeps secrets out of everything that a person or a log can see."""

import os
import re
from hashlib import blake2b
from typing import Any, Final, NoReturn

from .errors import InvalidArgumentError

_TOKEN: Final = re.compile(r"[\x21-\x7e]+")
_SCHEME: Final = re.compile(r"\s*bearer\s", re.IGNORECASE)
_BLANK: Final = re.compile(r"\s+")
_BREAK: Final = re.compile(r"[\r\n]")
_KEY: Final = os.urandom(16)
"""16 random bytes: fingerprints of two processes do not match."""


class Secret:
    """A value that only :meth:`reveal` shows. Its repr is ``***``, and it does not pickle."""

    __slots__ = ("_value",)

    def __init__(self, value: Any) -> None:
        self._value = value

    @classmethod
    def wrap(cls, value: Any) -> "Secret":
        """*value* as a secret, unless it is one already."""
        return value if isinstance(value, Secret) else cls(value)

    def reveal(self) -> Any:
        """The value. Use it inside an expression: local variables are shown in tracebacks."""
        return self._value

    @property
    def fingerprint(self) -> str:
        """The same for the same text, in this process only. Nothing of the text is in it."""
        return blake2b(self._value.encode(), key=_KEY, digest_size=8).hexdigest()

    def __repr__(self) -> str:
        return "***"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret cannot be pickled")


def checked_token(token: Secret) -> Secret:
    """*token*, or an error if it cannot be one."""
    if token.reveal() is None:
        raise InvalidArgumentError(
            "token", "is missing: pass it, a callable that returns it, or set KMOMENT_TOKEN"
        )
    if not isinstance(token.reveal(), str):
        kind = type(token.reveal()).__name__
        raise InvalidArgumentError("token", f"must be text or a callable, not {kind}")
    if not _TOKEN.fullmatch(token.reveal()):
        raise InvalidArgumentError("token", _fault(token))
    return token


def _fault(token: Secret) -> str:
    """Why a text cannot be a token. Nothing of it is told."""
    if not token.reveal().strip():
        return "is empty"
    if _SCHEME.match(token.reveal()):
        return "must be without 'Bearer ' before it, which is added"
    if (blank := _BLANK.search(token.reveal())) is None:
        return "must be printable ASCII"
    start, end, size = *blank.span(), len(token.reveal())
    del blank  # it holds the token, and a traceback shows the local variables of every frame
    where = "before it" if start == 0 else "at its end" if end == size else "in it"
    what = "line break" if _BREAK.search(token.reveal(), start, end) else "blank"
    return f"has a {what} {where}"
