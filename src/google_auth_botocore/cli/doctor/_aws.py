"""The steps on AWS's side: the sources in botocore's chain, their keys, the signature, and the caller that AWS sees."""

from __future__ import annotations

import contextlib
import json
import os
import re
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import botocore.configloader
import botocore.session
import requests

from google_auth_botocore._failures._aws_keys import STATIC
from google_auth_botocore._failures._evidence import Source
from google_auth_botocore._failures._instances import disabled, endpoint
from google_auth_botocore._redaction import shown
from google_auth_botocore.cli import _subject_token
from google_auth_botocore.cli.doctor._evidence import AwsRejection, Evidence, SignedRequest
from google_auth_botocore.cli.doctor._step_outcomes import StepFailed, Unknown

# Seconds to wait for the source in its own step. The next step waits longer.
_SOURCE_LIMIT = 15.0

_SOURCE_NAMES = {
    "env": "environment variables",
    "assume-role": "assumed role of a profile",
    "assume-role-with-web-identity": "web identity (EKS IRSA)",
    "sso": "IAM Identity Center",
    "shared-credentials-file": "shared credentials file",
    "login": "aws login",
    "custom-process": "credential_process",
    "config-file": "config file",
    "ec2-credentials-file": "AWS_CREDENTIAL_FILE",
    "boto-config": "configuration file of boto 2",
    "container-role": "container (ECS, EKS)",
    "iam-role": "EC2 instance metadata",
}
# Settings in a profile that configure these sources.
_SETTINGS = {
    "assume-role": ("role_arn",),
    "assume-role-with-web-identity": ("web_identity_token_file",),
    "sso": ("sso_session", "sso_start_url", "sso_account_id"),
    "login": ("login_session",),
    "custom-process": ("credential_process",),
}
_VARIABLES = {
    "env": ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
    "assume-role-with-web-identity": ("AWS_WEB_IDENTITY_TOKEN_FILE",),
    "ec2-credentials-file": ("AWS_CREDENTIAL_FILE",),
    "container-role": ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"),
}
_OBSOLETE = {"ec2-credentials-file", "boto-config"}
_FILES = {"shared-credentials-file": "credentials_file", "config-file": "config_file"}
_AUTHORIZATION = re.compile(r"Credential=([^/]+)/[0-9]+/([^/]+)/.*SignedHeaders=([^,]+),")
# AWS's messages about a date that is too old or too new. The error code is the same as for a wrong signature.
_REJECTED_DATE = re.compile("Signature expired|Signature not yet current|RequestTimeTooSkewed")


def source(evidence: Evidence) -> str:
    """List the sources in botocore's chain, and find the one that has keys."""
    session = _session(evidence)
    # Ignore errors in the AWS files here: the next step reports them.
    with contextlib.suppress(Exception):
        evidence.sources = _chain(session)
    configured = [each.method for each in evidence.sources if each.configured_by]
    evidence.key_source = next(iter(configured), None)
    if not evidence.options.offline:
        with evidence.waiting.trying(f"to get keys from {_configured_names(evidence) or 'AWS'}", _SOURCE_LIMIT):
            _find_keys(evidence, session)
    if evidence.key_source == "env":
        evidence.expires = evidence.expires or os.environ.get("AWS_CREDENTIAL_EXPIRATION")
    if not evidence.sources:
        return Unknown("botocore cannot use the profile or the AWS files")
    lines = "\n".join(_lines(evidence))
    offline = evidence.options.offline and any(each.configured_by for each in evidence.sources)
    return lines if evidence.key_source is not None or offline else Unknown(lines)


def _find_keys(evidence: Evidence, session: Any) -> None:
    """Let botocore resolve the keys, and wait for a limited time. A source may never reply."""
    found: list[Any] = []

    def resolve() -> None:
        with contextlib.suppress(Exception):
            found.append(session.get_credentials())

    worker = threading.Thread(target=resolve, name="doctor-source", daemon=True)
    try:
        worker.start()
    except RuntimeError:  # the limit of threads is reached
        resolve()
    else:
        worker.join(_SOURCE_LIMIT)
    evidence.source_silent = worker.is_alive()
    keys = next(iter(found), None)
    evidence.key_source = getattr(keys, "method", None)
    expiry = getattr(keys, "_expiry_time", None)  # botocore has no public name for it
    evidence.expires = f"{expiry:%Y-%m-%dT%H:%M:%SZ}" if expiry else None


def _session(evidence: Evidence) -> Any:
    session = botocore.session.Session(profile=evidence.options.profile)
    if evidence.options.region:
        session.set_config_variable("region", evidence.options.region)
    return session


def _lines(evidence: Evidence) -> Sequence[str]:
    configured = [each for each in evidence.sources if each.configured_by]
    # Not only those that are configured: botocore also finds keys in a file of boto 2.
    methods = [each.method for each in evidence.sources]
    lines = [] if configured or evidence.key_source else ["no source is configured"]
    for each in configured:
        if each.method == evidence.key_source:
            not_tried = evidence.options.offline and each.method not in STATIC
            verdict = "first in the chain, not tried offline" if not_tried else "keys found"
        elif evidence.key_source is None or methods.index(each.method) < methods.index(evidence.key_source):
            verdict = f"no reply within {_SOURCE_LIMIT:.0f} s" if evidence.source_silent else "no keys found"
        else:
            verdict = "not tried, because another source comes first"
        lines.append(f"{each.name}, configured by {each.configured_by}: {verdict}")
    others = [each.name for each in evidence.sources if each not in configured and each.method not in _OBSOLETE]
    return [*lines, *([f"not configured: {', '.join(others)}"] if others else [])]


def _chain(session: Any) -> list[Source]:
    config = session.get_scoped_config()
    profile = session.profile or "default"
    return [
        Source(
            provider.METHOD,
            _SOURCE_NAMES.get(provider.METHOD, provider.METHOD),
            _configured_by(session, config, profile, provider),
        )
        for provider in session.get_component("credential_provider").providers
    ]


def _configured_by(session: Any, config: Mapping[str, Any], profile: str, provider: Any) -> str | None:
    """Return what configures this source, or None. The configuration file of boto 2 is obsolete, and is ignored."""
    method = provider.METHOD
    variable = next((name for name in _VARIABLES.get(method, ()) if os.environ.get(name)), None)
    if variable:
        return variable
    setting = next((name for name in _SETTINGS.get(method, ()) if config.get(name)), None)
    if setting:
        return f"{setting} of profile {shown(profile)}"
    if method in _FILES:
        return _in_file(session.get_config_variable(_FILES[method]), profile)
    if method == "iam-role" and not disabled():
        return shown(endpoint())
    return None


def _in_file(path: str, profile: str) -> str | None:
    file = Path(os.path.expanduser(os.path.expandvars(path)))  # noqa: PTH111 - pathlib raises without a home directory
    if not file.exists():
        return None
    sections = botocore.configloader.raw_config_parse(str(file))
    for name in (profile, f"profile {profile}"):
        if "aws_access_key_id" in (sections.get(name) or {}):
            return f"profile {shown(profile)} in {shown(path)}"
    return None


def keys(evidence: Evidence) -> str:
    """Read the keys, and sign a request with them."""
    with evidence.waiting.trying(f"to get keys from {_origin(evidence)}", None):
        subject_token = evidence.credentials.retrieve_subject_token()
    evidence.recorder.record_subject_token(subject_token)
    if evidence.uses_jwt:
        claims = _subject_token.claims(subject_token)
        evidence.arn = str(claims.get("sub"))
        return f"a JWT from AWS, issued by {claims.get('iss')} for {claims.get('aud')}"
    evidence.request = _parse_signed_request(subject_token)
    kind = "temporary" if evidence.request.temporary else "long-term"
    expiry = f"; they expire at {evidence.expires}" if evidence.expires else ""
    token = "with" if evidence.request.has_session_token else "without"
    key_id = f"{evidence.request.key_id[:4]}...{evidence.request.key_id[-4:]}"
    saw = f"{kind} keys ({key_id}) {token} a session token{expiry}"
    if evidence.request.temporary and not evidence.request.has_session_token:
        raise StepFailed(saw, evidence.facts("aws", failure="no-session-token"))
    return saw


def _origin(evidence: Evidence) -> str:
    """Return where the credentials get their keys or their JWT from, in words."""
    if evidence.uses_jwt:
        return "AWS STS (GetWebIdentityToken)"
    if evidence.options.assume_role:
        return "AWS STS (AssumeRole)"
    if evidence.key_source is None:
        return _configured_names(evidence) or "botocore's sources"
    return _SOURCE_NAMES.get(evidence.key_source, "botocore's sources")


def _configured_names(evidence: Evidence) -> str:
    return " or ".join(each.name for each in evidence.sources if each.configured_by)


def _parse_signed_request(subject_token: str) -> SignedRequest:
    """Return the signed request in a subject token."""
    document = json.loads(unquote(subject_token))
    headers = {each["key"].lower(): each["value"] for each in document["headers"]}
    key_id, region, signed = _AUTHORIZATION.findall(headers["authorization"])[0]
    return SignedRequest(document["url"], headers, key_id, key_id.startswith("ASIA"), region, tuple(signed.split(";")))


def signed_request(evidence: Evidence) -> str:
    """Describe the signed request: its host, the region and the signed headers."""
    if evidence.request is None:
        return "none: the subject token is a JWT"
    host = urlsplit(evidence.request.url).netloc
    return f"to {host}, signed for {evidence.request.region}\nsigned headers: {', '.join(evidence.request.signed)}"


def caller(evidence: Evidence) -> str:
    """Send AWS the same signed request that Google will send."""
    if evidence.request is None:
        return f"{evidence.arn}, according to the JWT"
    evidence.arn, evidence.rejection, evidence.unreachable = _get_caller_identity(evidence, evidence.request)
    if evidence.unreachable:
        return f"AWS STS cannot be reached from this machine ({evidence.unreachable}); Google will call it directly"
    if evidence.rejection is None:
        return f"{evidence.arn}"
    code, message = evidence.rejection
    saw = f"AWS rejected the signature ({code}): {message}"
    if _REJECTED_DATE.search(f"{code} {message}"):
        return saw  # the exchange signs again with a corrected date
    raise StepFailed(saw, evidence.facts("exchange", aws_reason=code, text=f"AWS replied {code}: {message}"))


def _get_caller_identity(
    evidence: Evidence, request: SignedRequest
) -> tuple[str | None, AwsRejection | None, str | None]:
    """Send the signed request, and return the ARN, the rejection, or the reason why there is no reply."""
    url = request.url
    if evidence.options.aws_sts_endpoint:
        url = f"{evidence.options.aws_sts_endpoint.rstrip('/')}/?{urlsplit(url).query}"
    try:
        reply = evidence.recorder.send("POST", url, headers=request.headers)
    except requests.RequestException as error:
        return None, None, type(error).__name__
    arn, code = _xml(reply.text, "Arn"), _xml(reply.text, "Code")
    if reply.status == 200 and arn:
        return arn, None, None
    if code:
        # After the first line, AWS quotes the request.
        message = evidence.recorder.excerpt(_xml(reply.text, "Message").strip().partition("\n")[0])
        return None, AwsRejection(code, message), None
    return None, None, f"HTTP {reply.status}, but not from AWS"


def _xml(text: str, name: str) -> str:
    """Return the text of the first element with a name, or an empty string."""
    match = re.search(f"<{name}>([^<]*)</{name}>", text)
    return match[1] if match else ""
