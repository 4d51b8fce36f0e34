"""What the errors of transports mean: an outage, or a mistake on this machine that another attempt does not change."""

import contextlib
import errno
import http.client
import os
import ssl
from typing import NamedTuple
from urllib.parse import urlsplit

import requests
import urllib3.exceptions
from google.auth import exceptions

from google_auth_botocore._redaction import related

# Libraries that speak HTTP; an error of a class of theirs is a failed attempt, also from a user's own transport.
_HTTP_LIBRARIES = {
    "aiohttp", "anyio", "h11", "h2", "httpcore", "httplib2", "httpx", "pycurl", "requests", "socks", "urllib3",
}  # fmt: skip
_TOO_MANY_FILES = {errno.EMFILE, errno.ENFILE}
# OpenSSL's words for a file that holds no certificate or key, or a key of another certificate.
_UNREADABLE = ("[X509", "[PEM", "PEM lib", "KEY_VALUES_MISMATCH")
_FILE = {errno.ENOENT, errno.EACCES, errno.EISDIR, errno.ENOTDIR, errno.EPERM, errno.ELOOP}
# In the order in which requests reads them.
_CA_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
_PROXY_VARIABLES = ("{}_proxy", "{}_PROXY", "all_proxy", "ALL_PROXY")

# Libraries that replace the network in a test.
_MOCKS = {"responses", "requests_mock", "pytest_socket", "httpretty", "pook", "vcr", "betamax", "mocket"}
_RESPONSES = "Connection refused by Responses"


class Mistake(NamedTuple):
    """A mistake on this machine.

    Attributes:
        reason: A name for it, for `FederationError.reason`.
        what: What is wrong; None if the error's own text says it.
        detail: The library or the setting at fault, if it is known.
    """

    reason: str
    what: str | None = None
    detail: str | None = None


def failed_transport(error: Exception) -> bool:
    """Whether an error is known to mean that the request failed; anything else may come from anywhere."""
    known = (OSError, http.client.HTTPException, exceptions.TransportError, urllib3.exceptions.HTTPError)
    return isinstance(error, known) or _library(error) in _HTTP_LIBRARIES


def local_mistake(error: Exception, url: str) -> Mistake | None:
    """The mistake on this machine that an error comes of, if it does; another attempt would fail in the same way."""
    chain = list(related(error))
    if too_many_files(error):
        return None  # the next attempt may find some closed
    return _mock(chain) or _untrusted(chain) or _proxy(chain, url) or _certificate_file(chain) or _recursion(chain)


def too_many_files(error: Exception | None) -> bool:
    """Return whether the process has run out of file descriptors."""
    return any(isinstance(each, OSError) and each.errno in _TOO_MANY_FILES for each in related(error))


def rejected_redirect(error: BaseException) -> int | None:
    """The status of a redirect that httplib2 makes an error of because it may not follow it."""
    for cause in (error, error.__cause__, error.__context__):
        with contextlib.suppress(Exception):  # of a class whose attributes raise
            status = getattr(getattr(cause, "response", None), "status", None)
            if isinstance(status, int) and 300 <= status < 400:
                return status
    return None


def _mock(chain: list[BaseException]) -> Mistake | None:
    names = (("responses" if str(each).startswith(_RESPONSES) else _library(each)) for each in chain)
    name = next((name for name in names if name in _MOCKS), None)
    if name is None:
        return None
    return Mistake("HttpMock", f"{name} replaces the network", name)


def _untrusted(chain: list[BaseException]) -> Mistake | None:
    if not any("CERTIFICATE_VERIFY_FAILED" in str(each) for each in chain):
        return None
    return Mistake("CERTIFICATE_VERIFY_FAILED")


def _proxy(chain: list[BaseException], url: str) -> Mistake | None:
    for each in chain:
        if isinstance(each, requests.exceptions.InvalidSchema) and "SOCKS" in str(each):
            return Mistake(
                "InvalidProxy",
                f"the proxy in {_proxy_setting(url)} is a SOCKS proxy, and PySocks is not installed",
                _proxy_setting(url),
            )
        if isinstance(each, (requests.exceptions.InvalidURL, urllib3.exceptions.LocationValueError)):
            return Mistake(
                "InvalidProxy",
                f"the proxy in {_proxy_setting(url)} is not a valid URL ({type(each).__name__})",
                _proxy_setting(url),
            )
    return None


def _proxy_setting(url: str) -> str:
    scheme = urlsplit(url).scheme
    names = (each.format(scheme if "_proxy" in each else scheme.upper()) for each in _PROXY_VARIABLES)
    return next((name for name in names if os.environ.get(name)), "the transport's own settings")


def _certificate_file(chain: list[BaseException]) -> Mistake | None:
    if any(isinstance(each, urllib3.exceptions.NewConnectionError) for each in chain):
        return None  # the error number is the socket's
    for each in chain:
        text = str(each)
        if "TLS certificate file" in text or "TLS key file" in text:
            return Mistake("InvalidClientCertificate")
        of_a_file = isinstance(each, OSError) and not isinstance(each, ConnectionError) and each.errno in _FILE
        unreadable = isinstance(each, ssl.SSLError) and any(part in text for part in _UNREADABLE)
        if "TLS CA certificate bundle" in text or of_a_file or unreadable:
            variable = next((name for name in _CA_VARIABLES if os.environ.get(name)), None)
            return Mistake("InvalidCertificateFile", detail=variable)
    return None


def _recursion(chain: list[BaseException]) -> Mistake | None:
    if not any(isinstance(each, RecursionError) for each in chain):
        return None
    return Mistake("RecursionError")


def _library(error: BaseException) -> str:
    return type(error).__module__.partition(".")[0]
