"""Accepts request lines with raw Hangul. Kakao's samples print such lines, and curl sends them.

aiohttp refuses such a line before any handler runs. So it is percent-encoded before aiohttp
parses it.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable

from aiohttp import web

_LINE = re.compile(rb"[A-Z]+ [^\r\n]+ HTTP/1\.[01]\r\n")


def encoded(data: bytes) -> bytes:
    """*data*. If it begins with a request line, non-ASCII bytes in that are percent-encoded."""
    line = _LINE.match(data)
    if line is None or line.group().isascii():
        return data
    return b"".join(_quoted(byte) for byte in line.group()) + data[line.end() :]


def _quoted(byte: int) -> bytes:
    return b"%%%02X" % byte if byte > 0x7F else bytes([byte])


class LenientRunner(web.AppRunner):
    """Serves an application. All received data passes through :func:`encoded` first."""

    @property
    def server(self) -> Callable[[], asyncio.Protocol] | None:  # type: ignore[override]
        server = super().server
        return server and (lambda: _Lenient(server()))


class _Lenient(asyncio.Protocol):
    def __init__(self, inner: asyncio.Protocol) -> None:
        self._inner = inner
        self.connection_made = inner.connection_made  # type: ignore[method-assign]
        self.connection_lost = inner.connection_lost  # type: ignore[method-assign]
        self.eof_received = inner.eof_received  # type: ignore[method-assign]
        self.pause_writing = inner.pause_writing  # type: ignore[method-assign]
        self.resume_writing = inner.resume_writing  # type: ignore[method-assign]

    def data_received(self, data: bytes) -> None:
        self._inner.data_received(encoded(data))
