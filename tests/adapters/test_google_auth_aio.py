"""google-auth's asynchronous session sends the tokens of credentials."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from google.auth.aio.transport.sessions import AsyncAuthorizedSession

from adapters.conftest import PausedGoogle
from adapters.token_checking_servers import TokenChecker
from google_auth_botocore import Credentials, FederationError
from google_auth_botocore.adapters import google_auth_aio
from google_auth_botocore.emulator import Emulator


async def fetch(credentials: Credentials, url: str) -> Any:
    session = AsyncAuthorizedSession(google_auth_aio.Credentials(credentials))
    try:
        response = await session.request(
            "GET", url, headers={}
        )  # the first releases with this session pass None as headers
        return response.status_code, await response.read()
    finally:
        await session.close()


def test_a_request_contains_token_and_quota_project(
    credentials: Credentials, checker: TokenChecker, api_url: str
) -> None:
    charged = credentials.with_quota_project("billing")
    for _ in range(2):
        assert asyncio.run(fetch(charged, api_url)) == (200, b"GET / ")
    assert checker.tokens == [google_auth_aio.Credentials(credentials).token] * 2
    assert checker.requests[0].headers["x-goog-user-project"] == "billing"


def test_a_request_without_a_valid_token_fetches_one(
    credentials: Credentials, checker: TokenChecker, api_url: str
) -> None:
    asyncio.run(fetch(credentials, api_url))
    credentials.token = None
    asyncio.run(fetch(credentials, api_url))
    assert len(set(checker.tokens)) == 2


def test_a_refresh_fetches_a_new_token(credentials: Credentials, google: Emulator) -> None:
    """google-auth's session calls it after a 401."""
    before = credentials.get_token().value
    headers: dict[str, str] = {}

    async def refresh() -> None:
        wrapped = google_auth_aio.Credentials(credentials)
        await wrapped.refresh(None)
        await wrapped.apply(headers)

    asyncio.run(refresh())
    assert headers == {"authorization": f"Bearer {credentials.token}"}
    assert credentials.token != before


def test_a_rejection_by_google_reaches_the_user(credentials: Credentials, rejection: str, api_url: str) -> None:
    with pytest.raises(FederationError, match=rejection):
        asyncio.run(fetch(credentials, api_url))


def test_fetching_a_token_does_not_block_the_event_loop(
    paused: PausedGoogle, credentials: Credentials, api_url: str
) -> None:
    assert asyncio.run(paused.during(fetch(credentials, api_url))) == (200, b"GET / ")
