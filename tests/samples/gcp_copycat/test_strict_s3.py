"""Copies to the strict stand-in for S3, whose responses are more complete than moto's."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable

import pytest
from copycat.objects import Outcome
from copycat.s3 import S3

from samples.gcp_copycat.conftest import Clouds
from samples.gcp_copycat.s3_standin import S3Fault, S3Standin

_LARGE = hashlib.shake_128(b"large").digest((16 << 20) + 1)


def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition."""
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.parametrize("name", ["a\x01b", "a\x1fb\uffffc", "a b+c%41&<ü😀"], ids=ascii)
def test_a_large_object_can_have_a_name_that_xml_cannot_contain(clouds: Clouds, s3: S3Standin, name: str) -> None:
    """Responses about uploads contain the key."""
    source = clouds.put(name, _LARGE)

    result = clouds.copy(source)

    assert (result.outcome, result.reason) == (Outcome.COPIED, None)
    assert s3.contents(clouds.settings.destination) == {name: _LARGE}
    assert s3.buckets[clouds.settings.destination].uploads == {}
    assert clouds.copy(source).outcome is Outcome.SKIPPED


def test_an_upload_with_a_name_that_xml_cannot_contain_is_resumed(clouds: Clouds, s3: S3Standin) -> None:
    source = clouds.put("a\x01b", _LARGE)
    uploads = s3.buckets[clouds.settings.destination].uploads

    def stop_at_the_last_part(described: str) -> None:
        if described.endswith(" 3"):
            [upload] = uploads.values()
            until(lambda: upload.parts.keys() == {1, 2})
            clouds.stop.set()

    s3.on_request = stop_at_the_last_part
    s3.fail("UploadPart* 3", S3Fault(503))
    assert clouds.copy(source).transient
    s3.on_request = None
    clouds.close()
    clouds.stop.clear()

    result = clouds.copy(source)

    assert (result.outcome, result.sent) == (Outcome.COPIED, 1)
    assert s3.count("CreateMultipartUpload") == 1
    assert s3.contents(clouds.settings.destination) == {"a\x01b": _LARGE}


def test_unfinished_uploads_with_any_names_are_listed_page_by_page(clouds: Clouds, s3: S3Standin) -> None:
    names = sorted(["a", "a\x01", "a b", "a+b", "a%20b", "ü", "😀"])
    bucket = S3(clouds.settings, clouds.stop, outage_limit=20)
    for name in names:
        bucket.create(name, {})
    s3.page_size = 2

    assert [upload.key for upload in bucket.uploads("")] == names
    assert [upload.key for upload in bucket.uploads("a ")] == ["a b"]
