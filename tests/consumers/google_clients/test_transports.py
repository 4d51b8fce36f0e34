"""google-auth's own transports: sessions and channels with the credentials, and their behaviour after a 401."""

from __future__ import annotations

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import googleapiclient.discovery
import grpc
import pytest
from google.auth.aio.transport.sessions import AsyncAuthorizedSession
from google.auth.transport.grpc import AuthMetadataPlugin, secure_authorized_channel
from google.auth.transport.requests import AuthorizedSession, Request
from googleapiclient.http import BatchHttpRequest

from consumers.google_clients.apis import CLOUD_PLATFORM, GrpcApi, HttpApi
from google_auth_botocore import Credentials


def test_requests(credentials: Credentials, api: HttpApi) -> None:
    """Ten threads that share one session cost one exchange, and another one after their token is revoked."""
    api.replies["GET /thing"] = {"it": "works"}
    with AuthorizedSession(credentials) as session, ThreadPoolExecutor(10) as pool:
        assert list(pool.map(lambda _: session.get(f"{api.url}/thing").json(), range(10))) == [{"it": "works"}] * 10
        assert (api.exchanges, api.rejected) == ((1, 1), 0)
        api.revoke()
        assert session.get(f"{api.url}/thing").json() == {"it": "works"}
    assert (api.exchanges, api.rejected) == ((1, 2), 1)
    assert api.callers == {credentials.service_account_email}
    assert api.scopes == {(CLOUD_PLATFORM,)}


def test_discovery(credentials: Credentials, api: HttpApi) -> None:
    """Without chosen scopes, the client requests all scopes of its API."""
    api.replies["GET /v4/spreadsheets/it"] = {"spreadsheetId": "it"}
    options = {"api_endpoint": api.url}
    with googleapiclient.discovery.build("sheets", "v4", credentials=credentials, client_options=options) as service:
        assert service.spreadsheets().get(spreadsheetId="it").execute() == {"spreadsheetId": "it"}
        api.revoke()
        assert service.spreadsheets().get(spreadsheetId="it").execute() == {"spreadsheetId": "it"}
    assert (api.exchanges, api.rejected) == ((1, 2), 1)
    assert api.callers == {credentials.service_account_email}
    [scopes] = api.scopes
    assert set(scopes) == {
        f"https://www.googleapis.com/auth/{name}"
        for name in ("drive", "drive.file", "drive.readonly", "spreadsheets", "spreadsheets.readonly")
    }


def test_discovery_keeps_chosen_scopes(credentials: Credentials, api: HttpApi) -> None:
    api.replies["GET /v4/spreadsheets/it"] = {}
    chosen = credentials.with_scopes(["https://www.googleapis.com/auth/spreadsheets.readonly"])
    options = {"api_endpoint": api.url}
    with googleapiclient.discovery.build("sheets", "v4", credentials=chosen, client_options=options) as service:
        service.spreadsheets().get(spreadsheetId="it").execute()
    assert api.scopes == {("https://www.googleapis.com/auth/spreadsheets.readonly",)}


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")  # the library does not close its session for refreshes
def test_batch(credentials: Credentials, api: HttpApi) -> None:
    """Each request in a batch has its own header, which the library gets directly from the credentials."""

    def reply(body: bytes) -> tuple[str, bytes]:
        parts = []
        for part in body.decode().split("Content-ID: <")[1:]:
            [authorization] = re.findall("^authorization: (.*)$", part, re.MULTILINE)
            status = "200 OK" if api.authorize(authorization) else "401 Unauthorized"
            head = f"--part\r\nContent-Type: application/http\r\nContent-ID: <{part.partition('>')[0]}>\r\n\r\n"
            parts.append(f"{head}HTTP/1.1 {status}\r\nContent-Type: application/json\r\n\r\n{{}}\r\n")
        return "multipart/mixed; boundary=part", f"{''.join(parts)}--part--".encode()

    def execute() -> None:
        batch = BatchHttpRequest(callback=lambda *reply: replies.append(reply), batch_uri=f"{api.url}/batch")
        for _ in range(2):
            batch.add(service.spreadsheets().get(spreadsheetId="it"))
        batch.execute()

    api.replies["POST /batch"] = reply
    replies: list[tuple[str, Any, Any]] = []
    options = {"api_endpoint": api.url}
    with googleapiclient.discovery.build("sheets", "v4", credentials=credentials, client_options=options) as service:
        execute()
        assert (api.exchanges, len(api.accepted), api.rejected) == ((1, 1), 3, 0)
        api.revoke()
        execute()
    assert replies == [("1", {}, None), ("2", {}, None)] * 2
    # The batch was rejected, then both requests in it. The library refreshes the token for each of these two.
    assert (api.exchanges, len(api.accepted), api.rejected) == ((1, 3), 7, 3)


def test_aiohttp(credentials: Credentials, api: HttpApi) -> None:
    """google.auth.aio's session accepts synchronous credentials."""
    api.replies["GET /thing"] = {"it": "works"}

    async def get(session: AsyncAuthorizedSession) -> bytes:
        response = await session.request("GET", f"{api.url}/thing")
        content: bytes = await response.read()
        await response.close()
        return content

    async def main() -> None:
        session = AsyncAuthorizedSession(credentials)
        assert set(await asyncio.gather(*(get(session) for _ in range(10)))) == {b'{"it": "works"}'}
        assert (api.exchanges, api.rejected) == ((1, 1), 0)
        api.revoke()
        assert await get(session) == b'{"it": "works"}'
        await session.close()

    asyncio.run(main())
    assert (api.exchanges, api.rejected) == ((1, 2), 1)
    assert api.callers == {credentials.service_account_email}


def test_grpc(credentials: Credentials, grpc_api: GrpcApi) -> None:
    """Twenty concurrent calls get their metadata in different threads. They cost one exchange, and another one without a token."""
    grpc_api.replies["Do"] = b"done"
    with (
        secure_authorized_channel(credentials, Request(), grpc_api.target) as channel,
        ThreadPoolExecutor(20) as pool,
    ):
        do = channel.unary_unary("/it.Works/Do")
        assert list(pool.map(lambda _: do(b"", timeout=30), range(20))) == [b"done"] * 20
        assert grpc_api.exchanges == (1, 1)
        credentials.token = None
        assert list(pool.map(lambda _: do(b"", timeout=30), range(20))) == [b"done"] * 20
    assert (grpc_api.exchanges, len(grpc_api.accepted), grpc_api.rejected) == ((1, 2), 40, 0)
    assert grpc_api.callers == {credentials.service_account_email}
    assert grpc_api.scopes == {(CLOUD_PLATFORM,)}


def test_grpc_asyncio(credentials: Credentials, grpc_api: GrpcApi) -> None:
    grpc_api.replies["Do"] = b"done"
    plugin = AuthMetadataPlugin(credentials, Request())
    both = grpc.composite_channel_credentials(grpc.ssl_channel_credentials(), grpc.metadata_call_credentials(plugin))

    async def main() -> list[Any]:
        async with grpc.aio.secure_channel(grpc_api.target, both) as channel:
            do = channel.unary_unary("/it.Works/Do")
            return await asyncio.gather(*(do(b"", timeout=30) for _ in range(20)))

    assert asyncio.run(main()) == [b"done"] * 20
    assert (grpc_api.exchanges, len(grpc_api.accepted), grpc_api.rejected) == ((1, 1), 20, 0)
    assert grpc_api.callers == {credentials.service_account_email}
