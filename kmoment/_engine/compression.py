"""Decompresses a body, with a limit, and only if it is whole. aiohttp would do neither."""

import zlib
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

from .._protocol.http import TransportError

_BEGINNING: Final = 64 * 1024
"""Bytes of a damaged error page that are read: its first words are in them."""


def decompress(body: bytes, headers: Mapping[str, str], limit: int) -> bytes:
    """*body* as it was before compression, at most *limit* bytes."""
    if len(body) > limit:
        raise too_large(limit)
    encoding = headers.get("content-encoding")
    if encoding is None or not body or encoding.lower() == "identity":
        return body
    if encoding.lower() != "gzip":
        raise TransportError(
            "the answer is compressed in a way that was not asked for", broken=True
        )
    return _gunzip(body, limit)


def _gunzip(body: bytes, limit: int) -> bytes:
    reader = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    try:
        decoded = reader.decompress(body, limit)
    except zlib.error:
        raise TransportError("the answer's gzip is damaged", broken=True) from None
    if reader.unconsumed_tail:
        raise too_large(limit)
    if not reader.eof:
        raise TransportError("the answer's gzip is cut off", broken=True)
    if reader.unused_data:
        raise TransportError("something follows the answer's gzip", broken=True)
    return decoded


def too_large(limit: int) -> TransportError:
    """The error of a response that is larger than *limit* bytes."""
    reason = f"the answer is larger than max_body_bytes ({limit:,})"
    return TransportError(reason, broken=True, too_large=True)


def beginning(body: bytes, headers: Mapping[str, str]) -> bytes:
    """What can be read of a body that is cut off, damaged or too large."""
    if headers.get("content-encoding", "").lower() != "gzip":
        return body[:_BEGINNING]
    with suppress(zlib.error):
        return zlib.decompressobj(wbits=16 + zlib.MAX_WBITS).decompress(body, _BEGINNING)
    return b""
