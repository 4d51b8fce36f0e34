"""Adapter for openai: token providers, for `openai.OpenAI(api_key=…)` and `openai.AsyncOpenAI(api_key=…)`.

They serve every API that is compatible with OpenAI's and accepts Google's tokens, such as Vertex AI, and every library that
passes such a callable on or accepts an openai client.

https://docs.cloud.google.com/vertex-ai/generative-ai/docs/migrate/openai/auth-and-credentials
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from google_auth_botocore import Credentials, IDTokenCredentials
from google_auth_botocore.adapters._arguments import checked
from google_auth_botocore.adapters._extras import requires

with requires("openai"):
    import anyio.to_thread  # openai requires anyio, and also runs on trio


def get_bearer_token_provider(credentials: Credentials | IDTokenCredentials) -> Callable[[], str]:
    """Return a function that returns a valid token, for `OpenAI(api_key=…)`, which calls it before each attempt.

    Args:
        credentials: The credentials to get tokens from. Use IDTokenCredentials for a server on Cloud Run. The function
            raises FederationError if no token can be obtained.
    """
    get_token = checked(credentials).get_token

    def provide() -> str:
        return get_token().value

    return provide


def get_async_bearer_token_provider(credentials: Credentials | IDTokenCredentials) -> Callable[[], Awaitable[str]]:
    """Return the same as a coroutine function, for `AsyncOpenAI(api_key=…)`. Fetching a token does not block the event loop.

    Args:
        credentials: The credentials to get tokens from, as for `get_bearer_token_provider`.
    """
    provide = get_bearer_token_provider(credentials)

    async def provide_async() -> str:
        if credentials.valid:
            return provide()
        return await anyio.to_thread.run_sync(provide, abandon_on_cancel=True)

    return provide_async
