"""Adapter for polars: `CredentialProvider`, for `credential_provider=` of `scan_*`, `read_*`, `write_*` and `sink_*` on `gs://…`.

https://docs.pola.rs/user-guide/io/cloud-storage/
"""

from __future__ import annotations

import time

from google_auth_botocore import Credentials
from google_auth_botocore.adapters._arguments import checked
from google_auth_botocore.adapters._extras import requires

with requires("polars"):
    import polars as pl

# Seconds. polars would use a token until the second of its expiry. Report an earlier expiry, because a request takes time.
_EARLY = 300
# Seconds for which polars keeps a token that expires sooner than that, while a background refresh runs. If a token is
# valid for less than 7 s, polars sleeps.
_SHORT = 15


class CredentialProvider(pl.CredentialProvider):
    """Gives polars a valid token, and the time until which to keep it.

    It can be pickled, because polars sends queries to other processes. The pickle contains the configuration of the
    credentials, but no token.

    Args:
        credentials: The credentials to get tokens from.
    """

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = checked(credentials)

    def __call__(self) -> tuple[dict[str, str], int | None]:
        """Return the token, and the time until which to keep it in seconds since the epoch.

        Raises:
            FederationError: No token could be obtained.
        """
        value, expiry = self._credentials.get_token()
        expires = int(expiry.timestamp())
        return {"bearer_token": value}, max(expires - _EARLY, min(expires, int(time.time()) + _SHORT))

    def __repr__(self) -> str:
        return f"CredentialProvider({self._credentials!r})"
