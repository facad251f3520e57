"""The state of a rate limiter as JSON."""

import json
from typing import Any

import pytest
from hypothesis import given, strategies as st

from kmoment._policies import limit_state
from kmoment._policies.limit_measure import Cycle
from kmoment._policies.rate_limit import Mode, RateLimiter, Sent

EVENTS = st.lists(
    st.tuples(st.sampled_from(["accepted", "rejected", "dropped"]), st.floats(0.001, 2)),
    max_size=60,
)


def members(limiter: RateLimiter, base: float) -> dict[str, Any]:
    """All that a limiter knows, with moments relative to *base*."""
    return limit_state.dump(limiter, base) | {"ceiling": limiter._ceiling}


def play(limiter: RateLimiter, events: list[tuple[str, float]], now: float = 0.0) -> float:
    """Let *events* happen, one call after the other."""
    for name, seconds in events:
        delay = limiter.delay(now)
        now += 0.0 if delay == float("inf") else delay
        sent = limiter.sent(now)
        now += seconds
        extra = (1.0,) if name == "rejected" else ()
        getattr(limiter, name)(now, sent, *extra)
    return now


def copied(limiter: RateLimiter, now: float, base: float) -> RateLimiter:
    """*limiter* in another process, whose clock shows *base* now."""
    text = json.dumps(limit_state.dump(limiter, now))
    other = RateLimiter(limiter.declared)
    limit_state.restore(other, json.loads(text), base)
    return other


@given(EVENTS, EVENTS, st.sampled_from([0.0, 0.5]), st.floats(-1e6, 1e6))
def test_a_copy_goes_on_as_the_original_would(
    before: list[tuple[str, float]], after: list[tuple[str, float]], period: float, base: float
) -> None:
    """What happens after a state was read has the same effect on it, whatever the clock shows."""
    limiter = RateLimiter(period)
    now = play(limiter, before)
    other = copied(limiter, now, base)
    end = play(limiter, after, now)
    assert play(other, after, base) - base == pytest.approx(end - now, rel=1e-3, abs=1e-3)
    assert other.mode is limiter.mode
    assert other.rate == pytest.approx(limiter.rate, rel=1e-3)


def test_every_member_is_in_the_state() -> None:
    """No member of a limiter is forgotten, but for what a client declares and counts by itself."""
    known = {*limit_state._FIGURES, *limit_state._MOMENTS, "mode", "_before", "_cycle"}
    assert known | {"declared", "_ceiling", "_under_way"} == set(vars(RateLimiter()))


def test_a_state_of_an_older_version() -> None:
    """A figure that an older version has not written stays as it is."""
    limiter = RateLimiter()
    play(limiter, [("accepted", 0.1)] * 3)
    state = limit_state.dump(limiter, 0.0)
    del state["figures"]["told_too_little"]
    other = RateLimiter()
    limit_state.restore(other, state, 0.0)
    assert (other._told_too_little, other._latency) == (False, limiter._latency)


def test_only_the_last_calls_are_kept() -> None:
    """The calls of a cycle are as many after a copy, and only the latest times are kept."""
    limiter = RateLimiter()
    play(limiter, [("accepted", 0.001)] * 400)
    other = copied(limiter, 0.0, 0.0)
    assert other._cycle.accepted == 400
    assert len(other._cycle.times) == other._cycle.times.maxlen == 256


def test_calls_of_another_process_count() -> None:
    """A measure counts calls that another process made before it knew of the limit."""
    limiter = RateLimiter()
    play(limiter, [("accepted", 0.1)] * 3, 10.0)
    limit_state.add_calls(limiter, Cycle(9.0, 2, Cycle().times, 0.0))
    limit_state.add_calls(limiter, Cycle())
    assert (limiter._cycle.began, limiter._cycle.accepted) == (9.0, 5)
    fresh = RateLimiter()
    limit_state.add_calls(fresh, limiter._cycle)
    assert (fresh._cycle.began, fresh._cycle.accepted) == (9.0, 5)
    assert list(fresh._cycle.times) == sorted(limiter._cycle.times)


def test_a_share_of_the_rate() -> None:
    """With a share of the rate calls are so much further apart; the reverse takes it back."""
    limiter = RateLimiter(0.5)
    limit_state.scale(limiter, 0.25)
    limiter.accepted(1.0, limiter.sent(0.0))
    assert limiter.delay(1.0) == pytest.approx(2.0)
    limit_state.scale(limiter, 4)
    assert limiter.rate == 2.0


def test_the_careful_one_of_two_states() -> None:
    """Of two states of one limit the lower rate and the later turn hold."""
    slow, late = RateLimiter(2.0), RateLimiter(1.0)
    slow.accepted(0.0, Sent(0.0))
    late.accepted(5.0, Sent(5.0))
    limit_state.be_careful(slow, limit_state.dump(late, 0.0), 0.0)
    assert slow.rate == 0.5
    assert slow.delay(5.0) == pytest.approx(1.0)
    assert slow.mode is Mode.HOLD
