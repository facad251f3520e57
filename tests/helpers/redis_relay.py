"""The address of a Redis that answers late, or that another server takes over."""

import asyncio
from contextlib import suppress
from typing import Self

from attrs import define, field

PIECE = 65_536  # bytes read at once


@define(eq=False)
class Relay:
    """Passes connections on to a Redis of this machine."""

    port: int
    """Where the Redis is now. Connections that are open stay until they are cut."""
    delay: float = 0.0
    """Seconds by which answers are late."""
    _server: asyncio.Server | None = field(default=None, init=False)
    _tasks: set["asyncio.Task[None] | None"] = field(factory=set, init=False)

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"redis://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/0"

    def cut(self) -> None:
        """End all connections."""
        for task in self._tasks:
            assert task is not None
            task.cancel()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._tasks.add(task := asyncio.current_task())
        try:
            with suppress(OSError, asyncio.CancelledError):
                await self._connect(reader, writer)
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers, questions = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pass(reader, questions))
                group.create_task(self._pass(answers, writer, late=True))
        finally:
            questions.close()

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, late: bool = False
    ) -> None:
        with suppress(OSError):
            while data := await reader.read(PIECE):
                await asyncio.sleep(self.delay if late else 0.0)
                writer.write(data)
                await writer.drain()
        writer.close()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        tasks = [task for task in self._tasks if task is not None]
        self.cut()
        if tasks:
            await asyncio.wait(tasks)
