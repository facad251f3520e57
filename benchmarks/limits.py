"""Calls under a limit that nobody told: how much of it is used, and how much is rejected.

    nox -s bench -- limits                         # every row and contestant once: long
    python benchmarks/limits.py --runs 3 --contenders kmoment --rows "10 in 1 s" bucket
    python benchmarks/limits.py --random 4792919f  # 20 settings drawn with this seed
    python benchmarks/limits.py --also             # single jobs

Each run has a server and a client, both in processes of their own, with real sockets between them.
The server keeps a limit and tells nothing. Workers call without a pause. The server counts:

whole     accepted calls / what the limit allows, from the first call on
steady    the same in the second half
rejected  rejected calls / all calls, in the second half
lost      calls that ended with an error

What a limit allows is: its calls per second x seconds x accounts with a limit of their own; with
the factor of each phase (0 while everything is rejected); for a bucket, what it holds at first is
added to the whole. It is never more than the workers can do: workers / (round trip + 3 ms).
"""

import argparse
import json
import multiprocessing
import random
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from math import exp, log
from pathlib import Path
from statistics import median

import attrs

from contenders import ASYNC, BLOCKING, work
from limit_server import Kind, Setting
from measure import heading
from wire import started

WORKERS = 32
SECONDS = 30.0
OWN_SECONDS = 0.003
"""What a call costs besides the round trip, for workers that are slower than the limit."""
FEW = 34
"""Where fewer calls than this are allowed in the second half, one may be rejected."""
VERY_FEW = 10
"""Where fewer calls than this are allowed, one accepted call less than that is good too."""
KMOMENT = "kmoment"
CONTENDERS = [*ASYNC, *BLOCKING]


@attrs.frozen
class Goal:
    """What a run must reach."""

    steady: float = 0.9
    whole: float = 0.8
    rejected: float = 0.03


SHARED = Goal(0.85, 0.7, 0.05)
MANY = Goal(0.85, 0.6, 0.05)
COUNTED = Goal(0.8, 0.6, 0.05)


@attrs.frozen
class Row:
    """One setting, and its goal."""

    name: str
    setting: Setting
    goal: Goal = Goal()
    workers: int = WORKERS
    seconds: float = SECONDS


def rows() -> list[Row]:
    """The rows of the table."""
    return [
        Row("gap of 2 s", Setting(kind="gap", seconds=2, latency=0.02)),
        Row("1 in each second", Setting(kind="window", calls=1, latency=0.3)),
        Row("10 in each second", Setting(kind="window", calls=10, latency=0.2)),
        Row("bucket 10/s, burst 10", Setting(kind="bucket", calls=10, latency=0.02)),
        Row("bucket 50/s, burst 50", Setting(kind="bucket", calls=50, latency=0.1)),
        Row("10 in any 6 s", Setting(kind="sliding", calls=10, seconds=6, latency=0.05)),
        Row("8 accounts, gap of 1 s", Setting(kind="gap", seconds=1, latency=0.05, accounts=8)),
        Row("gap of 0.2 s, far", Setting(kind="gap", seconds=0.2, latency=0.3)),
        Row("10/s, Retry-After: 1", Setting(kind="window", calls=10, retry_after=1)),
        Row("20/s, 10/s, 20/s", _phases(20, 0.1, (0, 1), (10, 0.5), (20, 1))),
        Row("20/s, 5 s of 429", _phases(20, 0.05, (0, 1), (12.5, 0), (17.5, 1))),
        Row("shared 10/s, 8 accounts", _shared(10, 8), SHARED),
        Row("shared 20/s, 100 accounts", _shared(20, 100), MANY, workers=100),
        Row("gap of 0.5 s, counted", Setting(kind="gap", seconds=0.5, counted=True), COUNTED),
    ]


def _phases(calls: int, latency: float, *phases: tuple[float, float]) -> Setting:
    return Setting(kind="window", calls=calls, latency=latency, phases=phases)


def _shared(calls: int, accounts: int) -> Setting:
    return Setting(kind="window", calls=calls, accounts=accounts, shared=True)


# -- Settings by chance -----------------------------------------------------------------


def drawn(seed: str, count: int = 20) -> list[Row]:
    """*count* settings, drawn with *seed*."""
    chance = random.Random(seed)
    return [_drawn(number, chance) for number in range(1, count + 1)]


def _drawn(number: int, chance: random.Random) -> Row:
    kind: Kind = chance.choice(["gap", "window", "sliding", "bucket"])
    rate, latency = _log_uniform(chance, 0.3, 100), _log_uniform(chance, 0.005, 0.4)
    jitter, workers = chance.uniform(0, 0.4), chance.randint(3, 64)
    retry_after = chance.choice([None, 1.0])
    span = _log_uniform(chance, 0.5, 6)
    calls = 1 if kind == "gap" else max(1, round(rate * span))
    setting = Setting(
        kind=kind,
        calls=calls,
        seconds=calls / rate,
        latency=latency,
        jitter=jitter,
        retry_after=retry_after,
    )
    told = ", Retry-After" if retry_after else ""
    limit = f"{calls} / {calls / rate:.3g} s"
    way = f"{latency * 1000:.0f} ms ± {jitter:.0%}, {workers} workers"
    return Row(f"{number:2} {kind} {limit}, {way}{told}", setting, workers=workers)


def _log_uniform(chance: random.Random, least: float, most: float) -> float:
    return exp(chance.uniform(log(least), log(most)))


# -- One run ----------------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class Result:
    """What the server counted in one run, and what the client lost."""

    row: str
    contender: str
    steady: float
    whole: float
    rejected: float
    lost: int
    allowed_steady: float
    allowed_whole: float
    accepted_steady: int
    rejected_steady: int
    longest: float
    """Seconds of the longest call."""
    cpu: float
    """Seconds of the client's process."""
    error: str
    """The first error of a lost call."""

    def is_green(self, goal: Goal) -> bool:
        few = self.allowed_steady < FEW and self.rejected_steady <= 1
        enough = self.steady >= goal.steady
        if self.allowed_steady < VERY_FEW:
            enough |= self.accepted_steady >= self.allowed_steady - 1
        kept = self.rejected <= goal.rejected or few
        return enough and self.whole >= goal.whole and kept and not self.lost

    @property
    def score(self) -> float:
        """Share × (1 − rejected)."""
        return self.steady * (1 - self.rejected)

    def __str__(self) -> str:
        shares = f"{self.steady:.2f}/{self.whole:.2f}/{self.rejected * 100:.1f}%"
        return f"{shares}({self.rejected_steady})/{self.lost}"


def allowed(row: Row, begin: float, end: float) -> float:
    """How many calls the limit allows between two times."""
    setting, step = row.setting, 0.01
    limits = 1 if setting.shared else setting.accounts
    most = row.workers / (setting.latency + OWN_SECONDS)
    moments = [begin + step * (n + 0.5) for n in range(round((end - begin) / step))]
    found = sum(min(most, setting.rate * limits * setting.factor(at)) * step for at in moments)
    return round(found, 6)


def burst(row: Row) -> float:
    """What a bucket allows in addition, at first."""
    if row.setting.kind != "bucket":
        return 0.0
    is_met = row.setting.rate < row.workers / (row.setting.latency + OWN_SECONDS)
    limits = 1 if row.setting.shared else row.setting.accounts
    return row.setting.calls * limits * is_met


def run(row: Row, contender: str) -> Result:
    """One run, in this process and the server's."""
    seconds = row.seconds
    with started("limit_server.py", attrs.asdict(row.setting)) as server:
        began = time.process_time()
        tally = work(contender, server.url, row.setting, row.workers, seconds + 0.5)
        cpu = time.process_time() - began
        events: list[tuple[float, bool]] = server.stop()["events"]
    steady = [ok for at, ok in events if seconds / 2 <= at < seconds]
    whole = sum(ok for at, ok in events if at < seconds)
    may, may_whole = allowed(row, seconds / 2, seconds), allowed(row, 0, seconds) + burst(row)
    return Result(
        row=row.name,
        contender=contender,
        steady=sum(steady) / may,
        whole=whole / may_whole,
        rejected=steady.count(False) / max(1, len(steady)),
        lost=tally.lost,
        allowed_steady=may,
        allowed_whole=may_whole,
        accepted_steady=sum(steady),
        rejected_steady=steady.count(False),
        longest=tally.longest,
        cpu=cpu,
        error=tally.first_error,
    )


def run_all(jobs: Sequence[tuple[Row, str]], at_once: int) -> Iterator[Result]:
    """Run them, several at a time. Each has a new process."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(at_once, spawn, max_tasks_per_child=1) as pool:
        pending = [pool.submit(run, row, contender) for row, contender in jobs]
        for number, done in enumerate(as_completed(pending), 1):
            print(f"\r{number}/{len(jobs)}", end="", file=sys.stderr, flush=True)
            yield done.result()
    print(file=sys.stderr)


# -- Tables -----------------------------------------------------------------------------


def table(chosen: Sequence[Row], results: Sequence[Result], contenders: Iterable[str]) -> None:
    """Print every run, then what the runs of each row come to."""
    for row in chosen:
        print(f"\n{row.name}: allowed {_allowed(row, results)}")
        for name in contenders:
            runs = [r for r in results if (r.row, r.contender) == (row.name, name)]
            if runs:
                print(f"  {name:18}{_line(row, runs)}")
    print("\nsteady / whole / % rejected in steady (calls) / lost; ✓ is green", flush=True)


def _allowed(row: Row, results: Sequence[Result]) -> str:
    found = [r for r in results if r.row == row.name]
    return f"{found[0].allowed_steady:.1f} in steady, {found[0].allowed_whole:.1f} in all"


def _line(row: Row, runs: Sequence[Result]) -> str:
    shown = "  ".join(f"{r}{'✓' if r.is_green(row.goal) else '✗'}" for r in runs)
    score, longest = median(r.score for r in runs), max(r.longest for r in runs)
    cpu = max(r.cpu for r in runs)
    errors = "".join(f"\n{'':20}{r.error}" for r in runs if r.error)
    return f"{shown}   score {score:.2f}, longest {longest:.1f} s, CPU {cpu:.1f} s{errors}"


def summary(chosen: Sequence[Row], results: Sequence[Result]) -> None:
    """Print how many rows are green, and where another contestant has the better score."""
    ours = {
        row.name: [r for r in results if (r.row, r.contender) == (row.name, KMOMENT)]
        for row in chosen
    }
    green = [row.name for row in chosen if _is_green(row, ours[row.name])]
    print(f"\nkmoment is green in 2 of 3 of the runs in {len(green)} of {len(chosen)} rows")
    for row in chosen:
        if row.name not in green and ours[row.name]:
            print(f"  not green: {row.name}")
        for other in ("sleep(1)", "botocore"):
            theirs = [r.score for r in results if (r.row, r.contender) == (row.name, other)]
            if theirs and ours[row.name]:
                mine = median(r.score for r in ours[row.name])
                if mine <= median(theirs):
                    print(f"  not ahead of {other}: {row.name} {mine:.2f} {median(theirs):.2f}")


def _is_green(row: Row, runs: Sequence[Result]) -> bool:
    return bool(runs) and sum(r.is_green(row.goal) for r in runs) * 3 >= len(runs) * 2


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", nargs="+", metavar="NAME", help="rows with this in their name")
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of one run")
    parser.add_argument("--contenders", nargs="+", choices=CONTENDERS, default=CONTENDERS)
    parser.add_argument("--random", metavar="SEED", help="20 settings drawn with this seed")
    parser.add_argument("--also", action="store_true", help="the table of single jobs")
    parser.add_argument("--at-once", type=int, default=6, help="runs at the same time")
    parser.add_argument("--save", type=Path, metavar="FILE", help="add each run as a line of JSON")
    return parser.parse_args()


def chosen_rows(options: argparse.Namespace) -> list[Row]:
    found = rows() if options.random is None else drawn(options.random)
    wanted = options.rows or [""]
    found = [row for row in found if any(part in row.name for part in wanted)]
    return [attrs.evolve(row, seconds=options.seconds) for row in found]


def main() -> None:
    options = arguments()
    heading("kmoment", "aiohttp", "botocore")
    if options.also:
        from limits_also import run_jobs

        run_jobs(options.rows or [""], options.runs, options.at_once)
        return
    chosen = chosen_rows(options)
    jobs = [
        (row, name) for _ in range(options.runs) for row in chosen for name in options.contenders
    ]
    results = []
    for result in run_all(jobs, options.at_once):
        results.append(result)
        if options.save:
            with options.save.open("a") as file:
                file.write(json.dumps(attrs.asdict(result)) + "\n")
    table(chosen, results, options.contenders)
    if KMOMENT in options.contenders:
        summary(chosen, results)


if __name__ == "__main__":
    main()
