"""The objects of both sides, and what is to be done and was done with them. Plain data that can be pickled."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class SourceObject:
    """An object as Cloud Storage lists it.

    Attributes:
        name: the object's name.
        generation: number of this content; a new content gets a new one.
        metageneration: number of this generation's metadata.
        size: bytes, as they are stored.
        updated: when content or metadata last changed.
        crc32c: CRC32C of the stored bytes in base64; None: not listed, as with a customer-managed key.
        md5: MD5 in base64; None: not listed, as for composite objects and with a customer-managed key.
        content_type: the header of this name, as are the next four; None: not set.
        content_encoding: see *content_type*.
        content_language: see *content_type*.
        content_disposition: see *content_type*.
        cache_control: see *content_type*.
        metadata: names and values that users have given it.
        kms_key: name of the customer-managed key; None: Google's own key, or one that the customer supplies.
        storage_class: Cloud Storage's storage class.
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
        key: the object's name.
        size: bytes.
        etag: the entity tag, without its quotation marks.
        last_modified: when it was written.
        storage_class: S3's storage class.
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
    """An object that a worker compares and copies.

    Attributes:
        source: the object in Cloud Storage.
        key: its name in S3.
        destination: what S3 lists under *key*; None: nothing.
    """

    source: SourceObject
    key: str
    destination: DestinationObject | None


@dataclass(frozen=True, slots=True)
class Result:
    """What a worker did with a task.

    Attributes:
        name: the object's name in Cloud Storage.
        key: its name in S3.
        outcome: copied, skipped or failed.
        reason: one sentence for a failed object; None for others.
        generation: the generation that was compared or copied.
        size: bytes of the object.
        sent: bytes sent to S3 for it now; 0 for one that was skipped.
        crc32c: CRC32C of the content in base64; None: it is not known.
        etag: entity tag of the object in S3, without quotation marks; None: it is not known.
        seconds: how long it took.
        transient: an outage or the end of the run kept it from being tried to the end.
        configuration: a missing identity, bucket or permission for it is the cause, and other objects will fail too.
        denied: the permission that is missing, for this object or for all; None: none is.
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
