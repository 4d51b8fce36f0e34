"""google-auth's own transports: sessions and channels that take the object, and what they do after a 401."""

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
    """Ten threads that share one session cost one exchange, and one more when their token is revoked."""
    api.replies["GET /thing"] = {"it": "works"}
    with AuthorizedSession(credentials) as session, ThreadPoolExecutor(10) as pool:
        assert list(pool.map(lambda _: session.get(f"{api.url}/thing").json(), range(10))) == [{"it": "works"}] * 10
        assert (api.exchanges, api.refused) == ((1, 1), 0)
        api.revoke()
        assert session.get(f"{api.url}/thing").json() == {"it": "works"}
    assert (api.exchanges, api.refused) == ((1, 2), 1)
    assert api.callers == {credentials.service_account_email}
    assert api.scopes == {(CLOUD_PLATFORM,)}


def test_discovery(credentials: Credentials, api: HttpApi) -> None:
    """The client asks for all scopes that its API knows, because nobody has chosen any."""
    api.replies["GET /v4/spreadsheets/it"] = {"spreadsheetId": "it"}
    options = {"api_endpoint": api.url}
    with googleapiclient.discovery.build("sheets", "v4", credentials=credentials, client_options=options) as service:
        assert service.spreadsheets().get(spreadsheetId="it").execute() == {"spreadsheetId": "it"}
        api.revoke()
        assert service.spreadsheets().get(spreadsheetId="it").execute() == {"spreadsheetId": "it"}
    assert (api.exchanges, api.refused) == ((1, 2), 1)
    assert api.callers == {credentials.service_account_email}
    [scopes] = api.scopes
    assert set(scopes) == {
        f"https://www.googleapis.com/auth/{name}"
        for name in ("drive", "drive.file", "drive.readonly", "spreadsheets", "spreadsheets.readonly")
    }


def test_discovery_leaves_chosen_scopes_alone(credentials: Credentials, api: HttpApi) -> None:
    api.replies["GET /v4/spreadsheets/it"] = {}
    chosen = credentials.with_scopes(["https://www.googleapis.com/auth/spreadsheets.readonly"])
    options = {"api_endpoint": api.url}
    with googleapiclient.discovery.build("sheets", "v4", credentials=chosen, client_options=options) as service:
        service.spreadsheets().get(spreadsheetId="it").execute()
    assert api.scopes == {("https://www.googleapis.com/auth/spreadsheets.readonly",)}


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")  # the library leaves open what it refreshes with
def test_batch(credentials: Credentials, api: HttpApi) -> None:
    """Each request in a batch has a header of its own, for which the library asks neither session nor transport."""

    def reply(body: bytes) -> tuple[str, bytes]:
        parts = []
        for part in body.decode().split("Content-ID: <")[1:]:
            [authorization] = re.findall("^authorization: (.*)$", part, re.MULTILINE)
            status = "200 OK" if api.admits(authorization) else "401 Unauthorized"
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
        assert (api.exchanges, len(api.admitted), api.refused) == ((1, 1), 3, 0)
        api.revoke()
        execute()
    assert replies == [("1", {}, None), ("2", {}, None)] * 2
    # The batch was refused, then both that were in it: for each of these it wants a new token.
    assert (api.exchanges, len(api.admitted), api.refused) == ((1, 3), 7, 3)


def test_aiohttp(credentials: Credentials, api: HttpApi) -> None:
    """The event loop's session takes credentials that know nothing of event loops."""
    api.replies["GET /thing"] = {"it": "works"}

    async def get(session: AsyncAuthorizedSession) -> bytes:
        response = await session.request("GET", f"{api.url}/thing")
        content: bytes = await response.read()
        await response.close()
        return content

    async def main() -> None:
        session = AsyncAuthorizedSession(credentials)
        assert set(await asyncio.gather(*(get(session) for _ in range(10)))) == {b'{"it": "works"}'}
        assert (api.exchanges, api.refused) == ((1, 1), 0)
        api.revoke()
        assert await get(session) == b'{"it": "works"}'
        await session.close()

    asyncio.run(main())
    assert (api.exchanges, api.refused) == ((1, 2), 1)
    assert api.callers == {credentials.service_account_email}


def test_grpc(credentials: Credentials, grpc_api: GrpcApi) -> None:
    """Twenty calls at once, each with a thread of its own for its metadata, cost one exchange; so does a token forgotten."""
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
    assert (grpc_api.exchanges, len(grpc_api.admitted), grpc_api.refused) == ((1, 2), 40, 0)
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
    assert (grpc_api.exchanges, len(grpc_api.admitted), grpc_api.refused) == ((1, 1), 20, 0)
    assert grpc_api.callers == {credentials.service_account_email}
