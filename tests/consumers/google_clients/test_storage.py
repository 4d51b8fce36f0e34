"""google-cloud-storage: the JSON client, the asynchronous gRPC client, and the gRPC client that ignores credentials."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest
from google.api_core.client_options import ClientOptions
from google.auth.exceptions import DefaultCredentialsError
from google.cloud import _storage_v2, storage  # type: ignore[attr-defined]  # a namespace without types
from google.cloud.storage.asyncio.async_grpc_client import AsyncGrpcClient
from google.cloud.storage.grpc_client import GrpcClient

from consumers.google_clients.apis import GrpcApi
from google_auth_botocore import Credentials
from google_auth_botocore.emulator.sandbox import Sandbox


def test_json(credentials: Credentials, sandbox: Sandbox) -> None:
    """Objects are uploaded and downloaded by several threads. In between, the token is dropped."""
    options = {"api_endpoint": sandbox.storage.url}
    with storage.Client(credentials=credentials, client_options=options) as client, ThreadPoolExecutor(8) as pool:
        bucket = client.create_bucket("bucket")
        contents = {f"{number}": b"%d" % number for number in range(8)}
        list(pool.map(lambda name: bucket.blob(name).upload_from_string(contents[name]), contents))
        credentials.with_scopes(client.SCOPE).token = None
        assert {blob.name: blob.download_as_bytes() for blob in client.list_blobs("bucket")} == contents
    assert set(sandbox.storage.principals) == {credentials.service_account_email}
    assert sandbox.google.count("/v1/token") == 1
    assert sandbox.google.count(":generateAccessToken") == len(sandbox.storage.tokens) == 2
    [scopes] = {
        info.scopes
        for token in sandbox.storage.tokens
        if (info := sandbox.google.check_access_token(token)) is not None
    }
    assert scopes == storage.Client.SCOPE


def test_grpc(credentials: Credentials, grpc_api: GrpcApi) -> None:
    grpc_api.replies["GetObject"] = _storage_v2.Object(name="it", size=3)

    async def main() -> int:
        options = ClientOptions(api_endpoint=grpc_api.target)
        client = AsyncGrpcClient(credentials=credentials, client_options=options, attempt_direct_path=False)
        async with client.grpc_client:
            sizes = [found.size for found in await asyncio.gather(*(client.get_object("b", "it") for _ in range(8)))]
        return sum(sizes)

    assert asyncio.run(main()) == 24
    assert (grpc_api.exchanges, len(grpc_api.accepted), grpc_api.rejected) == ((1, 1), 8, 0)
    assert grpc_api.callers == {credentials.service_account_email}


def test_the_synchronous_grpc_client_ignores_the_credentials(
    credentials: Credentials, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This is a bug in the library. When this test fails, the bug is fixed."""
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    with pytest.raises(DefaultCredentialsError):
        GrpcClient(project="my-project", credentials=credentials)
