"""The Cloud SQL connector, which asks for a certificate with one token and has the database be given another."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from google.cloud.sql.connector import Connector, IPTypes  # type: ignore[attr-defined]  # a namespace without types
from google.cloud.sql.connector.exceptions import CloudSQLIPTypeError

from consumers.google_clients.apis import Certificate, HttpApi
from consumers.matrix.cloud import INSTANCE, PATH, sql_instance
from google_auth_botocore import Credentials
from google_auth_botocore.emulator.sandbox import Sandbox

ADMIN = "https://www.googleapis.com/auth/sqlservice.admin"
LOGIN = "https://www.googleapis.com/auth/sqlservice.login"


def test_log_in_with_a_token(
    credentials: Credentials, api: HttpApi, certificate: Certificate, sandbox: Sandbox
) -> None:
    """The database gets a token that is good for nothing but to log in, and a new one for each certificate."""
    api.replies.update(sql_instance(certificate))
    certify, asked = api.replies[f"POST {PATH}:generateEphemeralCert"], []

    def answer(body: bytes) -> Any:
        asked.append(json.loads(body))
        return certify

    async def main() -> None:
        loop = asyncio.get_running_loop()
        async with Connector(
            credentials=credentials, sqladmin_api_endpoint=api.url, enable_iam_auth=True, loop=loop
        ) as connector:
            for _ in range(2):
                with pytest.raises(CloudSQLIPTypeError):  # which kind of address is wanted, it sees at last
                    await connector.connect_async(INSTANCE, "pg8000", ip_type=IPTypes.PRIVATE, user="it")

    api.replies[f"POST {PATH}:generateEphemeralCert"] = answer
    asyncio.run(main())
    logins = [sandbox.google.check_access_token(request["access_token"]) for request in asked]
    assert [(login.principal, login.scopes) for login in logins if login] == [
        (credentials.service_account_email, (LOGIN,))
    ] * 2
    assert (api.exchanges, len(api.admitted), api.refused) == ((1, 3), 4, 0)
    assert api.scopes == {(ADMIN,)}
