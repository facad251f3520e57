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
methods may be ``async``: the call waits for them. If a method raises, the error is logged, and the
call goes on.

The logger ``kmoment`` has the ends of calls at DEBUG, as structured ``extra``.
"""

from collections.abc import Awaitable

import attrs

from .errors import APIError, AttemptRecord

__all__ = ["AttemptEnd", "AttemptStart", "CallEnd", "CallStart", "Hook", "Waits"]


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
