"""The only module that talks to the network, and the only one that imports aiohttp.

What aiohttp does by itself and an SDK must not is switched off here:

* Its session sends a PUT or DELETE twice when a connection drops (aio-libs/aiohttp#10790 and
  #7363 are open), follows redirects, keeps cookies and reads ~/.netrc. So there is none: the
  connector, the request and the response are put together here, as the session does it. That
  also shows the moment at which a request leaves, and takes a fifth off the cost of a call.
* It queues for its pool inside its own timeouts (#10313). The pool is unbounded; the client
  keeps the count in front of it.
* It decompresses without a limit and takes a gzip body that is cut off for a whole one. Bodies
  are read raw, and decompressed here, up to :data:`BODY_LIMIT`.
* It prints the token in its errors. None of them is raised further or chained.
"""

import asyncio
import ssl as ssl_module
import warnings
import zlib
from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from math import inf
from typing import Any, Final, NoReturn, cast

import aiohttp
from aiohttp import hdrs

from ._secret import Secret
from ._watch import Life, Limit
from ._wire import Attempt, NoAnswer, Request, Response

BODY_LIMIT: Final = 8 * 2**20
"""Bytes of one answer, before and after decompression."""

CONNECT_TIMEOUT: Final = 10.0


class Transport:
    """One pool of connections, in one event loop."""

    def __init__(
        self,
        *,
        timeout: float,
        proxy: Secret | None,
        ssl: ssl_module.SSLContext | None,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._proxy = proxy or Secret(None)
        self._timeout = timeout
        context: ssl_module.SSLContext | bool = True if ssl is None else ssl
        self._headers: dict[str, str] = {
            hdrs.ACCEPT: "application/json",
            hdrs.ACCEPT_ENCODING: "gzip",
            hdrs.USER_AGENT: _user_agent(),
        }
        # Silence is the watch's. The threshold keeps aiohttp from rounding up to seconds.
        self._limits = aiohttp.ClientTimeout(
            sock_connect=min(timeout, CONNECT_TIMEOUT), ceil_threshold=1e9
        )
        self._kept = aiohttp.TCPConnector(limit=0, ssl=context)
        self._fresh = aiohttp.TCPConnector(limit=0, ssl=context, force_close=True)

    async def send(self, request: Request, token: Secret, attempt: Attempt) -> Response:
        """Send *request* once, and read its answer to the end. Raises :class:`NoAnswer`."""
        life = attempt.life
        assert life is not None
        attempt.phase = "connecting"
        life.expect(self._timeout)
        try:
            return await self._exchange(request, token, attempt, life)
        except NoAnswer as error:
            failure = error
        except (aiohttp.ClientError, OSError, ValueError, RuntimeError) as error:
            failure = _explain(error, attempt.sent)
        except BaseException as error:
            if life.is_past(Limit.SILENCE):
                failure = NoAnswer(_SILENT if attempt.sent else _UNREACHED)
            elif self._cancelled_by_closing(error, life):
                failure = NoAnswer(_CLOSED)
            else:
                # It comes through aiohttp's frames, whose locals hold the token.
                raise error.with_traceback(None) from None
        finally:
            life.silence = inf
        # Outside of any `except`, so that the error carries no context to print.
        raise failure

    def _cancelled_by_closing(self, error: BaseException, life: Life) -> bool:
        """Whether nobody meant the caller: aiohttp cancels who waits for a name to be resolved."""
        cancelled = isinstance(error, asyncio.CancelledError)
        return cancelled and self._kept.closed and not life.task.cancelling()

    async def _exchange(
        self, request: Request, token: Secret, attempt: Attempt, life: Life
    ) -> Response:
        connector = self._fresh if request.fresh else self._kept
        if connector.closed:
            raise NoAnswer(_CLOSED)
        outgoing = self._outgoing(request, token)
        connection = await connector.connect(outgoing, [], self._limits)
        try:
            protocol = cast("Any", connection.protocol)
            if protocol.should_close:  # what is queued there would be taken for our answer
                raise NoAnswer("the server spoke before it was asked")
            protocol.set_response_params(read_until_eof=True, auto_decompress=False)
            attempt.phase, attempt.sent = "waiting for the answer", True
            response = await outgoing.send(connection)
            await response.start(connection)
            attempt.phase, attempt.status = "reading the answer", response.status
            body = await self._read(response.content, life)
            if not response.closed:  # as after a 101, when the connection is no longer HTTP
                response.close()
            return Response(response.status, response.headers, _decompress(body, response.headers))
        except BaseException:
            if outgoing.response is not None:
                outgoing.response.close()
            connection.close()
            raise

    def _outgoing(self, request: Request, token: Secret) -> aiohttp.ClientRequest:
        return aiohttp.ClientRequest(
            request.method,
            request.url,
            headers=self._headers
            | request.headers
            | {hdrs.AUTHORIZATION: f"Bearer {token.reveal()}"},
            data=request.body,
            loop=self._loop,
            proxy=self._proxy.reveal(),
        )

    async def _read(self, content: aiohttp.StreamReader, life: Life) -> bytes:
        chunks, size = [], 0
        while not content.at_eof():
            chunks.append(await content.readany())
            life.expect(self._timeout)
            size += len(chunks[-1])
            if size > BODY_LIMIT:
                _refuse(f"the answer is larger than {BODY_LIMIT} bytes")
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    async def aclose(self) -> None:
        """Close every connection. Calls under way end with :class:`NoAnswer`."""
        await self._kept.close()
        await self._fresh.close()

    def __del__(self) -> None:
        """Say once that nobody has closed it, in place of aiohttp, which says it twice."""
        if self._kept.closed:
            return
        for connector in (self._kept, self._fresh):
            with suppress(StopIteration):  # closed as far as that goes without waiting
                next(connector.close().__await__())
        warnings.warn(
            "a kmoment.AsyncClient was never closed: use `async with`, or await its aclose()",
            ResourceWarning,
            source=self,
            stacklevel=2,
        )


def _user_agent() -> str:
    try:
        return f"kmoment/{version('kmoment')}"
    except PackageNotFoundError:  # run from a zip or a frozen program
        return "kmoment"


def _decompress(body: bytes, headers: Mapping[str, str]) -> bytes:
    encoding = headers.get("content-encoding")
    if encoding is None or not body or encoding.lower() == "identity":
        return body
    if encoding.lower() != "gzip":
        _refuse("the answer is compressed in a way that was not asked for")
    return _gunzip(body)


def _gunzip(body: bytes) -> bytes:
    reader = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    try:
        decoded = reader.decompress(body, BODY_LIMIT)
    except zlib.error:
        _refuse("the answer's gzip is damaged")
    if reader.unconsumed_tail:
        _refuse(f"the answer is larger than {BODY_LIMIT} bytes")
    if not reader.eof:
        _refuse("the answer's gzip is cut off")
    if reader.unused_data:
        _refuse("something follows the answer's gzip")
    return decoded


def _refuse(reason: str) -> NoReturn:
    raise NoAnswer(reason, broken=True)


_SILENT: Final = "the server fell silent for longer than the timeout"
_UNREACHED: Final = "no connection within the timeout"
_CLOSED: Final = "the client was closed"
_UNTRUSTED: Final = "the server's certificate is not trusted"

_REASONS: Final[tuple[tuple[type[Exception], str], ...]] = (
    (aiohttp.ClientConnectorCertificateError, _UNTRUSTED),
    (aiohttp.ClientSSLError, "TLS could not be set up"),
    (aiohttp.ClientConnectorDNSError, "the host name could not be resolved"),
    (aiohttp.ClientProxyConnectionError, "the proxy could not be reached"),
    (aiohttp.ClientHttpProxyError, "the proxy did not let the request through"),
    (TimeoutError, _UNREACHED),
    (aiohttp.ClientConnectorError, "the connection was refused"),
    (aiohttp.ClientPayloadError, "the answer was cut off"),
    (aiohttp.ClientConnectionError, "the connection was lost"),
    (OSError, "the connection was lost"),
    (RuntimeError, _CLOSED),
)


def _explain(error: Exception, sent: bool) -> NoAnswer:
    """*error* in our words: aiohttp's print the request's headers."""
    for kind, reason in _REASONS:
        if isinstance(error, kind):
            return NoAnswer(reason, final=reason is _UNTRUSTED)
    return NoAnswer("the answer is not HTTP as the API speaks it", broken=sent)
