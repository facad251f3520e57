"""CPU time of a call in two checkouts of kmoment, to find out if a change makes calls slower.

    python benchmarks/compare.py OLD NEW [PAIRS]

OLD and NEW are folders that contain ``kmoment``. Each pair is two new processes, one of OLD and one
of NEW. Their order is reversed each time. Only the client's process is measured. The table shows
the median of NEW / OLD, with its 95 % interval (bootstrap).
"""

import json
import random
import subprocess
import sys
from pathlib import Path
from statistics import median

from measure import heading, pin, server

ONE = """
import asyncio, json, sys, time
path, url = sys.argv[1:]
began = time.process_time()
sys.path.insert(0, path)
import kmoment
kmoment.AsyncClient("token", base_url=url)
taken = {"import, client made": time.process_time() - began}
assert kmoment.__file__.startswith(path), kmoment.__file__


async def many(moment, count, at_once):
    words = iter([f"k{number % 500}" for number in range(count)])

    async def work():
        for word in words:
            await moment.locations.depth3(word)

    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(work())


async def main():
    async with kmoment.AsyncClient("token", base_url=url) as moment:
        await many(moment, 300, 16)
        for at_once in (1, 16, 64):
            began = time.process_time()
            await many(moment, 3000, at_once)
            taken[f"async, {at_once} at once"] = time.process_time() - began


asyncio.run(main())
with kmoment.Client("token", base_url=url) as moment:
    for _ in range(200):
        moment.locations.depth3("x")
    began = time.process_time()
    for number in range(1500):
        moment.locations.depth3(f"k{number % 500}")
    taken["blocking, 1 thread"] = time.process_time() - began
print(json.dumps(taken))
"""


def one(path: str, url: str) -> dict[str, float]:
    """CPU seconds of each task in a new process with the kmoment in *path*."""
    # -I ignores modules in the current folder and variables of the environment.
    command = [sys.executable, "-I", "-c", ONE, str(Path(path).resolve()), url]
    taken: dict[str, float] = json.loads(subprocess.check_output(command, text=True))
    return taken


def interval(values: list[float]) -> tuple[float, float]:
    """The 95 % interval of the median, by bootstrap with 4,000 samples."""
    drawn = sorted(median(random.choices(values, k=len(values))) for _ in range(4000))
    return drawn[100], drawn[-101]


def main() -> None:
    old, new, *rest = sys.argv[1:]
    pairs = int(rest[0]) if rest else 11
    heading("aiohttp")
    pin(0, 0)
    ratios: dict[str, list[float]] = {}
    with server(2, core=1) as url:
        for number in range(pairs):
            order = (old, new) if number % 2 else (new, old)
            taken = {path: one(path, url) for path in order}
            for name in taken[new]:
                ratios.setdefault(name, []).append(taken[new][name] / taken[old][name])
    print(f"\nNEW / OLD, {pairs} pairs")
    for name, values in ratios.items():
        low, high = interval(values)
        print(f"  {name:24}{median(values):6.3f}   ({low:.3f}-{high:.3f})")


if __name__ == "__main__":
    main()
