"""AWS's side: the sources in botocore's chain, what is signed with their keys, and whom AWS sees."""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
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
from google_auth_botocore.cli.doctor._findings import StepFailed, Unknown

# The sources whose keys are at hand. The others make a call for theirs.
AT_HAND = STATIC

_NAMES = {
    "env": "environment variables",
    "assume-role": "role of a profile",
    "assume-role-with-web-identity": "web identity (EKS IRSA)",
    "sso": "IAM Identity Center",
    "shared-credentials-file": "shared credentials file",
    "login": "aws login",
    "custom-process": "credential_process",
    "config-file": "config file",
    "ec2-credentials-file": "AWS_CREDENTIAL_FILE",
    "boto-config": "boto's own file",
    "container-role": "container (ECS, EKS)",
    "iam-role": "EC2 instance metadata",
}
# The setting of a profile that each of these sources requires.
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
_AUTHORIZATION = re.compile(r"Credential=([^/]+)/\d+/([^/]+)/.*SignedHeaders=([^,]+),")
# What AWS says about a date that is too old or too new; the code is the one of a wrong signature.
_REJECTED_DATE = re.compile("Signature expired|Signature not yet current|RequestTimeTooSkewed")


def source(evidence: Evidence) -> str:
    """Look at the sources in botocore's chain, and find the one that has keys."""
    session = _session(evidence)
    # What is wrong with its files, the credentials report themselves when they read the keys.
    with contextlib.suppress(Exception):
        evidence.sources = _chain(session)
    configured = [each.method for each in evidence.sources if each.configured_by]
    evidence.winner = next(iter(configured), None)
    if not evidence.options.offline:
        with contextlib.suppress(Exception):
            found = session.get_credentials()
            evidence.winner = getattr(found, "method", None)
            end = getattr(found, "_expiry_time", None)  # botocore has no public name for it
            evidence.expires = f"{end:%Y-%m-%dT%H:%M:%SZ}" if end else None
    if evidence.winner == "env":
        evidence.expires = evidence.expires or os.environ.get("AWS_CREDENTIAL_EXPIRATION")
    if not evidence.sources:
        return Unknown("botocore cannot use the profile or its files")
    return "\n".join(_lines(evidence))


def _session(evidence: Evidence) -> Any:
    session = botocore.session.Session(profile=evidence.options.profile)
    if evidence.options.region:
        session.set_config_variable("region", evidence.options.region)
    return session


def _lines(evidence: Evidence) -> Sequence[str]:
    configured = [each for each in evidence.sources if each.configured_by]
    methods = [each.method for each in configured]
    lines = []
    for each in configured:
        if each.method == evidence.winner:
            verdict = "is tried first" if evidence.options.offline and each.method not in AT_HAND else "has the keys"
        elif evidence.winner is None or methods.index(each.method) < methods.index(evidence.winner):
            verdict = "has no keys"
        else:
            verdict = "not tried, because another source comes first"
        lines.append(f"{each.name}, configured by {each.configured_by}: {verdict}")
    unset = [each.name for each in evidence.sources if each not in configured and each.method not in _OBSOLETE]
    return [*lines, *([f"not configured: {', '.join(unset)}"] if unset else [])]


def _chain(session: Any) -> list[Source]:
    config = session.get_scoped_config()
    profile = session.profile or "default"
    return [
        Source(
            provider.METHOD,
            _NAMES.get(provider.METHOD, provider.METHOD),
            _configured_by(session, config, profile, provider),
        )
        for provider in session.get_component("credential_provider").providers
    ]


def _configured_by(session: Any, config: Mapping[str, Any], profile: str, provider: Any) -> str | None:
    """Return what configures this source. boto's own file is left out: it is obsolete."""
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
    file = Path(os.path.expandvars(path)).expanduser()
    if not file.exists():
        return None
    sections = botocore.configloader.raw_config_parse(str(file))
    for name in (profile, f"profile {profile}"):
        if "aws_access_key_id" in (sections.get(name) or {}):
            return f"profile {shown(profile)} in {shown(path)}"
    return None


def keys(evidence: Evidence) -> str:
    """Read the keys and sign with them."""
    subject_token = evidence.credentials.retrieve_subject_token()
    evidence.recorder.keep_subject_token(subject_token)
    if evidence.uses_jwt:
        claims = _subject_token.claims(subject_token)
        evidence.arn = str(claims.get("sub"))
        return f"a JWT of AWS's, issued by {claims.get('iss')} for {claims.get('aud')}"
    evidence.request = signed(subject_token)
    kind = "temporary" if evidence.request.temporary else "long-term"
    end = f", which expire at {evidence.expires}" if evidence.expires else ""
    token = "with" if evidence.request.has_session_token else "without"
    key_id = f"{evidence.request.key_id[:4]}...{evidence.request.key_id[-4:]}"
    saw = f"{kind} keys ({key_id}) {token} a session token{end}"
    if evidence.request.temporary and not evidence.request.has_session_token:
        raise StepFailed(saw, evidence.facts("aws", failure="no-session-token"))
    return saw


def signed(subject_token: str) -> SignedRequest:
    """Read a signed request."""
    document = json.loads(unquote(subject_token))
    headers = {each["key"].lower(): each["value"] for each in document["headers"]}
    key_id, region, signed = _AUTHORIZATION.findall(headers["authorization"])[0]
    return SignedRequest(document["url"], headers, key_id, key_id.startswith("ASIA"), region, tuple(signed.split(";")))


def signed_request(evidence: Evidence) -> str:
    """Return the region, the host and the headers of the signature."""
    if evidence.request is None:
        return "none: the proof of identity is a JWT"
    host = urlsplit(evidence.request.url).netloc
    return f"for {host} in {evidence.request.region}\nsigned headers: {', '.join(evidence.request.signed)}"


def caller(evidence: Evidence) -> str:
    """Send AWS the same signed request that Google will send."""
    if evidence.request is None:
        return f"{evidence.arn}, as the JWT says"
    evidence.arn, evidence.rejection, evidence.unreachable = ask(evidence, evidence.request)
    if evidence.unreachable:
        return f"AWS STS cannot be reached from here ({evidence.unreachable}); Google calls it itself"
    if evidence.rejection is None:
        return f"{evidence.arn}"
    code, message = evidence.rejection
    saw = f"AWS rejects the signature ({code}): {message}"
    if _REJECTED_DATE.search(f"{code} {message}"):
        return saw  # the exchange dates it again
    raise StepFailed(saw, evidence.facts("exchange", aws_reason=code, text=f"AWS says {code}: {message}"))


def ask(evidence: Evidence, request: SignedRequest) -> tuple[str | None, AwsRejection | None, str | None]:
    """Return GetCallerIdentity's reply to a signed request: the ARN, a rejection, or why there is no reply."""
    url = request.url
    if evidence.options.aws_sts_endpoint:
        url = f"{evidence.options.aws_sts_endpoint.rstrip('/')}/?{urlsplit(url).query}"
    try:
        reply = evidence.recorder.ask("POST", url, headers=request.headers)
    except requests.RequestException as error:
        return None, None, type(error).__name__
    part: Callable[[str], str] = lambda name: _xml(reply.text, name)  # noqa: E731 - it is used three times below
    if reply.status == 200 and part("Arn"):
        return part("Arn"), None, None
    if part("Code"):
        # After the first line, AWS quotes the request itself.
        message = evidence.recorder.quotable(part("Message").strip().partition("\n")[0])
        return None, AwsRejection(part("Code"), message), None
    return None, None, f"HTTP {reply.status} that is not AWS's"


def _xml(text: str, name: str) -> str:
    match = re.search(f"<{name}>([^<]*)</{name}>", text)
    return match[1] if match else ""
