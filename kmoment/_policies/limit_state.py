"""The state of a rate limiter as JSON, so that several processes can share it. Pure.

Times are written relative to a moment that is passed in. Whoever reads the state passes the same
moment in terms of its own clock, so clocks need not agree. Infinite values are written as Python's
``json`` writes them.
"""

from collections import deque
from typing import Any, Final

from .limit_measure import Cycle
from .rate_limit import Mode, RateLimiter

_MOMENTS: Final = ("last_rejection", "last_used", "_due", "_not_before", "_since")
_FIGURES: Final = (
    "rate", "free", "_epoch", "_probing", "_failed_probe", "_pause", "_latency", "_retry_after",
    "_told_too_little", "_tolerance", "_credited", "_in_a_row", "_clean", "_size", "_low", "_high",
    "_high_uncounted", "_held", "_top", "_former", "_former_tries", "_step", "_gave_way",
)  # fmt: skip
_RATES: Final = ("rate", "_ceiling", "_low", "_high", "_high_uncounted", "_held", "_top", "_former")
_DIGITS: Final = 6
"""Of a second: a microsecond is finer than any timer."""

State = dict[str, Any]


def dump(limiter: RateLimiter, base: float) -> State:
    """The state, with times relative to *base*. What a client has declared is not in it."""
    values, cycle = vars(limiter), limiter._cycle
    mode, rate = limiter._before
    return {
        "mode": limiter.mode.value,
        "before": [mode.value, rate],
        "figures": {name.lstrip("_"): values[name] for name in _FIGURES},
        "moments": {name.lstrip("_"): _less(values[name], base) for name in _MOMENTS},
        "cycle": [_less(cycle.began, base), cycle.accepted, _less(cycle.rejected_at, base)],
        "times": [_less(at, base) for at in cycle.times],
    }


def restore(limiter: RateLimiter, state: State, base: float) -> None:
    """Give *limiter* a state that :func:`dump` has made. What the limiter was told stays."""
    values = vars(limiter)
    limiter.mode = Mode(state["mode"])
    limiter._before = Mode(state["before"][0]), state["before"][1]
    figures = state["figures"]  # an older version has written fewer
    values.update({name: figures.get(name.lstrip("_"), values[name]) for name in _FIGURES})
    values.update({name: _more(state["moments"][name.lstrip("_")], base) for name in _MOMENTS})
    began, accepted, rejected_at = state["cycle"]
    times = [at + base for at in state["times"]]
    limiter._cycle = Cycle(_more(began, base), accepted, _kept(times), rejected_at + base)
    limiter.rate = min(limiter.rate, limiter._ceiling)


def add_calls(limiter: RateLimiter, cycle: Cycle) -> None:
    """Count the calls that another process made before it knew of the limit."""
    own = limiter._cycle
    if cycle.began is None:
        return
    own.began = cycle.began if own.began is None else min(own.began, cycle.began)
    own.accepted += cycle.accepted
    own.times = _kept(sorted((*own.times, *cycle.times)))


def scale(limiter: RateLimiter, factor: float) -> None:
    """Go on with so much of every rate."""
    values = vars(limiter)
    values.update({name: values[name] * factor for name in _RATES})


def be_careful(limiter: RateLimiter, other: State, base: float) -> None:
    """Take the lower rate and the later turn of two states of one limit."""
    rate, due = other["figures"]["rate"], other["moments"]["due"]
    limiter.rate, limiter._due = min(limiter.rate, rate), max(limiter._due, due + base)


def _kept(times: list[float]) -> deque[float]:
    return deque(times, maxlen=Cycle().times.maxlen)


def _less(at: float | None, base: float) -> float | None:
    return None if at is None else round(at - base, _DIGITS)


def _more(at: float | None, base: float) -> float | None:
    return None if at is None else at + base
