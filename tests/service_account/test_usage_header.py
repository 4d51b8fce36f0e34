"""Requests to Google have the header `x-goog-api-client` of google-auth, by which Google counts the use of each kind of credentials."""

from __future__ import annotations

from typing import Any

import google.auth.aws as google_auth_aws
import pytest
from emulator.workload import CLOUD_PLATFORM, Workload
from google.auth import metrics
from google.auth.transport.requests import Request

from google_auth_botocore import Credentials, IDTokenCredentials
from google_auth_botocore.emulator import Emulator
from service_account.conftest import Make


def sent(google: Emulator) -> list[tuple[str, str | None]]:
    """Return the method and the header of each request so far, and forget the requests."""
    found = [(call.path.rpartition(":")[2], call.headers.get("x-goog-api-client")) for call in google.calls]
    google.calls.clear()
    return found


@pytest.mark.parametrize(
    "arguments",
    [{}, {"lifetime": 1800}, {"service_account_email": None}],
    ids=["service account", "lifetime", "direct access"],
)
@pytest.mark.usefixtures("credentials")
def test_the_header_is_that_of_google_auth(google: Emulator, make: Make, arguments: dict[str, Any]) -> None:
    ours = make(**arguments)
    ours.refresh(None)
    expected = sent(google)
    google_auth_aws.Credentials.from_info(ours.info, scopes=[CLOUD_PLATFORM]).refresh(Request())
    assert sent(google) == expected
    assert all(header for _, header in expected)


def test_id_tokens_and_assertions_have_the_header_of_their_kind(
    google: Emulator, workload: Workload, credentials: Credentials
) -> None:
    google.allow_domain_wide_delegation(workload.account.email, [CLOUD_PLATFORM])
    credentials.refresh(None)
    sent(google)
    IDTokenCredentials(credentials, "https://x").refresh(None)
    credentials.with_subject("ann@example.com").refresh(None)
    assert sent(google) == [
        ("generateIdToken", metrics.token_request_id_token_impersonate()),
        ("signJwt", None),
        ("/token", metrics.token_request_access_token_sa_assertion()),
    ]
