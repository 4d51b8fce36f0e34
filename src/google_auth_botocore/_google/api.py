"""Google's side: the Security Token Service, the IAM Credentials API and the OAuth token endpoint.

Each function posts one request, checks the reply before anything of it is used, and turns a refusal into an error
that says why. https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token and
https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple, NoReturn
from urllib.parse import quote, urlencode

from google_auth_botocore import _failures, _redaction
from google_auth_botocore._failures._facts import Facts
from google_auth_botocore._google.sender import Reply, Sender
from google_auth_botocore._refresh.clock import LAST_SECOND
from google_auth_botocore._refresh.token import IssuedToken
from google_auth_botocore._settings import Settings

# Thirty years: beyond it a number is a mistake.
_LONGEST_LIFETIME = 1e9
_TOKEN_FIELDS = ("access_token", "refresh_token", "id_token", "accessToken", "token", "signedJwt", "signedBlob")
_GIVEN = rf'"(?:{"|".join(_TOKEN_FIELDS)})"\s*:\s*"([^"]+)'
_TOKEN = re.compile(r"[!-~]+")
_AWS_REASON = r"AWS response of type (\w+)"
# What AWS says about the date of a signature, and Google about the date of an assertion.
_REJECTED_DATE = "Signature expired|Signature not yet current|short-lived token"
_RFC3339 = r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(?:\.\d+)?([Zz]|[+-]\d\d:\d\d)"


class Signature:
    """A signature; no bytes by themselves, which crash reports would print."""

    __slots__ = ("value",)

    def __init__(self, value: bytes) -> None:
        self.value: bytes = value

    def __repr__(self) -> str:
        return "Signature(<hidden>)"


class _Call(NamedTuple):
    """A request to Google, and the words and facts for its errors."""

    step: str
    server: str
    url: str
    wanted: str
    facts: Facts

    def post(self, sender: Sender, headers: Mapping[str, str], body: bytes) -> tuple[Mapping[str, Any], Reply]:
        """The reply's JSON object."""
        reply = sender.post(self.step, self.server, self.url, headers, body)
        try:
            document = json.loads(reply.body)
        except (ValueError, RecursionError):
            document = None
        if reply.status == 200 and isinstance(document, Mapping):
            return document, reply
        if reply.status == 200:
            self.unusable("a body that is no JSON object", reply)
        self._refuse(sender, document, reply)

    def post_json(self, sender: Sender, bearer: str, document: Mapping[str, Any]) -> tuple[Mapping[str, Any], Reply]:
        """The reply to a JSON document sent with a bearer token."""
        sender.secrets.append(bearer)
        headers = {"authorization": f"Bearer {bearer}", "content-type": "application/json"}
        return self.post(sender, headers, json.dumps(document).encode())

    def unusable(self, what: str, reply: Reply) -> NoReturn:
        """The reply says yes, but can't be used. Nothing of it is quoted: it may hold a token."""
        raise _failures.error(
            f"{self.server} answered with {what} (HTTP {reply.status}, {len(reply.body)} bytes) when it was asked for {self.wanted}.",
            self.facts._replace(
                step=self.step,
                url=self.url,
                status=reply.status,
                detail="unusable",
                text=f"It has {what}.",
                transient=True,
            ),
        )

    def _refuse(self, sender: Sender, document: object, reply: Reply) -> NoReturn:
        known = self.facts._replace(step=self.step, url=self.url, status=reply.status, transient=reply.transient)
        facts = _refusal(document, reply.body, sender.all_secrets, known)
        seen = ", ".join(filter(None, (f"HTTP {reply.status}", facts.reason)))
        said = f": {facts.text}" if facts.text else ""
        did = "could not give" if reply.transient else "refused"
        raise _failures.error(f"{self.server} {did} {self.wanted} ({seen}){said.rstrip('.')}.", facts)


def _refusal(document: object, body: bytes, secrets: list[str], known: Facts) -> Facts:
    """Reads both of Google's shapes: RFC 6749's and google.rpc.Status."""
    reason, text, details = None, None, None
    if isinstance(document, Mapping):
        reason, text = document.get("error"), document.get("error_description")
        if isinstance(reason, Mapping):
            text, details = reason.get("message"), reason.get("details")
            reason = reason.get("status")
    else:
        text = body.decode(errors="replace")
        secrets = [*secrets, *re.findall(_GIVEN, text)]  # also of a token's reply that was cut off on the way
    info = (
        next((each for each in details if isinstance(each, Mapping) and "reason" in each), {})
        if isinstance(details, list)
        else {}
    )
    # A refusal that holds a token, too, may quote it.
    if isinstance(document, Mapping):
        secrets = [*secrets, *(value for name in _TOKEN_FIELDS if isinstance(value := document.get(name), str))]
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


def exchange(
    sender: Sender, settings: Settings, subject_token: str, scopes: tuple[str, ...], facts: Facts
) -> IssuedToken:
    """A federated token for a subject token."""
    call = _Call(
        "exchange",
        "Google's Security Token Service",
        settings.sts_url,
        f"a federated token for {settings.audience}",
        facts._replace(settings=settings),
    )
    form = {
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
        "audience": settings.audience,
        "scope": " ".join(scopes),
        "requested_token_type": "urn:ietf:params:oauth:token-type:access_token",
        "subject_token_type": settings.subject_token_type,
    }
    # As urlencode would have it, but that takes a tenth of a refresh for it: almost all is quoted once already.
    quoted = quote(subject_token.replace("%", "%25"), safe="%")
    return _oauth_token(sender, call, f"{urlencode(form)}&subject_token={quoted}")


def assertion_token(sender: Sender, settings: Settings, assertion: str, facts: Facts) -> IssuedToken:
    """A token of the Workspace user whom a signed assertion names (RFC 7523)."""
    call = _Call(
        "delegation",
        "Google's OAuth token endpoint",
        settings.oauth_url,
        f"a token for {settings.service_account} to act for {settings.subject}",
        facts._replace(settings=settings),
    )
    sender.secrets.append(assertion)
    return _oauth_token(
        sender,
        call,
        urlencode({"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": assertion}),
    )


def _oauth_token(sender: Sender, call: _Call, form: str) -> IssuedToken:
    headers = {"content-type": "application/x-www-form-urlencoded"}
    document, reply = call.post(sender, headers, form.encode())
    life = document.get("expires_in")
    if isinstance(life, str) and re.fullmatch(r"[0-9]{1,12}", life):
        life = int(life)
    if isinstance(life, bool) or not isinstance(life, (int, float)) or not 0 < life < _LONGEST_LIFETIME:
        call.unusable("no life in seconds ('expires_in')", reply)
    return IssuedToken(_token(call, document, reply, "access_token"), float(life), reply.requested_at)


def generate_access_token(sender: Sender, settings: Settings, bearer: str, facts: Facts) -> IssuedToken:
    """An access token of the service account."""
    call = _iam_call("impersonation", "generateAccessToken", "an access token", settings, facts)
    document, reply = call.post_json(
        sender,
        bearer,
        {**_delegates(settings), "scope": settings.scopes, "lifetime": f"{settings.lifetime}s"},
    )
    value = _token(call, document, reply, "accessToken")
    match = re.fullmatch(_RFC3339, str(document.get("expireTime")))
    try:
        end = (
            datetime.fromisoformat(f"{match[1]}T{match[2]}{match[3].upper().replace('Z', '+00:00')}") if match else None
        )
    except ValueError:
        end = None
    if end is None:
        call.unusable("no time of expiry ('expireTime')", reply)
    # By the server's clock both, so that a local one that is off shortens nothing.
    life = end.timestamp() - (reply.requested_at.wall if reply.date is None else reply.date)
    if not 0 < life < _LONGEST_LIFETIME:
        call.unusable("a token that has expired already, or never does", reply)
    return IssuedToken(value, life, reply.requested_at)


def generate_id_token(
    sender: Sender,
    settings: Settings,
    bearer: str,
    facts: Facts,
    audience: str,
    include_email: bool,
) -> IssuedToken:
    """An ID token of the service account for an audience of its own."""
    call = _iam_call("id_token", "generateIdToken", "an ID token", settings, facts)
    document, reply = call.post_json(
        sender,
        bearer,
        {**_delegates(settings), "audience": audience, "includeEmail": include_email},
    )
    value = _token(call, document, reply, "token")
    claims = _claims(value)
    issued, ends = claims.get("iat"), claims.get("exp")
    # Compared before one is subtracted from another: JSON has numbers that no float holds, and one that is none.
    if (
        not isinstance(issued, (int, float))
        or not isinstance(ends, (int, float))
        or not 0 <= issued < ends < LAST_SECOND
        or ends - issued >= _LONGEST_LIFETIME
    ):
        call.unusable("an ID token without a life ('iat' and 'exp')", reply)
    # By the server's clock both, and its own time where it says so.
    life = float(ends - (issued if reply.date is None else reply.date))
    if not 0 < life < _LONGEST_LIFETIME:
        call.unusable("an ID token that has expired already, or never does", reply)
    return IssuedToken(value, life, reply.requested_at)


def sign_blob(sender: Sender, settings: Settings, bearer: str, facts: Facts, blob: bytes) -> Signature:
    """The service account's signature of the blob."""
    call = _iam_call("signing", "signBlob", "a signature", settings, facts)
    document, reply = call.post_json(
        sender, bearer, {**_delegates(settings), "payload": base64.b64encode(blob).decode()}
    )
    try:
        signature = base64.b64decode(document["signedBlob"], validate=True)
    except (KeyError, TypeError, ValueError, binascii.Error):
        signature = b""
    if not signature:
        call.unusable("no signature ('signedBlob')", reply)
    return Signature(signature)


def sign_jwt(
    sender: Sender,
    settings: Settings,
    bearer: str,
    facts: Facts,
    claims: Mapping[str, Any],
) -> str:
    """The claims as a JWT signed by the service account."""
    call = _iam_call("delegation", "signJwt", "a signed assertion", settings, facts)
    document, reply = call.post_json(sender, bearer, {**_delegates(settings), "payload": json.dumps(claims)})
    return _token(call, document, reply, "signedJwt")


def _iam_call(step: str, method: str, wanted: str, settings: Settings, facts: Facts) -> _Call:
    account = settings.service_account or ""
    return _Call(
        step,
        "Google's IAM Credentials API",
        f"{settings.iam_url}/v1/projects/-/serviceAccounts/{quote(account, safe='')}:{method}",
        f"{wanted} of {account}",
        facts._replace(settings=settings),
    )


def _delegates(settings: Settings) -> dict[str, list[str]]:
    # Always there: the API takes an empty list for none.
    return {"delegates": [f"projects/-/serviceAccounts/{each}" for each in settings.delegates]}


def _token(call: _Call, document: Mapping[str, Any], reply: Reply, name: str) -> str:
    value = document.get(name)
    if not isinstance(value, str) or not _TOKEN.fullmatch(value):
        call.unusable(f"no token ('{name}')", reply)
    return value


def _claims(jwt: str) -> Mapping[str, Any]:
    """The claims of a JWT, unverified: it comes from its issuer."""
    try:
        payload = jwt.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (IndexError, ValueError, RecursionError):
        return {}
    return claims if isinstance(claims, Mapping) else {}
