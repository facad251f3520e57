"""The contestants of ``limits.py``: ways to make calls under a limit that nobody told.

Each has a function that makes one call of one account and returns when the server has accepted it.
Whoever waits there is one worker: a task of asyncio, or a thread.
"""

import asyncio
import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, Protocol

import aiohttp
import urllib3
from botocore.retries.adaptive import (  # type: ignore[import-untyped]
    ClientRateLimiter,
    RateClocker,
)
from botocore.retries.bucket import Clock, TokenBucket  # type: ignore[import-untyped]
from botocore.retries.standard import ExponentialBackoff  # type: ignore[import-untyped]
from botocore.retries.throttling import CubicCalculator  # type: ignore[import-untyped]

import kmoment
from limit_server import Setting

PATH = "/openapi/v4/adGroups/targetings/cohort/availables"
TOLD_SHARE = 0.97
"""The told limiter stays this much below the limit, because the network's jitter shrinks gaps."""
AGAIN = 1.0
"""Seconds of ``sleep(1)``."""


class AsyncContender(Protocol):
    """A contestant whose workers are tasks."""

    async def call(self, account: int) -> object: ...
    async def aclose(self) -> None: ...


class BlockingContender(Protocol):
    """A contestant whose workers are threads."""

    def call(self, account: int) -> object: ...
    def close(self) -> None: ...


# -- kmoment ----------------------------------------------------------------------------


class Kmoment:
    """kmoment with its default settings."""

    def __init__(self, url: str, setting: Setting, workers: int) -> None:
        self._client = kmoment.AsyncClient("token", base_url=url)

    async def call(self, account: int) -> object:
        return await self._client.account(account).targeting.cohorts()

    async def aclose(self) -> None:
        await self._client.aclose()


class KmomentBlocking:
    """The blocking client of kmoment, used by many threads."""

    def __init__(self, url: str, setting: Setting, workers: int) -> None:
        self._client = kmoment.Client("token", base_url=url)

    def call(self, account: int) -> object:
        return self._client.account(account).targeting.cohorts()

    def close(self) -> None:
        self._client.close()


# -- By hand ----------------------------------------------------------------------------


class _ByHand:
    """aiohttp, and no rule."""

    def __init__(self, url: str, setting: Setting, workers: int) -> None:
        self._url = url + PATH
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))

    async def _accepted(self, account: int) -> bool:
        headers = {"adAccountId": str(account)}
        async with self._session.get(self._url, headers=headers) as answer:
            await answer.read()
            return answer.status == 200

    async def aclose(self) -> None:
        await self._session.close()


class Sleep(_ByHand):
    """Try again after one second, without end."""

    async def call(self, account: int) -> object:
        while True:
            if await self._accepted(account):
                return None
            await asyncio.sleep(AGAIN)


class Told(_ByHand):
    """Evenly spaced calls at the limit, which it was given."""

    def __init__(self, url: str, setting: Setting, workers: int) -> None:
        super().__init__(url, setting, workers)
        self._setting = setting
        self._loop = asyncio.get_running_loop()
        self._first: float | None = None
        self._due: dict[int, float] = defaultdict(float)

    async def call(self, account: int) -> object:
        while True:
            await self._turn(0 if self._setting.shared else account)
            if await self._accepted(account):
                return None

    async def _turn(self, key: int) -> None:
        now = self._loop.time()
        self._first = self._first or now
        at = max(now, self._due[key])
        while not (factor := self._setting.factor(at - self._first)):
            at += 0.1
        self._due[key] = at + 1 / (self._setting.rate * factor * TOLD_SHARE)
        await asyncio.sleep(at - now)


class _Aimd:
    """Additive increase, multiplicative decrease, for the calls of one account."""

    START, STEP, DOWN, LEAST = 10.0, 0.1, 0.7, 0.2
    """Calls per second; what each accepted call adds; what a rejection leaves; calls per second."""

    def __init__(self) -> None:
        self._rate, self._due, self._changed = self.START, 0.0, 0.0
        self._lock = asyncio.Lock()
        self._clock = asyncio.get_running_loop().time

    async def turn(self) -> float:
        """Wait for a turn. When it came."""
        async with self._lock:
            await asyncio.sleep(max(0.0, self._due - self._clock()))
            now = self._clock()
            self._due = now + 1 / self._rate
            return now

    def accepted(self) -> None:
        self._rate += self.STEP

    def rejected(self, sent: float) -> None:
        if sent >= self._changed:  # older calls tell nothing of the present rate
            self._rate, self._changed = max(self.LEAST, self._rate * self.DOWN), self._clock()


class Aimd(_ByHand):
    """Evenly spaced calls at a rate that rises slowly, and falls with a rejection."""

    def __init__(self, url: str, setting: Setting, workers: int) -> None:
        super().__init__(url, setting, workers)
        self._limiters: dict[int, _Aimd] = defaultdict(_Aimd)

    async def call(self, account: int) -> object:
        limiter = self._limiters[account]
        while True:
            sent = await limiter.turn()
            if await self._accepted(account):
                limiter.accepted()
                return None
            limiter.rejected(sent)


# -- botocore ---------------------------------------------------------------------------


class _Detector:
    """Stands for botocore's reading of its own services' errors."""

    def is_throttling_error(self, *, throttled: bool) -> bool:
        return throttled

    def is_throttling_error_from_context(self, context: object) -> bool:
        return True


def botocore_limiter() -> Any:
    """As ``botocore.retries.adaptive.register_retry_handler`` makes it."""
    clock = Clock()
    return ClientRateLimiter(
        rate_adjustor=CubicCalculator(starting_max_rate=0, start_time=clock.current_time()),
        rate_clocker=RateClocker(clock),
        token_bucket=TokenBucket(max_rate=1, clock=clock),
        throttling_detector=_Detector(),
        clock=clock,
    )


class BotocoreAdaptive:
    """The adaptive mode of botocore: its limiter, one per account, and its backoff.

    botocore itself gives up after three attempts by default. Here it never does.
    """

    def __init__(self, url: str, setting: Setting, workers: int) -> None:
        self._url = url + PATH
        self._pool = urllib3.PoolManager(maxsize=workers)
        self._backoff = ExponentialBackoff(throttling_detector=_Detector())
        self._limiters: dict[int, Any] = defaultdict(botocore_limiter)
        self._lock = threading.Lock()
        self._closed = False

    def call(self, account: int) -> object:
        with self._lock:
            limiter = self._limiters[account]
        attempt = 1
        while not self._closed:
            limiter.on_sending_request(None)
            headers = {"adAccountId": str(account)}
            answer = self._pool.request("GET", self._url, headers=headers, retries=False)
            limiter.on_receiving_response(throttled=answer.status == 429)
            if answer.status == 200:
                return None
            context = SimpleNamespace(attempt_number=attempt, http_response=None)
            time.sleep(self._backoff.delay_amount(context))
            attempt += 1
        return None

    def close(self) -> None:
        self._closed = True


ASYNC: dict[str, Callable[[str, Setting, int], AsyncContender]] = {
    "kmoment": Kmoment,
    "sleep(1)": Sleep,
    "told": Told,
    "AIMD": Aimd,
}
BLOCKING: dict[str, Callable[[str, Setting, int], BlockingContender]] = {
    "kmoment, blocking": KmomentBlocking,
    "botocore": BotocoreAdaptive,
}


class Tally:
    """What became of the calls."""

    def __init__(self) -> None:
        self.lost = 0
        self.first_error = ""
        self.longest = 0.0
        """Seconds of the longest call that ended well."""

    def count_lost(self, error: Exception) -> None:
        self.lost += 1
        self.first_error = self.first_error or f"{type(error).__name__}: {error}"


async def work_async(name: str, url: str, setting: Setting, workers: int, seconds: float) -> Tally:
    """Call as fast as the contestant does, for *seconds*. What is not done then is cancelled."""
    contender, tally = ASYNC[name](url, setting, workers), Tally()

    async def work(account: int) -> None:
        while True:
            began = time.monotonic()
            try:
                await contender.call(account)
            except Exception as error:
                tally.count_lost(error)
            tally.longest = max(tally.longest, time.monotonic() - began)

    tasks = [asyncio.create_task(work(1 + n % setting.accounts)) for n in range(workers)]
    await asyncio.sleep(seconds)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    await contender.aclose()
    return tally


def work_blocking(name: str, url: str, setting: Setting, workers: int, seconds: float) -> Tally:
    """The same with threads. Those that still wait at the end die with the process."""
    contender, tally = BLOCKING[name](url, setting, workers), Tally()
    stopping = threading.Event()

    def work(account: int) -> None:
        while not stopping.is_set():
            began = time.monotonic()
            try:
                contender.call(account)
            except Exception as error:
                if not stopping.is_set():
                    tally.count_lost(error)
            tally.longest = max(tally.longest, time.monotonic() - began)

    for number in range(workers):
        threading.Thread(target=work, args=(1 + number % setting.accounts,), daemon=True).start()
    stopping.wait(seconds)
    stopping.set()
    contender.close()
    return tally


def work(name: str, url: str, setting: Setting, workers: int, seconds: float) -> Tally:
    """Let the contestant *name* work."""
    logging.getLogger("kmoment").setLevel(logging.ERROR)
    if name in ASYNC:
        return asyncio.run(work_async(name, url, setting, workers, seconds))
    return work_blocking(name, url, setting, workers, seconds)
