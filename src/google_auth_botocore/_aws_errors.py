"""What botocore and AWS say when there are no keys, as errors of ours: a reason, what to do, and no secret."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import botocore.exceptions

from google_auth_botocore import _hints, _redaction
from google_auth_botocore.exceptions import FederationError, TransientFederationError

# What http.client refuses to send, it quotes.
_INVALID_HEADER = "Invalid header value "
SECRET = re.compile(rf"{_redaction.KEY_LIKE.pattern}|(?<={_INVALID_HEADER}).*")

_THROTTLED = {
    "Throttling",
    "ThrottlingException",
    "RequestLimitExceeded",
    "TooManyRequestsException",
}
_TRANSIENT = (
    botocore.exceptions.HTTPClientError,
    botocore.exceptions.ConnectionError,
    botocore.exceptions.MetadataRetrievalError,
)

# What a session raises that can't use its files.
OF_A_FILE = (
    botocore.exceptions.ProfileNotFound,
    botocore.exceptions.ConfigParseError,
    botocore.exceptions.PartialCredentialsError,
)


def failed(message: str, reason: str, hint: str) -> FederationError:
    """An error of the AWS step that stays until somebody does something."""
    return FederationError(message, step="aws", reason=reason, hint=hint)


def translated(error: Exception) -> FederationError:
    """botocore's exception as ours."""
    if isinstance(error.__context__, botocore.exceptions.MetadataRetrievalError):
        error = error.__context__  # the container provider hides that it reached nobody, or whom
    if _INVALID_HEADER in str(error):
        return failed("An AWS key contains white space.", "InvalidCredentials", _hints.AWS_WHITE_SPACE)
    reason, status = type(error).__name__, None
    # A container's endpoint that answers 4xx has refused; one that breaks down, or can't be reached, may come back.
    transient = isinstance(error, _TRANSIENT) and not re.search(r"non 200 response 4(?!08|29)", str(error))
    if isinstance(error, botocore.exceptions.ClientError):
        response: Mapping[str, Any] = error.response
        reason = _redaction.cleaned(str(response.get("Error", {}).get("Code") or "")) or reason
        status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        transient = reason in _THROTTLED or (status or 0) >= 500
    make = TransientFederationError if transient else FederationError
    return make(
        f"botocore could not get AWS credentials ({reason}): {_redaction.cleaned(str(error), hide=SECRET).rstrip('.')}.",
        step="aws",
        reason=reason,
        status_code=status,
        hint=_hints.aws(reason, str(error)),
    )
