"""Ends what an event loop that was closed has left behind: neither it nor aiohttp does."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def last_step(loop: asyncio.AbstractEventLoop) -> Iterator[None]:
    """Within this block, what is scheduled in *loop*, which is closed, is dropped, not refused.

    To close its socket, a transport schedules one more step. This step is made at once.
    """
    members: dict[str, Any] = getattr(loop, "__dict__", {})
    members["call_soon"] = _close_socket
    try:
        yield
    finally:
        members.pop("call_soon", None)


def _close_socket(callback: Any, *args: Any, context: Any = None) -> None:
    if getattr(callback, "__name__", "") == "_call_connection_lost":
        callback(*args)
