"""AWS's side: lists a bucket, and writes objects into it."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar
from urllib.parse import unquote_plus

from copycat import checksums, metadata
from copycat.aws_errors import WrongS3AnswerError, judge
from copycat.compare import Head
from copycat.direct_put import DirectPut
from copycat.errors import CopyError, MissingError
from copycat.objects import DestinationObject
from copycat.retrying import PATIENCE, Side
from copycat.s3_client import s3_client
from copycat.s3_listing import listed
from copycat.settings import Settings

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Upload:
    """An unfinished multipart upload that is checked as CopyCat's are: by a CRC32C of the full object.

    Attributes:
        key: the object's name.
        upload_id: S3's name for it.
        initiated: when it was created.
        storage_class: of the object that it will be.
    """

    key: str
    upload_id: str
    initiated: dt.datetime
    storage_class: str


@dataclass(frozen=True, slots=True)
class Part:
    """A part that S3 has.

    Attributes:
        size: bytes.
        etag: its entity tag, as CompleteMultipartUpload requires it.
        crc: CRC32C, as S3 computed it.
    """

    size: int
    etag: str
    crc: int


class S3:
    """A bucket in S3. Its threads share it; each request is tried again during an outage.

    Args:
        settings: of the run.
        stop: when it is set, every method raises `StoppedError`.
        connections: requests at once.
        patience: seconds that S3 may be away.
    """

    def __init__(
        self, settings: Settings, stop: threading.Event, connections: int = 1, patience: float = PATIENCE
    ) -> None:
        owner = settings.expected_bucket_owner
        self._bucket = {"Bucket": settings.destination} | ({"ExpectedBucketOwner": owner} if owner else {})
        self._placed: dict[str, Any] = {"StorageClass": settings.storage_class} if settings.storage_class else {}
        if settings.kms_key_id:
            self._placed |= {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": settings.kms_key_id}
        self._common = {**self._bucket, **self._placed, "ChecksumAlgorithm": "CRC32C"}
        self._client, session = s3_client(connections)
        self._put = DirectPut("PutObject", self._client, session, stop)
        self._upload_part = DirectPut("UploadPart", self._client, session, stop)
        self._side = Side("S3", partial(judge, settings), stop, connections, patience=patience)

    def page(
        self, prefix: str, after: str = "", token: str | None = None
    ) -> tuple[list[DestinationObject], str | None]:
        """List up to 1,000 objects in the order of their keys' UTF-8 bytes.

        Args:
            prefix: only keys that begin with it.
            after: only keys after this one.
            token: of the page before; None for the first page.

        Returns:
            The objects (possibly none), and the token of the next page; None: this was the last one.

        Raises:
            SetupError: There is no such bucket, or no permission (`s3:ListBucket`).
            OutageError: S3 did not answer for minutes.
            StoppedError: *stop* was set.
        """
        query = {"Prefix": prefix, "StartAfter": after, "ContinuationToken": token}
        query = {name: value for name, value in query.items() if value}
        return self._call(lambda: listed(self._client.list_objects_v2(**self._bucket, **query)))

    def head(self, key: str) -> Head | None:
        """Return what S3 knows about an object; None: there is no such object."""
        try:
            return self._call(lambda: _head(self._client.head_object(**self._bucket, Key=key, ChecksumMode="ENABLED")))
        except MissingError:
            return None
        except CopyError:
            # No body says why. If it is the keys, that ends the run, and an answer with a body tells.
            self.page(key)
            raise

    def put(self, key: str, content: bytearray, crc: int, described: Mapping[str, Any], etag: str | None) -> Head:
        """Write an object with one request.

        Args:
            key: the object's name.
            content: all of it.
            crc: its CRC32C, which S3 verifies.
            described: what `metadata.describe` returns.
            etag: of the object that it replaces; None: S3 must have none.

        Returns:
            What S3 confirms; *crc32c* is None if it confirms nothing.

        Raises:
            ConditionError, MissingError: S3 has another object than the one to be replaced.
        """
        arguments = {**described, **_condition(etag), "ChecksumCRC32C": checksums.encode(crc)}
        reply = self._call(lambda: self._put.send(self._common, key, content, arguments))
        return _confirmed(reply, len(content))

    def create(self, key: str, described: Mapping[str, Any]) -> str:
        """Create a multipart upload that S3 will check by the CRC32C of the full object; return its name."""
        arguments = {**self._bucket, **self._placed, **described, "Key": key}
        checked = {"ChecksumAlgorithm": "CRC32C", "ChecksumType": "FULL_OBJECT"}

        def send() -> str:
            reply = self._client.create_multipart_upload(**arguments, **checked)
            if not reply.get("UploadId"):
                raise WrongS3AnswerError("S3 created a multipart upload and gave no name for it")
            return str(reply["UploadId"])

        return self._call(send)

    def upload_part(self, key: str, upload_id: str, number: int, content: bytearray, crc: int) -> Part:
        """Write a part, and check that S3 confirms its checksum."""
        checksum = checksums.encode(crc)
        common = {**self._bucket, "ChecksumAlgorithm": "CRC32C"}
        arguments = {"UploadId": upload_id, "PartNumber": number, "ChecksumCRC32C": checksum}

        def send() -> Part:
            reply = self._upload_part.send(common, key, content, arguments)
            if reply.get("ChecksumCRC32C") != checksum or not reply.get("ETag"):
                raise WrongS3AnswerError(f"S3 did not confirm the checksum of part {number}")
            return Part(len(content), reply["ETag"], crc)

        return self._call(send)

    def complete(self, key: str, upload_id: str, parts: Mapping[int, Part], crc: int, etag: str | None) -> Head:
        """Make an object of the parts; the arguments and what it returns are as those of `put`."""
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
        """Delete an unfinished upload and its parts, if it is still there."""
        try:
            self._call(lambda: self._client.abort_multipart_upload(**self._bucket, Key=key, UploadId=upload_id))
        except MissingError:
            return

    def uploads(self, prefix: str) -> Iterator[Upload]:
        """List the unfinished uploads whose keys begin with a prefix, page by page."""
        # Without an encoding, no XML can hold a key with control characters.
        query = {**self._bucket, "Prefix": prefix, "EncodingType": "url"}
        while True:
            reply = self._call(partial(self._client.list_multipart_uploads, **query))
            decoded = unquote_plus if reply.get("EncodingType") == "url" else str
            for each in reply.get("Uploads", ()):
                key = decoded(each["Key"])
                of_our_kind = (each.get("ChecksumAlgorithm"), each.get("ChecksumType")) == ("CRC32C", "FULL_OBJECT")
                if of_our_kind and key.startswith(prefix):
                    yield Upload(key, each["UploadId"], each["Initiated"], each.get("StorageClass", "STANDARD"))
            if not reply.get("IsTruncated"):
                return
            query |= {"KeyMarker": decoded(reply["NextKeyMarker"]), "UploadIdMarker": reply["NextUploadIdMarker"]}

    def parts(self, key: str, upload_id: str) -> dict[int, Part]:
        """List the parts of an upload for which S3 has a CRC32C, by their numbers."""
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
        return self._side.call(send)


def _condition(etag: str | None) -> dict[str, str]:
    return {"IfNoneMatch": "*"} if etag is None else {"IfMatch": f'"{etag}"'}


def _head(reply: Mapping[str, Any]) -> Head:
    if "ContentLength" not in reply or "ETag" not in reply:
        raise WrongS3AnswerError("S3's answer to HEAD has no size or no ETag")
    full = reply.get("ChecksumType", "FULL_OBJECT") == "FULL_OBJECT"
    return Head(
        size=reply["ContentLength"],
        etag=reply["ETag"].strip('"'),
        # That of an upload in parts may be one of the parts' checksums: `…-3`.
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
