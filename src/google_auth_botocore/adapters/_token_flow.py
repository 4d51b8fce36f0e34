"""The authentication of httpx's and httpx2's clients. Both libraries have the same interface, but only accept their own `Auth`."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, MutableMapping
from typing import ClassVar, Generic, Protocol, TypeVar

import anyio.to_thread

from google_auth_botocore import Credentials, IDTokenCredentials
from google_auth_botocore.adapters._arguments import checked


class _Request(Protocol):
    @property
    def method(self) -> str: ...
    @property
    def url(self) -> object: ...
    @property
    def headers(self) -> MutableMapping[str, str]: ...
    @property
    def stream(self) -> object: ...


class _Response(Protocol):
    @property
    def status_code(self) -> int: ...


RequestT = TypeVar("RequestT", bound=_Request)
ResponseT = TypeVar("ResponseT", bound=_Response)


class TokenFlow(Generic[RequestT, ResponseT]):
    """The methods that a client calls. `Auth` of each adapter adds the base class that its library requires.

    Args:
        credentials: The credentials to get tokens from.
    """

    # The library's class of bodies that can be sent twice.
    _in_memory: ClassVar[type]

    def __init__(self, credentials: Credentials | IDTokenCredentials) -> None:
        self._credentials = checked(credentials)

    def sync_auth_flow(self, request: RequestT) -> Generator[RequestT, ResponseT, None]:
        """Authenticate a request of `Client`."""
        self._authorize(request)
        rejected = request.headers.get("authorization")
        response = yield request
        if self._can_be_sent_again(request, response):
            self._refresh(request, rejected)
            yield request

    async def async_auth_flow(self, request: RequestT) -> AsyncGenerator[RequestT, ResponseT]:
        """Authenticate a request of `AsyncClient`. Fetching a token does not block the event loop."""
        if self._credentials.valid:
            self._authorize(request)
        else:
            await anyio.to_thread.run_sync(self._authorize, request, abandon_on_cancel=True)
        rejected = request.headers.get("authorization")
        response = yield request
        if self._can_be_sent_again(request, response):
            await anyio.to_thread.run_sync(self._refresh, request, rejected, abandon_on_cancel=True)
            yield request

    def _authorize(self, request: RequestT) -> None:
        self._credentials.before_request(None, request.method, str(request.url), request.headers)

    def _refresh(self, request: RequestT, rejected: str | None) -> None:
        self._authorize(request)
        # If the token differs from the rejected one, another request has already fetched a new token.
        if request.headers.get("authorization") == rejected:
            self._credentials.refresh(None)
            self._authorize(request)

    def _can_be_sent_again(self, request: RequestT, response: ResponseT) -> bool:
        return response.status_code == 401 and isinstance(request.stream, self._in_memory)
