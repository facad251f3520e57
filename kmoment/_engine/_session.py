"""aiohttp's public session, for a release of aiohttp that lacks a member of ``_aiohttp.py``.

Slower, but with the same promises: a middleware keeps the session from sending twice, a trace
tells the moment of sending; redirects, cookies and ~/.netrc are switched off.
"""

import asyncio
import ssl as ssl_module
from types import SimpleNamespace
from typing import Any, cast

import aiohttp

from .._protocol.http import Request, TransportError
from .._secret import Secret
from ._aiohttp import ATTEMPT, SPOKE_FIRST, close_now, end_stranded, end_upgraded, open_socket
from .aiohttp_errors import explain, silent
from .context import AttemptState


class SessionPool:
    """What ``_aiohttp.DirectPool`` is, with two sessions."""

    def __init__(
        self,
        limits: aiohttp.ClientTimeout,
        headers: dict[str, str],
        ssl: ssl_module.SSLContext | bool,
        proxy: Secret,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._proxy = proxy
        kept = aiohttp.TCPConnector(limit=0, ssl=ssl, socket_factory=open_socket)
        fresh = aiohttp.TCPConnector(limit=0, ssl=ssl, socket_factory=open_socket, force_close=True)
        self._kept, self._fresh = (_session(limits, headers, it) for it in (kept, fresh))

    async def start(
        self, request: Request, token: Secret, attempt: AttemptState
    ) -> aiohttp.ClientResponse:
        """Send *request* once. Of its response, the head has come and the body has not."""
        session = self._fresh if request.fresh else self._kept
        ATTEMPT.set(attempt)
        try:
            return await session.request(
                request.method,
                request.url,
                headers={**request.headers, "Authorization": f"Bearer {token.reveal()}"},
                data=request.body,
                allow_redirects=False,
                proxy=self._proxy.reveal(),
                trace_request_ctx=attempt,
            )
        except aiohttp.ClientConnectorError:
            cast("aiohttp.TCPConnector", session.connector).clear_dns_cache()
            raise

    async def aclose(self) -> None:
        """Close every connection."""
        for session in (self._kept, self._fresh):
            end_stranded(cast("aiohttp.BaseConnector", session.connector), self._loop)
            await session.close()

    def drop(self) -> None:
        """Close every connection, as far as that goes without waiting."""
        for session in (self._kept, self._fresh):
            connector = cast("aiohttp.BaseConnector", session.connector)
            session.detach()
            close_now(connector, self._loop)


def _session(
    limits: aiohttp.ClientTimeout, headers: dict[str, str], connector: aiohttp.TCPConnector
) -> aiohttp.ClientSession:
    trace = aiohttp.TraceConfig(trace_config_ctx_factory=cast("Any", _context))
    trace.on_request_headers_sent.append(_mark_as_sent)
    trace.on_connection_reuseconn.append(_mark_as_reused)
    return aiohttp.ClientSession(
        connector=connector,
        timeout=limits,
        headers=headers,
        response_class=_Response,
        middlewares=(_send_once,),
        trace_configs=[trace],
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        trust_env=False,
    )


def _context(trace_request_ctx: Any = None) -> SimpleNamespace:
    return SimpleNamespace(attempt=trace_request_ctx)


async def _mark_as_sent(_: aiohttp.ClientSession, context: Any, __: Any) -> None:
    """Called before the first byte is written."""
    context.attempt.sending()


async def _mark_as_reused(_: aiohttp.ClientSession, context: Any, __: Any) -> None:
    context.attempt.reused = True


async def _send_once(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Turn the errors after which aiohttp would send again into one that it does not know."""
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise  # nothing was sent, and aiohttp does not try again
    except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
        failure = explain(error, sent=True)
        failure.stale = silent(error)
    raise failure


class _Response(aiohttp.ClientResponse):
    async def start(self, connection: Any) -> aiohttp.ClientResponse:
        protocol = connection.protocol
        if protocol.should_close:
            raise TransportError(SPOKE_FIRST)
        wire = connection.transport
        ATTEMPT.get().wire = wire
        response = await super().start(connection)
        end_upgraded(response, protocol)
        return response
