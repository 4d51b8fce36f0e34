"""gcloud-aio: a `Token` for `gcloud.aio.storage.Storage(token=…)` and the other gcloud-aio clients.

https://talkiq.github.io/gcloud-aio/autoapi/auth/
"""

from __future__ import annotations

import asyncio
import io
from datetime import datetime, timezone

from gcloud.aio import auth
from gcloud.aio.auth.token import TokenResponse

from google_auth_botocore import Credentials


class Token(auth.Token):
    """A gcloud-aio token that comes from credentials.

    gcloud-aio asks for another at half of what is left of its life, and waits for that at 95 %.

    Args:
        credentials: Whose tokens they are.
    """

    def __init__(self, credentials: Credentials) -> None:
        # An empty file: else it reads, and may fail over, the one that GOOGLE_APPLICATION_CREDENTIALS names.
        super().__init__(service_file=io.StringIO("{}"))
        self._credentials = credentials

    async def refresh(self, *, timeout: int) -> TokenResponse:  # noqa: ARG002 - gcloud-aio's signature
        """A token that lives, and the seconds that it still has.

        Raises:
            FederationError: There is none. gcloud-aio tries five times before it says so.
        """
        value, expiry = await asyncio.to_thread(self._credentials.get_token)
        return TokenResponse(value=value, expires_in=int((expiry - datetime.now(timezone.utc)).total_seconds()))

    async def get_project(self) -> str | None:
        """The project of the credentials. gcloud-aio would ask the metadata server of a Google machine."""
        return getattr(self._credentials, "project_id", None)
