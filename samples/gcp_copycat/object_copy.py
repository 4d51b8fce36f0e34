"""One object: read from Cloud Storage in parts, checked on the way, written to S3 as what it was."""

from __future__ import annotations

import base64
import email.header
import enum
import threading
import urllib.parse
from collections.abc import Callable
from typing import Any

import google_crc32c
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError
from google.cloud import storage  # type: ignore[attr-defined]  # a namespace without types

# The fields of a listing that a copy needs; without them a page of a thousand objects is ten times as long.
FIELDS = (
    "nextPageToken,items(bucket,name,generation,size,crc32c,metadata,"
    "contentType,contentEncoding,contentLanguage,contentDisposition,cacheControl)"
)
# S3's limits: https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
_LONGEST_KEY = 1024
_MOST_PARTS = 10_000
_PART = 8 << 20


class Outcome(enum.Enum):
    """How it went with an object."""

    COPIED = "copied"
    SKIPPED = "skipped"
    FAILED = "failed"


class CopyError(Exception):
    """An object can't be copied, or did not arrive as it was."""


class StoppedError(Exception):
    """The run has ended before this object has."""


class CheckedReader:
    """Reads a blob from first byte to last, once, and raises instead of giving the last ones if they do not add up.

    Whoever uploads from it therefore never completes an object whose checksum is not Google's: an upload in parts is
    aborted, a single request is not even sent. It can't seek, so that boto3 takes what it gives part by part.

    Args:
        blob: as it was listed; its generation is what is read, and no other.
        part_size: bytes that are fetched at a time, and held in memory.
        stop: when it is set, the next read raises.
    """

    def __init__(self, blob: storage.Blob, part_size: int, stop: threading.Event) -> None:
        self._blob = blob
        # Raw: an object stored with gzip is copied as it is stored, which is also what its checksum speaks of.
        self._file = blob.open("rb", chunk_size=part_size, raw_download=True)
        self._left = blob.size
        self._checksum = google_crc32c.Checksum()
        self._stop = stop
        self._check_end()

    def read(self, size: int = -1) -> bytes:
        """The next bytes; none at the end."""
        if self._stop.is_set():
            raise StoppedError
        # Never past the end, which is known: asking there would cost a request for nothing.
        wanted = self._left if size < 0 else min(size, self._left)
        if not wanted:
            return b""
        data: bytes = self._file.read(wanted)
        if not data:
            raise CopyError(f"it ended {self._left} bytes early")
        self._left -= len(data)
        self._checksum.update(data)
        self._check_end()
        return data

    def _check_end(self) -> None:
        found = base64.b64encode(self._checksum.digest()).decode()
        if not self._left and found != self._blob.crc32c:
            raise CopyError(f"what was read has the CRC32C {found}, and Cloud Storage says {self._blob.crc32c}")


def copy(
    blob: storage.Blob,
    s3: Any,
    bucket: str,
    key: str,
    *,
    stop: threading.Event,
    progress: Callable[[int], object],
) -> Outcome:
    """Copies an object, unless one with the same checksum is already there.

    Google's CRC32C goes along: S3 computes its own over what arrives, refuses anything else, and keeps it, so that the
    next run can compare.

    Args:
        blob: as it was listed, with `FIELDS`.
        s3: a boto3 client.
        bucket: the bucket in S3.
        key: the object's name there.
        stop: when it is set, the copy is given up.
        progress: is told of bytes as they are sent.

    Returns:
        COPIED or SKIPPED.

    Raises:
        CopyError: It can't be copied, or did not arrive as it was; nothing of it is in S3.
        StoppedError: *stop* was set.
    """
    length = len(key.encode())
    if not 1 <= length <= _LONGEST_KEY:
        raise CopyError(f"its key would have {length} bytes, and S3 takes 1 to {_LONGEST_KEY}")
    if _is_there(blob, s3, bucket, key):
        progress(blob.size)
        return Outcome.SKIPPED
    part_size = _part_size(blob.size)
    s3.upload_fileobj(
        CheckedReader(blob, part_size, stop),
        bucket,
        key,
        ExtraArgs=_description(blob) | {"ChecksumAlgorithm": "CRC32C", "ChecksumCRC32C": blob.crc32c},
        Callback=progress,
        # One part after another in this thread: several objects are copied at once, and each holds one part in memory.
        Config=TransferConfig(multipart_threshold=part_size, multipart_chunksize=part_size, use_threads=False),
    )
    return Outcome.COPIED


def _is_there(blob: storage.Blob, s3: Any, bucket: str, key: str) -> bool:
    try:
        found = s3.head_object(Bucket=bucket, Key=key, ChecksumMode="ENABLED")
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
            return False
        raise
    return bool(found["ContentLength"] == blob.size and found.get("ChecksumCRC32C") == blob.crc32c)


def _part_size(size: int) -> int:
    """Large enough for S3's number of parts, in whole MiB; more than 8 MiB only for objects of more than 78 GiB."""
    return max(_PART, -(-size // _MOST_PARTS >> 20) + 1 << 20 if size > _PART * _MOST_PARTS else 0)


def _description(blob: storage.Blob) -> dict[str, Any]:
    """What S3 is to know about an object besides its bytes."""
    headers = {
        "ContentType": blob.content_type,
        "ContentEncoding": blob.content_encoding,
        "ContentLanguage": blob.content_language,
        "ContentDisposition": blob.content_disposition,
        "CacheControl": blob.cache_control,
    }
    metadata = {_header_name(name): _ascii(value) for name, value in (blob.metadata or {}).items()}
    return {name: value for name, value in headers.items() if value} | {"Metadata": metadata}


def _header_name(name: str) -> str:
    """S3 keeps metadata in headers, whose names are letters, digits and little else: `a b` is `a_20b`."""
    return urllib.parse.quote(name, safe="").replace("%", "_").replace("~", "_7E")


def _ascii(value: str) -> str:
    """In the form in which S3 itself shows metadata that is not ASCII.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html
    """
    return value if value.isascii() else email.header.Header(value, "utf-8", maxlinelen=0).encode()
