"""What each rule of the rate limiter is worth: one is taken away at a time.

    python benchmarks/rules.py [VARIANT ...]

A row is a limit and who calls under it, in virtual time, with three seeds. Each run either reaches
the goal or does not. The table shows how many runs of each kind do. Beside the rules stands a
plain limiter of 30 lines: additive increase, multiplicative decrease.
"""

import random
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from math import inf
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

import attrs

from kmoment._engine import rate_limiters
from kmoment._policies import rate_limit
from kmoment._policies.limit_measure import PAUSE_GROWTH
from kmoment._policies.rate_limit import Mode, RateLimiter, Sent
from kmoment._policies.shared_limit import SharedLimitDetector
from measure import heading

sys.path.append(str(Path(__file__).parent.parent / "tests"))

from helpers.limits import (
    Bucket,
    Changing,
    Dip,
    Gap,
    Goal,
    Limit,
    Load,
    Nothing,
    Sliding,
    Stray,
    Window,
    simulate,
)

SEEDS: Final = (1, 2, 3)
SETTINGS: Final = 60
"""Random settings."""
MARGIN: Final = 0.96
"""The share of the limit at which a limiter that was told it sends. A random setting counts only
if that limiter reaches the goal."""

# -- Rows -------------------------------------------------------------------------------

GOAL: Final = Goal(steady=0.90, whole=0.80, rejected=0.03)
COUNTED: Final = Goal(steady=0.80, whole=0.60, rejected=0.05)
SHARED: Final = Goal(steady=0.85, whole=0.60, rejected=0.05)
FREE: Final = Goal(steady=0.70, whole=0.70)


@attrs.frozen
class Row:
    """One limit, who calls, and what has to be reached."""

    kind: str
    limit: Callable[[], Limit]
    load: Load
    goal: Goal = GOAL


KINDS: Final[dict[str, tuple[Callable[[], Limit], ...]]] = {
    "gap": (lambda: Gap(2.0), lambda: Gap(0.2), lambda: Gap(0.02)),
    "window": (
        lambda: Window(1, 1.0),
        lambda: Window(1, 1.0, 0.3),
        lambda: Window(1, 1.0, 0.5),
        lambda: Window(10, 1.0),
        lambda: Window(10, 1.0, 0.3),
        lambda: Window(100, 1.0),
    ),
    "sliding": (lambda: Sliding(10, 6.0), lambda: Sliding(30, 10.0), lambda: Sliding(20, 1.0)),
    "bucket": (lambda: Bucket(10.0, 10), lambda: Bucket(50.0, 50), lambda: Bucket(5.0, 30)),
}
OF_RATE: Final[tuple[Callable[[int], Limit], ...]] = (
    lambda rate: Gap(1 / rate),
    lambda rate: Window(rate, 1.0),
    lambda rate: Sliding(rate, 1.0),
    lambda rate: Bucket(float(rate), rate),
)


def rows() -> Iterator[Row]:
    """All rows but the random ones."""
    for kind, limits in KINDS.items():
        for limit in limits:
            for latency in (0.02, 0.1, 0.3):
                yield Row(kind, limit, Load(latency=latency))
            yield Row("Retry-After", limit, Load(retry_after=True))
    for make in OF_RATE:
        yield from _of_rate(make)
    for phase in range(10):
        yield from _of_phase(phase / 10)
    for period in (0.5, 0.1):
        yield Row("counted", lambda p=period: Gap(p, counted=True), Load(), COUNTED)  # type: ignore[misc]
    for share in (0.001, 0.01):
        load = Load(latency=0.1, workers=8)
        yield Row("stray", lambda s=share: Stray(s), load, FREE)  # type: ignore[misc]


def _of_rate(make: Callable[[int], Limit]) -> Iterator[Row]:
    """Rows of a kind of limit that can have any rate."""

    def changing() -> Limit:
        return Changing((0, make(20)), (10, make(10)), (20, make(20)))

    def outage(seconds: float = 5.0) -> Limit:
        return Changing((0, make(20)), (17 - seconds, Nothing()), (17, make(20)))

    def growing() -> Limit:
        return Changing((0, make(10)), (15, make(20)))

    yield Row("changing", changing, Load(latency=0.1))
    yield Row("changing", growing, Load(latency=0.1, seconds=60))
    yield Row("outage", outage, Load())
    yield Row("outage", lambda: outage(6.0), Load())
    for latency in (0.1, 0.2):
        yield Row("quiet time", lambda: make(20), Load(latency=latency, quiet=(10.0, 20.0)))
    yield Row("two clients", lambda: make(20), Load(clients=2))
    yield Row("shared", lambda: make(10), Load(accounts=8, shared=True), SHARED)
    yield Row("shared", lambda: make(20), Load(accounts=100, shared=True), SHARED)
    yield Row("each its own", lambda: make(2), Load(accounts=8))
    yield Row("each its own", lambda: make(2), Load(accounts=50, workers=64))


def _of_phase(phase: float) -> Iterator[Row]:
    """Windows that begin at another time."""
    yield Row("phases", lambda: Window(10, 1.0, phase), Load(latency=0.2))
    yield Row("phases", lambda: Dip(20, 1.0, phase, begin=10, end=20), Load(latency=0.1))


def setting(seed: int) -> Row:
    """A random limit of 0.3 to 100 calls a second, 5 to 400 ms away, with 3 to 64 workers."""
    draw = random.Random(seed)
    rate = 0.3 * (100 / 0.3) ** draw.random()
    period = draw.choice([1.0, 6.0, 10.0])
    calls = max(1, round(rate * period))
    limits: list[Callable[[], Limit]] = [
        lambda: Gap(1 / rate),
        lambda: Window(calls, period),
        lambda: Sliding(calls, period),
        lambda: Bucket(rate, max(1, min(calls, 50))),
    ]
    load = Load(
        latency=0.005 * 80 ** draw.random(),
        jitter=0.4 * draw.random(),
        workers=draw.randint(3, 64),
        retry_after=draw.random() < 0.3,
    )
    return Row("random", draw.choice(limits), load)


# -- Limiters ---------------------------------------------------------------------------


class Aimd(RateLimiter):
    """Evenly spaced calls; 2 % more a second, and 70 % of the rate after a 429."""

    def mark(self, call: Sent, now: float) -> None:
        self.last_used = now
        self._cycle.began = now if self._cycle.began is None else self._cycle.began
        if self.limited:
            self._due = max(self._due, now - 0.01) + 1 / self.rate
        call.at, call.epoch, call.on_time = now, self._epoch, True
        call.probe, call.free = False, not self.limited

    def accepted(self, now: float, sent: Sent) -> None:
        self._cycle.accepted += 1
        self._latency = now - sent.at
        if self.limited:
            self.rate *= 1 + 0.02 / self.rate

    def rejected(self, now: float, sent: Sent, retry_after: float | None) -> None:
        self._not_before = max(self._not_before, now + (retry_after or 0.0))
        if sent.epoch == self._epoch:
            self.dry(now)

    def dropped(self, now: float, sent: Sent) -> None:
        pass

    def dry(self, now: float) -> None:
        began = now - 0.05 if self._cycle.began is None else min(self._cycle.began, now - 0.05)
        first = max(1, self._cycle.accepted) / (now - began)
        self.rate = max(0.05, 0.7 * self.rate) if self.limited else first
        self.mode, self.free, self._epoch = Mode.HOLD, False, self._epoch + 1
        self._due = now + 1 / self.rate


class NoBracket(RateLimiter):
    def _bracket(self, now: float) -> None:
        self._set(Mode.HOLD, self._low, now)


class NoBack(RateLimiter):
    def _return(self, mode: Mode, rate: float, now: float) -> None:
        super()._return(Mode.HOLD, rate, now)


class NoAgain(RateLimiter):
    def _measure(self, now: float, probe: float) -> None:
        held, self._held = self._held, 0.0
        super()._measure(now, probe)
        if held > 1.15 * self._low:
            self._former, self._former_tries = held, 0


class NoFormer(RateLimiter):
    def _maybe_climb(self, now: float) -> None:
        self._former = 0.0
        super()._maybe_climb(now)


class NoClimb(RateLimiter):
    def _maybe_climb(self, now: float) -> None:
        if self._former > 1.15 * self.rate:
            super()._maybe_climb(now)


class NoDebt(RateLimiter):
    def _return(self, mode: Mode, rate: float, now: float) -> None:
        self._set(mode, rate, now)


class NoSize(RateLimiter):
    def _bounds(self, probe: float) -> tuple[float, float]:
        bounds = super()._bounds(probe)
        self._size = 1
        return bounds


class NoUpperBound(RateLimiter):
    def _bounds(self, probe: float) -> tuple[float, float]:
        return super()._bounds(probe)[0], inf


class NotCounted(RateLimiter):
    def _rate_if_counted(self, probe: float) -> float:
        return 0.0


class OwnCycleOnly(RateLimiter):
    def _bounds(self, probe: float) -> tuple[float, float]:
        self._size = 1
        return super()._bounds(probe)


class SmallSteps(RateLimiter):
    def _lowered(self, now: float) -> float:
        self._gave_way = False
        return super()._lowered(now)


class OldAnswers(RateLimiter):
    def accepted(self, now: float, sent: Sent) -> None:
        sent.epoch = self._epoch
        super().accepted(now, sent)

    def rejected(self, now: float, sent: Sent, retry_after: float | None) -> None:
        sent.epoch = self._epoch
        super().rejected(now, sent, retry_after)


class NeverShared(SharedLimitDetector):
    def _is_sign(self) -> bool:
        return False


def told(rate: float) -> type[RateLimiter]:
    """A limiter that knows the limit."""

    class Told(RateLimiter):
        def __init__(self, period: float = 0.0) -> None:
            super().__init__(period)
            self.mode, self.rate, self.free = Mode.HOLD, MARGIN * rate, False

        def accepted(self, now: float, sent: Sent) -> None:
            pass

        def rejected(self, now: float, sent: Sent, retry_after: float | None) -> None:
            self._not_before = max(self._not_before, now + (retry_after or 0.0))

    return Told


@attrs.frozen
class Variant:
    """What is used in place of the rules."""

    limiter: type[RateLimiter] = RateLimiter
    constants: dict[str, Any] = attrs.Factory(dict)
    detector: type[SharedLimitDetector] = SharedLimitDetector

    @contextmanager
    def used(self) -> Iterator[None]:
        with ExitStack() as stack:
            stack.enter_context(patch.object(rate_limiters, "RateLimiter", self.limiter))
            stack.enter_context(patch.object(rate_limiters, "SharedLimitDetector", self.detector))
            for name, value in self.constants.items():
                stack.enter_context(patch.object(rate_limit, name, value))
            yield


NO_TOLERANCE: Final = {"_ACCEPTED_PER_REJECTION": inf, "_TOLERATED_FIRST": 0.0, "_LARGE": inf}
NO_ROUGH: Final = {"_FAR": inf, "_UP_CHARGED_ROUGH": 1.12}
NO_PRICE: Final[dict[str, Any]] = {
    "_UP_CHARGED": 1.5,
    "_UP_CHARGED_ROUGH": 1.5,
    "_CLOSE_CHARGED": 1.09,
    "_HOLD_RETRY_AFTERS": 0,
    "_MANY": 1,
}
VARIANTS: Final = {
    "all rules": Variant(),
    "plain AIMD": Variant(Aimd),
    "no bracket: the lower bound is held": Variant(NoBracket),
    "no proof after a failed try (BACK)": Variant(NoBack),
    "no second try of the old rate (AGAIN)": Variant(NoAgain),
    "no try of the former rate (FORMER)": Variant(NoFormer),
    "a rate counts as held after 44 calls": Variant(constants={"_REMEMBERED_CALLS": 44}),
    "no climb": Variant(NoClimb),
    "steps of a climb of 12 calls": Variant(constants={"_CLIMB_CALLS": 12}),
    "no tolerance": Variant(constants=NO_TOLERANCE),
    "no debt": Variant(NoDebt),
    "no catch-up": Variant(constants={"_CATCH_UP": 0.0}),
    "no size: one call proves a rate": Variant(NoSize),
    "no upper bound": Variant(NoUpperBound),
    "an upper bound by the last cycle alone": Variant(OwnCycleOnly),
    "all pauses grow alike": Variant(constants={"_SLOW_GROWTH": PAUSE_GROWTH}),
    "rejected calls are not counted": Variant(NotCounted),
    "no price of a Retry-After": Variant(constants=NO_PRICE),
    "a failed proof is a drought, however dear": Variant(constants={"_DEAR": inf}),
    "no measure is a rough one": Variant(constants=NO_ROUGH),
    "tests that take long are as fine as others": Variant(constants={"_SLOW": inf}),
    "no step down at a held rate": Variant(constants={"_DOWN": 1.0}),
    "each step down is 5 %": Variant(SmallSteps),
    "late calls are evidence": Variant(constants={"_LATE": inf}),
    "answers to old calls are evidence": Variant(OldAnswers),
    "no detector of shared limits": Variant(detector=NeverShared),
}

# -- The table --------------------------------------------------------------------------


def possible() -> list[int]:
    """The seeds of random settings of which a limiter that was told the limit reaches the goal."""
    found: list[int] = []
    seed = 0
    while len(found) < SETTINGS:
        row = setting(seed)
        with Variant(told(row.limit().rate)).used():
            if simulate(row.limit, row.load).reaches(row.goal):
                found.append(seed)
        seed += 1
    return found


def passes(name: str, seeds: list[int]) -> Counter[str]:
    """How many runs of each kind reach the goal."""
    counted: Counter[str] = Counter()
    with VARIANTS[name].used():
        for row in [*rows(), *map(setting, seeds)]:
            for seed in SEEDS:
                counted[row.kind] += simulate(row.limit, row.load, seed).reaches(row.goal)
    return counted


def main() -> None:
    heading("kmoment")
    seeds = possible()
    names = sys.argv[1:] or list(VARIANTS)
    runs: Counter[str] = Counter()
    for row in [*rows(), *map(setting, seeds)]:
        runs[row.kind] += len(SEEDS)
    print("| runs that reach the goal | all | " + " | ".join(runs) + " |")
    print("|---" * (len(runs) + 2) + "|")
    shown = " | ".join(str(runs[kind]) for kind in runs)
    print(f"| of | {runs.total()} | {shown} |")
    with ProcessPoolExecutor() as pool:
        for name, counted in zip(names, pool.map(passes, names, [seeds] * len(names)), strict=True):
            shown = " | ".join(str(counted[kind]) for kind in runs)
            print(f"| {name} | {counted.total()} | {shown} |", flush=True)


if __name__ == "__main__":
    main()
