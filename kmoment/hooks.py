"""Listening to calls, for logs, metrics and tracing.

Make a subclass of :class:`Hook` with the methods that you need. Each gets one event:

    class Count(kmoment.hooks.Hook):
        calls = 0

        def on_attempt_end(self, event):
            print(event.operation, event.status, f"{event.seconds:.3f} s on the wire")

        def on_call_end(self, event):
            self.calls += 1

    hooked = kmoment.AsyncClient(token, hooks=[Count()])

`kmoment.otel.Telemetry` makes OpenTelemetry's spans and metrics of them.

Events have all that a span needs: ids, times, the server's address. They have no body, no token
and no query. Later versions may add methods, and members of events. With ``AsyncClient`` the
methods may be ``async``: the call waits for them. No call waits for what is told of circuit
breakers. If a method raises, the error is logged, and the call goes on.

The logger ``kmoment`` has the ends of calls at DEBUG, as structured ``extra``.
"""

from collections.abc import Awaitable

import attrs

from .errors import APIError, AttemptRecord

__all__ = [
    "AttemptEnd",
    "AttemptStart",
    "BreakerClose",
    "BreakerEvent",
    "BreakerOpen",
    "CallEnd",
    "CallStart",
    "Hook",
    "RetryRefused",
    "Waits",
]


@attrs.frozen(kw_only=True)
class Waits:
    """Seconds that were waited before sending. Only *host* counts against ``deadline``."""

    turn: float = 0.0
    """For a turn of the rate limiter."""
    connection: float = 0.0
    """For a free connection."""
    host: float = 0.0
    """For a host that was down."""
    create: float = 0.0
    """For another create of the same name."""


@attrs.frozen(kw_only=True)
class CallStart:
    """A call begins."""

    call_id: int
    """The same in all events of a call, and in no other call of the client."""
    parent_id: int | None
    """The call for which this one is made: a create lists first, for example."""
    operation: str
    """Such as ``audiences.create``."""
    method: str
    path: str
    """The path's template."""
    ad_account_id: int | None
    time: float
    """When it began, in seconds since 1970 (UTC)."""


@attrs.frozen(kw_only=True)
class AttemptStart(CallStart):
    """A request is sent now. *time* is that of the sending."""

    number: int
    """Counted from 1. A call that met a 429 is sent again, and counts too."""
    waits: Waits
    """What was waited for since the attempt before."""
    url: str
    """Where it goes. Without the query, which may have search words and ids."""


@attrs.frozen(kw_only=True)
class AttemptEnd(AttemptStart):
    """A request was answered, or was not. *time* is when it was sent."""

    seconds: float
    """On the wire: from sending to the end of the answer."""
    effect: str
    """ok, unsent, rejected, failed, unknown (the server may have acted), done (only the answer was
    lost)."""
    status: int | None
    error: APIError | None
    """What is raised if no further attempt is made."""
    request_id: str | None
    """The server's, or a gateway's."""
    server_address: str | None
    server_port: int | None
    resent: bool
    """Whether it went out twice, since a kept connection was dead."""


@attrs.frozen(kw_only=True)
class CallEnd(CallStart):
    """A call has ended. *time* is when it began."""

    effect: str
    """ok; that of the last attempt; unknown for a write that may have been done, also where the
    call was cancelled."""
    seconds: float
    """In all."""
    waits: Waits
    """What was waited for in all."""
    attempts: tuple[AttemptRecord, ...]
    """The attempts that failed."""
    error: APIError | None
    """``None`` for a success, and for a call that its caller has cancelled."""


@attrs.frozen(kw_only=True)
class RetryRefused(CallStart):
    """The retry budget of the client is used up: a call is not tried again. *time* is when the call
    began.

    A retry costs some of the budget, and successes fill it again: so a fault that meets most calls
    does not multiply them.
    """

    error: APIError
    """What the last attempt ended with. It is raised, or it is found out what was done."""


@attrs.frozen(kw_only=True)
class BreakerEvent:
    """Something has happened to a circuit breaker."""

    kind: str
    """``quota`` (used up), ``maintenance``, or ``token`` (refused)."""
    time: float
    """When it happened, in seconds since 1970 (UTC)."""


@attrs.frozen(kw_only=True)
class BreakerOpen(BreakerEvent):
    """A circuit breaker has opened: calls fail at once, unsent. Also told for each try after which
    it stays open, and if another process of a fleet has opened it."""

    seconds: float
    """For how long. Then one call may try."""
    error: APIError
    """Why: the error of the call that was refused, with Kakao's words."""


@attrs.frozen(kw_only=True)
class BreakerClose(BreakerEvent):
    """A circuit breaker has closed, since an answer has come: calls are sent again."""

    seconds: float
    """For how long it was open."""


class Hook:
    """Does nothing. Override what you need. All methods are called on the client's event loop."""

    def on_call_start(self, event: CallStart) -> Awaitable[None] | None:
        """A call begins."""

    def on_attempt_start(self, event: AttemptStart) -> Awaitable[None] | None:
        """A request is sent now."""

    def on_attempt_end(self, event: AttemptEnd) -> Awaitable[None] | None:
        """A request was answered, or was not; the last, successful one too."""

    def on_call_end(self, event: CallEnd) -> Awaitable[None] | None:
        """A call has ended."""

    def on_retry_refused(self, event: RetryRefused) -> Awaitable[None] | None:
        """A call is not tried again, since the retry budget is used up."""

    def on_breaker_open(self, event: BreakerOpen) -> Awaitable[None] | None:
        """Calls fail at once from now on. No call waits for this method."""

    def on_breaker_close(self, event: BreakerClose) -> Awaitable[None] | None:
        """Calls are sent again. No call waits for this method."""
