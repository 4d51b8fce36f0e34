"""Check Google's endpoints in a configuration file: the subject token and the federated token are sent there.

A file may come from an attacker, so each host must be Google's own.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from google_auth_botocore._redaction import quoted
from google_auth_botocore._settings import GOOGLEAPIS
from google_auth_botocore.exceptions import ConfigurationError

_IMPERSONATION_PATH = r"/v1/projects/-/serviceAccounts/(?P<account>[^/?#]+):generateAccessToken"
_NAMES = {"sts": "Google's Security Token Service", "iamcredentials": "Google's IAM Credentials API"}
_LABEL = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
# A Google Cloud region, such as us-east1. The form is narrow, because other labels may be names that users choose.
_REGION = r"[a-z]+-[a-z]+-?[0-9]{1,2}"


def token_url(url: object, universe: str) -> str:
    """Return the endpoint of the Security Token Service, with its host in lower case.

    https://cloud.google.com/iam/docs/reference/sts/rest lists the versions v1 and v1beta.

    Raises:
        ConfigurationError: The host is not Google's, or the path is wrong.
    """
    match = _match("token_url", url, "sts", universe, r"/v1(?:beta)?/token")
    if match is None:
        raise _wrong_path("token_url", url, "sts", f"https://sts.{universe}/v1/token")
    return match["origin"].lower() + match["path"]


def impersonation(url: object, universe: str, *, on_any_host: bool) -> tuple[str, str]:
    """Return the endpoint of the IAM Credentials API, and the service account in the URL.

    Args:
        url: The file's `service_account_impersonation_url`.
        universe: The universe's domain.
        on_any_host: Whether the code sets another endpoint. Then only the service account of this URL is used.

    Raises:
        ConfigurationError: The host is not Google's, or the path is wrong.
    """
    name, service = "service_account_impersonation_url", "iamcredentials"
    match: re.Match[str] | None
    if on_any_host:
        pattern = rf"(?P<origin>https?://[^/?#]+)(?P<path>{_IMPERSONATION_PATH})"
        match = re.fullmatch(pattern, url) if isinstance(url, str) else None
    else:
        match = _match(name, url, service, universe, _IMPERSONATION_PATH)
    if match is None:
        form = f"https://{service}.{universe}/v1/projects/-/serviceAccounts/EMAIL:generateAccessToken"
        raise _wrong_path(name, url, service, form)
    return match["origin"].lower(), match["account"].replace("%40", "@")


def _match(name: str, url: object, service: str, universe: str, path: str) -> re.Match[str] | None:
    """Match the URL of a Google service. Return None if it is not a URL, or only its path is wrong.

    Besides the plain host, these are accepted: mutual TLS (`mtls`), locational (`rep`) and Private Service Connect (`p`)
    endpoints, and three forms with a region. Google's libraries for Go, Java and .NET list them, google-auth's tests use one of
    them, and all of these names belong to Google.
    """
    domain = re.escape(universe)
    host = (
        rf"(?:{service}(?:\.mtls|\.{_LABEL}\.rep|\.{_REGION})?|{_REGION}[.-]{service}|{service}-{_LABEL}\.p)\.{domain}"
    )
    # Without ASCII, a letter such as U+017F would match an s.
    origin = rf"(?P<origin>(?ai:https://{host}(?::443)?))"
    if isinstance(url, str) and re.fullmatch(rf"{origin}(?:/.*)?", url):
        return re.fullmatch(rf"{origin}(?P<path>{path})", url)
    if isinstance(url, str) and url and "://" not in url:
        return None
    argument = name if name == "token_url" else "iam_credentials_endpoint"
    raise ConfigurationError(
        f"The configuration's {name} {quoted(url)} {_difference(url, service, universe)} "
        f"Correct it. To use your own endpoint, set it in code ({argument}=) or on the command line (--{argument.replace('_', '-')}).",
        failure="foreign-endpoint",
    )


def _difference(url: object, service: str, universe: str) -> str:
    """Return how a URL differs from Google's."""
    try:
        parts = urlsplit(url) if isinstance(url, str) and url.isascii() else None
        host = (parts.hostname or "") if parts is not None else ""
    except ValueError:
        parts, host = None, ""
    plain = f"{service}.{universe}"
    own = re.fullmatch(r"[a-z0-9.-]+", host) and any(
        f".{host}".endswith(f".{domain}") for domain in (universe, GOOGLEAPIS, "google.com")
    )
    if not own:
        return f"is not a Google endpoint ({plain} or one of its variants)."
    if not re.fullmatch(r"[!-~]+", str(url)):
        return "has a space or a control character."
    if host == plain:
        return f"must begin with https://{plain}/, without a user part and with no port other than 443."
    return f"is a Google host, but not the one of {_NAMES[service]} ({plain} or one of its variants)."


def _wrong_path(name: str, url: object, service: str, form: str) -> ConfigurationError:
    is_url = not isinstance(url, str) or "://" in url
    what = f"has the wrong path for {_NAMES[service]}" if is_url else "is not a URL"
    return ConfigurationError(f"The configuration's {name} {quoted(url)} {what}. Replace it with {form}.")
