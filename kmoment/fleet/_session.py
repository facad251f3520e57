"""The fleet as one event loop sees it: the link, the board, and work in the background.

All clients of one fleet in one event loop share a session. The last of them closes it.
"""

import asyncio
import os
from collections.abc import Callable, Coroutine
from secrets import token_hex
from typing import Any, Final

from ._board import Board
from ._link import LIMIT, Link, LinkLostError
from ._target import Target

_CLOSING: Final = 2 * LIMIT
"""Seconds that closing waits for reports that are on their way."""


class Session:
    """What the clients of one fleet and one event loop share."""

    def __init__(
        self, target: Target, namespace: str, creates: str, clock: Callable[[], float]
    ) -> None:
        self.namespace = namespace
        self.stops = target.on_failure == "stop"
        self.refuses_creates = creates == "refuse"
        self.users = 0
        self.ready = False
        self.link = Link(target, clock)
        self.member = f"{os.getpid()}-{token_hex(4)}"
        self.board = Board(self.link, namespace, self.member, clock, self.spawn)
        self._starting = asyncio.Lock()
        self._tasks: set[asyncio.Task[Any]] = set()

    async def start(self) -> None:
        """Check that the Redis can be used, and read what is known. Without Redis go on."""
        async with self._starting:
            if self.ready:
                return
            try:
                await self.link.check()
                await self.board.read()
            except LinkLostError:
                pass  # `on_failure` says what calls do
            self.ready = True

    def spawn(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """Do *work* in the background."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def aclose(self) -> None:
        """Leave the fleet: end the work, tell the board, close all connections."""
        if not self.link.away and self.ready:
            self.board.remove(f"member:{self.member}")
        try:
            if self._tasks:
                await asyncio.wait(self._tasks, timeout=_CLOSING)
        finally:
            for task in tuple(self._tasks):
                task.cancel()
            if self._tasks:
                await asyncio.wait(self._tasks)
            await self.link.aclose()
