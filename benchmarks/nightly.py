"""Jobs that share a fleet and a journal, and one process is killed. Needs ``redis-server``.

    nox -s bench -- nightly                       # 20 nights: ten minutes
    python benchmarks/nightly.py --nights 5 --first 7 --journal redis
    python benchmarks/nightly.py --breaker        # one process meets a used-up quota

In each night four processes create an audience in each of their 50 accounts, at the same time, with
one fleet and one journal. The server loses some answers, and rejects what is more than it allows.
One process is killed with SIGKILL at a moment that the night's number decides:

before    a create is about to be sent
sent      it was sent, and the server works on it
answered  its answer was read
end       the job is done, and its end is not recorded

Then all four run again. Each account has to be done, or to be named as unknown. A person looks at
those that are unknown, and all run until all is done: the create locks of the killed process have
to end first. The server counts the audiences. The exit status is 1 if a promise is broken.
"""

import argparse
import asyncio
import json
import logging
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

import attrs

import kmoment
from kmoment._policies import circuit_breaker
from kmoment.fleet import Fleet
from kmoment.hooks import AttemptEnd, AttemptStart, Hook
from kmoment.journal import _redis
from kmoment.sandbox import Fault, Quota, Sandbox
from measure import heading
from redis_process import redis_server

PROCESSES = 4
ACCOUNTS = 50
"""Of one process."""
NIGHTS = 20
POINTS = ("before", "sent", "answered", "end")
CONCURRENCY = 4
WORK = 0.1
"""Seconds that the server works on a create."""
LOST = 0.05
"""The share of creates whose answer is lost."""
RATE = 60
"""Calls of all accounts that the server allows in a second."""
NAME = "nightly"
DEADLINE, LOOKS = 10.0, (0.2, 1.0, 2.0)
"""Of a create, in seconds. Its lock ends 5 s after the sum of the looks, if its process was
killed."""
LAST_RUNS = 4
"""Each waits for a lock as long as the deadline."""
SILENT = 6.0
"""Seconds after which a journal in Redis takes a silent process for dead here, in place of 30 s."""
OPEN_WITHIN = 1.5
"""Seconds from the first refusal until no process sends a call."""
BREAKER_SECONDS = 3.0
"""That a breaker stays open here, in place of 60 s."""
SETTLED = 2.0
"""Seconds of calls before the quota is used up."""


# -- A process --------------------------------------------------------------------------


@attrs.frozen
class Job:
    """What one process does."""

    url: str
    token: str
    redis: str
    journal: str
    night: str
    accounts: Sequence[int]
    point: str = ""
    """Where it kills itself, if at all."""
    nth: int = 0
    """At which of these moments."""
    pause: float = 0.0
    """Seconds between ``sent`` and the end."""

    def client(self) -> kmoment.AsyncClient:
        hooks = [Killer(self)] if self.point else []
        fleet = Fleet(self.redis, namespace=self.night)
        return kmoment.AsyncClient(
            self.token, base_url=self.url, fleet=fleet, hooks=hooks, deadline=DEADLINE,
            reconcile_delays=LOOKS,
        )  # fmt: skip


class Killer(Hook):
    """Kills the process at the moment that the job names."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._met = count(1)

    def reached(self, point: str, pause: float = 0.0) -> None:
        if point == self._job.point and next(self._met) == self._job.nth:
            if pause:
                threading.Timer(pause, self._kill).start()
            else:
                self._kill()

    def _kill(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def on_attempt_start(self, event: AttemptStart) -> None:
        if event.operation == "audiences.create":
            self.reached("before")
            self.reached("sent", self._job.pause)

    def on_attempt_end(self, event: AttemptEnd) -> None:
        if event.operation == "audiences.create":
            self.reached("answered")


async def work(job: Job) -> None:
    """Create an audience in each account. How each ended."""
    killer, draft = Killer(job), kmoment.AudienceDraft.display(NAME)
    _redis.LEASE_SECONDS = SILENT  # type: ignore[misc]

    async def create(account: kmoment.AsyncAccount) -> int:
        made = await account.audiences.create(draft)
        killer.reached("end")
        return made.id

    journal = kmoment.Journal(job.journal, run=job.night)
    async with job.client() as moment:
        batch = moment.each_account(job.accounts, create, concurrency=CONCURRENCY, journal=journal)
        async for outcome in batch:
            print(json.dumps([outcome.input, outcome.status]), flush=True)


async def look_up(job: Job) -> None:
    """Call until standard input closes."""
    circuit_breaker._WAITS[kmoment.QuotaExceededError] = (BREAKER_SECONDS,)
    over = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    async with job.client() as moment:
        while not over.done():
            with suppress(kmoment.QuotaExceededError):
                await moment.account(job.accounts[0]).targeting.cohorts()
            await asyncio.sleep(0.02)


# -- A night ----------------------------------------------------------------------------


@attrs.frozen
class Night:
    """How a night went."""

    point: str
    nth: int
    killed: int
    """Processes that were killed."""
    done: int
    unknown: int
    missing: int
    """Accounts that are neither done nor unknown after the second run."""
    twice: int
    """Accounts with more than one audience, as the server counts them."""
    undone: int
    """Accounts without an audience after the last run, or that are not done."""
    seconds: float

    @property
    def is_good(self) -> bool:
        return self.killed == 1 and not (self.missing or self.twice or self.undone)

    def __str__(self) -> str:
        return (
            f"{self.point:>9} {self.nth:3} {self.done:6} {self.unknown:8} {self.missing:8}"
            f" {self.twice:6} {self.undone:7} {self.seconds:6.1f}  {'✓' if self.is_good else '✗'}"
        )


HEAD = "    point nth   done  unknown  missing  twice  undone      s"


def started(job: Job, how: str = "work") -> "subprocess.Popen[str]":
    command = [sys.executable, __file__, "--job", how, json.dumps(attrs.asdict(job))]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)


def run(jobs: Sequence[Job]) -> tuple[dict[int, str], int]:
    """Run all at the same time: how each account ended, and how many processes were killed."""
    processes = [started(job) for job in jobs]
    said = [process.communicate()[0] for process in processes]
    lines = [json.loads(line) for text in said for line in text.splitlines()]
    killed = sum(process.returncode == -signal.SIGKILL for process in processes)
    return dict(lines), killed


@contextmanager
def place(accounts: Sequence[int], seed: int) -> Iterator[Sandbox]:
    """A server that is slow, loses answers, and has a limit."""
    with Sandbox(accounts=accounts, seed=seed) as sandbox:
        sandbox.set_quota(Quota("audiences.*", RATE, 1.0, per="app"))
        sandbox.add_fault(Fault("audiences.create", "drop_after", rate=LOST))
        sandbox.add_fault(Fault("audiences.create", "delay", delay=WORK))
        yield sandbox


def made(sandbox: Sandbox) -> Counter[int]:
    """How many audiences of the job each account has, as the server counts them."""
    found: Counter[int] = Counter()
    for account, state in sandbox.state()["accounts"].items():
        found[int(account)] = sum(row["name"] == NAME for row in state["audiences"])
    return found


def a_night(number: int, accounts: int, redis: str, journal: str) -> Night:
    chance, began = random.Random(number), time.monotonic()
    point, nth = POINTS[number % len(POINTS)], chance.randint(1, max(1, accounts - CONCURRENCY))
    everyone = range(1001, 1001 + accounts * PROCESSES)
    with place(everyone, number) as sandbox:
        shares = [[*everyone[n::PROCESSES]] for n in range(PROCESSES)]
        settings = (sandbox.url, sandbox.token, redis, journal, f"night-{number}")
        jobs = [Job(*settings, share) for share in shares]
        victim = chance.randrange(PROCESSES)
        pause = chance.uniform(0.2, 0.9) * WORK
        first = [*jobs]
        first[victim] = attrs.evolve(jobs[victim], point=point, nth=nth, pause=pause)
        _, killed = run(first)
        time.sleep(_dead_after(journal))
        ended, _ = run(jobs)
        there, unknown = made(sandbox), {one for one in ended if ended[one] == "unknown"}
        twice = {one for one in there if there[one] > 1}
        done = {one for one in ended if ended[one] == "ok" and there[one]}
        book = kmoment.Journal(journal, run=f"night-{number}")
        for one in unknown:  # a person looks
            book.resolve(one, "ok" if there[one] else "failed")
        last: dict[int, str] = {}
        for _ in range(LAST_RUNS):
            last, _ = run(jobs)
            if set(last.values()) == {"ok"}:
                break
        there = made(sandbox)
    return Night(
        point=point,
        nth=nth,
        killed=killed,
        done=len(done),
        unknown=len(unknown),
        missing=len(set(everyone) - done - unknown),
        twice=len(twice | {one for one in there if there[one] > 1}),
        undone=sum(last.get(one) != "ok" or not there[one] for one in everyone),
        seconds=time.monotonic() - began,
    )


def _dead_after(journal: str) -> float:
    """Seconds until a journal takes a process for dead."""
    return SILENT + 1 if journal.startswith("redis") else 0.0


def nights(numbers: Sequence[int], accounts: int, kind: str) -> bool:
    """Run nights, and print a line for each. Whether all were good."""
    print(HEAD, flush=True)
    good = True
    with redis_server() as redis, tempfile.TemporaryDirectory() as folder:
        for number in numbers:
            file = str(Path(folder, f"{number}.journal"))
            night = a_night(number, accounts, redis, redis if kind == "redis" else file)
            good &= night.is_good
            print(night, flush=True)
    return good


# -- The breaker ------------------------------------------------------------------------


def breaker() -> bool:
    """One of four processes meets a used-up quota. Whether all stop in time, and one probes."""
    accounts = range(1, 1 + PROCESSES)
    with redis_server() as redis, Sandbox(accounts=accounts) as sandbox:
        settings = (sandbox.url, sandbox.token, redis, "", "quota")
        processes = [started(Job(*settings, [one]), "look_up") for one in accounts]
        while len({entry["account"] for entry in sandbox.requests()}) < PROCESSES:
            time.sleep(0.1)
        time.sleep(SETTLED)
        sandbox.add_fault(Fault("*", "quota_exceeded", times=1))
        time.sleep(BREAKER_SECONDS - 0.5)
        sandbox.add_fault(Fault("*", "quota_exceeded"))
        time.sleep(OPEN_WITHIN + 1)
        entries = sandbox.requests()
        for process in processes:
            process.communicate()
    refusal = next(_time(entry) for entry in entries if entry["fault"])
    after = [_time(entry) - refusal for entry in entries]
    opened = max(at for at in after if at < BREAKER_SECONDS - 0.1)
    probes = sum(at >= BREAKER_SECONDS - 0.1 for at in after)
    print(
        f"the last of {PROCESSES} processes stops {opened:.2f} s after the refusal; {probes} probes"
    )
    return opened <= OPEN_WITHIN and probes == 1


def _time(entry: Any) -> float:
    return datetime.fromisoformat(entry["time"]).timestamp()


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--nights", type=int, default=NIGHTS)
    parser.add_argument("--first", type=int, default=0, help="the number of the first night")
    parser.add_argument("--accounts", type=int, default=ACCOUNTS, help="of one process")
    parser.add_argument("--journal", choices=["file", "redis"], default="file")
    parser.add_argument("--breaker", action="store_true", help="instead")
    parser.add_argument("--job", nargs=2, help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> bool:
    options = arguments()
    if options.job:
        how, text = options.job
        logging.getLogger("kmoment").setLevel(logging.ERROR)
        asyncio.run({"work": work, "look_up": look_up}[how](Job(**json.loads(text))))
        return True
    heading("kmoment", "aiohttp", "redis")
    numbers = range(options.first, options.first + options.nights)
    if options.breaker:
        return breaker()
    return nights(numbers, options.accounts, options.journal)


if __name__ == "__main__":
    sys.exit(not main())
