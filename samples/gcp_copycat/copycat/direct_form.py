"""Requests that write a body into S3, in the form that botocore's client has shown.

Where S3 is and how a request looks there is botocore's to know. So a first request of each operation goes through its client,
and its form is taken from what the client sends: endpoint, path, region, all headers. The form is used only if the same
request, prepared here, equals botocore's to the last byte of its signature.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from botocore.utils import percent_encode

from copycat.signature import Signer

_AUTHORIZATION = re.compile(r"AWS4-HMAC-SHA256 Credential=[^/,]+/\d{8}/([^/,]+)/([^/,]+)/aws4_request, .*")
# Of each request anew. The last two number botocore's own retries, of which there are none.
_OF_A_REQUEST = {
    "authorization", "content-length", "x-amz-date", "x-amz-security-token",
    "amz-sdk-invocation-id", "amz-sdk-request",
}  # fmt: skip
_UNSIGNED = "UNSIGNED-PAYLOAD"
_LINE_BREAK = re.compile(r"[\r\n\0]")


class Arguments:
    """Where the arguments of an operation go.

    Args:
        members: botocore's description of them.
    """

    def __init__(self, members: Mapping[str, Any]) -> None:
        places = {name: shape.serialization for name, shape in members.items()}
        self._queries = {n: place["name"] for n, place in places.items() if place.get("location") == "querystring"}
        self._headers = {
            n: place["name"] for n, place in places.items() if place.get("location") in {"header", "headers"}
        }

    @property
    def written(self) -> dict[str, str]:
        """Names of headers as they are sent, by lower-case name."""
        return {name.lower(): name for name in self._headers.values()}

    def query(self, arguments: Mapping[str, Any]) -> str:
        """Return the query of a URL, in the order in which it is signed."""
        named = self._queries
        found = [f"{named[name]}={percent_encode(str(arguments[name]))}" for name in arguments if name in named]
        return "&".join(sorted(found))

    def headers(self, arguments: Mapping[str, Any]) -> dict[str, str]:
        """Return the headers, their names in lower case.

        Raises:
            ValueError: One would have a line break.
        """
        headers: dict[str, str] = {}
        for argument, value in arguments.items():
            if isinstance(value, Mapping):
                headers |= {(self._headers[argument] + name).lower(): text for name, text in value.items()}
            elif argument not in self._queries:
                headers[self._headers[argument].lower()] = value.strip()
        if any(_LINE_BREAK.search(value) for value in headers.values()):
            raise ValueError("a header has no line breaks")
        return headers


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request that is ready to be sent.

    Attributes:
        path: of the URL.
        query: see *path*.
        headers: by lower-case name, with `host`.
        written: names as they are sent, where that is not in lower case.
    """

    path: str
    query: str
    headers: Mapping[str, str]
    written: Mapping[str, str]

    def head(self) -> bytes:
        """Return what is sent before the body."""
        written = self.written.get
        lines = "".join([f"{written(name, name)}: {value}\r\n" for name, value in self.headers.items()])
        target = f"{self.path}?{self.query}" if self.query else self.path
        return f"PUT {target} HTTP/1.1\r\n{lines}\r\n".encode("latin-1")


class Form:
    """What all requests of a client for one operation have in common.

    Args:
        url: of the server.
        path: that of an object, without its key.
        headers: of every request, by lower-case name.
        written: names as they are sent, by lower-case name.
        signer: signs.
        places: of the operation's arguments.
    """

    def __init__(
        self,
        url: str,
        path: str,
        headers: Mapping[str, str],
        written: Mapping[str, str],
        signer: Signer,
        places: Arguments,
    ) -> None:
        self.url = url
        self._path = path
        self._headers = headers
        self._written = {**places.written, **written}
        self._signer = signer
        self._places = places

    def prepare(self, keys: Any, key: str, arguments: Mapping[str, Any], length: int, now: str) -> Prepared:
        """Return the request for an object.

        Args:
            keys: of AWS, frozen.
            key: the object's.
            arguments: those that differ from request to request.
            length: of the body.
            now: time as in `x-amz-date`.

        Raises:
            ValueError: A header would have a line break.
        """
        headers = {**self._headers, **self._places.headers(arguments), "x-amz-date": now}
        if keys.token:
            headers["x-amz-security-token"] = keys.token
        path, query = self._path + percent_encode(key, "/~"), self._places.query(arguments)
        headers["authorization"] = self._signer.authorization(
            keys.access_key, keys.secret_key, "PUT", path, query, headers
        )
        headers["content-length"] = str(length)
        return Prepared(path, query, headers, self._written)


def learn(request: Any, keys: Any, key: str, arguments: Mapping[str, Any], places: Arguments) -> Form | None:
    """Return the form of a request that botocore has prepared; None if it has another form than those known here.

    Args:
        request: botocore's, as its event `before-send` has it.
        keys: of AWS, frozen, with which it was signed.
        key: the object's.
        arguments: those that differ from request to request.
        places: of the operation's arguments.
    """
    theirs = {name.lower(): _text(value).strip() for name, value in request.headers.items()}
    parts, encoded = urlsplit(request.url), percent_encode(key, "/~")
    scope = _AUTHORIZATION.fullmatch(theirs.get("authorization", ""))
    if keys is None or scope is None or not parts.path.endswith("/" + encoded) or parts.username:
        return None
    if theirs.get("x-amz-content-sha256") != _UNSIGNED:
        return None
    different = _OF_A_REQUEST | places.headers(arguments).keys()
    common = {name: value for name, value in theirs.items() if name not in different}
    # Not all of botocore's signers name it; http.client adds it without the port that goes with the scheme.
    common.setdefault("host", re.sub(r":443$" if parts.scheme == "https" else r":80$", "", parts.netloc))
    form = Form(
        f"{parts.scheme}://{parts.netloc}",
        parts.path.removesuffix(encoded),
        common,
        {name.lower(): name for name in request.headers},
        Signer(scope[1], scope[2]),
        places,
    )
    ours = form.prepare(keys, key, arguments, int(theirs.get("content-length", "-1")), theirs["x-amz-date"])
    known = {name: value for name, value in theirs.items() if not name.startswith("amz-sdk-")}
    same_url = (ours.path, ours.query) == (parts.path, "&".join(sorted(parts.query.split("&"))))
    same = same_url and ours.headers == {"host": common["host"], **known}
    return form if same else None


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value
