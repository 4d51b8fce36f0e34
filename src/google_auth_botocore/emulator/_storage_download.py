"""Downloads of objects from Cloud Storage's JSON API: content and headers.

Source: https://cloud.google.com/storage/docs/json_api/v1/objects/get
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Mapping
from datetime import datetime
from email.utils import format_datetime
from typing import Any

from google_auth_botocore.emulator import _storage_errors as errors
from google_auth_botocore.emulator._http import Response
from google_auth_botocore.emulator._ranges import range_response
from google_auth_botocore.emulator._xml_api import METADATA_HEADERS, header_safe, version_headers

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def download(content: bytes, metadata: Mapping[str, Any], request_headers: Mapping[str, str]) -> Response:
    """Return the reply with an object's content, or with the requested range of it.

    Args:
        content: the stored content.
        metadata: the object's metadata.
        request_headers: headers of the request, by lower-case name.

    Raises:
        StorageError: the range is empty.
    """
    updated = datetime.fromisoformat(metadata["updated"].replace("Z", "+00:00"))
    encoding = metadata.get("contentEncoding") or "identity"
    headers = {
        "Content-Type": metadata.get("contentType") or "application/octet-stream",
        "Last-Modified": format_datetime(updated, usegmt=True),
        "x-goog-stored-content-length": str(len(content)),
        "x-goog-stored-content-encoding": encoding,
        "x-goog-storage-class": metadata.get("storageClass", "STANDARD"),
        "Accept-Ranges": "bytes",
        **version_headers(metadata),
        **{header.title(): metadata[field] for header, field in METADATA_HEADERS.items() if metadata.get(field)},
        **{
            f"x-goog-meta-{name}": text
            for name, text in (metadata.get("metadata") or {}).items()
            if _HEADER_NAME.fullmatch(name)
        },
    }
    headers = {name: header_safe(value) for name, value in headers.items()}
    if encoding == "gzip" and "gzip" not in request_headers.get("accept-encoding", ""):
        return _decompressed(content, headers)
    reply = range_response(content, request_headers.get("range", ""), headers)
    if reply is None:
        raise errors.no_range(len(content))
    return reply


def _decompressed(content: bytes, headers: dict[str, str]) -> Response:
    """Return the whole content of a gzip-encoded object to a client that does not accept gzip. A range is ignored.

    Source: https://cloud.google.com/storage/docs/transcoding
    """
    try:
        content = gzip.decompress(content)
    except (OSError, EOFError):  # the content is not gzip, although the metadata says so
        return Response(content, 200, headers)
    headers = {name: value for name, value in headers.items() if name not in {"Content-Encoding", "Accept-Ranges"}}
    return Response(content, 200, {**headers, "Warning": "214 UploadServer gunzipped", "Vary": "Accept-Encoding"})
