"""A request to Cloud Storage, for the JSON API or for the XML API.

Source: https://cloud.google.com/storage/docs/request-endpoints
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote_to_bytes

from google_auth_botocore.emulator import _json
from google_auth_botocore.emulator import _storage_errors as errors

# With a bucket as subdomain: virtual-hosted style. Any other host is itself the name of a bucket (CNAME).
_STORAGE_HOST = re.compile(r"(?:(.+)\.)?(?:storage\.googleapis\.com|127\.0\.0\.1|localhost)")
# Without `/storage/v1`, as in Google's library for Node.js with STORAGE_EMULATOR_HOST. No bucket has the name `b`.
_JSON_API = re.compile(r"/(?:(?:(?:resumable/)?upload/|download/|batch/)?storage/v1(?:/|$)|b(?:/|$)|batch/?$)")
_OBJECT = re.compile(r"(?:(?:/download)?/storage/v1)?/b/([^/]+)/o/([^/]+)")


@dataclass(frozen=True)
class StorageRequest:
    """A request.

    Attributes:
        method: `GET`, `PUT`, ….
        path: the path, percent-encoded.
        query: the query, percent-encoded, without the question mark.
        headers: headers by lower-case name. Values of a repeated one are joined by a comma.
        body: the body as it was sent.
        url: base URL of the service, as used by the client.
        principal: the caller; None: the owner of the buckets, who has every permission.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    url: str = ""
    principal: str | None = None

    @functools.cached_property
    def parameters(self) -> dict[str, str]:
        """The decoded parameters of the query. The last of a repeated one wins."""
        return dict(parse_qsl(self.query, keep_blank_values=True))

    @property
    def user_project(self) -> str | None:
        """The project to bill; None: the request names no project."""
        return self.parameters.get("userProject") or self.headers.get("x-goog-user-project")

    @property
    def resource(self) -> str:
        """`/BUCKET/OBJECT` of the XML API, percent-encoded. The bucket is in the path or in the host."""
        bucket = self._bucket_in_host
        return self.path if bucket is None else f"/{bucket}{self.path}"

    @property
    def target(self) -> tuple[str, str]:
        """The decoded names of bucket and object in the XML API. For a request for a bucket, the object's name is empty.

        Raises:
            StorageError: a name is not UTF-8.
        """
        bucket, _, name = decoded(self.resource[1:]).partition("/")
        return bucket, name

    @property
    def is_json(self) -> bool:
        """Whether it is a request to the JSON API."""
        return self._bucket_in_host is None and _JSON_API.match(self.path) is not None

    @property
    def reads(self) -> bool:
        """Whether it changes nothing."""
        return self.method in {"GET", "HEAD"}

    @property
    def media(self) -> str | None:
        """The name of the object whose content is requested; None: the request is of another kind.

        Raises:
            StorageError: the name is not UTF-8.
        """
        if not self.is_json:
            return (self.target[1] or None) if self.method == "GET" else None
        match = _OBJECT.fullmatch(self.path.rstrip("/"))
        media = self.parameters.get("alt") == "media" or self.path.startswith("/download/")
        return decoded(match[2]) if match is not None and media and self.reads else None

    def json(self) -> dict[str, Any]:
        """Return the JSON object in the body. An empty body is an empty object.

        Raises:
            StorageError: the body is not a JSON object.
        """
        return parse_json(self.body)

    @property
    def _bucket_in_host(self) -> str | None:
        host = self.headers.get("host", "").partition(":")[0]
        match = _STORAGE_HOST.fullmatch(host)
        return host or None if match is None else match[1]


def decoded(text: str) -> str:
    """Return percent-encoded text, decoded. A server reads the request line as Latin-1.

    Raises:
        StorageError: it is not UTF-8.
    """
    try:
        return unquote_to_bytes(text.encode("latin-1")).decode()
    except UnicodeDecodeError:
        raise errors.StorageError(400, "invalid", "The name is not valid UTF-8.") from None


def parse_json(body: bytes) -> dict[str, Any]:
    """Return a JSON object. Nothing is an empty object, and so is null, which Go's library sends.

    Raises:
        StorageError: it is not a JSON object.
    """
    try:
        document = _json.parse(body or b"null")
    except ValueError:
        document = []
    document = {} if document is None else document
    if not isinstance(document, dict):
        raise errors.StorageError(400, "parseError", "Parse Error")
    return document
