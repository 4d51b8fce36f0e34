"""Check that google-auth calls the method that `install` replaces, and returns what it returns."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, NoReturn

import google.auth
from google.auth import credentials as google_credentials

from google_auth_botocore import _settings
from google_auth_botocore._version import __version__
from google_auth_botocore.exceptions import ConfigurationError

# No file can contain this object.
_PROBE = object()


def is_probe(info: object) -> bool:
    """Return whether `check` created a configuration."""
    return isinstance(info, Mapping) and info.get("probe") is _PROBE


class Probe(google_credentials.Credentials):
    """What the hook returns for the configuration of `check`."""

    def refresh(self, request: object) -> NoReturn:
        raise NotImplementedError

    def get_project_id(self, request: object) -> str:  # noqa: ARG002 - google-auth's signature
        """Return a constant."""
        return "probe"


def check() -> None:
    """Check that google-auth returns what the hook returns.

    Raises:
        ConfigurationError: It does not.
    """
    info = {"type": "external_account", "subject_token_type": _settings.AWS4_REQUEST, "probe": _PROBE}
    found: Any = None
    reason = ""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # google-auth advises against loading files of any type
            found = google.auth.load_credentials_from_dict(info, request=_PROBE)
    except Exception as error:  # noqa: BLE001 - any error means the same
        reason = f" ({type(error).__name__}: {error})"
    if not (isinstance(found, tuple) and len(found) == 2 and isinstance(found[0], Probe) and found[1] == "probe"):
        reject(
            f"google.auth.load_credentials_from_dict does not use google.auth.aws.Credentials.from_info as expected{reason}"
        )


def reject(seen: str) -> NoReturn:
    """Raise the error for a version of google-auth that `install` does not support.

    Args:
        seen: What is different.

    Raises:
        ConfigurationError: Always.
    """
    version = getattr(google.auth, "__version__", "(unknown version)")
    raise ConfigurationError(
        f"install() of google-auth-botocore {__version__} does not support google-auth {version}: {seen}. "
        "Install another version of google-auth or of google-auth-botocore, or pass Credentials to the library.",
        failure="google-auth-not-supported",
    )
