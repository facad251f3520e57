"""Where the token comes from: text, a callable (may be async), or ``KMOMENT_TOKEN``."""

import asyncio
from collections.abc import Awaitable, Callable
from inspect import isawaitable

from .._secret import Secret, checked_token
from ..errors import AuthenticationError

TokenProvider = Callable[[], str | Awaitable[str]]


class TokenSource:
    """The token of one client.

    A callable is asked at the first call, and again after :meth:`forget`. Calls that come in the
    meantime wait for the same answer.
    """

    __slots__ = ("_asking", "_given", "_known")

    def __init__(self, given: Secret) -> None:
        # All secrets arrive wrapped, so that no frame of a traceback holds one bare.
        self._given = given
        self._known = None if callable(given.reveal()) else checked_token(given)
        self._asking = asyncio.Lock()

    def in_another_loop(self) -> "TokenSource":
        """The same source, with what is known, for another event loop."""
        source = TokenSource(self._given)
        source._known = self._known
        return source

    @property
    def known(self) -> Secret | None:
        """The token, if nobody has to be asked for it."""
        return self._known

    async def token(self) -> Secret:
        """The token. Asks the callable if it is not known."""
        if self._known is not None:
            return self._known
        async with self._asking:
            if self._known is None:
                self._known = await self._ask()
            return self._known

    async def renew(self, refused: Secret) -> bool:
        """Whether the callable has another token than the one that the server has refused."""
        self.forget(refused)
        return bool((await self.token()).reveal() != refused.reveal())

    def forget(self, refused: Secret) -> None:
        """The server has refused this token: ask the callable again, unless a call already did."""
        if self._known is refused and callable(self._given.reveal()):
            self._known = None

    def explain(self, refused: AuthenticationError) -> None:
        """Let the callable add what to do, where it has a method ``explain(error)``."""
        explain = getattr(self._given.reveal(), "explain", None)
        if explain is not None:
            explain(refused)

    async def _ask(self) -> Secret:
        answer = Secret(self._given.reveal()())
        if isawaitable(answer.reveal()):
            answer = Secret(await answer.reveal())
        return checked_token(answer)
