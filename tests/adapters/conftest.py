"""A workload with AWS keys in its environment, and servers that require its Google token."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Iterator
from typing import Any

import pytest
from core.stand_in import FakeClock

from adapters.token_checking_servers import Reply, Sent, TokenChecker
from google_auth_botocore import Credentials, IDTokenCredentials
from google_auth_botocore._shared_token_credentials import SourceCredentials
from google_auth_botocore.emulator import Emulator, Fault

PATIENCE = 60

pytest.register_assert_rewrite("adapters.httpx_contract")


@pytest.fixture(name="credentials")
def _credentials(google: Emulator, monkeypatch: pytest.MonkeyPatch) -> Credentials:
    keys = google.aws_keys.issue("arn:aws:sts::123456789012:assumed-role/app/i-0abc", lifetime=36000)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", keys.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", keys.secret_access_key)
    monkeypatch.setenv("AWS_SESSION_TOKEN", keys.session_token or "")
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    return Credentials(google.add_aws_provider().audience, token_url=google.token_url, project_id="my-project")


@pytest.fixture(name="identity")
def _identity(google: Emulator, credentials: Credentials) -> IDTokenCredentials:
    """ID tokens, which a `TokenChecker` rejects: it only accepts access tokens."""
    account = google.add_service_account("app@my-project.iam.gserviceaccount.com")
    provider = google.add_aws_provider()
    everyone = provider.principal_set("aws_role", "arn:aws:sts::123456789012:assumed-role/app")
    google.grant(account.email, "roles/iam.serviceAccountOpenIdTokenCreator", everyone)
    endpoint = google.iam_credentials_endpoint
    impersonating = Credentials(
        provider.audience, account.email, token_url=google.token_url, iam_credentials_endpoint=endpoint
    )
    return IDTokenCredentials(impersonating, "https://app.example.com")


@pytest.fixture(name="checker")
def _checker(google: Emulator) -> TokenChecker:
    return TokenChecker(google)


@pytest.fixture(name="api_url")
def _api_url(checker: TokenChecker) -> Iterator[str]:
    """The URL of an API that echoes each request."""

    def echo(sent: Sent) -> Reply:
        return Reply(f"{sent.method} {sent.path} {sent.body.decode()}".encode())

    with checker.serve(echo) as url:
        yield url


@pytest.fixture(name="late_clock")
def _late_clock(google: Emulator, monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    """A clock for the emulator and the credentials that is two hours behind.

    Libraries use the real time, so that they consider each token expired and request another.
    """
    clock = FakeClock(now=time.time() - 7200)
    google.clock = clock.time
    monkeypatch.setattr(SourceCredentials, "_clock", clock)
    return clock


@pytest.fixture(name="rejection")
def _rejection(google: Emulator) -> str:
    """Make Google reject every exchange, and return text from its error."""
    body = {
        "error": "unauthorized_client",
        "error_description": "The given credential is rejected by the attribute condition.",
    }
    google.fail("/v1/token", Fault(403, times=None, body=body))
    return "rejected by the attribute condition"


class PausedGoogle:
    """Pauses the emulator until the event loop of the client lets it answer."""

    def __init__(self, google: Emulator) -> None:
        self.requested, self.answer = threading.Event(), threading.Event()
        self.in_time = True
        google.clock = self._clock

    def _clock(self) -> float:
        self.requested.set()
        self.in_time &= self.answer.wait(PATIENCE / 4)
        return time.time()

    async def during(self, job: Awaitable[Any]) -> Any:
        """Run a job. When Google has received a request, let it answer from the event loop. Return the result of the job."""

        async def let_answer() -> None:
            assert await asyncio.to_thread(self.requested.wait, PATIENCE)
            self.answer.set()

        result, _ = await asyncio.gather(job, let_answer())
        assert self.in_time, "the event loop was blocked"
        return result


@pytest.fixture(name="paused")
def _paused(google: Emulator, credentials: Credentials) -> PausedGoogle:
    return PausedGoogle(google)
