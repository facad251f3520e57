"""The only module that talks to the network, and the only one that imports aiohttp.

What aiohttp does by itself and an SDK must not is switched off here:

* It sends a PUT or DELETE twice when a connection drops. A response class that turns the error
  into ours stops that (aio-libs/aiohttp#10790 and #7363 are open).
* It queues for its pool inside its own timeouts (#10313). The pool is unbounded; the client
  keeps the count in front of it.
* It decompresses without a limit and takes a gzip body that is cut off for a whole one. Bodies
  are read raw, and decompressed here, up to :data:`BODY_LIMIT`.
* It follows redirects, keeps cookies, reads ~/.netrc, and prints the token in its errors. None
  of its errors is raised further or chained.
"""

import ssl as ssl_module
import warnings
import zlib
from collections.abc import Mapping
from contextlib import suppress
from contextvars import ContextVar
from importlib.metadata import PackageNotFoundError, version
from math import inf
from typing import Any, Final, NoReturn, cast

import aiohttp

from ._secret import Secret
from ._watch import Life, Limit
from ._wire import Attempt, NoAnswer, Request, Response

BODY_LIMIT: Final = 8 * 2**20
"""Bytes of one answer, before and after decompression."""

CONNECT_TIMEOUT: Final = 10.0


_attempt: ContextVar[Attempt] = ContextVar("kmoment_attempt")
"""The attempt that the running task makes: aiohttp has no way to hand it on."""


class _Request(aiohttp.ClientRequest):
    """Marks its attempt as sent before the first byte is written."""

    async def send(self, conn: Any) -> Any:
        attempt = _attempt.get()
        attempt.sent = True
        attempt.phase = "waiting for the answer"
        return await super().send(conn)


class _Response(aiohttp.ClientResponse):
    """Turns what aiohttp takes for a reason to send again into an error that it does not know."""

    async def start(self, connection: Any) -> Any:
        try:
            return await super().start(connection)
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
            failure = _explain(error)
        raise failure


class Transport:
    """One pool of connections, in one event loop."""

    def __init__(
        self,
        *,
        timeout: float,
        proxy: Secret | None,
        ssl: ssl_module.SSLContext | None,
    ) -> None:
        self._proxy = proxy
        self._timeout = timeout
        self._ssl: ssl_module.SSLContext | bool = True if ssl is None else ssl
        self._kept = self._session(force_close=False)
        self._fresh = self._session(force_close=True)

    def _session(self, *, force_close: bool) -> aiohttp.ClientSession:
        timeout = self._timeout
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=self._ssl, force_close=force_close),
            cookie_jar=aiohttp.DummyCookieJar(),
            request_class=_Request,
            response_class=_Response,
            auto_decompress=False,
            trust_env=False,
            headers={
                "Accept": "application/json",
                "Accept-Encoding": "gzip",
                "User-Agent": _user_agent(),
            },
            # Silence is the watch's. The threshold keeps aiohttp from rounding up to seconds.
            timeout=aiohttp.ClientTimeout(
                sock_connect=min(timeout, CONNECT_TIMEOUT), ceil_threshold=1e9
            ),
        )

    async def send(self, request: Request, token: Secret, attempt: Attempt) -> Response:
        """Send *request* once, and read its answer to the end. Raises :class:`NoAnswer`."""
        life = attempt.life
        assert life is not None
        attempt.phase = "connecting"
        _attempt.set(attempt)
        life.expect(self._timeout)
        try:
            return await self._exchange(request, token, attempt, life)
        except NoAnswer as error:
            failure = error
        except (aiohttp.ClientError, OSError, ValueError, RuntimeError) as error:
            failure = _explain(error)
        except BaseException as error:
            if not life.is_past(Limit.SILENCE):
                # A cancellation comes through aiohttp's frames, whose locals hold the token.
                raise error.with_traceback(None) from None
            failure = NoAnswer(_SILENT if attempt.sent else _UNREACHED)
        finally:
            life.silence = inf
        # Outside of any `except`, so that the error carries no context to print.
        raise failure

    async def _exchange(
        self, request: Request, token: Secret, attempt: Attempt, life: Life
    ) -> Response:
        session = self._fresh if request.fresh else self._kept
        response = await session.request(
            request.method,
            request.url,
            headers={**request.headers, "Authorization": f"Bearer {token.reveal()}"},
            data=request.body,
            allow_redirects=False,
            proxy=self._proxy.reveal() if self._proxy else None,
        )
        try:
            attempt.phase, attempt.status = "reading the answer", response.status
            chunks, size = [], 0
            while chunk := await response.content.readany():
                life.expect(self._timeout)
                chunks.append(chunk)
                size += len(chunk)
                if size > BODY_LIMIT:
                    _refuse(f"the answer is larger than {BODY_LIMIT} bytes")
            body = chunks[0] if len(chunks) == 1 else b"".join(chunks)
            return Response(response.status, response.headers, _decompress(body, response.headers))
        except BaseException:
            response.close()
            raise

    async def aclose(self) -> None:
        """Close every connection. Calls under way end with :class:`NoAnswer`."""
        await self._kept.close()
        await self._fresh.close()

    def __del__(self) -> None:
        """Say once that nobody has closed it, in place of aiohttp, which says it four times."""
        if self._kept.closed:
            return
        for session in (self._kept, self._fresh):
            _drop(session)
        warnings.warn(
            "a kmoment.AsyncClient was never closed: use `async with`, or await its aclose()",
            ResourceWarning,
            source=self,
            stacklevel=2,
        )


def _drop(session: aiohttp.ClientSession) -> None:
    """Close what *session* holds as far as that goes without waiting."""
    closing = cast("aiohttp.BaseConnector", session.connector).close().__await__()
    session.detach()
    with suppress(StopIteration):
        next(closing)


def _user_agent() -> str:
    try:
        return f"kmoment/{version('kmoment')}"
    except PackageNotFoundError:  # run from a zip or a frozen program
        return "kmoment"


def _decompress(body: bytes, headers: Mapping[str, str]) -> bytes:
    encoding = headers.get("content-encoding", "").strip().lower()
    if encoding in ("", "identity") or not body:
        return body
    if encoding != "gzip":
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
_UNTRUSTED: Final = "the server's certificate is not trusted"

_REASONS: Final[tuple[tuple[type[Exception], str], ...]] = (
    (aiohttp.ClientConnectorCertificateError, _UNTRUSTED),
    (aiohttp.ClientSSLError, "TLS could not be set up"),
    (aiohttp.ClientConnectorDNSError, "the host name could not be resolved"),
    (aiohttp.ClientProxyConnectionError, "the proxy could not be reached"),
    (aiohttp.ClientHttpProxyError, "the proxy did not let the request through"),
    (aiohttp.ConnectionTimeoutError, _UNREACHED),
    (aiohttp.ClientConnectorError, "the connection was refused"),
    (aiohttp.ClientPayloadError, "the answer was cut off"),
    (aiohttp.ClientConnectionError, "the connection was lost"),
    (OSError, "the connection was lost"),
    (RuntimeError, "the client was closed"),
)


def _explain(error: Exception) -> NoAnswer:
    """*error* in our words: aiohttp's print the request's headers."""
    for kind, reason in _REASONS:
        if isinstance(error, kind):
            return NoAnswer(reason, final=reason is _UNTRUSTED)
    return NoAnswer("the answer is not HTTP as the API speaks it", broken=True)
