"""langchain-google-vertexai: its models take the object, and their project from it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from google.cloud.aiplatform_v1beta1.types import GenerateContentResponse
from langchain_google_vertexai import ChatVertexAI

from consumers.google_clients.apis import GrpcApi
from google_auth_botocore import Credentials

# langchain would have its users go to another package.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

ANSWER = {"content": {"role": "model", "parts": [{"text": "42"}]}}


@pytest.fixture(name="arguments")
def _arguments(credentials: Credentials, grpc_api: GrpcApi) -> dict[str, Any]:
    grpc_api.replies["GenerateContent"] = GenerateContentResponse(candidates=[ANSWER])
    return {
        "model": "gemini-2.5-flash",
        "credentials": credentials,
        "location": "europe-west1",
        "api_endpoint": grpc_api.target,
    }


def test_threads(credentials: Credentials, grpc_api: GrpcApi, arguments: dict[str, Any]) -> None:
    model = ChatVertexAI(**arguments)
    assert model.project == credentials.project_id
    with model.prediction_client:
        assert [answer.content for answer in model.batch(["6 × 7?"] * 8)] == ["42"] * 8
    assert (grpc_api.exchanges, len(grpc_api.admitted), grpc_api.refused) == ((1, 1), 8, 0)
    assert grpc_api.callers == {credentials.service_account_email}


def test_asyncio(credentials: Credentials, grpc_api: GrpcApi, arguments: dict[str, Any]) -> None:
    model = ChatVertexAI(**arguments, api_transport="grpc_asyncio")

    async def main() -> list[Any]:
        async with model.async_prediction_client:
            return [answer.content for answer in await model.abatch(["6 × 7?"] * 8)]

    assert asyncio.run(main()) == ["42"] * 8
    assert (grpc_api.exchanges, len(grpc_api.admitted), grpc_api.refused) == ((1, 1), 8, 0)
    assert grpc_api.callers == {credentials.service_account_email}
