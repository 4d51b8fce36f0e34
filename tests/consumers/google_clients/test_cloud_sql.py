"""The Cloud SQL connector, which requests a certificate with one token and logs in to the database with another."""

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
    """Each request for a certificate contains a token that is valid only for the login."""
    api.replies.update(sql_instance(certificate))
    certificate_reply, requests = api.replies[f"POST {PATH}:generateEphemeralCert"], []

    def answer(body: bytes) -> Any:
        requests.append(json.loads(body))
        return certificate_reply

    async def main() -> None:
        loop = asyncio.get_running_loop()
        async with Connector(
            credentials=credentials, sqladmin_api_endpoint=api.url, enable_iam_auth=True, loop=loop
        ) as connector:
            for _ in range(2):
                with pytest.raises(CloudSQLIPTypeError):  # it checks the type of address last
                    await connector.connect_async(INSTANCE, "pg8000", ip_type=IPTypes.PRIVATE, user="it")

    api.replies[f"POST {PATH}:generateEphemeralCert"] = answer
    asyncio.run(main())
    logins = [sandbox.google.check_access_token(request["access_token"]) for request in requests]
    assert [(login.principal, login.scopes) for login in logins if login] == [
        (credentials.service_account_email, (LOGIN,))
    ] * 2
    assert (api.exchanges, len(api.accepted), api.rejected) == ((1, 3), 4, 0)
    assert api.scopes == {(ADMIN,)}
