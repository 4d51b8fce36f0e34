"""OAuth scopes that Google does not know.

What is known: oauth2.googleapis.com rejects an unknown scope with `invalid_scope`. What is assumed: the Security Token
Service (with `invalid_scope`) and the IAM Credentials API (with INVALID_ARGUMENT) reject it, too. Google's list of scopes
changes, so the emulator checks only the form of a scope: https://developers.google.com/identity/protocols/oauth2/scopes
"""

from __future__ import annotations

import re
from collections.abc import Iterable

# That the Security Token Service uses this wording is assumed.
UNKNOWN_SCOPES = "Some requested scopes were invalid. {{invalid=[{scopes}]}}"

_SCOPE = re.compile(
    r"https://www\.googleapis\.com/auth/[a-z0-9][a-z0-9._/-]*"
    r"|openid|email|profile|https://mail\.google\.com/?|https://www\.google\.com/(m8/feeds|calendar/feeds)/?"
)


def unknown(scopes: Iterable[str]) -> list[str]:
    """Return the scopes that Google does not know."""
    return [scope for scope in scopes if not _SCOPE.fullmatch(scope)]
