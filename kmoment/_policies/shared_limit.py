"""Whether one limit is shared by all accounts of a quota group. Pure: times are passed in.

A limiter for each account is right as long as each account has its own limit. If the limit is the
app's, each limiter learns the noise that the others make. Two signs show it: accounts are rejected
that never had a call accepted, or limiters are rejected at rates that they have held. Then one
limiter for all accounts is *tried*. The trial ends if calls are still rejected often, or if fewer
calls go through than before it; the next trial is later each time.
"""

from collections import deque
from math import inf
from typing import Final

_ANSWERS: Final = 30
"""Answers that are looked at."""
_ACCOUNTS: Final = 3
"""Rejected accounts, without which there is no sign."""
_UNEXPLAINED: Final = 0.35
"""The share of answers that are rejections at a held rate, from which on it is a sign. Accounts
with equal limits reach their ends together: a quarter was too few in simulations."""
_WRONG: Final = 0.3
"""The share of rejections that ends a trial."""
_LEARNING: Final = 3.0
"""Seconds that a trial has to learn the limit, and the time over which speed is measured."""
_COMPARED_AFTER: Final = 8.0
"""Seconds after which the trial's speed is compared with that before it."""
_SLOWER: Final = 0.9
_FIRST_REST: Final = 30.0
"""Seconds between the first trial and the second. It doubles each time."""


class SharedLimitDetector:
    """The answers of one quota group, and what they say."""

    def __init__(self, *, patient: bool = False) -> None:
        """Start without a sign.

        :param patient: Several processes learn the rate together, and each sees few answers: those
            from before the rate is known say nothing of a trial.
        """
        self._patient = patient
        self.shared: bool = False
        """Whether one limiter serves all accounts."""
        self._answers: deque[tuple[int | None, bool, bool]] = deque(maxlen=_ANSWERS)
        self._times: deque[float] = deque(maxlen=2000)
        self._known: set[int | None] = set()
        self._began = 0.0
        self._speed = 0.0
        self._compared = False
        self._not_before = -inf
        self._rest = _FIRST_REST

    def accepted(self, account: int | None, now: float) -> None:
        """A call of *account* was accepted, under the limiter that is used now."""
        self._known.add(account)
        self._times.append(now)
        self._answers.append((account, False, False))
        if self.shared:
            self._check_trial(now)

    def rejected(self, account: int | None, now: float, *, held: bool) -> None:
        """A call was rejected, under the limiter that is used now.

        :param held: At a rate that the account's own limiter has held.
        """
        new = account not in self._known
        self._answers.append((account, new or held or self.shared, new))
        if self.shared:
            self._check_trial(now)
        elif now >= self._not_before and self._is_sign():
            self.turn(now, shared=True)

    def _is_sign(self) -> bool:
        bad = [(account, new) for account, bad, new in self._answers if bad]
        if len({account for account, _ in bad}) < _ACCOUNTS:
            return False
        if len({account for account, new in bad if new}) >= _ACCOUNTS:
            return True
        return len(self._answers) == _ANSWERS and len(bad) > _UNEXPLAINED * _ANSWERS

    def _check_trial(self, now: float) -> None:
        if self._patient and now - self._began <= _LEARNING:
            self._answers.clear()
        if not self._compared and now - self._began > _COMPARED_AFTER:
            self._compared = True
            if self._accepted_lately(now) < _SLOWER * self._speed:
                self.turn(now, shared=False)
                return
        rejected = sum(bad for _, bad, _ in self._answers)
        full = len(self._answers) == _ANSWERS and now - self._began > _LEARNING
        if full and rejected > _WRONG * _ANSWERS:
            self.turn(now, shared=False)

    def turn(self, now: float, *, shared: bool) -> None:
        """Begin a trial, or end it."""
        self.shared, self._began, self._compared = shared, now, False
        self._answers.clear()
        if shared:
            self._speed = self._accepted_lately(now)
        else:
            self._not_before = now + self._rest
            self._rest *= 2

    def _accepted_lately(self, now: float) -> float:
        return sum(at > now - _LEARNING for at in self._times) / _LEARNING
