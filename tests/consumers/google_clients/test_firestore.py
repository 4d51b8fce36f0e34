"""google-cloud-firestore with threads and with asyncio. It creates its own channel with the credentials.

Its clients have no method that closes the channel, so the tests close it.
"""

from __future__ import annotations

import asyncio
import contextlib
from concurrent.futures import ThreadPoolExecutor

import pytest
from google.cloud import firestore  # type: ignore[attr-defined]  # a namespace without types
from google.cloud.firestore_v1.types import CommitResponse

from consumers.google_clients.apis import GrpcApi
from consumers.matrix.grpc_clients import DOCUMENT, WRITTEN
from google_auth_botocore import Credentials


@pytest.fixture(name="options")
def _options(grpc_api: GrpcApi) -> dict[str, str]:
    grpc_api.replies["Commit"] = CommitResponse(write_results=[{"update_time": WRITTEN}], commit_time=WRITTEN)
    grpc_api.replies["BatchGetDocuments"] = DOCUMENT
    return {"api_endpoint": grpc_api.target}


def test_threads(credentials: Credentials, grpc_api: GrpcApi, options: dict[str, str]) -> None:
    client = firestore.Client(credentials=credentials, client_options=options)
    with contextlib.closing(client._firestore_api.transport), ThreadPoolExecutor(8) as pool:
        document = client.document("answers/it")
        assert document.set({"answer": 42}).update_time == WRITTEN
        answers = list(pool.map(lambda _: document.get().to_dict(), range(8)))
    assert answers == [{"answer": 42}] * 8
    assert (grpc_api.exchanges, len(grpc_api.accepted), grpc_api.rejected) == ((1, 1), 9, 0)
    assert grpc_api.callers == {credentials.service_account_email}


def test_asyncio(credentials: Credentials, grpc_api: GrpcApi, options: dict[str, str]) -> None:
    async def main() -> list[dict[str, int]]:
        client = firestore.AsyncClient(credentials=credentials, client_options=options)
        document = client.document("answers/it")
        await document.set({"answer": 42})
        answers = [found.to_dict() for found in await asyncio.gather(*(document.get() for _ in range(8)))]
        await client._firestore_api.transport.close()
        return answers

    assert asyncio.run(main()) == [{"answer": 42}] * 8
    assert (grpc_api.exchanges, len(grpc_api.accepted), grpc_api.rejected) == ((1, 1), 9, 0)
    assert grpc_api.callers == {credentials.service_account_email}
