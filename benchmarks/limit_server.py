"""A server that keeps a limit and tells nothing but 429.

``python benchmarks/limit_server.py JSON`` takes a :class:`Setting`, prints its URL, and runs until
its standard input closes. Then it prints the time and the fate of every request.
"""

import asyncio
import json
import random
import sys
from collections import deque
from math import floor
from typing import Any, Literal, Protocol, Self

import attrs

from wire import Asked, Connection, Json, Said, until_told

Kind = Literal["gap", "window", "sliding", "bucket", "none"]


@attrs.frozen(kw_only=True)
class Setting:
    """A limit, and how far away its server is."""

    kind: Kind
    """``gap``: *seconds* between two accepted calls. ``window``: *calls* in each fixed window of
    *seconds*. ``sliding``: *calls* in any *seconds*. ``bucket``: *calls* at once, and *calls* more
    every *seconds*. ``none``: no limit."""
    calls: int = 1
    seconds: float = 1.0
    latency: float = 0.05
    """Seconds of the round trip. Half of it goes by before the server decides."""
    jitter: float = 0.0
    """Each half is longer or shorter by up to this share of it."""
    accounts: int = 1
    shared: bool = False
    """Whether the accounts have one limit together."""
    counted: bool = False
    """``gap`` only: a rejected call counts as a call."""
    retry_after: float | None = None
    """Seconds, told with each 429."""
    phases: tuple[tuple[float, float], ...] = ((0.0, 1.0),)
    """From which second on, counted from the first call, the limit is multiplied by what."""
    first_rejected: bool = False
    """The first call of each account is rejected."""
    stray: tuple[int, ...] = ()
    """The numbers of the requests that are rejected without a reason; the first is 0."""
    stray_share: float = 0.0
    """The share of requests that is rejected by chance."""

    @classmethod
    def of(cls, data: Json) -> Self:
        phases = tuple((at, factor) for at, factor in data.pop("phases"))
        return cls(phases=phases, **data)

    @property
    def rate(self) -> float:
        """Calls per second of one limit."""
        return self.calls / self.seconds

    def factor(self, elapsed: float) -> float:
        """What multiplies the limit now."""
        return [factor for at, factor in self.phases if at <= elapsed][-1]


class Limit(Protocol):
    """One limit. *factor* multiplies its rate."""

    def allows(self, now: float, factor: float) -> bool: ...


class Gap:
    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._last = -1e9

    def allows(self, now: float, factor: float) -> bool:
        allowed = now - self._last >= self._setting.seconds / factor
        if allowed or self._setting.counted:
            self._last = now
        return allowed


class Window:
    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._index = self._count = -1

    def allows(self, now: float, factor: float) -> bool:
        index = floor(now / self._setting.seconds)
        if index != self._index:
            self._index, self._count = index, 0
        allowed = self._count < self._setting.calls * factor
        self._count += allowed
        return allowed


class Sliding:
    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._times: deque[float] = deque()

    def allows(self, now: float, factor: float) -> bool:
        while self._times and self._times[0] <= now - self._setting.seconds:
            self._times.popleft()
        allowed = len(self._times) < self._setting.calls * factor
        if allowed:
            self._times.append(now)
        return allowed


class Bucket:
    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._tokens, self._at = float(setting.calls), 0.0

    def allows(self, now: float, factor: float) -> bool:
        earned = (now - self._at) * self._setting.rate * factor
        self._tokens, self._at = min(float(self._setting.calls), self._tokens + earned), now
        allowed = self._tokens >= 1
        self._tokens -= allowed
        return allowed


class Free:
    def __init__(self, setting: Setting) -> None: ...

    def allows(self, now: float, factor: float) -> bool:
        return True


LIMITS: dict[Kind, Any] = {
    "gap": Gap,
    "window": Window,
    "sliding": Sliding,
    "bucket": Bucket,
    "none": Free,
}


class HiddenLimit:
    """Answers requests, and keeps in mind when it accepted or rejected them."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._loop = asyncio.get_running_loop()
        self._limits: dict[int, Limit] = {}
        self._first: float | None = None
        self._events: list[tuple[float, bool]] = []
        self._known: set[int] = set()

    async def answer(self, asked: Asked) -> Said:
        await self._travel()
        accepted = self._accepts(asked.account)
        await self._travel()
        if accepted:
            return Said(200)
        return Said(429, b"{}", self._setting.retry_after)

    async def _travel(self) -> None:
        half = self._setting.latency / 2
        await asyncio.sleep(half * (1 + self._setting.jitter * random.uniform(-1, 1)))

    def _accepts(self, account: int) -> bool:
        now = self._loop.time()
        if self._first is None:
            self._first = now
        elapsed = now - self._first
        accepted = not self._is_stray(account) and self._is_within(account, now, elapsed)
        self._events.append((elapsed, accepted))
        return accepted

    def _is_stray(self, account: int) -> bool:
        new = account not in self._known
        self._known.add(account)
        if new and self._setting.first_rejected:
            return True
        by_chance = random.random() < self._setting.stray_share
        return by_chance or len(self._events) in self._setting.stray

    def _is_within(self, account: int, now: float, elapsed: float) -> bool:
        factor = self._setting.factor(elapsed)
        if not factor:
            return False
        key = 0 if self._setting.shared else account
        if key not in self._limits:
            self._limits[key] = LIMITS[self._setting.kind](self._setting)
        return self._limits[key].allows(now, factor)

    def report(self) -> Json:
        return {"events": self._events}


async def main(setting: Setting) -> None:
    hidden, connections = HiddenLimit(setting), set[Connection]()
    server = await asyncio.get_running_loop().create_server(
        lambda: Connection(hidden.answer, connections), "127.0.0.1", 0, backlog=1024
    )
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await until_told(hidden.report)
    server.close()


if __name__ == "__main__":
    asyncio.run(main(Setting.of(json.loads(sys.argv[1]))))
