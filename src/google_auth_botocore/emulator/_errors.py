"""Google's two forms of error reply, each an exception."""

from __future__ import annotations

from typing import Any

# google.rpc.Code by HTTP status: https://cloud.google.com/apis/design/errors#handling_errors
_RPC_STATUS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ALREADY_EXISTS",
    412: "FAILED_PRECONDITION",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


class ApiError(Exception):
    """An error reply: the HTTP status and the JSON body."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        super().__init__(body)
        self.status = status
        self.body = body


class OAuthError(ApiError):
    """An error reply of the token endpoints: https://datatracker.ietf.org/doc/html/rfc6749#section-5.2."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(status, {"error": error, "error_description": description})


class RpcError(ApiError):
    """An error reply of Google's REST APIs: https://cloud.google.com/apis/design/errors#error_model."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        reason: str | None = None,
        domain: str = "googleapis.com",
        metadata: dict[str, str] | None = None,
    ) -> None:
        """Build the body. With a `reason`, its details contain a google.rpc.ErrorInfo.

        Args:
            status: the HTTP status.
            message: the error message.
            code: the name of the google.rpc.Code; None: the usual one for this HTTP status.
            reason: the reason in the ErrorInfo, a constant.
            domain: the service that defines the reason.
            metadata: further fields of the ErrorInfo.
        """
        error: dict[str, Any] = {
            "code": status,
            "message": message,
            "status": code or _RPC_STATUS.get(status, "UNKNOWN"),
        }
        if reason is not None:
            error["details"] = [
                {
                    "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                    "reason": reason,
                    "domain": domain,
                    "metadata": metadata or {},
                }
            ]
        super().__init__(status, {"error": error})
