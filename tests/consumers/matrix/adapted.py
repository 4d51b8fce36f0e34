"""Libraries with an adapter in this package."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import json
import time
from types import SimpleNamespace
from typing import Any

import httpx
import kubernetes.client
import obstore
import polars as pl
from adapters.token_checking_servers import Objects, TokenChecker
from gcloud.aio.auth import token
from gcloud.aio.auth.token import BaseToken
from gcloud.aio.storage import Storage
from google.auth.aio.transport.sessions import AsyncAuthorizedSession
from obstore.store import GCSStore

from consumers.matrix.harness import BUCKET, OBJECTS, TABLE, TABLE_NAME, Consumer, Harness
from google_auth_botocore import Credentials
from google_auth_botocore.adapters import gcloud_aio, google_auth_aio
from google_auth_botocore.adapters import httpx as httpx_adapter
from google_auth_botocore.adapters import kubernetes as kubernetes_adapter
from google_auth_botocore.adapters import obstore as obstore_adapter
from google_auth_botocore.adapters import polars as polars_adapter

NAMESPACES = {"kind": "NamespaceList", "apiVersion": "v1", "items": [{"metadata": {"name": "default"}}]}


class Obstore(Consumer):
    name = "obstore"

    def __init__(self, credentials: Credentials, harness: Harness) -> None:
        self._running = contextlib.ExitStack()
        objects = Objects({f"/{BUCKET}/{name}": content for name, content in OBJECTS.items()})
        url = self._running.enter_context(TokenChecker(harness.sandbox.google).serve(objects))
        self._store = GCSStore(
            BUCKET,
            base_url=url,
            client_options={"allow_http": True},
            credential_provider=obstore_adapter.CredentialProvider(credentials),
        )

    def call(self) -> None:
        time.sleep(0.11)  # it requests tokens at most ten times a second, by the real clock
        [name, *_] = OBJECTS
        assert bytes(obstore.get(self._store, name).bytes()) == OBJECTS[name]

    def close(self) -> None:
        self._running.close()


class Polars(Consumer):
    name = "polars"
    keeps = 8
    caught = OSError

    def __init__(self, credentials: Credentials, harness: Harness) -> None:
        harness.patch.setattr(polars_adapter, "_SHORT", 7)  # short enough for a test to wait for
        self._running = contextlib.ExitStack()
        objects = Objects({f"/{BUCKET}/{name}": content for name, content in OBJECTS.items()})
        self._url = self._running.enter_context(TokenChecker(harness.sandbox.google).serve(objects))
        self._provider = polars_adapter.CredentialProvider(credentials)

    def call(self) -> None:
        frame = pl.read_parquet(
            f"gs://{BUCKET}/{TABLE_NAME}",
            credential_provider=self._provider,
            storage_options={"google_base_url": self._url, "allow_http": "true"},
        )
        assert frame.to_dict(as_series=False) == TABLE

    def close(self) -> None:
        self._running.close()


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
        self._client = httpx.Client(auth=httpx_adapter.Auth(credentials), trust_env=False)

    def call(self) -> None:
        assert self._client.get(self._url).json() == {"it": "works"}

    def close(self) -> None:
        self._client.close()


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
