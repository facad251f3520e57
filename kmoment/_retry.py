"""What to do after an attempt that failed: a table, and a pure decision over it.

What went wrong is an :class:`Event`; it decides whether the server can have acted (its
:class:`Outcome`), and, with what a second copy of the call would do (:class:`Replay`), what
may be done about it (:class:`Action`). A create whose outcome is unknown is never sent again.
"""

import random
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Final

import attrs

from ._call import Replay
from ._secret import Secret
from ._watch import Life
from ._wire import Attempt
from .errors import (
    APIConnectionError,
    APIError,
    Attempted,
    AuthenticationError,
    DeadlineExceededError,
    DecodeError,
    MaintenanceError,
    NotFoundError,
    OutcomeUnknownError,
    ProtocolError,
    QuotaExceededError,
    RateLimitedError,
    ServerError,
)


class Outcome(StrEnum):
    """What an attempt did over there."""

    OK = "ok"
    UNSENT = "unsent"
    """It provably never left."""
    REJECTED = "rejected"
    """The server says it did nothing."""
    FAILED = "failed"
    """A final answer."""
    UNKNOWN = "unknown"
    """It may have acted."""
    DONE = "done"
    """It acted; only the answer was lost."""


class Event(StrEnum):
    """What went wrong."""

    UNREACHED = "no connection"
    UNTRUSTED = "bad certificate"
    LATE = "no time left to send it"
    THROTTLED = "429"
    QUOTA = "platform quota"
    MAINTENANCE = "maintenance"
    BROKEN = "server error"
    CUT = "no answer after sending"
    STRANGER = "a web page instead of the API"
    LOST = "the answer's body was lost"
    UNREADABLE = "the answer is of another shape"
    DENIED = "401"
    MISSING = "no such thing"
    REFUSED = "refused"


OUTCOMES: Final[Mapping[Event, Outcome]] = {
    Event.UNREACHED: Outcome.UNSENT,
    Event.UNTRUSTED: Outcome.UNSENT,
    Event.LATE: Outcome.UNSENT,
    Event.THROTTLED: Outcome.REJECTED,
    Event.QUOTA: Outcome.REJECTED,
    Event.MAINTENANCE: Outcome.REJECTED,
    Event.BROKEN: Outcome.UNKNOWN,
    Event.CUT: Outcome.UNKNOWN,
    Event.STRANGER: Outcome.UNKNOWN,
    Event.LOST: Outcome.DONE,
    Event.UNREADABLE: Outcome.DONE,
    Event.DENIED: Outcome.FAILED,
    Event.MISSING: Outcome.FAILED,
    Event.REFUSED: Outcome.FAILED,
}


class Action(StrEnum):
    """What to do next."""

    RAISE = "raise"
    RETRY = "retry"
    RETRY_ONCE = "retry once"
    RETRY_SOON = "retry within 30 s of the first attempt"
    SUCCEED = "it is done"
    SUCCEED_AFTER_DOUBT = "done by an earlier attempt, if one was in doubt; else raise"
    RECONCILE = "look for what was created"
    READ_BACK = "look at what is there now"
    READ_BACK_AFTER_DOUBT = "look at what is there now, if an attempt was in doubt; else raise"


_R, _X = Action.RETRY, Action.RAISE

ACTIONS: Final[Mapping[Event, Mapping[Replay, Action]]] = {
    event: dict(zip(Replay, row, strict=True))
    for event, row in {
        # safe, replace, idempotent, create, bulk, once
        Event.UNREACHED: (_R, _R, _R, _R, _R, _R),
        Event.UNTRUSTED: (_X, _X, _X, _X, _X, _X),
        Event.LATE: (_X, _X, _X, _X, _X, _X),
        Event.THROTTLED: (_R, _R, _R, _R, _R, _R),
        Event.QUOTA: (_X, _X, _X, _X, _X, _X),
        Event.MAINTENANCE: (Action.RETRY_ONCE,) * 6,
        Event.BROKEN: (_R, Action.RETRY_SOON, _R, Action.RECONCILE, Action.READ_BACK, _X),
        Event.CUT: (_R, Action.RETRY_SOON, _R, Action.RECONCILE, Action.READ_BACK, _X),
        Event.STRANGER: (
            Action.RETRY_ONCE,
            Action.READ_BACK,
            Action.READ_BACK,
            Action.RECONCILE,
            Action.READ_BACK,
            _X,
        ),
        Event.LOST: (_R, Action.READ_BACK, Action.SUCCEED, Action.RECONCILE, Action.READ_BACK, _X),
        Event.UNREADABLE: (
            _X,
            Action.READ_BACK,
            Action.SUCCEED,
            Action.RECONCILE,
            Action.READ_BACK,
            _X,
        ),
        Event.DENIED: (_X, _X, _X, _X, _X, _X),
        Event.MISSING: (_X, _X, Action.SUCCEED_AFTER_DOUBT, _X, _X, _X),
        # "Not linked" has no published code: after a doubt it may be our own doing.
        Event.REFUSED: (_X, _X, Action.READ_BACK_AFTER_DOUBT, _X, _X, _X),
    }.items()
}


# -- Decisions --------------------------------------------------------------------------

BASE: Final = 0.05
CAP: Final = 20.0
SOON: Final = 30.0
_TRANSIENT_COST: Final = 10.0
_THROTTLE_COST: Final = 5.0
_BUDGET: Final = 100.0


@attrs.define
class Budget:
    """Retries that a whole client may spend: an outage must not triple the traffic."""

    tokens: float = _BUDGET

    def spend(self, event: Event) -> bool:
        """Whether a retry after *event* may be made; if so it is paid for."""
        cost = _THROTTLE_COST if event is Event.THROTTLED else _TRANSIENT_COST
        if self.tokens < cost:
            return False
        self.tokens -= cost
        return True

    def earn(self) -> None:
        """A clean success."""
        if self.tokens < _BUDGET:
            self.tokens += 1


@attrs.frozen
class Tried:
    """One attempt that failed, and where the call stands after it."""

    event: Event
    number: int
    """Counted from 1."""
    elapsed: float
    """Seconds since the first attempt began."""
    left: float
    """Seconds until the deadline."""
    in_doubt: bool = False
    """Whether this attempt or one before it may have acted."""
    retry_after: float | None = None


@attrs.frozen
class Decision:
    """What to do, and how long to wait before it."""

    action: Action
    pause: float = 0.0


def decide(
    tried: Tried,
    replay: Replay,
    budget: Budget,
    max_attempts: int,
    jitter: Callable[[], float] = random.random,
) -> Decision:
    """The next step: ``RETRY`` after a pause, or one of the steps that end the attempts."""
    action = ACTIONS[tried.event][replay]
    if action in _AFTER_DOUBT:
        return Decision(_AFTER_DOUBT[action] if tried.in_doubt else Action.RAISE)
    if not _may_retry(action, tried):
        return Decision(Action.RAISE if action in _RETRIES else action)
    pause = _pause(tried, jitter)
    if tried.number >= max_attempts or pause >= tried.left or not budget.spend(tried.event):
        return Decision(Action.RAISE)
    return Decision(Action.RETRY, pause)


_AFTER_DOUBT: Final = {
    Action.SUCCEED_AFTER_DOUBT: Action.SUCCEED,
    Action.READ_BACK_AFTER_DOUBT: Action.READ_BACK,
}
_RETRIES: Final = (Action.RETRY, Action.RETRY_ONCE, Action.RETRY_SOON)


def _may_retry(action: Action, tried: Tried) -> bool:
    return (
        action is Action.RETRY
        or (action is Action.RETRY_ONCE and tried.number == 1)
        or (action is Action.RETRY_SOON and tried.elapsed < SOON)
    )


def _pause(tried: Tried, jitter: Callable[[], float]) -> float:
    if tried.retry_after is not None:
        return tried.retry_after + jitter() * BASE
    if tried.event is Event.THROTTLED:
        return min(60.0, 2.0 ** (tried.number - 1)) * (0.5 + jitter() / 2)
    return min(CAP, BASE * 2.0**tried.number) * jitter()


# -- From errors ------------------------------------------------------------------------

_EVENTS: Final[tuple[tuple[type[APIError], Event], ...]] = (
    (MaintenanceError, Event.MAINTENANCE),
    (ServerError, Event.BROKEN),
    (RateLimitedError, Event.THROTTLED),
    (QuotaExceededError, Event.QUOTA),
    (AuthenticationError, Event.DENIED),
    (NotFoundError, Event.MISSING),
    (DecodeError, Event.UNREADABLE),
)


def event_of(error: APIError) -> Event:
    """Which event *error* is. Whether it was sent, and how far the answer came, is on it."""
    for kind, event in _EVENTS:
        if isinstance(error, kind):
            return event
    if isinstance(error, DeadlineExceededError):
        return Event.LATE
    if isinstance(error, APIConnectionError):
        return _lost(error) if error.request_sent else _unsent(error)
    if isinstance(error, ProtocolError) and not 300 <= (error.status or 0) < 400:
        return Event.STRANGER if error.web_page else _lost(error)
    return Event.REFUSED


def _unsent(error: APIError) -> Event:
    return Event.UNREACHED if error.can_retry else Event.UNTRUSTED


def _lost(error: APIError) -> Event:
    """An answer that began as a success was one: only its body is missing."""
    return Event.LOST if 200 <= (error.status or 0) < 300 else Event.CUT


# -- One call's story -------------------------------------------------------------------


@attrs.frozen
class Options:
    """How much a call may do to succeed."""

    max_attempts: int
    deadline: float
    reconcile_delays: tuple[float, ...]


@attrs.define
class Story:
    """What one call has been through. Times are the event loop's."""

    began: float
    life: Life
    attempt: Attempt = attrs.Factory(lambda story: Attempt(story.life), takes_self=True)
    started: float = 0.0
    tried: tuple[Attempted, ...] = ()
    in_doubt: bool = False
    last_outcome: Outcome = Outcome.OK
    known_ids: frozenset[int] | None = None
    """Of a create: what was there before."""
    token: Secret | None = None
    renewed: bool = False
    """Whether the token has been asked for anew: once in a call."""
    held_back: bool = False
    """Whether a breaker has kept the last attempt from being made."""

    def begin(self, now: float) -> None:
        """Another attempt starts."""
        self.started = now
        if self.tried:
            self.attempt = Attempt(self.life)

    def outcome_if_stopped(self, replay: Replay) -> Outcome:
        """What the attempt under way may have done, when it is cancelled now."""
        if not self.attempt.sent:
            return Outcome.UNKNOWN if self.in_doubt else Outcome.UNSENT
        return Outcome.FAILED if replay is Replay.SAFE else Outcome.UNKNOWN

    def outcome_of(self, error: APIError) -> Outcome:
        """What the call did, now that *error* has ended it."""
        if isinstance(error, OutcomeUnknownError):
            return Outcome.UNKNOWN
        return self.last_outcome if self.tried else Outcome.UNSENT

    def judge(
        self, error: APIError, replay: Replay, budget: Budget, options: Options, now: float
    ) -> Decision:
        """What to do after the attempt ended with *error*, which is written down."""
        event = event_of(error)
        self.last_outcome = OUTCOMES[event]
        self.in_doubt |= self.last_outcome is Outcome.UNKNOWN
        if self.last_outcome in (Outcome.UNSENT, Outcome.REJECTED):
            self.attempt = Attempt(self.life)
        tried = Tried(
            event=event,
            number=len(self.tried) + 1,
            elapsed=now - self.began,
            left=self.life.deadline - now,
            in_doubt=self.in_doubt,
            retry_after=error.retry_after if isinstance(error, RateLimitedError) else None,
        )
        decision = decide(tried, replay, budget, options.max_attempts)
        self.tried += (
            Attempted(
                str(OUTCOMES[event]), error.reason, error.status, now - self.started, decision.pause
            ),
        )
        error.attempts = self.tried
        if self.in_doubt:
            error.request_sent = True
        return decision
