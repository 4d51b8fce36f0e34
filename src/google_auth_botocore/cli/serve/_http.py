"""HTTP/1.1 as far as a metadata server needs it: the head of a request in, the bytes of an answer out."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from email.utils import formatdate
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote

# Neither pattern can match one text in two ways: the time to try them grows with the length of the text and no faster.
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


class MalformedError(Exception):
    """It is no HTTP, or none that a client of a metadata server speaks."""


class Request(NamedTuple):
    """The head of a request.

    Attributes:
        method: As sent.
        path: Without the query, percent-decoded.
        query: The last value of each parameter, decoded.
        headers: All values by name; names in lower case.
        keep_alive: Whether the client may send another request on the same connection.
        has_body: Whether a body follows, which is not read.
    """

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, list[str]]
    keep_alive: bool
    has_body: bool


class Reply(NamedTuple):
    """An answer.

    Attributes:
        status: HTTP status.
        body: What it says.
        content_type: Of the body.
    """

    status: int
    body: bytes
    content_type: str


def parsed(head: bytes) -> Request:
    """Reads the head of a request, the empty line at its end included.

    Raises:
        MalformedError: It can't be read.
    """
    first, *lines = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    parts = first.split(" ")
    if len(parts) != 3 or parts[2] not in {"HTTP/1.0", "HTTP/1.1"} or _CONTROL.search(first):
        raise MalformedError("This is no request of HTTP/1.1.")
    method, target, version = parts
    if not target.startswith("/"):
        raise MalformedError("This is no proxy: the target of a request is a path.")
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
        and not has_body,  # a body would be taken for the next request
        has_body=has_body,
    )


def _headers(lines: Iterable[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not _NAME.fullmatch(name) or _CONTROL.search(value):
            raise MalformedError("A header of the request can't be read.")
        found.setdefault(name.lower(), []).append(value.strip(" \t"))
    return found


def text(status: int, body: str) -> Reply:
    """Return a plain text; Google has this type for a value, and text for what went wrong."""
    return Reply(
        status,
        body.encode(errors="backslashreplace"),
        "application/text" if status == 200 else "text/plain; charset=utf-8",
    )


def document(body: Any) -> Reply:
    """JSON."""
    return Reply(200, json.dumps(body).encode(), "application/json")


def encoded(reply: Reply, *, with_body: bool, keep_alive: bool) -> bytes:
    """The answer on the wire; never with a header that lets a page of another origin read it."""
    headers = {
        "Metadata-Flavor": "Google",
        "Content-Type": reply.content_type,
        "Content-Length": str(len(reply.body)),
        "Cache-Control": "no-store",
        "Date": formatdate(usegmt=True),
        "Server": "google-auth-botocore",
        "Connection": "keep-alive" if keep_alive else "close",
    }
    if reply.status == 405:
        headers["Allow"] = "GET, HEAD"
    lines = [f"HTTP/1.1 {reply.status} {HTTPStatus(reply.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    head = "\r\n".join(lines) + "\r\n\r\n"
    return head.encode("latin-1") + (reply.body if with_body else b"")
