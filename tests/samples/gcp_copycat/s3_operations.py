"""S3's operations, which turn a request into a response. This has no sockets."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate

from samples.gcp_copycat import s3_listings
from samples.gcp_copycat.s3_buckets import Bucket, StoredObject
from samples.gcp_copycat.s3_errors import S3Error

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
_XML = {"content-type": "application/xml"}
_ARCHIVED = {"GLACIER", "DEEP_ARCHIVE"}
# The permission that each operation requires.
_ACTIONS = {
    "PutObject": "s3:PutObject",
    "CreateMultipartUpload": "s3:PutObject",
    "UploadPart": "s3:PutObject",
    "CompleteMultipartUpload": "s3:PutObject",
    "AbortMultipartUpload": "s3:AbortMultipartUpload",
    "ListParts": "s3:ListMultipartUploadParts",
    "ListMultipartUploads": "s3:ListBucketMultipartUploads",
    "ListObjectsV2": "s3:ListBucket",
    "HeadBucket": "s3:ListBucket",
    "HeadObject": "s3:GetObject",
    "GetObject": "s3:GetObject",
    "DeleteObject": "s3:DeleteObject",
}


@dataclass(frozen=True)
class Request:
    """A request. Bucket and key are decoded, and header names are in lower case."""

    method: str
    bucket: str
    key: str
    query: Mapping[str, str]
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True)
class Reply:
    """A response."""

    status: int
    body: bytes = field(default=b"", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)


def operation(request: Request) -> str:
    """Return S3's name of the operation of a request."""
    query, method = request.query, request.method
    if not request.key:
        if "uploads" in query:
            return "ListMultipartUploads"
        if "location" in query:
            return "GetBucketLocation"
        return {"GET": "ListObjectsV2", "HEAD": "HeadBucket", "PUT": "CreateBucket"}.get(method, "unknown")
    if "uploadId" in query:
        names = {"PUT": "UploadPart", "POST": "CompleteMultipartUpload", "DELETE": "AbortMultipartUpload"}
        return {**names, "GET": "ListParts"}.get(method, "unknown")
    if method == "POST":
        return "CreateMultipartUpload" if "uploads" in query else "unknown"
    names = {"GET": "GetObject", "HEAD": "HeadObject", "PUT": "PutObject", "DELETE": "DeleteObject"}
    return names.get(method, "unknown")


def serve(request: Request, buckets: dict[str, Bucket], denied: Collection[str], now: float, page_size: int) -> Reply:
    """Serve a request.

    Args:
        request: its body is the content, without chunks.
        buckets: by name.
        denied: permissions that the caller lacks.
        now: seconds since the epoch.
        page_size: largest number of entries on a page.

    Raises:
        S3Error: S3 rejects the request.
    """
    name = operation(request)
    if name == "CreateBucket":
        buckets.setdefault(request.bucket, Bucket(request.bucket, "123456789012"))
        return Reply(200, headers={"location": f"/{request.bucket}"})
    bucket = buckets.get(request.bucket)
    if bucket is None:
        raise S3Error("NoSuchBucket")
    if request.headers.get("x-amz-expected-bucket-owner", bucket.owner) != bucket.owner:
        raise S3Error("AccessDenied")
    _allow(_ACTIONS.get(name, ""), request, denied)
    if len(request.key.encode()) > 1024:
        raise S3Error("KeyTooLongError")
    if name in {"PutObject", "CreateMultipartUpload"} and bucket.described(request.headers).kms_key is not None:
        _allow("kms:GenerateDataKey", request, denied)
    if name not in _SERVED:
        raise S3Error("MethodNotAllowed")
    return _Served(request, bucket, denied, now, page_size).reply(name)


def _allow(action: str, request: Request, denied: Collection[str]) -> None:
    if action in denied:
        resource = f"arn:aws:s3:::{request.bucket}" + (f"/{request.key}" if request.key else "")
        role = "arn:aws:sts::123456789012:assumed-role/gcp-copycat/i-0a1b2c3d4e5f60718"
        reason = f"because no identity-based policy allows the {action} action"
        raise S3Error(
            "AccessDenied", f'User: {role} is not authorized to perform: {action} on resource: "{resource}" {reason}'
        )


@dataclass(frozen=True)
class _Served:
    request: Request
    bucket: Bucket
    denied: Collection[str]
    now: float
    page_size: int

    def reply(self, name: str) -> Reply:
        reply: Reply = getattr(self, _SERVED[name])()
        return reply

    def head_bucket(self) -> Reply:
        return Reply(200, headers={"x-amz-bucket-region": "eu-central-1", **_XML})

    def location(self) -> Reply:
        return Reply(200, s3_listings.document("LocationConstraint", "eu-central-1"), _XML)

    def list_objects(self) -> Reply:
        return Reply(200, s3_listings.objects(self.bucket, self.request.query, self.page_size), _XML)

    def list_uploads(self) -> Reply:
        return Reply(200, s3_listings.uploads(self.bucket, self.request.query, self.page_size), _XML)

    def put_object(self) -> Reply:
        request = self.request
        made = self.bucket.put(request.key, request.body, request.headers, self.now)
        kind = {"x-amz-checksum-type": made.checksum_type}
        return Reply(200, headers={**_tags(made), **kind, **made.description.encryption})

    def create_upload(self) -> Reply:
        made = self.bucket.create_upload(self.request.key, self.request.headers, self.now)
        content = "".join(
            s3_listings.element(*each)
            for each in (("Bucket", self.bucket.name), ("Key", made.key), ("UploadId", made.id))
        )
        headers = {"x-amz-checksum-algorithm": made.algorithm, "x-amz-checksum-type": made.checksum_type}
        body = s3_listings.document("InitiateMultipartUploadResult", content)
        return Reply(200, body, {**headers, **made.description.encryption, **_XML})

    def put_part(self) -> Reply:
        request = self.request
        upload = self.bucket.upload(request.key, request.query["uploadId"])
        number = request.query.get("partNumber", "")
        part = self.bucket.put_part(
            upload, int(number) if number.isdecimal() else 0, request.body, request.headers, self.now
        )
        headers = {"etag": f'"{part.etag}"', f"x-amz-checksum-{upload.algorithm.lower()}": part.checksum}
        return Reply(200, headers={**headers, **upload.description.encryption})

    def list_parts(self) -> Reply:
        upload = self.bucket.upload(self.request.key, self.request.query["uploadId"])
        return Reply(200, s3_listings.parts(self.bucket, upload, self.request.query, self.page_size), _XML)

    def complete(self) -> Reply:
        request = self.request
        upload = self.bucket.upload(request.key, request.query["uploadId"])
        root = ET.fromstring(request.body)
        listed = [
            {each.tag.rpartition("}")[2]: each.text or "" for each in part}
            for part in root
            if part.tag.rpartition("}")[2] == "Part"
        ]
        made = self.bucket.complete(upload, listed, request.headers, self.now)
        fields = {
            "Location": f"http://{self.bucket.name}.s3.eu-central-1.amazonaws.com/{request.key}",
            "Bucket": self.bucket.name,
            "Key": request.key,
            "ETag": f'"{made.etag}"',
            f"Checksum{made.algorithm}": made.checksum,
            "ChecksumType": made.checksum_type,
        }
        body = s3_listings.document(
            "CompleteMultipartUploadResult", "".join(s3_listings.element(*each) for each in fields.items())
        )
        return Reply(200, body, {**made.description.encryption, **_XML})

    def abort(self) -> Reply:
        self.bucket.upload(self.request.key, self.request.query["uploadId"])
        self.bucket.uploads.pop(self.request.query["uploadId"], None)
        return Reply(204)

    def delete(self) -> Reply:
        self.bucket.objects.pop(self.request.key, None)
        return Reply(204)

    def get_object(self) -> Reply:
        request = self.request
        found = self.bucket.objects.get(request.key)
        if found is None:
            if "s3:ListBucket" in self.denied:  # S3 does not reveal to such a caller whether an object exists
                raise S3Error("AccessDenied")
            raise S3Error("NoSuchKey")
        if request.headers.get("if-match", found.etag).strip('"') != found.etag:
            raise S3Error("PreconditionFailed")
        if request.headers.get("if-none-match", "").strip('"') == found.etag:
            return Reply(304, headers={"etag": f'"{found.etag}"'})
        described = found.description
        headers = {
            "accept-ranges": "bytes",
            "last-modified": formatdate(found.modified, usegmt=True),
            **described.headers,
            **described.encryption,
            "etag": f'"{found.etag}"',
        }
        if described.storage_class != "STANDARD":
            headers["x-amz-storage-class"] = described.storage_class
        with_checksum = request.headers.get("x-amz-checksum-mode") == "ENABLED"
        if described.kms_key is not None and (request.method == "GET" or with_checksum):
            _allow("kms:Decrypt", request, self.denied)
        if request.method == "GET" and described.storage_class in _ARCHIVED:
            raise S3Error("InvalidObjectState")
        part = _RANGE.fullmatch(request.headers.get("range", ""))
        size = len(found.content)
        if part is None or part[0] == "bytes=-":
            if with_checksum:
                headers |= {f"x-amz-checksum-{found.algorithm.lower()}": found.checksum}
                headers |= {"x-amz-checksum-type": found.checksum_type}
            if request.method == "HEAD":
                headers["content-length"] = str(size)
            return Reply(200, found.content, headers)
        start = int(part[1]) if part[1] else max(0, size - int(part[2]))
        end = min(size, int(part[2]) + 1) if part[1] and part[2] else size
        if start >= end:
            raise S3Error("InvalidRange")
        return Reply(206, found.content[start:end], {**headers, "content-range": f"bytes {start}-{end - 1}/{size}"})


_SERVED = {
    "HeadBucket": "head_bucket",
    "GetBucketLocation": "location",
    "ListObjectsV2": "list_objects",
    "ListMultipartUploads": "list_uploads",
    "PutObject": "put_object",
    "CreateMultipartUpload": "create_upload",
    "UploadPart": "put_part",
    "ListParts": "list_parts",
    "CompleteMultipartUpload": "complete",
    "AbortMultipartUpload": "abort",
    "DeleteObject": "delete",
    "GetObject": "get_object",
    "HeadObject": "get_object",
}


def _tags(found: StoredObject) -> dict[str, str]:
    return {"etag": f'"{found.etag}"', f"x-amz-checksum-{found.algorithm.lower()}": found.checksum}
