"""What is done after a failed attempt: a table, and a pure decision over it.

The row is what went wrong (:class:`FailureKind`), the column what a second copy of the call would
do (:class:`Replay`), the cell what may be done (:class:`Action`). A create whose effect is not
known is never sent again.
"""

import random
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Final

import attrs

from .._protocol.call import Replay
from .failure import FailureKind
from .retry_budget import Budget


class Action(StrEnum):
    """What to do next."""

    RAISE = "raise"
    RETRY = "retry"
    RETRY_ONCE = "retry once"
    RETRY_SOON = "retry within 30 s of the first attempt"
    REQUEUE = "back to its place in the queue; neither an attempt nor the budget is used"
    SUCCEED = "it is done"
    SUCCEED_AFTER_DOUBT = "success if an earlier attempt may have done it; else raise"
    RECONCILE = "search for what was created"
    READ_BACK = "read what is there now"
    READ_BACK_AFTER_DOUBT = "read what is there now if an attempt may have acted; else raise"


_R, _X = Action.RETRY, Action.RAISE
_ONCE, _SOON, _Q = Action.RETRY_ONCE, Action.RETRY_SOON, Action.REQUEUE
_OK, _FIND, _READ = Action.SUCCEED, Action.RECONCILE, Action.READ_BACK

ACTIONS: Final[Mapping[FailureKind, Mapping[Replay, Action]]] = {
    kind: dict(zip(Replay, row, strict=True))
    for kind, row in {
        # safe, replace, idempotent, create, bulk, once
        FailureKind.NOT_CONNECTED: (_R, _R, _R, _R, _R, _R),
        FailureKind.BAD_CERTIFICATE: (_X, _X, _X, _X, _X, _X),
        FailureKind.DEADLINE: (_X, _X, _X, _X, _X, _X),
        FailureKind.THROTTLED: (_Q, _Q, _Q, _Q, _Q, _Q),
        FailureKind.QUOTA: (_X, _X, _X, _X, _X, _X),
        FailureKind.MAINTENANCE: (_ONCE, _ONCE, _ONCE, _ONCE, _ONCE, _ONCE),
        FailureKind.SERVER_ERROR: (_R, _SOON, _R, _FIND, _READ, _X),
        FailureKind.CONNECTION_LOST: (_R, _SOON, _R, _FIND, _READ, _X),
        FailureKind.NOT_THE_API: (_ONCE, _READ, _READ, _FIND, _READ, _X),
        FailureKind.BODY_LOST: (_R, _READ, _OK, _FIND, _READ, _X),
        FailureKind.TOO_LARGE: (_X, _READ, _OK, _FIND, _READ, _X),
        FailureKind.NOT_AS_DOCUMENTED: (_X, _READ, _READ, _FIND, _READ, _X),
        FailureKind.UNAUTHORIZED: (_X, _X, _X, _X, _X, _X),
        FailureKind.NOT_FOUND: (_X, _X, Action.SUCCEED_AFTER_DOUBT, _X, _X, _X),
        # "Not linked" has no published code. After a doubt, this call may have unlinked it.
        FailureKind.REFUSED: (_X, _X, Action.READ_BACK_AFTER_DOUBT, _X, _X, _X),
    }.items()
}


# All in seconds. Full jitter as in AWS's "Exponential Backoff And Jitter" (2015).
BACKOFF_BASE: Final = 0.05
"""The pause before the second attempt is at most twice this; each further one at most doubles."""
BACKOFF_CAP: Final = 20.0
"""The longest pause: a third of the default deadline."""
RETRY_SOON_WITHIN: Final = 30.0
"""A late first copy of an update may overwrite a newer edit: after this long it is not repeated."""


@attrs.frozen
class FailedAttempt:
    """What a decision needs to know about a failed attempt and its call."""

    kind: FailureKind
    number: int
    """Counted from 1."""
    elapsed: float
    """Seconds since the call began."""
    left: float
    """Seconds until the deadline."""
    in_doubt: bool = False
    """Whether this attempt or an earlier one may have acted."""
    retry_after: float | None = None
    """Seconds, as the server said."""
    outage: bool = False
    """Whether the host is down, and this call waits until it is up again."""


@attrs.frozen
class Decision:
    """What to do, and how many seconds to wait before it."""

    action: Action
    pause: float = 0.0
    price: float = 0.0
    """What was taken from the budget for it."""
    unaffordable: bool = False
    """Whether there was too little left in the budget for another attempt."""


def decide(
    failed: FailedAttempt,
    replay: Replay,
    budget: Budget,
    max_attempts: int,
    jitter: Callable[[], float] = random.random,
) -> Decision:
    """The next step: another attempt, or one of the steps that end them."""
    action = ACTIONS[failed.kind][replay]
    if action in _AFTER_DOUBT:
        return Decision(_AFTER_DOUBT[action] if failed.in_doubt else Action.RAISE)
    if not _may_retry(action, failed):
        return Decision(Action.RAISE if action in _RETRIES else action)
    if action is Action.REQUEUE:
        # A server that asks for more time than the call has gets an error at once.
        too_long = (failed.retry_after or 0.0) >= failed.left
        return Decision(Action.RAISE if too_long else Action.REQUEUE)
    if failed.outage:
        return Decision(Action.RETRY, failed.retry_after or 0.0)
    pause = _pause(failed, jitter)
    if failed.number >= max_attempts or pause >= failed.left:
        return Decision(Action.RAISE)
    price = budget.spend(failed.kind)
    if not price:
        return Decision(Action.RAISE, unaffordable=True)
    return Decision(Action.RETRY, pause, price)


_AFTER_DOUBT: Final = {
    Action.SUCCEED_AFTER_DOUBT: Action.SUCCEED,
    Action.READ_BACK_AFTER_DOUBT: Action.READ_BACK,
}
_RETRIES: Final = (Action.RETRY, Action.RETRY_ONCE, Action.RETRY_SOON)


def _may_retry(action: Action, failed: FailedAttempt) -> bool:
    return (
        action in (Action.RETRY, Action.REQUEUE)
        or (action is Action.RETRY_ONCE and failed.number == 1)
        or (action is Action.RETRY_SOON and failed.elapsed < RETRY_SOON_WITHIN)
    )


def _pause(failed: FailedAttempt, jitter: Callable[[], float]) -> float:
    if failed.retry_after is not None:
        return failed.retry_after + jitter() * BACKOFF_BASE
    return min(BACKOFF_CAP, BACKOFF_BASE * 2.0**failed.number) * jitter()
