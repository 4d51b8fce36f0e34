"""Libraries with an adapter in this package."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import logging
import time
from types import SimpleNamespace
from typing import Any

import httpx
import httpx2
import kubernetes.client
import obstore
import openai
import polars as pl
from gcloud.aio.auth import token
from gcloud.aio.auth.token import BaseToken
from gcloud.aio.storage import Storage
from google.auth.aio.transport.sessions import AsyncAuthorizedSession
from obstore.store import GCSStore
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from pyiceberg.catalog import load_catalog
from pyiceberg.exceptions import UnauthorizedError

from consumers.matrix.harness import BUCKET, OBJECTS, TABLE, TABLE_NAME, Consumer, Harness
from google_auth_botocore import Credentials
from google_auth_botocore.adapters import gcloud_aio, google_auth_aio
from google_auth_botocore.adapters import httpx as httpx_adapter
from google_auth_botocore.adapters import httpx2 as httpx2_adapter
from google_auth_botocore.adapters import kubernetes as kubernetes_adapter
from google_auth_botocore.adapters import obstore as obstore_adapter
from google_auth_botocore.adapters import openai as openai_adapter
from google_auth_botocore.adapters import opentelemetry as opentelemetry_adapter
from google_auth_botocore.adapters import polars as polars_adapter
from google_auth_botocore.adapters import pyiceberg as pyiceberg_adapter

NAMESPACES = {"kind": "NamespaceList", "apiVersion": "v1", "items": [{"metadata": {"name": "default"}}]}


class Obstore(Consumer):
    name = "obstore"

    def __init__(self, credentials: Credentials, harness: Harness) -> None:
        self._store = GCSStore(
            BUCKET,
            base_url=harness.sandbox.storage.url,
            client_options={"allow_http": True},
            credential_provider=obstore_adapter.CredentialProvider(credentials),
        )

    def call(self) -> None:
        time.sleep(0.11)  # it requests tokens at most ten times a second, by the real clock
        [name, *_] = OBJECTS
        assert bytes(obstore.get(self._store, name).bytes()) == OBJECTS[name]


class Polars(Consumer):
    name = "polars"
    keeps = 8
    caught = OSError

    def __init__(self, credentials: Credentials, harness: Harness) -> None:
        harness.patch.setattr(polars_adapter, "_SHORT", 7)  # short enough for a test to wait for
        self._url = harness.sandbox.storage.url
        self._provider = polars_adapter.CredentialProvider(credentials)

    def call(self) -> None:
        frame = pl.read_parquet(
            f"gs://{BUCKET}/{TABLE_NAME}",
            credential_provider=self._provider,
            storage_options={"google_base_url": self._url, "allow_http": "true"},
        )
        assert frame.to_dict(as_series=False) == TABLE


def _with_fake_now(original: Any, harness: Harness) -> Any:
    """Return the module `datetime`, or its class `datetime`, with the time of the fake clock."""

    class FakeDatetime(dt.datetime):
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> Any:
            return cls.fromtimestamp(harness.clock.time(), tz)

    return SimpleNamespace(**{**vars(original), "datetime": FakeDatetime}) if original is dt else FakeDatetime


class GcloudAio(Consumer):
    name = "gcloud-aio"
    waits = ("tenacity.wait.random",)

    def __init__(self, credentials: Credentials, harness: Harness) -> None:
        harness.patch.setattr(BaseToken.acquire_access_token.retry, "sleep", harness.sleep)
        for module in (token, gcloud_aio):
            harness.patch.setattr(module, "datetime", _with_fake_now(module.datetime, harness))
        self._loop = asyncio.new_event_loop()
        self._client = self._loop.run_until_complete(self._create_client(credentials, harness.sandbox.storage.url))

    async def _create_client(self, credentials: Credentials, url: str) -> Storage:
        return Storage(token=gcloud_aio.Token(credentials), api_root=url, api_is_dev=False)

    def call(self) -> None:
        [name, *_] = OBJECTS
        assert self._loop.run_until_complete(self._client.download(BUCKET, name)) == OBJECTS[name]

    def close(self) -> None:
        self._loop.run_until_complete(self._client.close())
        self._loop.close()


class Httpx(Consumer):
    name = "httpx"

    def __init__(self, credentials: Credentials, harness: Harness) -> None:
        harness.http.replies["GET /thing"] = {"it": "works"}
        self._url = f"{harness.http.url}/thing"
        self._client = self._create_client(credentials)

    def _create_client(self, credentials: Credentials) -> httpx.Client | httpx2.Client:
        return httpx.Client(auth=httpx_adapter.Auth(credentials), trust_env=False)

    def call(self) -> None:
        assert self._client.get(self._url).json() == {"it": "works"}

    def close(self) -> None:
        self._client.close()


class Httpx2(Httpx):
    name = "httpx2"

    def _create_client(self, credentials: Credentials) -> httpx2.Client:
        return httpx2.Client(auth=httpx2_adapter.Auth(credentials), trust_env=False)


class GoogleAuthAio(Consumer):
    name = "google.auth.aio"

    def __init__(self, credentials: Credentials, harness: Harness) -> None:
        harness.http.replies["GET /thing"] = {"it": "works"}
        self._url = f"{harness.http.url}/thing"
        self._loop = asyncio.new_event_loop()
        self._session = AsyncAuthorizedSession(google_auth_aio.Credentials(credentials))

    def call(self) -> None:
        assert json.loads(self._loop.run_until_complete(self._body())) == {"it": "works"}

    async def _body(self) -> bytes:
        response = await self._session.request("GET", self._url, headers={})
        assert response.status_code == 200
        return await response.read()

    def close(self) -> None:
        self._loop.run_until_complete(self._session.close())
        self._loop.close()


class Kubernetes(Consumer):
    name = "kubernetes"
    caught = kubernetes.client.ApiException

    def __init__(self, credentials: Credentials, harness: Harness) -> None:
        harness.http.replies["GET /api/v1/namespaces"] = NAMESPACES
        configuration = kubernetes.client.Configuration(host=harness.http.url)
        kubernetes_adapter.authenticate(configuration, credentials)
        self._client = kubernetes.client.ApiClient(configuration)

    def call(self) -> None:
        found: Any = kubernetes.client.CoreV1Api(self._client).list_namespace()
        assert [each.metadata.name for each in found.items] == ["default"]

    def close(self) -> None:
        self._client.close()


class OpenAI(Consumer):
    name = "openai"
    caught = openai.AuthenticationError
    waits = ("openai._base_client.time",)

    def __init__(self, credentials: Credentials, harness: Harness) -> None:
        harness.http.replies["GET /models"] = {"object": "list", "data": [{"id": "it"}]}
        provider = openai_adapter.get_bearer_token_provider(credentials)
        self._client = openai.OpenAI(api_key=provider, base_url=harness.http.url)

    def call(self) -> None:
        assert [each.id for each in self._client.models.list()] == ["it"]

    def close(self) -> None:
        self._client.close()


class Pyiceberg(Consumer):
    name = "pyiceberg"
    caught = UnauthorizedError

    def __init__(self, credentials: Credentials, harness: Harness) -> None:
        harness.http.replies["GET /v1/config"] = {"defaults": {}, "overrides": {}}
        harness.http.replies["GET /v1/namespaces"] = {"namespaces": [["sales"]]}
        implementation = f"{pyiceberg_adapter.__name__}.AuthManager"
        auth: Any = {"type": "custom", "impl": implementation, "custom": {"credentials": credentials}}
        self._catalog = load_catalog("it", type="rest", uri=harness.http.url, auth=auth)

    def call(self) -> None:
        assert self._catalog.list_namespaces() == [("sales",)]

    def close(self) -> None:
        self._catalog.close()


class LoggedError(Exception):
    """An error that a library only logs."""


class OtlpHttp(Consumer):
    name = "OpenTelemetry (HTTP)"
    caught = LoggedError

    def __init__(self, credentials: Credentials, harness: Harness) -> None:
        self._logged: list[str] = []
        self._handler = logging.Handler()
        self._handler.emit = lambda record: self._logged.append(record.getMessage())  # type: ignore[method-assign]
        logging.getLogger("opentelemetry.exporter").addHandler(self._handler)
        self._exporter = self._create_exporter(credentials, harness)

    def _create_exporter(self, credentials: Credentials, harness: Harness) -> SpanExporter:
        harness.http.replies["POST /v1/traces"] = ("application/x-protobuf", b"")
        url = f"{harness.http.url}/v1/traces"
        return HttpExporter(endpoint=url, session=opentelemetry_adapter.create_session(credentials))

    def call(self) -> None:
        span: Any = TracerProvider().get_tracer("it").start_span("job")
        span.end()
        if self._exporter.export([span]) is not SpanExportResult.SUCCESS:
            raise LoggedError("\n".join(self._logged))

    def close(self) -> None:
        self._exporter.shutdown()
        logging.getLogger("opentelemetry.exporter").removeHandler(self._handler)


class OtlpGrpc(OtlpHttp):
    name = "OpenTelemetry (gRPC)"

    def _create_exporter(self, credentials: Credentials, harness: Harness) -> SpanExporter:
        harness.grpc.replies["Export"] = b""
        harness.patch.setattr("opentelemetry.exporter.otlp.proto.grpc.exporter.time", harness.clock.time)
        channel = opentelemetry_adapter.create_channel_credentials(credentials)
        exporter = GrpcExporter(endpoint=f"https://{harness.grpc.target}", credentials=channel)
        harness.patch.setattr(exporter._shutdown_in_progress, "wait", harness.clock.sleep)  # between two attempts
        return exporter
