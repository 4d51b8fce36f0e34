"""The transport that a caller passes, or this package's own: one POST, with limits on its time and on the size of its reply.

google-auth defines a transport as any callable with a signature. What a transport accepts beyond that depends on its kind.
"""

from __future__ import annotations

import copy
import functools
import http.client
import inspect
import io
import sys
import zlib
from collections.abc import Callable, Mapping
from typing import Any

import google.auth.transport.requests
import requests
import urllib3

from google_auth_botocore import _redaction
from google_auth_botocore._refresh.clock import Clock
from google_auth_botocore._refresh.exchange import Request

# Seconds for each address of a host name, since a firewall may drop packets to all of them. TCP sends a second packet after 3 s.
_CONNECT_TIMEOUT = 3.05
# Bytes. A reply with a token has a few kB.
_LONGEST_REPLY = 1024 * 1024
_PART = 64 * 1024


class NotATransport(TypeError):  # noqa: N818 - the name is the error
    """The object that was passed as a transport cannot be called with a request."""


class ReplyTooLong(OSError):  # noqa: N818 - the name is the error
    """A reply is longer than any reply with a token."""


class Transport:
    """A transport, and the arguments that it accepts beyond google-auth's.

    Args:
        request: google.auth.transport.Request or a callable like it. None: this package's own transport.
        clock: Elapsed time.
    """

    def __init__(self, request: Request, clock: Clock) -> None:
        self.request: Any = _own.request if request is None else request
        if isinstance(request, type) or not callable(self.request):
            raise NotATransport(f"the transport is {_redaction.quoted(request)}")
        target, self._bound_timeout = self.request, None
        if isinstance(self.request, functools.partial):  # AuthorizedSession binds its own timeout
            target, self._bound_timeout = self.request.func, self.request.keywords.get("timeout")
        self.kind = kind(target)
        self._clock = clock
        self._target: Any = target
        self._arguments: dict[str, Any] = {}
        if self.kind == "requests":
            self._arguments = {"allow_redirects": False, "auth": _leave_headers_alone, "stream": True}
        elif self.kind == "urllib3":
            self._arguments = {"redirect": False, "preload_content": False}
        elif self.kind == "httplib2":
            self._arguments = {"redirections": 0}
        self._takes_timeout = self.kind != "httplib2" and (bool(self._arguments) or _takes(target, "timeout"))

    def post(
        self, url: str, headers: Mapping[str, str], body: bytes, timeout: float, *, complete_by: float
    ) -> tuple[int, dict[str, str], bytes]:
        """Send one request, and return the reply's status, its headers with names in lower case, and its body.

        Args:
            url: The endpoint.
            headers: The headers.
            body: The body.
            timeout: Seconds to connect, and seconds between two parts of the reply.
            complete_by: When the whole reply must be complete, in seconds of the monotonic clock.

        Raises:
            ReplyTooLong: The body is longer than 1 MiB, perhaps only once it is decompressed.
        """
        arguments = {"url": url, "method": "POST", "body": body, "headers": dict(headers), **self._arguments}
        if self._takes_timeout:
            arguments["timeout"] = self._shortened(timeout)
        read_body = functools.partial(_body, clock=self._clock, complete_by=complete_by)
        if self.kind == "requests":
            return self._post_with_requests(arguments, read_body)
        if self.kind == "urllib3":
            # urllib3 itself sends it, because google-auth's response can only be read as a whole.
            response = self._target.http.request(**arguments)
            return response.status, _lower(response.headers), _body_of_urllib3(response, read_body)
        if self.kind == "httplib2":
            response = self._post_with_httplib2(arguments, read_body)
        else:
            response = self.request(**arguments)
        data = response.data
        return (
            response.status,
            _lower(response.headers),
            _short_enough(data if isinstance(data, bytes) else str(data).encode()),
        )

    def _post_with_requests(
        self, arguments: dict[str, Any], read_body: Callable[..., bytes]
    ) -> tuple[int, dict[str, str], bytes]:
        seen: list[tuple[requests.Response, bytes]] = []

        def read(response: requests.Response, **_: Any) -> None:
            """Read the body before anything else does: at DEBUG, google-auth reads it without a limit for a log record."""
            body = b""
            if isinstance(response.raw, urllib3.HTTPResponse):
                if not response.is_redirect:
                    body = _body_of_urllib3(response.raw, read_body)
                response.raw = io.BytesIO(body)
            else:  # the session has an adapter of another library
                body = _short_enough(response.content)
            seen.append((response, body))

        try:
            other = self.request(hooks={"response": read}, **arguments)
        except Exception as error:
            # The reply is complete. requests parses a redirect's address even if it may not follow it, and can raise any
            # exception for an invalid one. The sessions of some applications raise for a status.
            if not seen or not (seen[-1][0].is_redirect or isinstance(error, requests.RequestException)):
                raise
        if seen:
            response, body = seen[-1]
            return response.status_code, _lower(response.headers), body
        return other.status, _lower(other.headers), _short_enough(other.data)  # a mock in place of the session

    def _post_with_httplib2(self, arguments: dict[str, Any], read_body: Callable[..., bytes]) -> Any:
        # httplib2 mixes up the replies of two threads that share a connection. A copy has its own connections.
        transport = copy.copy(self._target)
        transport.http = copy.copy(transport.http)
        try:
            return transport(connection_type=_httplib2_connection(arguments["url"], read_body), **arguments)
        finally:
            transport.http.close()

    def _shortened(self, timeout: float) -> Any:
        bound = self._bound_timeout
        connect = min(timeout, _CONNECT_TIMEOUT)
        if isinstance(bound, tuple):
            limits = (connect, timeout)
            return tuple(limit if part is None else min(part, limit) for part, limit in zip(bound, limits, strict=True))
        if isinstance(bound, (int, float)):
            timeout = min(bound, timeout)
        return (min(connect, timeout), timeout) if self.kind == "requests" else timeout


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {str(name).lower(): str(value) for name, value in headers.items()}


def _body_of_urllib3(raw: Any, read_body: Callable[..., bytes]) -> bytes:
    # urllib3 2 returns what has arrived so far. Before that, a server that sends byte by byte is noticed after a whole part.
    read = functools.partial(getattr(raw, "read1", raw.read), decode_content=False)
    try:
        body = read_body(read, raw.headers.get("content-encoding"))
    except BaseException:
        raw.close()
        raise
    raw.release_conn()
    return body


def _httplib2_connection(url: str, read_body: Callable[..., bytes]) -> type:
    """Return a class of connections whose replies have limits. httplib2 itself reads and decompresses a reply of any size."""

    class Response(http.client.HTTPResponse):
        def begin(self) -> None:
            super().begin()
            self._encoding = self.headers.get("content-encoding")
            del self.headers["content-encoding"]  # otherwise httplib2 would decompress it again

        def read(self, amt: int | None = None) -> bytes:  # noqa: ARG002 - httplib2 reads all at once
            return read_body(self.read1, self._encoding)

    base = sys.modules["httplib2"].SCHEME_TO_CONNECTION[url.partition(":")[0]]
    return type("Connection", (base,), {"response_class": Response})


def _body(read: Callable[[int], bytes], encoding: str | None, *, clock: Clock, complete_by: float) -> bytes:
    """Read a body part by part, with a limit on its length and on the time that it takes."""
    body = b""
    while part := read(_PART):
        body = _short_enough(body + part)
        if clock.monotonic() >= complete_by:
            raise TimeoutError("the reply was not complete in time")
    return _decompressed(body, (encoding or "").strip().lower())


def _decompressed(body: bytes, encoding: str) -> bytes:
    """Decompress a body, which some servers compress although the request did not accept that."""
    if encoding not in ("gzip", "x-gzip", "deflate"):
        return body
    try:
        body = zlib.decompressobj(zlib.MAX_WBITS | 32).decompress(body, _LONGEST_REPLY + 1)
    except zlib.error as error:
        raise OSError(f"the reply cannot be decompressed ({error})") from None
    return _short_enough(body)


def _short_enough(body: bytes) -> bytes:
    if len(body) > _LONGEST_REPLY:
        raise ReplyTooLong(f"the reply is longer than {_LONGEST_REPLY} bytes")
    return body


def shareable(request: Request) -> bool:
    """Return whether a worker may use the transport while its owner continues to use it."""
    return request is None or kind(request.func if isinstance(request, functools.partial) else request) is not None


def kind(target: Any) -> str | None:
    """Return the kind of a transport that accepts more arguments; None for others, and for a subclass that does not accept them."""
    if type(target) is google.auth.transport.requests.Request:
        return "requests"
    if isinstance(target, google.auth.transport.requests.Request):
        return "requests" if _takes(target, "allow_redirects") else None
    # Code that passes one of these has already imported its module.
    for name, module, argument in (
        ("urllib3", "google.auth.transport.urllib3", "redirect"),
        ("httplib2", "google_auth_httplib2", "redirections"),
    ):
        loaded = sys.modules.get(module)
        if loaded is not None and isinstance(target, loaded.Request):
            return name if _takes(target, argument) and _used_by_us(name, target) else None
    return None


def _used_by_us(name: str, target: Any) -> bool:
    """Return whether the library's own object may be used in place of the transport."""
    if name == "httplib2":  # but not a mock of it, such as those of google-api-python-client
        return isinstance(target.http, sys.modules["httplib2"].Http)
    return type(target).__call__ is sys.modules["google.auth.transport.urllib3"].Request.__call__


def _takes(target: Any, argument: str) -> bool:
    try:
        parameters = inspect.signature(target).parameters
    except (TypeError, ValueError):
        return False
    return argument in parameters or any(each.kind is each.VAR_KEYWORD for each in parameters.values())


def _leave_headers_alone(prepared: Any) -> Any:
    """Replace requests' own authentication, which would put a netrc entry into the header."""
    return prepared


class _OwnTransport:
    """The transport of calls that pass none, such as `get_token`. It is created for the first of them and shared."""

    def __init__(self) -> None:
        self._request: google.auth.transport.requests.Request | None = None

    @property
    def request(self) -> google.auth.transport.requests.Request:
        if self._request is None:
            self._request = google.auth.transport.requests.Request()
        return self._request

    def drop(self) -> None:
        """In the child of a fork: do not use the parent's connections."""
        self._request = None


_own = _OwnTransport()
drop_own = _own.drop
