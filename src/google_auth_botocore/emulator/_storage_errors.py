"""Errors of Cloud Storage, with the reply of the JSON API. `_xml` has the reply of the XML API.

Source: https://cloud.google.com/storage/docs/json_api/v1/status-codes
"""

from __future__ import annotations

from collections.abc import Mapping

from google_auth_botocore.emulator._http import Response

# Reason and message of the errors of an overloaded or broken server, which do not depend on the request.
_GENERAL = {
    408: ("uploadBrokenConnection", "The request timed out. Please try again."),
    429: ("rateLimitExceeded", "The rate of requests is too high. Reduce the rate and try again."),
    500: ("internalError", "We encountered an internal error. Please try again."),
    502: ("badGateway", "Bad Gateway"),
    503: ("backendError", "Service Unavailable. Please try again."),
    504: ("gatewayTimeout", "Gateway Timeout"),
}
_GENERAL_CODES = {408: "RequestTimeout", 429: "SlowDown", 500: "InternalError", 503: "ServiceUnavailable"}


class StorageError(Exception):
    """Cloud Storage rejects a request.

    Args:
        status: the HTTP status.
        reason: the reason, a word.
        message: the error message.
        location: the invalid parameter or header, as `location` and `locationType`.
        headers: further headers of the reply.
        code: the name of the error in the XML API.
    """

    def __init__(
        self,
        status: int,
        reason: str,
        message: str,
        location: Mapping[str, str] = {},
        headers: Mapping[str, str] = {},
        code: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code or f"{reason[0].upper()}{reason[1:]}"
        self.headers = dict(headers)
        self._error = {"message": message, "domain": "global", "reason": reason, **location}

    def response(self, *, media: bool = False) -> Response:
        """Return the reply. For a request for an object's content, it is the plain message."""
        message = self._error["message"]
        if self.status == 304:
            return Response(b"", 304, self.headers)
        if media:
            return Response(message, self.status, {"Content-Type": "text/html; charset=UTF-8", **self.headers})
        return Response(
            {"error": {"code": self.status, "message": message, "errors": [self._error]}}, self.status, self.headers
        )


def general(status: int, headers: Mapping[str, str]) -> StorageError:
    """Return the error of a server that is overloaded or broken."""
    reason, message = _GENERAL.get(status, ("backendError", f"HTTP {status}."))
    return StorageError(status, reason, message, headers=headers, code=_GENERAL_CODES.get(status))


def invalid_token(*, anonymous: bool) -> StorageError:
    """Return the error for a caller without a valid token."""
    message = "Anonymous caller does not have access." if anonymous else "Invalid Credentials"
    challenge = {"WWW-Authenticate": 'Bearer realm="https://accounts.google.com/", error="invalid_token"'}
    location = {"locationType": "header", "location": "Authorization"}
    return StorageError(401, "authError", message, location, challenge)


def insufficient_scopes() -> StorageError:
    """Return the error for a write with a token whose scopes allow only reads."""
    message = "Insufficient Permission: Request had insufficient authentication scopes."
    challenge = {"WWW-Authenticate": 'Bearer realm="https://accounts.google.com/", error="insufficient_scope"'}
    return StorageError(403, "insufficientPermissions", message, headers=challenge, code="AccessDenied")


def no_bucket() -> StorageError:
    """Return the error for a bucket that does not exist."""
    return StorageError(404, "notFound", "The specified bucket does not exist.", code="NoSuchBucket")


def no_object(bucket: str, name: str) -> StorageError:
    """Return the error for an object, or a generation of one, that does not exist."""
    return StorageError(404, "notFound", f"No such object: {bucket}/{name}", code="NoSuchKey")


def no_upload() -> StorageError:
    """Return the error for a resumable or multipart upload that does not exist, or was cancelled."""
    return StorageError(404, "notFound", "The requested upload was not found.", code="NoSuchUpload")


def forbidden(principal: str, permission: str) -> StorageError:
    """Return the error for a caller that lacks a permission."""
    kind = "object" if permission.startswith("storage.objects.") and permission != "storage.objects.list" else "bucket"
    message = (
        f"{principal} does not have {permission} access to the Google Cloud Storage {kind}."
        f" Permission '{permission}' denied on resource (or it may not exist)."
    )
    return StorageError(403, "forbidden", message, code="AccessDenied")


def no_user_project() -> StorageError:
    """Return the error for a request to a requester-pays bucket that names no project to bill."""
    message = "Bucket is a requester pays bucket but no user project provided."
    return StorageError(400, "required", message, code="UserProjectMissing")


def condition_not_met(*, negative: bool) -> StorageError:
    """Return the error for a failed precondition. *negative*: it was `if…NotMatch` in a read, which is not an error."""
    message = "At least one of the pre-conditions you specified did not hold."
    location = {"locationType": "header", "location": "If-None-Match" if negative else "If-Match"}
    return StorageError(304 if negative else 412, "conditionNotMet", message, location, code="PreconditionFailed")


def invalid(name: str, value: object) -> StorageError:
    """Return the error for a parameter with an invalid value."""
    location = {"locationType": "parameter", "location": name}
    return StorageError(400, "invalid", f"Invalid value for {name}: {value!r}", location, code="InvalidArgument")


def required(name: str) -> StorageError:
    """Return the error for a request without a required parameter."""
    location = {"locationType": "parameter", "location": name}
    return StorageError(400, "required", f"Required parameter: {name}", location, code="InvalidArgument")


def conflict(message: str, code: str) -> StorageError:
    """Return the error for a change that the state of a bucket does not allow."""
    return StorageError(409, "conflict", message, code=code)


def wrong_checksum(kind: str, expected: str, actual: str) -> StorageError:
    """Return the error for an upload whose content differs from the checksum that the client has sent."""
    message = f'Provided {kind} hash "{expected}" doesn\'t match calculated {kind} hash "{actual}".'
    return StorageError(400, "invalid", message, code="BadDigest")


def wrong_key() -> StorageError:
    """Return the error for a read without the customer's key with which the object is encrypted."""
    message = "The target object is encrypted by a customer-supplied encryption key."
    code = "ResourceIsEncryptedWithCustomerEncryptionKey"
    return StorageError(400, "resourceIsEncryptedWithCustomerEncryptionKey", message, code=code)


def no_range(size: int) -> StorageError:
    """Return the error for a range that begins after the end of the object."""
    message, headers = "Request range not satisfiable", {"Content-Range": f"bytes */{size}"}
    return StorageError(416, "requestedRangeNotSatisfiable", message, headers=headers, code="InvalidRange")
