"""Google's gRPC clients, with threads and with asyncio."""

from __future__ import annotations

import asyncio
from datetime import datetime, timezone
from typing import Any

from google.api_core.client_options import ClientOptions
from google.cloud import (  # type: ignore[attr-defined]  # a namespace without types
    _storage_v2,
    firestore,
    pubsub_v1,
    secretmanager,
)
from google.cloud._storage_v2.services.storage.transports.base import StorageTransport
from google.cloud.firestore_v1.services.firestore.transports.base import FirestoreTransport
from google.cloud.firestore_v1.types import BatchGetDocumentsResponse
from google.cloud.storage.asyncio.async_grpc_client import AsyncGrpcClient
from google.pubsub_v1.services.publisher.transports.base import PublisherTransport
from google.pubsub_v1.types import PublishResponse

from consumers.matrix.harness import Consumer, Harness
from google_auth_botocore import Credentials

SECRET = "projects/my-project/secrets/it/versions/latest"
WRITTEN = datetime(2026, 1, 2, tzinfo=timezone.utc)
DOCUMENT = BatchGetDocumentsResponse(
    found={
        "name": "projects/my-project/databases/(default)/documents/answers/it",
        "fields": {"answer": {"integer_value": 42}},
        "create_time": WRITTEN,
    },
    read_time=WRITTEN,
)
_RETRY = "google.api_core.retry"
_WAITS = tuple(
    f"{_RETRY}.{name}" for name in ("retry_base.random", "retry_base.time", "retry_unary.time", "retry_streaming.time")
)
_ASYNC_WAITS = tuple(
    f"{_RETRY}.{name}"
    for name in ("retry_base.random", "retry_base.time", "retry_unary_async.time", "retry_unary_async.asyncio")
)


class SecretManager(Consumer):
    name = "google-cloud-secret-manager"
    waits = _WAITS

    def __init__(self, credentials: Credentials, harness: Harness) -> None:
        harness.grpc.replies["AccessSecretVersion"] = secretmanager.AccessSecretVersionResponse(payload={"data": b"it"})
        self._client = secretmanager.SecretManagerServiceClient(
            credentials=credentials, client_options={"api_endpoint": harness.grpc.target}
        )

    def call(self) -> None:
        assert self._client.access_secret_version(name=SECRET).payload.data == b"it"

    def close(self) -> None:
        self._client.transport.close()  # type: ignore[no-untyped-call]  # the library has no types here


class PubSub(Consumer):
    name = "google-cloud-pubsub"
    scopes = PublisherTransport.AUTH_SCOPES
    waits = _WAITS

    def __init__(self, credentials: Credentials, harness: Harness) -> None:
        harness.grpc.replies["Publish"] = PublishResponse(message_ids=["1"])
        options = {"api_endpoint": harness.grpc.target}
        self._client = pubsub_v1.PublisherClient(credentials=credentials, client_options=options)

    def call(self) -> None:
        assert self._client.publish("projects/my-project/topics/it", b"news").result(30) == "1"

    def close(self) -> None:
        self._client.stop()
        self._client.transport.close()


class Firestore(Consumer):
    name = "google-cloud-firestore"
    scopes = FirestoreTransport.AUTH_SCOPES
    waits = _WAITS

    def __init__(self, credentials: Credentials, harness: Harness) -> None:
        harness.grpc.replies["BatchGetDocuments"] = DOCUMENT
        self._client = firestore.Client(credentials=credentials, client_options={"api_endpoint": harness.grpc.target})

    def call(self) -> None:
        assert self._client.document("answers/it").get().to_dict() == {"answer": 42}

    def close(self) -> None:
        self._client._firestore_api.transport.close()


class _EventLoopClient(Consumer):
    """An asynchronous client, bound to one event loop."""

    waits = _ASYNC_WAITS

    def __init__(self, credentials: Credentials, harness: Harness) -> None:
        self._loop = asyncio.new_event_loop()
        self._client = self._loop.run_until_complete(self._create_client(credentials, harness))

    async def _create_client(self, credentials: Credentials, harness: Harness) -> Any:
        raise NotImplementedError

    async def _call(self) -> None:
        raise NotImplementedError

    async def _close(self) -> None:
        raise NotImplementedError

    def call(self) -> None:
        self._loop.run_until_complete(self._call())

    def close(self) -> None:
        self._loop.run_until_complete(self._close())
        self._loop.close()


class SecretManagerAsync(_EventLoopClient):
    name = "its async client"  # in the table, it follows SecretManager

    async def _create_client(self, credentials: Credentials, harness: Harness) -> Any:
        harness.grpc.replies["AccessSecretVersion"] = secretmanager.AccessSecretVersionResponse(payload={"data": b"it"})
        options = ClientOptions(api_endpoint=harness.grpc.target)
        return secretmanager.SecretManagerServiceAsyncClient(credentials=credentials, client_options=options)

    async def _call(self) -> None:
        assert (await self._client.access_secret_version(name=SECRET)).payload.data == b"it"

    async def _close(self) -> None:
        await self._client.transport.close()


class StorageAsync(_EventLoopClient):
    """A unary call, because the emulator does not support bidirectional reads."""

    name = "storage AsyncGrpcClient"
    scopes = StorageTransport.AUTH_SCOPES

    async def _create_client(self, credentials: Credentials, harness: Harness) -> Any:
        harness.grpc.replies["GetObject"] = _storage_v2.Object(name="it", size=3)
        options = ClientOptions(api_endpoint=harness.grpc.target)
        return AsyncGrpcClient(credentials=credentials, client_options=options, attempt_direct_path=False)

    async def _call(self) -> None:
        assert (await self._client.get_object("bucket", "it")).size == 3

    async def _close(self) -> None:
        await self._client.grpc_client.transport.close()
