"""Describe the versions and the settings of the environment that take part in a token flow, without secrets."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from importlib import metadata

from google_auth_botocore import __version__
from google_auth_botocore._redaction import shown

_PACKAGES = ("google-auth", "botocore", "requests", "urllib3")
# Variables whose values are names, hosts or paths. Of the others, only the name is printed.
_PUBLIC = {
    "AWS_CONFIG_FILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_DEFAULT_REGION",
    "AWS_EC2_METADATA_DISABLED",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT",
    "AWS_PROFILE",
    "AWS_REGION",
    "AWS_ROLE_ARN",
    "AWS_SHARED_CREDENTIALS_FILE",
    "CURL_CA_BUNDLE",
    "GOOGLE_APPLICATION_CREDENTIALS",
    "GOOGLE_CLOUD_PROJECT",
    "GOOGLE_CLOUD_QUOTA_PROJECT",
    "NO_PROXY",
    "REQUESTS_CA_BUNDLE",
    "SSL_CERT_FILE",
}
_PREFIXES = ("AWS_", "GOOGLE_", "CLOUDSDK_")
_SUFFIXES = ("_PROXY", "_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")


def lines() -> Iterator[str]:
    """Yield the versions, and the variables that are set. A value is printed only if it cannot be a secret."""
    versions = ", ".join(f"{name} {_version(name)}" for name in _PACKAGES)
    yield f"google-auth-botocore {__version__}, Python {platform.python_version()} on {platform.system()}, {versions}"
    for name, value in sorted(os.environ.items()):
        upper = name.upper()
        if upper.startswith(_PREFIXES) or upper.endswith(_SUFFIXES):
            yield f"{shown(name)}: {_described(upper, value)}"


def _described(name: str, value: str) -> str:
    if not value.strip():
        return "set, but empty"
    return shown(value) if name in _PUBLIC else "set"


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:  # in a bundle
        return "of unknown version"
