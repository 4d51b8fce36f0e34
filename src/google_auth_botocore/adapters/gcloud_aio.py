"""Adapter for gcloud-aio: `Token`, for `gcloud.aio.storage.Storage(token=…)` and the other gcloud-aio clients.

https://talkiq.github.io/gcloud-aio/autoapi/auth/
"""

from __future__ import annotations

import asyncio
import io
from datetime import datetime, timezone

from google_auth_botocore import Credentials
from google_auth_botocore.adapters._arguments import checked
from google_auth_botocore.adapters._extras import requires

with requires("gcloud-aio-auth", extra="gcloud-aio"):
    from gcloud.aio import auth
    from gcloud.aio.auth.token import TokenResponse


class Token(auth.Token):
    """A gcloud-aio token whose values come from credentials.

    gcloud-aio calls `refresh` after half of the token's remaining lifetime. After 95 % of it, requests wait for the new
    token.

    Args:
        credentials: The credentials to get tokens from.
    """

    def __init__(self, credentials: Credentials) -> None:
        # Pass an empty file. Otherwise gcloud-aio reads the one that GOOGLE_APPLICATION_CREDENTIALS names, and may fail.
        super().__init__(service_file=io.StringIO("{}"))
        self._credentials = checked(credentials)

    async def refresh(self, *, timeout: int) -> TokenResponse:  # noqa: ARG002 - gcloud-aio's signature
        """Return a valid token and its remaining lifetime in seconds.

        Raises:
            FederationError: No token could be obtained. gcloud-aio tries five times before it reports the error.
        """
        value, expiry = await asyncio.to_thread(self._credentials.get_token)
        return TokenResponse(value=value, expires_in=int((expiry - datetime.now(timezone.utc)).total_seconds()))

    async def get_project(self) -> str | None:
        """Return the project of the credentials. Without this, gcloud-aio would call Google's metadata server."""
        return self._credentials.get_project_id()
