"""The bucket in S3: lists it, and writes objects to it."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar
from urllib.parse import unquote_plus

from copycat import checksums, metadata
from copycat.aws_errors import InvalidS3ResponseError, classify
from copycat.compare import Head
from copycat.direct_put import DirectPut
from copycat.errors import CopyError, MissingError
from copycat.objects import DestinationObject
from copycat.retrying import OUTAGE_LIMIT, Retrier
from copycat.s3_client import s3_client
from copycat.s3_listing import parse_listing
from copycat.settings import Settings

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Upload:
    """An unfinished multipart upload with a CRC32C of the full object, as CopyCat creates them.

    Attributes:
        key: key of the object.
        upload_id: S3's ID of the upload.
        initiated: when the upload was created.
        storage_class: storage class of the object.
    """

    key: str
    upload_id: str
    initiated: dt.datetime
    storage_class: str


@dataclass(frozen=True, slots=True)
class Part:
    """A part that S3 has received.

    Attributes:
        size: size in bytes.
        etag: ETag, which CompleteMultipartUpload requires.
        crc: CRC32C that S3 has verified.
    """

    size: int
    etag: str
    crc: int


class S3:
    """A bucket in S3. It is thread-safe, and retries each request during an outage.

    Args:
        settings: settings of the run.
        stop: once this is set, every method raises `StoppedError`.
        connections: number of concurrent requests.
        outage_limit: seconds after which an outage raises `OutageError`.
    """

    def __init__(
        self, settings: Settings, stop: threading.Event, connections: int = 1, outage_limit: float = OUTAGE_LIMIT
    ) -> None:
        owner = settings.expected_bucket_owner
        self._bucket = {"Bucket": settings.destination} | ({"ExpectedBucketOwner": owner} if owner else {})
        self._storage_options: dict[str, Any] = (
            {"StorageClass": settings.storage_class} if settings.storage_class else {}
        )
        if settings.kms_key_id:
            self._storage_options |= {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": settings.kms_key_id}
        self._common = {**self._bucket, **self._storage_options, "ChecksumAlgorithm": "CRC32C"}
        self._retrier = Retrier("S3", partial(classify, settings), stop, connections, outage_limit=outage_limit)
        # botocore gets the AWS credentials when it creates a client, so an outage of their source is retried here.
        self._client, session = self._retrier.call(lambda: s3_client(connections))
        self._put = DirectPut("PutObject", self._client, session, stop)
        self._upload_part = DirectPut("UploadPart", self._client, session, stop)

    def page(
        self, prefix: str, after: str = "", token: str | None = None
    ) -> tuple[list[DestinationObject], str | None]:
        """List up to 1,000 objects in the order of their keys' UTF-8 bytes.

        Args:
            prefix: list only keys that begin with this.
            after: list only keys after this one.
            token: page token from the previous call. None for the first page.

        Returns:
            The objects (possibly none), and the token of the next page. None after the last page.

        Raises:
            SetupError: The bucket does not exist, or the permission `s3:ListBucket` is missing.
            OutageError: S3 did not respond for minutes.
            StoppedError: *stop* was set.
        """
        query = {"Prefix": prefix, "StartAfter": after, "ContinuationToken": token}
        query = {name: value for name, value in query.items() if value}
        return self._call(lambda: parse_listing(self._client.list_objects_v2(**self._bucket, **query)))

    def head(self, key: str) -> Head | None:
        """Return what a HEAD request says about an object, or None if it does not exist."""
        try:
            return self._call(lambda: _head(self._client.head_object(**self._bucket, Key=key, ChecksumMode="ENABLED")))
        except MissingError:
            return None
        except CopyError:
            # The response to HEAD has no body with a reason. Invalid credentials must end the run, and a listing reports them.
            self.page(key)
            raise

    def put(self, key: str, content: bytearray, crc: int, described: Mapping[str, Any], etag: str | None) -> Head:
        """Write an object with one request.

        Args:
            key: key of the object.
            content: content of the object.
            crc: CRC32C of the content, which S3 verifies.
            described: arguments that `metadata.describe` returns.
            etag: ETag of the object to replace. None: S3 must not have one.

        Returns:
            What S3 confirms. *crc32c* is None if it confirms nothing.

        Raises:
            ConditionError, MissingError: The object in S3 is not the one to replace.
        """
        arguments = {**described, **_condition(etag), "ChecksumCRC32C": checksums.encode(crc)}
        reply = self._call(lambda: self._put.send(self._common, key, content, arguments))
        return _confirmed(reply, len(content))

    def create(self, key: str, described: Mapping[str, Any]) -> str:
        """Create a multipart upload, for which S3 verifies the CRC32C of the full object. Return its ID."""
        arguments = {**self._bucket, **self._storage_options, **described, "Key": key}
        checked = {"ChecksumAlgorithm": "CRC32C", "ChecksumType": "FULL_OBJECT"}

        def send() -> str:
            reply = self._client.create_multipart_upload(**arguments, **checked)
            if not reply.get("UploadId"):
                raise InvalidS3ResponseError("S3 created a multipart upload without an ID")
            return str(reply["UploadId"])

        return self._call(send)

    def upload_part(self, key: str, upload_id: str, number: int, content: bytearray, crc: int) -> Part:
        """Upload a part, and check that S3 confirms its checksum."""
        checksum = checksums.encode(crc)
        common = {**self._bucket, "ChecksumAlgorithm": "CRC32C"}
        arguments = {"UploadId": upload_id, "PartNumber": number, "ChecksumCRC32C": checksum}

        def send() -> Part:
            reply = self._upload_part.send(common, key, content, arguments)
            if reply.get("ChecksumCRC32C") != checksum or not reply.get("ETag"):
                raise InvalidS3ResponseError(f"S3 did not confirm the checksum of part {number}")
            return Part(len(content), reply["ETag"], crc)

        return self._call(send)

    def complete(self, key: str, upload_id: str, parts: Mapping[int, Part], crc: int, etag: str | None) -> Head:
        """Complete an upload. The arguments and the result are like those of `put`."""
        size = sum(part.size for part in parts.values())
        listed = [
            {"PartNumber": number, "ETag": part.etag, "ChecksumCRC32C": checksums.encode(part.crc)}
            for number, part in sorted(parts.items())
        ]
        arguments = {
            **self._bucket,
            **_condition(etag),
            "Key": key,
            "UploadId": upload_id,
            "MultipartUpload": {"Parts": listed},
            "ChecksumCRC32C": checksums.encode(crc),
            "ChecksumType": "FULL_OBJECT",
            "MpuObjectSize": size,
        }
        return _confirmed(self._call(lambda: self._client.complete_multipart_upload(**arguments)), size)

    def abort(self, key: str, upload_id: str) -> None:
        """Abort an upload and delete its parts, if it still exists."""
        try:
            self._call(lambda: self._client.abort_multipart_upload(**self._bucket, Key=key, UploadId=upload_id))
        except MissingError:
            return

    def uploads(self, prefix: str) -> Iterator[Upload]:
        """Yield the unfinished uploads whose keys begin with a prefix. They are listed page by page."""
        # Percent-encoded, because XML cannot contain keys with control characters.
        query = {**self._bucket, "Prefix": prefix, "EncodingType": "url"}
        while True:
            reply = self._call(partial(self._client.list_multipart_uploads, **query))
            decoded = unquote_plus if reply.get("EncodingType") == "url" else str
            for each in reply.get("Uploads", ()):
                key = decoded(each["Key"])
                has_full_crc32c = (each.get("ChecksumAlgorithm"), each.get("ChecksumType")) == ("CRC32C", "FULL_OBJECT")
                if has_full_crc32c and key.startswith(prefix):
                    yield Upload(key, each["UploadId"], each["Initiated"], each.get("StorageClass", "STANDARD"))
            if not reply.get("IsTruncated"):
                return
            query |= {"KeyMarker": decoded(reply["NextKeyMarker"]), "UploadIdMarker": reply["NextUploadIdMarker"]}

    def parts(self, key: str, upload_id: str) -> dict[int, Part]:
        """Return the parts of an upload that have a CRC32C, by number."""
        found: dict[int, Part] = {}
        arguments = {**self._bucket, "Key": key, "UploadId": upload_id}
        while True:
            reply = self._call(partial(self._client.list_parts, **arguments))
            for each in reply.get("Parts", ()):
                if each.get("ChecksumCRC32C"):
                    crc = checksums.decode(each["ChecksumCRC32C"])
                    found[each["PartNumber"]] = Part(each["Size"], each["ETag"], crc)
            if not reply.get("IsTruncated"):
                return found
            arguments["PartNumberMarker"] = reply["NextPartNumberMarker"]

    def close(self) -> None:
        """Close the connections."""
        self._put.close()
        self._upload_part.close()
        self._client.close()

    def _call(self, send: Callable[[], _T]) -> _T:
        return self._retrier.call(send)


def _condition(etag: str | None) -> dict[str, str]:
    return {"IfNoneMatch": "*"} if etag is None else {"IfMatch": f'"{etag}"'}


def _head(reply: Mapping[str, Any]) -> Head:
    if "ContentLength" not in reply or "ETag" not in reply:
        raise InvalidS3ResponseError("S3's response to HEAD has no size or no ETag")
    full = reply.get("ChecksumType", "FULL_OBJECT") == "FULL_OBJECT"
    return Head(
        size=reply["ContentLength"],
        etag=reply["ETag"].strip('"'),
        # A multipart upload may have a checksum of its parts' checksums instead: `…-3`.
        crc32c=reply.get("ChecksumCRC32C") if full and "-" not in reply.get("ChecksumCRC32C", "") else None,
        origin=metadata.origin(reply.get("Metadata", {})),
        kms_key=reply.get("SSEKMSKeyId"),
        modified=reply.get("LastModified"),
    )


def _confirmed(reply: Mapping[str, Any], size: int) -> Head:
    return Head(
        size=size,
        etag=reply.get("ETag", "").strip('"'),
        crc32c=reply.get("ChecksumCRC32C"),
        origin=None,
        kms_key=reply.get("SSEKMSKeyId"),
    )
