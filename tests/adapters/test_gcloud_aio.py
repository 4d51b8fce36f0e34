"""gcloud-aio reads and writes Cloud Storage with the tokens of credentials."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta, timezone

import pytest
import tenacity
from core.stand_in import FakeClock
from gcloud.aio.auth.token import BaseToken
from gcloud.aio.storage import Storage

from adapters.conftest import PausedGoogle
from adapters.token_checking_servers import TokenChecker
from google_auth_botocore import Credentials, FederationError
from google_auth_botocore.adapters.gcloud_aio import Token
from google_auth_botocore.emulator import Emulator
from google_auth_botocore.emulator.sandbox import Sandbox


async def fetch(token: Token, url: str, times: int = 1) -> bytes:
    """Download an object with gcloud-aio."""
    async with Storage(token=token, api_root=url, api_is_dev=False) as storage:
        for _ in range(times):
            content = await storage.download("bucket", "a")
    return content


def test_objects_are_written_and_read(monkeypatch: pytest.MonkeyPatch) -> None:
    async def job(token: Token, url: str) -> bytes:
        async with Storage(token=token, api_root=url, api_is_dev=False) as storage:
            await storage.upload("bucket", "name", b"content")
            return await storage.download("bucket", "name")

    with Sandbox() as sandbox:
        for name, value in sandbox.environment().items():
            monkeypatch.setenv(name, value)
        sandbox.storage_client().create_bucket("bucket")
        credentials = Credentials(**sandbox.credentials_arguments())
        assert asyncio.run(job(Token(credentials), sandbox.storage.url)) == b"content"
        assert sandbox.storage.principals == [sandbox.service_account] * 2
        assert sandbox.storage.tokens == {credentials.token}


def test_a_client_keeps_its_token(
    credentials: Credentials, google: Emulator, checker: TokenChecker, api_url: str
) -> None:
    asyncio.run(fetch(Token(credentials), api_url, times=3))
    assert checker.tokens == [credentials.token] * 3
    assert google.count("/v1/token") == 1


def test_the_lifetime_is_the_remaining_lifetime_of_the_token(credentials: Credentials) -> None:
    """gcloud-aio counts it from its own request, so it must not be the full lifetime of a new token."""
    credentials.get_token()
    credentials.expiry = datetime.now(timezone.utc) + timedelta(seconds=2000)
    answer = asyncio.run(Token(credentials).refresh(timeout=10))
    assert answer.value == credentials.token
    assert 1900 < answer.expires_in <= 2000


def test_a_client_with_an_expired_token_requests_another(
    late_clock: FakeClock, credentials: Credentials, checker: TokenChecker, api_url: str
) -> None:
    token = Token(credentials)
    for _ in range(2):
        asyncio.run(fetch(token, api_url))
        late_clock.advance(3600)
    assert len(set(checker.tokens)) == 2
    assert checker.rejected == 0


def test_a_rejection_by_google_reaches_the_user(
    credentials: Credentials, google: Emulator, rejection: str, api_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """gcloud-aio tries five times, of which one reaches Google."""
    monkeypatch.setattr(BaseToken.acquire_access_token.retry, "wait", tenacity.wait_none())
    with pytest.raises(FederationError, match=rejection):
        asyncio.run(fetch(Token(credentials), api_url))
    assert google.count("/v1/token") == 1


def test_fetching_a_token_does_not_block_the_event_loop(
    paused: PausedGoogle, credentials: Credentials, api_url: str
) -> None:
    assert asyncio.run(paused.during(fetch(Token(credentials), api_url))).startswith(b"GET ")


def test_the_file_named_in_the_environment_is_not_read(
    credentials: Credentials, api_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """gcloud-aio does not support the file that gcloud writes for AWS."""
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere.json")
    assert asyncio.run(fetch(Token(credentials), api_url)).startswith(b"GET ")


def test_the_project_is_that_of_the_credentials(credentials: Credentials) -> None:
    assert asyncio.run(Token(credentials).get_project()) == "my-project"
