"""Subject tokens that are JWTs."""

from __future__ import annotations

import base64
import json
from typing import Any

# The type of a subject token that is a JWT from AWS.
JWT = "urn:ietf:params:oauth:token-type:jwt"


def claims(jwt: str) -> dict[str, Any]:
    """Return the claims of a JWT. The signature is not verified, because the JWT comes directly from its issuer."""
    payload = jwt.split(".")[1]
    found = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return found if isinstance(found, dict) else {}
