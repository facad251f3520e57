"""Many clients of one limiter, and clients whose clocks differ, over a real Redis."""

import asyncio
import heapq
import os
import random
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from math import inf
from pathlib import Path
from typing import Any

import pytest

import kmoment
from helpers.limits import Gap, Sliding
from helpers.redis_server import RedisServer
from kmoment._engine.admission import LimitKey
from kmoment._policies.rate_limit import RateLimiter
from kmoment.fleet import Fleet, _link
from kmoment.fleet._lane import SharedLane, Slot

pytestmark = pytest.mark.anyio

KEY: LimitKey = ("audiences", 1)
HOUR = 3600.0
PERIOD = 0.05
ANSWER = 0.01
LEASE = 5.0
APART = 0.01  # seconds between the first calls of two members
SECONDS = 10.0
MOST = 700  # scripts in a second
STORM = float(os.environ.get("FLEET_STORM", "3"))  # seconds


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
    try:
        yield members
    finally:
        for member in members:
            member.share.limiters.close()
            await member.share.aclose()


def state(member: Member) -> Any:
    """What a member knows of the limiter."""
    return member.share.limiters._lane(KEY, 0.0, member.clock()).limiter


async def test_a_redis_that_is_flushed(server: RedisServer) -> None:
    """When Redis loses all while calls wait, each of them is served, and what the members know is
    written again."""
    limit = Gap(0.02)
    async with joined(server.url, 0.0, 0.0, 0.0) as members:
        calls = [asyncio.create_task(members[number % 3].call(limit, 0.02)) for number in range(30)]
        for number in (8, 16):
            while sum(call.done() for call in calls) < number:
                await asyncio.sleep(0.002)
            server.ask("FLUSHALL")
        # Turns that were held then are known to nobody, so as many calls may come too early.
        assert sum(await asyncio.gather(*calls)) <= 2 * len(members)
        assert server.ask("KEYS", "*:limiter")


@pytest.mark.parametrize("program", ["redis-server", "valkey-server"])
async def test_each_kind_of_server(program: str, tmp_path: Path) -> None:
    """A Redis and a Valkey hold limits, locks and a journal."""
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    with RedisServer(tmp_path, program=program) as server:
        limit = Gap(0.02)
        async with joined(server.url, 0.0, 0.0) as members:
            calls = [members[number % 2].call(limit, 0.02) for number in range(6)]
            assert sum(await asyncio.gather(*calls)) == 0
            lock = await members[0].share.lock_create(1, "name", 1.0, 1.0)
            assert await lock.is_held()
            lock.release()
        journal = kmoment.Journal(server.url, run="r")
        with journal.begin(1):
            pass
        assert [entry.status for entry in journal.entries()] == ["ok"]


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


# -- Storms -------------------------------------------------------------------------------


class Storm:
    """Calls over a network that takes 10 to 120 ms. Some are cancelled, wherever they are."""

    def __init__(self, members: list[Member], period: float) -> None:
        self.members, self.period = members, period
        self.limit, self.chance = Gap(period), random.Random(7)
        self.accepted = self.rejected = 0

    async def call(self) -> None:
        member = self.chance.choice(self.members)
        mine = await member.turn(self.period)
        limiters, told = member.share.limiters, member.share.limiters.dropped
        try:
            await self._way()
            if self.limit.take(asyncio.get_running_loop().time()):
                self.rejected += 1
            self.accepted += 1
            await self._way()
            told = limiters.accepted
        finally:
            told(mine, member.clock())

    async def _way(self) -> None:
        await asyncio.sleep(self.chance.uniform(0.005, 0.06))

    async def burst(self) -> None:
        """Some calls at once. A third of them are cancelled."""
        calls = [asyncio.create_task(self.call()) for _ in range(self.chance.randint(1, 12))]
        for call in calls[::3]:
            await asyncio.sleep(self.chance.uniform(0, 0.1))
            call.cancel()
        await asyncio.wait(calls)


@pytest.mark.timeout(60 + 2 * STORM)
async def test_storms_on_a_strict_server(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under a declared period bursts, cancellations and a slow network lead to no rejection by a
    server that counts from the last call that it has accepted; and no turn is lost."""
    monkeypatch.setattr(_link, "LIMIT", 5.0)  # a machine that is busy has not lost its Redis
    loop = asyncio.get_running_loop()
    async with joined(server.url, 0.0, HOUR, -HOUR, 0.0) as members:
        storm, end = Storm(members, 0.05), loop.time() + STORM
        while loop.time() < end:
            await asyncio.gather(*(storm.burst() for _ in range(4)))
            server.ask("SCRIPT", "FLUSH")
        assert storm.rejected == 0
        assert storm.accepted > STORM


# -- Two hundred members ------------------------------------------------------------------


class Simulated:
    """Members of one limiter that call without a pause, in virtual time. A script takes no time."""

    def __init__(self, members: int) -> None:
        self.lanes = [SharedLane(KEY, RateLimiter(PERIOD), f"{n}-") for n in range(members)]
        self.scripts = self.served = 0
        self._text = self._version = ""
        self._due = [(n * APART, n) for n in range(members)]
        """When each member asks next."""

    def run(self, seconds: float) -> None:
        while self._due[0][0] < seconds:
            now, number = heapq.heappop(self._due)
            heapq.heappush(self._due, (self._step(self.lanes[number], now), number))

    def _step(self, lane: SharedLane, now: float) -> float:
        """Ask once, and make a call if it may go: when to ask next."""
        slot = self._ask(lane, now)
        if slot is None:
            return lane.ask_at
        answered = slot.at + ANSWER
        lane.limiter.accepted(answered, slot.sent)
        lane.report("accepted", answered, slot.sent)
        self.served += 1
        return answered

    def _ask(self, lane: SharedLane, now: float) -> Slot | None:
        """Read what is new, reserve a slot or a place in the line, and write that."""
        self.scripts += 1
        if lane.version != self._version:
            lane.read(self._text, self._version, 0.0)
            self.scripts += 1
        changed = lane.settle(now) or bool(lane.reports)
        slot = lane.reserve(now, len(self.lanes), LEASE)
        if lane.join_line(now) or changed or slot:
            lane.reports.clear()
            self._version = lane.version = str(self.scripts)
            self._text = lane.text(0.0)
        return slot


@pytest.mark.parametrize("members", [4, 40, 200])
def test_many_members_of_one_limiter(members: int) -> None:
    """However many wait for one limiter, Redis is asked a bounded number of times in a second, and
    three quarters of what is allowed are used."""
    simulated = Simulated(members)
    simulated.run(SECONDS)
    assert simulated.scripts < MOST * SECONDS
    assert simulated.served > 0.75 * SECONDS / (PERIOD + ANSWER)
