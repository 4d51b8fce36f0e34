"""The proof of identity that credentials would send to Google, without sending it."""

from __future__ import annotations

import base64
import json
from typing import Any, NoReturn
from urllib.parse import parse_qs

from google_auth_botocore import Credentials, FederationError

# The type of the second form, AWS's own JWT.
JWT = "urn:ietf:params:oauth:token-type:jwt"


def subject_token(credentials: Credentials) -> str:
    """What the Security Token Service would be shown: a signed request, quoted, or AWS's JWT.

    Raises:
        FederationError: The AWS side gives none.
    """
    sent: list[str] = []

    def catch(*, body: bytes, **_: Any) -> NoReturn:
        sent.append(body.decode())
        raise RuntimeError("caught on its way")

    try:
        credentials.refresh(catch)
    except FederationError:
        if not sent:
            raise
    # It is the first thing that credentials without a token send.
    return parse_qs(sent[0])["subject_token"][0]


def claims(jwt: str) -> dict[str, Any]:
    """What a JWT says, unverified: it comes from its issuer."""
    payload = jwt.split(".")[1]
    found = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return found if isinstance(found, dict) else {}
