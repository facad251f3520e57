"""Measuring side by side: every contestant in every round, the order turned each time.

Only ratios mean anything on a shared machine. Each round gives one ratio per contestant
against the round's own baseline; the table shows their median and spread.
"""

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


def rounds(
    contest: Contest, count: int, clock: Callable[[], float] = time.perf_counter
) -> dict[str, list[float]]:
    """Seconds of each contestant in each round, after one round that does not count."""
    taken: dict[str, list[float]] = {name: [] for name in contest}
    order = list(contest)
    for _ in range(count + 1):
        order.reverse()
        for name in order:
            start = clock()
            contest[name]()
            taken[name].append(clock() - start)
    return {name: values[1:] for name, values in taken.items()}


def table(title: str, taken: dict[str, list[float]], calls: int, baseline: str) -> None:
    """Print microseconds per call, and the ratio to *baseline* round by round."""
    print(f"\n{title}\n  {'':28}{'µs/call':>9}   × {baseline}")
    for name, values in taken.items():
        ratios = sorted(a / b for a, b in zip(values, taken[baseline], strict=True))
        spread = f"{median(ratios):5.2f}  ({ratios[0]:.2f}-{ratios[-1]:.2f})"
        print(f"  {name:28}{median(values) / calls * 1e6:9.0f}   {spread}")


def heading(*packages: str) -> None:
    """What was measured with: interpreter, machine, versions."""
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    print(f"CPython {platform.python_version()}, {platform.machine()}; {versions}")


@contextmanager
def server(rows: int) -> Iterator[str]:
    """The URL of a fast server in a process of its own."""
    script = str(Path(__file__).with_name("server.py"))
    process = subprocess.Popen(
        [sys.executable, script, str(rows)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin
    assert process.stdout
    try:
        yield process.stdout.readline().strip()
    finally:
        process.stdin.close()
        process.wait(10)
        process.stdout.close()
