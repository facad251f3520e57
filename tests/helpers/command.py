"""Runs the command ``kmoment``: in this process with pipes, or in another one at a terminal."""

import io
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

import pytest

from kmoment.cli import main

COMMAND = (sys.executable, "-c", "import sys; from kmoment.cli import main; sys.exit(main())")
"""The command, of this interpreter."""
_PATIENCE = 30.0
"""Seconds until a test that waits for a text gives up."""


class Result(NamedTuple):
    """What a run of the command has left."""

    code: int
    out: str
    err: str


def run(*arguments: str, stdin: bytes = b"", encoding: str = "utf-8") -> Result:
    """Run the command in this process, with pipes of an encoding."""
    inner, out, err = io.BytesIO(stdin), io.BytesIO(), io.BytesIO()
    streams = sys.stdin, sys.stdout, sys.stderr
    sys.stdin, sys.stdout, sys.stderr = (
        io.TextIOWrapper(stream, encoding=encoding, newline="\n") for stream in (inner, out, err)
    )
    try:
        code = main(list(arguments))
        sys.stdout.flush()
        sys.stderr.flush()
        return Result(code, out.getvalue().decode(encoding), err.getvalue().decode(encoding))
    finally:
        sys.stdin, sys.stdout, sys.stderr = streams


def rows(text: str) -> list[dict[str, str]]:
    """Tab-separated output, by the names of its columns."""
    head, *lines = [line.split("\t") for line in text.splitlines()]
    return [dict(zip(head, line, strict=True)) for line in lines]


class Terminal:
    """A process at a terminal of 80 columns: what it shows, and what is typed."""

    def __init__(self, master: int, process: "subprocess.Popen[bytes]") -> None:
        self._master = master
        self.process = process
        self.shown = ""
        self._seen = 0

    def type(self, text: str) -> None:
        """Type *text* on the keyboard."""
        os.write(self._master, text.encode())

    def until(self, text: str) -> str:
        """What is shown up to *text*, since the last call."""
        end = time.monotonic() + _PATIENCE
        while text not in self.shown[self._seen :]:
            assert time.monotonic() < end, f"{text!r} was not shown: {self.shown}"
            assert self._read(), f"{text!r} was not shown: {self.shown}"
        at = self.shown.index(text, self._seen) + len(text)
        found, self._seen = self.shown[self._seen : at], at
        return found

    def end(self) -> int:
        """The exit code, when all is shown."""
        while self._read():
            pass
        return self.process.wait(_PATIENCE)

    def _read(self) -> bool:
        ready, _, _ = select.select([self._master], [], [], _PATIENCE)
        try:
            data = os.read(self._master, 65536) if ready else b""
        except OSError:  # Linux: the other end is closed
            data = b""
        self.shown += data.decode(errors="replace").replace("\r\n", "\n")
        return bool(data)


@contextmanager
def at_terminal(*arguments: str, env: Mapping[str, str]) -> Iterator[Terminal]:
    """Run the command in another process, at a terminal."""
    pty, termios = pytest.importorskip("pty"), pytest.importorskip("termios")
    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (24, 80))
    command = [*COMMAND, *arguments]
    process = subprocess.Popen(
        command,
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env={**os.environ, "TERM": "xterm", **env},
        start_new_session=True,
    )
    os.close(slave)
    try:
        yield Terminal(master, process)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(_PATIENCE)
        os.close(master)
