"""Compares contestants. All of them run in every round, and the order is reversed each time.

On a shared machine only ratios are meaningful. Each round gives one ratio for each contestant:
its time divided by the baseline's time in the same round. The table shows median and range.
"""

import gc
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from statistics import median

Contest = Mapping[str, Callable[[], None]]
Taken = dict[str, list[float]]


def repeated(call: Callable[[], object], count: int) -> Callable[[], None]:
    """One round of one contestant: *call*, repeated *count* times."""

    def run() -> None:
        for _ in range(count):
            call()

    return run


def rounds(contest: Contest, count: int, clock: Callable[[], float] = time.perf_counter) -> Taken:
    """Seconds of each contestant in each round. One more round before these is not counted."""
    taken: Taken = {name: [] for name in contest}
    order = list(contest)
    for _ in range(count + 1):
        order.reverse()
        for name in order:
            gc.collect()  # or a contestant would be charged for the garbage of another
            start = clock()
            contest[name]()
            taken[name].append(clock() - start)
    return {name: values[1:] for name, values in taken.items()}


def table(
    title: str,
    taken: Taken,
    calls: int,
    *baselines: str,
    unit: str = "µs/call",
    scale: float = 1e6,
) -> None:
    """Print *scale* times the median of one call, and its ratio to each of *baselines*.

    There is a ratio for each round. The table shows their median, smallest and largest.
    """
    heads = [f"× {baseline:16}" for baseline in baselines]
    print(f"\n{title}\n  {'':26}{unit:>10}   {'   '.join(heads)}".rstrip())
    for name, values in taken.items():
        ratios = (
            f"{_ratio(values, taken[baseline]):{len(head)}}"
            for head, baseline in zip(heads, baselines, strict=True)
        )
        each = median(values) / calls * scale
        print(f"  {name:26}{each:10,.1f}   {'   '.join(ratios)}".rstrip(), flush=True)


def _ratio(values: list[float], baseline: list[float]) -> str:
    ratios = sorted(a / b for a, b in zip(values, baseline, strict=True))
    return f"{median(ratios):5.2f} ({ratios[0]:.2f}-{ratios[-1]:.2f})"


def show_time(title: str, call: Callable[[], object], rounds: int = 11) -> None:
    """Print how long *call* takes: the median of an odd number of rounds, and their range."""
    taken = []
    for _ in range(rounds):
        gc.collect()
        start = time.perf_counter()
        call()
        taken.append((time.perf_counter() - start) * 1e3)
    print(f"  {title:32}{median(taken):6.0f} ms  ({min(taken):.0f}-{max(taken):.0f})")


def heading(*packages: str) -> None:
    """Print the interpreter, the machine and the versions of *packages*."""
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    print(f"CPython {platform.python_version()}, {machine}; {versions}", flush=True)


def pin(process: int, core: int) -> None:
    """Pin *process* (0: this process) to a core, where possible.

    *core* is an index into the cores that this process could use at its start.
    """
    if sys.platform == "linux" and core < len(_CORES):
        os.sched_setaffinity(process, {_CORES[core]})


# Read before anything is pinned, because a child process inherits its parent's cores.
_CORES = sorted(os.sched_getaffinity(0)) if sys.platform == "linux" else []


@contextmanager
def server(rows: int, core: int | None = None, seconds: float = 0.0) -> Iterator[str]:
    """The URL of a fast server in its own process, pinned to *core* if given.

    The server sends each answer *seconds* late.
    """
    script = str(Path(__file__).with_name("server.py"))
    process = subprocess.Popen(
        [sys.executable, script, str(rows), str(seconds)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    if core is not None:
        pin(process.pid, core)
    assert process.stdin
    assert process.stdout
    try:
        yield process.stdout.readline().strip()
    finally:
        process.stdin.close()
        process.wait(10)
        process.stdout.close()
