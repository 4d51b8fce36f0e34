"""Uploads in Cloud Storage's JSON API: content alone, metadata and content in one request, and resumable uploads.

Source: https://cloud.google.com/storage/docs/json_api/v1/objects/insert
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from google_auth_botocore.emulator import _storage_errors as errors
from google_auth_botocore.emulator import _storage_preconditions as preconditions
from google_auth_botocore.emulator._http import Response
from google_auth_botocore.emulator._multipart import parts
from google_auth_botocore.emulator._storage_metadata import expected_checksums, writable
from google_auth_botocore.emulator._storage_objects import ObjectReference, Objects
from google_auth_botocore.emulator._storage_request import StorageRequest, parse_json
from google_auth_botocore.emulator._storage_uploads import Uploads


def insert(objects: Objects, uploads: Uploads, request: StorageRequest, bucket: str) -> dict[str, Any] | Response:
    """Upload an object.

    Args:
        objects: the operations on objects.
        uploads: the resumable uploads.
        request: the request.
        bucket: the bucket.

    Returns:
        The metadata of the new object, or another reply of a resumable upload.

    Raises:
        StorageError: the request is rejected.
    """
    identifier, kind = request.parameters.get("upload_id"), request.parameters.get("uploadType")
    if identifier:
        return uploads.add(identifier, request)
    if request.method != "POST":
        raise errors.required("upload_id")
    if kind == "resumable":
        document = request.json()
        target = _target(request, bucket, document)
        given = request.headers.get("x-upload-content-type")
        fields = _fields(request, document, given)
        identifier = uploads.start(request, target, fields, expected_checksums(request.headers, document))
        path = f"/upload/storage/v1/b/{quote(bucket)}/o?uploadType=resumable&upload_id={identifier}"
        return Response(headers={"Location": request.url + path, "X-GUploader-UploadID": identifier})
    if kind == "multipart":
        found = parts(request.headers.get("content-type", ""), request.body)
        if len(found) != 2:
            message = "Malformed multipart body: it must have two parts, metadata and content."
            raise errors.StorageError(400, "badContent", message)
        document, content = parse_json(found[0].content), found[1].content
        given = found[1].headers.get("Content-Type")
    elif kind == "media":
        document, content, given = {}, request.body, request.headers.get("content-type")
    else:
        raise errors.required("uploadType") if kind is None else errors.invalid("uploadType", kind)
    target, fields = _target(request, bucket, document), _fields(request, document, given)
    return objects.write(request, target, content, fields, expected_checksums(request.headers, document))


def _target(request: StorageRequest, bucket: str, document: Mapping[str, Any]) -> ObjectReference:
    name = request.parameters.get("name") or document.get("name")
    if not isinstance(name, str):
        raise errors.required("name")
    return ObjectReference(bucket, name, conditions=preconditions.of_json(request))


def _fields(request: StorageRequest, document: Mapping[str, Any], content_type: str | None) -> dict[str, Any]:
    fields = writable(request, document)
    fields.setdefault("contentType", content_type or "application/octet-stream")
    if "contentEncoding" in request.parameters:
        fields["contentEncoding"] = request.parameters["contentEncoding"]
    return fields
