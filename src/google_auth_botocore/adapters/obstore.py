"""Adapter for obstore: credential providers for `GCSStore(credential_provider=…)`.

https://developmentseed.org/obstore/latest/authentication/
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from google_auth_botocore import Credentials
from google_auth_botocore.adapters._arguments import checked

if TYPE_CHECKING:
    from obstore.store import GCSCredential


class CredentialProvider:
    """Gives obstore a valid token and its expiry.

    obstore caches the token. In its last four minutes, obstore calls the provider for each request. The first of these
    calls starts a background refresh, which normally finishes well before the token expires.

    Args:
        credentials: The credentials to get tokens from.
    """

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = checked(credentials)

    def __call__(self) -> GCSCredential:
        """Return the token and its expiry, an aware datetime in UTC.

        Raises:
            FederationError: No token could be obtained. obstore raises UnauthenticatedError with the message.
        """
        value, expiry = self._credentials.get_token()
        return {"token": value, "expires_at": expiry}


class AsyncCredentialProvider:
    """Gives obstore's async methods a valid token and its expiry. Fetching a token does not block the event loop.

    Args:
        credentials: The credentials to get tokens from.
    """

    def __init__(self, credentials: Credentials) -> None:
        self._provider = CredentialProvider(credentials)

    async def __call__(self) -> GCSCredential:
        """Return the token and its expiry, like `CredentialProvider`."""
        return await asyncio.to_thread(self._provider)
