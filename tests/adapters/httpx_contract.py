"""What `Auth` does in the clients of httpx and of httpx2, synchronous and asynchronous. Both libraries have the same interface."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from types import ModuleType
from typing import Any

import pytest

from adapters.conftest import PATIENCE, PausedGoogle
from adapters.token_checking_servers import TokenChecker
from google_auth_botocore import Credentials, FederationError, IDTokenCredentials
from google_auth_botocore.emulator import Emulator

Post = Callable[..., Any]


class AuthContract:
    """The tests. A subclass names the library and its adapter."""

    library: ModuleType
    adapter: ModuleType

    def send(self, auth: Any, url: str, body: bytes | list[bytes] = b"body") -> Any:
        def stream() -> Iterator[bytes]:
            yield from body  # type: ignore[misc]

        with self.library.Client(auth=auth, trust_env=False, timeout=PATIENCE) as client:
            return client.post(url, content=body if isinstance(body, bytes) else stream())

    async def send_async(self, auth: Any, url: str, body: bytes | list[bytes] = b"body") -> Any:
        async def stream() -> AsyncIterator[bytes]:
            for part in body:
                yield part  # type: ignore[misc]

        async with self.library.AsyncClient(auth=auth, trust_env=False, timeout=PATIENCE) as client:
            return await client.post(url, content=body if isinstance(body, bytes) else stream())

    @pytest.fixture(name="post", params=["Client", "AsyncClient"])
    def _post(self, request: pytest.FixtureRequest) -> Post:
        if request.param == "Client":
            return self.send
        return lambda *arguments: asyncio.run(self.send_async(*arguments))

    def test_a_request_contains_token_and_quota_project(
        self, post: Post, credentials: Credentials, checker: TokenChecker, api_url: str
    ) -> None:
        auth = self.adapter.Auth(credentials.with_quota_project("billing"))
        assert post(auth, api_url).text == "POST / body"
        assert post(auth, api_url).status_code == 200
        assert checker.tokens == [credentials.token] * 2
        assert checker.requests[0].headers["x-goog-user-project"] == "billing"

    def test_a_request_without_a_valid_token_fetches_one(
        self, post: Post, credentials: Credentials, checker: TokenChecker, api_url: str
    ) -> None:
        auth = self.adapter.Auth(credentials)
        post(auth, api_url)
        credentials.token = None
        post(auth, api_url)
        assert len(set(checker.tokens)) == 2

    def test_a_rejected_request_is_sent_again_with_a_new_token(
        self, post: Post, credentials: Credentials, google: Emulator, checker: TokenChecker, api_url: str
    ) -> None:
        checker.revoked.add(credentials.get_token().value)
        response = post(self.adapter.Auth(credentials), api_url)
        assert response.text == "POST / body"
        assert checker.tokens == [credentials.token]
        assert checker.rejected == 1
        assert google.count("/v1/token") == 2

    def test_a_body_that_is_a_stream_is_not_sent_again(
        self, post: Post, credentials: Credentials, google: Emulator, checker: TokenChecker, api_url: str
    ) -> None:
        auth = self.adapter.Auth(credentials)
        checker.revoked.add(credentials.get_token().value)
        assert post(auth, api_url, [b"bo", b"dy"]).status_code == 401
        assert google.count("/v1/token") == 1

    def test_concurrent_rejected_requests_share_one_exchange(self, credentials: Credentials, google: Emulator) -> None:
        auth = self.adapter.Auth(credentials)
        flows = [auth.sync_auth_flow(self.library.Request("GET", "https://example.com")) for _ in range(8)]
        first = {next(flow).headers["authorization"] for flow in flows}
        again = {flow.send(self.library.Response(401)).headers["authorization"] for flow in flows}
        assert len(first) == len(again) == 1
        assert first != again
        assert google.count("/v1/token") == 2

    def test_id_tokens_are_sent_and_refreshed_once_per_request(
        self, post: Post, identity: IDTokenCredentials, google: Emulator, checker: TokenChecker, api_url: str
    ) -> None:
        """The API rejects both ID tokens."""
        assert post(self.adapter.Auth(identity), api_url).status_code == 401
        assert google.count(":generateIdToken") == len(checker.requests) == 2
        assert checker.requests[-1].headers["authorization"] == f"Bearer {identity.token}"

    def test_a_rejection_by_google_reaches_the_user(
        self, post: Post, credentials: Credentials, rejection: str, api_url: str
    ) -> None:
        with pytest.raises(FederationError, match=rejection):
            post(self.adapter.Auth(credentials), api_url)

    def test_fetching_a_token_does_not_block_the_event_loop(
        self, paused: PausedGoogle, credentials: Credentials, api_url: str
    ) -> None:
        assert asyncio.run(paused.during(self.send_async(self.adapter.Auth(credentials), api_url))).status_code == 200

    def test_refreshing_a_token_does_not_block_the_event_loop(
        self, credentials: Credentials, google: Emulator, checker: TokenChecker, api_url: str
    ) -> None:
        checker.revoked.add(credentials.get_token().value)
        paused = PausedGoogle(google)

        async def job() -> Any:
            return await self.send_async(self.adapter.Auth(credentials), api_url)

        assert asyncio.run(paused.during(job())).status_code == 200

    def test_a_cancelled_request_does_not_wait_for_the_token(
        self, paused: PausedGoogle, credentials: Credentials, api_url: str
    ) -> None:
        async def job() -> bool:
            task = asyncio.create_task(self.send_async(self.adapter.Auth(credentials), api_url))
            assert await asyncio.to_thread(paused.requested.wait, PATIENCE)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            waits = not paused.answer.is_set()
            paused.answer.set()
            return waits

        assert asyncio.run(job())
        assert paused.in_time
