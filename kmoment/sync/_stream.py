"""An async iterable that is read from another thread, in chunks."""

import asyncio
from collections import deque
from collections.abc import AsyncIterable
from typing import Any, Final

_CHUNK: Final = 256
"""Items that may be ready ahead of the reader."""
_LINGER: Final = 0.005
"""Seconds that the first item of a chunk waits for more: crossing costs as much as many items."""


class PrefetchedStream:
    """Runs an async iterable ahead of its reader, by a chunk at most."""

    def __init__(self, source: AsyncIterable[Any]) -> None:
        self._source = source
        self.ready: deque[Any] = deque()
        """Items for the reader, who takes them on its own thread. None is lost on the way."""
        self._moved = asyncio.Event()
        self._pump: asyncio.Task[None] | None = None

    async def fill(self) -> bool:
        """Wait until something is ready; false when the source is done."""
        if self._pump is None:
            self._pump = asyncio.create_task(self._run())
        self._moved.set()
        while not self.ready and not self._pump.done():
            await self._wait()
        if len(self.ready) < _CHUNK and not self._pump.done():
            await asyncio.sleep(_LINGER)
        if not self.ready:
            await self._pump
        return bool(self.ready)

    def push(self, item: Any) -> None:
        """Add an item that does not come from the source. Called on the loop only."""
        self.ready.append(item)
        self._moved.set()

    async def aclose(self) -> None:
        """Stop the source where it is."""
        if self._pump is not None:
            self._pump.cancel()
            await asyncio.wait([self._pump])
        if close := getattr(self._source, "aclose", None):
            await close()

    async def _run(self) -> None:
        try:
            async for item in self._source:
                self.push(item)
                while len(self.ready) >= _CHUNK:
                    await self._wait()
        finally:
            self._moved.set()

    async def _wait(self) -> None:
        self._moved.clear()
        await self._moved.wait()
