"""Adapter for polars: `CredentialProvider`, for `credential_provider=` of `scan_*`, `read_*`, `write_*` and `sink_*` on `gs://…`.

https://docs.pola.rs/user-guide/io/cloud-storage/
"""

from __future__ import annotations

import time

import polars as pl

from google_auth_botocore import Credentials

# In seconds. polars uses a token until the second of its expiry. It gets an earlier expiry, because a request takes time.
_EARLY = 300
# Seconds to keep a token that expires sooner than that, while the background refresh runs. Below 7 s, polars would sleep.
_SHORT = 15


class CredentialProvider(pl.CredentialProvider):
    """Gives polars a valid token, and the time until which to keep it.

    It can be pickled, because polars sends queries to other processes. The pickle contains the configuration of the
    credentials, but no token.

    Args:
        credentials: The credentials to get tokens from.
    """

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

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
