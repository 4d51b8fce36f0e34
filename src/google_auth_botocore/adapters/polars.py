"""polars: a provider for `credential_provider=` of `scan_*`, `read_*`, `write_*` and `sink_*` on `gs://…`.

https://docs.pola.rs/user-guide/io/cloud-storage/
"""

from __future__ import annotations

import time

import polars as pl

from google_auth_botocore import Credentials

# polars uses a token to the second that it is told, so it is told an earlier one: a request takes its time, too.
_SLACK = 300
# How long it keeps a token that ends sooner than that: a refresh runs in the background. Below 7 s polars would sleep.
_SHORTLY = 15


class CredentialProvider(pl.CredentialProvider):
    """Gives polars a token that lives, and until when to keep it, in seconds since the epoch.

    It can be pickled with its credentials, and has then no token: polars ships queries to other processes.

    Args:
        credentials: Whose tokens they are.
    """

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    def __call__(self) -> tuple[dict[str, str], int | None]:
        """The token.

        Raises:
            FederationError: There is none.
        """
        value, expiry = self._credentials.get_token()
        ends = int(expiry.timestamp())
        return {"bearer_token": value}, max(ends - _SLACK, min(ends, int(time.time()) + _SHORTLY))

    def __repr__(self) -> str:
        return f"CredentialProvider({self._credentials!r})"
