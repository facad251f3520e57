"""A host that goes away for a while in the middle of a job.

    nox -s bench -- outages                    # every job, kind and length: some minutes
    python benchmarks/outages.py --jobs creates --kinds silent --seconds 5

The server is in a process of its own and knows what it has done. Jobs:

look-ups   a batch of 2,000 of 20 ms each, 32 workers; also with the blocking client
loop       single calls, one after the other, for outages of up to 3 s
creates    a batch of 200, 16 workers; in the outage every second create takes effect (but for 503)

lost       calls that did not end well
req/call   requests that the client tried to send / calls
full       seconds from the end of the outage until calls are answered at 70 % of the speed before
twice      names that two audiences have
false      outcomes that are not true: *ok* without an audience, or *failed* with one
unknown    creates of which the client says that it does not know

In a silent outage nothing is answered. There the client's ``timeout`` is 2 s.
"""

import argparse
import asyncio
import json
import logging
import multiprocessing
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import attrs

import kmoment
from kmoment.hooks import AttemptStart, Hook
from kmoment.outcomes import Outcome, OutcomeStatus
from measure import heading
from outage_server import Kind, Outage
from wire import Json, started

LOOK_UPS, AT_ONCE = 2_000, 32
CREATES, CREATES_AT_ONCE = 200, 16
LOOP = 150
KINDS: tuple[Kind, ...] = ("refused", "reset", "502 page", "503", "silent")
SECONDS = (0.05, 1.0, 5.0, 20.0)
LOOP_SECONDS = (0.05, 1.0, 3.0)
SILENT_TIMEOUT = 2.0
"""Seconds: the client's timeout in silent outages."""
FULL_SHARE = 0.7
"""The share of the speed before that counts as full: short times stray."""
MOST_REQUESTS = 1.15
MOST_SECONDS = 2.0
"""Goals: requests for each call; seconds until full speed, besides the timeout if silent."""


class Count(Hook):
    """Counts the requests that are tried."""

    def __init__(self) -> None:
        self.requests = 0

    def on_attempt_start(self, event: AttemptStart) -> None:
        self.requests += 1


@attrs.frozen
class Done:
    """The outcomes of a job: a status, a name and an id for each call."""

    calls: list[tuple[str, str, int | None]]
    errors: list[str]


def done(outcomes: Iterable[Outcome[Any, Any]]) -> Done:
    calls, errors = [], []
    for outcome in outcomes:
        name = getattr(outcome.input, "name", str(outcome.input))
        calls.append((str(outcome.status), name, getattr(outcome.value, "id", None)))
        if outcome.error is not None:
            errors.append(f"{type(outcome.error).__name__}: {outcome.error}")
    return Done(calls, errors)


def words(count: int) -> list[str]:
    return [f"word {number}" for number in range(count)]


# -- Jobs -------------------------------------------------------------------------------


async def look_ups(moment: kmoment.AsyncClient) -> Done:
    return done(await moment.locations.depth3_each(words(LOOK_UPS), concurrency=AT_ONCE).collect())


async def loop(moment: kmoment.AsyncClient) -> Done:
    result = Done([], [])
    for word in words(LOOP):
        status = OutcomeStatus.OK
        try:
            await moment.locations.depth3(word)
        except kmoment.APIError as error:
            status = OutcomeStatus.FAILED
            result.errors.append(f"{type(error).__name__}: {error}")
        result.calls.append((str(status), word, None))
    return result


async def creates(moment: kmoment.AsyncClient) -> Done:
    drafts = [kmoment.AudienceDraft.display(word, ages=["20"]) for word in words(CREATES)]
    create = moment.account(1234).audiences.create
    return done(await moment.each(create, drafts, concurrency=CREATES_AT_ONCE).collect())


def look_ups_blocking(url: str, timeout: float, counter: Count) -> Done:
    with kmoment.Client("token", base_url=url, timeout=timeout, hooks=[counter]) as moment:
        batch = moment.locations.depth3_each(words(LOOK_UPS), concurrency=AT_ONCE)
        return done(batch.collect())


ASYNC_JOBS: dict[str, Callable[[kmoment.AsyncClient], Awaitable[Done]]] = {
    "look-ups": look_ups,
    "loop": loop,
    "creates": creates,
}
BLOCKING = "look-ups, blocking"
JOBS = {"look-ups": LOOK_UPS, BLOCKING: LOOK_UPS, "loop": LOOP, "creates": CREATES}


async def do_async(job: str, url: str, silence: float, counter: Count) -> Done:
    async with kmoment.AsyncClient(
        "token", base_url=url, timeout=silence, hooks=[counter]
    ) as moment:
        return await ASYNC_JOBS[job](moment)


# -- One run ----------------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class Result:
    """What one run came to."""

    job: str
    kind: str
    outage: float
    lost: int
    requests: float
    """For each call."""
    received: float
    """The same, as the server counted them."""
    full: float
    """Seconds from the end of the outage to full speed."""
    took: float
    twice: int
    false: int
    unknown: int
    cpu: float
    """Seconds of the client's process."""
    error: str

    @property
    def is_green(self) -> bool:
        allowed = SILENT_TIMEOUT if self.kind == "silent" else 0.0
        kept = self.lost == 0 or self.job == "creates"
        cheap = self.requests <= MOST_REQUESTS or self.job != "look-ups"
        true = not self.twice and not self.false
        return kept and cheap and true and self.full <= MOST_SECONDS + allowed


def run(job: str, kind: Kind, seconds: float) -> Result:
    logging.getLogger("kmoment").setLevel(logging.ERROR)
    calls, counter = JOBS[job], Count()
    timeout = SILENT_TIMEOUT if kind == "silent" else 30.0
    after = calls // 3 if job == "loop" else calls // 2
    outage = Outage(kind=kind, seconds=seconds, after=after)
    with started("outage_server.py", attrs.asdict(outage)) as server:
        began, cpu = time.monotonic(), time.process_time()
        if job == BLOCKING:
            result = look_ups_blocking(server.url, timeout, counter)
        else:
            result = asyncio.run(do_async(job, server.url, timeout, counter))
        took, cpu = time.monotonic() - began, time.process_time() - cpu
        report = server.stop()
    made = [(ident, name) for ident, name in report["audiences"]]
    return Result(
        job=job,
        kind=kind,
        outage=seconds,
        lost=sum(status != "ok" for status, _, _ in result.calls),
        requests=counter.requests / calls,
        received=report["received"] / calls,
        full=full_speed(report, FULL_SHARE),
        took=took,
        twice=len(made) - len({name for _, name in made}),
        false=untrue(result, made) if job == "creates" else 0,
        unknown=sum(status == "unknown" for status, _, _ in result.calls),
        cpu=cpu,
        error=result.errors[0] if result.errors else "",
    )


def full_speed(report: Json, share: float) -> float:
    """Seconds from the end of the outage until as much is answered as before it."""
    answered, began, ended = report["answered"], report["began"], report["ended"]
    if ended is None:
        return float("nan")  # the job was over before the outage
    before = [at for at in answered if at <= began]
    rate = (len(before) - 1) / (began - before[0])
    span = max(0.1, 5 / rate)
    after = [at for at in answered if at >= ended]
    for at in after:
        if sum(at <= other < at + span for other in after) >= share * rate * span:
            return float(at - ended)
    return float(after[-1] - ended) if after else float("inf")


def untrue(result: Done, made: Sequence[tuple[int, str]]) -> int:
    """Outcomes of creates that the server's audiences contradict."""
    names = {name for _, name in made}
    wrong = 0
    for status, name, ident in result.calls:
        if status == "ok":
            wrong += (ident, name) not in made
        elif status != "unknown":
            wrong += name in names
    return wrong


def run_all(jobs: Sequence[tuple[str, Kind, float]], at_once: int) -> Iterator[Result]:
    """Run them, several at a time. Each has a new process."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(at_once, spawn, max_tasks_per_child=1) as pool:
        for pending in [pool.submit(run, *job) for job in jobs]:
            yield pending.result()


# -- The table --------------------------------------------------------------------------


def show(result: Result) -> None:
    r = result
    writes = f"{r.twice:6}{r.false:6}{r.unknown:8}" if r.job == "creates" else " " * 20
    print(
        f"  {r.job:20}{r.kind:10}{r.outage:6g} s{r.lost:6}{r.requests:9.2f}{r.received:9.2f}"
        f"{r.full:8.2f}{writes}{r.took:8.1f}{r.cpu:6.1f}  {'✓' if r.is_green else '✗'} "
        f"{r.error[:90]}",
        flush=True,
    )


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--jobs", nargs="+", choices=JOBS, default=list(JOBS))
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument("--seconds", nargs="+", type=float, help="lengths of outages")
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--at-once", type=int, default=2, help="runs at the same time")
    parser.add_argument("--save", type=Path, metavar="FILE", help="add each run as a line of JSON")
    return parser.parse_args()


def chosen(options: argparse.Namespace) -> list[tuple[str, Kind, float]]:
    found: list[tuple[str, Kind, float]] = []
    for job in options.jobs:
        lengths = options.seconds or (LOOP_SECONDS if job == "loop" else SECONDS)
        found += [(job, kind, seconds) for kind in options.kinds for seconds in lengths]
    runs: int = options.runs
    return found * runs


def main() -> None:
    options = arguments()
    heading("kmoment", "aiohttp")
    print(
        f"\n  {'job':20}{'kind':10}{'outage':>8}{'lost':>6}{'req/call':>9}{'received':>9}"
        f"{'full':>8}{'twice':>6}{'false':>6}{'unknown':>8}{'took':>8}{'CPU':>6}"
    )
    for result in run_all(chosen(options), options.at_once):
        show(result)
        if options.save:
            with options.save.open("a") as file:
                file.write(json.dumps(attrs.asdict(result)) + "\n")


if __name__ == "__main__":
    main()
