"""A Redis of the test's own: on a free port of this machine, without files."""

import contextlib
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

from attrs import define, field

from helpers.programs import free_port, needed

START_LIMIT = 10.0  # seconds to start or to stop: much more than it takes, but machines are busy
POLL = 0.01  # seconds between two looks at whether it has started


@define(eq=False)
class RedisServer:
    """A redis-server in the foreground. What it keeps is gone when it stops."""

    folder: Path | None = None
    options: tuple[str, ...] = ()
    program: str = "redis-server"
    port: int = field(factory=free_port)
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it on its port, and wait until it answers."""
        command = [
            needed(self.program), "--port", str(self.port), "--bind", "127.0.0.1",
            "--save", "", "--appendonly", "no", *self.options,
        ]  # fmt: skip
        if self.folder is not None:
            command += ["--dir", str(self.folder)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        end = time.monotonic() + START_LIMIT
        while not self._answers():
            assert time.monotonic() < end, f"{self.program} does not start"
            time.sleep(POLL)

    def stop(self) -> None:
        """End it at once."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(signal.SIGCONT)
            process.kill()
            process.wait()

    @contextlib.contextmanager
    def silent(self) -> Any:
        """Within this block it accepts connections, and answers nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def ask(self, *command: str | int) -> Any:
        """The answer to one command."""
        import redis

        with redis.Redis(port=self.port, decode_responses=True, socket_timeout=5) as client:
            return client.execute_command(*command)

    def _answers(self) -> bool:
        import redis

        try:
            return bool(self.ask("TIME"))
        except (redis.RedisError, OSError):
            return False

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


@contextlib.contextmanager
def redis_server() -> Iterator[RedisServer]:
    """A Redis that runs."""
    with RedisServer() as server:
        yield server
