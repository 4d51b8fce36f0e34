"""Adapter for google.auth.aio: `Credentials`, for code that only accepts `google.auth.aio.credentials.Credentials`.

With older releases of google-auth, this is required for `AsyncAuthorizedSession` and the `rest_asyncio` transports of
Google's clients. Newer releases accept synchronous credentials there. `_set_async_rest_credentials` of aiplatform still
requires it.

https://googleapis.dev/python/google-auth/latest/reference/google.auth.aio.credentials.html
"""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping

from google.auth.aio import credentials as aio_credentials

from google_auth_botocore import Credentials as SyncCredentials
from google_auth_botocore import IDTokenCredentials
from google_auth_botocore.adapters._arguments import checked


class Credentials(aio_credentials.Credentials):
    """Asynchronous credentials that use synchronous ones. Fetching a token does not block the event loop.

    Args:
        credentials: The credentials to get tokens from.
    """

    def __init__(self, credentials: SyncCredentials | IDTokenCredentials) -> None:
        self._credentials = checked(credentials)  # the base class's __init__ is not called: it sets `token`

    @property
    def token(self) -> str | None:  # type: ignore[override]
        """The current token, or None if none was fetched yet."""
        return self._credentials.token

    async def apply(self, headers: MutableMapping[str, str], token: str | None = None) -> None:
        """Add the token to the headers, like `google_auth_botocore.Credentials.apply`."""
        self._credentials.apply(headers, token)

    async def refresh(self, request: object) -> None:  # noqa: ARG002 - synchronous credentials cannot use an asynchronous transport
        """Fetch a new token.

        Raises:
            FederationError: No token could be obtained.
        """
        await asyncio.to_thread(self._credentials.refresh, None)

    async def before_request(
        self,
        request: object,  # noqa: ARG002 - as above
        method: str,
        url: str,
        headers: MutableMapping[str, str],
    ) -> None:
        """Add a valid token to the headers.

        Raises:
            FederationError: There is no valid token, and none could be obtained.
        """
        if self._credentials.valid:
            self._credentials.before_request(None, method, url, headers)
        else:
            await asyncio.to_thread(self._credentials.before_request, None, method, url, headers)
