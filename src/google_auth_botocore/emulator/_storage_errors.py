"""How Cloud Storage's JSON API reports an error.

Source: https://cloud.google.com/storage/docs/json_api/v1/status-codes
"""

from __future__ import annotations

from collections.abc import Mapping

from google_auth_botocore.emulator._http import Response

# Reason and message of errors that do not depend on the request: those of an overloaded or broken server.
_GENERAL = {
    408: ("uploadBrokenConnection", "The request timed out. Please try again."),
    429: ("rateLimitExceeded", "The rate of requests is too high. Reduce the rate and try again."),
    500: ("internalError", "We encountered an internal error. Please try again."),
    502: ("badGateway", "Bad Gateway"),
    503: ("backendError", "Service Unavailable. Please try again."),
    504: ("gatewayTimeout", "Gateway Timeout"),
}


class StorageError(Exception):
    """Cloud Storage rejects a request.

    Args:
        status: the HTTP status.
        reason: the reason, a word.
        message: the error message.
        location: the invalid parameter or header, as `location` and `locationType`.
        headers: further headers of the reply.
    """

    def __init__(
        self,
        status: int,
        reason: str,
        message: str,
        location: Mapping[str, str] = {},
        headers: Mapping[str, str] = {},
    ) -> None:
        super().__init__(message)
        self.status = status
        self._error = {"message": message, "domain": "global", "reason": reason, **location}
        self._headers = dict(headers)

    def response(self, *, media: bool = False) -> Response:
        """Return the reply. For a request for an object's content, it is the plain message."""
        message = self._error["message"]
        if self.status == 304:
            return Response(b"", 304, self._headers)
        if media:
            return Response(message, self.status, {"Content-Type": "text/html; charset=UTF-8", **self._headers})
        return Response(
            {"error": {"code": self.status, "message": message, "errors": [self._error]}}, self.status, self._headers
        )


def general(status: int, headers: Mapping[str, str]) -> StorageError:
    """Return the error of a server that is overloaded or broken."""
    reason, message = _GENERAL.get(status, ("backendError", f"HTTP {status}."))
    return StorageError(status, reason, message, headers=headers)


def no_bucket() -> StorageError:
    """Return the error for a bucket that does not exist."""
    return StorageError(404, "notFound", "The specified bucket does not exist.")


def no_object(bucket: str, name: str) -> StorageError:
    """Return the error for an object, or a generation of one, that does not exist."""
    return StorageError(404, "notFound", f"No such object: {bucket}/{name}")


def forbidden(principal: str, permission: str) -> StorageError:
    """Return the error for a caller that lacks a permission."""
    kind = "bucket" if permission in {"storage.objects.list", "storage.buckets.get"} else "object"
    message = (
        f"{principal} does not have {permission} access to the Google Cloud Storage {kind}."
        f" Permission '{permission}' denied on resource (or it may not exist)."
    )
    return StorageError(403, "forbidden", message)


def no_user_project() -> StorageError:
    """Return the error for a request to a requester-pays bucket that names no project to bill."""
    return StorageError(400, "required", "Bucket is a requester pays bucket but no user project provided.")


def condition_not_met(*, negative: bool) -> StorageError:
    """Return the error for a failed precondition. *negative*: it was `if…NotMatch` in a read, which is not an error."""
    message = "At least one of the pre-conditions you specified did not hold."
    location = {"locationType": "header", "location": "If-None-Match" if negative else "If-Match"}
    return StorageError(304 if negative else 412, "conditionNotMet", message, location)


def invalid(name: str, value: str) -> StorageError:
    """Return the error for a parameter with an invalid value."""
    location = {"locationType": "parameter", "location": name}
    return StorageError(400, "invalid", f"Invalid value for {name}: {value!r}", location)


def wrong_key() -> StorageError:
    """Return the error for a read without the customer's key with which the object is encrypted."""
    message = "The target object is encrypted by a customer-supplied encryption key."
    return StorageError(400, "resourceIsEncryptedWithCustomerEncryptionKey", message)


def no_range(size: int) -> StorageError:
    """Return the error for a range that begins after the end of the object."""
    headers = {"Content-Range": f"bytes */{size}"}
    return StorageError(416, "requestedRangeNotSatisfiable", "Request range not satisfiable", headers=headers)
