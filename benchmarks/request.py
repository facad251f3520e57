"""CPU time of one call in the client's process.

The server runs in another process, on another core if there is one. kmoment runs with its default
settings, which include all that it does for reliability. The others only make the request. Every
call asks for another keyword, as a real job does, so a cached URL does not help. Only the raw
contestant always uses the same URL.

``--profile`` shows where kmoment's own time goes, ``--uvloop`` runs everything on uvloop.
"""

import argparse
import asyncio
import cProfile
import json
import pstats
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from itertools import cycle
from statistics import median

import aiohttp
import httpx
import orjson
from yarl import URL

import kmoment
from kmoment._protocol import answer
from measure import Taken, heading, pin, rounds, server, table
from readers import PYDANTIC_ROWS, by_hand, check
from rows import locations

Call = Callable[[], Awaitable[object]]

PATH = "/openapi/v4/targetings/location/depth3"
HEADERS = {"Authorization": "Bearer token"}
KMOMENT, KMOMENT_ORJSON = "kmoment", "kmoment, orjson"
RAW, BY_HAND = "aiohttp, raw bytes", "aiohttp, by hand"
DATACLASSES, HTTPX = "aiohttp + dataclasses", "httpx + pydantic"
ROUNDS = 7  # odd, so that the median is a measured value
SLOW = 15
"""httpx makes 1/15 of the calls, to save time: it is the slowest."""


class Contestants:
    """The contestants. :meth:`open` opens their connection pools."""

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url
        self._url = base_url + PATH
        self._ready = URL(self._url).with_query(keyword="논현")
        self._words = cycle([row["depth3Name"] for row in locations(3_000)])

    async def open(self, stack: AsyncExitStack) -> dict[str, Call]:
        enter = stack.enter_async_context
        self._moment = await enter(kmoment.AsyncClient("token", base_url=self._base_url))
        self._raw = await enter(aiohttp.ClientSession(headers=HEADERS))
        self._session = await enter(aiohttp.ClientSession())
        self._httpx = await enter(httpx.AsyncClient())
        return {
            KMOMENT: self.kmoment,
            KMOMENT_ORJSON: self.kmoment_orjson,
            RAW: self.raw,
            BY_HAND: self.by_hand,
            DATACLASSES: self.dataclasses,
            HTTPX: self.httpx,
        }

    def _query(self) -> dict[str, str]:
        return {"keyword": next(self._words)}

    async def kmoment(self) -> object:
        answer._loads = json.loads  # as if orjson were not installed
        return await self._moment.locations.depth3(next(self._words))

    async def kmoment_orjson(self) -> object:
        answer._loads = orjson.loads
        return await self._moment.locations.depth3(next(self._words))

    async def raw(self) -> bytes:
        answer = await self._raw.get(self._ready)
        return await answer.read()

    async def by_hand(self) -> object:
        async with self._session.get(self._url, params=self._query(), headers=HEADERS) as answer:
            return await answer.json()

    async def dataclasses(self) -> object:
        async with self._session.get(self._url, params=self._query(), headers=HEADERS) as answer:
            return by_hand(await answer.json())

    async def httpx(self) -> object:
        answer = await self._httpx.get(self._url, params=self._query(), headers=HEADERS)
        return PYDANTIC_ROWS.validate_json(answer.content)


async def many(call: Call, count: int, at_once: int) -> None:
    numbers = iter(range(count))

    async def work() -> None:
        for _ in numbers:
            await call()

    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(work())


async def check_all(calls: dict[str, Call], rows: int) -> None:
    for name, call in calls.items():
        found = await call()
        parsed = json.loads(found) if isinstance(found, bytes) else found
        assert isinstance(parsed, list)
        check(name, parsed, locations(rows))


def compare(
    runner: asyncio.Runner, calls: dict[str, Call], rows: int, count: int, at_once: int
) -> None:
    chosen = {name: call for name, call in calls.items() if name != HTTPX or at_once <= 16}
    counts = {name: count // SLOW if name == HTTPX else count for name in chosen}

    def one_round(name: str) -> Callable[[], None]:
        return lambda: runner.run(many(chosen[name], counts[name], at_once))

    taken = rounds({name: one_round(name) for name in chosen}, ROUNDS, time.process_time)
    each = {name: [value / counts[name] for value in values] for name, values in taken.items()}
    table(f"{rows} rows, {at_once} at once", each, 1, BY_HAND)
    beyond(each)


def beyond(each: Taken) -> None:
    """Print kmoment's own time per call: its time minus the raw contestant's, round by round."""
    own = [a - b for a, b in zip(each[KMOMENT], each[RAW], strict=True)]
    print(f"  kmoment beyond raw aiohttp: {median(own) * 1e6:.1f} µs/call")


def profile(runner: asyncio.Runner, call: Call) -> None:
    runner.run(many(call, 500, 64))
    profiler = cProfile.Profile()
    profiler.enable()
    runner.run(many(call, 10_000, 64))
    profiler.disable()
    pstats.Stats(profiler).strip_dirs().sort_stats("tottime").print_stats(50)


def measure(rows: int, count: int, options: argparse.Namespace) -> None:
    with server(rows, core=1) as url, asyncio.Runner(loop_factory=loop_factory(options)) as runner:
        stack = AsyncExitStack()
        calls = runner.run(Contestants(url).open(stack))
        runner.run(check_all(calls, rows))
        if options.profile:
            profile(runner, calls[KMOMENT])
        else:
            for at_once in (1, 16, 64, 256):
                compare(runner, calls, rows, max(count, at_once), at_once)
        runner.run(stack.aclose())


def loop_factory(options: argparse.Namespace) -> Callable[[], asyncio.AbstractEventLoop] | None:
    if not options.uvloop:
        return None
    import uvloop

    return uvloop.new_event_loop


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profile", action="store_true", help="only kmoment, 2 rows, 64 at once")
    parser.add_argument("--uvloop", action="store_true", help="on uvloop instead of asyncio's loop")
    return parser.parse_args()


def main() -> None:
    options = arguments()
    heading("kmoment", "aiohttp", "yarl", "httpx", "pydantic", *["uvloop"] * options.uvloop)
    pin(0, 0)
    measure(2, 300, options)
    if not options.profile:
        measure(400, 50, options)


if __name__ == "__main__":
    main()
