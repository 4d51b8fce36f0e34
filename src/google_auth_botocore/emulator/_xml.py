"""Requests to Cloud Storage's XML API, and its error replies.

Sources: https://cloud.google.com/storage/docs/request-endpoints#xml-api and
https://cloud.google.com/storage/docs/xml-api/reference-status
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote
from xml.sax.saxutils import escape

from google_auth_botocore.emulator._http import Response

# With a bucket as subdomain: virtual-hosted style. Any other host is itself the name of a bucket (CNAME).
_STORAGE_HOST = re.compile(r"(?:(.+)\.)?(?:storage\.googleapis\.com|127\.0\.0\.1|localhost)")


@dataclass(frozen=True)
class XmlRequest:
    """A request.

    Attributes:
        method: `GET`, `PUT`, ….
        path: the path, percent-encoded.
        query: the query, percent-encoded, without the question mark.
        headers: headers by lower-case name. Values of a repeated one are joined by a comma.
        body: the body as it was sent.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def parameters(self) -> dict[str, str]:
        """The decoded parameters of the query."""
        return dict(parse_qsl(self.query, keep_blank_values=True))

    @property
    def resource(self) -> str:
        """`/BUCKET/OBJECT`, percent-encoded. The bucket is in the path or in the host."""
        host = self.headers.get("host", "").partition(":")[0]
        match = _STORAGE_HOST.fullmatch(host)
        if match is not None and match[1] is None:
            return self.path
        return f"/{host if match is None else match[1]}{self.path}"

    @property
    def target(self) -> tuple[str, str]:
        """The decoded names of bucket and object. For a request for a bucket, the object's name is empty."""
        bucket, _, name = unquote(self.resource[1:]).partition("/")
        return bucket, name


class XmlError(Exception):
    """An error reply.

    Args:
        status: the HTTP status.
        code: the name of the error.
        message: the general error message.
        details: the specific error message.
        elements: further elements of the document, by name.
    """

    def __init__(self, status: int, code: str, message: str, details: str, **elements: str) -> None:
        super().__init__(f"{code}: {details}")
        self.status = status
        self._elements = {"Code": code, "Message": message, "Details": details, **elements}

    @property
    def response(self) -> Response:
        """The reply."""
        return document("Error", "".join(element(name, text) for name, text in self._elements.items()), self.status)


def element(name: str, text: object) -> str:
    """Return an XML element with a text."""
    return f"<{name}>{escape(str(text))}</{name}>"


def document(root: str, content: str, status: int = 200) -> Response:
    """Return a reply with an XML document."""
    text = f"<?xml version='1.0' encoding='UTF-8'?><{root}>{content}</{root}>"
    return Response(text.encode(), status, {"Content-Type": "application/xml; charset=UTF-8"})
