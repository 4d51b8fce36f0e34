"""The transport that a caller passes, or this package's own: one POST, with limits on its time and on the size of its reply.

google-auth defines a transport as any callable with a signature. What a transport accepts beyond that depends on its kind.
"""

from __future__ import annotations

import copy
import functools
import http.client
import inspect
import io
import math
import sys
from collections.abc import Mapping
from typing import Any

import google.auth.transport.requests
import requests
import urllib3

from google_auth_botocore import _redaction
from google_auth_botocore._google import reply_body
from google_auth_botocore._refresh.clock import Clock
from google_auth_botocore._refresh.exchange import Request

# Seconds for each address of a host name, since a firewall may drop packets to all of them. TCP sends a second packet after 3 s.
_CONNECT_TIMEOUT = 3.05
# An authentication of requests that changes nothing. Without one, requests would put a netrc entry into the header.
_NO_AUTHENTICATION = requests.PreparedRequest.copy

# google-auth's arguments of a request: url, method, body and headers.
Message = dict[str, Any]
# The status, the headers, whose names are in lower case or in any, and the body of a reply.
Received = tuple[int, Mapping[str, str], bytes]


class NotATransport(TypeError):  # noqa: N818 - the name is the error
    """The object that was passed as a transport cannot be called with a request."""


class Transport:
    """A transport of another kind: it accepts google-auth's arguments, and perhaps a timeout.

    Args:
        request: google.auth.transport.Request or a callable like it.
        target: The same, or the object whose arguments *request* binds.
        bound_timeout: The timeout that *request* binds.
        clock: Elapsed time.
    """

    def __init__(self, request: Any, target: Any, bound_timeout: Any, clock: Clock) -> None:
        self.request = request
        self._target = target
        self._clock = clock
        # requests accepts a pair: seconds to connect, and seconds between two parts of the reply. Each may be None.
        self._bound_pair = isinstance(bound_timeout, tuple)
        if not self._bound_pair:
            seconds = bound_timeout if isinstance(bound_timeout, (int, float)) else None
            bound_timeout = seconds, seconds
        connect, read = bound_timeout
        self._longest_connect = _CONNECT_TIMEOUT if connect is None else min(connect, _CONNECT_TIMEOUT)
        self._longest_read = math.inf if read is None else read

    def post(self, message: Message, timeout: float, complete_by: float) -> Received:  # noqa: ARG002 - it reads the reply itself
        """Send one request, and return the reply's status, its headers and its body.

        Args:
            message: The request.
            timeout: Seconds to connect, and seconds between two parts of the reply.
            complete_by: When the whole reply must be complete, in seconds of the monotonic clock. Not every kind has this limit.

        Raises:
            ReplyTooLong: The body is longer than 1 MiB, perhaps only once it is decompressed.
        """
        if not _takes(self._target, "timeout"):
            return _complete(self.request(**message))
        read = min(timeout, self._longest_read)
        limit = (min(timeout, self._longest_connect), read) if self._bound_pair else read
        return _complete(self.request(**message, timeout=limit))


class _RequestsTransport(Transport):
    def post(self, message: Message, timeout: float, complete_by: float) -> Received:
        replies: list[tuple[requests.Response, Mapping[str, str], bytes]] = []

        def read(response: requests.Response, **_: Any) -> None:
            """Read the body before anything else does: at DEBUG, google-auth reads it without a limit for a log record."""
            if isinstance(response.raw, urllib3.HTTPResponse):
                data = b"" if response.is_redirect else reply_body.of_urllib3(response.raw, self._clock, complete_by)
                response.raw = io.BytesIO(data)
                replies.append((response, response.headers, data))
            else:  # the session has an adapter of another library
                replies.append((response, _lower(response.headers), reply_body.short_enough(response.content)))

        try:
            other = self.request(
                **message,
                timeout=(min(timeout, self._longest_connect), min(timeout, self._longest_read)),
                allow_redirects=False,
                auth=_NO_AUTHENTICATION,
                stream=True,
                hooks={"response": read},
            )
        except Exception as error:
            # The reply is complete. requests parses a redirect's address even if it may not follow it, and can raise any
            # exception for an invalid one. The sessions of some applications raise for a status.
            if not replies or not (replies[-1][0].is_redirect or isinstance(error, requests.RequestException)):
                raise
        if not replies:
            return _complete(other)  # a mock in place of the session
        response, reply_headers, data = replies[-1]
        return response.status_code, reply_headers, data


class _Urllib3Transport(Transport):
    def post(self, message: Message, timeout: float, complete_by: float) -> Received:
        # urllib3 itself sends it, because google-auth's response can only be read as a whole.
        limit = min(timeout, self._longest_read)
        response = self._target.http.request(**message, timeout=limit, redirect=False, preload_content=False)
        return response.status, _lower(response.headers), reply_body.of_urllib3(response, self._clock, complete_by)


class _Httplib2Transport(Transport):
    def post(self, message: Message, timeout: float, complete_by: float) -> Received:  # noqa: ARG002 - its connections have their own
        # httplib2 mixes up the replies of two threads that share a connection. A copy has its own connections.
        transport = copy.copy(self._target)
        transport.http = copy.copy(transport.http)
        connection = _httplib2_connection(message["url"], self._clock, complete_by)
        try:
            return _complete(transport(**message, redirections=0, connection_type=connection))
        finally:
            transport.http.close()


_KINDS: dict[str | None, type[Transport]] = {
    "requests": _RequestsTransport,
    "urllib3": _Urllib3Transport,
    "httplib2": _Httplib2Transport,
}


def prepared(request: Request, clock: Clock) -> Transport:
    """Return the transport that a caller passed, or this package's own, prepared to post.

    Args:
        request: google.auth.transport.Request or a callable like it. None: this package's own transport.
        clock: Elapsed time.

    Raises:
        NotATransport: It cannot be called with a request.
    """
    transport: Any = _own.request if request is None else request
    if isinstance(request, type) or not callable(transport):
        raise NotATransport(f"the transport is {_redaction.quoted(request)}")
    target, bound_timeout = transport, None
    if isinstance(transport, functools.partial):  # AuthorizedSession binds its own timeout
        target, bound_timeout = transport.func, transport.keywords.get("timeout")
    return _KINDS.get(kind(target), Transport)(transport, target, bound_timeout, clock)


def _complete(response: Any) -> Received:
    """Return the status, headers and body of a reply that its transport has read as a whole."""
    data = response.data
    body = data if isinstance(data, bytes) else str(data).encode()
    return response.status, _lower(response.headers), reply_body.short_enough(body)


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {str(name).lower(): str(value) for name, value in headers.items()}


def _httplib2_connection(url: str, clock: Clock, complete_by: float) -> type:
    """Return a class of connections whose replies have limits. httplib2 itself reads and decompresses a reply of any size."""

    class Response(http.client.HTTPResponse):
        def begin(self) -> None:
            super().begin()
            self._encoding = self.headers.get("content-encoding")
            del self.headers["content-encoding"]  # otherwise httplib2 would decompress it again

        def read(self, amt: int | None = None) -> bytes:  # noqa: ARG002 - httplib2 reads all at once
            return reply_body.read(self.read1, self._encoding, clock, complete_by)

    base = sys.modules["httplib2"].SCHEME_TO_CONNECTION[url.partition(":")[0]]
    return type("Connection", (base,), {"response_class": Response})


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
