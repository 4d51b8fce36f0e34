"""HTTP/1.1 as far as a metadata server needs it: parse the head of a request, and encode a reply."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from email.utils import formatdate
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote

# Neither pattern can backtrack: the time to match grows only linearly with the length of the text.
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


class MalformedError(Exception):
    """The request is not valid HTTP/1.1, or not a request that a client of a metadata server sends."""


class Request(NamedTuple):
    """The head of a request.

    Attributes:
        method: The method, as sent.
        path: The path without the query, percent-decoded.
        query: The last value of each parameter, decoded.
        headers: All values of each header. Names are in lower case.
        keep_alive: Whether the client may send another request on the same connection.
        has_body: Whether a body follows. It is not read.
    """

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, list[str]]
    keep_alive: bool
    has_body: bool


class Reply(NamedTuple):
    """A reply.

    Attributes:
        status: HTTP status.
        body: The body.
        content_type: The media type of the body.
        etag: Identifies the content, whatever its format. Empty: it cannot change.
    """

    status: int
    body: bytes
    content_type: str
    etag: str = ""


def parse_request(head: bytes) -> Request:
    """Parse the head of a request, including the empty line at its end.

    Raises:
        MalformedError: The head is malformed.
    """
    first, *lines = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    parts = first.split(" ")
    if len(parts) != 3 or parts[2] not in {"HTTP/1.0", "HTTP/1.1"} or _CONTROL.search(first):
        raise MalformedError("This is not an HTTP/1.1 request.")
    method, target, version = parts
    if not target.startswith("/"):
        raise MalformedError("This is not a proxy: the request target must be a path.")
    path, _, query = target.partition("?")
    headers = _headers(lines)
    has_body = bool(headers.keys() & {"content-length", "transfer-encoding"})
    return Request(
        method=method,
        path=unquote(path),
        query={name: values[-1] for name, values in parse_qs(query, keep_blank_values=True).items()},
        headers=headers,
        keep_alive=version == "HTTP/1.1"
        and "close" not in ",".join(headers.get("connection", ())).lower()
        and not has_body,  # the body would be parsed as the next request
        has_body=has_body,
    )


def _headers(lines: Iterable[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not _NAME.fullmatch(name) or _CONTROL.search(value):
            raise MalformedError("A header of the request is malformed.")
        found.setdefault(name.lower(), []).append(value.strip(" \t"))
    return found


def text_reply(status: int, body: str) -> Reply:
    """Return a reply with plain text. Google uses application/text for values, and text/plain for errors."""
    return Reply(
        status,
        body.encode(errors="backslashreplace"),
        "application/text" if status == 200 else "text/plain; charset=utf-8",
    )


def json_reply(body: Any, status: int = 200) -> Reply:
    """Return a reply with JSON."""
    return Reply(status, json.dumps(body).encode(), "application/json")


def encode_reply(reply: Reply, *, with_body: bool, keep_alive: bool) -> bytes:
    """Return the bytes of a reply, with the headers of Google's server.

    No header allows a page of another origin to read it (CORS).
    """
    headers = {
        "Metadata-Flavor": "Google",
        "Content-Type": reply.content_type,
        "Content-Length": str(len(reply.body)),
        "Cache-Control": "no-store",
        "Date": formatdate(usegmt=True),
        "Server": "Metadata Server for VM",
        "X-XSS-Protection": "0",
        "X-Frame-Options": "SAMEORIGIN",
        "Connection": "keep-alive" if keep_alive else "close",
    }
    if reply.etag:
        headers["ETag"] = reply.etag
    if reply.status == 405:
        headers["Allow"] = "GET, HEAD"
    lines = [f"HTTP/1.1 {reply.status} {HTTPStatus(reply.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    head = "\r\n".join(lines) + "\r\n\r\n"
    return head.encode("latin-1") + (reply.body if with_body else b"")
