"""A request to Cloud Storage's XML API, and how that says no.

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

# With a bucket before it: virtual-hosted style. Any other host is bound to the bucket of its name.
_OWN_HOST = re.compile(r"(?:(.+)\.)?(?:storage\.googleapis\.com|127\.0\.0\.1|localhost)")


@dataclass(frozen=True)
class XmlRequest:
    """A request as it came.

    Attributes:
        method: `GET`, `PUT`, ….
        path: what follows the host, percent-encoded.
        query: what follows the question mark, percent-encoded.
        headers: by lower-case name; values of a repeated one are joined by a comma.
        body: as it was sent.
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
        """`/BUCKET/OBJECT`, percent-encoded; the host names the bucket where the path does not."""
        host = self.headers.get("host", "").partition(":")[0]
        own = _OWN_HOST.fullmatch(host)
        if own is not None and own[1] is None:
            return self.path
        return f"/{host if own is None else own[1]}{self.path}"

    @property
    def target(self) -> tuple[str, str]:
        """The bucket and the object, decoded; without an object it is about the bucket."""
        bucket, _, name = unquote(self.resource[1:]).partition("/")
        return bucket, name


class XmlError(Exception):
    """The server says no.

    Args:
        status: the HTTP status.
        code: the name of the error.
        message: the kind of error, in words.
        details: what happened, in words.
        elements: further elements of the document, by name.
    """

    def __init__(self, status: int, code: str, message: str, details: str, **elements: str) -> None:
        super().__init__(f"{code}: {details}")
        self.status = status
        self._elements = {"Code": code, "Message": message, "Details": details, **elements}

    @property
    def response(self) -> Response:
        """The answer."""
        return document("Error", "".join(element(name, text) for name, text in self._elements.items()), self.status)


def element(name: str, text: object) -> str:
    """Gives an XML element that holds text."""
    return f"<{name}>{escape(str(text))}</{name}>"


def document(root: str, content: str, status: int = 200) -> Response:
    """Gives an answer that is an XML document."""
    text = f"<?xml version='1.0' encoding='UTF-8'?><{root}>{content}</{root}>"
    return Response(text.encode(), status, {"Content-Type": "application/xml; charset=UTF-8"})
