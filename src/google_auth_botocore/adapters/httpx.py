"""Adapter for httpx: `Auth`, for `httpx.Client(auth=…)` and `httpx.AsyncClient(auth=…)`.

https://www.python-httpx.org/advanced/authentication/
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator

import anyio.to_thread
import httpx

from google_auth_botocore import Credentials, IDTokenCredentials


class Auth(httpx.Auth):
    """Adds a valid token to each request, and the quota project if there is one.

    A request that is answered with 401 is sent again once with a new token, unless its body is a stream, which cannot be
    sent twice. A request raises FederationError if no token can be obtained.

    Args:
        credentials: The credentials to get tokens from. Use IDTokenCredentials for services such as Cloud Run.
    """

    def __init__(self, credentials: Credentials | IDTokenCredentials) -> None:
        self._credentials = credentials

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Authenticate a request of `httpx.Client`."""
        self._authorize(request)
        rejected = request.headers.get("authorization")
        response = yield request
        if _can_be_sent_again(request, response):
            self._refresh(request, rejected)
            yield request

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """Authenticate a request of `httpx.AsyncClient`. Fetching a token does not block the event loop."""
        if self._credentials.valid:
            self._authorize(request)
        else:
            await anyio.to_thread.run_sync(self._authorize, request, abandon_on_cancel=True)
        rejected = request.headers.get("authorization")
        response = yield request
        if _can_be_sent_again(request, response):
            await anyio.to_thread.run_sync(self._refresh, request, rejected, abandon_on_cancel=True)
            yield request

    def _authorize(self, request: httpx.Request) -> None:
        self._credentials.before_request(None, request.method, str(request.url), request.headers)

    def _refresh(self, request: httpx.Request, rejected: str | None) -> None:
        self._authorize(request)
        if (
            request.headers.get("authorization") == rejected
        ):  # otherwise another request has already fetched a new token
            self._credentials.refresh(None)
            self._authorize(request)


def _can_be_sent_again(request: httpx.Request, response: httpx.Response) -> bool:
    return response.status_code == httpx.codes.UNAUTHORIZED and isinstance(request.stream, httpx.ByteStream)
