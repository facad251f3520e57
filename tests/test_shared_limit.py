"""One limit for all accounts, or one for each: which it is, is found out. In virtual time.

A row is green if two of three seeds reach its goal. Where the rules do not reach the goal of all
rows, the row's own goal says what they do reach.
"""

from collections.abc import Callable

import attrs
import pytest
from hypothesis import given, strategies as st

from helpers.limits import (
    Bucket,
    First,
    Gap,
    Goal,
    Limit,
    Load,
    Sliding,
    Window,
    runs,
    simulate,
)
from kmoment._policies.shared_limit import SharedLimitDetector

EACH = Goal(steady=0.90, whole=0.80, rejected=0.03)
OF_8 = Goal(steady=0.85, whole=0.70, rejected=0.05)
OF_100 = Goal(steady=0.85, whole=0.60, rejected=0.05)

Row = tuple[Callable[[], Limit], Load, Goal]


def check(name: str, rows: dict[str, Row]) -> None:
    limit, load, goal = rows[name]
    results = runs(limit, load)
    shown = "; ".join(map(str, results))
    assert sum(result.reaches(goal) for result in results) >= 2, f"{shown}, but the goal is {goal}"


EIGHT = Load(accounts=8, shared=True)
HUNDRED = Load(accounts=100, shared=True)
SHARED: dict[str, Row] = {
    "8, gap": (lambda: Gap(0.1), EIGHT, OF_8),
    "8, bucket": (lambda: Bucket(10.0, 10), EIGHT, OF_8),
    "8, window": (lambda: Window(10, 1.0), EIGHT, OF_8),
    "8, window, far": (lambda: Window(10, 1.0), attrs.evolve(EIGHT, latency=0.2), OF_8),
    "8, sliding": (lambda: Sliding(10, 1.0), EIGHT, OF_8),
    "30, window": (lambda: Window(50, 1.0), Load(accounts=30, workers=64, shared=True), OF_8),
    "100, gap": (lambda: Gap(0.05), HUNDRED, OF_100),
    "100, bucket": (lambda: Bucket(20.0, 20), HUNDRED, OF_100),
    "100, window": (lambda: Window(20, 1.0), HUNDRED, OF_100),
    "100, sliding": (lambda: Sliding(20, 1.0), HUNDRED, OF_100),
}


@pytest.mark.parametrize("name", SHARED)
def test_one_limit_for_all_accounts(name: str) -> None:
    """Of one limit for 8 accounts or for 100, 85 % is used in the second half, and 70 % or 60 % in
    all; 5 % of the calls are rejected."""
    check(name, SHARED)


MANY = Load(accounts=300, workers=320)
EACH_ITS_OWN: dict[str, Row] = {
    "8, gap 1 s": (lambda: Gap(1.0), Load(accounts=8), EACH),
    "8, gap 0.2 s": (lambda: Gap(0.2), Load(accounts=8), EACH),
    "8, window": (lambda: Window(10, 1.0), Load(accounts=8), EACH),
    "8, bucket": (lambda: Bucket(10.0, 10), Load(accounts=8), EACH),
    "8, gap 2 s": (lambda: Gap(2.0), Load(accounts=8), EACH),
    "8, 10 in any 6 s": (lambda: Sliding(10, 6.0), Load(accounts=8), EACH),
    "50, sliding": (lambda: Sliding(2, 1.0), Load(accounts=50, workers=64), EACH),
    "50, gap 0.5 s": (lambda: Gap(0.5), Load(accounts=50, workers=64), EACH),
    "300, gap 1 s": (lambda: Gap(1.0), MANY, EACH),
    "300, window": (lambda: Window(2, 2.0), MANY, EACH),
}


@pytest.mark.parametrize("name", EACH_ITS_OWN)
def test_limits_that_are_of_each_account_are_not_slowed(name: str) -> None:
    """Where each of 8, 50 or 300 accounts has a limit of its own, each is used as if it were
    alone: 90 % in the second half, 80 % in all, 3 % rejected."""
    check(name, EACH_ITS_OWN)


def test_the_first_call_of_each_of_300_accounts_is_rejected() -> None:
    """Then 0.5 s are kept between the calls of each: all 600 calls are accepted, in 10 s."""
    load = Load(accounts=300, workers=300, calls=600, seconds=100)
    for seed in (1, 2, 3):
        result = simulate(lambda: First(1, Gap(0.5)), load, seed)
        assert len(result.accepted) == 600
        assert result.took < 10


# -- The detector -----------------------------------------------------------------------


def unknown_rejected(detector: SharedLimitDetector, accounts: int, now: float) -> None:
    """Reject probes of *accounts* accounts that never had a call accepted."""
    for account in range(accounts):
        detector.rejected(1000 + account, now, probe=now)


def test_two_accounts_are_no_sign() -> None:
    """Rejections of two accounts, however many, do not make the limit a shared one."""
    detector = SharedLimitDetector()
    for number in range(200):
        detector.rejected(number % 2, float(number), held=True)
    assert not detector.shared


def test_three_new_accounts_are_a_sign() -> None:
    """Three accounts of which no call was ever accepted, not the probe either, start a trial."""
    detector = SharedLimitDetector({1: 1})
    unknown_rejected(detector, 2, 0.0)
    assert not detector.shared
    unknown_rejected(detector, 3, 0.1)
    assert detector.shared


def test_first_calls_that_are_rejected_are_no_sign() -> None:
    """An earlier call of the account may still be under way: only a probe shows."""
    detector = SharedLimitDetector({7: 4})
    for account in range(20):
        detector.rejected(account, 0.1)
    assert not detector.shared


@pytest.mark.parametrize(("had", "sign"), [(3, False), (4, True)])
def test_accounts_that_had_less_than_another_are_a_sign(had: int, sign: bool) -> None:
    """Under limits of their own all have the same number of calls accepted, then none."""
    detector = SharedLimitDetector(dict.fromkeys(range(8), 3))
    for _ in range(had - 3):
        detector.accepted(7, 0.0)
    for account in range(3):
        detector.rejected(account, 0.2, probe=0.2)
    assert detector.shared is sign


def test_calls_are_compared_until_a_rate_is_measured() -> None:
    """Later, an account may have had more calls accepted because its limit has allowed more."""
    detector = SharedLimitDetector(dict.fromkeys(range(8), 3))
    detector.measured(1.0)
    for number in range(9):
        detector.accepted(7, 1.0 + number)
    for account in range(6):
        detector.rejected(account, 10.0, probe=10.0)
    assert not detector.shared


@pytest.mark.parametrize(("bad", "sign"), [(10, False), (12, True)])
def test_rejections_at_held_rates_are_a_sign(bad: int, sign: bool) -> None:
    """Of 30 answers more than 35 % must be rejections at rates that were held."""
    detector = SharedLimitDetector()
    for account in range(5):
        detector.accepted(account, 0.0)
    for number in range(30):
        if number < 30 - bad:
            detector.accepted(number % 5, 1.0)
        else:
            detector.rejected(number % 5, 1.0, held=True)
    assert detector.shared is sign


def test_a_trial_that_does_not_help_ends() -> None:
    """If a third of the calls is still rejected after the trial has learnt, it ends."""
    detector = SharedLimitDetector()
    unknown_rejected(detector, 3, 0.0)
    for number in range(40):
        detector.rejected(number % 5, 5.1 + 0.1 * number)
    assert not detector.shared


def test_a_slower_trial_ends() -> None:
    """If fewer calls go through than before the trial, it ends after 8 s."""
    detector = SharedLimitDetector()
    detector.rejected(1, 0.0)
    for number in range(200):
        detector.accepted(1, 0.05 * number)
    unknown_rejected(detector, 3, 10.0)
    assert detector.shared
    for number in range(20):
        detector.accepted(1, 10.0 + 0.5 * number)
    assert not detector.shared


def test_a_trial_at_the_beginning_is_compared_with_nothing() -> None:
    """What went through before the limit was met, and in the first seconds after, is no measure."""
    detector = SharedLimitDetector({1: 60})
    for number in range(60):
        detector.accepted(1, 0.05 * number)
    unknown_rejected(detector, 3, 3.0)
    for number in range(20):
        detector.accepted(1, 3.0 + 0.5 * number)
    assert detector.shared


def trial(detector: SharedLimitDetector, now: float) -> bool:
    """Whether a trial starts at *now*. If so, it ends at once."""
    unknown_rejected(detector, 3, now)
    began = detector.shared
    for number in range(30 if began else 0):
        detector.rejected(number, now + 6)
    return began


def test_each_trial_is_later_than_the_one_before() -> None:
    """After a trial that did not help, the next comes 30 s later, then 60 s, then 120 s."""
    detector = SharedLimitDetector({1: 1})
    assert [trial(detector, now) for now in (0, 35, 37)] == [True, False, True]
    assert [trial(detector, now) for now in (102, 104)] == [False, True]
    assert [trial(detector, now) for now in (229, 231)] == [False, True]
    assert not detector.shared


@given(
    st.lists(
        st.tuples(
            st.integers(0, 6), st.floats(0, 20), st.sampled_from(["accepted", "rejected", "held"])
        ),
        max_size=200,
    )
)
def test_any_answers(answers: list[tuple[int, float, str]]) -> None:
    """After any answers, a trial began only with a rejection, and ended only in a trial."""
    detector, now = SharedLimitDetector(), 0.0
    for account, seconds, kind in answers:
        now += seconds
        was = detector.shared
        if kind == "accepted":
            detector.accepted(account, now)
            assert was or not detector.shared
        else:
            detector.rejected(account, now, held=kind == "held")
        assert len(detector._answers) <= 30  # of 7 accounts
