"""Google's side: configuration, clock, exchange, principal, service account, project, and one call."""

from __future__ import annotations

import base64
import contextlib
import os
import re
from urllib.parse import urlencode, urlsplit

import requests

from google_auth_botocore import Credentials, FederationError, IDTokenCredentials
from google_auth_botocore._failures import _commands
from google_auth_botocore._redaction import shown
from google_auth_botocore.cli import _credentials_flags
from google_auth_botocore.cli.doctor._evidence import Evidence
from google_auth_botocore.cli.doctor._findings import StepFailed, Unknown

_PROJECT_VARIABLES = ("GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT")
# The subjects of an AWS provider and of an OIDC provider with the usual mapping.
_USUAL_SUBJECTS = ("assertion.arn", "assertion.sub")
# Bytes that an error takes at most. The reply to a successful call may be a whole object of Cloud Storage.
_OF_A_CALL = 1 << 16
_CLIENT = ("CLOUDSDK_AUTH_CLIENT_ID", "CLOUDSDK_AUTH_CLIENT_SECRET")


def configuration(evidence: Evidence) -> str:
    """Build the credentials, which makes no network call."""
    evidence.credentials = _credentials_flags.credentials(evidence.options)
    _wanted(evidence)
    path = _credentials_flags.config_path(evidence.options)
    account = evidence.service_account
    whom = f"to impersonate {account}" if account else "for direct resource access, without a service account"
    parts = evidence.audience.split("/")
    return f"{path or 'flags'}\nprovider {parts[-1]} of pool {parts[-3]} in project {parts[4]}\n{whom}"


def clock(evidence: Evidence) -> str:
    """Compare this machine's clock with the Date of the replies."""
    if evidence.clock is None:
        with contextlib.suppress(requests.RequestException):
            evidence.recorder.ask("GET", str(evidence.credentials.info["token_url"]), headers={})
    if evidence.clock is None:
        return Unknown("no reply has a Date")
    seconds = round(abs(evidence.clock))
    if seconds < 2:
        return "the same as the servers'"
    return f"{_duration(seconds)} {'behind' if evidence.clock > 0 else 'ahead of'} the servers'"


def _duration(seconds: int) -> str:
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min" if seconds > 90 else f"{seconds} s"


def exchange(evidence: Evidence) -> str:
    """Get a token as every program does. What fails after the exchange is for a later step."""
    wanted = _wanted(evidence)
    try:
        wanted.refresh(evidence.recorder)
    except FederationError as error:
        if error.step in ("exchange", "aws"):
            raise
        evidence.pending = error
    return f"Google's Security Token Service accepts it\n({evidence.credentials.info['token_url']})"


def _wanted(evidence: Evidence) -> Credentials | IDTokenCredentials:
    audience = evidence.options.target_audience
    return evidence.credentials if audience is None else IDTokenCredentials(evidence.credentials, audience)


def principal(evidence: Evidence) -> str:
    """Return whom Google sees: as the Security Token Service says, if an OAuth client may ask it, or by the usual mapping."""
    evidence.principal = _introspected(evidence)
    mapping = (evidence.administrator.provider(evidence.audience) or {}).get("attributeMapping") or {}
    subject = mapping.get("google.subject", _USUAL_SUBJECTS[0])
    if evidence.principal is not None:
        origin = "as Google's introspection says"
    elif evidence.arn is None:
        origin = "not known, because AWS did not say who the caller is"
    elif subject not in _USUAL_SUBJECTS:
        origin = f"not known, because the provider maps google.subject = {subject}"
    else:
        origin = "by the usual mapping"
        evidence.principal = f"principal:{evidence.audience.partition('/providers/')[0]}/subject/{evidence.arn}"
    lines = "\n".join([origin, *_commands.members(evidence.facts("exchange"))])
    return lines if evidence.principal is not None else Unknown(lines)


def _introspected(evidence: Evidence) -> str | None:
    client = [os.environ.get(name) for name in _CLIENT]
    token = evidence.recorder.federated_token
    url = str(evidence.credentials.info["token_url"])
    if not all(client) or token is None or not url.endswith("/token"):
        return None
    secret = base64.b64encode(":".join(map(str, client)).encode()).decode()
    try:
        reply = evidence.recorder.ask(
            "POST",
            f"{url.removesuffix('/token')}/introspect",
            headers={"authorization": f"Basic {secret}", "content-type": "application/x-www-form-urlencoded"},
            data=urlencode({"token": token, "token_type_hint": "urn:ietf:params:oauth:token-type:access_token"}),
        )
    except requests.RequestException:
        return None
    return reply.document.get("username")


def service_account(evidence: Evidence) -> str:
    """Return how the rest of the flow ended."""
    if evidence.pending is not None:
        raise evidence.pending
    if evidence.service_account is None:
        return "none: the federated token is the access token"
    if evidence.options.target_audience:
        return f"{evidence.service_account} gives an ID token\nfor the audience {evidence.options.target_audience}"
    acting = f", to act for {evidence.options.subject}" if evidence.options.subject else ""
    expiry = f"{evidence.credentials.expiry:%Y-%m-%dT%H:%M:%SZ}"
    return f"{evidence.service_account} gives an access token{acting}\nit expires at {expiry}"


def project(evidence: Evidence) -> str:
    """Return the project that client libraries find, and where it comes from."""
    evidence.project = getattr(evidence.credentials, "project_id", None)
    if evidence.project:
        return f"{evidence.project}, as given"
    variable = next((name for name in _PROJECT_VARIABLES if os.environ.get(name)), None)
    if variable is None:
        return "none is given"
    evidence.project = shown(os.environ[variable])
    return f"{evidence.project}, by {variable}"


def call(evidence: Evidence) -> str:
    """Make one call."""
    url = evidence.options.call
    headers: dict[str, str] = {}
    _wanted(evidence).before_request(evidence.recorder, "GET", url, headers)
    evidence.unreachable = None
    try:
        reply = evidence.called = evidence.recorder.ask("GET", url, headers=headers, at_most=_OF_A_CALL)
    except requests.RequestException as error:
        evidence.unreachable = type(error).__name__
        saw = f"{shown(urlsplit(url).netloc)} cannot be reached ({evidence.unreachable})"
        raise StepFailed(saw, evidence.facts("call", text=saw)) from None
    message = _message(evidence)
    saw = f"HTTP {reply.status} {message}".strip()
    if not 200 <= reply.status < 300:
        raise StepFailed(f"HTTP {reply.status}", evidence.facts("call", status=reply.status, text=saw))
    return saw


def _message(evidence: Evidence) -> str:
    """Return the API's message, if it rejects the call."""
    reply = evidence.called
    if reply is None or reply.status < 400:
        return ""
    error = reply.document.get("error", {})
    text = error.get("message", "") if isinstance(error, dict) else str(error)
    return evidence.recorder.quotable(text or re.sub(r"<[^>]*>", " ", reply.text))
