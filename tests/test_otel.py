"""OpenTelemetry: spans and metrics of real calls, checked against the conventions for HTTP."""

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import attrs
import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.semconv.attributes import (
    error_attributes,
    http_attributes,
    network_attributes,
    server_attributes,
    url_attributes,
)
from opentelemetry.semconv.metrics.http_metrics import HTTP_CLIENT_REQUEST_DURATION
from opentelemetry.trace import SpanKind, StatusCode

import kmoment
from helpers import TOKEN
from helpers.calls import DRAFT
from helpers.fault_server import CloseBefore, FaultServer, Silence
from helpers.scripted import ok, scripted
from kmoment._secret import Secret
from kmoment.hooks import AttemptEnd, AttemptStart, CallEnd, CallStart, Waits
from kmoment.otel import BUCKETS, Telemetry
from kmoment.sandbox import Fault, Sandbox

pytestmark = pytest.mark.anyio

STABLE = {
    value
    for module in (
        error_attributes,
        http_attributes,
        network_attributes,
        server_attributes,
        url_attributes,
    )
    for name, value in vars(module).items()
    if name.isupper() and isinstance(value, str)
}
REQUIRED = {"http.request.method", "server.address", "server.port", "url.full"}


@attrs.define
class Recorder:
    """All spans and metrics that a ``Telemetry`` gives."""

    telemetry: Telemetry
    tracers: TracerProvider
    exporter: InMemorySpanExporter
    reader: InMemoryMetricReader

    @property
    def spans(self) -> list[ReadableSpan]:
        return list(self.exporter.get_finished_spans())

    def calls(self) -> dict[str, ReadableSpan]:
        return {span.name: span for span in self.spans if span.kind is SpanKind.INTERNAL}

    def attempts(self) -> list[ReadableSpan]:
        return [span for span in self.spans if span.kind is SpanKind.CLIENT]

    def metrics(self) -> dict[str, list[Any]]:
        """The points of each metric."""
        data = self.reader.get_metrics_data()
        assert data is not None
        return {
            metric.name: list(metric.data.data_points)
            for resource in data.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }


@pytest.fixture
def recorder() -> Recorder:
    exporter, reader = InMemorySpanExporter(), InMemoryMetricReader()
    tracers = TracerProvider(shutdown_on_exit=False)
    tracers.add_span_processor(SimpleSpanProcessor(exporter))
    meters = MeterProvider([reader], shutdown_on_exit=False)
    telemetry = Telemetry(tracer_provider=tracers, meter_provider=meters)
    return Recorder(telemetry, tracers, exporter, reader)


def known(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def parent_of(span: ReadableSpan) -> int | None:
    return None if span.parent is None else int(span.parent.span_id)


def ident(span: ReadableSpan) -> int:
    assert span.context is not None
    return int(span.context.span_id)


# -- Spans --------------------------------------------------------------------------------


async def test_an_attempt_by_the_conventions(recorder: Recorder, sandbox: Sandbox) -> None:
    """An attempt's span has the conventions' name, kind, status, and all that they require."""
    hooks = [recorder.telemetry]
    async with kmoment.AsyncClient(sandbox.token, base_url=sandbox.url, hooks=hooks) as moment:
        await moment.account(1234).audiences.get(1)
        await moment.locations.depth3("논현")
    get, look_up = recorder.attempts()
    facts = known(get)
    host, _, port = sandbox.url.removeprefix("http://").partition(":")
    template = facts.pop("url.template")  # opt-in, and not stable yet
    assert get.name == f"GET {template}"
    assert template.endswith("/{id}")
    assert facts == {
        "http.request.method": "GET",
        "http.response.status_code": 200,
        "network.peer.address": host,
        "network.peer.port": int(port),
        "network.protocol.version": "1.1",
        "server.address": host,
        "server.port": int(port),
        "url.full": f"{sandbox.url}{template.format(id=1)}",
    }
    assert facts.keys() <= STABLE
    assert get.status.status_code is StatusCode.UNSET
    assert get.instrumentation_scope is not None
    assert (get.instrumentation_scope.name, get.instrumentation_scope.version) == (
        "kmoment",
        kmoment.__version__,
    )
    assert "?" not in known(look_up)["url.full"]
    assert "논현" not in str(known(look_up))


async def test_a_call_and_its_attempts(recorder: Recorder) -> None:
    """A call's span holds its attempts. A failed one is an error, and the next counts."""
    client = kmoment.AsyncClient(TOKEN, hooks=[recorder.telemetry])
    scripted(client, ok(b"", 502), ok([]))
    await client.account(77).audiences.list()
    first, second = recorder.attempts()
    call = recorder.calls()["audiences.list"]
    assert [parent_of(span) for span in (first, second)] == [ident(call)] * 2
    assert (first.status.status_code, first.status.description) == (StatusCode.ERROR, None)
    assert known(first)["error.type"] == "502"
    assert known(first)["http.response.status_code"] == 502
    assert "http.request.resend_count" not in known(first)
    assert known(second)["http.request.resend_count"] == 1
    assert known(second)["server.address"] == "apis.moment.kakao.com"
    assert known(second)["server.port"] == 443
    facts = known(call)
    assert facts == {
        "kmoment.operation": "audiences.list",
        "kmoment.ad_account_id": "77",
        "kmoment.effect": "ok",
        "kmoment.failed_attempts": 1,
    }
    assert call.status.status_code is StatusCode.UNSET
    assert call.start_time is not None
    assert first.start_time is not None
    assert call.end_time is not None
    assert second.end_time is not None
    assert call.start_time <= first.start_time <= second.end_time


async def test_an_attempt_without_an_answer(recorder: Recorder, server: FaultServer) -> None:
    """An attempt without an answer has the error's class, and no status code."""
    server.script(CloseBefore())
    hooks = [recorder.telemetry]
    async with kmoment.AsyncClient(
        TOKEN, base_url=server.url, hooks=hooks, max_attempts=1
    ) as moment:
        with pytest.raises(kmoment.APIConnectionError):
            await moment.locations.depth1()
    (attempt,) = recorder.attempts()
    assert known(attempt)["error.type"] == "kmoment.errors.APIConnectionError"
    assert "http.response.status_code" not in known(attempt)
    call = recorder.calls()["locations.depth1"]
    assert call.status.status_code is StatusCode.ERROR
    assert known(call)["error.type"] == "kmoment.errors.APIConnectionError"


async def test_a_call_that_is_cancelled(recorder: Recorder, server: FaultServer) -> None:
    """A cancelled call ends its span and that of its attempt, both as cancelled."""
    server.script(Silence())
    hooks = [recorder.telemetry]
    async with kmoment.AsyncClient(TOKEN, base_url=server.url, hooks=hooks) as moment:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(moment.locations.depth1(), 0.2)
    (attempt,) = recorder.attempts()
    call = recorder.calls()["locations.depth1"]
    assert known(attempt)["error.type"] == known(call)["error.type"] == "cancelled"
    assert {attempt.status.status_code, call.status.status_code} == {StatusCode.ERROR}
    assert recorder.metrics()[HTTP_CLIENT_REQUEST_DURATION][0].count == 1


async def test_a_call_that_is_not_sent(recorder: Recorder) -> None:
    """A call that a breaker stops has no attempt, the effect "unsent" and the breaker's error."""
    client = kmoment.AsyncClient(TOKEN, hooks=[recorder.telemetry])
    quota = {"code": -10, "msg": "API limit has been exceeded."}
    scripted(client, ok(quota, 400))
    for _ in "12":
        with pytest.raises(kmoment.QuotaExceededError):
            await client.locations.depth1()
    assert len(recorder.attempts()) == 1
    facts = known(recorder.calls()["locations.depth1"])
    assert facts["kmoment.effect"] == "unsent"
    assert facts["error.type"] == "kmoment.errors.QuotaExceededError"


def test_events_without_a_call(recorder: Recorder) -> None:
    """Events of a call whose start was not heard are left out."""
    start = CallStart(
        call_id=1,
        parent_id=None,
        operation="x",
        method="GET",
        path="/x",
        ad_account_id=None,
        time=0.0,
    )
    facts = attrs.asdict(start)
    waits = Waits()
    sent: dict[str, Any] = facts | {"number": 1, "waits": waits, "url": "https://x/x"}
    begun = AttemptStart(**sent)
    recorder.telemetry.on_attempt_start(begun)
    ended = AttemptEnd(
        **sent,
        seconds=1.0,
        effect="ok",
        status=200,
        error=None,
        request_id=None,
        server_address=None,
        server_port=None,
        resent=False,
    )
    recorder.telemetry.on_attempt_end(ended)
    over = CallEnd(**facts, effect="ok", seconds=1.0, waits=waits, attempts=(), error=None)
    recorder.telemetry.on_call_end(over)
    assert recorder.spans == []
    recorder.telemetry.on_call_start(start)
    recorder.telemetry.on_attempt_end(ended)
    recorder.telemetry.on_call_end(over)
    assert [span.name for span in recorder.spans] == ["x"]


async def test_what_was_sent_twice(recorder: Recorder, server: FaultServer) -> None:
    """An attempt that went out again, since its connection was dead, is one span and says so."""
    hooks = [recorder.telemetry]
    async with kmoment.AsyncClient(TOKEN, base_url=server.url, hooks=hooks) as moment:
        await moment.locations.depth1()
        server.script(CloseBefore())
        await moment.locations.depth1()
    first, second = recorder.attempts()
    assert "kmoment.resent" not in known(first)
    assert known(second)["kmoment.resent"] is True
    assert "http.request.resend_count" not in known(second)


# -- Parents ------------------------------------------------------------------------------


async def test_the_callers_span_is_the_parent(recorder: Recorder, sandbox: Sandbox) -> None:
    """In async code a call's span is a child of the span that is current where it is made."""
    tracer = recorder.tracers.get_tracer("mine")
    hooks = [recorder.telemetry]
    async with kmoment.AsyncClient(sandbox.token, base_url=sandbox.url, hooks=hooks) as moment:

        async def job(name: str) -> None:
            with tracer.start_as_current_span(name):
                await moment.locations.depth1()

        await asyncio.gather(job("a"), job("b"))
        await moment.locations.depth1()
    mine = {ident(span) for span in recorder.spans if span.name in ("a", "b")}
    parents = [parent_of(span) for span in recorder.spans if span.name == "locations.depth1"]
    assert set(parents) == {*mine, None}


def test_the_blocking_callers_span_is_the_parent(recorder: Recorder, sandbox: Sandbox) -> None:
    """The same in blocking code, also on a batch's threads, though the call runs on another one."""
    tracer = recorder.tracers.get_tracer("mine")
    with kmoment.Client(sandbox.token, base_url=sandbox.url, hooks=[recorder.telemetry]) as moment:
        with tracer.start_as_current_span("mine"):
            moment.locations.depth1()
        with tracer.start_as_current_span("batch"):
            moment.each_account([1234], lambda it: it.audiences.get(1)).collect()
            moment.each(moment.locations.depth2, ["강남구"]).collect()
    spans = {span.name: span for span in recorder.spans}
    for call, parent in (
        ("locations.depth1", "mine"),
        ("audiences.get", "batch"),
        ("locations.depth2", "batch"),
    ):
        assert parent_of(spans[call]) == ident(spans[parent])


def test_a_call_for_another_call(recorder: Recorder) -> None:
    """The list before a create is a child of the create, and the next call is not."""
    with (
        Sandbox() as sandbox,
        kmoment.Client(sandbox.token, base_url=sandbox.url, hooks=[recorder.telemetry]) as moment,
    ):
        moment.account(1234).audiences.create(DRAFT)
        moment.locations.depth1()
    calls = recorder.calls()
    create = calls["audiences.create"]
    assert parent_of(calls["audiences.list"]) == ident(create)
    assert parent_of(create) is None
    assert parent_of(calls["locations.depth1"]) is None
    (post,) = (span for span in recorder.attempts() if known(span)["http.request.method"] == "POST")
    assert parent_of(post) == ident(create)


def test_clients_may_share_it(recorder: Recorder, sandbox: Sandbox) -> None:
    """Two clients with the same call numbers do not mix their spans."""
    one, two = (
        kmoment.Client(sandbox.token, base_url=sandbox.url, hooks=[recorder.telemetry])
        for _ in "12"
    )
    with one, two:
        one.each(lambda _: two.locations.depth1(), range(4), concurrency=4).collect()
        one.locations.depth1()
    calls = [span for span in recorder.spans if span.kind is SpanKind.INTERNAL]
    assert sorted(parent_of(span) or 0 for span in recorder.attempts()) == sorted(map(ident, calls))
    assert len(calls) == 5


# -- Metrics ------------------------------------------------------------------------------


async def test_metrics(recorder: Recorder) -> None:
    """Durations have the advised buckets, and no id, query or other value of many."""
    hooks, periods = [recorder.telemetry], {"audiences": 0.05}
    async with (
        Sandbox() as sandbox,
        kmoment.AsyncClient(
            sandbox.token, base_url=sandbox.url, hooks=hooks, periods=periods
        ) as moment,
    ):
        sandbox.add_fault(Fault("audiences.list", "status", status=502, nth=(2,)))
        await moment.account(1234).audiences.list()
        await moment.account(1234).audiences.list()
        host, _, port = sandbox.url.removeprefix("http://").partition(":")
    metrics = recorder.metrics()
    assert set(metrics) == {
        "http.client.request.duration",
        "kmoment.call.duration",
        "kmoment.wait.duration",
    }
    good, bad = sorted(
        metrics[HTTP_CLIENT_REQUEST_DURATION], key=lambda it: "error.type" in it.attributes
    )
    assert tuple(good.explicit_bounds) == BUCKETS
    assert (good.count, bad.count) == (2, 1)
    common = {
        "http.request.method": "GET",
        "server.address": host,
        "server.port": int(port),
        "network.protocol.version": "1.1",
        "url.template": "/openapi/v4/targetings/audiences",
    }
    assert dict(good.attributes) == common | {"http.response.status_code": 200}
    assert dict(bad.attributes) == common | {
        "http.response.status_code": 502,
        "error.type": "502",
    }
    (calls,) = metrics["kmoment.call.duration"]
    assert dict(calls.attributes) == {"kmoment.operation": "audiences.list", "kmoment.effect": "ok"}
    assert calls.count == 2
    (turns,) = metrics["kmoment.wait.duration"]
    assert dict(turns.attributes) == {"kmoment.operation": "audiences.list", "kmoment.wait": "turn"}
    assert turns.sum > 0
    assert known(recorder.calls()["audiences.list"])["kmoment.wait.turn"] > 0


def test_breakers_and_the_budget(recorder: Recorder, sandbox: Sandbox) -> None:
    """Retries that the budget has refused and breakers that opened and closed are counted."""
    hooks = [recorder.telemetry]
    with kmoment.Client(sandbox.token, base_url=sandbox.url, hooks=hooks) as moment:
        moment.locations.depth1()
        moment._sender.owner.running.state.budget.tokens = 0.0  # type: ignore[union-attr]
        for fault, error in (
            (Fault("locations.depth1", "status", status=502, times=1), kmoment.ServerError),
            (Fault("locations.depth1", "quota_exceeded", times=1), kmoment.QuotaExceededError),
        ):
            sandbox.add_fault(fault)
            with pytest.raises(error):
                moment.locations.depth1()
        breakers = moment._sender.owner.running.state.breakers  # type: ignore[union-attr]
        breakers.close(Secret(sandbox.token))
    counts = {
        name: [(dict(point.attributes), point.value) for point in points]
        for name, points in recorder.metrics().items()
        if "duration" not in name
    }
    assert counts == {
        "kmoment.retry.refused": [({"kmoment.operation": "locations.depth1"}, 1)],
        "kmoment.breaker.opened": [({"kmoment.breaker": "quota"}, 1)],
        "kmoment.breaker.closed": [({"kmoment.breaker": "quota"}, 1)],
    }


# -- Secrets, and packages that are missing -----------------------------------------------


def test_no_token_and_no_body(recorder: Recorder, sandbox: Sandbox) -> None:
    """Neither the token nor anything of a body or an answer is in spans and metrics."""
    fault = sandbox.add_fault(
        Fault("audiences.create", "status", status=400, body="Bearer hidden words", times=1)
    )
    assert fault
    with kmoment.Client(
        sandbox.token, base_url=sandbox.url, hooks=[recorder.telemetry], reconcile_delays=()
    ) as moment:
        with pytest.raises(kmoment.APIError):
            moment.account(1234).audiences.create(kmoment.AudienceDraft.display("my secret name"))
        moment.locations.depth2("강남구")
    sandbox.clear_faults()
    told = "".join(span.to_json() for span in recorder.spans) + str(recorder.reader)
    told += str(recorder.metrics())
    for secret in (sandbox.token, "hidden", "secret name", "강남구"):
        assert secret not in told


def test_opentelemetry_is_needed_only_when_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without OpenTelemetry the module imports, and ``Telemetry()`` names the extra."""
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install kmoment\[otel\]"):
        Telemetry()


def test_the_example(tmp_path: Path) -> None:
    """The example prints the metrics as Prometheus reads them."""
    example = Path(__file__).parents[1] / "examples" / "telemetry.py"
    run = subprocess.run(
        [sys.executable, str(example)], capture_output=True, text=True, timeout=50, cwd=tmp_path
    )
    assert run.returncode == 0, run.stderr
    assert "http_client_request_duration_seconds_bucket" in run.stdout
    assert "kmoment_call_duration_seconds_count" in run.stdout
    assert '"1234"' not in run.stdout
