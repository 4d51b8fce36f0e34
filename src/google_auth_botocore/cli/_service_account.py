"""Read the project from the e-mail address of a service account.

https://cloud.google.com/iam/docs/service-account-types#types
"""

from __future__ import annotations

import re

_USER_MANAGED = re.compile(r"[^@]+@(?P<project>[^@]+)\.iam\.gserviceaccount\.com")
_APP_ENGINE = re.compile(r"(?P<project>[^@]+)@appspot\.gserviceaccount\.com")
_COMPUTE_ENGINE = re.compile(r"(?P<project>[0-9]+)-compute@developer\.gserviceaccount\.com")


def project_of(email: str) -> str | None:
    """Return the project of a service account.

    A domain-scoped project with the id `example.com:my-project` appears in the address as `my-project.example.com`.

    Returns:
        The project id, or the project number if the address contains only that. None if *email* contains neither, or is
        a unique id.
    """
    match = _USER_MANAGED.fullmatch(email) or _APP_ENGINE.fullmatch(email) or _COMPUTE_ENGINE.fullmatch(email)
    if match is None:
        return None
    name, _, domain = match["project"].partition(".")
    return f"{domain}:{name}" if domain else name
