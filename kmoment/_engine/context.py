"""One call from its start to its end: its attempts, its clock, and what is known of it."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from math import inf
from socket import socket
from typing import Any, Final, Generic, TypeVar

import attrs

from .._policies.failure import EFFECTS, OUTAGE, Effect, FailureKind, kind_of
from .._policies.options import CallOptions
from .._policies.retry import Decision, FailedAttempt, decide
from .._policies.retry_budget import Budget
from .._protocol.call import Call, Replay
from .._protocol.error_table import facts_of
from .._protocol.http import TransportError
from .._secret import Secret
from ..errors import (
    APIConnectionError,
    APIError,
    AttemptRecord,
    DeadlineExceededError,
    Facts,
    FleetUnavailableError,
    OutcomeUnknownError,
    ProtocolError,
)
from .admission import QueueTooLongError
from .sharing import CreateLock
from .timeouts import CallTimeout, TimeoutKind

T = TypeVar("T")

# By name: looking an enum member up costs Python 3.11 about 0.2 us.
_SAFE: Final = Replay.SAFE
_DONE: Final = Effect.DONE
_RESENDABLE: Final = (Replay.SAFE, Replay.IDEMPOTENT)

WAITING_FOR_A_TURN: Final = "waiting for a turn"
WAITING_FOR_THE_HOST: Final = "waiting for the host"
_RECORDS: Final = 50
"""Attempts that are remembered: a call may meet thousands of 429s."""


@attrs.define
class AttemptState:
    """Progress of one attempt. Stays valid after the task was cancelled."""

    timeout: CallTimeout | None = None
    phase: str = "waiting for the token"
    sent: bool = False
    """False only while the request has provably not left."""
    status: int | None = None
    """The HTTP status, as soon as it is known."""
    reused: bool = False
    """Whether the connection has served a request before."""
    sockets: tuple[socket, ...] = ()
    """Sockets that were opened for it."""
    connecting: float = 0.0
    """When it asked for a connection."""
    silence: float = inf
    """Seconds that the server may send nothing, once the request has left."""
    wire: asyncio.BaseTransport | None = None
    """The connection that it was sent over."""
    request_id: str | None = None
    """Under which the server, or a gateway before it, knows the request."""
    probe: bool = False
    """Whether it finds out if a host that was down is up again."""

    @property
    def peer(self) -> tuple[Any, ...] | None:
        """The server's address and port."""
        return None if self.wire is None else self.wire.get_extra_info("peername")

    def sending(self) -> None:
        """The request leaves now."""
        assert self.timeout is not None
        self.phase, self.sent = "waiting for the answer", True
        self.timeout.expect(self.silence)


@attrs.define(eq=False)
class Trace:
    """What only hooks and the log want to know of a call."""

    ident: int
    time: float
    """When the call began, in seconds since 1970."""
    sent_time: float = 0.0
    """When its last request was sent, in seconds since 1970."""
    url: str = ""
    """Where the last request went, without its query."""
    requests: int = 0
    begun: bool = False
    """Whether hooks were told that an attempt has started, and not yet that it has ended."""
    wire_began: float = 0.0
    waited: dict[str, float] = attrs.Factory(dict)
    """Seconds waited before the next request, by what for."""
    waited_in_all: dict[str, float] = attrs.Factory(dict)

    def add_wait(self, what: str, seconds: float) -> None:
        """The call has waited for *seconds*, before it could be sent."""
        for waits in (self.waited, self.waited_in_all):
            waits[what] = waits.get(what, 0.0) + seconds


@attrs.define(eq=False)
class CallContext(Generic[T]):
    """One call. Times are the event loop's, in seconds."""

    call: Call[T]
    options: CallOptions
    timeout: CallTimeout
    clock: Callable[[], float]
    began: float
    attempt: AttemptState
    started: float
    """When the last attempt began."""
    records: tuple[AttemptRecord, ...] = ()
    in_doubt: bool = False
    """Whether an attempt may have acted."""
    last_effect: Effect = Effect.OK
    last_error: APIError | None = None
    known_ids: frozenset[int] | None = None
    """Of a create: the ids that were there before; ``None`` if they are not all known."""
    created_after: datetime | None = None
    """Of a create: the server's time before it."""
    server_time: datetime | None = None
    """The server's time when it answered, from its Date header. Only lists of audiences note it."""
    token: Secret | None = None
    token_renewed: bool = False
    """Whether a newer token was asked for: once in a call."""
    held_back: bool = False
    """Whether the last attempt was given up before it was sent: by a breaker, queue or outage."""
    resent: bool = False
    """Whether a request was sent again because a kept connection was dead: once in a call."""
    tries: int = 0
    """Attempts that count: not those that met a 429, or a host that is down."""
    price: float = 0.0
    """What its retries have taken from the budget."""
    order: int | None = None
    """Its place in the limiter's queue, if it has to come back."""
    wait_left: float = inf
    """Seconds that it may still spend in queues."""
    parent: int | None = None
    """The call that this one is made for, as hooks know it."""
    trace: "Trace | None" = None
    """What hooks want to know; ``None`` if there are none."""
    attempting: bool = False
    """Whether an attempt is under way."""
    lock: CreateLock | None = None
    """Of a create in a fleet: the right to make it alone."""

    # -- What it is ---------------------------------------------------------------------

    @property
    def only_reads(self) -> bool:
        """Whether the call changes nothing."""
        return self.call.endpoint.replay is _SAFE

    @property
    def may_have_written(self) -> bool:
        """Whether the call changes something, and an attempt that has ended may have done so."""
        return not self.only_reads and (self.in_doubt or self.last_effect is _DONE)

    def child(self, call: Call[Any]) -> "CallContext[Any]":
        """A context for a call that is made for this one, within its time."""
        now = self.clock()
        return CallContext(
            call,
            self.options,
            self.timeout,
            self.clock,
            now,
            AttemptState(self.timeout),
            now,
            wait_left=self.wait_left,
            parent=None if self.trace is None else self.trace.ident,
        )

    # -- What happens to it -------------------------------------------------------------

    def begin_attempt(self) -> None:
        """Another attempt starts."""
        self.attempting = True
        if self.records:
            self.started, self.attempt = self.clock(), AttemptState(self.timeout)

    def may_resend(self, failure: TransportError) -> bool:
        """Whether to send again at once, since a kept connection was dead. Costs no attempt."""
        replay = self.call.endpoint.replay
        if not failure.stale or self.resent or replay not in _RESENDABLE:
            return False
        self.resent = True
        self.in_doubt |= replay is not _SAFE
        return True

    @contextmanager
    def queued(self, what: str, phase: str) -> Iterator[None]:
        """The call waits in a queue. The deadline stands still meanwhile."""
        began, self.attempt.phase = self.clock(), phase
        self.timeout.suspend(self.wait_left)
        try:
            yield
        finally:
            self.timeout.resume()
            seconds = self.clock() - began
            self.wait_left -= seconds
            if self.trace is not None:
                self.trace.add_wait(what, seconds)

    def judge(self, error: APIError, budget: Budget, *, outage: bool) -> Decision:
        """Record the attempt that *error* ended, and decide what to do next.

        :param outage: The host is down, and the call may wait for it.
        """
        self.attempting = False
        kind = kind_of(error)
        effect = self.last_effect = EFFECTS[kind]
        self.in_doubt |= effect is Effect.UNKNOWN
        if effect in (Effect.UNSENT, Effect.REJECTED):
            self.attempt = AttemptState(self.timeout)
        now = self.clock()
        if not outage and kind is not FailureKind.THROTTLED:
            self.tries += 1
        failed = FailedAttempt(
            kind=kind,
            number=self.tries,
            elapsed=now - self.began,
            left=self.timeout.deadline - now,
            in_doubt=self.in_doubt,
            retry_after=error.retry_after,
            outage=outage and kind in OUTAGE,
        )
        decision = decide(failed, self.call.endpoint.replay, budget, self.options.max_attempts)
        self.price += decision.price
        seconds = now - self.started
        record = AttemptRecord(str(effect), error.reason, error.status, seconds, decision.pause)
        self.records = _shortened((*self.records, record))
        error.attempts = self.records
        if self.in_doubt:
            error.request_sent = True
        return decision

    # -- What it has done ---------------------------------------------------------------

    def effect_if_cancelled(self) -> Effect:
        """What the call may have done, if it is cancelled now."""
        if not self.attempt.sent:
            return Effect.UNKNOWN if self.in_doubt else Effect.UNSENT
        return Effect.FAILED if self.only_reads else Effect.UNKNOWN

    def timed_out(self, waiting: Callable[[], str | None]) -> APIError | None:
        """The error of a call that its deadline or ``max_wait`` has cancelled, if one of them did.

        :param waiting: Says what most calls wait for.
        """
        if self.timeout.past is TimeoutKind.DEADLINE:
            return self.deadline_passed(waiting)
        if self.timeout.past is TimeoutKind.WAIT:
            return self.waited_too_long(waiting() or "the queue is gone")
        return None

    def effect_of(self, error: APIError) -> Effect:
        """What the call did, now that *error* has ended it."""
        if isinstance(error, OutcomeUnknownError):
            return Effect.UNKNOWN
        return self.last_effect if self.records else Effect.UNSENT

    # -- Its errors ---------------------------------------------------------------------

    def connection_error(self, failure: TransportError) -> APIConnectionError | ProtocolError:
        """*failure* as a public error."""
        error = ProtocolError if failure.broken else APIConnectionError
        facts = facts_of(self.call)
        facts["request_sent"], facts["status"] = self.attempt.sent, self.attempt.status
        facts["can_retry"] = not (failure.final or failure.too_large)
        facts["too_large"] = failure.too_large
        return error(failure.reason, facts)

    def queue_too_long(self, queue: QueueTooLongError) -> DeadlineExceededError:
        """The error of a call whose turn comes later than ``max_wait`` allows."""
        facts = facts_of(self.call)
        facts["request_sent"], facts["phase"] = self.in_doubt, WAITING_FOR_A_TURN
        facts["attempts"] = self.records
        reason = (
            f"its turn comes in about {queue.seconds:.3g} s, and max_wait is "
            f"{self.options.max_wait:g} s: {queue.waiting} calls wait before it, at "
            f"{queue.rate:.3g} a second"
        )
        return DeadlineExceededError(reason, facts)

    def waited_too_long(self, waiting: str) -> APIError:
        """The error of a call that has spent ``max_wait`` in queues."""
        facts = facts_of(self.call)
        facts["request_sent"], facts["phase"] = self.in_doubt, self.attempt.phase
        facts["attempts"] = self.records
        seconds, phase = self.options.max_wait, self.attempt.phase
        reason = f"max_wait ({seconds:g} s) is over; it was {phase} ({waiting})"
        error = DeadlineExceededError(reason, facts)
        return self.outcome_unknown(error) if self.may_have_written else error

    def not_shared(self, lost: FleetUnavailableError) -> FleetUnavailableError:
        """The error of a call that may not go on without the fleet."""
        facts = facts_of(self.call)
        facts["request_sent"], facts["attempts"] = self.in_doubt, self.records
        return FleetUnavailableError(lost.reason, facts)

    def closed_while_waiting(self) -> APIConnectionError:
        """The error of a call whose client was closed while it waited."""
        facts = facts_of(self.call)
        facts["request_sent"], facts["attempts"] = self.in_doubt, self.records
        return APIConnectionError("the client was closed", facts)

    def host_is_down(self, seconds: float, reason: str) -> APIError:
        """The error of a call whose host stays down: that of its last attempt, if it made one."""
        down = f"the host has been down for {seconds:.1f} s"
        if (last := self.last_error) is not None:
            last.args = (f"{last.reason}; {down}",)
            return last
        facts = facts_of(self.call)
        facts["request_sent"] = False
        return APIConnectionError(f"not sent: {down} ({reason})", facts)

    def deadline_passed(self, waiting: Callable[[], str | None]) -> APIError:
        """The error of a call that its deadline has ended."""
        attempt = self.attempt
        facts = facts_of(self.call)
        facts["request_sent"], facts["phase"] = attempt.sent, attempt.phase
        facts["attempts"] = self.records + self._stopped()
        doing = self._doing(waiting)
        reason = f"no answer within {self.options.deadline:g} s; at the end it was {doing}"
        if self.only_reads or not (attempt.sent or self.in_doubt):
            return DeadlineExceededError(reason, facts | self._hints())
        return self.outcome_unknown(DeadlineExceededError(reason, facts))

    def _doing(self, waiting: Callable[[], str | None]) -> str:
        """What it did when its deadline ended, and the failure that led to it."""
        phase = self.attempt.phase
        if self.last_error is not None:
            return f"{phase}; the last failure: {self.last_error.reason}"
        if phase == WAITING_FOR_THE_HOST:
            return f"waiting for {waiting() or 'the host'}"
        return phase

    def _hints(self) -> Facts:
        """What to do about the last failure, or the host: more time would change nothing."""
        if self.attempting and self.attempt.phase != WAITING_FOR_THE_HOST:
            return {}
        last = self.last_error or APIConnectionError
        return {"hint": last.hint, "hint_ko": last.hint_ko}

    def _stopped(self) -> tuple[AttemptRecord, ...]:
        """The record of an attempt that the deadline has stopped."""
        if not self.attempting:
            return ()
        attempt = self.attempt
        effect = Effect.UNKNOWN if attempt.sent else Effect.UNSENT
        reason = f"stopped by the deadline: {attempt.phase}"
        seconds = self.clock() - self.started
        return (AttemptRecord(str(effect), reason, attempt.status, seconds, 0.0),)

    def outcome_unknown(self, error: APIError) -> OutcomeUnknownError:
        """*error*, as the error of a write that may have been done."""
        facts = error._facts()
        facts.pop("can_retry", None)  # of the last attempt, not of a write that may be done
        facts["request_sent"], facts["attempts"] = True, error.attempts or self.records
        facts["draft"], facts["known_ids"] = self.call.body, self.known_ids
        facts["created_after"] = self.created_after
        return OutcomeUnknownError(f"it may have been done ({error.reason})", facts)


def _shortened(records: tuple[AttemptRecord, ...]) -> tuple[AttemptRecord, ...]:
    """The first records and the last."""
    half = _RECORDS // 2
    return records if len(records) <= _RECORDS else records[:half] + records[-half:]
