"""AWS's side: what botocore's chain has, what is signed with it, and who AWS says that is."""

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

from google_auth_botocore._redaction import shown
from google_auth_botocore.cli import _subject_token
from google_auth_botocore.cli._subject_token import JWT
from google_auth_botocore.cli.doctor import _metadata
from google_auth_botocore.cli.doctor._seen import AwsRefusal, Seen, SignedRequest, Source

# Whose keys are at hand; the others have to be asked for.
AT_HAND = {"env", "shared-credentials-file", "config-file"}

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
# The setting of a profile that each of these sources needs.
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


def source(seen: Seen) -> str:
    """Looks at the links of botocore's chain, and which of them has keys."""
    session = _session(seen)
    # What is wrong with its files, the credentials say themselves when they read the keys.
    with contextlib.suppress(Exception):
        seen.sources = _chain(session)
    stated = [each.method for each in seen.sources if each.stated_by]
    seen.winner = next(iter(stated), None)
    if not seen.options.offline:
        with contextlib.suppress(Exception):
            found = session.get_credentials()
            seen.winner = getattr(found, "method", None)
            end = getattr(found, "_expiry_time", None)  # botocore has no public name for it
            seen.expires = f"{end:%Y-%m-%dT%H:%M:%SZ}" if end else None
    if seen.winner == "env":
        seen.expires = seen.expires or os.environ.get("AWS_CREDENTIAL_EXPIRATION")
    return "\n".join(_tale(seen))


def _session(seen: Seen) -> Any:
    session = botocore.session.Session(profile=seen.options.profile)
    if seen.options.region:
        session.set_config_variable("region", seen.options.region)
    return session


def _tale(seen: Seen) -> Sequence[str]:
    stated = [each for each in seen.sources if each.stated_by]
    lines = []
    for each in stated:
        if each.method == seen.winner:
            verdict = "won" if not seen.options.offline or each.method in AT_HAND else "is asked first"
        elif seen.winner is None or stated.index(each) < [one.method for one in stated].index(seen.winner):
            verdict = "has none"
        else:
            verdict = "not asked: another came first"
        lines.append(f"{each.named}, by {each.stated_by}: {verdict}")
    unset = [each.named for each in seen.sources if each not in stated and each.method not in _OBSOLETE]
    return [*lines, *([f"not set: {', '.join(unset)}"] if unset else [])]


def _chain(session: Any) -> list[Source]:
    config = session.get_scoped_config()
    profile = session.profile or "default"
    return [
        Source(
            provider.METHOD, _NAMES.get(provider.METHOD, provider.METHOD), _stated(session, config, profile, provider)
        )
        for provider in session.get_component("credential_provider").providers
    ]


def _stated(session: Any, config: Mapping[str, Any], profile: str, provider: Any) -> str | None:
    """What says that this link has keys; boto's own file is left out, which nobody has any more."""
    method = provider.METHOD
    variable = next((name for name in _VARIABLES.get(method, ()) if os.environ.get(name)), None)
    if variable:
        return variable
    setting = next((name for name in _SETTINGS.get(method, ()) if config.get(name)), None)
    if setting:
        return f"{setting} of profile {profile}"
    if method in _FILES:
        return _in_file(session.get_config_variable(_FILES[method]), profile)
    if method == "iam-role" and not _metadata.disabled():
        return shown(_metadata.endpoint())
    return None


def _in_file(path: str, profile: str) -> str | None:
    file = Path(os.path.expandvars(path)).expanduser()
    if not file.exists():
        return None
    sections = botocore.configloader.raw_config_parse(str(file))
    for name in (profile, f"profile {profile}"):
        if "aws_access_key_id" in (sections.get(name) or {}):
            return f"profile {profile} in {path}"
    return None


def keys(seen: Seen) -> str:
    """Reads the keys and signs with them: what they are shows in what was signed."""
    subject_token = seen.credentials.retrieve_subject_token()
    seen.recorder.keep_subject_token(subject_token)
    if seen.options.subject_token_type == JWT or seen.credentials.info["subject_token_type"] == JWT:
        claims = _subject_token.claims(subject_token)
        seen.arn = str(claims.get("sub"))
        return f"a JWT of AWS's, issued by {claims.get('iss')} for {claims.get('aud')}"
    seen.request = signed(subject_token)
    kind = "temporary" if seen.request.temporary else "long-term"
    end = f", which end at {seen.expires}" if seen.expires else ""
    token = "with" if seen.request.has_session_token else "without"
    return f"{kind} keys ({seen.request.key_id[:4]}...{seen.request.key_id[-4:]}) {token} a session token{end}"


def signed(subject_token: str) -> SignedRequest:
    """Reads what was signed."""
    document = json.loads(unquote(subject_token))
    headers = {each["key"].lower(): each["value"] for each in document["headers"]}
    key_id, region, signed = _AUTHORIZATION.findall(headers["authorization"])[0]
    return SignedRequest(document["url"], headers, key_id, key_id.startswith("ASIA"), region, tuple(signed.split(";")))


def signed_request(seen: Seen) -> str:
    """Region, host and headers of the signature."""
    if seen.request is None:
        return "none: a JWT is the proof"
    host = urlsplit(seen.request.url).netloc
    return f"for {host} in {seen.request.region}\nsigned headers: {', '.join(seen.request.signed)}"


def caller(seen: Seen) -> str:
    """Asks AWS what Google will ask it, with the very same signed request."""
    if seen.request is None:
        return f"{seen.arn}, as the JWT says"
    seen.arn, seen.aws, seen.unreachable = ask(seen, seen.request)
    if seen.unreachable:
        return f"AWS can't be asked from here ({seen.unreachable}); Google asks it itself"
    if seen.aws is not None:
        return f"AWS refuses the signature ({seen.aws.code}): {seen.aws.message}"
    return f"{seen.arn}"


def ask(seen: Seen, request: SignedRequest) -> tuple[str | None, AwsRefusal | None, str | None]:
    """GetCallerIdentity's answer to a signed request: the ARN, or a refusal, or why there is no answer."""
    url = request.url
    if seen.options.aws_sts_endpoint:
        url = f"{seen.options.aws_sts_endpoint.rstrip('/')}/?{urlsplit(url).query}"
    try:
        reply = seen.recorder.ask("POST", url, headers=request.headers)
    except requests.RequestException as error:
        return None, None, type(error).__name__
    part: Callable[[str], str] = lambda name: _xml(reply.text, name)  # noqa: E731 - it is used three times below
    if reply.status == 200 and part("Arn"):
        return part("Arn"), None, None
    if part("Code"):
        # What follows the first line is the request itself.
        return None, AwsRefusal(part("Code"), seen.recorder.quotable(part("Message").strip().partition("\n")[0])), None
    return None, None, f"HTTP {reply.status} that is not AWS's"


def _xml(text: str, name: str) -> str:
    match = re.search(f"<{name}>([^<]*)</{name}>", text)
    return match[1] if match else ""
