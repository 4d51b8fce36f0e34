"""Check arguments and return settings. An invalid argument is a `ConfigurationError`, before anything is signed or sent."""

import os
import re
import shlex
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import NamedTuple
from urllib.parse import urlsplit

from google_auth_botocore._redaction import is_secret, quoted
from google_auth_botocore.exceptions import ConfigurationError

AWS4_REQUEST = "urn:ietf:params:aws:token-type:aws4_request"
JWT = "urn:ietf:params:oauth:token-type:jwt"
CLOUD_PLATFORM = "https://www.googleapis.com/auth/cloud-platform"
GOOGLEAPIS = "googleapis.com"

AUDIENCE_FORM = (
    "//iam.googleapis.com/projects/PROJECT_NUMBER/locations/global/workloadIdentityPools/POOL/providers/PROVIDER"
)
_AUDIENCE = re.compile(
    r"(?://iam\.googleapis\.com/)?(?P<path>projects/(?P<project>[^/\s]+)/locations/(?P<location>[a-z0-9-]+)"
    r"/workloadIdentityPools/(?P<pool>[a-z0-9-]+)(?:/providers/(?P<provider>[a-z0-9-]+))?)/?"
)
_SERVICE_ACCOUNT = r"[a-zA-Z0-9][a-zA-Z0-9._-]*@[a-zA-Z0-9][a-zA-Z0-9.:-]*\.[a-zA-Z]+|[0-9]{6,32}"
_HOST = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+")
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_NETLOC = re.compile(r"([a-zA-Z0-9._-]+|\[[0-9a-fA-F:.]+\])(:[0-9]*)?")
# A quick check before the thorough one: names rarely contain these parts of private keys, tokens and key files, encoded or not.
_MAYBE_SECRET = re.compile(r"[{\"'\\%]|-----|eyJ|ya29|[A-Za-z0-9+=_-]{80}")
_USE_FILE = "To use a configuration file, call Credentials.from_file()."
# Arguments without a default, and what to pass.
_REQUIRED = {
    "audience": AUDIENCE_FORM,
    "target_audience": "the URL or the client id of the service that accepts the token",
}
# The name of a failure.
_WRONG_TYPE = "argument-of-wrong-type"
# Seconds. The first is the most that an organization's policy can allow, the second the longest lifetime of an assertion.
_LONGEST_LIFETIME = 43200
_LONGEST_DELEGATED = 3600


class DefaultLifetime(int):
    """The default lifetime in seconds. Its type shows that the caller did not pass the number."""


DEFAULT_LIFETIME = DefaultLifetime(3600)


class Settings(NamedTuple):
    """The settings of a Google token. Equal settings share a token. None for an endpoint means the default of the universe."""

    audience: str
    service_account: str | None = None
    scopes: tuple[str, ...] = (CLOUD_PLATFORM,)
    lifetime: int = 3600
    delegates: tuple[str, ...] = ()
    subject: str | None = None
    subject_token_type: str = AWS4_REQUEST
    universe_domain: str = GOOGLEAPIS
    token_url: str | None = None
    iam_credentials_endpoint: str | None = None
    oauth_token_url: str | None = None
    verification_url: str | None = None

    @property
    def sts_url(self) -> str:
        """Endpoint of the Security Token Service, which exchanges the subject token."""
        return self.token_url or f"https://sts.{self.universe_domain}/v1/token"

    @property
    def iam_url(self) -> str:
        """Scheme and host of the IAM Credentials API."""
        return self.iam_credentials_endpoint or f"https://iamcredentials.{self.universe_domain}"

    @property
    def oauth_url(self) -> str:
        """Endpoint that exchanges a signed assertion for a Workspace user's token."""
        return self.oauth_token_url or f"https://oauth2.{self.universe_domain}/token"


def checked(given: Settings) -> Settings:
    """Check settings, and return them in a canonical form, so that settings with the same meaning are equal.

    Raises:
        ConfigurationError: A setting is invalid.
    """
    universe = universe_domain(given.universe_domain)
    own = Settings("", universe_domain=universe)
    right = Settings(
        audience=_audience(given.audience),
        service_account=None
        if given.service_account is None
        else _service_account("service_account_email", given.service_account),
        scopes=strings("scopes", given.scopes),
        lifetime=lifetime("lifetime", given.lifetime),
        delegates=tuple(_service_account("delegate", each) for each in given.delegates),
        subject=optional_text("subject", given.subject),
        subject_token_type=_subject_token_type(given.subject_token_type),
        universe_domain=universe,
        token_url=_endpoint("token_url", given.token_url, own.sts_url),
        iam_credentials_endpoint=_endpoint(
            "iam_credentials_endpoint", given.iam_credentials_endpoint, own.iam_url, path=False
        ),
        oauth_token_url=_endpoint("oauth_token_url", given.oauth_token_url, own.oauth_url),
        verification_url=given.verification_url,
    )
    if right.service_account is None and (right.delegates or right.subject):
        raise ConfigurationError(
            "delegates and subject require a service account, and there is none. Set service_account_email (--service-account).",
            failure="no-service-account",
        )
    if right.subject and right.lifetime > _LONGEST_DELEGATED:
        raise ConfigurationError(
            f"A token that acts for a subject is valid for at most {_LONGEST_DELEGATED} s, not lifetime={right.lifetime}. Set lifetime=3600.",
            failure="lifetime-invalid",
        )
    if right.subject and universe != GOOGLEAPIS:
        raise ConfigurationError(
            f"subject (domain-wide delegation) is not available in the universe {universe!r}. Leave subject out."
        )
    return right


def _audience(value: object) -> str:
    """Return the full resource name of a provider, from any form in which Google's tools print it."""
    audience = text("audience", value.strip() if isinstance(value, str) else value)
    match = _AUDIENCE.fullmatch(re.sub(r"^https:(?=//)", "", audience))
    if match is None:
        raise ConfigurationError(
            f"The audience {quoted(audience)} names no workload identity pool provider. {_audience_fix(audience)}",
            failure="audience-malformed",
        )
    if match["provider"] is None:
        raise ConfigurationError(
            f"The audience {quoted(audience)} is a pool, not a provider. Add /providers/PROVIDER.\n"
            f"Run: gcloud iam workload-identity-pools providers list --location={match['location']} "
            f"--workload-identity-pool={match['pool']}",
            failure="pool-for-provider",
        )
    if not re.fullmatch("[0-9]+", match["project"]):
        raise ConfigurationError(
            f"The audience {quoted(audience)} has the project id {quoted(match['project'])} in the place of the project number. "
            "Replace it with the number.\n"
            f"Run: gcloud projects describe {'PROJECT_ID' if is_secret(audience) else shlex.quote(match['project'])} --format='value(projectNumber)'",
            failure="project-id-for-number",
        )
    name = f"//iam.googleapis.com/{match['path']}"
    return audience if audience == name else name  # copies for a thousand users share one string


def _audience_fix(audience: str) -> str:
    """Return how to correct a name that is not a provider's."""
    if re.match("principal(?:Set)?:", audience):
        return f"It is a member for IAM policies. Pass the provider: {AUDIENCE_FORM}."
    if "/workforcepools/" in audience.lower():
        return f"It is of a workforce pool, which is for people. Pass {AUDIENCE_FORM}."
    if "/workloadidentitypools/" in audience.lower():
        return _difference(audience) or f"Compare it with the form {AUDIENCE_FORM}."
    return _USE_FILE if re.search(r"\.json$|^[~.]?/(?!/)", audience) else f"Pass {AUDIENCE_FORM}."


def _difference(audience: str) -> str | None:
    """Return what to change in a name that is nearly right."""
    bare = audience.strip("'\"`<>")
    if bare != audience:
        return f"Remove the quotes around it: {bare}."
    start = re.match(r"(?!//iam\.googleapis\.com/)(?:[\w.-]*:)?/{0,3}(?:[\w.-]+/)?(?=projects/)", audience)
    if start is not None and start[0]:
        return f"Begin it with '//iam.googleapis.com/projects/' instead of {quoted(f'{start[0]}projects/')}."
    for name, what in (("workloadIdentityPools", "pool"), ("providers", "provider")):
        found = re.search(rf"/({name})/([^/]*)", audience, re.IGNORECASE)
        if found is None or found[1] != name:
            continue
        if re.fullmatch(r"[A-Z_]+|[<{\[$].*", found[2]):
            return f"Replace {quoted(found[2])} with the id of your {what}."
        if not re.fullmatch("[a-z0-9-]+", found[2]):
            return f"Correct {quoted(found[2])}: the id of a {what} has only lower-case letters, digits and hyphens."
    return None


def project_number(provider: str) -> str:
    """Return the number of the project that contains the pool."""
    return provider.split("/")[4]


def _service_account(name: str, value: object) -> str:
    """Return the e-mail address or unique id of a service account."""
    account = text(name, value.strip() if isinstance(value, str) else value)
    if not re.fullmatch(_SERVICE_ACCOUNT, account):
        raise ConfigurationError(
            f"The {name} {quoted(account)} is not a service account. Pass its e-mail address "
            "(NAME@PROJECT.iam.gserviceaccount.com) or its unique id (digits).",
            failure="not-a-service-account",
        )
    return account


def strings(name: str, value: object) -> tuple[str, ...]:
    """Return a sequence of non-empty strings as a tuple."""
    if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Iterable):
        example = _separated(value) if isinstance(value, str) else "['...']"
        raise ConfigurationError(
            f"{name} must be a sequence of strings, not {quoted(value)}. Pass a list: {name}={example}.",
            failure="list-expected",
        )
    found = tuple(text(f"Each item of {name}", item) for item in value)
    for item in found:
        if re.search(r"[\s,]", item):
            raise ConfigurationError(
                f"Each item of {name} must be one name, not {quoted(item)}. Pass a list: {name}={_separated(item)}.",
                failure="list-expected",
            )
    return found


def _separated(value: str) -> str:
    """Return a list of the values in a text with spaces or commas between them, as the command and gcloud accept them."""
    parts = [] if is_secret(value) else value.replace(",", " ").split()
    return quoted(parts) if parts else "['...']"


def lifetime(name: str, value: object) -> int:
    """Return the lifetime of an access token, in seconds."""
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= _LONGEST_LIFETIME:
        fix = "Use 3600 for an hour, without quotes." if isinstance(value, str) else "Use 3600 for an hour."
        if isinstance(value, timedelta):
            fix = "Pass int(lifetime.total_seconds())."
        raise ConfigurationError(
            f"{name} must be a whole number of seconds from 1 to {_LONGEST_LIFETIME}, not {quoted(value)}. {fix}",
            failure="lifetime-invalid",
        )
    return int(value)  # a member of an enumeration becomes its value


def _subject_token_type(value: object) -> str:
    """Return a subject token type: that of a signed request, or that of a JWT."""
    if value not in (AWS4_REQUEST, JWT):
        raise ConfigurationError(
            f"subject_token_type must be {AWS4_REQUEST!r} or {JWT!r}, not {quoted(value)}. "
            "Use the first for a provider of the type AWS, the second for OIDC.",
            failure=_WRONG_TYPE,
        )
    return AWS4_REQUEST if value == AWS4_REQUEST else JWT


def universe_domain(value: object) -> str:
    """Return a universe's domain, such as googleapis.com."""
    domain = text("universe_domain", value)
    if not _HOST.fullmatch(domain):
        raise ConfigurationError(
            f"universe_domain must be a host name such as {GOOGLEAPIS!r}, not {quoted(domain)}. Pass it without a scheme and a path.",
            failure="endpoint-invalid",
        )
    return domain


def _endpoint(name: str, value: object, usual: str, *, path: bool = True) -> str | None:
    """Return a URL that was set in code: https, or http on loopback. None: it is the default, which changes with the universe.

    If *path* is false, it may have no path.
    """
    if value is None:
        return None
    given = text(name, value)
    try:
        url = urlsplit(given)
        port_is_number = url.port is None or url.port > 0
    except ValueError:
        port_is_number = False
        url = urlsplit("")
    secure = url.scheme == "https" or (url.scheme == "http" and url.hostname in _LOOPBACK)
    printable = re.fullmatch(r"[!-~]+", given)
    if not (printable and secure and port_is_number and _NETLOC.fullmatch(url.netloc) and not url.fragment):
        raise ConfigurationError(
            f"{name} must be an https URL, or http on loopback, without a user part or a fragment, not {quoted(given)}. "
            f"Google's own is {usual}: leave {name} out to use it.",
            failure="endpoint-invalid",
        )
    if not path:
        given = given.rstrip("/")
        if url.path.strip("/") or not given.endswith(url.netloc):
            raise ConfigurationError(
                f"{name} must be a scheme and a host without a path, such as https://iamcredentials.{GOOGLEAPIS}, not {quoted(given)}. "
                "Remove the path.",
                failure="endpoint-invalid",
            )
    return None if given == usual else given


def quota_project_id(value: object) -> str | None:
    """Return a project that can be sent in a header, or None."""
    project = optional_text("quota_project_id", value)
    if project is not None and not project.isascii():
        raise ConfigurationError(
            f"quota_project_id must be the id or number of a project, not {quoted(project)}. Correct it."
        )
    return project


def optional_text(name: str, value: object) -> str | None:
    """Return a non-empty string, or None."""
    return None if value is None else text(name, value)


def text(name: str, value: object) -> str:
    """Return a non-empty string without control characters, so that it can be sent in a header."""
    if not isinstance(value, str) or not value.strip():
        # A part of an argument begins with a capital letter.
        seen, fix = quoted(value), f"Set {name}, or leave it out." if name.islower() else "Correct it, or remove it."
        if isinstance(value, Mapping):  # a mapping of a whole configuration would be longer than the message
            seen, fix = "a mapping", "To pass the content of a configuration file, use Credentials.from_info()."
        elif isinstance(value, int) and not isinstance(value, bool):
            fix = f"Pass it in quotes: {str(value)!r}."
        elif isinstance(value, bytes) and value:
            fix = "Pass str: call decode() for the bytes."
        elif isinstance(value, os.PathLike) and name == "audience":
            fix = _USE_FILE
        elif name in _REQUIRED:
            fix = f"Pass {_REQUIRED[name]}."
        failure = "audience-malformed" if name == "audience" else _WRONG_TYPE
        raise ConfigurationError(f"{name} must be a non-empty string, not {seen}. {fix}", failure=failure)
    if _MAYBE_SECRET.search(value) and is_secret(value):
        raise ConfigurationError(
            f"{name} must be a name, not {quoted(value)}. Check where the value comes from.", failure=_WRONG_TYPE
        )
    if not value.isprintable():
        raise ConfigurationError(
            f"{name} must be a single line of text, not {quoted(value)}. Remove line breaks and other control characters.",
            failure=_WRONG_TYPE,
        )
    return str.__str__(value)  # a member of an enumeration becomes its value, not its name
