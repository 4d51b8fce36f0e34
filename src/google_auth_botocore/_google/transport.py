"""The transport that a caller brings, or our own: one POST, with limits on its time and on the size of its reply.

google-auth defines a transport as any callable with a signature, so what it takes beyond that is told by its kind.
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
from google_auth_botocore._refresh.exchange import Request

# For each address that a name has, and a firewall may drop packets to all of them; a little more than TCP takes for a second try.
_CONNECT_TIMEOUT = 3.05
# A reply with a token has some kB.
_LONGEST_REPLY = 1024 * 1024
_PART = 64 * 1024


class NotATransport(TypeError):  # noqa: N818 - what it says is the error
    """What was passed in the place of a transport cannot be called with a request."""


class ReplyTooLong(OSError):  # noqa: N818 - what it says is the error
    """A reply is longer than any reply with a token."""


class Transport:
    """A transport and the arguments that this one understands beyond google-auth's four.

    Args:
        request: google.auth.transport.Request or a callable like it; None for a transport of our own.
    """

    def __init__(self, request: Request) -> None:
        self.request: Any = _own.request if request is None else request
        if isinstance(request, type) or not callable(self.request):
            raise NotATransport(f"the transport is {_redaction.quoted(request)}")
        target, self._bound_timeout = self.request, None
        if isinstance(self.request, functools.partial):  # AuthorizedSession binds its own timeout
            target, self._bound_timeout = self.request.func, self.request.keywords.get("timeout")
        self.kind = kind(target)
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
        self, url: str, headers: Mapping[str, str], body: bytes, timeout: float, overdue: Callable[[], bool]
    ) -> tuple[int, dict[str, str], bytes]:
        """Send one request, and return the reply's status, its headers with names in lower case, and its body.

        Args:
            url: The endpoint.
            headers: The headers.
            body: The body.
            timeout: Seconds to connect, and seconds between two parts of the reply.
            overdue: Tells whether the whole reply has taken too long.

        Raises:
            ReplyTooLong: The body is longer than 1 MiB, perhaps only once it is decompressed.
        """
        arguments = dict(self._arguments)
        if self._takes_timeout:
            arguments["timeout"] = self._shortened(timeout)
        if self.kind == "requests":
            return self._post_by_requests(
                url, {"method": "POST", "body": body, "headers": dict(headers), **arguments}, overdue
            )
        if self.kind == "httplib2":
            arguments["connection_type"] = _httplib2_connection(url, overdue)
        response = self._send(url, {"method": "POST", "body": body, "headers": dict(headers), **arguments})
        answered = _lower(response.headers)
        if self.kind == "urllib3":
            return response.status, answered, _body_of_urllib3(response, overdue)
        data = response.data
        return response.status, answered, _short_enough(data if isinstance(data, bytes) else str(data).encode())

    def _post_by_requests(
        self, url: str, arguments: dict[str, Any], overdue: Callable[[], bool]
    ) -> tuple[int, dict[str, str], bytes]:
        seen: list[tuple[requests.Response, bytes]] = []

        def read(response: requests.Response, **_: Any) -> None:
            """Read the body before anything else does: at DEBUG, google-auth reads all of it for a log record."""
            body = b""
            if isinstance(response.raw, urllib3.HTTPResponse):
                if not response.is_redirect:
                    body = _body_of_urllib3(response.raw, overdue)
                response.raw = io.BytesIO(body)
            else:  # of an adapter of the session's own
                body = _short_enough(response.content)
            seen.append((response, body))

        try:
            other = self.request(url=url, hooks={"response": read}, **arguments)
        except Exception as error:
            # The reply is complete. requests reads a redirect's address, also if it may not follow it, and raises what it
            # likes of a bad one; some applications' sessions raise for a status.
            if not seen or not (seen[-1][0].is_redirect or isinstance(error, requests.RequestException)):
                raise
        if seen:
            response, body = seen[-1]
            return response.status_code, _lower(response.headers), body
        return other.status, _lower(other.headers), _short_enough(other.data)  # of a stand-in for a session

    def _send(self, url: str, arguments: dict[str, Any]) -> Any:
        if self.kind == "urllib3":
            # By urllib3 itself, because what google-auth makes of a response can only be read as a whole.
            return self._target.http.request(url=url, **arguments)
        if self.kind != "httplib2":
            return self.request(url=url, **arguments)
        # httplib2 mixes up the replies of two threads that share a connection: a copy has connections of its own.
        transport = copy.copy(self._target)
        transport.http = copy.copy(transport.http)
        try:
            return transport(url=url, **arguments)
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


def _body_of_urllib3(raw: Any, overdue: Callable[[], bool]) -> bytes:
    # urllib3 2: what has come so far. Before that, a server that sends byte by byte is noticed at the end of a part.
    read = functools.partial(getattr(raw, "read1", raw.read), decode_content=False)
    try:
        body = _body(read, raw.headers.get("content-encoding"), overdue)
    except BaseException:
        raw.close()
        raise
    raw.release_conn()
    return body


def _httplib2_connection(url: str, overdue: Callable[[], bool]) -> type:
    """Return a class of connections whose replies have limits; httplib2 itself reads and decompresses all that comes."""

    class Response(http.client.HTTPResponse):
        def begin(self) -> None:
            super().begin()
            self._encoding = self.headers.get("content-encoding")
            del self.headers["content-encoding"]  # else httplib2 would decompress once more

        def read(self, amt: int | None = None) -> bytes:  # noqa: ARG002 - httplib2 reads all at once
            return _body(self.read1, self._encoding, overdue)

    base = sys.modules["httplib2"].SCHEME_TO_CONNECTION[url.partition(":")[0]]
    return type("Connection", (base,), {"response_class": Response})


def _body(read: Callable[[int], bytes], encoding: str | None, overdue: Callable[[], bool]) -> bytes:
    """Read a body part by part, with a limit to its length and to the time that it takes."""
    body = b""
    while part := read(_PART):
        body = _short_enough(body + part)
        if overdue():
            raise TimeoutError("the reply was not complete in time")
    return _decompressed(body, (encoding or "").strip().lower())


def _decompressed(body: bytes, encoding: str) -> bytes:
    """Decompress a body that is compressed although the request did not accept that."""
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
    """Whether a worker may use the transport while its owner goes on."""
    return request is None or kind(request.func if isinstance(request, functools.partial) else request) is not None


def kind(target: Any) -> str | None:
    """The kind of a transport with arguments of its own; None for any other, and for a subclass that does not take them."""
    if isinstance(target, google.auth.transport.requests.Request):
        return "requests" if _takes(target, "allow_redirects") else None
    # Code that passes one of these has imported its module already.
    for name, module, argument in (
        ("urllib3", "google.auth.transport.urllib3", "redirect"),
        ("httplib2", "google_auth_httplib2", "redirections"),
    ):
        loaded = sys.modules.get(module)
        if loaded is not None and isinstance(target, loaded.Request):
            return name if _takes(target, argument) and _used_by_us(name, target) else None
    return None


def _used_by_us(name: str, target: Any) -> bool:
    """Whether we may use the library's own object in the place of the transport."""
    if name == "httplib2":  # not so what stands in for it, in tests of google-api-python-client for example
        return isinstance(target.http, sys.modules["httplib2"].Http)
    return type(target).__call__ is sys.modules["google.auth.transport.urllib3"].Request.__call__


def _takes(target: Any, argument: str) -> bool:
    if type(target) is google.auth.transport.requests.Request:
        return True  # known, and to look takes a while
    try:
        parameters = inspect.signature(target).parameters.values()
    except (TypeError, ValueError):
        return False
    return any(each.name == argument or each.kind is each.VAR_KEYWORD for each in parameters)


def _leave_headers_alone(prepared: Any) -> Any:
    """In the place of requests' own authentication, which would put a netrc entry into the header."""
    return prepared


class _OwnTransport:
    """The transport of calls that bring none, such as `get_token`; made at the first and shared."""

    def __init__(self) -> None:
        self._request: google.auth.transport.requests.Request | None = None

    @property
    def request(self) -> google.auth.transport.requests.Request:
        if self._request is None:
            self._request = google.auth.transport.requests.Request()
        return self._request

    def drop(self) -> None:
        """In the child of a fork: its parent's connections are not its own."""
        self._request = None


_own = _OwnTransport()
drop_own = _own.drop
