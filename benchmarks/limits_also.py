"""Single jobs under a limit that nobody told: ``python benchmarks/limits.py --also``."""

import asyncio
import gc
import logging
import multiprocessing
import time
import tracemalloc
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import attrs

import kmoment
from limit_server import Setting
from outage_server import Outage
from wire import Server, started

ACCOUNTS = 300
GATHERED, FREE_GATHERED = 5_000, 20_000
AT_ONCE, STRAY_SECONDS, STRAY_LATENCY = 32, 20.0, 0.05
STRAY = 200
"""The number of the request that is rejected: about a third of a second after the first."""
CREATES = 100
LONG_MINUTES = 10


@attrs.frozen
class Found:
    """What a job came to."""

    text: str
    is_good: bool


def limited(setting: Setting) -> Any:
    return started("limit_server.py", attrs.asdict(setting))


def _client(server: Server) -> kmoment.AsyncClient:
    return kmoment.AsyncClient("token", base_url=server.url)


async def _gather(calls: Sequence[Awaitable[object]]) -> tuple[int, float, str]:
    """How many calls were lost, the seconds that all took, and the first error."""
    began = time.monotonic()
    found = await asyncio.gather(*calls, return_exceptions=True)
    errors = [error for error in found if isinstance(error, BaseException)]
    first = f", {type(errors[0]).__name__}: {errors[0]}" if errors else ""
    return len(errors), time.monotonic() - began, first


async def accounts() -> Found:
    """300 accounts: the first call of each is rejected, then a gap of 0.5 s; two lists each."""
    setting = Setting(kind="gap", seconds=0.5, first_rejected=True)

    async def twice(account: kmoment.AsyncAccount) -> None:
        await account.targeting.cohorts()
        await account.targeting.cohorts()

    with limited(setting) as server:
        async with _client(server) as moment:
            began = time.monotonic()
            outcomes = await moment.each_account(range(1, ACCOUNTS + 1), twice).collect()
            took = time.monotonic() - began
    ok = sum(outcome.ok for outcome in outcomes)
    return Found(f"{ok} of {ACCOUNTS} ok in {took:.0f} s", ok == ACCOUNTS)


async def _after_two(together: bool) -> Found:
    with limited(Setting(kind="none", stray=(0, 1))) as server:
        async with _client(server) as moment:
            calls = [moment.account(1).targeting.cohorts() for _ in range(20)]
            if together:
                lost, took, error = await _gather(calls)
            else:
                lost, took, error = 0, 0.0, ""
                for call in calls:
                    one, seconds, why = await _gather([call])
                    lost, took, error = lost + one, took + seconds, error or why
    return Found(f"{20 - lost} of 20 in {took:.1f} s{error}", not lost and took < 15)


async def after_two_at_once() -> Found:
    """Two 429s, then 20 calls without a limit, at once."""
    return await _after_two(together=True)


async def after_two_in_turn() -> Found:
    """Two 429s, then 20 calls without a limit, in turn."""
    return await _after_two(together=False)


async def gather_limited() -> Found:
    """gather of 5,000 calls, 50 in each second."""
    with limited(Setting(kind="window", calls=50)) as server:
        async with _client(server) as moment:
            calls = [moment.account(1).targeting.cohorts() for _ in range(GATHERED)]
            cpu = time.process_time()
            lost, took, error = await _gather(calls)
            cpu = time.process_time() - cpu
    text = f"{lost} lost, {took:.0f} s, CPU {cpu:.1f} s{error}"
    return Found(text, not lost and took < 125)


async def gather_free() -> Found:
    """gather of 20,000 calls of 0.5 s, no limit, 100 connections."""
    with limited(Setting(kind="none", latency=0.5)) as server:
        async with _client(server) as moment:
            calls = [moment.account(1).targeting.cohorts() for _ in range(FREE_GATHERED)]
            cpu = time.process_time()
            lost, took, error = await _gather(calls)
            cpu = time.process_time() - cpu
    return Found(f"{lost} lost, {took:.0f} s (at best 100), CPU {cpu:.1f} s{error}", not lost)


async def _speed(**stray: Any) -> tuple[int, int]:
    """Calls that were accepted in some seconds, and lost calls."""
    lost = 0
    with limited(Setting(kind="none", latency=STRAY_LATENCY, **stray)) as server:
        async with _client(server) as moment:
            ends = time.monotonic() + STRAY_SECONDS

            async def work() -> None:
                nonlocal lost
                while time.monotonic() < ends:
                    try:
                        await moment.account(1).targeting.cohorts()
                    except kmoment.APIError:
                        lost += 1

            await asyncio.gather(*(work() for _ in range(AT_ONCE)))
        events = server.stop()["events"]
    return sum(ok for at, ok in events if at < STRAY_SECONDS), lost


async def _share(least: float, **stray: Any) -> Found:
    """Both at the same time, so that other work on the machine slows both."""
    (calls, lost), (full, _) = await asyncio.gather(_speed(**stray), _speed())
    text = f"{calls / full:.0%} of full speed ({full / STRAY_SECONDS:.0f}/s), {lost} lost"
    return Found(text, calls >= least * full and not lost)


async def one_stray() -> Found:
    """One stray 429, no limit, 32 workers, 20 s."""
    return await _share(0.8, stray=(STRAY,))


async def many_stray() -> Found:
    """1 % of the calls rejected by chance, no limit, 32 workers, 20 s."""
    return await _share(0.7, stray_share=0.01)


async def ten_minutes() -> Found:
    """Ten minutes of 8 workers, 5 in each second: the rate of each minute, and memory."""
    sizes: list[int] = []

    async def work(moment: kmoment.AsyncClient, ends: float) -> None:
        while time.monotonic() < ends:
            await moment.account(1).targeting.cohorts()

    async def watch() -> None:
        while True:
            await asyncio.sleep(60)
            gc.collect()
            sizes.append(tracemalloc.get_traced_memory()[0] // 1024)

    with limited(Setting(kind="window", calls=5)) as server:
        async with _client(server) as moment:
            tracemalloc.start()
            watching = asyncio.create_task(watch())
            ends = time.monotonic() + LONG_MINUTES * 60
            await asyncio.gather(*(work(moment, ends) for _ in range(8)))
            watching.cancel()
        events = server.stop()["events"]
    minutes = [
        sum(ok for at, ok in events if 60 * n <= at < 60 * (n + 1)) for n in range(LONG_MINUTES)
    ]
    rejected = sum(not ok for _, ok in events) / len(events)
    text = f"accepted {minutes}, {rejected:.1%} rejected, KiB after each minute {sizes}"
    is_flat = min(minutes[1:]) >= 0.9 * 300 and sizes[-1] <= 1.05 * sizes[-4]
    return Found(text, is_flat and rejected <= 0.03)


async def _creates(at_once: int) -> Found:
    drafts = [kmoment.AudienceDraft.display(f"name {n}", ages=["20"]) for n in range(CREATES)]
    with started("outage_server.py", attrs.asdict(Outage(kind="none"))) as server:
        async with _client(server) as moment:
            create = moment.account(1234).audiences.create
            outcomes = await moment.each(create, drafts, concurrency=at_once).collect()
        report = server.stop()
    ok, made = sum(outcome.ok for outcome in outcomes), len(report["audiences"])
    text = f"{report['received']} requests, {ok} ok, {made} audiences"
    return Found(text, report["received"] <= 107 and ok == made == CREATES)


async def creates_at_once() -> Found:
    """100 creates of one account, 16 at once."""
    return await _creates(16)


async def creates_in_turn() -> Found:
    """100 creates of one account, in turn."""
    return await _creates(1)


JOBS: tuple[Callable[[], Awaitable[Found]], ...] = (
    gather_limited,
    gather_free,
    accounts,
    after_two_at_once,
    after_two_in_turn,
    one_stray,
    many_stray,
    creates_at_once,
    creates_in_turn,
    ten_minutes,
)


def _run(number: int) -> Found:
    logging.getLogger("kmoment").setLevel(logging.ERROR)

    async def job() -> Found:
        return await JOBS[number]()

    return asyncio.run(job())


def run_jobs(wanted: Sequence[str], runs: int, at_once: int) -> None:
    """Run the jobs with a word of *wanted* in their names, and print what each came to."""
    chosen = [n for n, job in enumerate(JOBS) if any(word in job.__name__ for word in wanted)]
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(at_once, spawn, max_tasks_per_child=1) as pool:
        pending = [(n, pool.submit(_run, n)) for _ in range(runs) for n in chosen]
        for number, future in pending:
            found, about = future.result(), JOBS[number].__doc__
            print(f"  {'✓' if found.is_good else '✗'} {about} {found.text}", flush=True)
