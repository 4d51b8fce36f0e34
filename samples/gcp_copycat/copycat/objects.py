"""The data that modules exchange: objects of both buckets, tasks and results. All of it can be pickled."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class SourceObject:
    """An object as Cloud Storage lists it.

    Attributes:
        name: name of the object.
        generation: version number of the content. Each new content has a new one.
        metageneration: version number of the metadata of this generation.
        size: size in bytes, as stored.
        updated: when the content or the metadata last changed.
        crc32c: CRC32C of the stored bytes in base64. None: not listed, for example with a customer-managed key.
        md5: MD5 in base64. None: not listed, for example for composite objects or with a customer-managed key.
        content_type: value of the HTTP header. None: not set.
        content_encoding: see *content_type*.
        content_language: see *content_type*.
        content_disposition: see *content_type*.
        cache_control: see *content_type*.
        metadata: names and values of the user metadata.
        kms_key: name of the customer-managed key. None: Google's key, or a customer-supplied one.
        storage_class: storage class in Cloud Storage.
    """

    name: str
    generation: int
    metageneration: int
    size: int
    updated: datetime
    crc32c: str | None = None
    md5: str | None = None
    content_type: str | None = None
    content_encoding: str | None = None
    content_language: str | None = None
    content_disposition: str | None = None
    cache_control: str | None = None
    metadata: tuple[tuple[str, str], ...] = ()
    kms_key: str | None = None
    storage_class: str | None = None


@dataclass(frozen=True, slots=True)
class DestinationObject:
    """An object as S3 lists it.

    Attributes:
        key: key of the object.
        size: size in bytes.
        etag: ETag without quotation marks.
        last_modified: when the object was written.
        storage_class: storage class in S3.
    """

    key: str
    size: int
    etag: str
    last_modified: datetime
    storage_class: str


class Outcome(enum.Enum):
    """What happened to an object."""

    COPIED = "copied"
    SKIPPED = "skipped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Task:
    """An object that a worker has to compare and copy.

    Attributes:
        source: object in Cloud Storage.
        key: key of the object in S3.
        destination: object that S3 lists under this key. None: no object.
    """

    source: SourceObject
    key: str
    destination: DestinationObject | None


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a task.

    Attributes:
        name: name of the object in Cloud Storage.
        key: key of the object in S3.
        outcome: copied, skipped or failed.
        reason: reason of a failure, as one sentence. None: not failed.
        generation: generation that was compared or copied.
        size: size of the object in bytes.
        sent: bytes sent to S3 in this run. 0 for a skipped object.
        crc32c: CRC32C of the content in base64. None: unknown.
        etag: ETag of the object in S3, without quotation marks. None: unknown.
        seconds: how long the task took.
        transient: whether an outage or the end of the run caused the failure.
        configuration: whether a missing identity, bucket or permission on it caused the failure, so that all objects would fail.
        denied: missing permission, for this object or for all. None: no permission is missing.
    """

    name: str
    key: str
    outcome: Outcome
    reason: str | None = None
    generation: int = 0
    size: int = 0
    sent: int = 0
    crc32c: str | None = None
    etag: str | None = None
    seconds: float = 0.0
    transient: bool = False
    configuration: bool = False
    denied: str | None = None
