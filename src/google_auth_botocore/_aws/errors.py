"""Translate the errors of botocore and AWS into `FederationError`, with their facts and without secrets."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Mapping
from typing import Any

import botocore.exceptions

from google_auth_botocore import _failures, _redaction
from google_auth_botocore._failures._facts import Facts
from google_auth_botocore.exceptions import FederationError

# http.client quotes an invalid header, which it does not send.
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
# AWS's codes for keys that it rejects. Their source may have newer keys.
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
# botocore reads its data folder for every source that calls an AWS service.
_NO_DATA = (botocore.exceptions.DataNotFoundError, botocore.exceptions.ApiVersionNotFoundError)
_TRANSIENT = (
    botocore.exceptions.HTTPClientError,
    botocore.exceptions.ConnectionError,
    botocore.exceptions.MetadataRetrievalError,
)
# AWS's messages about a date that is too old or too new. The error code is the same as for a wrong signature.
_REJECTED_DATE = re.compile("Signature expired|Signature not yet current|not within|RequestTimeTooSkewed")


class SourceError(Exception):
    """A failure on the AWS side that this package detects itself. The guard adds the facts of the identity to it.

    Args:
        message: What failed and what was seen, in whole sentences.
        reason: See `FederationError.reason`.
        facts: Further fields of its `Facts`.
    """

    def __init__(self, message: str, reason: str, **facts: Any) -> None:
        super().__init__(message)
        self.facts: dict[str, Any] = {"reason": reason, **facts}


class PromptForbiddenError(SourceError):
    """An MFA code is required, and no caller waits for the keys. Nothing is wrong with the credentials."""

    def __init__(self) -> None:
        super().__init__(
            "The AWS role requires an MFA code, and a background refresh does not prompt for one.", "MfaRequired"
        )


def rejected_date(text: str) -> bool:
    """Return whether a message of AWS says that the date of a signature is too old or too new."""
    return _REJECTED_DATE.search(text) is not None


def rejected_keys(error: FederationError) -> bool:
    """Return whether AWS rejected the keys, directly or in its reply to Google. Other keys from the same source may work."""
    reason = error.aws_reason or (error.reason if error.step == "aws" else None)
    return reason in _REJECTED_KEYS and not _failures.rejected_date(error)


def out_of_resources(error: BaseException) -> bool:
    """Return whether the cause of an error, direct or indirect, is a lack of resources, such as "too many open files"."""
    return any(isinstance(each, OSError) and each.errno in _EXHAUSTED for each in _redaction.related(error))


def translate(error: Exception, known: Facts) -> FederationError:
    """Return the `FederationError` for an exception of botocore, or for a `SourceError`.

    Args:
        error: The exception.
        known: What is known about the identity.
    """
    if isinstance(error, SourceError):
        return _failures.error(str(error), known._replace(text=str(error), **error.facts))
    if isinstance(error.__context__, botocore.exceptions.MetadataRetrievalError):
        error = error.__context__  # the container provider's own error does not name the server
    facts = _facts(error, known)
    if isinstance(error, _NO_DATA):
        return _failures.error(
            f"botocore's data files cannot be read ({facts.reason}): "
            f"{_redaction.cleaned(str(error).partition(' Valid service names')[0]).rstrip('.')}. "
            f"botocore was loaded from {os.path.dirname(botocore.__file__)}.",  # noqa: PTH120 - may be a path in a zip
            facts,
        )
    if _INVALID_HEADER in str(error):
        return _failures.error(
            "An AWS key contains white space.", facts._replace(reason="InvalidCredentials", transient=False)
        )
    seen = f": {facts.text}" if facts.text else ""  # the errors of some sources have no text
    return _failures.error(f"botocore could not get AWS credentials ({facts.reason}){seen}.", facts)


def _facts(error: Exception, known: Facts) -> Facts:
    reason, status = type(error).__name__, None
    # A container's endpoint that replies with 4xx has rejected the request. Its other failures may be temporary.
    transient = isinstance(error, _TRANSIENT) and not re.search(r"non 200 response 4(?!08|29)", str(error))
    if isinstance(error, botocore.exceptions.CredentialRetrievalError) and _kwargs(error).get("provider") == "iam-role":
        # Instance metadata had keys before, and has no new ones. Resolving the keys again shows the reason.
        transient = True
    if isinstance(error, botocore.exceptions.ClientError):
        response: Mapping[str, Any] = error.response
        reason = _redaction.cleaned(str(response.get("Error", {}).get("Code") or "")) or reason
        status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        transient = reason in _TEMPORARY or (status or 0) >= 500 or status == 429
    exhausted = out_of_resources(error)
    # botocore's messages count its own retries, which `session.client_config` turns off.
    text = str(error).replace(" (reached max retries: 0)", "")
    # botocore leaves out what the proxy replied.
    reply = re.search(r"Tunnel connection failed: [0-9]+[\w ]*", str(_kwargs(error).get("error")))
    if reply is not None:
        text = f"{text.rstrip('.')}: {reply[0]}"
    file = error.filename if isinstance(error, OSError) else _kwargs(error).get("path")
    return known._replace(
        failure="resources-exhausted" if exhausted else None,
        reason=reason,
        kinds=tuple(kind.__name__ for kind in type(error).__mro__),
        status=status,
        text=_redaction.cleaned(text, hide=SECRET).rstrip("."),
        rejected_date=rejected_date(text),
        transient=transient or exhausted,
        provider=_kwargs(error).get("provider"),
        file=None if file is None else str(file),
    )


def _kwargs(error: Exception) -> Mapping[str, Any]:
    """Return the values that botocore put into the message of its exception."""
    return error.kwargs if isinstance(error, botocore.exceptions.BotoCoreError) else {}
