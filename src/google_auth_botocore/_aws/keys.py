"""Read the keys of botocore's credentials objects as one consistent set, and validate it before it is used."""

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from google_auth_botocore._aws import errors


class AwsKeys(NamedTuple):
    """Keys that belong together. Temporary keys have a session token."""

    access_key: str
    secret_key: str
    token: str | None

    def __repr__(self) -> str:
        return "AwsKeys(<hidden>)"


class KeysReader:
    """Credentials for botocore to sign with. A function returns their keys whenever botocore reads them.

    Args:
        read: Returns validated keys.
    """

    def __init__(self, read: Callable[[], AwsKeys]) -> None:
        self._read = read

    def get_frozen_credentials(self) -> AwsKeys:
        return self._read()


def validated(credentials: Any) -> AwsKeys:
    """Return the access key, secret key and session token, read together and checked for mistakes.

    Raises:
        SourceError: The set is incomplete, or a key contains a character that no key has.
    """
    try:
        keys = credentials.get_frozen_credentials()
    except RuntimeError:
        # The keys have just been refreshed, but have expired according to the local clock, which may be hours off. AWS decides
        # whether they are valid. botocore has no public way to read keys that it considers expired.
        keys = getattr(credentials, "_frozen_credentials", None)
        if keys is None:
            raise
    return checked(AwsKeys(keys.access_key, keys.secret_key, keys.token), method(credentials))


def checked(keys: AwsKeys, provider: str | None) -> AwsKeys:
    """Return keys, checked for mistakes.

    Args:
        keys: The keys.
        provider: The name of the provider that they came from.

    Raises:
        SourceError: See `validated`.
    """
    if not keys.access_key or not keys.secret_key:
        raise errors.SourceError(
            f"The AWS keys from {provider} are incomplete: the "
            f"{'secret access key' if keys.access_key else 'access key id'} is missing.",
            "PartialCredentialsError",
            provider=provider,
        )
    names = ("access key id", "secret access key", "session token")
    for name, value in zip(names, keys, strict=True):
        invalid = re.search("[^!-~]", value or "") or re.fullmatch(r"([\"']).*\1", value or "")
        if invalid:
            what = "white space" if invalid[0].isspace() else "a character that no key has"
            raise errors.SourceError(
                f"The AWS {name} from {provider} contains {what}.", "InvalidCredentials", provider=provider
            )
    return keys


def method(credentials: Any) -> str | None:
    """Return the name of the provider that the keys came from."""
    return getattr(credentials, "method", None)
