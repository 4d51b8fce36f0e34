"""Decides whether S3 has what Cloud Storage has. Pure: it makes no network call.

Equality is never concluded from a value that is missing, and never from CRC32C and size alone: data that ends in its own
CRC32C always has the same one.
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
    HEAD = "head"  # the listings cannot tell: ask S3 for the object's checksum and metadata


@dataclass(frozen=True, slots=True)
class Head:
    """What S3 answers to HEAD.

    Attributes:
        size: bytes.
        etag: the entity tag, without its quotation marks.
        crc32c: CRC32C of the whole object, as S3 computed it; None: S3 has none.
        origin: what CopyCat stored when it copied the object; None: another program wrote it.
        kms_key: the KMS key's ARN; None: not encrypted with KMS.
        modified: when it was written, in full seconds; of an upload in parts, when that was created.
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
        source: as Cloud Storage lists it.
        destination: as S3 lists it; None: it has no such object.
        check_metadata: a change of metadata alone counts, too.
    """
    if destination is None or destination.size != source.size:
        return Decision.COPY
    if not check_metadata and _same_md5(source, destination.etag):
        return Decision.SKIP
    return Decision.HEAD


def decide_with_head(source: SourceObject, head: Head | None, *, check_metadata: bool = False) -> Decision:
    """Decide from Google's listing and S3's answer to HEAD: SKIP or COPY."""
    if head is None or head.size != source.size:
        return Decision.COPY
    if check_metadata and not _same_metadata(source, head.origin):
        return Decision.COPY
    equal = _same_md5(source, head.etag) or (head.origin is not None and is_copy(source, head))
    return Decision.SKIP if equal else Decision.COPY


def is_copy(source: SourceObject, head: Head) -> bool:
    """Tell whether S3 has the copy of this generation or of the same content, and S3's own checksum confirms it."""
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
    """Tell whether an entity tag is the MD5 of the source: S3 has it for what was written with one request, without KMS."""
    if source.md5 is None or len(etag) != 32:
        return False
    try:
        return base64.b64decode(source.md5, validate=True).hex() == etag.lower()
    except ValueError:
        return False
