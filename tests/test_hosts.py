"""Each kind of host program, as a real process under ``-X dev -W error``, with a time limit."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kmoment.sandbox import Sandbox

HOSTS = Path(__file__).parent / "helpers" / "hosts.py"
FORKS = (
    "fork",
    "fork_unclosed",
    "fork_in_a_batch",
    "fork_while_opening",
    "multiprocessing_fork",
    "preload",
)
NAMES = (
    "never_closed",
    "never_closed_global",
    "with_block",
    "closed_twice",
    "exits_inside",
    "exits_hard",
    "in_flight_at_exit",
    "many_threads",
    "running_loop",
    "thread_of_a_loop",
    "ctrl_c",
    "ctrl_c_in_a_batch",
    "dropped",
    "no_threads_at_import",
    *FORKS,
)
# Seconds for one host program. It takes a few seconds at most, but the machine may be busy.
LIMIT = 30.0


def run(name: str, sandbox: Sandbox) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-X", "dev", "-W", "error", *leniency(name), str(HOSTS)]
    return subprocess.run(
        [*command, name, sandbox.url, sandbox.token],
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )


def leniency(name: str) -> list[str]:
    """Python 3.12 and newer warn about a fork in a process with threads. Ignore that warning."""
    return ["-W", "ignore:This process:DeprecationWarning"] if name in FORKS else []


@pytest.fixture
def calm(sandbox: Sandbox) -> Iterator[Sandbox]:
    yield sandbox
    sandbox.clear_faults()


@pytest.mark.parametrize("name", NAMES)
def test_host(name: str, calm: Sandbox) -> None:
    """The host program ends by itself, in time, without a warning or a traceback."""
    start = time.monotonic()
    host = run(name, calm)
    assert host.stderr == ""
    assert host.stdout.split()[-1] == "done"
    assert host.returncode == 0
    if name == "in_flight_at_exit":
        assert time.monotonic() - start < 10


def test_ctrl_c_uncaught(calm: Sandbox) -> None:
    """An uncaught Ctrl-C ends the program with SIGINT's exit code and one traceback."""
    start = time.monotonic()
    host = run("ctrl_c_uncaught", calm)
    assert host.returncode == -signal.SIGINT
    assert host.stderr.count("Traceback") == 1
    assert host.stderr.rstrip().endswith("KeyboardInterrupt")
    assert "Warning" not in host.stderr
    assert time.monotonic() - start < 10
