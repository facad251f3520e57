"""Waits on this machine for the browser to come back: on one registered port, on both loopbacks.

Any page can make a browser send requests here. So ``state`` is compared first, and everything
that is not from this login is answered with 400 and counted: it never ends the login. The pages
say what has really happened.
"""

import asyncio
import html
import os
import socket
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from types import TracebackType
from typing import Final, Self
from urllib.parse import parse_qs, unquote, urlsplit

from aiohttp import web

from .._secret import Secret
from ..errors import InvalidArgumentError
from ._errors import LoginRefusedError, RedirectPortInUseError, StateMismatchError
from ._request import AuthorizationRequest

_BACKLOG: Final = 16
"""Connections that may wait to be accepted. Our figure: a browser opens a few at once."""
_GRACE: Final = 1.0
"""Seconds that the last page has to be sent. Our figure: on one machine it needs none."""
_REUSE: Final = int(os.name == "posix")
"""A port is free again at once. On Windows this would let two programs have one port."""
_AROUND: Final = " \t\r\n\"'<>"
"""What people and terminals put around an address."""
_LOOPBACKS: Final = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))


def port_of(redirect_uri: str) -> int:
    """The port of an address that is on this machine."""
    return urlsplit(redirect_uri).port or 80


def bind_first(redirect_uris: Sequence[str]) -> tuple[str, list[socket.socket]]:
    """The first address whose port is free, and sockets that hold it.

    :raises RedirectPortInUseError: None is.
    """
    for uri in redirect_uris:
        if sockets := _bound(port_of(uri)):
            return uri, sockets
    raise RedirectPortInUseError([port_of(uri) for uri in redirect_uris])


def _bound(port: int) -> list[socket.socket]:
    """Sockets on both loopbacks, or on the one that this machine has; none if one is taken."""
    made: list[socket.socket] = []
    for family, host in _LOOPBACKS:
        try:
            made.append(_listening(family, host, port))
        except OSError:
            if _has(family, host):
                for one in made:
                    one.close()
                return []
    return made


def _listening(family: int, host: str, port: int) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, _REUSE)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind((host, port))
        made.listen(_BACKLOG)
    except OSError:
        made.close()
        raise
    return made


def _has(family: int, host: str) -> bool:
    """Whether this machine has the address at all."""
    try:
        with closing(socket.socket(family, socket.SOCK_STREAM)) as made:
            made.bind((host, 0))
    except OSError:
        return False
    return True


class Listener:
    """Serves the redirect address until the code has come, from here or by :meth:`paste`."""

    def __init__(self, request: AuthorizationRequest, sockets: list[socket.socket]) -> None:
        self._request = request
        self._sockets = sockets
        self._path = unquote(urlsplit(request.redirect_uri).path) or "/"
        self._code: asyncio.Future[Secret] = asyncio.get_running_loop().create_future()
        self._outcome: asyncio.Future[tuple[str, int]] = asyncio.get_running_loop().create_future()
        self.port = port_of(request.redirect_uri)
        self.foreign = 0
        """Requests that were not from this login."""

    async def code(self) -> Secret:
        """The code.

        :raises LoginRefusedError: Kakao or the user refused.
        """
        return await asyncio.shield(self._code)

    def paste(self, address: str) -> bool:
        """Take the address that the browser ended on. Whether it is from this login."""
        return self._take(lambda: self._request.check(address.strip(_AROUND)))

    def tell(self, outcome: str, status: int = 200) -> None:
        """Let the browser's page say how the login ended."""
        if not self._outcome.done():
            self._outcome.set_result((outcome, status))

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_route("*", "/{anything:.*}", self._serve)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=_GRACE)
        await self._runner.setup()
        for one in self._sockets:
            await web.SockSite(self._runner, one).start()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.tell("The login has ended. See the terminal.", 400)
        self._code.cancel()
        await self._runner.cleanup()

    async def _serve(self, request: web.Request) -> web.Response:
        query = Secret(parse_qs(request.query_string, keep_blank_values=True))
        here = request.method == "GET" and request.path == self._path
        if here and self._take(lambda: self._request.check_query(query)):
            return _page(*await asyncio.shield(self._outcome))
        self.foreign += 1
        return _page("This address is not from the login that is under way. It goes on.", 400)

    def _take(self, check: Callable[[], Secret]) -> bool:
        """Whether an answer is from this login. The first one that is decides how it goes on."""
        try:
            settle = partial(self._code.set_result, check())
        except LoginRefusedError as refused:
            settle = partial(self._code.set_exception, refused)
        except (StateMismatchError, InvalidArgumentError):
            return False
        if not self._code.done():
            settle()
        return True


def _page(text: str, status: int) -> web.Response:
    headers = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
    page = f"<!doctype html><meta charset=utf-8><title>kmoment</title><p>{html.escape(text)}</p>"
    return web.Response(text=page, status=status, content_type="text/html", headers=headers)
