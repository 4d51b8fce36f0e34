"""google-cloud-aiplatform: predictions over gRPC, and over HTTP from threads and an event loop.

Its import takes eight seconds, so the tests import it, not this module.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType
from typing import Any

import pytest
from google.api_core.client_options import ClientOptions

from consumers.google_clients.apis import CLOUD_PLATFORM, GrpcApi, HttpApi
from google_auth_botocore import Credentials

ENDPOINT = "projects/my-project/locations/europe-west1/endpoints/1"


@pytest.fixture(name="aiplatform")
def _aiplatform(credentials: Credentials, grpc_api: GrpcApi) -> Iterator[ModuleType]:
    """The library. Its configuration is global, so it is restored."""
    from google.cloud import aiplatform  # type: ignore[attr-defined]  # a namespace without types

    before = dict(vars(aiplatform.initializer.global_config))
    aiplatform.init(
        project="my-project", location="europe-west1", credentials=credentials, api_endpoint=grpc_api.target
    )
    yield aiplatform
    vars(aiplatform.initializer.global_config).update(before)


def test_grpc(credentials: Credentials, grpc_api: GrpcApi, aiplatform: ModuleType) -> None:
    """The library uses two clients with different scopes: one reads the endpoint, one sends the prediction."""
    from google.cloud.aiplatform_v1.types import PredictResponse

    grpc_api.replies["GetEndpoint"] = aiplatform.gapic.Endpoint(name=ENDPOINT)
    grpc_api.replies["Predict"] = PredictResponse.from_json('{"predictions": [42]}')
    endpoint = aiplatform.Endpoint(ENDPOINT)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: endpoint.predict(instances=[]).predictions, range(8)))
    assert answers == [[42]] * 8
    assert (grpc_api.exchanges, len(grpc_api.scopes), grpc_api.rejected) == ((1, 2), 2, 0)
    assert grpc_api.callers == {credentials.service_account_email}


def test_dedicated_endpoint(
    credentials: Credentials, grpc_api: GrpcApi, https_api: HttpApi, aiplatform: ModuleType
) -> None:
    """The library sets the scopes on the credentials object before it creates a session."""
    grpc_api.replies["GetEndpoint"] = aiplatform.gapic.Endpoint(
        name=ENDPOINT,
        dedicated_endpoint_enabled=True,
        dedicated_endpoint_dns=https_api.url.removeprefix("https://"),
    )
    https_api.replies[f"POST /v1/{ENDPOINT}:predict"] = {"predictions": [42]}
    endpoint = aiplatform.Endpoint(ENDPOINT)
    assert endpoint.predict(instances=[], use_dedicated_endpoint=True).predictions == [42]
    https_api.revoke()
    assert endpoint.predict(instances=[], use_dedicated_endpoint=True).predictions == [42]
    assert (https_api.exchanges, https_api.rejected) == ((1, 2), 1)
    endpoint.authorized_session.close()
    assert asyncio.run(endpoint.predict_async(instances=[])).predictions == [42]
    assert https_api.exchanges == (1, 3), "each asynchronous prediction refreshes the token"
    assert https_api.callers == {credentials.service_account_email}


def test_rest_asyncio(credentials: Credentials, api: HttpApi) -> None:
    """The library's type hints require asynchronous credentials, but this transport works without."""
    from google.cloud.aiplatform_v1 import PredictionServiceAsyncClient

    api.replies[f"POST /v1/{ENDPOINT}:predict"] = {"predictions": [42]}

    async def main() -> list[Any]:
        options = ClientOptions(api_endpoint=api.url)
        client = PredictionServiceAsyncClient(credentials=credentials, client_options=options, transport="rest_asyncio")
        async with client:
            first = await asyncio.gather(*(client.predict(endpoint=ENDPOINT, instances=[]) for _ in range(8)))
            assert (api.exchanges, api.rejected) == ((1, 1), 0)
            api.revoke()
            return [*first, await client.predict(endpoint=ENDPOINT, instances=[])]

    assert [list(reply.predictions) for reply in asyncio.run(main())] == [[42]] * 9
    assert (api.exchanges, len(api.accepted), api.rejected) == ((1, 2), 9, 1)
    assert api.callers == {credentials.service_account_email}
    assert api.scopes == {(CLOUD_PLATFORM,)}
