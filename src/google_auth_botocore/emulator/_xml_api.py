"""Cloud Storage's XML API: read, write and delete objects, and list buckets.

Source: https://cloud.google.com/storage/docs/xml-api/reference-methods
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import quote

from gcp_storage_emulator.exceptions import NotFound
from gcp_storage_emulator.handlers import objects

from google_auth_botocore.emulator import _post_policy
from google_auth_botocore.emulator._http import Response
from google_auth_botocore.emulator._post_policy import Form
from google_auth_botocore.emulator._ranges import range_response
from google_auth_botocore.emulator._signed_urls import Signatures
from google_auth_botocore.emulator._xml import XmlError, XmlRequest, document, element

# Headers that an upload sets and a download returns, with the name of each in the JSON API.
METADATA_HEADERS = {
    "cache-control": "cacheControl",
    "content-disposition": "contentDisposition",
    "content-encoding": "contentEncoding",
    "content-language": "contentLanguage",
    "content-type": "contentType",
}
_HASHES = {"crc32c": "crc32c", "md5": "md5Hash"}  # a composite object has no MD5
_META = "x-goog-meta-"
_NOT_IN_HEADER = re.compile(r"[^\t\x20-\x7e\x80-\xff]+")


class XmlApi:
    """Serves requests that are signed or have a token.

    Args:
        store: the buckets and objects.
        url: base URL for the links in an object's metadata.
        signatures: verifies signatures.
        clock: returns the time, in seconds since the epoch.
    """

    def __init__(self, store: Any, url: str, signatures: Signatures, clock: Callable[[], float]) -> None:
        self._store = store
        self._url = url
        self._signatures = signatures
        self._clock = clock

    def answer(self, request: XmlRequest) -> tuple[str | None, Response] | None:
        """Reply to a signed request.

        Returns:
            The service account that signed the request (None: the signature is invalid) and the reply; None: the
            request is not signed.
        """
        signer: str | None = None
        try:
            if request.method == "POST" and request.headers.get("content-type", "").startswith("multipart/form-data"):
                form = _post_policy.verify_form(request, self._signatures, self._clock)
                signer = form.account
                return signer, self._post(request, form)
            signer = self._signatures.signer_of_url(request)
            return None if signer is None else (signer, self.serve(request))
        except XmlError as error:
            return signer, error.response

    def serve(self, request: XmlRequest) -> Response:
        """Return the reply to a request of an authenticated caller.

        Raises:
            XmlError: the request is rejected.
        """
        bucket, name = request.target
        try:
            if not name and request.method in {"GET", "HEAD"}:
                return self._list(bucket, request.parameters)
            if name and request.method in {"GET", "HEAD"}:
                return self._read(bucket, name, request)
            if name and request.method == "PUT":
                return self._write(bucket, name, request.headers, request.body)
            if name and request.method == "DELETE":
                self._store.delete_file(bucket, name)
                return Response(status=204)
        except (NotFound, ValueError) as error:  # ValueError: a path outside the bucket
            if bucket in self._store.buckets:
                details = f"No such object: {bucket}/{name}"
                raise XmlError(404, "NoSuchKey", "The specified key does not exist.", details) from error
            details = f"No such bucket: {bucket}"
            raise XmlError(404, "NoSuchBucket", "The specified bucket does not exist.", details) from error
        raise XmlError(
            405, "MethodNotAllowed", "The specified method is not allowed against this resource.", request.method
        )

    def _read(self, bucket: str, name: str, request: XmlRequest) -> Response:
        found = self._store.get_file_obj(bucket, name)
        parameters = request.parameters
        if parameters.get("generation", found["generation"]) != found["generation"]:
            raise NotFound
        content = self._store.get_file(bucket, name)
        updated = datetime.fromisoformat(found["updated"].replace("Z", "+00:00"))
        headers = {"Last-Modified": format_datetime(updated, usegmt=True), **version_headers(found)}
        for header, field in METADATA_HEADERS.items():
            value = parameters.get(f"response-{header}") or found.get(field)
            if value:
                headers[header.title()] = value
        headers.update({f"{_META}{key}": value for key, value in (found.get("metadata") or {}).items()})
        headers = {header_safe(name): header_safe(value) for name, value in headers.items()}
        requested = request.headers.get("range", "")
        reply = range_response(content, requested, headers)
        if reply is None:
            raise XmlError(416, "InvalidRange", "The requested range cannot be satisfied.", requested)
        return reply

    def _write(self, bucket: str, name: str, headers: Mapping[str, str], content: bytes) -> Response:
        """Create an object. Its metadata comes from the headers, or from the fields of a form."""
        fields = {field: headers[header] for header, field in METADATA_HEADERS.items() if header in headers}
        metadata = {key.removeprefix(_META): value for key, value in headers.items() if key.startswith(_META)}
        kind = fields.get("contentType", "application/octet-stream")
        resource = objects._make_object_resource("", bucket, name, kind, str(len(content)))
        resource.update(fields, **({"metadata": metadata} if metadata else {}))
        resource = objects._checksums(content, {**resource, "mediaLink": media_link(self._url, resource)})
        self._store.create_file(bucket, name, content, resource)
        return Response(status=200, headers=version_headers(resource))

    def _post(self, request: XmlRequest, form: Form) -> Response:
        bucket, _ = request.target
        key = form.fields["key"]
        done = self._write(bucket, key, form.fields, form.content)
        status = form.fields.get("success_action_status")
        if status != "201":
            return Response(b"", 200 if status == "200" else 204, done.headers)
        described = element("Bucket", bucket) + element("Key", key) + element("ETag", done.headers["ETag"])
        return document("PostResponse", described, 201)

    def _list(self, bucket: str, parameters: Mapping[str, str]) -> Response:
        prefix, delimiter = parameters.get("prefix"), parameters.get("delimiter")
        found, prefixes = self._store.get_file_list(bucket, prefix, delimiter)
        content = element("Name", bucket) + element("Prefix", prefix or "")
        for each in found:
            fields = {"Key": "name", "Generation": "generation", "LastModified": "updated", "Size": "size"}
            content += f"<Contents>{''.join(element(tag, each[field]) for tag, field in fields.items())}</Contents>"
        for each in prefixes:
            content += f"<CommonPrefixes>{element('Prefix', each)}</CommonPrefixes>"
        return document("ListBucketResult", content)


def unauthenticated_response(authorization: str | None) -> Response:
    """Return the error for a request without a signature and without a valid token."""
    if authorization is not None:
        return XmlError(401, "AuthenticationRequired", "Authentication required.", "Invalid credentials.").response
    details = "Anonymous caller does not have storage.objects.get access to the Google Cloud Storage object."
    return XmlError(403, "AccessDenied", "Access denied.", details).response


def media_link(url: str, resource: Mapping[str, Any]) -> str:
    """Return the URL of an object's content in the JSON API at *url*."""
    return (
        f"{url}/download/storage/v1/b/{resource['bucket']}/o/{quote(resource['name'], safe='')}"
        f"?generation={resource['generation']}&alt=media"
    )


def header_safe(text: str) -> str:
    """Percent-encode characters that a header cannot contain, as gsutil does. Latin-1 characters stay as they are."""
    return _NOT_IN_HEADER.sub(lambda match: quote(match[0]), text)


def version_headers(resource: Mapping[str, Any]) -> dict[str, str]:
    """Return the headers that identify the version of an object."""
    return {
        "ETag": f'"{resource["etag"]}"',
        "x-goog-generation": resource["generation"],
        "x-goog-metageneration": resource["metageneration"],
        "x-goog-hash": ",".join(f"{name}={resource[field]}" for name, field in _HASHES.items() if resource.get(field)),
    }
