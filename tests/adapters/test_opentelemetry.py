"""OpenTelemetry's OTLP exporters send the tokens of credentials, over HTTP and over gRPC."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from consumers.google_clients.apis import Certificate, GrpcApi
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SpanExportResult

from adapters.token_checking_servers import Reply, Sent, TokenChecker
from google_auth_botocore import Credentials
from google_auth_botocore.adapters.opentelemetry import create_session
from google_auth_botocore.emulator import Emulator
from samples import addresses

# An application that does not use this package directly. It exports two batches of each signal.
APPLICATION = """
import sys
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.exporter.otlp.proto.{protocol}.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.{protocol}.trace_exporter import OTLPSpanExporter

traces = TracerProvider()
traces.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter()))
meters = MeterProvider([PeriodicExportingMetricReader(OTLPMetricExporter(), export_interval_millis=3600000)])
counter = meters.get_meter("test").create_counter("jobs")
for name in ("one", "two"):
    with traces.get_tracer("test").start_as_current_span(name):
        counter.add(1)
    meters.force_flush()
traces.shutdown()
meters.shutdown()
"""


@pytest.fixture(name="collector")
def _collector(checker: TokenChecker) -> Iterator[str]:
    """The URL of a collector over HTTP."""

    def respond(sent: Sent) -> Reply:
        return Reply(b"", headers={"Content-Type": "application/x-protobuf"})

    with checker.serve(respond) as url:
        yield url


@pytest.fixture(name="spans")
def _spans() -> list[ReadableSpan]:
    span = TracerProvider().get_tracer("test").start_span("job")
    span.end()
    assert isinstance(span, ReadableSpan)
    return [span]


@pytest.fixture(name="workload")
def _workload(google: Emulator, credentials: Credentials, tmp_path: Path) -> dict[str, str]:
    """The environment of a process with a configuration file. There, Google's addresses lead to the emulator."""
    path = tmp_path / "external_account.json"
    path.write_text(json.dumps({**credentials.info, "token_url": "https://sts.googleapis.com/v1/token"}))
    redirects = addresses.redirect_children(addresses.google_apis(google), tmp_path)
    return {**os.environ, **redirects, "GOOGLE_APPLICATION_CREDENTIALS": str(path), "NO_PROXY": "*", "no_proxy": "*"}


def run(protocol: str, environment: dict[str, str]) -> str:
    program = [sys.executable, "-c", APPLICATION.format(protocol=protocol)]
    done = subprocess.run(program, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stderr


def test_a_variable_selects_the_session_of_exporters_over_http(
    workload: dict[str, str], google: Emulator, checker: TokenChecker, collector: str
) -> None:
    variables = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector,
        "OTEL_PYTHON_EXPORTER_OTLP_HTTP_CREDENTIAL_PROVIDER": "google_auth_botocore_http",
        "GOOGLE_CLOUD_QUOTA_PROJECT": "billing",
    }
    run("http", workload | variables)
    assert {sent.path for sent in checker.requests} == {"/v1/traces", "/v1/metrics"}
    assert (len(checker.tokens) >= 4, checker.rejected) == (True, 0)
    assert {sent.headers["x-goog-user-project"] for sent in checker.requests} == {"billing"}
    assert google.count("/v1/token") == len(set(checker.tokens)) == 1


def test_a_variable_selects_the_credentials_of_exporters_over_grpc(
    workload: dict[str, str], google: Emulator, tmp_path: Path
) -> None:
    certificate = Certificate(tmp_path)
    with GrpcApi(google, certificate) as collector:
        collector.replies["Export"] = b""
        variables = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"https://{collector.target}",
            "OTEL_PYTHON_EXPORTER_OTLP_GRPC_CREDENTIAL_PROVIDER": "google_auth_botocore_grpc",
            "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": str(certificate.path),
        }
        errors = run("grpc", workload | variables)
    assert len(collector.accepted) >= 4, errors
    assert (collector.rejected, google.count("/v1/token")) == (0, 1)


def test_one_exporter_sends_a_new_token_after_expiry(
    credentials: Credentials, google: Emulator, checker: TokenChecker, collector: str, spans: list[ReadableSpan]
) -> None:
    exporter = OTLPSpanExporter(endpoint=collector, session=create_session(credentials))
    assert exporter.export(spans) is SpanExportResult.SUCCESS
    credentials.token = None
    assert exporter.export(spans) is SpanExportResult.SUCCESS
    assert len(set(checker.tokens)) == google.count("/v1/token") == 2


def test_a_rejected_token_is_replaced(
    credentials: Credentials, checker: TokenChecker, collector: str, spans: list[ReadableSpan]
) -> None:
    checker.revoked.add(credentials.get_token().value)
    exporter = OTLPSpanExporter(endpoint=collector, session=create_session(credentials))
    assert exporter.export(spans) is SpanExportResult.SUCCESS
    assert (checker.rejected, checker.tokens) == (1, [credentials.token])


def test_importing_the_package_does_not_load_opentelemetry_or_grpc() -> None:
    """Nor does the adapter: exporters over HTTP require neither."""
    program = (
        "import sys, google_auth_botocore, google_auth_botocore.adapters.opentelemetry as adapter\n"
        "assert not {'opentelemetry', 'grpc'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_a_missing_grpc_is_an_error_that_names_the_extra(
    credentials: Credentials, monkeypatch: pytest.MonkeyPatch
) -> None:
    from google_auth_botocore.adapters.opentelemetry import create_channel_credentials

    monkeypatch.setitem(sys.modules, "grpc", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'google-auth-botocore\[opentelemetry\]'"):
        create_channel_credentials(credentials)
