"""copycat.compare: which objects are equal."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import Any

import pytest
from copycat.compare import Decision, Head, decide, decide_with_head
from copycat.metadata import Origin
from copycat.objects import DestinationObject, SourceObject

_NOW = dt.datetime.now(dt.timezone.utc)
_MD5, _ETAG = "XUFAKrxLKna5cZ2REBfFkg==", "5d41402abc4b2a76b9719d911017c592"
_OTHER = "AAAAAAAAAAAAAAAAAAAAAA=="
_CRC = "mnG7TA=="
_SOURCE = SourceObject("object", 7, 2, 5, _NOW, _CRC, _MD5)
_CMEK = dataclasses.replace(_SOURCE, crc32c=None, md5=None)
_ORIGIN = Origin(7, 2, 5, _CRC, None)


def _listed(**fields: Any) -> DestinationObject:
    return DestinationObject(
        **{"key": "object", "size": 5, "etag": _ETAG, "last_modified": _NOW, "storage_class": "STANDARD", **fields}
    )


@pytest.mark.parametrize(
    ("source", "destination", "decision"),
    [
        (_SOURCE, None, Decision.COPY),
        (_SOURCE, _listed(size=6), Decision.COPY),
        (_SOURCE, _listed(), Decision.SKIP),
        (_SOURCE, _listed(etag=_ETAG.upper()), Decision.SKIP),
        (_SOURCE, _listed(etag="0" * 32), Decision.HEAD),
        (_SOURCE, _listed(etag=f"{_ETAG}-1"), Decision.HEAD),
        (_SOURCE, _listed(etag=""), Decision.HEAD),
        (_CMEK, _listed(), Decision.HEAD),
        (dataclasses.replace(_SOURCE, md5=""), _listed(etag=""), Decision.HEAD),
        (dataclasses.replace(_SOURCE, md5="§"), _listed(), Decision.HEAD),
        (_CMEK, _listed(size=6), Decision.COPY),
    ],
)
def test_the_listings_decide_by_size_and_md5_alone(
    source: SourceObject, destination: DestinationObject | None, decision: Decision
) -> None:
    assert decision is decide(source, destination)


def test_metadata_is_compared_on_request() -> None:
    assert decide(_SOURCE, _listed(), check_metadata=True) is Decision.HEAD


@pytest.mark.parametrize("source", [_SOURCE, _CMEK], ids=["listed", "without checksums"])
def test_a_copy_is_equal_if_s3s_checksum_confirms_it(source: SourceObject) -> None:
    assert decide_with_head(source, Head(5, "x-2", _CRC, _ORIGIN)) is Decision.SKIP


@pytest.mark.parametrize(
    ("source", "head"),
    [
        (_SOURCE, None),
        (_SOURCE, Head(6, "x-2", _CRC, _ORIGIN)),
        (_SOURCE, Head(5, "x-2", None, _ORIGIN)),  # S3 confirms nothing
        (_CMEK, Head(5, "x-2", None, _ORIGIN)),
        (_CMEK, Head(5, "x-2", None, None)),
        (_CMEK, Head(5, _ETAG, _CRC, None)),
        (_SOURCE, Head(5, "x-2", _CRC, None)),  # CRC32C and size alone
        (_SOURCE, Head(5, "x-2", "AAAAAA==", _ORIGIN)),  # other bytes with the metadata of a copy
        (_CMEK, Head(5, "x-2", "AAAAAA==", _ORIGIN)),
        (_SOURCE, Head(5, "x-2", _CRC, dataclasses.replace(_ORIGIN, generation=6))),
        (_CMEK, Head(5, "x-2", _CRC, dataclasses.replace(_ORIGIN, generation=8))),
        (_SOURCE, Head(5, "x-2", _CRC, dataclasses.replace(_ORIGIN, crc32c="AAAAAA=="))),
        (_SOURCE, Head(5, "x-2", _CRC, dataclasses.replace(_ORIGIN, generation=6, md5=_OTHER))),
    ],
)
def test_a_missing_value_is_never_equal(source: SourceObject, head: Head | None) -> None:
    assert decide_with_head(source, head) is Decision.COPY


def test_another_generation_of_the_same_content_is_equal_by_its_md5() -> None:
    origin = dataclasses.replace(_ORIGIN, generation=6, md5=_MD5)

    assert decide_with_head(_SOURCE, Head(5, "x-2", _CRC, origin)) is Decision.SKIP


@pytest.mark.parametrize(
    "origin", [None, dataclasses.replace(_ORIGIN, metageneration=1), dataclasses.replace(_ORIGIN, generation=6)]
)
def test_a_change_of_metadata_counts_on_request(origin: Origin | None) -> None:
    assert decide_with_head(_SOURCE, Head(5, _ETAG, _CRC, origin), check_metadata=True) is Decision.COPY
    assert decide_with_head(_SOURCE, Head(5, _ETAG, _CRC, origin)) is Decision.SKIP
    assert decide_with_head(_SOURCE, Head(5, _ETAG, _CRC, _ORIGIN), check_metadata=True) is Decision.SKIP
