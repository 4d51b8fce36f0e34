"""httpx: an `Auth` for `httpx.Client(auth=…)` and `httpx.AsyncClient(auth=…)`.

https://www.python-httpx.org/advanced/authentication/
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator

import anyio.to_thread
import httpx

from google_auth_botocore import Credentials, IDTokenCredentials


class Auth(httpx.Auth):
    """Puts a token that lives into each request, and a quota project where there is one.

    A request that is refused with 401 is sent once more with a new token, unless its body is a stream, which can't be.
    It raises FederationError where no token can be had.

    Args:
        credentials: Credentials, or IDTokenCredentials for Cloud Run and the like.
    """

    def __init__(self, credentials: Credentials | IDTokenCredentials) -> None:
        self._credentials = credentials

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """For `httpx.Client`."""
        self._authorize(request)
        refused = request.headers.get("authorization")
        response = yield request
        if _can_be_sent_again(request, response):
            self._renew(request, refused)
            yield request

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """For `httpx.AsyncClient`: the event loop goes on while a token is fetched."""
        if self._credentials.valid:
            self._authorize(request)
        else:
            await anyio.to_thread.run_sync(self._authorize, request, abandon_on_cancel=True)
        refused = request.headers.get("authorization")
        response = yield request
        if _can_be_sent_again(request, response):
            await anyio.to_thread.run_sync(self._renew, request, refused, abandon_on_cancel=True)
            yield request

    def _authorize(self, request: httpx.Request) -> None:
        self._credentials.before_request(None, request.method, str(request.url), request.headers)

    def _renew(self, request: httpx.Request, refused: str | None) -> None:
        self._authorize(request)
        if request.headers.get("authorization") == refused:  # else another request has brought a new one
            self._credentials.refresh(None)
            self._authorize(request)


def _can_be_sent_again(request: httpx.Request, response: httpx.Response) -> bool:
    return response.status_code == httpx.codes.UNAUTHORIZED and isinstance(request.stream, httpx.ByteStream)
