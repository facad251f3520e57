"""The exchange of a code for a token: one request, sent once.

Whatever comes back that is not plainly Kakao's refusal leaves open whether a token was issued.
Errors are raised outside of ``except``, so that none holds the frames in which aiohttp has the
code and the client secret.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, TypeVar

import attrs

from .._secret import Secret
from ..errors import APIConnectionError
from ._errors import LoginOutcomeUnknownError
from ._koe import refusal

if TYPE_CHECKING:
    import aiohttp

T = TypeVar("T")

SECONDS: Final = 30.0
"""For the answer of kauth. Our figure: a person waits for it, and it cannot be asked again."""
_CONNECT_SECONDS: Final = 10.0
"""For a connection. Our figure, as the two below: a person waits for it."""
_TRIES: Final = 3
"""Connections that are tried. A request that found none was not sent."""
_PAUSE_SECONDS: Final = 1.0
"""Between two of them."""


@attrs.frozen
class IssuedToken:
    """A token as Kakao has issued it. ``token.reveal()`` is its text; nothing else shows it."""

    token: Secret
    scopes: tuple[str, ...]
    """What the user has agreed to. It may be less than what was asked for."""


async def exchange(kauth_url: str, form: Secret) -> IssuedToken:
    """The token for the code in *form*."""
    url = f"{kauth_url}/oauth/business/token"
    status, body = await _connected(lambda session: _post(session, url, form))
    return _issued(status, body, form)


async def reach(url: str) -> None:
    """Raise unless *url* can be reached: what fails after a consent costs a consent.

    :raises APIConnectionError: There is no connection.
    """
    with suppress(LoginOutcomeUnknownError):  # connected is enough
        await _connected(lambda session: _head(session, url))


async def _head(session: "aiohttp.ClientSession", url: str) -> None:
    async with session.head(url, allow_redirects=False):
        pass


async def _post(session: "aiohttp.ClientSession", url: str, form: Secret) -> tuple[int, Secret]:
    async with session.post(url, data=form.reveal(), allow_redirects=False) as response:
        return response.status, Secret(await response.read())


async def _connected(work: Callable[["aiohttp.ClientSession"], Awaitable[T]]) -> T:
    """Do *work* in a session. It is tried again only where no connection was made."""
    for _ in range(_TRIES - 1):
        try:
            return await _once(work)
        except APIConnectionError:
            await asyncio.sleep(_PAUSE_SECONDS)
    return await _once(work)


async def _once(work: Callable[["aiohttp.ClientSession"], Awaitable[T]]) -> T:
    import aiohttp

    try:
        async with _session() as session:
            return await work(session)
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
        unsent, reason = True, _reason(error)
    except (aiohttp.ClientError, OSError) as error:
        unsent, reason = False, _reason(error)
    if unsent:
        raise APIConnectionError(reason, {"operation": "auth.login", "request_sent": False})
    raise LoginOutcomeUnknownError(reason)


def _session() -> "aiohttp.ClientSession":
    import aiohttp

    return aiohttp.ClientSession(
        timeout=aiohttp.ClientTimeout(total=SECONDS, sock_connect=_CONNECT_SECONDS),
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
    )


def _reason(error: Exception) -> str:
    from .._engine.aiohttp_errors import explain

    if isinstance(error, TimeoutError):
        return "no answer came in time"
    return explain(error, sent=True).reason


# -- The answer -------------------------------------------------------------------------


def _issued(status: int, body: Secret, form: Secret) -> IssuedToken:
    """The token, or the error that the answer is."""
    answer = _parsed(body)
    token = Secret(answer.reveal().get("access_token"))
    if status == 200 and isinstance(token.reveal(), str) and token.reveal():
        return IssuedToken(token, _words(answer.reveal().get("scope")))
    if 400 <= status < 500 and isinstance(answer.reveal().get("error"), str):
        raise refusal(*(_said(answer, name, form) for name in _WORDS))
    raise LoginOutcomeUnknownError(f"the answer of {status} has no token")


_WORDS: Final = ("error", "error_description", "error_code")


def _parsed(body: Secret) -> Secret:
    try:
        found = Secret(json.loads(body.reveal()))
    except (ValueError, RecursionError):
        return Secret({})
    return found if isinstance(found.reveal(), dict) else Secret({})


def _words(scope: Any) -> tuple[str, ...]:
    """Scopes in one text. Kakao separates them by blanks here, and by commas elsewhere."""
    return tuple(scope.replace(",", " ").split()) if isinstance(scope, str) else ()


def _said(answer: Secret, name: str, form: Secret) -> str | None:
    """The server's words, without the code and the client secret."""
    words = answer.reveal().get(name)
    if not isinstance(words, str):
        return None
    for hidden in ("code", "client_secret"):
        words = words.replace(form.reveal().get(hidden) or "\0", "***")
    return words
