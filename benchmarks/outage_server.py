"""A server that goes away for a while, and knows what it has done.

``python benchmarks/outage_server.py JSON`` takes an :class:`Outage`, prints its URL, and runs until
its standard input closes. Then it prints what it has. It answers look-ups of neighbourhoods, and it
keeps audiences. In an outage that lets requests in, every second create takes effect: only its
answer is lost.
"""

import asyncio
import json
import sys
from itertools import count
from typing import Any, Literal

import attrs

from wire import Asked, Connection, Json, Said, until_told

Kind = Literal["none", "refused", "reset", "502 page", "503", "silent"]
PAGE = b"<html><body><h1>502 Bad Gateway</h1></body></html>"
NOT_FOUND = b'{"code": -813, "msg": "KakaoMomentException", "extras": {"detailCode": 75014}}'
AUDIENCES = "/openapi/v4/targetings/audiences"


@attrs.frozen(kw_only=True)
class Outage:
    """What happens, when, and for how long."""

    kind: Kind
    """``refused``: nothing listens, and open connections are reset. ``silent``: no answer ever."""
    seconds: float = 0.0
    after: int = 0
    """It begins when so many look-ups or creates have been answered."""
    latency: float = 0.02
    """Seconds to each answer."""


class Audiences:
    """The audiences of one account."""

    def __init__(self) -> None:
        self.rows: dict[int, Json] = {}
        self._idents = count(101)

    def create(self, body: bytes) -> Said:
        ident = next(self._idents)
        # Kakao does not answer locationType.
        row = {k: v for k, v in json.loads(body).items() if k != "locationType"}
        self.rows[ident] = row | {"id": ident}
        return _said(self.rows[ident])

    def get(self, path: str) -> Said:
        tail = path.removeprefix(AUDIENCES).strip("/")
        if not tail:
            shown = ("id", "name", "type")
            return _said({"content": [{k: row[k] for k in shown} for row in self.rows.values()]})
        row = self.rows.get(int(tail)) if tail.isdecimal() else None
        return _said(row) if row else Said(404, NOT_FOUND)


def _said(value: Any) -> Said:
    return Said(200, json.dumps(value, ensure_ascii=False).encode())


class FailingHost:
    """The server, with one outage."""

    def __init__(self, outage: Outage) -> None:
        self._outage = outage
        self._loop = asyncio.get_running_loop()
        self._connections: set[Connection] = set()
        self._server: asyncio.Server | None = None
        self._port = 0
        self._audiences = Audiences()
        self._answered: list[float] = []
        self._received = self._writes = 0
        self._began: float | None = None
        self._ended: float | None = None
        self._ending: asyncio.Task[None] | None = None

    async def listen(self) -> str:
        make = self._loop.create_server
        self._server = await make(self._connection, "127.0.0.1", self._port, backlog=1024)
        self._port = self._server.sockets[0].getsockname()[1]
        return f"http://127.0.0.1:{self._port}"

    def _connection(self) -> Connection:
        connection = Connection(lambda asked: self._answer(asked, connection), self._connections)
        return connection

    @property
    def _is_down(self) -> bool:
        return self._began is not None and self._ended is None

    async def _answer(self, asked: Asked, connection: Connection) -> Said | None:
        self._received += 1
        if self._is_down:
            return self._fail(asked, connection)
        said = self._act(asked)
        await asyncio.sleep(self._outage.latency)
        if connection.transport.is_closing():
            return None
        if asked.method == "POST" or not asked.path.startswith(AUDIENCES):
            self._answered.append(self._loop.time())
            self._maybe_begin()
        return said

    def _act(self, asked: Asked) -> Said:
        if not asked.path.startswith(AUDIENCES):
            return Said(200)
        if asked.method == "POST":
            return self._audiences.create(asked.body)
        return self._audiences.get(asked.path)

    def _fail(self, asked: Asked, connection: Connection) -> Said | None:
        kind = self._outage.kind
        if asked.method == "POST" and kind != "503":
            self._writes += 1
            if self._writes % 2:
                self._act(asked)
        if kind == "502 page":
            return Said(502, PAGE, content_type="text/html")
        if kind == "503":
            return Said(503, b"")
        if kind == "reset":
            connection.reset()
        return None

    def _maybe_begin(self) -> None:
        if self._began is not None or len(self._answered) < self._outage.after:
            return
        if self._outage.kind == "none":
            return
        self._began = self._loop.time()
        if self._outage.kind == "refused":
            assert self._server
            self._server.close()
            for connection in list(self._connections):
                connection.reset()
        self._ending = self._loop.create_task(self._end())

    async def _end(self) -> None:
        await asyncio.sleep(self._outage.seconds)
        if self._outage.kind == "refused":
            await self.listen()
        self._ended = self._loop.time()

    def report(self) -> Json:
        return {
            "answered": self._answered,
            "received": self._received,
            "began": self._began,
            "ended": self._ended,
            "audiences": [[ident, row["name"]] for ident, row in self._audiences.rows.items()],
        }


async def main(outage: Outage) -> None:
    host = FailingHost(outage)
    print(await host.listen(), flush=True)
    await until_told(host.report)


if __name__ == "__main__":
    asyncio.run(main(Outage(**json.loads(sys.argv[1]))))
