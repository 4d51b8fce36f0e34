"""Simulated failures: what goes wrong, how often, and for which requests."""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from google_auth_botocore.emulator._errors import OAuthError, RpcError
from google_auth_botocore.emulator._http import Response

_MESSAGES = {
    429: "Quota exceeded for quota metric 'Generate credentials requests'.",
    500: "Internal error encountered.",
    503: "The service is currently unavailable.",
    504: "The request timed out.",
}


@dataclass(frozen=True)
class Fault:
    """A simulated failure of a request.

    Attributes:
        status: HTTP status of the reply. None with a `body`: 200; None without one: the normal reply, only delayed and
            with these `headers`.
        times: how many requests it affects; None: all, until it is removed.
        retry_after: the value of a Retry-After header: seconds or an HTTP date.
        body: the body to send instead of Google's body for this status. Bytes and text are sent as they are (for
            example truncated JSON), anything else as JSON.
        delay: seconds of real time before the reply; `math.inf`: no reply is sent and the connection stays open.
        drop: close the connection without a reply.
        headers: further headers of the reply.
        share: the share of the matching requests that it affects, evenly spread: 0.5 is every second request.
        cut: send this many bytes of the body, then close the connection.
        shorten: send this many bytes of the body, with a matching Content-Length.
        flip: invert the lowest bit of the byte at this position of the body, if the body is that long.
    """

    status: int | None = None
    times: int | None = 1
    retry_after: float | str | None = None
    body: Any = None
    delay: float = 0.0
    drop: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)
    share: float = 1.0
    cut: int | None = None
    shorten: int | None = None
    flip: int | None = None

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            TypeError: the status is not a number.
            ValueError: the share is out of range.
        """
        if self.status is not None and type(self.status) is not int:
            raise TypeError(f"the status of a Fault must be a number such as 503, not {self.status!r}")
        if not 0 < self.share <= 1:
            raise ValueError(f"the share of a Fault must be above 0 and at most 1, not {self.share!r}")

    @property
    def extra_headers(self) -> dict[str, str]:
        """The headers that this fault adds to a reply, including Retry-After."""
        after = {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}
        return {**self.headers, **after}

    def wait(self, stopping: threading.Event) -> bool:
        """Wait for the delay. Return whether a reply follows."""
        if self.delay:
            stopping.wait(None if math.isinf(self.delay) else self.delay)
        return not (self.drop or math.isinf(self.delay))

    def damaged(self, body: bytes) -> bytes:
        """Return the body as altered by `flip` and `shorten`."""
        if self.flip is not None and self.flip < len(body):
            body = body[: self.flip] + bytes([body[self.flip] ^ 1]) + body[self.flip + 1 :]
        return body if self.shorten is None else body[: self.shorten]

    def response(self, path: str) -> Response | None:
        """Return the reply to a request for `path`; None: the normal reply."""
        if self.status is None and self.body is None:
            return None
        status = self.status or 200
        body = _google_body(status, path) if self.body is None else self.body
        return Response(body, status, self.extra_headers)


def _google_body(status: int, path: str) -> Any:
    """Return the body that Google's servers send with this status."""
    if path not in {"/v1/token", "/v1/introspect", "/token"}:
        return RpcError(status, _MESSAGES.get(status, f"HTTP {status}.")).body
    if status == 429:
        description = (
            "The request was throttled due to rate limit: sts.googleapis.com/requests."
            " Please retry after a few seconds."
        )
        return OAuthError("quota_exceeded", description).body
    # For the token service, clients see the text of the proxy in front of it.
    return "upstream connect error or disconnect/reset before headers"


@dataclass
class _Pending:
    pattern: str
    fault: Fault
    times_left: int | None
    matched: int = 0

    def hits(self, path: str) -> bool:
        """Return whether the fault affects this request. Each matching request counts towards its share."""
        if self.times_left == 0 or not (self.pattern in path or fnmatchcase(path, self.pattern)):
            return False
        self.matched += 1
        return int(self.matched * self.fault.share) > int((self.matched - 1) * self.fault.share)


class FaultScript:
    """The pending faults, in the order in which they were added."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pending: list[_Pending] = []

    def add(self, path: str, fault: Fault) -> None:
        """Apply `fault` to the next requests whose path contains `path` or matches it as a glob."""
        if not isinstance(fault, Fault):
            raise TypeError(f"fault must be a Fault, such as Fault(503), not {fault!r}")
        with self._lock:
            self._pending.append(_Pending(path, fault, fault.times))

    def clear(self) -> None:
        """Remove all faults."""
        with self._lock:
            self._pending.clear()

    def next(self, path: str) -> Fault | None:
        """Return the first fault that affects a request for `path`, and count the request."""
        with self._lock:
            for pending in self._pending:
                if pending.hits(path):
                    if pending.times_left is not None:
                        pending.times_left -= 1
                    return pending.fault
        return None
