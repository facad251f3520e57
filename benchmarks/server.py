"""A server that needs little CPU time. It sends one fixed answer and keeps connections open.

``python benchmarks/server.py ROWS SECONDS`` prints its URL and runs until its standard input
closes. It sends each answer SECONDS late.
"""

import asyncio
import sys
from typing import Any

from rows import encoded, locations


def answer(rows: int) -> bytes:
    body = encoded(locations(rows))
    head = (
        f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class Answering(asyncio.Protocol):
    """Answers each request when its head has arrived. Requests must not have a body."""

    def __init__(self, answer: bytes, seconds: float) -> None:
        self._answer = answer
        self._seconds = seconds
        self._loop = asyncio.get_running_loop()
        self._seen = b""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._seen += data
        while b"\r\n\r\n" in self._seen:
            self._seen = self._seen.partition(b"\r\n\r\n")[2]
            if self._seconds:
                self._loop.call_later(self._seconds, self._transport.write, self._answer)
            else:
                self._transport.write(self._answer)


async def main(rows: int, seconds: float) -> None:
    loop, body = asyncio.get_running_loop(), answer(rows)
    server = await loop.create_server(lambda: Answering(body, seconds), "127.0.0.1", 0)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), float(sys.argv[2])))
