"""A real nginx or HAProxy before an upstream on this machine, each with its files in one folder.

Both run in the foreground without special rights, on a free port, and are stopped at the end.
"""

import asyncio
import os
import re
import signal
import subprocess
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import ClassVar, NamedTuple

from attrs import define, field, frozen

from helpers.programs import free_port, needed

HOST = "127.0.0.1"
START_LIMIT = 10.0  # seconds to start or to stop: much more than it takes, but machines are busy
POLL = 0.01  # seconds between two looks at whether it has started or stopped
RELOAD_TIME = 0.1  # seconds to start a new worker, mostly
NEW_WORKER = re.compile(r"start worker process \d|New worker \(\d")


@frozen
class Rules:
    """What a balancer is told besides its upstream, in the words of each program."""

    nginx: str = ""
    haproxy: str = ""
    prefix: str = "/"
    """The paths that it knows: those that begin with this."""


class Entry(NamedTuple):
    """One request, as the balancer has logged it."""

    method: str
    status: int
    target: str


@define(eq=False)
class Proxy(ABC):
    """One balancer. It forwards to a port of this machine."""

    program: ClassVar[str]

    folder: Path
    upstream: int = 0
    rules: Rules = Rules()
    port: int = 0
    _path: str = field(factory=str, init=False)
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        self._path = needed(self.program)

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    @asynccontextmanager
    async def before(self, upstream: int, rules: Rules) -> AsyncIterator["Proxy"]:
        """Run it before the server on the port *upstream*."""
        self.upstream, self.rules, self.port = upstream, rules, free_port()
        try:
            await self.start()
            yield self
        finally:
            await self.stop()

    async def start(self) -> None:
        """Start it on its port, and wait until it accepts."""
        config = self.folder / f"{self.program}.conf"
        config.write_text(self.config())
        with (self.folder / "out").open("ab") as out, (self.folder / "errors").open("ab") as errors:
            command = [self._path, *self.arguments(config)]
            self._process = subprocess.Popen(command, stdout=out, stderr=errors, cwd=self.folder)
        async with asyncio.timeout(START_LIMIT):
            while not await accepts(self.port):
                assert self._process.poll() is None, (self.folder / "errors").read_text()
                await asyncio.sleep(POLL)

    async def stop(self) -> None:
        """End it at once, with all its connections."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        with suppress(TimeoutError):
            async with asyncio.timeout(START_LIMIT):
                while process.poll() is None:
                    await asyncio.sleep(POLL)
        process.kill()
        process.wait()

    async def reload(self) -> None:
        """Let a new worker take over, as a deploy does. The old one ends what it has begun."""
        assert self._process is not None
        before = self.workers_started()
        async with asyncio.timeout(START_LIMIT):
            while self.workers_started() == before:
                # HAProxy loses a signal that comes before it has wholly started.
                self._process.send_signal(self.reload_signal())
                await asyncio.sleep(RELOAD_TIME)

    def workers_started(self) -> int:
        """How many workers the program says that it has started."""
        return len(NEW_WORKER.findall((self.folder / "errors").read_text("utf-8", "replace")))

    def log(self) -> list[Entry]:
        """All requests so far. It is whole once the balancer has been stopped."""
        lines = self.log_file().read_text("utf-8", "replace").splitlines()
        return [entry(line) for line in lines if line.startswith("request ")]

    async def has_logged(self, method: str) -> None:
        """Wait until a request with *method* is logged: nginx first waits for a refused body."""
        async with asyncio.timeout(START_LIMIT):
            while method not in {entry.method for entry in self.log()}:
                await asyncio.sleep(POLL)

    @abstractmethod
    def arguments(self, config: Path) -> list[str]: ...

    @abstractmethod
    def config(self) -> str: ...

    @abstractmethod
    def reload_signal(self) -> signal.Signals: ...

    @abstractmethod
    def log_file(self) -> Path: ...


class Nginx(Proxy):
    """nginx. Its rules stand in ``http``."""

    program = "nginx"

    def arguments(self, config: Path) -> list[str]:
        return ["-p", str(self.folder), "-c", str(config), "-e", "errors"]

    def config(self) -> str:
        # As root it would give its worker away to a user who may not read the folder.
        user = "user root root;" if os.geteuid() == 0 else ""
        temporary = "\n".join(
            f"{kind}_temp_path {kind}_temp;"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        return f"""
{user}
daemon off;
pid nginx.pid;
error_log errors notice;
worker_processes 1;
events {{ worker_connections 1000; }}
http {{
  {temporary}
  log_format entry 'request $request_method $status $request_uri';
  access_log access entry;
  {self.rules.nginx}
  server {{
    listen {HOST}:{self.port};
    location {self.rules.prefix} {{
      proxy_pass http://{HOST}:{self.upstream};
      proxy_http_version 1.1;
      proxy_set_header Connection "";
    }}
  }}
}}
"""

    def reload_signal(self) -> signal.Signals:
        return signal.SIGHUP

    def log_file(self) -> Path:
        return self.folder / "access"


class HAProxy(Proxy):
    """HAProxy with a master, so that it can reload. Its rules stand in ``listen``."""

    program = "haproxy"

    def arguments(self, config: Path) -> list[str]:
        return ["-W", "-f", str(config)]

    def config(self) -> str:
        unknown = f"unless {{ path_beg {self.rules.prefix} }}"
        return f"""
global
  log stdout format raw local0 info
  maxconn 1000
  stats socket unix@socket mode 600 level admin expose-fd listeners
defaults
  mode http
  log global
  log-format "request %HM %ST %HU"
  option dontlognull
  retries 0
  timeout connect 5s
  timeout client 10s
  timeout server 10s
listen balancer
  bind {HOST}:{self.port}
  http-request deny deny_status 404 {unknown}
  {self.rules.haproxy}
  server one {HOST}:{self.upstream}
"""

    def reload_signal(self) -> signal.Signals:
        return signal.SIGUSR2

    def log_file(self) -> Path:
        return self.folder / "out"


def entry(line: str) -> Entry:
    _, method, status, target = line.split(" ", 3)
    return Entry(method, int(status), target)


async def accepts(port: int) -> bool:
    """Whether a server listens on *port*."""
    try:
        _, writer = await asyncio.open_connection(HOST, port)
    except OSError:
        return False
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    return True
