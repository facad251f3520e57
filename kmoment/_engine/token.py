"""Where tokens come from: text, a callable (may be async), or ``KMOMENT_TOKEN``."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Any
from weakref import WeakValueDictionary

from .._protocol.call import Call
from .._secret import Secret, checked_token
from ..errors import AuthenticationError, InvalidArgumentError

TokenProvider = Callable[[], str | Awaitable[str]] | Callable[[int | None], str | Awaitable[str]]
"""Returns the token of all calls; or that of an ad account, ``None`` for calls without one."""


class TokenSource:
    """The token of one client, or one for each ad account.

    A callable is asked at the first call, and again after :meth:`forget`. Calls that come in the
    meantime wait for the same answer.
    """

    __slots__ = ("_asking", "_by_account", "_given", "_known", "_last")

    def __init__(self, given: Secret) -> None:
        # All secrets arrive wrapped, so that no frame of a traceback holds one bare.
        self._given = given
        self._by_account = callable(given.reveal()) and takes_account(given.reveal())
        self._known: dict[int | None, Secret] = {}
        self._last: dict[int | None, Secret] = {}
        """The last token of each account, also if it was refused."""
        if not callable(given.reveal()):
            self._known[None] = self._last[None] = checked_token(given)
        self._asking: WeakValueDictionary[int | None, asyncio.Lock] = WeakValueDictionary()

    def in_another_loop(self) -> "TokenSource":
        """The same source, with what is known, for another event loop."""
        source = TokenSource(self._given)
        source._known, source._last = self._known, self._last
        return source

    def known(self, call: Call[Any]) -> Secret | None:
        """The token of *call*, if nobody has to be asked for it."""
        # Each call comes here: it is spared a call of `_owner`.
        return self._known.get(call.owner if self._by_account else None)

    def last(self, call: Call[Any]) -> Secret | None:
        """The last token of such calls, also if it was refused."""
        return self._last.get(self._owner(call))

    async def token(self, call: Call[Any]) -> Secret:
        """The token of *call*. Asks the callable if it is not known."""
        owner = self._owner(call)
        async with self._asking.setdefault(owner, asyncio.Lock()):
            if owner not in self._known:
                self._known[owner] = self._last[owner] = await self._ask(owner)
            return self._known[owner]

    async def renew(self, call: Call[Any], refused: Secret) -> bool:
        """Whether the callable has another token than the one that the server has refused."""
        self.forget(call, refused)
        return bool((await self.token(call)).reveal() != refused.reveal())

    def forget(self, call: Call[Any], refused: Secret) -> None:
        """The server has refused this token: ask the callable again, unless a call already did."""
        owner = self._owner(call)
        if self._known.get(owner) is refused and callable(self._given.reveal()):
            del self._known[owner]

    def explain(self, refused: AuthenticationError) -> None:
        """Let the callable add what to do, where it has a method ``explain(error)``."""
        explain = getattr(self._given.reveal(), "explain", None)
        if explain is not None:
            explain(refused)

    def _owner(self, call: Call[Any]) -> int | None:
        return call.owner if self._by_account else None

    async def _ask(self, owner: int | None) -> Secret:
        asked = (owner,) if self._by_account else ()
        answer = Secret(self._given.reveal()(*asked))
        if inspect.isawaitable(answer.reveal()):
            answer = Secret(await answer.reveal())
        return checked_token(answer)


def takes_account(provider: Callable[..., Any]) -> bool:
    """Whether *provider* wants to be told the account: it has one parameter without a default.

    :raises InvalidArgumentError: It wants more than that.
    """
    try:
        parameters = inspect.signature(provider).parameters.values()
    except (TypeError, ValueError):  # written in C
        return False
    own = [it for it in parameters if it.default is it.empty]
    needed = [it for it in own if it.kind not in (it.VAR_POSITIONAL, it.VAR_KEYWORD)]
    if len(needed) > 1 or any(it.kind is it.KEYWORD_ONLY for it in needed):
        names = ", ".join(it.name for it in needed)
        rule = f"must be callable without arguments or with an account's id, not with ({names})"
        raise InvalidArgumentError("token", rule)
    return bool(needed)
