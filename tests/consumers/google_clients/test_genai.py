"""google-genai with Vertex AI. It reads `expired` and `token` and calls `refresh`, but never `before_request`."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from google import genai  # type: ignore[attr-defined]  # a namespace without types

from consumers.google_clients.apis import CLOUD_PLATFORM, HttpApi
from consumers.matrix.genai import ANSWER, METHOD, MODEL
from google_auth_botocore import Credentials


@pytest.fixture(name="client")
def _client(credentials: Credentials, api: HttpApi) -> genai.Client:
    api.replies[f"{METHOD}:generateContent"] = ANSWER
    api.replies[f"{METHOD}:streamGenerateContent"] = (
        "text/event-stream",
        b"data: %s\n\n" % json.dumps(ANSWER).encode(),
    )
    return genai.Client(
        vertexai=True,
        credentials=credentials,
        project="my-project",
        location="europe-west1",
        http_options={"base_url": api.url},
    )


def test_threads(client: genai.Client, credentials: Credentials, api: HttpApi) -> None:
    """Eight threads cost one exchange. After a 401 and a refresh, the same client uses the new token."""
    with client, ThreadPoolExecutor(8) as pool:
        answers = pool.map(lambda _: client.models.generate_content(model=MODEL, contents="6 × 7?").text, range(8))
        assert list(answers) == ["42"] * 8
        assert (api.exchanges, len(api.accepted)) == ((1, 1), 8)
        api.revoke()
        with pytest.raises(genai.errors.ClientError, match="UNAUTHENTICATED"):
            client.models.generate_content(model=MODEL, contents="6 × 7?")
        credentials.refresh(None)
        chunks = client.models.generate_content_stream(model=MODEL, contents="6 × 7?")
        assert [chunk.text for chunk in chunks] == ["42"]
    assert (api.exchanges, len(api.accepted), api.rejected) == ((1, 2), 9, 1)
    assert api.callers == {credentials.service_account_email}
    assert api.scopes == {(CLOUD_PLATFORM,)}


@pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning")
def test_asyncio(client: genai.Client, credentials: Credentials, api: HttpApi) -> None:
    async def main() -> list[str]:
        async with client.aio:
            models = client.aio.models
            answers = await asyncio.gather(*(models.generate_content(model=MODEL, contents="6 × 7?") for _ in range(8)))
            chunks = await models.generate_content_stream(model=MODEL, contents="6 × 7?")
            return [*[answer.text for answer in answers], *[chunk.text async for chunk in chunks]]

    assert asyncio.run(main()) == ["42"] * 9
    assert (api.exchanges, len(api.accepted), api.rejected) == ((1, 1), 9, 0)
    assert api.callers == {credentials.service_account_email}
