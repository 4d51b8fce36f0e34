"""Post one request with the caller's transport or this package's own, with limits on its time and on the size of its reply.

google-auth defines a transport as any callable with a certain signature. What else it accepts depends on its kind.
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
from google_auth_botocore._refresh import forks
from google_auth_botocore._refresh.clock import Clock
from google_auth_botocore._refresh.exchange import Request

# Seconds to connect to each address of a host name, because a firewall may drop packets to some of them. It is slightly more than
# 3, after which TCP sends its second or third packet.
_CONNECT_TIMEOUT = 3.05
# How many connections to each host stay open, for many credentials that are refreshed at the same time.
_MOST_CONNECTIONS = 512
# The `auth` argument of requests: a function that changes nothing. Without it, requests would add a header for a netrc entry.
_NO_AUTHENTICATION = requests.PreparedRequest.copy

# google-auth's arguments of a request: url, method, body and headers.
Message = dict[str, Any]
# The status, the headers and the body of a reply. The names of the headers are in lower case, or the mapping ignores case.
Received = tuple[int, Mapping[str, str], bytes]


class NotATransport(TypeError):  # noqa: N818 - the name is the error
    """The object that was passed as a transport cannot be called with a request."""


class Transport:
    """Posts with any callable that accepts google-auth's arguments, and perhaps a timeout. A subclass knows a library.

    Args:
        request: google.auth.transport.Request or a callable like it.
        target: The same, or the function of a `functools.partial`.
        bound_timeout: The timeout in seconds that the partial binds, or None.
        clock: Elapsed time.
    """

    def __init__(self, request: Any, target: Any, bound_timeout: Any, clock: Clock) -> None:
        self.request = request
        self._target = target
        self._clock = clock
        # requests also accepts a pair: seconds to connect, and seconds between two parts of the reply. Each may be None.
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
            complete_by: When the whole reply must be complete, in seconds of the monotonic clock. Not every kind of transport
                enforces this.

        Raises:
            ReplyTooLong: The body is longer than 1 MiB, perhaps only after decompression.
        """
        if not _accepts(self._target, "timeout"):
            return _complete(self.request(**message))
        read = min(timeout, self._longest_read)
        limit = (min(timeout, self._longest_connect), read) if self._bound_pair else read
        return _complete(self.request(**message, timeout=limit))


class _RequestsTransport(Transport):
    def post(self, message: Message, timeout: float, complete_by: float) -> Received:
        replies: list[tuple[requests.Response, Mapping[str, str], bytes]] = []

        def read(response: requests.Response, **_: Any) -> None:
            """Read the body before any other code: to log it at DEBUG, google-auth would read it without a limit."""
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
            # If there is a reply, it is complete. requests parses a redirect's address even if it may not follow it, and can
            # raise any exception for an invalid one. The sessions of some applications raise an error for some statuses.
            if not replies or not (replies[-1][0].is_redirect or isinstance(error, requests.RequestException)):
                raise
        if not replies:
            return _complete(other)  # a mock in place of the session
        response, reply_headers, data = replies[-1]
        return response.status_code, reply_headers, data


class _Urllib3Transport(Transport):
    def post(self, message: Message, timeout: float, complete_by: float) -> Received:
        # Call urllib3 directly, because google-auth's response can only be read as a whole.
        limit = min(timeout, self._longest_read)
        response = self._target.http.request(**message, timeout=limit, redirect=False, preload_content=False)
        return response.status, _lower(response.headers), reply_body.of_urllib3(response, self._clock, complete_by)


class _Httplib2Transport(Transport):
    def post(self, message: Message, timeout: float, complete_by: float) -> Received:  # noqa: ARG002 - its connections have their own
        # If two threads share a connection, httplib2 mixes up their replies. A copy has its own connections.
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
        NotATransport: The object cannot be called with a request.
    """
    transport: Any = own() if request is None else request
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
    """Return the kind of a transport, which tells what other arguments it accepts. None: it accepts no others."""
    if type(target) is google.auth.transport.requests.Request:
        return "requests"
    if isinstance(target, google.auth.transport.requests.Request):
        return "requests" if _accepts(target, "allow_redirects") else None
    # Code that passes one of these has already imported its module.
    for name, module, argument in (
        ("urllib3", "google.auth.transport.urllib3", "redirect"),
        ("httplib2", "google_auth_httplib2", "redirections"),
    ):
        loaded = sys.modules.get(module)
        if loaded is not None and isinstance(target, loaded.Request):
            return name if _accepts(target, argument) and _wraps_library(name, target) else None
    return None


def _wraps_library(name: str, target: Any) -> bool:
    """Return whether the library's object in a transport may be called directly, or copied."""
    if name == "httplib2":  # a mock, such as those of google-api-python-client, may not
        return isinstance(target.http, sys.modules["httplib2"].Http)
    return type(target).__call__ is sys.modules["google.auth.transport.urllib3"].Request.__call__


def _accepts(target: Any, argument: str) -> bool:
    try:
        parameters = inspect.signature(target).parameters
    except (TypeError, ValueError):
        return False
    return argument in parameters or any(each.kind is each.VAR_KEYWORD for each in parameters.values())


@functools.cache
def own() -> google.auth.transport.requests.Request:
    """Return the transport of calls that pass none, such as `get_token`. They share it."""
    session = requests.Session()
    # urllib3 closes further connections after use, and logs a warning for each.
    adapter = requests.adapters.HTTPAdapter(pool_maxsize=_MOST_CONNECTIONS)
    for scheme in ("https://", "http://"):
        session.mount(scheme, adapter)
    return google.auth.transport.requests.Request(session)


forks.in_child(own.cache_clear)  # do not use the parent's connections
