"""Libraries that call Google's APIs with `google.auth.default()`, and accept no credentials object or do not need one."""

from __future__ import annotations

import json
import os
import queue
from typing import Any

import google.auth
import pytest
from google.auth import exceptions

from consumers.google_clients.apis import GrpcApi, HttpApi
from consumers.matrix.genai import ANSWER
from google_auth_botocore import Credentials
from google_auth_botocore.emulator.sandbox import Sandbox


def test_google_auth_alone_finds_no_keys_on_ecs(task: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """This is why the libraries need `install`."""
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "my-project")
    credentials, _ = google.auth.default()
    with pytest.raises(exceptions.GoogleAuthError):
        credentials.refresh(google.auth.transport.requests.Request())


@pytest.mark.parametrize("source", ["environment", "argument"])
def test_litellm(
    installed: Sandbox, api: HttpApi, configuration: dict[str, Any], source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It calls `google.auth.default()`, or `google.auth.aws.Credentials.from_info` with the JSON that it accepts."""
    monkeypatch.setenv("LITELLM_LOCAL_MODEL_COST_MAP", "true")  # otherwise the import downloads prices
    import litellm

    path = "/v1/projects/my-project/locations/europe-west1/publishers/google/models/gemini-2.5-flash"
    api.replies[f"POST {path}:generateContent"] = {**ANSWER, "usageMetadata": {"totalTokenCount": 1}}
    answers = [
        litellm.completion(
            model="vertex_ai/gemini-2.5-flash",
            messages=[{"role": "user", "content": "6 × 7?"}],
            vertex_location="europe-west1",
            vertex_project="my-project",
            vertex_credentials=json.dumps(configuration) if source == "argument" else None,
            api_base=f"{api.url}{path}",
        )
        for _ in range(2)
    ]
    assert [each.choices[0].message.content for each in answers] == ["42", "42"]
    assert (api.callers, api.rejected) == ({installed.service_account}, 0)
    assert api.exchanges == (1, 1)


def test_google_ads(installed: Sandbox, grpc_api: GrpcApi) -> None:
    from google.ads.googleads.client import GoogleAdsClient

    client = GoogleAdsClient.load_from_dict(
        {
            "use_application_default_credentials": True,
            "developer_token": "x",
            "use_proto_plus": True,
            "endpoint": grpc_api.target,
        }
    )
    reply = client.get_type("ListAccessibleCustomersResponse")
    reply.resource_names.append("customers/1")
    grpc_api.replies["ListAccessibleCustomers"] = reply
    found = client.get_service("CustomerService").list_accessible_customers()
    assert list(found.resource_names) == ["customers/1"]
    assert (grpc_api.callers, grpc_api.rejected) == ({installed.service_account}, 0)
    assert grpc_api.scopes == {("https://www.googleapis.com/auth/adwords",)}


def test_firebase_admin(installed: Sandbox, api: HttpApi, monkeypatch: pytest.MonkeyPatch) -> None:
    import firebase_admin
    from firebase_admin import messaging

    service = messaging._MessagingService
    monkeypatch.setattr(service, "FCM_URL", service.FCM_URL.replace("https://fcm.googleapis.com", api.url))
    api.replies["POST /v1/projects/my-project/messages:send"] = {"name": "projects/my-project/messages/1"}
    app = firebase_admin.initialize_app()
    try:
        message = messaging.Message(topic="news", data={"a": "b"})
        assert messaging.send(message) == "projects/my-project/messages/1"
    finally:
        firebase_admin.delete_app(app)
    assert (api.callers, api.rejected) == ({installed.service_account}, 0)


def test_kombu(installed: Sandbox, grpc_api: GrpcApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """Celery's broker on Pub/Sub. Only the address of its clients is changed."""
    from functools import partial

    from google.api_core.client_options import ClientOptions
    from google.pubsub_v1.types import PublishRequest, PublishResponse, Subscription, Topic
    from kombu.connection import Connection
    from kombu.transport import gcpubsub

    published: queue.Queue[bytes] = queue.Queue()

    def publish(requests: Any) -> Any:
        [request] = map(PublishRequest.deserialize, requests)
        for each in request.messages:
            published.put(each.data)
        yield PublishResponse(message_ids=["1"] * len(request.messages))

    grpc_api.replies.update(
        GetTopic=Topic(name="t"),
        CreateTopic=Topic(name="t"),
        GetSubscription=Subscription(name="s"),
        CreateSubscription=Subscription(name="s"),
        ListTopics=b"",
        Publish=publish,
        DeleteSubscription=b"",
    )
    options = ClientOptions(api_endpoint=grpc_api.target)
    for name in ("PublisherClient", "SubscriberClient"):
        monkeypatch.setattr(gcpubsub, name, partial(getattr(gcpubsub, name), client_options=options))
    broker = Connection("gcpubsub://projects/my-project")  # type: ignore[no-untyped-call]
    with broker as connection, connection.SimpleQueue("jobs") as jobs:
        jobs.put({"job": 1})
        assert json.loads(published.get(timeout=60))["content-type"] == "application/json"
    assert (grpc_api.callers, grpc_api.rejected) == ({installed.service_account}, 0)


def test_opentelemetry(installed: Sandbox, api: HttpApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """Google's entry point for OTLP exporters, which environment variables select."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor

    api.replies["POST /v1/traces"] = ("application/x-protobuf", b"")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", api.url)
    monkeypatch.setenv("OTEL_PYTHON_EXPORTER_OTLP_HTTP_TRACES_CREDENTIAL_PROVIDER", "gcp_http_credentials")
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter()))
    for name in ("one", "two"):
        with provider.get_tracer("test").start_as_current_span(name):
            pass
    provider.shutdown()
    assert (api.callers, api.rejected, len(api.accepted)) == ({installed.service_account}, 0, 2)


def test_pyiceberg(installed: Sandbox, api: HttpApi) -> None:
    """Its Google AuthManager refreshes before each request."""
    from pyiceberg.catalog import load_catalog

    api.replies["GET /v1/config"] = {"defaults": {}, "overrides": {}}
    api.replies["GET /v1/namespaces"] = {"namespaces": [["sales"]]}
    auth: Any = {"type": "google"}
    catalog = load_catalog("rest", type="rest", uri=api.url, auth=auth)
    assert catalog.list_namespaces() == [("sales",)]
    assert (api.callers, api.rejected) == ({installed.service_account}, 0)


def test_clients_that_are_created_without_credentials(installed: Sandbox, api: HttpApi) -> None:
    """Google's own clients, and a client that an application created before, with other credentials."""
    from google.cloud import bigquery

    api.replies["GET /bigquery/v2/projects/my-project/datasets"] = {"datasets": []}
    client = bigquery.Client(client_options={"api_endpoint": api.url})
    assert isinstance(client._credentials, Credentials)
    assert (client.project, list(client.list_datasets())) == ("my-project", [])
    assert api.callers == {installed.service_account}
    assert "GOOGLE_CLOUD_PROJECT" not in os.environ
