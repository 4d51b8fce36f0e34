"""Documents and error replies of Cloud Storage's XML API.

Source: https://cloud.google.com/storage/docs/xml-api/reference-status
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape, quoteattr

from google_auth_botocore.emulator._http import Response
from google_auth_botocore.emulator._storage_errors import StorageError

_MESSAGES = {
    "AccessDenied": "Access denied.",
    "InvalidArgument": "Invalid argument.",
    "InvalidRange": "The requested range cannot be satisfied.",
    "NoSuchBucket": "The specified bucket does not exist.",
    "NoSuchKey": "The specified key does not exist.",
}
# XML 1.0 forbids these characters, also as references. S3 and its clients use references all the same.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f]")


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
        return document("Error", elements(**self._elements), self.status)


def error_response(error: StorageError) -> Response:
    """Return the reply of the XML API for an error that both APIs have."""
    if error.status == 304:
        return Response(b"", 304, error.headers)
    details = str(error)
    response = XmlError(error.status, error.code, _MESSAGES.get(error.code, details), details).response
    return Response(response.body, response.status, {**response.headers, **error.headers})


def element(name: str, text: object) -> str:
    """Return an XML element with a text."""
    return f"<{name}>{_CONTROL.sub(lambda found: f'&#{ord(found[0])};', escape(str(text)))}</{name}>"


def elements(**fields: object) -> str:
    """Return an XML element for each field."""
    return "".join(element(name, text) for name, text in fields.items())


def document(
    root: str, content: str, status: int = 200, namespace: str = "", headers: Mapping[str, str] = {}
) -> Response:
    """Return a reply with an XML document."""
    start = f"{root} xmlns={quoteattr(namespace)}" if namespace else root
    text = f"<?xml version='1.0' encoding='UTF-8'?><{start}>{content}</{root}>"
    return Response(text.encode(), status, {"Content-Type": "application/xml; charset=UTF-8", **headers})


def parsed(body: bytes, root: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the elements directly in a document: the name of each, and its own elements. Namespaces are ignored.

    Raises:
        XmlError: the body is not such a document.
    """
    try:
        document = ET.fromstring(body)  # noqa: S314 - expat limits how far entities expand
    except ET.ParseError:
        document = None
    if document is None or _local(document) != root:
        message = "The XML you provided was not well-formed or did not validate against our published schema."
        raise XmlError(400, "MalformedXML", message, f"The document must be {root}.")
    for each in document:
        yield _local(each), {_local(inner): (inner.text or "").strip() for inner in each}


def _local(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]
