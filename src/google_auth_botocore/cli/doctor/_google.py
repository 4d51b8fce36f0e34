"""The steps on Google's side: configuration, clock, exchange, principal, service account, project and call."""

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
from google_auth_botocore.cli.doctor._step_outcomes import StepFailed, Unknown

# The usual mappings of google.subject: of an AWS provider and of an OIDC provider.
_USUAL_SUBJECTS = ("assertion.arn", "assertion.sub")
# Bytes to read of the reply to --call: enough for any error. A successful reply may be a large Cloud Storage object.
_MAX_CALL_REPLY_SIZE = 1 << 16
_CLIENT_VARIABLES = ("CLOUDSDK_AUTH_CLIENT_ID", "CLOUDSDK_AUTH_CLIENT_SECRET")


def configuration(evidence: Evidence) -> str:
    """Build the credentials. This makes no network call."""
    evidence.credentials = _credentials_flags.credentials_of_application(evidence.options)
    _requested_credentials(evidence)
    path = _credentials_flags.config_path(evidence.options)
    if path == _credentials_flags.STANDARD_INPUT:
        path = "standard input"
    account = evidence.service_account
    access = f"impersonates {account}" if account else "direct resource access, without a service account"
    parts = evidence.audience.split("/")
    return f"{path or 'command-line flags'}\nprovider {parts[-1]} of pool {parts[-3]} in project {parts[4]}\n{access}"


def clock(evidence: Evidence) -> str:
    """Compare this machine's clock with the Date header of the replies."""
    if evidence.clock is None:
        with contextlib.suppress(requests.RequestException):
            evidence.recorder.send("GET", str(evidence.credentials.info["token_url"]), headers={})
    if evidence.clock is None:
        return Unknown("no reply has a Date header")
    seconds = round(abs(evidence.clock))
    if seconds < 2:
        return "agrees with the servers' clocks"
    return f"{_duration(seconds)} {'behind' if evidence.clock > 0 else 'ahead of'} the servers' clocks"


def _duration(seconds: int) -> str:
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min" if seconds > 90 else f"{seconds} s"


def exchange(evidence: Evidence) -> str:
    """Get a token. If something after the exchange fails, keep the error for the step that it belongs to."""
    try:
        _requested_credentials(evidence).refresh(evidence.recorder)
    except FederationError as error:
        if error.step in ("exchange", "aws"):
            raise
        evidence.pending = error
    return f"Google's Security Token Service issued a federated token\n({evidence.credentials.info['token_url']})"


def _requested_credentials(evidence: Evidence) -> Credentials | IDTokenCredentials:
    """Return the credentials, or ID token credentials if --target-audience requests an ID token."""
    audience = evidence.options.target_audience
    return evidence.credentials if audience is None else IDTokenCredentials(evidence.credentials, audience)


def principal(evidence: Evidence) -> str:
    """Return the principal that Google sees.

    With an OAuth client, Google's introspection endpoint states it. Otherwise, it is derived from the AWS caller and the
    usual attribute mapping.
    """
    evidence.principal = _introspected(evidence)
    mapping = (evidence.administrator.provider(evidence.audience) or {}).get("attributeMapping") or {}
    subject = mapping.get("google.subject", _USUAL_SUBJECTS[0])
    if evidence.principal is not None:
        origin = "from Google's introspection endpoint"
    elif evidence.arn is None:
        origin = "the AWS caller is unknown"
    elif subject not in _USUAL_SUBJECTS:
        origin = f"the provider has an unusual attribute mapping: google.subject = {subject}"
    else:
        origin = "from the AWS caller, with the usual attribute mapping"
        evidence.principal = f"principal:{evidence.audience.partition('/providers/')[0]}/subject/{evidence.arn}"
    lines = "\n".join([origin, *_commands.members(evidence.facts("exchange"))])
    return lines if evidence.principal is not None else Unknown(lines)


def _introspected(evidence: Evidence) -> str | None:
    """Return the principal from Google's introspection endpoint, or None without an OAuth client or a reply."""
    client = [os.environ.get(name) for name in _CLIENT_VARIABLES]
    token = evidence.recorder.federated_token
    url = str(evidence.credentials.info["token_url"])
    if not all(client) or token is None or not url.endswith("/token"):
        return None
    secret = base64.b64encode(":".join(map(str, client)).encode()).decode()
    try:
        reply = evidence.recorder.send(
            "POST",
            f"{url.removesuffix('/token')}/introspect",
            headers={"authorization": f"Basic {secret}", "content-type": "application/x-www-form-urlencoded"},
            data=urlencode({"token": token, "token_type_hint": "urn:ietf:params:oauth:token-type:access_token"}),
        )
    except requests.RequestException:
        return None
    return reply.document.get("username")


def service_account(evidence: Evidence) -> str:
    """Return the result of the token flow after the exchange."""
    if evidence.pending is not None:
        raise evidence.pending
    if evidence.service_account is None:
        return "none: the federated token is the access token"
    if evidence.options.target_audience:
        return f"ID token of {evidence.service_account}\nfor the audience {evidence.options.target_audience}"
    acting = f"\nto act as {evidence.options.subject}" if evidence.options.subject else ""
    expiry = f"{evidence.credentials.expiry:%Y-%m-%dT%H:%M:%SZ}"
    return f"access token of {evidence.service_account}{acting}\nexpires at {expiry}"


def project(evidence: Evidence) -> str:
    """Return the default project of client libraries, and where it comes from."""
    evidence.project = evidence.credentials.get_project_id()
    if not evidence.project:
        return "not set"
    _, source = _credentials_flags.configured_project(evidence.options)
    return f"{evidence.project}, from {source or 'the file'}"


def call(evidence: Evidence) -> str:
    """Call the URL of --call with the token."""
    url = evidence.options.call
    headers: dict[str, str] = {}
    _requested_credentials(evidence).before_request(evidence.recorder, "GET", url, headers)
    evidence.unreachable = None
    try:
        reply = evidence.called = evidence.recorder.send("GET", url, headers=headers, max_size=_MAX_CALL_REPLY_SIZE)
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
    """Return the API's error message, or an empty string if the call succeeded."""
    reply = evidence.called
    if reply is None or reply.status < 400:
        return ""
    error = reply.document.get("error", {})
    text = error.get("message", "") if isinstance(error, dict) else str(error)
    return evidence.recorder.excerpt(text or re.sub(r"<[^>]*>", " ", reply.text))
