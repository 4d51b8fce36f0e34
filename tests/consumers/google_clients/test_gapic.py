"""Google's generated clients with each of their transports. Secret Manager's is the example."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from google.api_core.client_options import ClientOptions
from google.api_core.exceptions import Unauthenticated
from google.auth.transport.requests import Request
from google.cloud import secretmanager  # type: ignore[attr-defined]  # a namespace without types

from consumers.google_clients.apis import CLOUD_PLATFORM, GrpcApi, HttpApi
from consumers.matrix.grpc_clients import SECRET
from google_auth_botocore import Credentials


def test_grpc(credentials: Credentials, grpc_api: GrpcApi) -> None:
    """Two clients and sixteen threads cost one exchange, because copies with the same scopes share their token."""
    grpc_api.replies["AccessSecretVersion"] = secretmanager.AccessSecretVersionResponse(payload={"data": b"secret"})
    clients = [
        secretmanager.SecretManagerServiceClient(
            credentials=credentials, client_options={"api_endpoint": grpc_api.target}
        )
        for _ in range(2)
    ]
    with clients[0], clients[1], ThreadPoolExecutor(16) as pool:
        replies = list(pool.map(lambda n: clients[n % 2].access_secret_version(name=SECRET), range(16)))
    assert {reply.payload.data for reply in replies} == {b"secret"}
    assert (grpc_api.exchanges, len(grpc_api.accepted), grpc_api.rejected) == ((1, 1), 16, 0)
    assert grpc_api.callers == {credentials.service_account_email}
    assert grpc_api.scopes == {(CLOUD_PLATFORM,)}


def test_grpc_asyncio(credentials: Credentials, grpc_api: GrpcApi) -> None:
    grpc_api.replies["AccessSecretVersion"] = secretmanager.AccessSecretVersionResponse(payload={"data": b"secret"})

    async def main() -> set[bytes]:
        options = ClientOptions(api_endpoint=grpc_api.target)
        client = secretmanager.SecretManagerServiceAsyncClient(credentials=credentials, client_options=options)
        async with client:
            replies = await asyncio.gather(*(client.access_secret_version(name=SECRET) for _ in range(8)))
        return {reply.payload.data for reply in replies}

    assert asyncio.run(main()) == {b"secret"}
    assert (grpc_api.exchanges, len(grpc_api.accepted), grpc_api.rejected) == ((1, 1), 8, 0)
    assert grpc_api.callers == {credentials.service_account_email}


def test_rest(credentials: Credentials, api: HttpApi) -> None:
    """This transport sets no scopes, so the tokens have the default scope."""
    api.replies[f"GET /v1/{SECRET}:access"] = {"payload": {"data": "c2VjcmV0"}}
    options = {"api_endpoint": api.url}
    with secretmanager.SecretManagerServiceClient(
        credentials=credentials, client_options=options, transport="rest"
    ) as client:
        assert client.access_secret_version(name=SECRET).payload.data == b"secret"
        api.revoke()
        assert client.access_secret_version(name=SECRET).payload.data == b"secret"
    assert (api.exchanges, len(api.accepted), api.rejected) == ((1, 2), 2, 1)
    assert api.callers == {credentials.service_account_email}
    assert api.scopes == {(CLOUD_PLATFORM,)}


def test_a_client_with_another_quota_project_uses_the_same_token(credentials: Credentials, grpc_api: GrpcApi) -> None:
    grpc_api.replies["AccessSecretVersion"] = secretmanager.AccessSecretVersionResponse(payload={"data": b"secret"})
    for options in ({}, {"quota_project_id": "another-project"}):
        with secretmanager.SecretManagerServiceClient(
            credentials=credentials, client_options={"api_endpoint": grpc_api.target, **options}
        ) as client:
            client.access_secret_version(name=SECRET)
    assert grpc_api.quota_projects == {None, "another-project"}
    assert (grpc_api.exchanges, len(grpc_api.accepted), grpc_api.rejected) == ((1, 1), 2, 0)


def test_after_a_rejected_grpc_call_a_refresh_is_enough(credentials: Credentials, grpc_api: GrpcApi) -> None:
    """google-auth's channels do not refresh by themselves. The error names the credentials, and the client gets the new token."""
    grpc_api.replies["AccessSecretVersion"] = secretmanager.AccessSecretVersionResponse(payload={"data": b"secret"})
    options = {"api_endpoint": grpc_api.target}
    with secretmanager.SecretManagerServiceClient(credentials=credentials, client_options=options) as client:
        client.access_secret_version(name=SECRET)
        grpc_api.revoke()
        with pytest.raises(Unauthenticated) as caught:
            client.list_locations({"name": "projects/my-project"})
        assert json.loads(caught.value.details[-1]) == credentials.get_cred_info()
        credentials.refresh(Request())
        assert client.access_secret_version(name=SECRET).payload.data == b"secret"
    assert (grpc_api.exchanges, len(grpc_api.accepted), grpc_api.rejected) == ((1, 2), 2, 1)
