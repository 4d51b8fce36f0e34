"""Google's side: the exchange, the principal, the service account, an ID token, the project, one real call."""

from __future__ import annotations

import base64
import contextlib
import os
import re
from urllib.parse import urlencode, urlsplit

import requests

from google_auth_botocore import Credentials, FederationError, IDTokenCredentials
from google_auth_botocore._redaction import shown
from google_auth_botocore.cli import _credentials_flags
from google_auth_botocore.cli.doctor._seen import Seen

_PROJECT_VARIABLES = ("GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT")
# Of an AWS provider and of an OIDC one.
_USUAL_SUBJECTS = ("assertion.arn", "assertion.sub")
# What an error is told in; a good reply may be a whole object of Cloud Storage.
_OF_A_CALL = 1 << 16
_CLIENT = ("CLOUDSDK_AUTH_CLIENT_ID", "CLOUDSDK_AUTH_CLIENT_SECRET")


def configuration(seen: Seen) -> str:
    """Builds the credentials, which asks nobody."""
    seen.credentials = _credentials_flags.credentials(seen.options)
    _wanted(seen)
    path = _credentials_flags.config_path(seen.options)
    account = seen.account
    whom = f"to impersonate {account}" if account else "for direct resource access, without a service account"
    parts = seen.audience.split("/")
    return f"{path or 'flags'}\nprovider {parts[-1]} of pool {parts[-3]} in project {parts[4]}\n{whom}"


def clock(seen: Seen) -> str:
    """Compares this machine's clock with the Date of the replies."""
    if seen.ahead is None:
        with contextlib.suppress(requests.RequestException):
            seen.recorder.ask("GET", str(seen.credentials.info["token_url"]), headers={})
    if seen.ahead is None:
        return "nobody says what time it is"
    seconds = round(abs(seen.ahead))
    if seconds < 2:
        return "the same as theirs"
    return f"{_duration(seconds)} {'behind' if seen.ahead > 0 else 'ahead of'} theirs"


def _duration(seconds: int) -> str:
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min" if seconds > 90 else f"{seconds} s"


def exchange(seen: Seen) -> str:
    """Gets a token the way that every program does; what fails beyond the exchange is for a later step."""
    wanted = _wanted(seen)
    try:
        wanted.refresh(seen.recorder)
    except FederationError as error:
        if error.step in ("exchange", "aws"):
            raise
        seen.pending = error
    return f"Google's Security Token Service takes it\n({seen.credentials.info['token_url']})"


def _wanted(seen: Seen) -> Credentials | IDTokenCredentials:
    audience = seen.options.target_audience
    return seen.credentials if audience is None else IDTokenCredentials(seen.credentials, audience)


def principal(seen: Seen) -> str:
    """Tells whom Google sees: the Security Token Service's own word where it may be asked, else the usual mapping."""
    seen.principal = _introspected(seen)
    mapping = (seen.administrator.provider(seen.audience) or {}).get("attributeMapping") or {}
    subject = mapping.get("google.subject", _USUAL_SUBJECTS[0])
    if seen.principal is not None:
        origin = "as Google's introspection says"
    elif seen.arn is None:
        origin = "AWS has not said who it is"
    elif subject not in _USUAL_SUBJECTS:
        origin = f"the provider maps google.subject = {subject}"
    else:
        origin = "by the usual mapping"
        seen.principal = f"principal:{pool(seen)}/subject/{seen.arn}"
    return "\n".join([origin, *members(seen)])


def pool(seen: Seen) -> str:
    """The full name of the pool, without its scheme."""
    return seen.audience.partition("/providers/")[0]


def members(seen: Seen) -> list[str]:
    """The names by which a binding can mean this identity, the narrowest first."""
    found = [] if seen.principal is None else [seen.principal]
    if seen.request is not None and seen.role_arn:
        found.append(f"principalSet:{pool(seen)}/attribute.aws_role/{seen.role_arn}")
    return [*found, f"principalSet:{pool(seen)}/*"]


def _introspected(seen: Seen) -> str | None:
    client = [os.environ.get(name) for name in _CLIENT]
    token = seen.recorder.federated_token
    url = str(seen.credentials.info["token_url"])
    if not all(client) or token is None or not url.endswith("/token"):
        return None
    secret = base64.b64encode(":".join(map(str, client)).encode()).decode()
    try:
        reply = seen.recorder.ask(
            "POST",
            f"{url.removesuffix('/token')}/introspect",
            headers={"authorization": f"Basic {secret}", "content-type": "application/x-www-form-urlencoded"},
            data=urlencode({"token": token, "token_type_hint": "urn:ietf:params:oauth:token-type:access_token"}),
        )
    except requests.RequestException:
        return None
    return reply.document.get("username")


def service_account(seen: Seen) -> str:
    """Tells what became of the rest of the way."""
    if seen.pending is not None:
        raise seen.pending
    if seen.account is None:
        return "none: the federated token is the access token"
    if seen.options.target_audience:
        return f"{seen.account} gives an ID token\nmade out to {seen.options.target_audience}"
    acting = f", acting for {seen.options.subject}" if seen.options.subject else ""
    return f"{seen.account} gives an access token{acting}\nit ends at {seen.credentials.expiry:%Y-%m-%dT%H:%M:%SZ}"


def project(seen: Seen) -> str:
    """Tells which project client libraries find."""
    return project_of(seen) or "none is given"


def project_of(seen: Seen) -> str | None:
    """The project, and who names it."""
    found = getattr(seen.credentials, "project_id", None)
    if found:
        return f"{found}, as given"
    return next((f"{shown(os.environ[name])}, by {name}" for name in _PROJECT_VARIABLES if os.environ.get(name)), None)


def call(seen: Seen) -> str:
    """Makes one real call."""
    url = seen.options.call
    headers: dict[str, str] = {}
    _wanted(seen).before_request(seen.recorder, "GET", url, headers)
    try:
        seen.called = seen.recorder.ask("GET", url, headers=headers, at_most=_OF_A_CALL)
    except requests.RequestException as error:
        seen.unreachable = type(error).__name__
        return f"{shown(urlsplit(url).netloc)} can't be reached ({seen.unreachable})"
    return f"HTTP {seen.called.status} {message(seen)}".strip()


def message(seen: Seen) -> str:
    """What the API said no with."""
    reply = seen.called
    if reply is None or reply.status < 400:
        return ""
    error = reply.document.get("error", {})
    text = error.get("message", "") if isinstance(error, dict) else str(error)
    return seen.recorder.quotable(text or re.sub(r"<[^>]*>", " ", reply.text))
