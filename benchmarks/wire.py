"""The HTTP of the servers of ``limits.py`` and ``outages.py``, on asyncio alone."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from email.utils import formatdate
from pathlib import Path
from typing import Any, NamedTuple

Json = dict[str, Any]


class Asked(NamedTuple):
    """One request."""

    method: str
    path: str
    account: int
    """The header ``adAccountId``, or 0."""
    body: bytes


class Said(NamedTuple):
    """One answer."""

    status: int
    body: bytes = b"[]"
    retry_after: float | None = None
    """Seconds."""
    content_type: str = "application/json"

    def encoded(self) -> bytes:
        head = f"HTTP/1.1 {self.status} -\r\nContent-Type: {self.content_type}\r\n"
        head += f"Date: {formatdate(usegmt=True)}\r\n"
        if self.retry_after is not None:
            head += f"Retry-After: {self.retry_after:g}\r\n"
        return f"{head}Content-Length: {len(self.body)}\r\n\r\n".encode() + self.body


Answer = Callable[[Asked], Awaitable[Said | None]]
"""Makes the answer to a request. ``None`` means that nothing is written."""


class Connection(asyncio.Protocol):
    """Reads the requests of one connection. Each is answered by a task of its own."""

    def __init__(self, answer: Answer, connections: "set[Connection]") -> None:
        self._answer = answer
        self._connections = connections
        self._seen = b""
        self._tasks: set[asyncio.Task[None]] = set()
        self.transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.discard(self)

    def data_received(self, data: bytes) -> None:
        self._seen += data
        while asked := self._next():
            task = asyncio.get_running_loop().create_task(self._serve(asked))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _next(self) -> Asked | None:
        head, end, rest = self._seen.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (x.partition(": ") for x in lines)}
        length = int(headers.get("content-length", 0))
        if not end or len(rest) < length:
            return None
        self._seen = rest[length:]
        method, target, _ = lines[0].split(" ")
        account = int(headers.get("adaccountid", 0))
        return Asked(method, target.partition("?")[0], account, rest[:length])

    async def _serve(self, asked: Asked) -> None:
        said = await self._answer(asked)
        if said is not None and not self.transport.is_closing():
            self.transport.write(said.encoded())

    def reset(self) -> None:
        """Close the connection so that the client sees a reset."""
        self.transport.abort()


async def until_told(report: Callable[[], Json]) -> None:
    """Wait until standard input closes, then print the report as one line."""
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    print(json.dumps(report()), flush=True)


class Server:
    """A server in a process of its own."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        assert process.stdout
        self.url: str = process.stdout.readline().strip()

    def stop(self) -> Json:
        """Stop the server. Its report."""
        out, _ = self._process.communicate(timeout=30)
        report: Json = json.loads(out)
        return report


@contextmanager
def started(script: str, setting: Json) -> Iterator[Server]:
    """Run *script* of this folder with *setting* as its argument."""
    path = Path(__file__).with_name(script)
    process = subprocess.Popen(
        [sys.executable, str(path), json.dumps(setting)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONHASHSEED": "0"},
    )
    try:
        yield Server(process)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
