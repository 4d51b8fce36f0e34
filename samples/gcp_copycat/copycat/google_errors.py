"""What the errors of Cloud Storage and of the way to its token mean."""

from __future__ import annotations

import json
import ssl
from collections.abc import Mapping

import requests
import urllib3
from google.auth.exceptions import GoogleAuthError, TransportError

from copycat.errors import (
    TRIES_FOR_WRONG_ANSWERS,
    CopyError,
    DeniedError,
    Failure,
    MissingError,
    SetupError,
    WrongAnswerError,
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


class WrongGoogleAnswerError(WrongAnswerError):
    """Cloud Storage's answer contradicts the question."""


class GoogleError(Exception):
    """Cloud Storage answered with an error.

    Args:
        status: HTTP status.
        headers: of the reply.
        body: of the reply.
        permission: what the request needs.
    """

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes, permission: str) -> None:
        self.status = status
        self.permission = permission
        self.retry_after = retry_after(headers)
        self.reason, self.message = _parsed(body)
        super().__init__(self.message)


def judge(settings: Settings, error: Exception) -> Failure | None:
    """Tell what an exception means; None: it has nothing to do with Google."""
    if isinstance(error, GoogleError):
        return _of_an_answer(settings, error)
    if isinstance(error, WrongAnswerError):
        return Failure(error, transient=True, tries=TRIES_FOR_WRONG_ANSWERS)
    if isinstance(error, GoogleAuthError):
        transient = error.retryable or isinstance(error, TransportError)
        said = one_line(error) if isinstance(error, (FederationError, ConfigurationError)) else sentence(error)
        return Failure(CopyError(said) if transient else SetupError(said), transient=transient)
    if isinstance(error, (requests.RequestException, urllib3.exceptions.HTTPError)) and isinstance(error, ValueError):
        return Failure(SetupError(f"--storage-endpoint is invalid: {sentence(error)}"))
    silent = (urllib3.exceptions.HTTPError, requests.RequestException, ssl.SSLError, ConnectionError, TimeoutError)
    if isinstance(error, silent):
        if any(isinstance(each, ssl.SSLCertVerificationError) for each in chain(error)):
            return Failure(SetupError(f"Cloud Storage's certificate is not trusted: {sentence(error)}"))
        return Failure(CopyError(f"Cloud Storage did not answer: {sentence(error)}"), transient=True)
    return None


def _of_an_answer(settings: Settings, error: GoogleError) -> Failure:
    status, said = error.status, f"HTTP {error.status}: {error.message}"
    bucket = f"bucket '{settings.source}'"
    if status == 429 or error.reason in _RATE_LIMITS or status == 503:
        slower = CopyError(f"Cloud Storage requests a lower rate ({said})")
        return Failure(slower, transient=True, throttled=True, retry_after=error.retry_after)
    if status >= 500 or status == 408:
        return Failure(CopyError(f"Cloud Storage failed ({said})"), transient=True, retry_after=error.retry_after)
    if status < 400 or status == 416:
        return Failure(
            WrongGoogleAnswerError(f"Cloud Storage gave a wrong answer ({said})"),
            transient=True,
            tries=TRIES_FOR_WRONG_ANSWERS,
        )
    if status == 401:
        return Failure(SetupError(f"Cloud Storage rejected the access token ({said})"))
    if "requester pays" in error.message.lower():
        return Failure(SetupError(f"In Cloud Storage, {bucket} requires --quota-project: the requester pays ({said})"))
    if status == 403:
        hint = " or serviceusage.services.use on the quota project" if settings.quota_project else ""
        reason = f"Cloud Storage denied {error.permission} on {bucket}{hint} ({said})"
        of_the_bucket = error.permission == LIST
        return Failure(SetupError(reason) if of_the_bucket else DeniedError(reason, error.permission))
    if status == 404:
        if error.permission == LIST or "bucket does not exist" in error.message:
            return Failure(SetupError(f"Cloud Storage has no {bucket} ({said})"))
        return Failure(MissingError("it was deleted or replaced after it had been listed"))
    # The reply to a download has no reason, and the message is all of its body.
    if "customerencryption" in error.reason.lower() or "customer-supplied encryption key" in error.message.lower():
        return Failure(CopyError(f"it is encrypted with a customer-supplied key, which CopyCat does not have ({said})"))
    return Failure(CopyError(f"Cloud Storage rejected the request ({said})"))


def _parsed(body: bytes) -> tuple[str, str]:
    """Return reason and message of an error: JSON, or else plain text."""
    text = body.decode("utf-8", "replace")
    try:
        error = json.loads(text)["error"]
        return str(error["errors"][0].get("reason", "")), sentence(error.get("message", ""))
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):
        return "", sentence(text) or "no message"
