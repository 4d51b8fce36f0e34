"""Check arguments and return settings. An invalid argument is a `ConfigurationError`, before anything is signed or sent."""

import re
import shlex
from collections.abc import Iterable
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
# Parts of a private key, a token and a key file's JSON, encoded or not, which names rarely contain.
_MAYBE_SECRET = re.compile(r"[{\"'\\%]|-----|eyJ|ya29|[A-Za-z0-9+=_-]{80}")
_LONGEST_LIFETIME = 43200
_LONGEST_DELEGATED = 3600


class UsualLifetime(int):
    """The default lifetime in seconds, which is not the same object as any 3600 that a caller passes."""


NOT_GIVEN = UsualLifetime(3600)


class Settings(NamedTuple):
    """The settings of a Google token. Equal settings share a token. An endpoint that is None is the universe's own."""

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
    """Return the settings, checked, and in the form in which they are compared.

    Raises:
        ConfigurationError: A setting is invalid.
    """
    universe = universe_domain(given.universe_domain)
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
        verification_url=given.verification_url,
        **{
            name: None if url is None else _endpoint(name, url, path=name != "iam_credentials_endpoint")
            for name, url in (
                ("token_url", given.token_url),
                ("iam_credentials_endpoint", given.iam_credentials_endpoint),
                ("oauth_token_url", given.oauth_token_url),
            )
        },
    )
    if right.service_account is None and (right.delegates or right.subject):
        raise ConfigurationError(
            "delegates and subject require a service account: set service_account_email.", failure="no-service-account"
        )
    if right.subject and right.lifetime > _LONGEST_DELEGATED:
        raise ConfigurationError(
            f"A token that acts for a subject is valid for at most {_LONGEST_DELEGATED} s, not lifetime={right.lifetime}."
        )
    if right.subject and universe != GOOGLEAPIS:
        raise ConfigurationError(f"subject (domain-wide delegation) is not available in the universe {universe!r}.")
    # An endpoint that equals the universe's own changes with the universe.
    own = Settings("", universe_domain=universe)
    return right._replace(
        token_url=None if right.token_url == own.sts_url else right.token_url,
        iam_credentials_endpoint=None
        if right.iam_credentials_endpoint == own.iam_url
        else right.iam_credentials_endpoint,
        oauth_token_url=None if right.oauth_token_url == own.oauth_url else right.oauth_token_url,
    )


def _audience(value: object) -> str:
    """Return the full resource name of a provider, from any form in which Google's tools print it."""
    given = text("audience", value.strip() if isinstance(value, str) else value)
    match = _AUDIENCE.fullmatch(re.sub(r"^https:(?=//)", "", given))
    if match is None:
        raise ConfigurationError(
            f"The audience {quoted(given)} names no workload identity pool provider. Expected {AUDIENCE_FORM}.",
            failure="audience-malformed",
        )
    if match["provider"] is None:
        raise ConfigurationError(
            f"The audience {quoted(given)} is a pool, not a provider. Add /providers/PROVIDER; to list the pool's providers, run: "
            f"gcloud iam workload-identity-pools providers list --location={match['location']} "
            f"--workload-identity-pool={match['pool']}",
            failure="pool-for-provider",
        )
    if not re.fullmatch("[0-9]+", match["project"]):
        raise ConfigurationError(
            f"The audience {quoted(given)} has the project id {quoted(match['project'])} where the project number belongs. To see the number, run: "
            f"gcloud projects describe {'PROJECT_ID' if is_secret(given) else shlex.quote(match['project'])} --format='value(projectNumber)'",
            failure="project-id-for-number",
        )
    return f"//iam.googleapis.com/{match['path']}"


def project_number(provider: str) -> str:
    """Return the number of the project that contains the pool."""
    return provider.split("/")[4]


def _service_account(name: str, value: object) -> str:
    """Return the e-mail address or unique id of a service account."""
    given = text(name, value)
    if not re.fullmatch(_SERVICE_ACCOUNT, given):
        raise ConfigurationError(
            f"The {name} {quoted(given)} is neither a service account's e-mail address (NAME@PROJECT.iam.gserviceaccount.com) "
            "nor its unique id (digits).",
            failure="not-a-service-account",
        )
    return given


def strings(name: str, value: object) -> tuple[str, ...]:
    """Return a sequence of non-empty strings as a tuple."""
    if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
        raise ConfigurationError(f"{name} must be a sequence of strings, not {quoted(value)}.")
    return tuple(text(name, item) for item in value)


def lifetime(name: str, value: object) -> int:
    """Return the lifetime of an access token, in seconds."""
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= _LONGEST_LIFETIME:
        raise ConfigurationError(
            f"{name} must be a whole number of seconds from 1 to {_LONGEST_LIFETIME}, not {quoted(value)}."
        )
    return int(value)  # the value of a member of an enumeration


def _subject_token_type(value: object) -> str:
    """Return the type of one of AWS's two proofs of identity."""
    if value not in (AWS4_REQUEST, JWT):
        raise ConfigurationError(f"subject_token_type must be {AWS4_REQUEST!r} or {JWT!r}, not {quoted(value)}.")
    return AWS4_REQUEST if value == AWS4_REQUEST else JWT


def universe_domain(value: object) -> str:
    """Return a universe's domain, such as googleapis.com."""
    given = text("universe_domain", value)
    if not _HOST.fullmatch(given):
        raise ConfigurationError(f"universe_domain must be a host name such as {GOOGLEAPIS!r}, not {quoted(given)}.")
    return given


def _endpoint(name: str, value: object, *, path: bool = True) -> str:
    """Return a URL that was set in code: https, or http on loopback. Without *path*: only scheme and host."""
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
            f"{name} must be an https URL, or http on loopback, without user part or fragment, not {quoted(given)}."
        )
    if not path:
        given = given.rstrip("/")
        if url.path.strip("/") or not given.endswith(url.netloc):
            raise ConfigurationError(
                f"{name} must be a scheme and a host without a path, such as https://iamcredentials.{GOOGLEAPIS}, not {quoted(given)}."
            )
    return given


def quota_project_id(value: object) -> str | None:
    """Return a project that can be sent in a header, or None."""
    given = optional_text("quota_project_id", value)
    if given is not None and not given.isascii():
        raise ConfigurationError(f"quota_project_id must be the id or number of a project, not {quoted(given)}.")
    return given


def optional_text(name: str, value: object) -> str | None:
    """Return a non-empty string, or None."""
    return None if value is None else text(name, value)


def text(name: str, value: object) -> str:
    """Return a non-empty string without control characters, which can be sent in a header."""
    if not isinstance(value, str) or not value.strip():
        raise ConfigurationError(f"{name} must be a non-empty string, not {quoted(value)}.")
    if _MAYBE_SECRET.search(value) and is_secret(value):
        raise ConfigurationError(f"{name} must be a name, not {quoted(value)}. Check where the value comes from.")
    if not value.isprintable():
        raise ConfigurationError(f"{name} must be a single line of text, not {quoted(value)}.")
    return str.__str__(value)  # the value of a member of an enumeration, not its name
