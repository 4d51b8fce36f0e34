"""Multipart uploads in Cloud Storage's XML API: an object is sent in parts, in any order.

Source: https://cloud.google.com/storage/docs/xml-api/post-object-multipart
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from google_auth_botocore.emulator import _storage_errors as errors
from google_auth_botocore.emulator import _storage_preconditions as preconditions
from google_auth_botocore.emulator._http import Response
from google_auth_botocore.emulator._object_store import timestamp
from google_auth_botocore.emulator._storage_download import hash_header, version_headers
from google_auth_botocore.emulator._storage_metadata import check_name, expected_checksums, verified_checksums
from google_auth_botocore.emulator._storage_objects import ObjectReference, Objects
from google_auth_botocore.emulator._storage_preconditions import entity_tag
from google_auth_botocore.emulator._storage_request import StorageRequest
from google_auth_botocore.emulator._xml import XmlError, document, elements, parsed

_MIN_PART = 5 << 20  # of every part but the last
_MAX_PARTS = 10_000
# Google's library for Python (`transfer_manager`) finds the elements by their namespace.
_NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"


class _Part(NamedTuple):
    content: bytes
    tag: str
    when: str


@dataclass
class _Upload:
    bucket: str
    name: str
    fields: Mapping[str, Any]
    when: str
    parts: dict[int, _Part] = field(default_factory=dict)


class MultipartUploads:
    """The multipart uploads that are neither complete nor aborted.

    Args:
        objects: the operations on objects.
    """

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._uploads: dict[str, _Upload] = {}

    def start(self, request: StorageRequest, fields: Mapping[str, Any]) -> Response:
        """Start an upload of an object with this metadata.

        Raises:
            StorageError: the request is not allowed.
        """
        bucket, name = request.target
        self._objects.allow(request, bucket, "storage.multipartUploads.create")
        check_name(request, name)
        upload = secrets.token_urlsafe(24)
        self._uploads[upload] = _Upload(bucket, name, dict(fields), timestamp())
        content = elements(Bucket=bucket, Key=name, UploadId=upload)
        return document("InitiateMultipartUploadResult", content, namespace=_NAMESPACE)

    def serve(self, request: StorageRequest) -> Response:
        """Reply to a request for one upload: a part of it, its completion, or its cancellation.

        Raises:
            StorageError: the request is not allowed.
            XmlError: the upload or a part is invalid.
        """
        self._objects.allow(request, request.target[0], "storage.multipartUploads.create")
        upload = self._uploads.get(request.parameters["uploadId"])
        if upload is None or (upload.bucket, upload.name) != request.target:
            raise errors.no_upload()
        if request.method == "PUT":
            return self._put_part(upload, request)
        if request.method == "POST":
            return self._complete(upload, request)
        if request.method == "DELETE":
            self._uploads.pop(request.parameters["uploadId"], None)
            return Response(status=204)
        return self._list_parts(upload, request.parameters["uploadId"])

    def list_uploads(self, bucket: str, prefix: str) -> Response:
        """Return the uploads to a bucket."""
        content = [elements(Bucket=bucket, IsTruncated="false")]
        for upload, each in sorted(self._uploads.items(), key=lambda pair: (pair[1].name, pair[1].when)):
            if each.bucket == bucket and each.name.startswith(prefix):
                described = elements(Key=each.name, UploadId=upload, Initiated=each.when)
                content.append(f"<Upload>{described}</Upload>")
        return document("ListMultipartUploadsResult", "".join(content), namespace=_NAMESPACE)

    def _put_part(self, upload: _Upload, request: StorageRequest) -> Response:
        number = request.parameters.get("partNumber", "")
        if not re.fullmatch(r"[0-9]{1,5}", number) or not 1 <= int(number) <= _MAX_PARTS:
            raise errors.invalid("partNumber", number)
        content = request.body
        verified = verified_checksums(content, expected_checksums(request.headers))
        tag = entity_tag(verified)
        upload.parts[int(number)] = _Part(content, tag, timestamp())
        return Response(headers={"ETag": f'"{tag}"', "x-goog-hash": hash_header(verified)})

    def _complete(self, upload: _Upload, request: StorageRequest) -> Response:
        listed = [part for kind, part in parsed(request.body, "CompleteMultipartUpload") if kind == "Part"]
        numbers = [each.get("PartNumber", "") for each in listed]
        if not listed or not all(re.fullmatch("[0-9]{1,5}", each) for each in numbers):
            raise _invalid_part("The list needs at least one part, and each part needs a number.")
        if [int(each) for each in numbers] != sorted({int(each) for each in numbers}):
            raise XmlError(400, "InvalidPartOrder", "The list of parts was not in ascending order.", upload.name)
        found = [upload.parts.get(int(number)) for number in numbers]
        chosen = [each for each in found if each is not None]
        if len(chosen) < len(found) or any(
            each.tag != part.get("ETag", each.tag).strip('"') for each, part in zip(chosen, listed, strict=True)
        ):
            raise _invalid_part("One of the parts was not uploaded, or it has another ETag.")
        if any(len(each.content) < _MIN_PART for each in chosen[:-1]):
            message = f"Every part but the last must have at least {_MIN_PART} bytes."
            raise XmlError(400, "EntityTooSmall", "The upload is smaller than the minimum allowed size.", message)
        target = ObjectReference(upload.bucket, upload.name, conditions=preconditions.of_xml(request.headers))
        content, fields = b"".join(each.content for each in chosen), {**upload.fields, "md5Hash": None}
        with self._objects.store.lock:
            if self._uploads.get(request.parameters["uploadId"]) is not upload:  # another request was faster
                raise errors.no_upload()
            metadata = self._objects.write(request, target, content, fields, {})
            del self._uploads[request.parameters["uploadId"]]
        headers = version_headers(metadata, entity_tag(metadata))
        described = elements(Bucket=upload.bucket, Key=upload.name, ETag=headers["ETag"])
        return document("CompleteMultipartUploadResult", described, namespace=_NAMESPACE, headers=headers)

    def _list_parts(self, upload: _Upload, identifier: str) -> Response:
        content = [elements(Bucket=upload.bucket, Key=upload.name, UploadId=identifier, IsTruncated="false")]
        for number, each in sorted(upload.parts.items()):
            described = elements(
                PartNumber=number, LastModified=each.when, ETag=f'"{each.tag}"', Size=len(each.content)
            )
            content.append(f"<Part>{described}</Part>")
        return document("ListPartsResult", "".join(content), namespace=_NAMESPACE)


def _invalid_part(details: str) -> XmlError:
    return XmlError(400, "InvalidPart", "One or more of the specified parts could not be found.", details)
