"""Google's hosts: which service a request to one of them is for, and the error for services that are not emulated."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

IDENTITY_SERVICES = ("cloudresourcemanager", "iam", "iamcredentials", "oauth2", "serviceusage", "sts", "www")
"""The services of googleapis.com that an `Emulator` serves. `www` publishes Google's keys."""
STORAGE = "storage"
"""The service that only Cloud Storage's emulator serves."""
TLS_NAMES = ("googleapis.com", "*.googleapis.com", "accounts.google.com")
"""The names of Google's hosts in the emulator's certificate."""

# Besides the plain host: mutual TLS, locational (`rep`) and Private Service Connect (`p`) endpoints.
_SERVICE = re.compile(
    r"(?:([a-z0-9]+)(?:\.mtls|\.[a-z0-9-]+\.rep)?|([a-z0-9]+)-[a-z0-9-]+\.p)\.googleapis\.com", re.ASCII
)
_BUCKET_HOST = re.compile(r".+\.storage\.googleapis\.com")
_GOOGLE = re.compile(r"(?:.+\.)?googleapis\.com|accounts\.google\.com|storage\.cloud\.google\.com")
# What www.googleapis.com serves, besides many other APIs.
_PUBLIC_KEYS = re.compile(r"/oauth2/|/service_accounts/")
_OLD_STORAGE = re.compile(r"/(?:(?:resumable/)?upload/|download/)?storage/v1/|/batch/storage/")


class NotEmulatedError(RuntimeError):
    """A request to one of Google's hosts that no active `intercept()` serves.

    It is not an OSError, because client libraries would repeat the request for minutes.
    """


def service_of(host: str, path: str) -> str:
    """Return the service of googleapis.com that a request is for, or else its host.

    Args:
        host: the host.
        path: the path; empty: unknown.
    """
    host = _normalized(host)
    if _BUCKET_HOST.fullmatch(host):
        return STORAGE
    match = _SERVICE.fullmatch(host)
    service = match and (match[1] or match[2])
    if service == "www" and path:
        if _OLD_STORAGE.match(path):
            return STORAGE
        return service if _PUBLIC_KEYS.match(path) else host
    return service or host


def host_header(host: str, url: str) -> str:
    """Return the Host header of a request.

    It is the host itself, which a signature covers. Without a signature, storage.googleapis.com replaces the other forms of Cloud
    Storage's endpoint, because the emulated Cloud Storage reads every other host as the name of a bucket.

    Args:
        host: the host in the application's URL.
        url: the URL or its path, with the query.
    """
    is_other_form = not _normalized(host).endswith("storage.googleapis.com")
    if is_other_form and service_of(host, urlsplit(url).path) == STORAGE and "signature=" not in url.lower():
        return "storage.googleapis.com"
    return host.rstrip(".")  # as urllib3 does


def is_google(host: str) -> bool:
    """Return whether a host is one of Google's APIs, authorization servers or object stores."""
    return _GOOGLE.fullmatch(_normalized(host)) is not None


def _normalized(host: str) -> str:
    return host.lower().rstrip(".")
