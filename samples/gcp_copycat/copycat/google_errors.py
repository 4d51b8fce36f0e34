"""Classifies the exceptions of Cloud Storage requests, and of getting access tokens for them."""

from __future__ import annotations

import json
import ssl
from collections.abc import Mapping

import requests
import urllib3
from google.auth.exceptions import GoogleAuthError, TransportError

from copycat.errors import (
    TRIES_FOR_INVALID_RESPONSES,
    CopyError,
    DeniedError,
    Failure,
    InvalidResponseError,
    MissingError,
    SetupError,
    chain,
    one_line,
    retry_after,
    sentence,
)
from copycat.settings import Settings
from google_auth_botocore import ConfigurationError, FederationError

# https://cloud.google.com/storage/docs/access-control/iam-permissions
LIST, GET = "storage.objects.list", "storage.objects.get"
_RATE_LIMITS = {"rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded", "slowDown"}


class InvalidGoogleResponseError(InvalidResponseError):
    """Cloud Storage's response is invalid, or contradicts the request."""


class GoogleResponseError(Exception):
    """Cloud Storage sent an error response.

    Args:
        status: HTTP status code.
        headers: headers of the response.
        body: body of the response.
        permission: permission that the request requires.
    """

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes, permission: str) -> None:
        self.status = status
        self.permission = permission
        self.retry_after = retry_after(headers)
        self.reason, self.message = _parsed(body)
        super().__init__(self.message)


def classify(settings: Settings, error: Exception) -> Failure | None:
    """Classify an exception. Return None if it does not come from Google or its libraries."""
    if isinstance(error, GoogleResponseError):
        return _classify_response(settings, error)
    if isinstance(error, InvalidResponseError):
        return Failure(error, transient=True, tries=TRIES_FOR_INVALID_RESPONSES)
    if isinstance(error, GoogleAuthError):
        transient = error.retryable or isinstance(error, TransportError)
        details = one_line(error) if isinstance(error, (FederationError, ConfigurationError)) else sentence(error)
        return Failure(CopyError(details) if transient else SetupError(details), transient=transient)
    if isinstance(error, (requests.RequestException, urllib3.exceptions.HTTPError)) and isinstance(error, ValueError):
        return Failure(SetupError(f"--storage-endpoint is invalid: {sentence(error)}"))
    no_response = (urllib3.exceptions.HTTPError, requests.RequestException, ssl.SSLError, ConnectionError, TimeoutError)
    if isinstance(error, no_response):
        if any(isinstance(each, ssl.SSLCertVerificationError) for each in chain(error)):
            return Failure(SetupError(f"Cloud Storage's certificate is not trusted: {sentence(error)}"))
        return Failure(CopyError(f"Cloud Storage did not respond: {sentence(error)}"), transient=True)
    return None


def _classify_response(settings: Settings, error: GoogleResponseError) -> Failure:
    status, details = error.status, f"HTTP {error.status}: {error.message}"
    bucket = f"bucket '{settings.source}'"
    if status == 429 or error.reason in _RATE_LIMITS or status == 503:
        throttled = CopyError(f"Cloud Storage is throttling requests ({details})")
        return Failure(throttled, transient=True, throttled=True, retry_after=error.retry_after)
    if status >= 500 or status == 408:
        return Failure(CopyError(f"Cloud Storage failed ({details})"), transient=True, retry_after=error.retry_after)
    if status < 400 or status == 416:
        return Failure(
            InvalidGoogleResponseError(f"Cloud Storage sent an invalid response ({details})"),
            transient=True,
            tries=TRIES_FOR_INVALID_RESPONSES,
        )
    if status == 401:
        return Failure(SetupError(f"Cloud Storage rejected the access token ({details})"))
    if "requester pays" in error.message.lower():
        return Failure(SetupError(f"The requester pays for Cloud Storage {bucket}. Set --quota-project ({details})"))
    if status == 403:
        hint = " or serviceusage.services.use on the quota project" if settings.quota_project else ""
        reason = f"Cloud Storage denied {error.permission} on {bucket}{hint} ({details})"
        is_bucket_request = error.permission == LIST
        return Failure(SetupError(reason) if is_bucket_request else DeniedError(reason, error.permission))
    if status == 404:
        if error.permission == LIST or "bucket does not exist" in error.message:
            return Failure(SetupError(f"Cloud Storage has no {bucket} ({details})"))
        return Failure(MissingError("it was deleted or replaced after it was listed"))
    # The error response to a download is plain text without a reason.
    if "customerencryption" in error.reason.lower() or "customer-supplied encryption key" in error.message.lower():
        return Failure(
            CopyError(f"it is encrypted with a customer-supplied key, which CopyCat does not have ({details})")
        )
    return Failure(CopyError(f"Cloud Storage rejected the request ({details})"))


def _parsed(body: bytes) -> tuple[str, str]:
    """Return the reason and the message of an error response, which is JSON or plain text."""
    text = body.decode("utf-8", "replace")
    try:
        error = json.loads(text)["error"]
        return str(error["errors"][0].get("reason", "")), sentence(error.get("message", ""))
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):
        return "", sentence(text) or "no message"
