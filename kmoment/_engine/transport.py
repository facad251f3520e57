"""Sends one request, and reads its response to the end.

What aiohttp does by itself and an SDK must not do is switched off here and in ``_aiohttp.py``:

* It waits for its pool inside its own timeouts (aio-libs/aiohttp#10313). The pool is unbounded;
  ``admission.py`` bounds the requests in front of it.
* It decompresses without a limit, and takes a gzip body that is cut off for a whole one. Bodies
  are read raw, and decompressed here, up to :data:`BODY_LIMIT`.
* It prints the token in its errors. None of them is raised further or chained.
"""

import asyncio
import ssl as ssl_module
import warnings
import zlib
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from math import inf
from typing import TYPE_CHECKING, Final, NoReturn

import aiohttp
from aiohttp import hdrs

from .._protocol.http import Request, Response, TransportError
from .._secret import Secret
from . import _aiohttp
from .aiohttp_errors import CLOSED, NO_CONNECTION, explain
from .context import AttemptState
from .timeouts import CallTimeout, TimeoutKind

if TYPE_CHECKING:
    from ._session import SessionPool

BODY_LIMIT: Final = 8 * 2**20
"""Bytes of one response, before and after decompression. All places of Korea are 0.6 MB."""

CONNECT_TIMEOUT: Final = 10.0
"""Seconds for one connection to stand: three TCP retransmissions of a lost SYN (1 + 2 + 4 s)."""

_SILENT: Final = "the server fell silent for longer than the timeout"


class Transport:
    """One pool of connections, in one event loop."""

    def __init__(
        self, *, timeout: float, proxy: Secret | None, ssl: ssl_module.SSLContext | None
    ) -> None:
        self._timeout = timeout
        headers: dict[str, str] = {
            hdrs.ACCEPT: "application/json",
            hdrs.ACCEPT_ENCODING: "gzip",
            hdrs.USER_AGENT: _user_agent(),
        }
        # Silence is the scheduler's. The threshold keeps aiohttp from rounding up to seconds.
        limits = aiohttp.ClientTimeout(
            sock_connect=min(timeout, CONNECT_TIMEOUT), ceil_threshold=1e9
        )
        make = _pool_class()
        self._pool = make(limits, headers, True if ssl is None else ssl, proxy or Secret(None))

    async def send(self, request: Request, token: Secret, attempt: AttemptState) -> Response:
        """Send *request* once, and read its response to the end.

        :raises TransportError: No usable response came.
        """
        timeout = attempt.timeout
        assert timeout is not None
        attempt.phase = "connecting"
        timeout.expect(self._timeout)
        try:
            return await self._exchange(request, token, attempt, timeout)
        except TransportError as error:
            failure = error
        except (aiohttp.ClientError, OSError, ValueError, RuntimeError) as error:
            failure = explain(error, sent=attempt.sent)
        except BaseException as error:
            if timeout.expired(TimeoutKind.SILENCE):
                failure = TransportError(_SILENT if attempt.sent else NO_CONNECTION)
            elif self._cancelled_by_closing(error, timeout):
                failure = TransportError(CLOSED)
            else:
                # Its traceback has frames of aiohttp, whose locals hold the token.
                raise error.with_traceback(None) from None
        finally:
            timeout.silence = inf
        # Outside of any `except`, so that the error has no context to print.
        raise failure

    def _cancelled_by_closing(self, error: BaseException, timeout: CallTimeout) -> bool:
        """Whether aiohttp cancelled us: it cancels tasks that wait for DNS when it closes."""
        cancelled = isinstance(error, asyncio.CancelledError)
        return cancelled and self._pool.closed and not timeout.task.cancelling()

    async def _exchange(
        self, request: Request, token: Secret, attempt: AttemptState, limits: CallTimeout
    ) -> Response:
        if self._pool.closed:
            raise TransportError(CLOSED)
        response = await self._pool.start(request, token, attempt)
        try:
            attempt.phase, attempt.status = "reading the answer", response.status
            body = await self._read(response.content, limits)
            if not response.closed:
                response.close()
            return Response(response.status, response.headers, _decompress(body, response.headers))
        except BaseException:
            response.close()
            raise

    async def _read(self, content: aiohttp.StreamReader, limits: CallTimeout) -> bytes:
        chunks, size = [], 0
        while not content.at_eof():
            chunks.append(await content.readany())
            limits.expect(self._timeout)
            size += len(chunks[-1])
            if size > BODY_LIMIT:
                _refuse(f"the answer is larger than {BODY_LIMIT} bytes")
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    async def aclose(self) -> None:
        """Close every connection. Calls under way end with :class:`TransportError`."""
        await self._pool.aclose()

    def __del__(self) -> None:
        """Warn once about a client that nobody closed. aiohttp would warn twice."""
        if self._pool.closed:
            return
        self._pool.drop()
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
    raise TransportError(reason, broken=True)
