"""Decides whether S3 has the same content as Cloud Storage. It makes no network call.

A missing value never counts as equal, and neither do CRC32C and size alone: all data that ends in its own CRC32C has the same
CRC32C.
"""

from __future__ import annotations

import base64
import datetime as dt
import enum
from dataclasses import dataclass

from copycat.metadata import Origin
from copycat.objects import DestinationObject, SourceObject


class Decision(enum.Enum):
    """What to do with an object."""

    COPY = "copy"
    SKIP = "skip"
    HEAD = "head"  # the listings are not enough: request the object's checksum and metadata from S3


@dataclass(frozen=True, slots=True)
class Head:
    """What S3's response to a HEAD request says about an object.

    Attributes:
        size: size in bytes.
        etag: ETag without its quotation marks.
        crc32c: CRC32C of the whole object that S3 computed. None: S3 has none.
        origin: what CopyCat stored when it copied the object. None: another program wrote it.
        kms_key: ARN of the KMS key. None: not encrypted with KMS.
        modified: when the object was written, in whole seconds. For a multipart upload, when the upload was created.
    """

    size: int
    etag: str
    crc32c: str | None
    origin: Origin | None
    kms_key: str | None = None
    modified: dt.datetime | None = None


def decide(source: SourceObject, destination: DestinationObject | None, *, check_metadata: bool = False) -> Decision:
    """Decide from both listings.

    Args:
        source: the object as Cloud Storage lists it.
        destination: the object as S3 lists it. None: S3 does not list it.
        check_metadata: whether a change of the metadata alone requires a copy.
    """
    if destination is None or destination.size != source.size:
        return Decision.COPY
    if not check_metadata and _same_md5(source, destination.etag):
        return Decision.SKIP
    return Decision.HEAD


def decide_with_head(source: SourceObject, head: Head | None, *, check_metadata: bool = False) -> Decision:
    """Decide from Cloud Storage's listing and S3's response to HEAD. Return SKIP or COPY."""
    if head is None or head.size != source.size:
        return Decision.COPY
    if check_metadata and not _same_metadata(source, head.origin):
        return Decision.COPY
    equal = _same_md5(source, head.etag) or (head.origin is not None and is_copy(source, head))
    return Decision.SKIP if equal else Decision.COPY


def is_copy(source: SourceObject, head: Head) -> bool:
    """Return whether S3 has a copy of this generation or of the same content, confirmed by S3's own checksum."""
    stored = head.origin
    if stored is None or head.crc32c is None or head.size != source.size or stored.size != source.size:
        return False
    if head.crc32c != stored.crc32c or (source.crc32c is not None and head.crc32c != source.crc32c):
        return False
    return stored.generation == source.generation or (source.md5 is not None and stored.md5 == source.md5)


def _same_metadata(source: SourceObject, stored: Origin | None) -> bool:
    return stored is not None and (stored.generation, stored.metageneration) == (
        source.generation,
        source.metageneration,
    )


def _same_md5(source: SourceObject, etag: str) -> bool:
    """Return whether an ETag is the MD5 of the source. S3 uses the MD5 for objects written in one request, without KMS."""
    if source.md5 is None or len(etag) != 32:
        return False
    try:
        return base64.b64decode(source.md5, validate=True).hex() == etag.lower()
    except ValueError:
        return False
