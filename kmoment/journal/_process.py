"""Names this process, and finds out whether another one of this machine still lives.

A number alone proves nothing: the system gives it to another process later. So the name has the
time at which the process began.
"""

import os
import platform
import subprocess
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Final

_PROC: Final = Path("/proc")
_BEGAN: Final = 19
"""Where the start time stands in ``/proc/PID/stat``, counted after the name: proc(5)."""


def this_process() -> str:
    """This process: its machine, its number and its start."""
    pid = os.getpid()
    return f"{_machine()}/{pid}/{_start_of(pid) or ''}"


def lives(name: str) -> bool:
    """Whether the process of *name* runs. One of another machine or container is not seen."""
    if name == this_process():
        return True
    machine, pid, start = name.rsplit("/", 2)
    return machine == _machine() and bool(start) and start == _start_of(int(pid))


@cache
def _machine() -> str:
    """This machine since it was started, and the container in it."""
    with suppress(OSError):
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}:{os.readlink(_PROC / 'self/ns/pid')}"
    return platform.node()


def _start_of(pid: int) -> str | None:
    """When a process began, in the system's own words; ``None`` if it does not run."""
    return _from_proc(pid) if (_PROC / "self/stat").exists() else _from_ps(pid)


def _from_proc(pid: int) -> str | None:
    with suppress(OSError):
        fields = (_PROC / f"{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
        return None if fields[0] in "ZX" else fields[_BEGAN]
    return None


def _from_ps(pid: int) -> str | None:
    """For macOS. Windows has no ``ps``: there no other process is seen."""
    with suppress(OSError):
        command = ["ps", "-o", "stat=,lstart=", "-p", str(pid)]
        # In words that are the same for all: of the time zone and language of each process.
        words = os.environ | {"TZ": "UTC", "LC_ALL": "C"}
        run = subprocess.run(command, capture_output=True, text=True, check=False, env=words)  # noqa: S603
        state, _, start = run.stdout.strip().partition(" ")
        return None if state[:1] in ("Z", "") else start.strip()
    return None
