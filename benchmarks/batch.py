"""Time and memory of a batch.

Time: 240 keywords, 32 at once, at a server that takes 30 ms for each. The batch is compared with
the ideal (8 x 30 ms), with ``gather`` and a semaphore on the same client, and with one call after
the other. Memory: the peak of a streamed and of a collected batch, with 1,000 and 10,000 inputs.
"""

import asyncio
import gc
import time
import tracemalloc
from collections.abc import Awaitable, Callable
from math import ceil

import kmoment
from measure import heading, pin, server, table
from rows import locations

# Keywords, calls at once, and the seconds that the server takes for each call.
INPUTS, AT_ONCE, SECONDS = 240, 32, 0.03
ROUNDS = 7  # odd, so that the median is a measured value
IDEAL, BATCH, BLOCKING = "ideal", "depth3_each", "depth3_each, blocking"
GATHER, ALONE = "gather + semaphore", "one after the other"

Job = Callable[[], Awaitable[object]]
Way = Callable[[kmoment.AsyncClient, int], Awaitable[None]]


def contestants(moment: kmoment.AsyncClient) -> dict[str, Job]:
    words = [row["depth3Name"] for row in locations(INPUTS)]

    async def batch() -> None:
        async for outcome in moment.locations.depth3_each(words, concurrency=AT_ONCE):
            outcome.result()

    async def gather() -> None:
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(word: str) -> object:
            async with gate:
                return await moment.locations.depth3(word)

        await asyncio.gather(*map(one, words))

    return {BATCH: batch, GATHER: gather}


async def timed(job: Job) -> float:
    gc.collect()
    start = time.perf_counter()
    await job()
    return time.perf_counter() - start


async def race(url: str) -> dict[str, list[float]]:
    async with kmoment.AsyncClient("token", base_url=url) as moment:
        jobs = contestants(moment)
        taken: dict[str, list[float]] = {IDEAL: [], **{name: [] for name in jobs}, ALONE: []}
        order = list(jobs)
        for number in range(ROUNDS + 1):
            order.reverse()
            each = {name: await timed(jobs[name]) for name in order}
            if number:
                for name, seconds in each.items():
                    taken[name].append(seconds)
        taken[IDEAL] = [ceil(INPUTS / AT_ONCE) * SECONDS] * ROUNDS
        taken[ALONE] = [await timed(lambda: moment.locations.depth3("논현")) * INPUTS] * ROUNDS
    return taken


def race_blocking(url: str) -> list[float]:
    words = [row["depth3Name"] for row in locations(INPUTS)]
    taken = []
    with kmoment.Client("token", base_url=url) as moment:
        for _ in range(ROUNDS + 1):
            gc.collect()
            start = time.perf_counter()
            for outcome in moment.locations.depth3_each(words, concurrency=AT_ONCE):
                outcome.result()
            taken.append(time.perf_counter() - start)
    return taken[1:]


async def streamed(moment: kmoment.AsyncClient, inputs: int) -> None:
    async for outcome in moment.locations.depth3_each(map(str, range(inputs)), concurrency=32):
        outcome.result()


async def collected(moment: kmoment.AsyncClient, inputs: int) -> None:
    (await moment.locations.depth3_each(map(str, range(inputs)), concurrency=32).collect()).values()


async def peak(
    url: str, way: Callable[[kmoment.AsyncClient, int], Awaitable[None]], n: int
) -> float:
    async with kmoment.AsyncClient("token", base_url=url) as moment:
        await way(moment, 100)
        gc.collect()
        tracemalloc.start()
        await way(moment, n)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return most / 2**20


def weigh(url: str) -> None:
    print(f"\nMemory at most, 10 rows an answer\n  {'':26}{'MiB':>10}")
    for name, way in (("streamed", streamed), ("collected", collected)):
        for inputs in (1_000, 10_000):
            most = asyncio.run(peak(url, way, inputs))
            print(f"  {f'{name}, {inputs:,} inputs':26}{most:10.2f}", flush=True)


def main() -> None:
    heading("kmoment", "aiohttp")
    pin(0, 0)
    with server(10, core=1, seconds=SECONDS) as url:
        taken = asyncio.run(race(url))
        taken[BLOCKING] = race_blocking(url)
    title = f"{INPUTS} keywords of {SECONDS * 1000:.0f} ms, {AT_ONCE} at once"
    table(title, taken, 1, IDEAL, unit="ms", scale=1e3)
    with server(10, core=1) as url:
        weigh(url)


if __name__ == "__main__":
    main()
