"""google.auth.aio: credentials for what takes `google.auth.aio.credentials.Credentials` alone.

The `rest_asyncio` transports of Google's clients and `AsyncAuthorizedSession` did so until google-auth took
synchronous ones there, and aiplatform's `_set_async_rest_credentials` still does.

https://googleapis.dev/python/google-auth/latest/reference/google.auth.aio.credentials.html
"""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping

from google.auth.aio import credentials as aio_credentials

from google_auth_botocore import Credentials as SyncCredentials
from google_auth_botocore import IDTokenCredentials


class Credentials(aio_credentials.Credentials):
    """Asynchronous credentials with the tokens of synchronous ones: the event loop goes on while one is fetched.

    Args:
        credentials: Whose tokens they are.
    """

    def __init__(self, credentials: SyncCredentials | IDTokenCredentials) -> None:
        self._credentials = credentials  # without the base class's __init__, which would set `token`

    @property
    def token(self) -> str | None:  # type: ignore[override]
        """The token in hand, None before the first."""
        return self._credentials.token

    async def apply(self, headers: MutableMapping[str, str], token: str | None = None) -> None:
        """As `google_auth_botocore.Credentials.apply`."""
        self._credentials.apply(headers, token)

    async def refresh(self, request: object) -> None:  # noqa: ARG002 - an asynchronous transport is of no use here
        """Brings a new token.

        Raises:
            FederationError: None could be had.
        """
        await asyncio.to_thread(self._credentials.refresh, None)

    async def before_request(
        self,
        request: object,  # noqa: ARG002 - as above
        method: str,
        url: str,
        headers: MutableMapping[str, str],
    ) -> None:
        """Puts a token that lives into the headers.

        Raises:
            FederationError: There is no token, and none could be had.
        """
        if self._credentials.valid:
            self._credentials.before_request(None, method, url, headers)
        else:
            await asyncio.to_thread(self._credentials.before_request, None, method, url, headers)
