"""Check the replies of Google's servers before anything in them is used. A reply that cannot be used is an error."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NoReturn

from google_auth_botocore import _failures, _redaction
from google_auth_botocore._failures._facts import Facts
from google_auth_botocore._google.sender import Call, Reply
from google_auth_botocore._refresh.clock import LAST_SECOND
from google_auth_botocore._refresh.token import IssuedToken
from google_auth_botocore.exceptions import FederationError

# Seconds; thirty years. A longer lifetime is a mistake.
_LONGEST_LIFETIME = 1e9
_QUOTED_TOKEN = rf'"(?:{"|".join(_redaction.TOKEN_FIELDS)})"\s*:\s*"([^"]+)'
_TOKEN = re.compile(r"[!-~]+")
_AWS_REASON = r"AWS response of type (\w+)"
# AWS's messages about the date of a signature, and Google's about the date of an assertion.
_REJECTED_DATE = "Signature expired|Signature not yet current|short-lived token"
_RFC3339 = r"([0-9]{4}-[0-9][0-9]-[0-9][0-9])[Tt]([0-9][0-9]:[0-9][0-9]:[0-9][0-9])(?:\.[0-9]+)?([Zz]|[+-][0-9][0-9]:[0-9][0-9])"


@dataclass(eq=False)
class Answer:
    """The JSON object in a successful reply. Its methods read the fields and check them.

    Args:
        call: The request.
        document: The JSON object.
        reply: The reply.
    """

    call: Call
    document: Mapping[str, Any] = field(repr=False)
    reply: Reply

    def token(self, name: str) -> str:
        """Return the token in a field."""
        value = self.document.get(name)
        if not isinstance(value, str) or not _TOKEN.fullmatch(value):
            self._unusable(f"no token ('{name}')")
        return value

    def signature(self) -> bytes:
        """Return the signature of signBlob."""
        try:
            signature = base64.b64decode(self.document["signedBlob"], validate=True)
        except (KeyError, TypeError, ValueError, binascii.Error):
            signature = b""
        if not signature:
            self._unusable("no signature ('signedBlob')")
        return signature

    def oauth_token(self) -> IssuedToken:
        """Return the token of an OAuth token endpoint, which has a lifetime in seconds."""
        lifetime = self.document.get("expires_in")
        if isinstance(lifetime, str) and re.fullmatch(r"[0-9]{1,12}", lifetime):
            lifetime = int(lifetime)
        if isinstance(lifetime, bool) or not isinstance(lifetime, (int, float)) or not 0 < lifetime < _LONGEST_LIFETIME:
            self._unusable("no lifetime in seconds ('expires_in')")
        return IssuedToken(self.token("access_token"), float(lifetime), self.reply.requested_at)

    def access_token(self) -> IssuedToken:
        """Return the token of generateAccessToken, which has a time of expiry."""
        value = self.token("accessToken")
        expires_at = _seconds(self.document.get("expireTime"))
        if expires_at is None:
            self._unusable("no time of expiry ('expireTime')")
        # Both times are the server's, so that an error of the local clock does not change the lifetime.
        date = self.reply.date
        lifetime = expires_at - (self.reply.requested_at.wall if date is None else date)
        if not 0 < lifetime < _LONGEST_LIFETIME:
            self._unusable("a token that has already expired or never expires")
        return IssuedToken(value, lifetime, self.reply.requested_at)

    def id_token(self) -> IssuedToken:
        """Return the token of generateIdToken, which has its times in its claims."""
        value = self.token("token")
        claims = _claims(value)
        issued_at, expires_at = claims.get("iat"), claims.get("exp")
        # Compare the times before subtracting them: JSON allows NaN, and numbers that are too large for a float.
        if (
            not isinstance(issued_at, (int, float))
            or not isinstance(expires_at, (int, float))
            or not 0 <= issued_at < expires_at < LAST_SECOND
            or expires_at - issued_at >= _LONGEST_LIFETIME
        ):
            self._unusable("an ID token without a lifetime ('iat' and 'exp')")
        # Both times are the server's. Now is its Date, if it sends one.
        date = self.reply.date
        lifetime = float(expires_at - (issued_at if date is None else date))
        if not 0 < lifetime < _LONGEST_LIFETIME:
            self._unusable("an ID token that has already expired or never expires")
        return IssuedToken(value, lifetime, self.reply.requested_at)

    def _unusable(self, what: str) -> NoReturn:
        raise unusable(self.call, self.reply, what)


def unusable(call: Call, reply: Reply, what: str) -> FederationError:
    """Return the error for a successful reply that cannot be used. It quotes no part of the reply, which may hold a token."""
    return _failures.error(
        f"{call.server} answered with {what} (HTTP {reply.status}, {len(reply.body)} bytes) to the request for {call.wanted}.",
        call.known(status=reply.status, detail="unusable", text=f"The reply has {what}.", transient=True),
    )


def rejection(document: object, body: bytes, secrets: list[str], known: Facts) -> Facts:
    """Return the facts of an error reply, in either of Google's two formats: RFC 6749's and google.rpc.Status."""
    reason, text, details = None, None, None
    if isinstance(document, Mapping):
        reason, text = document.get("error"), document.get("error_description")
        if isinstance(reason, Mapping):
            text, details = reason.get("message"), reason.get("details")
            reason = reason.get("status")
        # An error reply that also holds a token may quote it.
        secrets = [
            *secrets,
            *(value for name in _redaction.TOKEN_FIELDS if isinstance(value := document.get(name), str)),
        ]
    else:
        text = body.decode(errors="replace")
        secrets = [*secrets, *re.findall(_QUOTED_TOKEN, text)]  # the body may be a truncated reply with a token
    info = (
        next((each for each in details if isinstance(each, Mapping) and "reason" in each), {})
        if isinstance(details, list)
        else {}
    )
    metadata = info.get("metadata")
    permission = metadata.get("permission") if isinstance(metadata, Mapping) else None
    code = str(info["reason"]) if info.get("reason") in ("SERVICE_DISABLED", "SECURITY_POLICY_VIOLATED") else reason
    words = _redaction.cleaned(text if isinstance(text, str) else "", secrets)
    aws = re.search(_AWS_REASON, words)
    return known._replace(
        reason=_redaction.cleaned(code, secrets) if isinstance(code, str) else None,
        text=words,
        permission=permission if isinstance(permission, str) else None,
        aws_reason=aws[1] if aws else None,
        rejected_date=re.search(_REJECTED_DATE, words) is not None,
        detail=None if isinstance(document, Mapping) else "not JSON",
    )


def _seconds(timestamp: object) -> float | None:
    """Return the seconds since the epoch of an RFC 3339 timestamp; None if it is not one."""
    match = re.fullmatch(_RFC3339, str(timestamp))
    if match is None:
        return None
    try:
        return datetime.fromisoformat(f"{match[1]}T{match[2]}{match[3].upper().replace('Z', '+00:00')}").timestamp()
    except ValueError:
        return None


def _claims(jwt: str) -> Mapping[str, Any]:
    """Return the claims of a JWT. The signature is not verified, because the JWT comes directly from its issuer."""
    try:
        payload = jwt.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (IndexError, ValueError, RecursionError):
        return {}
    return claims if isinstance(claims, Mapping) else {}
