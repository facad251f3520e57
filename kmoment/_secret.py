"""Keeping the token out of everything a person or a log can see."""

import asyncio
import os
import re
from collections.abc import Awaitable, Callable
from inspect import isawaitable
from typing import Any, Final, NoReturn

from .errors import InvalidArgumentError

TokenProvider = Callable[[], str | Awaitable[str]]

_TOKEN: Final = re.compile(r"[\x21-\x7e]+")


class Secret:
    """A value that shows itself only to :meth:`reveal`: its repr is ``***``; it does not pickle."""

    __slots__ = ("_value",)

    def __init__(self, value: Any) -> None:
        self._value = value

    @classmethod
    def wrap(cls, value: Any) -> "Secret":
        """*value* as a secret, unless it is one already."""
        return value if isinstance(value, Secret) else cls(value)

    def reveal(self) -> Any:
        """The value. Use it inside an expression: a local variable shows in tracebacks."""
        return self._value

    def __repr__(self) -> str:
        return "***"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret cannot be pickled")


class TokenSource:
    """Where the token comes from: text, a callable (may be async), or ``KMOMENT_TOKEN``.

    A callable is asked at the first call, and again after :meth:`forget`; calls that come
    meanwhile wait for the one answer.
    """

    __slots__ = ("_asking", "_given", "_known")

    def __init__(self, given: Secret) -> None:
        # Everything secret arrives wrapped, so that no frame of a traceback holds it bare.
        if given.reveal() is None:
            given = Secret(os.environ.get("KMOMENT_TOKEN"))
        self._given = given
        self._known = None if callable(given.reveal()) else checked(given)
        self._asking = asyncio.Lock()

    @property
    def known(self) -> Secret | None:
        """The token, if nobody need be asked for it."""
        return self._known

    async def token(self) -> Secret:
        """The token, asking the callable for it where there is one."""
        if self._known is not None:
            return self._known
        async with self._asking:
            if self._known is None:
                self._known = await self._ask()
            return self._known

    async def renew(self, refused: Secret) -> bool:
        """Whether the callable has another token than the one the server has refused."""
        self.forget(refused)
        return bool((await self.token()).reveal() != refused.reveal())

    def unasked(self) -> "TokenSource":
        """The same source, for another event loop: a callable is asked anew there."""
        return TokenSource(self._given)

    def forget(self, refused: Secret) -> None:
        """The server has refused this token: ask the callable again, unless somebody has."""
        if self._known is refused and callable(self._given.reveal()):
            self._known = None

    async def _ask(self) -> Secret:
        answer = Secret(self._given.reveal()())
        if isawaitable(answer.reveal()):
            answer = Secret(await answer.reveal())
        return checked(answer)


def checked(token: Secret) -> Secret:
    """*token*, or an error where it cannot be one."""
    if token.reveal() is None:
        raise InvalidArgumentError(
            "token", "is missing: pass it, a callable that returns it, or set KMOMENT_TOKEN"
        )
    if not isinstance(token.reveal(), str):
        kind = type(token.reveal()).__name__
        raise InvalidArgumentError("token", f"must be text or a callable, not {kind}")
    if not _TOKEN.fullmatch(token.reveal()):
        raise InvalidArgumentError(
            "token", "must be printable ASCII without blanks or control characters, and not empty"
        )
    return token
