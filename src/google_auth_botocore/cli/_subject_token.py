"""The proof of identity that credentials would send to Google, without sending it."""

from __future__ import annotations

import base64
import contextlib
import json
from typing import Any, NoReturn
from urllib.parse import parse_qs

from google_auth_botocore import Credentials

# The type of the second form, AWS's own JWT.
JWT = "urn:ietf:params:oauth:token-type:jwt"


class _Caught(Exception):  # noqa: N818 - nothing has failed
    """The request that would have sent the proof; nothing that credentials know, so they let it through."""


def subject_token(credentials: Credentials) -> str:
    """Return what the Security Token Service would get: a signed request, quoted, or AWS's JWT.

    Raises:
        FederationError: The AWS side failed.
    """
    sent: list[str] = []

    def catch(*, body: bytes, **_: Any) -> NoReturn:
        sent.append(body.decode())
        raise _Caught

    with contextlib.suppress(_Caught):
        credentials.refresh(catch)
    # It is the first thing that credentials without a token send.
    return parse_qs(sent[0])["subject_token"][0]


def claims(jwt: str) -> dict[str, Any]:
    """What a JWT says, unverified: it comes from its issuer."""
    payload = jwt.split(".")[1]
    found = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return found if isinstance(found, dict) else {}
