"""Sends one request, and reads its response to the end.

What aiohttp does by itself and an SDK must not do is switched off here and in ``_aiohttp.py``:

* It waits for its pool inside its own timeouts (aio-libs/aiohttp#10313). The pool is unbounded;
  ``admission.py`` bounds the requests in front of it.
* It decompresses without a limit, and takes a gzip body that is cut off for a whole one. Bodies
  are read raw, and decompressed here, up to a limit.
* It prints the token in its errors. None of them is raised further or chained.
"""

import asyncio
import ssl as ssl_module
import warnings
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from math import inf
from typing import TYPE_CHECKING, Final

import aiohttp
from aiohttp import hdrs

from .._protocol.http import Request, Response, TransportError
from .._secret import Secret
from . import _aiohttp
from .aiohttp_errors import CLOSED, connect_timed_out, explain, silent
from .compression import beginning, decompress, too_large
from .context import AttemptState
from .timeouts import CallTimeout, TimeoutKind

if TYPE_CHECKING:
    from ._session import SessionPool

CONNECT_TIMEOUT: Final = 10.0
"""Seconds for a connection, with TLS and CONNECT. TCP repeats a lost packet after 1, 3 and 7 s."""


class Transport:
    """One pool of connections, in one event loop."""

    def __init__(
        self,
        *,
        timeout: float,
        max_body_bytes: int,
        proxy: Secret | None,
        ssl: ssl_module.SSLContext | None,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._timeout = timeout
        self._max_body_bytes = max_body_bytes
        headers: dict[str, str] = {
            hdrs.ACCEPT: "application/json",
            hdrs.ACCEPT_ENCODING: "gzip",
            hdrs.USER_AGENT: _user_agent(),
        }
        self._connect_timeout = min(timeout, CONNECT_TIMEOUT)
        self._proxy = proxy or Secret(None)
        limits = aiohttp.ClientTimeout(total=None)  # all timeouts are the scheduler's
        make = _pool_class()
        self._closed = False
        self._pool = make(limits, headers, True if ssl is None else ssl, self._proxy)

    async def send(self, request: Request, token: Secret, attempt: AttemptState) -> Response:
        """Send *request* once, and read its response to the end.

        :raises TransportError: No usable response came.
        """
        timeout = attempt.timeout
        assert timeout is not None
        attempt.phase, attempt.silence = "connecting", self._timeout
        attempt.connecting = timeout.expect(self._connect_timeout)
        try:
            if self._closed:
                raise TransportError(CLOSED)
            response = await self._pool.start(request, token, attempt)
            attempt.phase, attempt.status = "reading the answer", response.status
            if response.content.is_eof():
                return self._whole(response)
            return await self._read_rest(response, timeout)
        except TransportError as error:
            failure = error
            failure.stale = failure.stale and attempt.reused
        except (aiohttp.ClientError, OSError, ValueError, RuntimeError) as error:
            failure = explain(error, sent=attempt.sent)
            failure.stale = attempt.reused and attempt.status is None and silent(error)
        except BaseException as error:
            if timeout.expired(TimeoutKind.SILENCE):
                failure = TransportError(self._too_slow(request, attempt))
            elif self._cancelled_by_closing(error, timeout):
                failure = TransportError(CLOSED)
            else:
                # Its traceback has frames of aiohttp, whose locals hold the token.
                raise error.with_traceback(None) from None
        finally:
            timeout.silence = inf
        # Outside of any `except`, so that the error has no context to print.
        raise failure

    def _too_slow(self, request: Request, attempt: AttemptState) -> str:
        if attempt.sent:
            return f"the server sent nothing for {self._timeout:g} s"
        proxy = self._proxy.reveal()
        return connect_timed_out(attempt, request.url, proxy, self._connect_timeout)

    def _cancelled_by_closing(self, error: BaseException, timeout: CallTimeout) -> bool:
        """Whether aiohttp cancelled us: it cancels tasks that wait for DNS when it closes."""
        cancelled = isinstance(error, asyncio.CancelledError)
        return cancelled and self._closed and not timeout.task.cancelling()

    def _whole(self, response: aiohttp.ClientResponse) -> Response:
        """*response*, whose body has come with its head, as most do."""
        raw = response.content.read_nowait()
        if not response.closed:
            response.close()
        body = self._decompressed(response, raw)
        return Response(response.status, response.headers, body)

    async def _read_rest(self, response: aiohttp.ClientResponse, limits: CallTimeout) -> Response:
        try:
            body = await self._body(response, limits)
            if not response.closed:
                response.close()
            return Response(response.status, response.headers, body)
        except BaseException:
            response.close()
            raise

    async def _body(self, response: aiohttp.ClientResponse, limits: CallTimeout) -> bytes:
        """The body, decompressed. The status says what an error is, also if its body is lost."""
        chunks: list[bytes] = []
        try:
            await self._read(response.content, limits, chunks)
        except (TransportError, aiohttp.ClientError, OSError):
            if response.status < 300:
                raise
        except asyncio.CancelledError:
            if response.status < 300 or not limits.expired(TimeoutKind.SILENCE):
                raise
        else:
            return self._decompressed(response, b"".join(chunks))
        return beginning(b"".join(chunks), response.headers)

    def _decompressed(self, response: aiohttp.ClientResponse, raw: bytes) -> bytes:
        try:
            return decompress(raw, response.headers, self._max_body_bytes)
        except TransportError:
            if response.status < 300:
                raise
        return beginning(raw, response.headers)

    async def _read(
        self, content: aiohttp.StreamReader, limits: CallTimeout, chunks: list[bytes]
    ) -> None:
        size = 0
        while not content.at_eof():
            chunks.append(await content.readany())
            size += len(chunks[-1])
            if size > self._max_body_bytes:
                raise too_large(self._max_body_bytes)
            if not content.at_eof():
                limits.expect(self._timeout)

    async def aclose(self) -> None:
        """Close every connection. Calls under way end with :class:`TransportError`."""
        self._closed = True
        await self._pool.aclose()

    def __del__(self) -> None:
        """Warn once about a client that nobody closed. aiohttp would warn twice.

        Where its loop is closed there is nothing left to close, and so nothing to warn about.
        """
        if self._closed:
            return
        self._pool.drop()
        if self._loop.is_closed():
            return
        warnings.warn(
            "a kmoment.AsyncClient was never closed: use `async with`, or await its aclose()",
            ResourceWarning,
            source=self,
            stacklevel=2,
        )


def _pool_class() -> "type[_aiohttp.DirectPool | SessionPool]":
    missing = _aiohttp.missing_member()
    if missing is None:
        return _aiohttp.DirectPool
    from ._session import SessionPool

    _warn_once(missing)
    return SessionPool


@cache
def _warn_once(missing: str) -> None:
    warnings.warn(
        f"aiohttp {aiohttp.__version__} has no {missing} as kmoment knows it: calls work, but cost "
        "a fifth more; a newer kmoment may know this aiohttp",
        RuntimeWarning,
        stacklevel=2,
    )


def _user_agent() -> str:
    try:
        return f"kmoment/{version('kmoment')}"
    except PackageNotFoundError:  # run from a zip or a frozen program
        return "kmoment"
