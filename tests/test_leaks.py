"""Opening, calling and closing leak no socket, and less than 4 MiB of memory.

``LEAK=50000`` makes 50,000 calls on one client, and prints how much memory was left.
"""

import asyncio
import gc
import os
import threading
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

import kmoment
from helpers import TOKEN

CALLS: Final = int(os.environ.get("LEAK", "3000"))  # a leak of 1.4 KiB a call breaks the limit
CYCLES: Final = 100  # clients opened and closed: a leak of 41 KiB a client breaks the limit
LIMIT: Final = 4 * 2**20  # bytes: caches and connections of one client may stay
FILES: Final = Path("/proc/self/fd")

pytestmark = [
    pytest.mark.timeout(1800),
    pytest.mark.skipif(not FILES.is_dir(), reason="open files are counted in /proc"),
]


class Answering(asyncio.Protocol):
    """Answers each request with an empty list. Requests must not have a body."""

    ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n[]"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self.transport, self.rest = transport, b""

    def data_received(self, data: bytes) -> None:
        *requests, self.rest = (self.rest + data).split(b"\r\n\r\n")
        self.transport.write(self.ANSWER * len(requests))


async def listen(url: list[str], started: threading.Event, stop: asyncio.Event) -> None:
    server = await asyncio.get_running_loop().create_server(Answering, "127.0.0.1", 0)
    url.append(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    started.set()
    async with server:
        await stop.wait()


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """The URL of a server that needs little CPU time, on its own thread."""
    loop, found, started = asyncio.new_event_loop(), list[str](), threading.Event()
    stop = asyncio.Event()
    thread = threading.Thread(target=loop.run_until_complete, args=(listen(found, started, stop),))
    thread.start()
    started.wait()
    yield found[0]
    loop.call_soon_threadsafe(stop.set)
    thread.join()
    loop.close()


def open_sockets() -> int:
    return sum(is_socket(file) for file in FILES.iterdir())


def is_socket(file: Path) -> bool:
    try:
        return str(file.readlink()).startswith("socket:")
    except FileNotFoundError:  # the file of this listing, closed by now
        return False


def all_closed(before: int) -> bool:
    """Whether no more than *before* sockets are open. The server's sockets close a bit later."""
    until = time.monotonic() + 10  # seconds: far more than the server needs
    while open_sockets() > before and time.monotonic() < until:
        time.sleep(0.01)
    return open_sockets() <= before


@contextmanager
def nothing_left(capsys: pytest.CaptureFixture[str]) -> Iterator[None]:
    """Assert that the code inside leaves less than 4 MiB and no socket."""
    gc.collect()
    sockets = open_sockets()
    tracemalloc.start()
    try:
        yield
        assert all_closed(sockets)
        gc.collect()
        left, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    if "LEAK" in os.environ:
        with capsys.disabled():
            print(f"\n  {left / 1024:.0f} KiB left, {peak / 1024:.0f} KiB at most", end="")
    assert left < LIMIT


async def open_and_close(url: str, times: int) -> None:
    for _ in range(times):
        async with kmoment.AsyncClient(TOKEN, base_url=url) as client:
            await client.account(1).audiences.list()


def open_and_close_sync(url: str, times: int) -> None:
    for _ in range(times):
        with kmoment.Client(TOKEN, base_url=url) as client:
            client.account(1).audiences.list()


async def call(client: kmoment.AsyncClient, times: int) -> None:
    for number in range(times):
        await client.account(number % 300 + 1).audiences.list()


def test_opening_and_closing(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """100 async clients, opened and closed one after the other, leak nothing."""
    asyncio.run(open_and_close(url, 10), debug=False)
    with nothing_left(capsys):
        asyncio.run(open_and_close(url, CYCLES), debug=False)


def test_opening_and_closing_sync(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """100 sync clients, opened and closed one after the other, leak nothing and no thread."""
    open_and_close_sync(url, 10)
    threads = threading.active_count()
    with nothing_left(capsys):
        open_and_close_sync(url, CYCLES)
    assert threading.active_count() == threads


def test_calling(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Thousands of calls on one client leak nothing."""

    async def work() -> None:
        async with kmoment.AsyncClient(TOKEN, base_url=url) as client:
            await call(client, 600)
            before = open_sockets()
            with nothing_left(capsys):
                await call(client, CALLS)
            assert open_sockets() <= before

    asyncio.run(work(), debug=False)  # debug mode takes six times as long
