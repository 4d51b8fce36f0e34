"""aiohttp's client middleware: https://docs.aiohttp.org/en/stable/client_middleware_cookbook.html"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import aiohttp
import pytest
from adapters.token_checking_servers import Reply, Sent, TokenChecker

from consumers.recipes.readme import execute
from google_auth_botocore import Credentials
from google_auth_botocore.emulator.sandbox import Sandbox


@pytest.fixture(name="elsewhere")
def _elsewhere(sandbox: Sandbox) -> Iterator[tuple[TokenChecker, str]]:
    """Another server, which must not receive a token."""
    checker = TokenChecker(sandbox.google)
    with checker.serve(lambda _: Reply(b"")) as url:
        yield checker, url


def test_recipe(credentials: Credentials, checker: TokenChecker) -> None:
    with checker.serve(lambda sent: Reply(sent.path.encode())) as url:
        recipe = execute("aiohttp", credentials, {"https://storage.googleapis.com": url})
        assert [asyncio.run(recipe.read("my-bucket/x")) for _ in range(2)] == [b"/my-bucket/x"] * 2
        assert checker.tokens == [credentials.token] * 2


def test_a_redirect_to_another_server_contains_no_token(
    credentials: Credentials, checker: TokenChecker, elsewhere: tuple[TokenChecker, str]
) -> None:
    other, address = elsewhere

    def redirect(_: Sent) -> Reply:
        return Reply(b"", 302, {"Location": address})

    with checker.serve(redirect) as url:
        recipe = execute("aiohttp", credentials, {"https://storage.googleapis.com": url})
        with pytest.raises(aiohttp.ClientResponseError, match="401"):
            asyncio.run(recipe.read("x"))
    assert len(checker.tokens) == 1
    assert ["authorization" in sent.headers for sent in other.requests] == [False]
