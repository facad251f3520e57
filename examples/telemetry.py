"""Metrics of all calls for Prometheus, and spans, by OpenTelemetry.

    python examples/telemetry.py

It makes some calls to a sandbox and prints what Prometheus would read. A service would instead
call ``prometheus_client.start_http_server(9464)`` and let Prometheus come. Needs
opentelemetry-exporter-prometheus.
"""

import kmoment
from kmoment.sandbox import Fault, Sandbox

SHOWN = ("http_client_request_duration", "kmoment_call_duration")


def set_up() -> None:
    """Let OpenTelemetry keep metrics for Prometheus. Spans would need an exporter of their own."""
    from opentelemetry import metrics
    from opentelemetry.exporter.prometheus import PrometheusMetricReader
    from opentelemetry.sdk.metrics import MeterProvider

    metrics.set_meter_provider(MeterProvider([PrometheusMetricReader()]))


def calls(sandbox: Sandbox) -> None:
    sandbox.add_fault(Fault("locations.depth1", "status", status=502, times=1))
    hooks = [kmoment.otel.Telemetry()]
    with kmoment.Client(sandbox.token, base_url=sandbox.url, hooks=hooks) as moment:
        moment.locations.depth1()
        moment.account(1234).audiences.list()


def main() -> None:
    try:
        set_up()
    except ImportError as error:
        print(f"skipped: {error}")
        return
    from prometheus_client import generate_latest

    with Sandbox() as sandbox:
        calls(sandbox)
    for line in generate_latest().decode().splitlines():
        if line.startswith(SHOWN):
            print(line)


if __name__ == "__main__":
    main()
