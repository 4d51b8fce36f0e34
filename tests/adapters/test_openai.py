"""openai's clients send the tokens of credentials to an API that is compatible with OpenAI's."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any

import openai
import pytest

from adapters.conftest import PATIENCE, PausedGoogle
from adapters.token_checking_servers import Reply, Sent, TokenChecker
from google_auth_botocore import Credentials, FederationError, IDTokenCredentials
from google_auth_botocore.adapters.openai import get_async_bearer_token_provider, get_bearer_token_provider
from google_auth_botocore.emulator import Emulator, Fault


@pytest.fixture(name="api")
def _api(checker: TokenChecker) -> Iterator[str]:
    """The URL of an API that completes chats, and echoes the last message."""

    def respond(sent: Sent) -> Reply:
        assert (sent.method, sent.path) == ("POST", "/chat/completions")
        body = json.loads(sent.body)
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", **body["messages"][-1]}}
        done = {"id": "1", "object": "chat.completion", "created": 0, "model": body["model"], "choices": [choice]}
        return Reply(json.dumps(done).encode(), headers={"Content-Type": "application/json"})

    with checker.serve(respond) as url:
        yield url


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


def arguments(text: str) -> dict[str, Any]:
    return {"model": "google/gemini-3.0-flash", "messages": [{"role": "user", "content": text}], "timeout": PATIENCE}


def ask(credentials: Credentials | IDTokenCredentials, url: str, *texts: str) -> list[str | None]:
    provider = get_bearer_token_provider(credentials)
    with openai.OpenAI(api_key=provider, base_url=url, max_retries=0) as client:
        return [client.chat.completions.create(**arguments(text)).choices[0].message.content for text in texts]


async def ask_async(credentials: Credentials | IDTokenCredentials, url: str, *texts: str) -> list[str | None]:
    provider = get_async_bearer_token_provider(credentials)
    async with openai.AsyncOpenAI(api_key=provider, base_url=url, max_retries=0) as client:
        done = [await client.chat.completions.create(**arguments(text)) for text in texts]
    return [each.choices[0].message.content for each in done]


@pytest.fixture(name="asking", params=["OpenAI", "AsyncOpenAI"])
def _asking(request: pytest.FixtureRequest) -> Callable[..., list[str | None]]:
    if request.param == "OpenAI":
        return ask
    return lambda *given: asyncio.run(ask_async(*given))


def test_requests_share_a_token(asking: Any, credentials: Credentials, checker: TokenChecker, api: str) -> None:
    assert asking(credentials, api, *"abc") == [*"abc"]
    assert checker.tokens == [credentials.token] * 3
    assert checker.rejected == 0


def test_one_client_sends_a_new_token_after_expiry(
    credentials: Credentials, google: Emulator, checker: TokenChecker, api: str
) -> None:
    with openai.OpenAI(api_key=get_bearer_token_provider(credentials), base_url=api) as client:
        client.chat.completions.create(**arguments("a"))
        credentials.token = None
        client.chat.completions.create(**arguments("b"))
    assert len(set(checker.tokens)) == google.count("/v1/token") == 2


def test_one_async_client_sends_a_new_token_after_expiry(
    credentials: Credentials, google: Emulator, checker: TokenChecker, api: str
) -> None:
    async def job() -> None:
        async with openai.AsyncOpenAI(api_key=get_async_bearer_token_provider(credentials), base_url=api) as client:
            await client.chat.completions.create(**arguments("a"))
            credentials.token = None
            await asyncio.gather(*(client.chat.completions.create(**arguments("b")) for _ in range(8)))

    asyncio.run(job())
    assert len(set(checker.tokens)) == google.count("/v1/token") == 2


def test_a_rejected_token_is_replaced_after_a_refresh(
    credentials: Credentials, checker: TokenChecker, api: str
) -> None:
    with openai.OpenAI(api_key=get_bearer_token_provider(credentials), base_url=api) as client:
        client.chat.completions.create(**arguments("a"))
        checker.revoked.update(checker.tokens)
        with pytest.raises(openai.AuthenticationError):
            client.chat.completions.create(**arguments("b"))
        credentials.refresh(None)
        client.chat.completions.create(**arguments("c"))
    assert len(set(checker.tokens)) == 2


def test_id_tokens_are_sent_to_a_server_on_cloud_run(
    asking: Any, identity: IDTokenCredentials, checker: TokenChecker, api: str
) -> None:
    """The API rejects the ID token."""
    with pytest.raises(openai.AuthenticationError):
        asking(identity, api, "a")
    assert checker.requests[-1].headers["authorization"] == f"Bearer {identity.token}"


def test_a_rejection_by_google_reaches_the_user(
    asking: Any, credentials: Credentials, rejection: str, api: str
) -> None:
    with pytest.raises(FederationError, match=rejection):
        asking(credentials, api, "a")


def test_fetching_a_token_does_not_block_the_event_loop(
    paused: PausedGoogle, credentials: Credentials, api: str
) -> None:
    assert asyncio.run(paused.during(ask_async(credentials, api, "a"))) == ["a"]


def test_a_background_refresh_does_not_delay_a_request(credentials: Credentials, google: Emulator, api: str) -> None:
    """The token is in its advisory window, and Google answers only after the request."""
    google.token_lifetime = 120
    credentials.get_token()
    google.fail("/v1/token", Fault(503, times=None))
    assert asyncio.run(ask_async(credentials, api, "a")) == ["a"]
