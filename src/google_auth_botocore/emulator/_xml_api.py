"""Cloud Storage's XML API: objects and buckets, as clients of S3 know them.

Source: https://cloud.google.com/storage/docs/xml-api/reference-methods
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from google_auth_botocore.emulator import _storage_errors as errors
from google_auth_botocore.emulator import _storage_preconditions as preconditions
from google_auth_botocore.emulator._http import Response
from google_auth_botocore.emulator._post_policy import Form
from google_auth_botocore.emulator._storage_buckets import create_bucket, delete_bucket
from google_auth_botocore.emulator._storage_download import META, METADATA_HEADERS, download, version_headers
from google_auth_botocore.emulator._storage_metadata import check_key, expected_checksums
from google_auth_botocore.emulator._storage_objects import ObjectReference, Objects
from google_auth_botocore.emulator._storage_preconditions import entity_tag
from google_auth_botocore.emulator._storage_request import StorageRequest, decoded
from google_auth_botocore.emulator._storage_uploads import Uploads
from google_auth_botocore.emulator._xml import XmlError, document, elements, error_response, parsed
from google_auth_botocore.emulator._xml_listing import list_buckets, list_objects
from google_auth_botocore.emulator._xml_multipart import MultipartUploads

_COPY = "x-goog-copy-source"


class XmlApi:
    """Serves the XML API.

    Args:
        objects: the operations on objects.
        uploads: the resumable uploads.
    """

    def __init__(self, objects: Objects, uploads: Uploads) -> None:
        self._objects = objects
        self._uploads = uploads
        self._multipart = MultipartUploads(objects)

    def answer(self, request: StorageRequest) -> Response:
        """Return the reply to a request of an authenticated caller.

        Raises:
            StorageError: the request is rejected.
            XmlError: the same.
        """
        bucket, name = request.target
        reply = self._serve_object(request, bucket, name) if name else self._serve_bucket(request, bucket)
        if reply is None:
            message = "The specified method is not allowed against this resource."
            raise XmlError(405, "MethodNotAllowed", message, request.method)
        return reply

    def _serve_bucket(self, request: StorageRequest, bucket: str) -> Response | None:
        parameters, method = request.parameters, request.method
        if not bucket:
            return list_buckets(self._objects.store.buckets) if request.reads else None
        if method == "PUT" and not request.query:
            create_bucket(self._objects.store, bucket, {})
            return Response()
        if method == "DELETE":
            return delete_bucket(self._objects, request, bucket)
        if method == "POST" and "delete" in parameters:
            return self._delete_several(request, bucket)
        if not request.reads:
            return None
        found = self._objects.allow(request, bucket, "storage.objects.list")
        if "location" in parameters:
            return document("LocationConstraint", found.metadata["location"])
        if "uploads" in parameters:
            return self._multipart.list_uploads(bucket, parameters.get("prefix", ""))
        with self._objects.store.lock:
            return list_objects(found, parameters, self._objects.page_size)

    def _serve_object(self, request: StorageRequest, bucket: str, name: str) -> Response | None:
        parameters, headers, method = request.parameters, request.headers, request.method
        if "uploadId" in parameters:
            return self._multipart.serve(request)
        if "upload_id" in parameters and method in {"PUT", "DELETE"}:
            done = self._uploads.add(parameters["upload_id"], request)
            return done if isinstance(done, Response) else _written(done)
        target = ObjectReference(bucket, name, parameters.get("generation"), preconditions.of_xml(headers))
        if request.reads:
            return self._read(request, target)
        if method == "PUT":
            copies = _COPY in headers
            return self._copy(request, target) if copies else self.write(request, target, headers, request.body)
        if method == "POST" and "uploads" in parameters:
            return self._multipart.start(request, _fields(headers))
        if method == "POST" and headers.get("x-goog-resumable") == "start":
            identifier = self._uploads.start(request, target, _fields(headers), expected_checksums(headers))
            location = f"{request.url}/{quote(bucket)}/{quote(name)}?upload_id={identifier}"
            return Response(status=201, headers={"Location": location, "X-GUploader-UploadID": identifier})
        if method == "DELETE":
            self._objects.delete(request, target)
            return Response(status=204)
        return None

    def write(
        self, request: StorageRequest, target: ObjectReference, headers: Mapping[str, str], content: bytes
    ) -> Response:
        """Create an object. Its metadata comes from the headers, or from the fields of a form.

        Raises:
            StorageError: the request is rejected.
        """
        return _written(self._objects.write(request, target, content, _fields(headers), expected_checksums(headers)))

    def post_form(self, request: StorageRequest, form: Form) -> Response:
        """Create an object from a form.

        Raises:
            StorageError: the request is rejected.
        """
        bucket, key = request.target[0], form.fields["key"]
        done = self.write(request, ObjectReference(bucket, key), form.fields, form.content)
        status = form.fields.get("success_action_status")
        if status != "201":
            return Response(b"", 200 if status == "200" else 204, done.headers)
        return document("PostResponse", elements(Bucket=bucket, Key=key, ETag=done.headers["ETag"]), 201)

    def _read(self, request: StorageRequest, target: ObjectReference) -> Response:
        found = self._objects.find(request, target)
        check_key(request, found.metadata)
        prefix = "response-"
        replaced = {
            name.removeprefix(prefix): value for name, value in request.parameters.items() if name.startswith(prefix)
        }
        return download(found, request.headers, entity_tag(found.metadata), replaced)

    def _copy(self, request: StorageRequest, target: ObjectReference) -> Response:
        headers = request.headers
        bucket, _, name = decoded(headers[_COPY].removeprefix("/")).partition("/")
        source = ObjectReference(
            bucket, name, headers.get(f"{_COPY}-generation"), preconditions.of_xml(headers, f"{_COPY}-")
        )
        replaces = headers.get("x-goog-metadata-directive", "COPY").upper() == "REPLACE"
        metadata = self._objects.copy(request, source, target, _fields(headers) if replaces else None)
        headers = version_headers(metadata, entity_tag(metadata))
        content = elements(LastModified=metadata["updated"], ETag=headers["ETag"])
        return document("CopyObjectResult", content, headers=headers)

    def _delete_several(self, request: StorageRequest, bucket: str) -> Response:
        """Delete the objects that the body lists. One that does not exist counts as deleted."""
        replies = ""
        for kind, each in parsed(request.body, "Delete"):
            if kind != "Object":
                continue
            name = each.get("Key", "")
            try:
                self._objects.delete(request, ObjectReference(bucket, name, each.get("VersionId") or None))
            except errors.StorageError as error:
                if error.status != 404:
                    replies += f"<Error>{elements(Key=name, Code=error.code, Message=str(error))}</Error>"
                    continue
            replies += f"<Deleted>{elements(Key=name)}</Deleted>"
        return document("DeleteResult", replies)


def unauthenticated_response(*, anonymous: bool) -> Response:
    """Return the error for a request without a signature and without a valid token."""
    if not anonymous:
        return XmlError(401, "AuthenticationRequired", "Authentication required.", "Invalid credentials.").response
    details = "Anonymous caller does not have storage.objects.get access to the Google Cloud Storage object."
    return error_response(errors.StorageError(403, "forbidden", details, code="AccessDenied"))


def _fields(headers: Mapping[str, str]) -> dict[str, Any]:
    """Return the metadata in the headers of an upload."""
    fields: dict[str, Any] = {field: headers[header] for header, field in METADATA_HEADERS.items() if header in headers}
    metadata = {name.removeprefix(META): value for name, value in headers.items() if name.startswith(META)}
    fields["metadata"] = metadata or None
    for header, field in (("x-goog-storage-class", "storageClass"), ("x-goog-custom-time", "customTime")):
        if header in headers:
            fields[field] = headers[header]
    return fields


def _written(metadata: Mapping[str, Any]) -> Response:
    return Response(headers=version_headers(metadata, entity_tag(metadata)))
