"""Downloads of objects from Cloud Storage: content and headers, in both APIs.

Sources: https://cloud.google.com/storage/docs/json_api/v1/objects/get and
https://cloud.google.com/storage/docs/xml-api/get-object-download
"""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Mapping
from email.utils import format_datetime
from typing import Any
from urllib.parse import quote

from google_auth_botocore.emulator import _storage_errors as errors
from google_auth_botocore.emulator._http import Response
from google_auth_botocore.emulator._object_store import HASHES, StoredObject, parse_timestamp
from google_auth_botocore.emulator._ranges import range_response

# Headers that an upload sets and a download returns, with the name of each in the JSON API.
METADATA_HEADERS = {
    "cache-control": "cacheControl",
    "content-disposition": "contentDisposition",
    "content-encoding": "contentEncoding",
    "content-language": "contentLanguage",
    "content-type": "contentType",
}
META = "x-goog-meta-"
_NOT_IN_HEADER_NAME = re.compile(r"[^!#$%&'*+.^_`|~0-9A-Za-z-]+")
_NOT_IN_HEADER = re.compile(r"[^\t\x20-\x7e\x80-\xff]+")


def download(
    found: StoredObject, request_headers: Mapping[str, str], tag: str, replaced: Mapping[str, str] = {}
) -> Response:
    """Return the reply with an object's content, or with the requested range of it.

    Args:
        found: the object.
        request_headers: headers of the request, by lower-case name.
        tag: the entity tag, without quotes.
        replaced: values that replace the values of `METADATA_HEADERS`.

    Raises:
        StorageError: the range is empty.
    """
    metadata, content = found
    encoding = metadata.get("contentEncoding") or "identity"
    described = {header: replaced.get(header) or metadata.get(field) for header, field in METADATA_HEADERS.items()}
    headers = {
        "Last-Modified": format_datetime(parse_timestamp(metadata["updated"]), usegmt=True),
        "x-goog-stored-content-length": str(len(content)),
        "x-goog-stored-content-encoding": encoding,
        "x-goog-storage-class": metadata["storageClass"],
        "Accept-Ranges": "bytes",
        **version_headers(metadata, tag),
        **{header.title(): value for header, value in described.items() if value},
        **{f"{META}{_header_name(name)}": text for name, text in metadata.get("metadata", {}).items()},
    }
    headers = {name: _header_safe(value) for name, value in headers.items()}
    if encoding == "gzip" and "gzip" not in request_headers.get("accept-encoding", ""):
        return _decompressed(content, headers)
    reply = range_response(content, request_headers.get("range", ""), headers)
    if reply is None:
        raise errors.no_range(len(content))
    return reply


def version_headers(metadata: Mapping[str, Any], tag: str) -> dict[str, str]:
    """Return the headers that identify the version of an object."""
    return {
        "ETag": f'"{tag}"',
        "x-goog-generation": metadata["generation"],
        "x-goog-metageneration": metadata["metageneration"],
        "x-goog-hash": hash_header(metadata),
    }


def hash_header(metadata: Mapping[str, Any]) -> str:
    """Return the header with the checksums in the metadata. A composite object has no MD5."""
    return ",".join(f"{name}={metadata[field]}" for name, field in HASHES.items() if metadata.get(field))


def _header_safe(text: str) -> str:
    """Percent-encode characters that a header cannot contain, as gsutil does. Latin-1 characters stay as they are."""
    return _NOT_IN_HEADER.sub(lambda match: quote(match[0]), text)


def _header_name(text: str) -> str:
    """Percent-encode characters that the name of a header cannot contain."""
    return _NOT_IN_HEADER_NAME.sub(lambda match: quote(match[0], safe=""), text)


def _decompressed(content: bytes, headers: dict[str, str]) -> Response:
    """Return the whole content of a gzip-encoded object to a client that does not accept gzip. A range is ignored.

    Source: https://cloud.google.com/storage/docs/transcoding
    """
    try:
        content = gzip.decompress(content)
    except (OSError, EOFError, zlib.error):  # the content is not gzip, although the metadata says so
        return Response(content, 200, headers)
    headers = {name: value for name, value in headers.items() if name not in {"Content-Encoding", "Accept-Ranges"}}
    return Response(content, 200, {**headers, "Warning": "214 UploadServer gunzipped", "Vary": "Accept-Encoding"})
