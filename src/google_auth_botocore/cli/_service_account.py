"""What the e-mail address of a service account says.

https://cloud.google.com/iam/docs/service-account-types#types
"""

from __future__ import annotations

import re

_USUAL = re.compile(r"[^@]+@(?P<project>[^@]+)\.iam\.gserviceaccount\.com")
_APP_ENGINE = re.compile(r"(?P<project>[^@]+)@appspot\.gserviceaccount\.com")
_COMPUTE_ENGINE = re.compile(r"(?P<project>[0-9]+)-compute@developer\.gserviceaccount\.com")


def project_of(email: str) -> str | None:
    """The project that a service account is in: its id, or its number where the address has that alone.

    A project in a domain has `my-project.example.com` in the address, and the id `example.com:my-project`.

    Returns:
        None: the address does not say, or it is a unique id.
    """
    match = _USUAL.fullmatch(email) or _APP_ENGINE.fullmatch(email) or _COMPUTE_ENGINE.fullmatch(email)
    if match is None:
        return None
    name, _, domain = match["project"].partition(".")
    return f"{domain}:{name}" if domain else name
