"""Many clients of one limiter, and clients whose clocks differ, over a real Redis."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from math import inf
from typing import Any

import pytest

from helpers.limits import Gap, Sliding
from helpers.redis_server import RedisServer
from kmoment._engine.admission import LimitKey
from kmoment.fleet import Fleet

pytestmark = pytest.mark.anyio

KEY: LimitKey = ("audiences", 1)
HOUR = 3600.0
MANY = 200
PERIOD = 0.05
APART = 0.01  # seconds between the first calls of two members
MOST = 20
"""Scripts a second and member: without a line, each would ask 50 times a second. Who waits in the
line looks every 0.8 s at least, and may need more tries, since others have written meanwhile."""


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with RedisServer(tmp_path_factory.mktemp("redis")) as running:
        yield running


class Member:
    """The limiters of one process, by a clock that differs by *shift* seconds from the loop's."""

    def __init__(self, url: str, shift: float = 0.0) -> None:
        loop = asyncio.get_running_loop()
        self.clock: Callable[[], float] = lambda: loop.time() + shift

        def call_at(when: float, *what: Any) -> asyncio.TimerHandle:
            return loop.call_at(when - shift, *what)

        self.share: Any = Fleet(url)._join(self.clock, call_at, 5.0)

    async def turn(self, period: float, order: int | None = None) -> Any:
        limiters, now = self.share.limiters, self.clock()
        found = limiters.try_enter(KEY, period, now) if order is None else None
        return found or await limiters.enter(KEY, period, now, max_wait=inf, order=order)

    async def call(self, limit: Any, period: float = 0.0) -> int:
        """One call under a hidden *limit*, until it is accepted. How often it was rejected."""
        order, rejected = None, 0
        while True:
            mine = await self.turn(period, order)
            await asyncio.sleep(0.002)
            if not limit.take(asyncio.get_running_loop().time()):
                self.share.limiters.accepted(mine, self.clock())
                return rejected
            self.share.limiters.rejected(mine, self.clock(), None)
            order, rejected = mine.order, rejected + 1


@asynccontextmanager
async def joined(url: str, *shifts: float) -> AsyncIterator[list[Member]]:
    """Members whose clocks are shifted so much. Each knows how many there are."""
    members = [Member(url, shift) for shift in shifts]
    for member in members:
        await member.share.start()
    for member in members:
        await member.share._session.board.read()
    yield members
    for member in members:
        member.share.limiters.close()
        await member.share.aclose()


def state(member: Member) -> Any:
    """What a member knows of the limiter."""
    return member.share.limiters._lane(KEY, 0.0, member.clock()).limiter


async def test_clocks_that_are_an_hour_apart(server: RedisServer) -> None:
    """Members whose clocks differ by hours keep a declared period together: only durations are
    ours, and they are counted by the clock of Redis."""
    limit = Gap(0.02)
    async with joined(server.url, 0.0, HOUR, -HOUR) as members:
        calls = [members[number % 3].call(limit, 0.02) for number in range(30)]
        assert sum(await asyncio.gather(*calls)) == 0


async def test_a_rate_is_learnt_by_clocks_that_are_an_hour_apart(server: RedisServer) -> None:
    """They also learn a limit together: none waits for an hour, and none takes an old rejection
    for a new one."""
    limit = Sliding(8, 0.2)
    async with joined(server.url, 0.0, HOUR, -HOUR) as members:
        calls = [members[number % 3].call(limit) for number in range(60)]
        assert sum(await asyncio.gather(*calls)) < 2 * len(calls)
        assert all(state(member).limited for member in members)
        assert all(state(member).delay(member.clock()) < 60 for member in members)


async def call_on(member: Member, number: int, seconds: list[float]) -> None:
    """Begin a little after the one before, and call without a pause."""
    await asyncio.sleep(number * APART)
    while True:
        mine = await member.turn(PERIOD)
        await asyncio.sleep(0.002)
        member.share.limiters.accepted(mine, member.clock())
        seconds.append(member.clock())


async def test_two_hundred_members_of_one_limiter(server: RedisServer) -> None:
    """However many wait for one limiter, each asks Redis less than so many times a second."""
    async with joined(server.url, *[0.0] * MANY) as members:
        served: list[float] = []
        before, began = scripts(server), members[0].clock()
        calls = [call_on(member, number, served) for number, member in enumerate(members)]
        tasks = [asyncio.create_task(call) for call in calls]
        while len(served) < 60:
            await asyncio.sleep(APART)
        asked, seconds = scripts(server) - before, members[0].clock() - began
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        assert asked < MOST * MANY * max(1.0, seconds)


def scripts(server: RedisServer) -> int:
    """How many scripts were run."""
    shown = server.ask("INFO", "commandstats")
    return int(shown["cmdstat_evalsha"]["calls"])
