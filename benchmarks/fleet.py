"""Processes that share a limit over Redis, and what a fleet costs. Needs ``redis-server``.

    nox -s bench -- fleet                                  # every row: some minutes
    python benchmarks/fleet.py --rows "10 in each" bucket  # rows with this in their name
    python benchmarks/fleet.py --alone                     # the same without a fleet
    python benchmarks/fleet.py --costs                     # a call in a fleet and without

The rows, the server and the shares are those of ``limits.py``. The calls are made by processes that
know of each other only by Redis, each with its part of the workers.
"""

import argparse
import asyncio
import logging
import multiprocessing
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from statistics import median

import attrs

import kmoment
from contenders import Tally
from kmoment.fleet import Fleet
from limits import Result, Row, allowed, burst, rows
from measure import heading
from redis_process import redis_server
from wire import started

PROCESSES = 4
SECONDS = 30.0
ROUNDS = 7
BLOCKS, BLOCK = 30, 50
"""Of one round of the table of costs: so many times so many calls of each client in turn, since a
machine that others use is now fast, now slow."""


# -- Limits -----------------------------------------------------------------------------


@attrs.frozen
class Job:
    """What one process does."""

    url: str
    redis: str | None
    workers: Sequence[int]
    """The account of each worker."""
    seconds: float


def client(job: Job) -> kmoment.AsyncClient:
    fleet = None if job.redis is None else Fleet(job.redis, namespace="bench")
    return kmoment.AsyncClient("token", base_url=job.url, fleet=fleet)


async def work(job: Job) -> Tally:
    """Call without a pause."""
    tally = Tally()
    async with client(job) as moment:

        async def call(account: int) -> None:
            while True:
                try:
                    await moment.account(account).targeting.cohorts()
                except Exception as error:
                    tally.count_lost(error)

        tasks = [asyncio.create_task(call(account)) for account in job.workers]
        await asyncio.sleep(job.seconds)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    return tally


def work_alone(job: Job) -> Tally:
    logging.getLogger("kmoment").setLevel(logging.WARNING)
    return asyncio.run(work(job))


def run(row: Row, processes: int, *, alone: bool) -> tuple[Result, int]:
    """One run. What the server counted, and the commands that Redis was asked in a second."""
    accounts = [1 + n % row.setting.accounts for n in range(row.workers)]
    with redis_server() as redis, started("limit_server.py", attrs.asdict(row.setting)) as server:
        shared = None if alone else redis
        seconds = row.seconds + 0.5
        jobs = [Job(server.url, shared, accounts[n::processes], seconds) for n in range(processes)]
        spawn = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(processes, spawn) as pool:
            tallies = list(pool.map(work_alone, jobs))
        asked = _commands(redis) / row.seconds
        events: list[tuple[float, bool]] = server.stop()["events"]
    return _result(row, events, tallies), round(asked)


def _commands(url: str) -> int:
    import redis

    with redis.Redis.from_url(url) as connected:
        return int(connected.info("stats")["total_commands_processed"])


def _result(row: Row, events: list[tuple[float, bool]], tallies: Sequence[Tally]) -> Result:
    half = row.seconds / 2
    steady = [ok for at, ok in events if half <= at < row.seconds]
    may, may_whole = allowed(row, half, row.seconds), allowed(row, 0, row.seconds) + burst(row)
    return Result(
        row=row.name,
        contender="kmoment",
        steady=sum(steady) / may,
        whole=sum(ok for at, ok in events if at < row.seconds) / may_whole,
        rejected=steady.count(False) / max(1, len(steady)),
        lost=sum(tally.lost for tally in tallies),
        allowed_steady=may,
        allowed_whole=may_whole,
        accepted_steady=sum(steady),
        rejected_steady=steady.count(False),
        longest=0.0,
        cpu=0.0,
        error=next((tally.first_error for tally in tallies if tally.lost), ""),
    )


def run_rows(chosen: Sequence[Row], processes: int, *, alone: bool) -> None:
    for row in chosen:
        result, asked = run(row, processes, alone=alone)
        mark = "✓" if result.is_green(row.goal) else "✗"
        print(f"{row.name:28}{result}{mark}  Redis {asked} commands/s {result.error}", flush=True)
    print("\nsteady / whole / % rejected in steady (calls) / lost; ✓ is green", flush=True)


# -- Costs ------------------------------------------------------------------------------


async def costs() -> None:
    """CPU time of a free call, and the time of a limited one, in a fleet and without."""
    setting = {**attrs.asdict(rows()[0].setting), "kind": "none", "latency": 0.0}
    with redis_server() as redis, started("limit_server.py", setting) as server:
        alone = kmoment.AsyncClient("token", base_url=server.url)
        shared = kmoment.AsyncClient("token", base_url=server.url, fleet=Fleet(redis))
        async with alone, shared:
            free = await _ratios(alone, shared, time.process_time, BLOCKS)
            print(f"a free call: {free[0] * 1e6:.0f} µs of CPU, in a fleet × {free[1]:.3f}")
        period = {"targeting.cohorts": 0.002}
        alone = kmoment.AsyncClient("token", base_url=server.url, periods=period)
        shared = kmoment.AsyncClient(
            "token", base_url=server.url, periods=period, fleet=Fleet(redis, namespace="periods")
        )
        async with alone, shared:
            limited = await _ratios(alone, shared, time.perf_counter, BLOCKS // 5)
            more = limited[0] * (limited[1] - 1) * 1000
            print(f"a limited call: {limited[0] * 1000:.2f} ms, in a fleet {more:+.2f} ms")
        server.stop()


async def _ratios(
    alone: kmoment.AsyncClient,
    shared: kmoment.AsyncClient,
    clock: Callable[[], float],
    blocks: int,
) -> tuple[float, float]:
    """Seconds of a call without a fleet, and the ratio of one in it: medians of the rounds."""
    seconds, ratios = [], []
    for number in range(ROUNDS + 1):
        taken = {alone: 0.0, shared: 0.0}
        for block in range(blocks):
            for moment in (alone, shared) if block % 2 else (shared, alone):
                began = clock()
                for _ in range(BLOCK):
                    await moment.account(1).targeting.cohorts()
                taken[moment] += clock() - began
        if number:  # the first round opens connections
            seconds.append(taken[alone] / (blocks * BLOCK))
            ratios.append(taken[shared] / taken[alone])
    return median(seconds), median(ratios)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", nargs="+", metavar="NAME", help="rows with this in their name")
    parser.add_argument("--processes", type=int, default=PROCESSES)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of one run")
    parser.add_argument("--alone", action="store_true", help="without a fleet")
    parser.add_argument("--costs", action="store_true", help="only the costs of a call")
    return parser.parse_args()


def main() -> None:
    options = arguments()
    heading("kmoment", "aiohttp", "redis")
    if not options.costs:
        wanted = options.rows or [""]
        chosen = [row for row in rows() if any(part in row.name for part in wanted)]
        chosen = [attrs.evolve(row, seconds=options.seconds) for row in chosen]
        run_rows(chosen, options.processes, alone=options.alone)
    if options.costs or not options.rows:
        asyncio.run(costs())


if __name__ == "__main__":
    main()
