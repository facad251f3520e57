"""aiohttp below its session: every member that we use and that aiohttp does not document.

The session would send a PUT or DELETE twice when a connection drops (aio-libs/aiohttp#10790 and
#7363 are open), follow redirects, keep cookies and read ~/.netrc. Without it the moment of sending
is known, and a call costs a fifth less (``benchmarks/request.py``). A release of aiohttp may take
one of these members away; then :func:`missing_member` names it, and ``_session.py`` does the work.
"""

import asyncio
import inspect
import select
import socket
import ssl as ssl_module
from contextlib import suppress
from contextvars import ContextVar
from functools import cache
from typing import Any, Final

import aiohttp
from aiohttp import hdrs
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection

from .._protocol.http import Request
from .._secret import Secret
from .closed_loop import last_step
from .context import AttemptState

SPOKE_FIRST: Final = "the server spoke before it was asked"

ATTEMPT: Final[ContextVar[AttemptState]] = ContextVar("kmoment_attempt")
"""The attempt that the running task makes: aiohttp has no way to pass it on."""

_TAKEN: Final = "kmoment_taken"
"""Our mark on a connection: when it was last taken for a request."""

_JUST_NOW: Final = 0.02
"""Seconds, in which a busy pool takes its connections again, and no server gives one up."""

_READ_BYTES: Final = 2**16
"""The most that is read at once. asyncio's 256 KiB are so much that the C library may get them from
the system for each read, and give them back: a tenth of a small call (``benchmarks/compare.py``).
"""

# Each with the arguments that we pass.
_METHODS: Final[tuple[tuple[type, str, tuple[Any, ...], dict[str, Any]], ...]] = (
    # Puts a request together, with the proxy's headers and the body's length.
    (
        aiohttp.ClientRequest,
        "__init__",
        (None, "GET", None),
        {"headers": None, "data": None, "loop": None, "proxy": None},
    ),
    # Gives a connection of the pool, or a new one, through the proxy where there is one.
    (aiohttp.TCPConnector, "connect", (None, None, [], None), {}),
    # Tells the parser how the body ends, and leaves decompressing to us.
    (
        ResponseHandler,
        "set_response_params",
        (None,),
        {"read_until_eof": True, "auto_decompress": False},
    ),
    # Writes the request: from here on it may have left.
    (aiohttp.ClientRequest, "send", (None, None), {}),
    # Waits for the status and the headers.
    (aiohttp.ClientResponse, "start", (None, None), {}),
)
_ATTRIBUTES: Final[tuple[tuple[type, str], ...]] = (
    # The response, as soon as the request was written: to be closed if the call is cancelled.
    (aiohttp.ClientRequest, "response"),
    # The connection's reader and writer.
    (Connection, "protocol"),
    # The connection itself, for its socket.
    (ResponseHandler, "transport"),
    # Whether bytes are there that nobody asked for: they would be taken for our answer.
    (ResponseHandler, "should_close"),
    # Ends a connection that is no longer HTTP, after a 101.
    (ResponseHandler, "close"),
)


@cache
def missing_member() -> str | None:
    """The first member that this aiohttp does not have, or has with other parameters."""
    for owner, name in _ATTRIBUTES:
        if not hasattr(owner, name):
            return f"{owner.__name__}.{name}"
    for owner, name, args, kwargs in _METHODS:
        try:
            inspect.signature(getattr(owner, name)).bind(*args, **kwargs)
        except (AttributeError, TypeError):
            return f"{owner.__name__}.{name}"
    return None


class DirectPool:
    """Connections of one event loop: those that are kept, and those that serve one request."""

    def __init__(
        self,
        limits: aiohttp.ClientTimeout,
        headers: dict[str, str],
        ssl: ssl_module.SSLContext | bool,
        proxy: Secret,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._headers = headers
        self._limits = limits
        self._proxy = proxy
        self._kept = aiohttp.TCPConnector(limit=0, ssl=ssl, socket_factory=open_socket)
        self._fresh = aiohttp.TCPConnector(
            limit=0, ssl=ssl, socket_factory=open_socket, force_close=True
        )

    async def start(
        self, request: Request, token: Secret, attempt: AttemptState
    ) -> aiohttp.ClientResponse:
        """Send *request* once. Of its response, the head has come and the body has not."""
        outgoing = self._outgoing(request, token)
        connector = self._fresh if request.fresh else self._kept
        ATTEMPT.set(attempt)
        try:
            connection = await connector.connect(outgoing, [], self._limits)
            while not self._take(connection, attempt):
                connection.close()
                connection = await connector.connect(outgoing, [], self._limits)
        except aiohttp.ClientConnectorError:
            connector.clear_dns_cache()  # the next attempt asks for the address again
            raise
        try:
            protocol: Any = connection.protocol
            protocol.set_response_params(read_until_eof=True, auto_decompress=False)
            attempt.sending()
            response = await outgoing.send(connection)
            await response.start(connection)
            end_upgraded(response, protocol)
            return response
        except BaseException:
            if outgoing.response is not None:
                outgoing.response.close()
            connection.close()
            raise

    def _outgoing(self, request: Request, token: Secret) -> aiohttp.ClientRequest:
        return aiohttp.ClientRequest(
            request.method,
            request.url,
            headers={
                **self._headers,
                **request.headers,
                hdrs.AUTHORIZATION: f"Bearer {token.reveal()}",
            },
            data=request.body,
            loop=self._loop,
            proxy=self._proxy.reveal(),
        )

    def _take(self, connection: Connection, attempt: AttemptState) -> bool:
        """Use *connection* for *attempt*, unless it was kept and is dead.

        It is dead if it was closed, or has bytes that nobody asked for. A busy event loop may not
        have seen that yet, so the socket is asked, unless it was in use just now: asking costs
        4 us, a twentieth of a small call.
        """
        protocol: Any = connection.protocol
        used, now = getattr(protocol, _TAKEN, None), attempt.connecting
        setattr(protocol, _TAKEN, now)
        attempt.reused, attempt.wire = used is not None, protocol.transport
        if used is None:
            read_in_parts(attempt.wire)
            return True
        if protocol.should_close or attempt.wire is None:
            return False
        if now - used <= _JUST_NOW:
            return True
        return not _readable(attempt.wire.get_extra_info("socket").fileno())

    async def aclose(self) -> None:
        """Close every connection."""
        for connector in (self._kept, self._fresh):
            end_stranded(connector, self._loop)
            await connector.close()

    def drop(self) -> None:
        """Close every connection, as far as that goes without waiting."""
        for connector in (self._kept, self._fresh):
            close_now(connector, self._loop)


def open_socket(address: Any) -> socket.socket:
    """A socket for aiohttp, which the attempt knows too: how far it came says why it failed."""
    opened = socket.socket(family=address[0], type=address[1], proto=address[2])
    ATTEMPT.get().sockets += (opened,)
    return opened


def read_in_parts(transport: asyncio.BaseTransport | None) -> None:
    """Let *transport* read :data:`_READ_BYTES` at once, where it would read more."""
    for reader in (transport, getattr(transport, "_ssl_protocol", None)):
        if getattr(reader, "max_size", 0) > _READ_BYTES:
            setattr(reader, "max_size", _READ_BYTES)  # noqa: B010 - asyncio does not document it


def _readable(fileno: int) -> bool:
    if not hasattr(select, "poll"):  # Windows
        return bool(select.select([fileno], [], [], 0)[0])
    poll = select.poll()
    poll.register(fileno, select.POLLIN)
    return bool(poll.poll(0))


def end_upgraded(response: aiohttp.ClientResponse, protocol: Any) -> None:
    """After a 101 the connection is no longer HTTP: it must not go back into the pool."""
    if response.status == 101:
        protocol.close()


def close_now(connector: aiohttp.BaseConnector, loop: asyncio.AbstractEventLoop) -> None:
    """Close *connector* as far as that goes without waiting."""
    end_stranded(connector, loop)
    with suppress(StopIteration):
        next(connector.close().__await__())


def end_stranded(connector: aiohttp.BaseConnector, loop: asyncio.AbstractEventLoop) -> None:
    """Close the sockets that a closed *loop* has left open."""
    if not loop.is_closed():
        return
    kept: Any = getattr(connector, "_conns", {}).values()
    protocols = [protocol for connections in kept for protocol, _ in connections]
    protocols += getattr(connector, "_acquired", ())
    with last_step(loop):
        for transport in [it.transport for it in protocols if it.transport is not None]:
            transport.abort()
