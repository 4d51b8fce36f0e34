"""Translate the errors of botocore and AWS: a reason, how to fix it, and no secrets."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Mapping
from typing import Any

import botocore.exceptions

from google_auth_botocore import _hints, _redaction
from google_auth_botocore.exceptions import FederationError, TransientFederationError

# http.client quotes a header that it refuses to send.
_INVALID_HEADER = "Invalid header value "
SECRET = rf"{_redaction.KEY_LIKE}|(?<={_INVALID_HEADER}).*"

# AWS's codes for temporary failures, with any HTTP status. botocore's own table of them is private.
_TEMPORARY = {
    "EC2ThrottledException",
    "IDPCommunicationError",
    "InternalError",
    "InternalFailure",
    "PriorRequestNotComplete",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "RequestTimeout",
    "RequestTimeoutException",
    "ServiceUnavailable",
    "SlowDown",
    "Throttling",
    "ThrottledException",
    "ThrottlingException",
    "TooManyRequestsException",
    "TransactionInProgressException",
}
# AWS's codes for keys that it rejects. Their source may have newer ones.
_REJECTED_KEYS = {
    "AuthFailure",
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}
# The process or the machine has run out of files, memory or processes.
_EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS, errno.EAGAIN)
# botocore reads these from its data folder, for every source that calls an AWS service.
_NO_DATA = (botocore.exceptions.DataNotFoundError, botocore.exceptions.ApiVersionNotFoundError)
_TRANSIENT = (
    botocore.exceptions.HTTPClientError,
    botocore.exceptions.ConnectionError,
    botocore.exceptions.MetadataRetrievalError,
)

# Errors of a session that cannot use its files.
OF_A_FILE = (
    botocore.exceptions.ProfileNotFound,
    botocore.exceptions.ConfigParseError,
    botocore.exceptions.PartialCredentialsError,
)


def failed(message: str, reason: str, hint: str) -> FederationError:
    """An error of the AWS step that stays until somebody does something."""
    return FederationError(message, step="aws", reason=reason, hint=hint)


def rejected_keys(error: FederationError) -> bool:
    """Whether AWS rejected the keys, directly or in its answer to Google, so that keys resolved again may work."""
    reason = error.aws_reason or (error.reason if error.step == "aws" else None)
    return reason in _REJECTED_KEYS and not _hints.skewed(str(error))


def exhausted(error: BaseException) -> bool:
    """Whether the error comes from "too many open files" or the like, at whatever depth."""
    return any(isinstance(each, OSError) and each.errno in _EXHAUSTED for each in _redaction.related(error))


def translated(error: Exception) -> FederationError:
    """Return botocore's exception as one of ours."""
    if isinstance(error.__context__, botocore.exceptions.MetadataRetrievalError):
        error = error.__context__  # the container provider hides that it reached nobody, or whom
    if isinstance(error, _NO_DATA):
        return failed(
            f"botocore's data files cannot be read ({type(error).__name__}): "
            f"{_redaction.cleaned(str(error).partition(' Valid service names')[0]).rstrip('.')}. "
            f"botocore was loaded from {os.path.dirname(botocore.__file__)}.",  # noqa: PTH120 - may be a path in a zip
            type(error).__name__,
            _hints.BOTOCORE_DATA,
        )
    if _INVALID_HEADER in str(error):
        return failed("An AWS key contains white space.", "InvalidCredentials", _hints.AWS_WHITE_SPACE)
    reason, status = type(error).__name__, None
    # A container's endpoint that answers 4xx has refused; one that breaks down, or can't be reached, may come back.
    transient = isinstance(error, _TRANSIENT) and not re.search(r"non 200 response 4(?!08|29)", str(error))
    if isinstance(error, botocore.exceptions.CredentialRetrievalError) and _provider(error) == "iam-role":
        transient = (
            True  # metadata that has given keys before, and no new ones: when they are resolved again, it says why
        )
    if isinstance(error, botocore.exceptions.ClientError):
        response: Mapping[str, Any] = error.response
        reason = _redaction.cleaned(str(response.get("Error", {}).get("Code") or "")) or reason
        status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        transient = reason in _TEMPORARY or (status or 0) >= 500 or status == 429
    hint = _hints.aws(reason, str(error))
    if exhausted(error):
        transient, hint = True, _hints.EXHAUSTED
    make = TransientFederationError if transient else FederationError
    # botocore counts its own retries, which `_session.client_config` switches off.
    text = str(error).replace(" (reached max retries: 0)", "")
    return make(
        f"botocore could not get AWS credentials ({reason}): {_redaction.cleaned(text, hide=SECRET).rstrip('.')}.",
        step="aws",
        reason=reason,
        status_code=status,
        hint=hint,
    )


def _provider(error: botocore.exceptions.BotoCoreError) -> object:
    return error.kwargs.get("provider")
