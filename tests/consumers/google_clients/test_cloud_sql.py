"""The Cloud SQL connector, as far as Google's part goes: where an instance is, and a certificate to log in with."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from google.cloud.sql.connector import Connector, IPTypes  # type: ignore[attr-defined]  # a namespace without types
from google.cloud.sql.connector.exceptions import CloudSQLIPTypeError

from consumers.google_clients.apis import Certificate, HttpApi
from google_auth_botocore import Credentials
from google_auth_botocore.emulator.sandbox import Sandbox

INSTANCE = "my-project:europe-west1:it"
PATH = "/sql/v1beta4/projects/my-project/instances/it"
ADMIN = "https://www.googleapis.com/auth/sqlservice.admin"
LOGIN = "https://www.googleapis.com/auth/sqlservice.login"


@pytest.fixture(name="asked")
def _asked(api: HttpApi, certificate: Certificate) -> list[dict[str, Any]]:
    """The requests for a certificate. The instance has a public address alone."""
    asked: list[dict[str, Any]] = []
    pem = certificate.path.read_text()

    def certify(body: bytes) -> dict[str, Any]:
        asked.append(json.loads(body))
        return {"ephemeralCert": {"cert": pem}}

    api.replies[f"GET {PATH}/connectSettings"] = {
        "region": "europe-west1",
        "databaseVersion": "POSTGRES_17",
        "ipAddresses": [{"type": "PRIMARY", "ipAddress": "127.0.0.1"}],
        "serverCaCert": {"cert": pem},
    }
    api.replies[f"POST {PATH}:generateEphemeralCert"] = certify
    return asked


def connect(credentials: Credentials, api: HttpApi, *, enable_iam_auth: bool) -> None:
    """As far as to the driver, for there is no database behind: the instance lacks the kind of address asked for."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        async with Connector(
            credentials=credentials, sqladmin_api_endpoint=api.url, enable_iam_auth=enable_iam_auth, loop=loop
        ) as connector:
            for _ in range(2):
                with pytest.raises(CloudSQLIPTypeError):
                    await connector.connect_async(INSTANCE, "pg8000", ip_type=IPTypes.PRIVATE, user="it")

    asyncio.run(main())


def test_connect(credentials: Credentials, api: HttpApi, asked: list[dict[str, Any]]) -> None:
    connect(credentials, api, enable_iam_auth=False)
    assert [sorted(request) for request in asked] == [["public_key"]] * 2
    assert (api.exchanges, len(api.admitted), api.refused) == ((1, 1), 4, 0)
    assert api.callers == {credentials.service_account_email}
    assert api.scopes == {(ADMIN,)}


def test_log_in_with_a_token(
    credentials: Credentials, api: HttpApi, asked: list[dict[str, Any]], sandbox: Sandbox
) -> None:
    """The database gets a token that is good for nothing but to log in, and a new one for each certificate."""
    connect(credentials, api, enable_iam_auth=True)
    logins = [sandbox.google.check_access_token(request["access_token"]) for request in asked]
    assert [(login.principal, login.scopes) for login in logins if login] == [
        (credentials.service_account_email, (LOGIN,))
    ] * 2
    assert (api.exchanges, len(api.admitted), api.refused) == ((1, 3), 4, 0)
    assert api.scopes == {(ADMIN,)}
