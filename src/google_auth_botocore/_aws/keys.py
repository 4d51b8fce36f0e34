"""Read the keys of botocore's credentials objects: one set of one moment, validated before it is used."""

from __future__ import annotations

import re
from typing import Any

import botocore.credentials
from botocore.credentials import ReadOnlyCredentials

from google_auth_botocore._aws import errors, session


class ValidatedCredentials:
    """Credentials that botocore signs with, and whose keys are validated whenever they are read."""

    def __init__(self, credentials: Any) -> None:
        self._credentials = credentials

    def get_frozen_credentials(self) -> ReadOnlyCredentials:
        return validated(self._credentials)


def validated(credentials: Any) -> ReadOnlyCredentials:
    """Return the access key, secret key and session token of one moment, checked for mistakes."""
    keys = _frozen(credentials)
    if not keys.access_key or not keys.secret_key:
        raise errors.SourceError(
            f"The AWS keys from {session.method(credentials)} are half a set: the "
            f"{'secret access key' if keys.access_key else 'access key id'} is missing.",
            "PartialCredentialsError",
            provider=session.method(credentials),
        )
    names = ("access key id", "secret access key", "session token")
    for name, value in zip(names, keys, strict=False):
        odd = re.search("[^!-~]", value or "") or re.fullmatch(r"([\"']).*\1", value or "")
        if odd:
            what = "white space" if odd[0].isspace() else "a letter that no key has"
            raise errors.SourceError(
                f"The AWS {name} from {session.method(credentials)} contains {what}.",
                "InvalidCredentials",
                provider=session.method(credentials),
            )
    return keys


def _frozen(credentials: Any) -> ReadOnlyCredentials:
    """Return the access key, secret key and session token of one moment."""
    try:
        return credentials.get_frozen_credentials()  # type: ignore[no-any-return]
    except RuntimeError:
        # The keys have just been refreshed and have expired by the local clock, which may be hours off. AWS decides
        # whether they are valid. botocore has no public way to read keys that it considers expired.
        keys = getattr(credentials, "_frozen_credentials", None)
        if keys is None:
            raise
        return keys  # type: ignore[no-any-return]


def refresh_needed(credentials: Any) -> bool:
    """Return whether reading the keys would request new ones from their source first."""
    refreshable = isinstance(credentials, botocore.credentials.RefreshableCredentials)
    return refreshable and bool(credentials.refresh_needed())
