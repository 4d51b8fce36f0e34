"""Converts an object's metadata for S3, and adds entries by which the next run recognises the copy.

S3 stores user metadata as headers: names are case-insensitive, values are ASCII without leading or trailing spaces, and all
entries together have at most 2 KB.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from copycat.objects import SourceObject

# Bytes of all names and values: https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html
LIMIT = 2048
# Prefix of CopyCat's own entries. In a user's entry, it is escaped.
_OWN = "gcs-"
_GENERATION, _METAGENERATION, _SIZE = f"{_OWN}generation", f"{_OWN}metageneration", f"{_OWN}size"
_CRC32C, _MD5, _LEFT_OUT = f"{_OWN}crc32c", f"{_OWN}md5", f"{_OWN}metadata-left-out"
_UNCHANGED_IN_NAMES = re.compile(r"[a-z0-9.-]")
_HEX = re.compile(r"[0-9a-f]{2}")
_UNCHANGED_VALUE = re.compile(r"[!-~]+(?: [!-~]+)*")
_INVALID_IN_HEADER = re.compile(r"[^ -~]")


@dataclass(frozen=True, slots=True)
class Origin:
    """What CopyCat stored about the source when it copied an object.

    Attributes:
        generation: copied generation.
        metageneration: metageneration of the copied metadata.
        size: size in bytes.
        crc32c: CRC32C of the content in base64.
        md5: MD5 of the content in base64. None: Cloud Storage had none.
    """

    generation: int
    metageneration: int
    size: int
    crc32c: str
    md5: str | None


def describe(source: SourceObject) -> dict[str, Any]:
    """Return the arguments of PutObject and CreateMultipartUpload that describe an object.

    Args:
        source: the object, including its CRC32C.
    """
    headers = {
        "ContentType": source.content_type,
        "ContentEncoding": source.content_encoding,
        "ContentLanguage": source.content_language,
        "ContentDisposition": source.content_disposition,
        "CacheControl": source.cache_control,
    }
    described: dict[str, Any] = {name: _header(value) for name, value in headers.items() if value}
    described["Metadata"] = _entries(source)
    return described


def origin(entries: Mapping[str, str]) -> Origin | None:
    """Return what CopyCat stored with an object, or None if another program wrote it."""
    try:
        return Origin(
            generation=int(entries[_GENERATION]),
            metageneration=int(entries[_METAGENERATION]),
            size=int(entries[_SIZE]),
            crc32c=entries[_CRC32C],
            md5=entries.get(_MD5),
        )
    except (KeyError, ValueError):
        return None


def encode_name(name: str) -> str:
    """Encode the name of a user's entry so that S3 accepts it, and different names stay different.

    Lower-case letters, digits, `-`, `.` and most `_` are kept. Each byte of any other character becomes `_` and two hexadecimal
    digits.
    """
    encoded = ""
    # From the end: an underscore is kept unless two hexadecimal digits follow, because that would look like an escape.
    for character in reversed(name):
        plain = _UNCHANGED_IN_NAMES.fullmatch(character) or (character == "_" and not _HEX.match(encoded))
        encoded = (character if plain else _escaped(character)) + encoded
    return _escaped(encoded[0]) + encoded[1:] if encoded.startswith(_OWN) else encoded


def encode_value(value: str) -> str:
    """Encode a value so that a header can contain it.

    Printable ASCII with single inner spaces is kept. Anything else becomes an encoded word (RFC 2047), which S3 itself uses for
    metadata that is not ASCII.
    """
    if _UNCHANGED_VALUE.fullmatch(value) and not value.startswith("=?"):
        return value
    return f"=?utf-8?b?{base64.b64encode(value.encode('utf-8', 'surrogatepass')).decode()}?=" if value else ""


def _entries(source: SourceObject) -> dict[str, str]:
    own = {
        _GENERATION: str(source.generation),
        _METAGENERATION: str(source.metageneration),
        _SIZE: str(source.size),
        _CRC32C: source.crc32c or "",
    }
    if source.md5:
        own[_MD5] = source.md5
    if not source.metadata:
        return own
    users = {encode_name(name): encode_value(value) for name, value in source.metadata}
    # S3 rejects empty names.
    left_out = len(users) - len(users := {name: value for name, value in users.items() if name})
    room = LIMIT - _size(own)
    if _size(users) > room or left_out:
        room -= len(_LEFT_OUT) + 8
        kept: dict[str, str] = {}
        # Keep the shortest entries, so that as many as possible are kept.
        for name, value in sorted(users.items(), key=lambda entry: (len(entry[0]) + len(entry[1]), entry)):
            room -= len(name) + len(value)
            if room < 0:
                break
            kept[name] = value
        own[_LEFT_OUT] = str(left_out + len(users) - len(kept))
        users = kept
    return users | own


def _size(entries: Mapping[str, str]) -> int:
    return sum(len(name) + len(value) for name, value in entries.items())


def _escaped(character: str) -> str:
    return "".join(f"_{byte:02x}" for byte in character.encode("utf-8", "surrogatepass"))


def _header(value: str) -> str:
    """Percent-encode control characters and characters that are not ASCII, which a header cannot contain."""
    return _INVALID_IN_HEADER.sub(
        lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode("utf-8", "surrogatepass")), value
    )
