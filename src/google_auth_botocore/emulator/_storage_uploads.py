"""Uploads in parts that follow each other: resumable uploads, which both APIs offer.

Source: https://cloud.google.com/storage/docs/performing-resumable-uploads
"""

from __future__ import annotations

import re
import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from google_auth_botocore.emulator import _storage_errors as errors
from google_auth_botocore.emulator._http import Response
from google_auth_botocore.emulator._storage_metadata import check_name, expected_checksums
from google_auth_botocore.emulator._storage_objects import ObjectReference, Objects
from google_auth_botocore.emulator._storage_request import StorageRequest

_RANGE = re.compile(r"bytes (?:([0-9]{1,18})-([0-9]{1,18}|\*)|\*)/([0-9]{1,18}|\*)")
_QUANTUM = 256 << 10  # the size of each part but the last is a multiple of it


@dataclass
class Upload:
    """A resumable upload.

    Attributes:
        request: the request that started it.
        target: the object, with the preconditions for the object that it replaces.
        fields: the metadata of the object.
        expected: the checksums that the client has sent so far.
        content: what was received so far; empty once it is complete.
        done: the metadata of the object; None: it is not complete.
        lock: held while a part is added.
    """

    request: StorageRequest
    target: ObjectReference
    fields: Mapping[str, Any]
    expected: dict[str, str]
    content: bytearray = field(default_factory=bytearray)
    done: dict[str, Any] | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)


class _ContentRange(NamedTuple):
    start: int | None  # None: the request has no content, and requests the state of the upload
    end: int | None  # exclusive; None: the end of the body
    total: int | None  # None: not yet known


class Uploads:
    """The resumable uploads.

    Args:
        objects: the operations on objects.
    """

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._uploads: dict[str, Upload] = {}

    def starter(self, identifier: str) -> str | None:
        """Return the caller who started an upload. Its URL needs no token. None: it does not exist, or the owner started it."""
        upload = self._uploads.get(identifier)
        return None if upload is None else upload.request.principal

    def start(
        self, request: StorageRequest, target: ObjectReference, fields: Mapping[str, Any], expected: dict[str, str]
    ) -> str:
        """Start an upload and return its identifier.

        Raises:
            StorageError: the request is not allowed.
        """
        self._objects.allow(request, target.bucket, "storage.objects.create")
        check_name(request, target.name)
        identifier = secrets.token_urlsafe(32)
        self._uploads[identifier] = Upload(replace(request, body=b""), target, fields, expected)
        return identifier

    def add(self, identifier: str, request: StorageRequest) -> dict[str, Any] | Response:
        """Add a part to an upload, or return its state.

        Returns:
            The metadata of the object, if it is complete; otherwise the reply.

        Raises:
            StorageError: the upload does not exist, or the part is invalid.
        """
        upload = self._uploads.get(identifier)
        if upload is None:
            raise errors.no_upload()
        if request.method == "DELETE":
            del self._uploads[identifier]
            return Response(status=499)
        part = _content_range(request)
        with upload.lock:
            if upload.done is not None:
                return upload.done
            upload.expected.update(expected_checksums(request.headers))
            if part.start is not None:
                self._append(upload, request.body, part)
            if len(upload.content) != part.total:
                return _incomplete(request, len(upload.content))
            content, source = bytes(upload.content), upload.request
            upload.done = self._objects.write(source, upload.target, content, upload.fields, upload.expected)
            upload.content = bytearray()
            return upload.done

    def _append(self, upload: Upload, body: bytes, part: _ContentRange) -> None:
        """Add the bytes that were not received before."""
        start, received = part.start or 0, len(upload.content)
        end = start + len(body)
        if part.end not in {None, end} or (part.total is not None and end > part.total):
            raise errors.invalid("Content-Range", f"{start}-{part.end}/{part.total} for a body of {len(body)} bytes")
        if start > received:
            message = f"Invalid request. The offset of the upload is {start} bytes, but only {received} were received."
            raise errors.StorageError(400, "invalid", message)
        if end != part.total and len(body) % _QUANTUM:
            message = f"The size of each part but the last must be a multiple of {_QUANTUM} bytes, not {len(body)}."
            raise errors.StorageError(400, "invalid", message)
        upload.content += memoryview(body)[received - start :]


def _content_range(request: StorageRequest) -> _ContentRange:
    """Parse the header Content-Range. Without it, the body is the whole content."""
    value = request.headers.get("content-range")
    if value is None:
        return _ContentRange(0, len(request.body), len(request.body))
    match = _RANGE.fullmatch(value.strip())
    if match is None:
        raise errors.invalid("Content-Range", value)
    total = None if match[3] == "*" else int(match[3])
    if match[1] is None:
        return _ContentRange(None, None, total)
    start = int(match[1])
    if match[2] != "*":
        return _ContentRange(start, int(match[2]) + 1, total)
    return _ContentRange(start, None, start + len(request.body) if total is None else total)


def _incomplete(request: StorageRequest, received: int) -> Response:
    """Return the reply with the range that was received. If nothing was received, there is no range.

    Go's library rejects the status 308, and requests 200 with the status in a header. Source:
    https://github.com/googleapis/google-api-go-client/blob/main/internal/gensupport/resumable.go
    """
    headers = {"Range": f"bytes=0-{received - 1}"} if received else {}
    if request.headers.get("x-guploader-no-308", "").strip().lower() == "yes":
        return Response(status=200, headers={**headers, "X-HTTP-Status-Code-Override": "308"})
    return Response(status=308, headers=headers)
