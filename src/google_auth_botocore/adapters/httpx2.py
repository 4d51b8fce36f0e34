"""Adapter for httpx2: `Auth`, for `httpx2.Client(auth=…)` and `httpx2.AsyncClient(auth=…)`.

httpx2 is the successor of httpx. OpenAI's, Anthropic's, Hugging Face's and MCP's clients use it, and accept your own httpx2 client.

https://github.com/pydantic/httpx2
"""

from __future__ import annotations

from google_auth_botocore.adapters._extras import requires

with requires("httpx2"):
    import httpx2

    from google_auth_botocore.adapters._token_flow import TokenFlow


class Auth(TokenFlow[httpx2.Request, httpx2.Response], httpx2.Auth):
    """Adds a valid token to each request, and the quota project if there is one.

    A request that is answered with 401 is sent again once with a new token, unless its body is a stream, which cannot be
    sent twice. A request raises FederationError if no token can be obtained.

    Args:
        credentials: The credentials to get tokens from. Use IDTokenCredentials for services such as Cloud Run.
    """

    _in_memory = httpx2.ByteStream
