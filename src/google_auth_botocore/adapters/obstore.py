"""obstore: providers for `GCSStore(credential_provider=…)`.

https://developmentseed.org/obstore/latest/authentication/
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from google_auth_botocore import Credentials

if TYPE_CHECKING:
    from obstore.store import GCSCredential


class CredentialProvider:
    """Gives obstore a token that lives, and its end, as an aware datetime in UTC.

    obstore keeps the token and asks again for each request in its last four minutes. The refresh in the background
    that the first of these starts has long brought a new one when the token ends.

    Args:
        credentials: Whose tokens they are.
    """

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    def __call__(self) -> GCSCredential:
        """The token.

        Raises:
            FederationError: There is none; obstore makes it the text of an UnauthenticatedError.
        """
        value, expiry = self._credentials.get_token()
        return {"token": value, "expires_at": expiry}


class AsyncCredentialProvider:
    """The same for obstore's async methods: the event loop goes on while a token is fetched.

    Args:
        credentials: Whose tokens they are.
    """

    def __init__(self, credentials: Credentials) -> None:
        self._provide = CredentialProvider(credentials)

    async def __call__(self) -> GCSCredential:
        """As `CredentialProvider`."""
        return await asyncio.to_thread(self._provide)
