"""OpenTelemetry: a span for each call and each attempt, and metrics.

    hooks = [kmoment.otel.Telemetry()]
    with kmoment.Client(token, hooks=hooks) as moment:
        moment.account(1234).audiences.list()

Needs the API of OpenTelemetry (``pip install kmoment[otel]``), and an SDK that exports: see
``examples/telemetry.py``. Without an SDK nothing is recorded.

**Spans.** A call is an ``INTERNAL`` span with the call's name, such as ``audiences.create``. It is
a child of the span that is current where the call is made, with both clients. A call that is made
for another one, such as the list before a create, is a child of that one's span. Each attempt is a
``CLIENT`` span by the stable conventions for HTTP, such as ``GET /openapi/v4/adAccounts/pages``.

| attribute of a call | what it is |
|---|---|
| ``kmoment.operation``, ``kmoment.ad_account_id`` | what was called |
| ``kmoment.effect`` | as ``CallEnd.effect``: ``unknown`` is a write that may have been done |
| ``kmoment.failed_attempts`` | how many attempts failed |
| ``kmoment.wait.turn``, ``.connection``, ``.host``, ``.create`` | seconds waited before sending |
| ``error.type`` | the error's class; ``cancelled`` |

**Metrics.** Durations, in seconds: ``http.client.request.duration`` by the conventions,
``kmoment.call.duration`` with the operation and the effect, and ``kmoment.wait.duration`` with the
operation and what was waited for. Counted are ``kmoment.retry.refused``, retries for which the
budget had too little left, with the operation; and ``kmoment.breaker.opened`` and ``.closed``, with
``kmoment.breaker``: ``quota``, ``maintenance`` or ``token``.

**What is left out.** No body, no header and so no token, and no message of an error. ``url.full``
has no query: the conventions ask to scrub what may be sensitive, and a query has search words and
ids. Ids are in spans only, since each would be a time series of its own among metrics. An attempt
that was sent twice because a kept connection was dead is one span, with ``kmoment.resent``;
``http.request.resend_count`` does not count that. A call that a breaker has stopped has no attempt,
the effect ``unsent`` and the breaker's error.

https://opentelemetry.io/docs/specs/semconv/http/http-spans/
"""

from contextvars import ContextVar
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import attrs

from .hooks import (
    AttemptEnd,
    AttemptStart,
    BreakerClose,
    BreakerOpen,
    CallEnd,
    CallStart,
    Hook,
    RetryRefused,
    Waits,
)

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import Span, TracerProvider

__all__ = ["Telemetry"]

SCHEMA: Final = "https://opentelemetry.io/schemas/1.37.0"
"""The version of the conventions that these names are of."""
BUCKETS: Final = (
    *(0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75),
    *(1.0, 2.5, 5.0, 7.5, 10.0),
)
"""Seconds, as the conventions advise for the duration of a request."""
LONG_BUCKETS: Final = (*BUCKETS, 30.0, 60.0, 300.0, 1800.0)
"""Seconds: a call may last for its deadline (60), and wait in queues for much longer."""
COUNTERS: Final = (
    ("kmoment.retry.refused", "{retry}", "Retries that the budget has refused."),
    ("kmoment.breaker.opened", "{breaker}", "Circuit breakers that opened, or stay open."),
    ("kmoment.breaker.closed", "{breaker}", "Circuit breakers that closed."),
)
_PORTS: Final = {"http": 80, "https": 443}
_NANO: Final = 1_000_000_000
"""Nanoseconds in a second."""


@attrs.define(eq=False)
class _Spans:
    """The spans of a call that runs."""

    call: "Span"
    outer: "_Spans | None"
    """Those of the call for which it is made."""
    attempt: "Span | None" = None
    request: AttemptStart | None = None
    """The attempt that is under way."""


class Telemetry(Hook):
    """Records spans and metrics of all calls: ``hooks=[Telemetry()]``. Clients may share it."""

    def __init__(
        self,
        *,
        tracer_provider: "TracerProvider | None" = None,
        meter_provider: "MeterProvider | None" = None,
    ) -> None:
        """Make the instruments.

        :param tracer_provider: Default: the global one, also if it is set later.
        :param meter_provider: Default: the global one, also if it is set later.
        :raises ModuleNotFoundError: OpenTelemetry is not installed.
        """
        try:
            from opentelemetry import metrics, trace
        except ImportError:
            raise ModuleNotFoundError(
                "Telemetry needs opentelemetry-api: pip install kmoment[otel]"
            ) from None
        kmoment = version("kmoment")
        self._trace = trace
        self._tracer = trace.get_tracer("kmoment", kmoment, tracer_provider, SCHEMA)
        meter = metrics.get_meter("kmoment", kmoment, meter_provider, SCHEMA)

        def histogram(name: str, what: str, buckets: tuple[float, ...] = LONG_BUCKETS) -> Any:
            return meter.create_histogram(
                name, unit="s", description=what, explicit_bucket_boundaries_advisory=buckets
            )

        self._requests = histogram(
            "http.client.request.duration", "Duration of HTTP client requests.", BUCKETS
        )
        self._calls = histogram("kmoment.call.duration", "Duration of calls, with all waits.")
        self._waits = histogram("kmoment.wait.duration", "Time that calls waited, by what for.")
        self._refused, self._opened, self._closed = (
            meter.create_counter(name, unit=unit, description=what) for name, unit, what in COUNTERS
        )
        # Of one call: its events come in one context, whichever client and thread it is.
        self._current: ContextVar[_Spans | None] = ContextVar("kmoment_spans", default=None)

    def on_call_start(self, event: CallStart) -> None:
        """Begin a call's span."""
        outer = self._current.get()
        context = None if outer is None else self._trace.set_span_in_context(outer.call)
        known = {"kmoment.operation": event.operation}
        if event.ad_account_id is not None:
            known["kmoment.ad_account_id"] = str(event.ad_account_id)
        span = self._tracer.start_span(
            event.operation, context, attributes=known, start_time=_nano(event.time)
        )
        self._current.set(_Spans(span, outer))

    def on_attempt_start(self, event: AttemptStart) -> None:
        """Begin an attempt's span."""
        if (spans := self._current.get()) is None:
            return
        spans.request = event
        spans.attempt = self._tracer.start_span(
            f"{event.method} {event.path}",
            self._trace.set_span_in_context(spans.call),
            self._trace.SpanKind.CLIENT,
            attributes=_request(event),
            start_time=_nano(event.time),
        )

    def on_attempt_end(self, event: AttemptEnd) -> None:
        """End an attempt's span."""
        if (spans := self._current.get()) is None or spans.attempt is None:
            return
        spans.attempt.set_attributes(_response(event))
        self._end_attempt(spans, event.seconds, _outcome(event))

    def on_call_end(self, event: CallEnd) -> None:
        """End a call's span, and that of an attempt that was stopped."""
        if (spans := self._current.get()) is None:
            return
        outcome: dict[str, str | int] = {"kmoment.effect": event.effect}
        if (error := _error_of(event)) is not None:
            outcome["error.type"] = error
            spans.call.set_status(self._trace.StatusCode.ERROR)
        if spans.request is not None:
            seconds = max(0.0, event.time + event.seconds - spans.request.time)
            self._end_attempt(spans, seconds, {"error.type": error or "cancelled"})
        waits = _waited(event.waits)
        spans.call.set_attributes(outcome)
        spans.call.set_attributes({f"kmoment.wait.{what}": it for what, it in waits.items()})
        spans.call.set_attribute("kmoment.failed_attempts", len(event.attempts))
        spans.call.end(_nano(event.time + event.seconds))
        self._current.set(spans.outer)
        context = self._trace.set_span_in_context(spans.call)
        operation = {"kmoment.operation": event.operation}
        self._calls.record(event.seconds, operation | outcome, context)
        for what, seconds in waits.items():
            self._waits.record(seconds, operation | {"kmoment.wait": what}, context)

    def on_retry_refused(self, event: RetryRefused) -> None:
        """Count a retry that was refused."""
        self._refused.add(1, {"kmoment.operation": event.operation})

    def on_breaker_open(self, event: BreakerOpen) -> None:
        """Count a breaker that opens."""
        self._opened.add(1, {"kmoment.breaker": event.kind})

    def on_breaker_close(self, event: BreakerClose) -> None:
        """Count a breaker that closes."""
        self._closed.add(1, {"kmoment.breaker": event.kind})

    def _end_attempt(self, spans: _Spans, seconds: float, outcome: dict[str, str | int]) -> None:
        span, event = spans.attempt, spans.request
        spans.attempt = spans.request = None
        assert span is not None
        assert event is not None
        span.set_attributes(outcome)
        if "error.type" in outcome:
            span.set_status(self._trace.StatusCode.ERROR)
        span.end(_nano(event.time + seconds))
        context = self._trace.set_span_in_context(span)
        self._requests.record(seconds, _series(event) | outcome, context)


def _nano(seconds: float) -> int:
    return int(seconds * _NANO)


def _server(event: AttemptStart) -> dict[str, str | int]:
    url = urlsplit(event.url)
    return {
        "http.request.method": event.method,
        "server.address": url.hostname or "",
        "server.port": url.port or _PORTS[url.scheme],
    }


def _request(event: AttemptStart) -> dict[str, str | int]:
    """What is known of a request when it is sent."""
    facts = _server(event) | {"url.full": event.url, "url.template": event.path}
    if event.number > 1:
        facts["http.request.resend_count"] = event.number - 1
    return facts


def _series(event: AttemptStart) -> dict[str, str | int]:
    """What tells the series of a metric apart: nothing that has many values."""
    return _server(event) | {"url.template": event.path, "network.protocol.version": "1.1"}


def _response(event: AttemptEnd) -> dict[str, str | int]:
    """What only the span has of an answer."""
    # The URL once more: an attempt may try two readings of a path.
    facts: dict[str, str | int] = {"url.full": event.url, "network.protocol.version": "1.1"}
    if event.server_address is not None:
        facts["network.peer.address"] = event.server_address
    if event.server_port is not None:
        facts["network.peer.port"] = event.server_port
    if event.resent:
        facts["kmoment.resent"] = True
    return facts


def _outcome(event: AttemptEnd) -> dict[str, str | int]:
    """What an attempt has come to."""
    outcome: dict[str, str | int] = {}
    if event.status is not None:
        outcome["http.response.status_code"] = event.status
    if event.status is not None and event.status >= 400:
        outcome["error.type"] = str(event.status)
    elif event.error is not None:
        outcome["error.type"] = _class_of(event.error)
    return outcome


def _error_of(event: CallEnd) -> str | None:
    if event.error is not None:
        return _class_of(event.error)
    return None if event.effect == "ok" else "cancelled"


def _class_of(error: Exception) -> str:
    return f"{type(error).__module__}.{type(error).__qualname__}"


def _waited(waits: Waits) -> dict[str, float]:
    """Seconds by what was waited for, where anything was."""
    return {what: seconds for what, seconds in attrs.asdict(waits).items() if seconds}
