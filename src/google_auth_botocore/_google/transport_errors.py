"""Classify the errors of transports: an outage, or a mistake on this machine, which another attempt would not fix."""

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

# HTTP libraries. An error of one of their classes is a failed attempt, even if a user's own transport raises it.
_HTTP_LIBRARIES = {
    "aiohttp", "anyio", "h11", "h2", "httpcore", "httplib2", "httpx", "pycurl", "requests", "socks", "urllib3",
}  # fmt: skip
_TOO_MANY_FILES = {errno.EMFILE, errno.ENFILE}
# OpenSSL's messages for a file without a certificate or key, or with the key of another certificate.
_UNREADABLE = ("[X509", "[PEM", "PEM lib", "KEY_VALUES_MISMATCH")
_FILE = {errno.ENOENT, errno.EACCES, errno.EISDIR, errno.ENOTDIR, errno.EPERM, errno.ELOOP}
# The variables that name a CA bundle, in the order in which requests reads them.
_CA_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
_PROXY_VARIABLES = ("{}_proxy", "{}_PROXY", "all_proxy", "ALL_PROXY")

# Libraries that replace the network in a test.
_MOCKS = {"responses", "requests_mock", "pytest_socket", "httpretty", "pook", "vcr", "betamax", "mocket"}
_RESPONSES = "Connection refused by Responses"


class Mistake(NamedTuple):
    """A mistake on this machine.

    Attributes:
        reason: See `FederationError.reason`.
        what: What is wrong. None: the error's own text says it.
        detail: The library or the setting at fault. None: it is not known.
    """

    reason: str
    what: str | None = None
    detail: str | None = None


def failed_transport(error: Exception) -> bool:
    """Return whether an error means that the request failed. Any other error may come from a signal handler or a user's code."""
    known = (OSError, http.client.HTTPException, exceptions.TransportError, urllib3.exceptions.HTTPError)
    return isinstance(error, known) or _library(error) in _HTTP_LIBRARIES


def local_mistake(error: Exception, url: str) -> Mistake | None:
    """Return the mistake on this machine that caused an error. None: another attempt may succeed."""
    chain = list(related(error))
    if too_many_files(error):
        return None  # some may be closed before the next attempt
    return _mock(chain) or _untrusted(chain) or _proxy(chain, url) or _certificate_file(chain) or _recursion(chain)


def too_many_files(error: Exception | None) -> bool:
    """Return whether the process has run out of file descriptors."""
    return any(isinstance(each, OSError) and each.errno in _TOO_MANY_FILES for each in related(error))


def rejected_redirect(error: BaseException) -> int | None:
    """Return the HTTP status if an error is about a redirect, which httplib2 raises if it may not follow it. None: it is not."""
    for cause in (error, error.__cause__, error.__context__):
        with contextlib.suppress(Exception):  # the class has an attribute that raises
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
    found = any("CERTIFICATE_VERIFY_FAILED" in str(each) for each in chain)
    return Mistake("CERTIFICATE_VERIFY_FAILED") if found else None


def _proxy(chain: list[BaseException], url: str) -> Mistake | None:
    for each in chain:
        if isinstance(each, requests.exceptions.InvalidSchema) and "SOCKS" in str(each):
            what = "is a SOCKS proxy, and PySocks is not installed"
        elif isinstance(each, (requests.exceptions.InvalidURL, urllib3.exceptions.LocationValueError)):
            what = f"is not a valid URL ({type(each).__name__})"
        else:
            continue
        setting = _proxy_setting(url)
        return Mistake("InvalidProxy", f"the proxy in {setting} {what}", setting)
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
        # The number of an error of TLS is not one of the system's.
        other = isinstance(each, (ConnectionError, ssl.SSLError))
        of_a_file = isinstance(each, OSError) and not other and each.errno in _FILE
        unreadable = isinstance(each, ssl.SSLError) and any(part in text for part in _UNREADABLE)
        if "TLS CA certificate bundle" in text or of_a_file or unreadable:
            variable = next((name for name in _CA_VARIABLES if os.environ.get(name)), None)
            return Mistake("InvalidCertificateFile", detail=variable)
    return None


def _recursion(chain: list[BaseException]) -> Mistake | None:
    found = any(isinstance(each, RecursionError) for each in chain)
    return Mistake("RecursionError") if found else None


def _library(error: BaseException) -> str:
    return type(error).__module__.partition(".")[0]
