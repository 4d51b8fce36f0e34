"""httpx's clients, synchronous and asynchronous, send the tokens of credentials."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator

import httpx
import pytest

from adapters.conftest import PATIENCE, PausedGoogle
from adapters.token_checking_servers import TokenChecker
from google_auth_botocore import Credentials, FederationError, IDTokenCredentials
from google_auth_botocore.adapters.httpx import Auth
from google_auth_botocore.emulator import Emulator

Post = Callable[..., httpx.Response]


def post(auth: Auth, url: str, body: bytes | list[bytes] = b"body") -> httpx.Response:
    def stream() -> Iterator[bytes]:
        yield from body  # type: ignore[misc]

    with httpx.Client(auth=auth, trust_env=False, timeout=PATIENCE) as client:
        return client.post(url, content=body if isinstance(body, bytes) else stream())


async def post_async(auth: Auth, url: str, body: bytes | list[bytes] = b"body") -> httpx.Response:
    async def stream() -> AsyncIterator[bytes]:
        for part in body:
            yield part  # type: ignore[misc]

    async with httpx.AsyncClient(auth=auth, trust_env=False, timeout=PATIENCE) as client:
        return await client.post(url, content=body if isinstance(body, bytes) else stream())


@pytest.fixture(name="post", params=["Client", "AsyncClient"])
def _post(request: pytest.FixtureRequest) -> Post:
    if request.param == "Client":
        return post
    return lambda *arguments: asyncio.run(post_async(*arguments))


def test_a_request_contains_token_and_quota_project(
    post: Post, credentials: Credentials, checker: TokenChecker, api_url: str
) -> None:
    auth = Auth(credentials.with_quota_project("billing"))
    assert post(auth, api_url).text == "POST / body"
    assert post(auth, api_url).status_code == 200
    assert checker.tokens == [credentials.token] * 2
    assert checker.requests[0].headers["x-goog-user-project"] == "billing"


def test_a_request_without_a_valid_token_fetches_one(
    post: Post, credentials: Credentials, checker: TokenChecker, api_url: str
) -> None:
    auth = Auth(credentials)
    post(auth, api_url)
    credentials.token = None
    post(auth, api_url)
    assert len(set(checker.tokens)) == 2


def test_a_rejected_request_is_sent_again_with_a_new_token(
    post: Post, credentials: Credentials, google: Emulator, checker: TokenChecker, api_url: str
) -> None:
    checker.revoked.add(credentials.get_token().value)
    response = post(Auth(credentials), api_url)
    assert response.text == "POST / body"
    assert checker.tokens == [credentials.token]
    assert checker.rejected == 1
    assert google.count("/v1/token") == 2


def test_a_body_that_is_a_stream_is_not_sent_again(
    post: Post, credentials: Credentials, google: Emulator, checker: TokenChecker, api_url: str
) -> None:
    auth = Auth(credentials)
    checker.revoked.add(credentials.get_token().value)
    assert post(auth, api_url, [b"bo", b"dy"]).status_code == 401
    assert google.count("/v1/token") == 1


def test_concurrent_rejected_requests_cost_one_exchange(credentials: Credentials, google: Emulator) -> None:
    auth = Auth(credentials)
    flows = [auth.sync_auth_flow(httpx.Request("GET", "https://example.com")) for _ in range(8)]
    first = {next(flow).headers["authorization"] for flow in flows}
    again = {flow.send(httpx.Response(401)).headers["authorization"] for flow in flows}
    assert len(first) == len(again) == 1
    assert first != again
    assert google.count("/v1/token") == 2


def test_id_tokens_are_sent_and_refreshed_once_per_request(
    post: Post, credentials: Credentials, google: Emulator, checker: TokenChecker, api_url: str
) -> None:
    """The API only accepts access tokens, and rejects both ID tokens."""
    account = google.add_service_account("app@my-project.iam.gserviceaccount.com")
    provider = google.add_aws_provider()
    everyone = provider.principal_set("aws_role", "arn:aws:sts::123456789012:assumed-role/app")
    google.grant(account.email, "roles/iam.serviceAccountOpenIdTokenCreator", everyone)
    identity = IDTokenCredentials(
        Credentials(
            provider.audience,
            account.email,
            token_url=google.token_url,
            iam_credentials_endpoint=google.iam_credentials_endpoint,
        ),
        api_url,
    )
    assert post(Auth(identity), api_url).status_code == 401
    assert google.count(":generateIdToken") == len(checker.requests) == 2
    assert checker.requests[-1].headers["authorization"] == f"Bearer {identity.token}"


def test_a_rejection_by_google_reaches_the_user(
    post: Post, credentials: Credentials, rejection: str, api_url: str
) -> None:
    with pytest.raises(FederationError, match=rejection):
        post(Auth(credentials), api_url)


def test_fetching_a_token_does_not_block_the_event_loop(
    paused: PausedGoogle, credentials: Credentials, api_url: str
) -> None:
    assert asyncio.run(paused.during(post_async(Auth(credentials), api_url))).status_code == 200


def test_refreshing_a_token_does_not_block_the_event_loop(
    credentials: Credentials, google: Emulator, checker: TokenChecker, api_url: str
) -> None:
    checker.revoked.add(credentials.get_token().value)
    paused = PausedGoogle(google)

    async def job() -> httpx.Response:
        return await post_async(Auth(credentials), api_url)

    assert asyncio.run(paused.during(job())).status_code == 200


def test_a_cancelled_request_does_not_wait_for_the_token(
    paused: PausedGoogle, credentials: Credentials, api_url: str
) -> None:
    async def job() -> bool:
        task = asyncio.create_task(post_async(Auth(credentials), api_url))
        assert await asyncio.to_thread(paused.requested.wait, PATIENCE)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        waits = not paused.answer.is_set()
        paused.answer.set()
        return waits

    assert asyncio.run(job())
    assert paused.in_time
