"""What Cloud Storage says about objects, read from its JSON.

google-cloud-storage would take three times as long: it makes an object with a client, a bucket and methods of each entry.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar

from copycat import timestamps
from copycat.google_errors import WrongGoogleAnswerError
from copycat.objects import SourceObject

_T = TypeVar("_T")
# What a copy needs; without a choice of fields, a page of a thousand objects is ten times as long.
FIELDS = (
    "name,generation,metageneration,size,updated,crc32c,md5Hash,metadata,kmsKeyName,storageClass,"
    "contentType,contentEncoding,contentLanguage,contentDisposition,cacheControl"
)


def page_of(body: bytes) -> tuple[list[SourceObject], str | None]:
    """Return the objects of a page, and the next page's token.

    Raises:
        WrongGoogleAnswerError: The answer cannot be read.
    """
    return _read(body, lambda page: ([_object(each) for each in page.get("items", ())], page.get("nextPageToken")))


def object_of(body: bytes) -> SourceObject:
    """Return an object from its metadata.

    Raises:
        WrongGoogleAnswerError: The answer cannot be read.
    """
    return _read(body, _object)


def _read(body: bytes, make: Callable[[Any], _T]) -> _T:
    try:
        return make(json.loads(body))
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise WrongGoogleAnswerError(f"Cloud Storage's answer cannot be read: {error!r}") from error


def _object(entry: dict[str, Any]) -> SourceObject:
    get = entry.get
    return SourceObject(
        name=entry["name"],
        generation=int(entry["generation"]),
        metageneration=int(entry["metageneration"]),
        size=int(entry["size"]),
        updated=timestamps.parse(entry["updated"]),
        crc32c=get("crc32c"),
        md5=get("md5Hash"),
        content_type=get("contentType"),
        content_encoding=get("contentEncoding"),
        content_language=get("contentLanguage"),
        content_disposition=get("contentDisposition"),
        cache_control=get("cacheControl"),
        metadata=tuple(get("metadata", {}).items()),
        kms_key=get("kmsKeyName"),
        storage_class=get("storageClass"),
    )
