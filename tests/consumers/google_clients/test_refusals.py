"""What users read, and how often Google is asked, when the AWS identity may not be the service account.

Every library hands the sentence on, hint included, and the ones that try again cost no exchange more: gRPC's
clients take the failure for a service that is not there for the moment.
"""

from __future__ import annotations

import asyncio

import gspread
import pandas_gbq
import pytest
from google import genai  # type: ignore[attr-defined]  # a namespace without types
from google.api_core.client_options import ClientOptions
from google.api_core.exceptions import ServiceUnavailable
from google.api_core.retry import AsyncRetry, Retry
from google.cloud import (  # type: ignore[attr-defined]  # a namespace without types
    bigquery,
    secretmanager,
    storage,
)

from consumers.google_clients.apis import GrpcApi, HttpApi
from google_auth_botocore import Credentials, FederationError
from google_auth_botocore.emulator.sandbox import Sandbox

HINT = "gcloud iam service-accounts add-iam-policy-binding closed@my-project.iam.gserviceaccount.com"
SECRET = "projects/my-project/secrets/it/versions/latest"


@pytest.fixture(name="credentials")
def _credentials(sandbox: Sandbox) -> Credentials:
    """Of a service account that has granted nobody anything."""
    account = sandbox.google.add_service_account("closed@my-project.iam.gserviceaccount.com")
    return Credentials(**{**sandbox.credentials_arguments(), "service_account_email": account.email})


def test_storage(credentials: Credentials, api: HttpApi) -> None:
    with (
        storage.Client(credentials=credentials, client_options={"api_endpoint": api.url}) as client,
        pytest.raises(FederationError, match=HINT),
    ):
        client.get_bucket("bucket")
    assert (api.exchanges, api.admitted, api.refused) == ((1, 1), [], 0)


def test_bigquery(credentials: Credentials, api: HttpApi) -> None:
    with (
        bigquery.Client(credentials=credentials, client_options={"api_endpoint": api.url}) as client,
        pytest.raises(FederationError, match=HINT),
    ):
        client.query_and_wait("SELECT 42 AS answer")
    assert (api.exchanges, api.admitted, api.refused) == ((1, 1), [], 0)


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")  # Google's libraries warn each other
def test_pandas_gbq(credentials: Credentials, api: HttpApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says something of its own, with the sentence as the cause."""
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", api.url)
    monkeypatch.setattr(pandas_gbq, "context", pandas_gbq.gbq.Context())
    with pytest.raises(pandas_gbq.exceptions.AccessDenied) as failed:
        pandas_gbq.read_gbq("SELECT 42 AS answer", credentials=credentials, progress_bar_type=None)
    assert HINT in str(failed.value.__context__)
    assert (api.exchanges, api.admitted, api.refused) == ((1, 1), [], 0)


def test_gspread(credentials: Credentials, api: HttpApi) -> None:
    client = gspread.authorize(credentials)
    with client.http_client.session, pytest.raises(FederationError, match=HINT):
        client.open_by_key("it")
    assert api.exchanges == (1, 1)


def test_genai(credentials: Credentials, api: HttpApi) -> None:
    options = {"base_url": api.url}
    with (
        genai.Client(
            vertexai=True, credentials=credentials, project="my-project", location="europe-west1", http_options=options
        ) as client,
        pytest.raises(FederationError, match=HINT),
    ):
        client.models.generate_content(model="gemini-2.5-flash", contents="6 × 7?")
    assert (api.exchanges, api.admitted, api.refused) == ((1, 1), [], 0)


class Patience:
    """Twenty tries, one right after the other, each of which says that the service is not there."""

    def __init__(self) -> None:
        self.errors: list[str] = []

    def __call__(self, error: Exception) -> bool:
        self.errors.append(str(error))
        return isinstance(error, ServiceUnavailable) and len(self.errors) < 20


def test_grpc(credentials: Credentials, grpc_api: GrpcApi) -> None:
    options = {"api_endpoint": grpc_api.target}
    patience = Patience()
    with (
        secretmanager.SecretManagerServiceClient(credentials=credentials, client_options=options) as client,
        pytest.raises(ServiceUnavailable, match=HINT),
    ):
        client.access_secret_version(name=SECRET, retry=Retry(patience, initial=0, maximum=0))
    assert len(patience.errors) == 20
    assert all(HINT in error for error in patience.errors)
    assert (grpc_api.exchanges, grpc_api.admitted, grpc_api.refused) == ((1, 1), [], 0)


def test_grpc_asyncio(credentials: Credentials, grpc_api: GrpcApi) -> None:
    patience = Patience()

    async def main() -> None:
        options = ClientOptions(api_endpoint=grpc_api.target)
        client = secretmanager.SecretManagerServiceAsyncClient(credentials=credentials, client_options=options)
        async with client:
            await client.access_secret_version(name=SECRET, retry=AsyncRetry(patience, initial=0, maximum=0))

    with pytest.raises(ServiceUnavailable, match=HINT):
        asyncio.run(main())
    assert len(patience.errors) == 20
    assert all(HINT in error for error in patience.errors)
    assert (grpc_api.exchanges, grpc_api.admitted, grpc_api.refused) == ((1, 1), [], 0)
