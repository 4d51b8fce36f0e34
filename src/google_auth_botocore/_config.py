"""Text in, checked settings out: the audience, service accounts, endpoints and `external_account` files.

Everything wrong with an argument or a file is a `ConfigurationError` here, before anything is signed or sent.
The file's format: https://google.aip.dev/auth/4117.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from google_auth_botocore.exceptions import ConfigurationError

AWS4_REQUEST = "urn:ietf:params:aws:token-type:aws4_request"
JWT = "urn:ietf:params:oauth:token-type:jwt"
CLOUD_PLATFORM = "https://www.googleapis.com/auth/cloud-platform"
GOOGLEAPIS = "googleapis.com"

_AUDIENCE_FORM = "//iam.googleapis.com/projects/PROJECT_NUMBER/locations/global/workloadIdentityPools/POOL/providers/PROVIDER"
_AUDIENCE = re.compile(
    r"(?://iam\.googleapis\.com/)?(?P<path>projects/(?P<project>[^/\s]+)/locations/(?P<location>[a-z0-9-]+)"
    r"/workloadIdentityPools/(?P<pool>[a-z0-9-]+)(?:/providers/(?P<provider>[a-z0-9-]+))?)/?"
)
_SERVICE_ACCOUNT = re.compile(
    r"[a-zA-Z0-9][a-zA-Z0-9._-]*@[a-zA-Z0-9][a-zA-Z0-9.:-]*\.[a-zA-Z]+|[0-9]{6,32}"
)
_HOST = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+")
# What gcloud writes for every partition alike.
USUAL_VERIFICATION_URL = (
    "https://sts.{region}.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15"
)
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_LONGEST_LIFETIME = 43200
_LONGEST_DELEGATED = 3600


@dataclass(frozen=True)
class Settings:
    """What a Google token is asked for; equal settings share a token. None as an endpoint: the universe's own."""

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
        """Where the subject token is exchanged."""
        return self.token_url or f"https://sts.{self.universe_domain}/v1/token"

    @property
    def iam_url(self) -> str:
        """Scheme and host of the IAM Credentials API."""
        return self.iam_credentials_endpoint or f"https://iamcredentials.{self.universe_domain}"

    @property
    def oauth_url(self) -> str:
        """Where a signed assertion is exchanged for a Workspace user's token."""
        return self.oauth_token_url or f"https://oauth2.{self.universe_domain}/token"


# Arguments of `Credentials` that an external_account file has a place for.
IN_A_FILE = {
    "audience",
    "service_account_email",
    "lifetime",
    "quota_project_id",
    "project_id",
    "subject_token_type",
    "universe_domain",
    "token_url",
    "iam_credentials_endpoint",
}


def checked(given: Settings) -> Settings:
    """The same settings, each of them right and in the form in which they are compared.

    Raises:
        ConfigurationError: One of them can't be right.
    """
    universe = _universe_domain(given.universe_domain)
    right = Settings(
        audience=_audience(given.audience),
        service_account=None
        if given.service_account is None
        else _service_account("service_account_email", given.service_account),
        scopes=strings("scopes", given.scopes),
        lifetime=_lifetime(given.lifetime),
        delegates=tuple(_service_account("delegate", each) for each in given.delegates),
        subject=optional_text("subject", given.subject),
        subject_token_type=_subject_token_type(given.subject_token_type),
        universe_domain=universe,
        verification_url=given.verification_url,
        **{
            name: None
            if url is None
            else _endpoint(name, url, path=name != "iam_credentials_endpoint")
            for name, url in (
                ("token_url", given.token_url),
                ("iam_credentials_endpoint", given.iam_credentials_endpoint),
                ("oauth_token_url", given.oauth_token_url),
            )
        },
    )
    if right.service_account is None and (right.delegates or right.subject):
        raise ConfigurationError(
            "delegates and subject need a service account: set service_account_email."
        )
    if right.subject and right.lifetime > _LONGEST_DELEGATED:
        raise ConfigurationError(
            f"A token that acts for a subject lives at most {_LONGEST_DELEGATED} s, not lifetime={right.lifetime}."
        )
    if right.subject and universe != GOOGLEAPIS:
        raise ConfigurationError(
            f"subject (domain-wide delegation) is not available in the universe {universe!r}."
        )
    # An endpoint that is the universe's own anyway moves with the universe.
    own = Settings("", universe_domain=universe)
    return replace(
        right,
        token_url=None if right.token_url == own.sts_url else right.token_url,
        iam_credentials_endpoint=None
        if right.iam_credentials_endpoint == own.iam_url
        else right.iam_credentials_endpoint,
        oauth_token_url=None if right.oauth_token_url == own.oauth_url else right.oauth_token_url,
    )


def _audience(value: object) -> str:
    """The full resource name of a provider, from any form in which Google's tools print it."""
    given = text("audience", value).strip()
    match = _AUDIENCE.fullmatch(re.sub(r"^https:(?=//)", "", given))
    if match is None:
        raise ConfigurationError(
            f"The audience {given!r} names no workload identity pool provider. Expected {_AUDIENCE_FORM}."
        )
    if match["provider"] is None:
        raise ConfigurationError(
            f"The audience {given!r} is a pool, not a provider. Add /providers/PROVIDER; to list the pool's providers, run: "
            f"gcloud iam workload-identity-pools providers list --location={match['location']} "
            f"--workload-identity-pool={match['pool']}"
        )
    if not match["project"].isdigit():
        raise ConfigurationError(
            f"The audience {given!r} has the project id {match['project']!r} where the project number belongs. To see the number, run: "
            f"gcloud projects describe {match['project']} --format='value(projectNumber)'"
        )
    return f"//iam.googleapis.com/{match['path']}"


def project_number(provider: str) -> str:
    """The number of the project that has the pool."""
    return provider.split("/")[4]


def _service_account(name: str, value: object) -> str:
    """An e-mail address or unique id of a service account."""
    given = text(name, value)
    if not _SERVICE_ACCOUNT.fullmatch(given):
        raise ConfigurationError(
            f"The {name} {given!r} is neither a service account's e-mail address (NAME@PROJECT.iam.gserviceaccount.com) "
            "nor its unique id (digits)."
        )
    return given


def strings(name: str, value: object) -> tuple[str, ...]:
    """A sequence of non-empty strings, as a tuple."""
    if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
        raise ConfigurationError(f"{name} must be a sequence of strings, not {value!r}.")
    return tuple(text(name, item) for item in value)


def _lifetime(value: object) -> int:
    """Seconds that an access token is asked to live."""
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= _LONGEST_LIFETIME:
        raise ConfigurationError(
            f"lifetime must be a whole number of seconds from 1 to {_LONGEST_LIFETIME}, not {value!r}."
        )
    return value


def _subject_token_type(value: object) -> str:
    """One of the two proofs of identity that AWS gives."""
    if value not in (AWS4_REQUEST, JWT):
        raise ConfigurationError(
            f"subject_token_type must be {AWS4_REQUEST!r} or {JWT!r}, not {value!r}."
        )
    return str(value)


def _universe_domain(value: object) -> str:
    """A universe's domain, such as googleapis.com."""
    given = text("universe_domain", value)
    if not _HOST.fullmatch(given):
        raise ConfigurationError(
            f"universe_domain must be a host name such as {GOOGLEAPIS!r}, not {given!r}."
        )
    return given


def _endpoint(name: str, value: object, *, path: bool = True) -> str:
    """A URL given in code: https, or http on loopback. Without *path*, scheme and host alone."""
    given = text(name, value)
    try:
        url = urlsplit(given)
        port_is_number = url.port is None or url.port > 0
    except ValueError:
        port_is_number = False
        url = urlsplit("")
    secure = url.scheme == "https" or (url.scheme == "http" and url.hostname in _LOOPBACK)
    printable = re.fullmatch(r"[!-~]+", given)
    if not (
        printable
        and secure
        and port_is_number
        and url.hostname
        and not url.fragment
        and "@" not in url.netloc
    ):
        raise ConfigurationError(
            f"{name} must be an https URL, or http on loopback, without user part or fragment, not {given!r}."
        )
    if not path:
        given = given.rstrip("/")
        if url.path.strip("/") or url.query:
            raise ConfigurationError(
                f"{name} must be a scheme and a host without a path, such as https://iamcredentials.{GOOGLEAPIS}, not {given!r}."
            )
    return given


def optional_text(name: str, value: object) -> str | None:
    """A non-empty string, or None."""
    return None if value is None else text(name, value)


def text(name: str, value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ConfigurationError(f"{name} must be a non-empty string, not {value!r}.")
    return value


def from_info(info: object, universe_in_code: object = None) -> dict[str, Any]:
    """The arguments of `Credentials` that an `external_account` mapping holds.

    Args:
        info: The mapping that `gcloud iam workload-identity-pools create-cred-config --aws` wrote.
        universe_in_code: The universe domain given beside it; the file's must be this or googleapis.com.
    """
    if not isinstance(info, Mapping):
        raise ConfigurationError(
            f"The configuration must be a JSON object, not {type(info).__name__}."
        )
    kind = info.get("type")
    if kind != "external_account":
        raise ConfigurationError(
            f"The configuration has the type {kind!r}, not 'external_account'. "
            "Write one with: gcloud iam workload-identity-pools create-cred-config … --aws"
        )
    for name in ("client_id", "client_secret", "workforce_pool_user_project"):
        if info.get(name):
            raise ConfigurationError(
                f"The configuration has {name}, which is for workforce identity; AWS workloads use none. Remove it."
            )
    if "audience" not in info:
        raise ConfigurationError(f"The configuration lacks 'audience'. Expected {_AUDIENCE_FORM}.")
    universe = _universe_domain(GOOGLEAPIS if universe_in_code is None else universe_in_code)
    stated = info.get("universe_domain")
    if stated not in (None, GOOGLEAPIS, universe):
        raise ConfigurationError(
            f"The configuration names the universe domain {stated!r}. A universe other than {GOOGLEAPIS} must be given in code: universe_domain={stated!r}."
        )
    if universe_in_code is None:
        universe = GOOGLEAPIS
    arguments: dict[str, Any] = {"audience": info["audience"], "universe_domain": universe}
    arguments.update(
        _token_url(info, universe), **_impersonation(info, universe), **_credential_source(info)
    )
    if (token_type := info.get("subject_token_type")) is not None:
        arguments["subject_token_type"] = token_type
    for name, argument in (("quota_project_id", "quota_project_id"), ("project_id", "project_id")):
        if info.get(name) is not None:
            arguments[argument] = info[name]
    return arguments


def _token_url(info: Mapping[str, Any], universe: str) -> dict[str, Any]:
    url = info.get("token_url")
    if url is None:
        return {}
    _google_url("token_url", url, "sts", universe, r"/v1/token")
    return {} if url == f"https://sts.{universe}/v1/token" else {"token_url": url}


def _impersonation(info: Mapping[str, Any], universe: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    url = info.get("service_account_impersonation_url")
    if url is not None:
        match = _google_url(
            "service_account_impersonation_url",
            url,
            "iamcredentials",
            universe,
            r"/v1/projects/-/serviceAccounts/([^/?#]+):generateAccessToken",
        )
        found["service_account_email"] = match[1].replace("%40", "@")
        endpoint_ = url[: url.index("/v1/")]
        if endpoint_ != f"https://iamcredentials.{universe}":
            found["iam_credentials_endpoint"] = endpoint_
    options = info.get("service_account_impersonation")
    if options is not None and not isinstance(options, Mapping):
        raise ConfigurationError("service_account_impersonation must be a JSON object.")
    if options and options.get("token_lifetime_seconds") is not None:
        found["lifetime"] = options["token_lifetime_seconds"]
    return found


def _credential_source(info: Mapping[str, Any]) -> dict[str, Any]:
    """Only the verification URL is used: where the keys come from, botocore's chain knows better."""
    source = info.get("credential_source")
    if source is None:
        return {}
    if not isinstance(source, Mapping):
        raise ConfigurationError("credential_source must be a JSON object.")
    environment = source.get("environment_id")
    if environment != "aws1":
        raise ConfigurationError(
            f"credential_source has the environment_id {environment!r}, not 'aws1': the configuration is not for AWS. "
            "google.auth.load_credentials_from_file takes it."
        )
    return {"verification_url": source.get("regional_cred_verification_url")}


def to_info(
    settings: Settings, quota_project_id: str | None, project_id: str | None
) -> dict[str, Any]:
    """The `external_account` mapping with this meaning, as gcloud would write it."""
    metadata = "http://169.254.169.254/latest"
    info: dict[str, Any] = {
        "universe_domain": settings.universe_domain,
        "type": "external_account",
        "audience": settings.audience,
        "subject_token_type": settings.subject_token_type,
        "token_url": settings.sts_url,
        "credential_source": {
            "environment_id": "aws1",
            "region_url": f"{metadata}/meta-data/placement/availability-zone",
            "url": f"{metadata}/meta-data/iam/security-credentials",
            "regional_cred_verification_url": settings.verification_url or USUAL_VERIFICATION_URL,
            "imdsv2_session_token_url": f"{metadata}/api/token",
        },
    }
    if settings.service_account is not None:
        info["service_account_impersonation_url"] = (
            f"{settings.iam_url}/v1/projects/-/serviceAccounts/{settings.service_account}:generateAccessToken"
        )
        if settings.lifetime != Settings.lifetime:
            info["service_account_impersonation"] = {"token_lifetime_seconds": settings.lifetime}
    if quota_project_id is not None:
        info["quota_project_id"] = quota_project_id
    if project_id is not None:
        info["project_id"] = project_id
    return info


def _google_url(name: str, url: object, service: str, universe: str, path: str) -> re.Match[str]:
    """Endpoints from a file must be Google's: the subject token and the federated token go there.

    Beside the plain host: mutual TLS, locational (`rep`) and Private Service Connect (`p`) endpoints.
    """
    domain = re.escape(universe)
    label = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
    host = rf"(?:{service}(?:\.mtls|\.{label}\.rep)?\.{domain}|{service}-{label}\.p\.{domain})"
    match = re.fullmatch(rf"https://{host}(?::443)?{path}", url) if isinstance(url, str) else None
    if match is None:
        raise ConfigurationError(
            f"The configuration's {name} {url!r} is not an endpoint of Google's ({service}.{universe} and its forms). "
            "An endpoint of your own must be given in code."
        )
    return match
