"""Whether one limit is shared by all accounts of a quota group. Pure: times are passed in.

A limiter for each account is right as long as each account has its own limit. If the limit is the
app's, each limiter learns the noise that the others make. Two signs show it: accounts stay rejected
that had fewer calls accepted than others, at the first time when a limit is used up; or limiters
are rejected at rates that they have held. Then one limiter for all accounts is *tried*. The trial
ends if calls are still rejected often, or if fewer calls go through than before it; the next trial
is later each time.
"""

from collections import Counter, deque
from collections.abc import Mapping
from math import inf
from typing import Final, NamedTuple

_ANSWERS: Final = 30
"""Answers that are looked at, at least."""
_ANSWERS_OF_ACCOUNT: Final = 4
"""The same for each account: where limits are equal, all accounts reach their ends together, and
one rejection of each is no sign."""
_ACCOUNTS: Final = 3
"""Rejected accounts, without which there is no sign."""
_UNEXPLAINED: Final = 0.35
"""The share of answers that are rejections at a held rate, from which on it is a sign. Accounts
with equal limits reach their ends together: a quarter was too few in simulations."""
_WRONG: Final = 0.3
"""The share of rejections that ends a trial."""
LATELY: Final = 3.0
"""Seconds in which accepted calls are counted, for the speed and for what each account has had."""
_LEARNING: Final = 5.0
"""Seconds that a trial has to learn the limit. What is rejected meanwhile says nothing."""
_COMPARED_AFTER: Final = 8.0
"""Seconds after which the trial's speed is compared with that before it."""
_SLOWER: Final = 0.9
_FIRST_REST: Final = 30.0
"""Seconds between the first trial and the second. It doubles each time."""


class _Answer(NamedTuple):
    account: int | None
    unexplained: bool = False
    """Whether a limit of the account alone would hardly have rejected the call."""
    outdone: bool = False
    """Whether the account had fewer calls accepted than another when its limit was used up."""


class SharedLimitDetector:
    """The answers of one quota group, and what they say."""

    def __init__(self, accepted: Mapping[int | None, int] | None = None) -> None:
        """Start without a sign.

        :param accepted: How many calls of each account were accepted lately.
        """
        self.shared: bool = False
        """Whether one limiter serves all accounts."""
        self._measured_at = inf
        self._first = inf
        """When a call was rejected first."""
        self._answers: deque[_Answer] = deque()
        self._times: deque[float] = deque(maxlen=2000)
        self._accepted: Counter[int | None] = Counter(accepted or {})
        self._most = max(self._accepted.values(), default=0)
        """Accepted calls of the account that had most of them when a rate was first measured."""
        self._began = 0.0
        self._speed = 0.0
        self._compared = False
        self._not_before = -inf
        self._rest = _FIRST_REST

    def measured(self, now: float) -> None:
        """The rate of an account was measured. Until the first time all accounts have had the same
        time, and their accepted calls can be compared."""
        self._measured_at = min(self._measured_at, now)

    def accepted(self, account: int | None, now: float) -> None:
        """A call of *account* was accepted, under the limiter that is used now."""
        self._accepted[account] += 1
        if now < self._measured_at:
            self._most = max(self._most, self._accepted[account])
        self._times.append(now)
        self._note(_Answer(account))
        if self.shared:
            self._check_trial(now)

    def rejected(
        self, account: int | None, now: float, *, held: bool = False, probe: float | None = None
    ) -> None:
        """A call was rejected, under the limiter that is used now.

        :param held: At a rate that the account's own limiter has held.
        :param probe: When the call was sent, if it is a probe. Only then have all calls of the
            account been answered that were sent before the limit was used up.
        """
        outdone = probe is not None and self._accepted[account] < self._most_before(probe)
        self._first = min(self._first, now)
        self._note(_Answer(account, outdone or held or self.shared, outdone))
        if self.shared:
            self._check_trial(now)
        elif now >= self._not_before and self._is_sign():
            self.turn(now, shared=True)

    def _most_before(self, probe: float) -> int:
        return self._most if probe <= self._measured_at else 1

    def _note(self, answer: _Answer) -> None:
        self._answers.append(answer)
        while len(self._answers) > self._looked_at:
            self._answers.popleft()

    @property
    def _looked_at(self) -> int:
        """How many answers are looked at."""
        of_accounts = 0 if self.shared else _ANSWERS_OF_ACCOUNT * len(self._accepted)
        return max(_ANSWERS, of_accounts)

    def _is_sign(self) -> bool:
        unexplained = [answer for answer in self._answers if answer.unexplained]
        if len({answer.account for answer in unexplained}) < _ACCOUNTS:
            return False
        if len({answer.account for answer in unexplained if answer.outdone}) >= _ACCOUNTS:
            return True
        full = len(self._answers) == self._looked_at
        return full and len(unexplained) > _UNEXPLAINED * len(self._answers)

    def _check_trial(self, now: float) -> None:
        if now - self._began <= _LEARNING:
            self._answers.clear()
        if not self._compared and now - self._began > _COMPARED_AFTER:
            self._compared = True
            if self._accepted_lately(now) < _SLOWER * self._speed:
                self.turn(now, shared=False)
                return
        rejected = sum(answer.unexplained for answer in self._answers)
        full = len(self._answers) == _ANSWERS and now - self._began > _LEARNING
        if full and rejected > _WRONG * _ANSWERS:
            self.turn(now, shared=False)

    def turn(self, now: float, *, shared: bool) -> None:
        """Begin a trial, or end it."""
        self.shared, self._began, self._compared = shared, now, False
        self._answers.clear()
        if shared:
            # In the first seconds after a limit was met, calls go through at no steady speed.
            settled = now - self._first > LATELY + _LEARNING
            self._speed = self._accepted_lately(now) if settled else 0.0
        else:
            self._not_before = now + self._rest
            self._rest *= 2

    def _accepted_lately(self, now: float) -> float:
        return sum(at > now - LATELY for at in self._times) / LATELY
