"""Adapter for httpx: `Auth`, for `httpx.Client(auth=…)` and `httpx.AsyncClient(auth=…)`.

https://www.python-httpx.org/advanced/authentication/
"""

from __future__ import annotations

from google_auth_botocore.adapters._extras import requires

with requires("httpx"):
    import httpx

    from google_auth_botocore.adapters._token_flow import TokenFlow


class Auth(TokenFlow[httpx.Request, httpx.Response], httpx.Auth):
    """Adds a valid token to each request, and the quota project if there is one.

    A request that is answered with 401 is sent again once with a new token, unless its body is a stream, which cannot be
    sent twice. A request raises FederationError if no token can be obtained.

    Args:
        credentials: The credentials to get tokens from. Use IDTokenCredentials for services such as Cloud Run.
    """

    _in_memory = httpx.ByteStream
