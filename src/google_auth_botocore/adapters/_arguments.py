"""The check of the credentials that an adapter gets."""

from __future__ import annotations

from typing import TypeVar

from google_auth_botocore import ConfigurationError

_T = TypeVar("_T")


def checked(credentials: _T) -> _T:
    """Return the credentials, if they have the methods of this package's.

    google-auth's own credentials, which `default()` returns on a laptop, lack `get_token`. Without the check, the library would
    report this with the first request.

    Raises:
        ConfigurationError: They are another object.
    """
    if isinstance(credentials, type) or not hasattr(credentials, "get_token"):
        kind = credentials if isinstance(credentials, type) else type(credentials)
        what = "the class" if kind is credentials else "an object of the type"
        raise ConfigurationError(
            f"credentials must be an object of google_auth_botocore.Credentials or IDTokenCredentials, not {what} "
            f"{kind.__module__}.{kind.__qualname__}. Create one with Credentials(AUDIENCE) or Credentials.from_file(PATH).",
            failure="argument-of-wrong-type",
        )
    return credentials
