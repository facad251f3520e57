"""A real Redis on a free port of this machine. It keeps nothing on the disk."""

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from helpers.programs import needed

HOST: Final = "127.0.0.1"
START_LIMIT: Final = 20.0  # seconds to start or to stop: much more than it takes
POLL: Final = 0.01  # seconds between two looks at whether it has started


class RedisServer:
    """One Redis. Without ``redis-server`` the test skips, or fails where ``CI`` is set."""

    def __init__(self) -> None:
        self._program = needed("redis-server")
        with socket.socket() as free:
            free.bind((HOST, 0))
            self.port: int = free.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://{HOST}:{self.port}/0"

    def start(self) -> None:
        """Start it, empty, and wait until it accepts."""
        options = ["--port", str(self.port), "--bind", HOST, "--save", "", "--appendonly", "no"]
        self._process = subprocess.Popen([self._program, *options], stdout=subprocess.DEVNULL)
        until = time.monotonic() + START_LIMIT
        while not self._accepts():
            assert self._process.poll() is None, "redis-server has ended"
            assert time.monotonic() < until, "redis-server does not accept"
            time.sleep(POLL)

    def stop(self) -> None:
        """End it, with all that it has."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait(START_LIMIT)

    def _accepts(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex((HOST, self.port)) == 0


@contextmanager
def redis_server() -> Iterator[RedisServer]:
    """A Redis that runs."""
    server = RedisServer()
    server.start()
    try:
        yield server
    finally:
        server.stop()
