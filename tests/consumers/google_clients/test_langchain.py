"""langchain-google-vertexai, whose models accept the credentials and use their project.

Its import takes ten seconds, so the tests import it, not this module.
"""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from consumers.google_clients.apis import GrpcApi
from google_auth_botocore import Credentials

ANSWER = {"content": {"role": "model", "parts": [{"text": "42"}]}}


@pytest.fixture(name="chat")
def _chat(credentials: Credentials, grpc_api: GrpcApi) -> Callable[..., Any]:
    """The class of the model, with arguments for the emulated API."""
    from google.cloud.aiplatform_v1beta1.types import GenerateContentResponse
    from langchain_google_vertexai import ChatVertexAI

    grpc_api.replies["GenerateContent"] = GenerateContentResponse(candidates=[ANSWER])
    warnings.simplefilter("ignore", DeprecationWarning)  # it recommends another package
    return partial(
        ChatVertexAI,
        model="gemini-2.5-flash",
        credentials=credentials,
        location="europe-west1",
        api_endpoint=grpc_api.target,
    )


def test_threads(credentials: Credentials, grpc_api: GrpcApi, chat: Callable[..., Any]) -> None:
    model = chat()
    assert model.project == credentials.project_id
    with model.prediction_client:
        assert [answer.content for answer in model.batch(["6 × 7?"] * 8)] == ["42"] * 8
    assert (grpc_api.exchanges, len(grpc_api.accepted), grpc_api.rejected) == ((1, 1), 8, 0)
    assert grpc_api.callers == {credentials.service_account_email}


def test_asyncio(credentials: Credentials, grpc_api: GrpcApi, chat: Callable[..., Any]) -> None:
    model = chat(api_transport="grpc_asyncio")

    async def main() -> list[Any]:
        async with model.async_prediction_client:
            return [answer.content for answer in await model.abatch(["6 × 7?"] * 8)]

    assert asyncio.run(main()) == ["42"] * 8
    assert (grpc_api.exchanges, len(grpc_api.accepted), grpc_api.rejected) == ((1, 1), 8, 0)
    assert grpc_api.callers == {credentials.service_account_email}
