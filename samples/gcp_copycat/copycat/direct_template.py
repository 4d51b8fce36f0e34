"""Builds signed PUT requests to S3 from a template, which is learned from a request that botocore has built.

Only botocore knows the endpoint of a bucket and the headers of an operation. So the first request of each operation goes
through its client, and `learn_template` copies what all such requests have in common: endpoint, path, region and headers. As a
check, it builds the same request from the template, and discards the template unless the result equals botocore's request,
including the signature.
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
# Headers that differ in each request. The last two number botocore's own retries, which are disabled.
_PER_REQUEST = {
    "authorization", "content-length", "x-amz-date", "x-amz-security-token",
    "amz-sdk-invocation-id", "amz-sdk-request",
}  # fmt: skip
_UNSIGNED = "UNSIGNED-PAYLOAD"
_LINE_BREAK = re.compile(r"[\r\n\0]")


class ArgumentLocations:
    """Tells in which header or query parameter each argument of an operation is sent.

    Args:
        members: botocore's description of the arguments.
    """

    def __init__(self, members: Mapping[str, Any]) -> None:
        locations = {name: shape.serialization for name, shape in members.items()}
        self._queries = {
            n: location["name"] for n, location in locations.items() if location.get("location") == "querystring"
        }
        self._headers = {
            n: location["name"]
            for n, location in locations.items()
            if location.get("location") in {"header", "headers"}
        }

    @property
    def spelling(self) -> dict[str, str]:
        """Spelling of the headers, by lower-case name."""
        return {name.lower(): name for name in self._headers.values()}

    def query(self, arguments: Mapping[str, Any]) -> str:
        """Return the query string of the arguments, in the order in which it is signed."""
        named = self._queries
        found = [f"{named[name]}={percent_encode(str(arguments[name]))}" for name in arguments if name in named]
        return "&".join(sorted(found))

    def headers(self, arguments: Mapping[str, Any]) -> dict[str, str]:
        """Return the headers of the arguments, by lower-case name.

        Raises:
            ValueError: A value has a line break.
        """
        headers: dict[str, str] = {}
        for argument, value in arguments.items():
            if isinstance(value, Mapping):
                headers |= {(self._headers[argument] + name).lower(): text for name, text in value.items()}
            elif argument not in self._queries:
                headers[self._headers[argument].lower()] = value.strip()
        if any(_LINE_BREAK.search(value) for value in headers.values()):
            raise ValueError("a header value must not have line breaks")
        return headers


@dataclass(frozen=True, slots=True)
class PreparedRequest:
    """A signed request.

    Attributes:
        path: path of the URL.
        query: query string of the URL.
        headers: values by lower-case name, including `host`.
        spelling: spelling of the header names that are not sent in lower case.
    """

    path: str
    query: str
    headers: Mapping[str, str]
    spelling: Mapping[str, str]

    def head(self) -> bytes:
        """Return the request line and the headers, as they are sent."""
        spell = self.spelling.get
        lines = "".join([f"{spell(name, name)}: {value}\r\n" for name, value in self.headers.items()])
        target = f"{self.path}?{self.query}" if self.query else self.path
        return f"PUT {target} HTTP/1.1\r\n{lines}\r\n".encode("latin-1")


class RequestTemplate:
    """What all requests of one operation have in common.

    Args:
        url: URL of the server.
        path: path of an object without its key.
        headers: headers of every request, by lower-case name.
        spelling: spelling of the header names, by lower-case name.
        signer: signs the requests.
        locations: where the arguments of the operation are sent.
    """

    def __init__(
        self,
        url: str,
        path: str,
        headers: Mapping[str, str],
        spelling: Mapping[str, str],
        signer: Signer,
        locations: ArgumentLocations,
    ) -> None:
        self.url = url
        self._path = path
        self._headers = headers
        self._spelling = {**locations.spelling, **spelling}
        self._signer = signer
        self._locations = locations

    def prepare(self, keys: Any, key: str, arguments: Mapping[str, Any], length: int, now: str) -> PreparedRequest:
        """Build and sign the request for an object.

        Args:
            keys: frozen AWS credentials.
            key: key of the object.
            arguments: arguments of the operation that differ between requests.
            length: length of the body.
            now: time, in the format of `x-amz-date`.

        Raises:
            ValueError: A header has a line break.
        """
        headers = {**self._headers, **self._locations.headers(arguments), "x-amz-date": now}
        if keys.token:
            headers["x-amz-security-token"] = keys.token
        path, query = self._path + percent_encode(key, "/~"), self._locations.query(arguments)
        headers["authorization"] = self._signer.authorization(
            keys.access_key, keys.secret_key, "PUT", path, query, headers
        )
        headers["content-length"] = str(length)
        return PreparedRequest(path, query, headers, self._spelling)


def learn_template(
    request: Any, keys: Any, key: str, arguments: Mapping[str, Any], locations: ArgumentLocations
) -> RequestTemplate | None:
    """Return the template of a request that botocore has built. Return None if requests from it would differ from botocore's.

    Args:
        request: botocore's request, from its event `before-send`.
        keys: frozen AWS credentials that signed the request.
        key: key of the object.
        arguments: arguments of the operation that differ between requests.
        locations: where the arguments of the operation are sent.
    """
    theirs = {name.lower(): _text(value).strip() for name, value in request.headers.items()}
    parts, encoded = urlsplit(request.url), percent_encode(key, "/~")
    scope = _AUTHORIZATION.fullmatch(theirs.get("authorization", ""))
    if keys is None or scope is None or not parts.path.endswith("/" + encoded) or parts.username:
        return None
    if theirs.get("x-amz-content-sha256") != _UNSIGNED:
        return None
    different = _PER_REQUEST | locations.headers(arguments).keys()
    common = {name: value for name, value in theirs.items() if name not in different}
    # Some of botocore's signers leave it to http.client, which omits the scheme's default port.
    common.setdefault("host", re.sub(r":443$" if parts.scheme == "https" else r":80$", "", parts.netloc))
    template = RequestTemplate(
        f"{parts.scheme}://{parts.netloc}",
        parts.path.removesuffix(encoded),
        common,
        {name.lower(): name for name in request.headers},
        Signer(scope[1], scope[2]),
        locations,
    )
    ours = template.prepare(keys, key, arguments, int(theirs.get("content-length", "-1")), theirs["x-amz-date"])
    known = {name: value for name, value in theirs.items() if not name.startswith("amz-sdk-")}
    same_url = (ours.path, ours.query) == (parts.path, "&".join(sorted(parts.query.split("&"))))
    same = same_url and ours.headers == {"host": common["host"], **known}
    return template if same else None


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value
