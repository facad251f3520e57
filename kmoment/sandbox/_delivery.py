"""Sends an answer, or breaks the connection as the fault says."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from collections.abc import Awaitable, Callable

from aiohttp import web

from ._faults import Fault
from ._reply import Reply

# SO_LINGER on, with 0 seconds: closing then sends RST. On Windows both numbers are shorts.
_RESET = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)
# Pieces of a dripped answer. Our own figure: enough to see that the answer comes slowly.
_PIECES = 10


def response(reply: Reply) -> web.Response:
    return web.Response(status=reply.status, body=reply.body, headers=reply.headers)


async def deliver(request: web.Request, reply: Reply, fault: Fault) -> web.StreamResponse:
    special = _DELIVERIES.get(fault.kind)
    return await special(request, reply, fault) if special else response(reply)


async def _close(request: web.Request, _: Reply, __: Fault) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.close()
    return web.Response()


async def _reset(request: web.Request, _: Reply, __: Fault) -> web.StreamResponse:
    if request.transport is not None:
        connection = request.transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        request.transport.abort()
    return web.Response()


async def _truncate(request: web.Request, reply: Reply, fault: Fault) -> web.StreamResponse:
    # An empty body cannot be cut. In its place, one byte is announced and none is sent.
    response = await _begin(request, reply, max(len(reply.body), 1))
    await response.write(reply.body[: len(reply.body) // 2])
    await _close(request, reply, fault)
    return response


async def _drip(request: web.Request, reply: Reply, fault: Fault) -> web.StreamResponse:
    response = await _begin(request, reply, len(reply.body))
    size = max(len(reply.body) // _PIECES, 1)
    for start in range(0, len(reply.body), size):
        await asyncio.sleep(fault.delay)
        await response.write(reply.body[start : start + size])
    return response


async def _begin(request: web.Request, reply: Reply, length: int) -> web.StreamResponse:
    response = web.StreamResponse(status=reply.status, headers=reply.headers)
    response.content_length = length
    await response.prepare(request)
    return response


_DELIVERIES: dict[str, Callable[[web.Request, Reply, Fault], Awaitable[web.StreamResponse]]] = {
    "drop_before": _close,
    "drop_after": _close,
    "commit_late": _close,
    "reset": _reset,
    "truncate": _truncate,
    "drip": _drip,
}

UNANSWERED = ("drop_before", "drop_after", "commit_late", "reset")
