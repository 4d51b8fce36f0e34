"""Copies of one object between both clouds on loopback, including invalid responses of either."""

from __future__ import annotations

import dataclasses
import struct
from typing import Any
from urllib.parse import unquote

import google_crc32c
import pytest
from copycat.objects import Outcome, Task
from variations import few

from samples.gcp_copycat.conftest import Clouds, without_listed_checksums
from samples.gcp_copycat.proxy import Act, Reply, Request, answers, changes, flips_a_bit, hang_up, lost

_COPIED, _SKIPPED, _FAILED = Outcome.COPIED, Outcome.SKIPPED, Outcome.FAILED


def _with_fixed_crc(seed: bytes) -> bytes:
    """Return different bytes of the same length with the same CRC32C, because they end in their own CRC32C."""
    return seed + struct.pack("<I", google_crc32c.value(seed))


def test_an_object_is_copied_once(clouds: Clouds) -> None:
    source = clouds.put("a/b", b"hello", metadata={"k": "v"}, content_type="text/x")

    result = clouds.copy(source)

    assert (result.outcome, result.reason) == (_COPIED, None)
    assert (result.size, result.sent, result.crc32c, result.generation) == (5, 5, "mnG7TA==", source.generation)
    assert result.etag == "5d41402abc4b2a76b9719d911017c592"
    assert clouds.content("a/b") == b"hello"
    head = clouds.head("a/b")
    assert (head["ContentType"], head["Metadata"]["k"]) == ("text/x", "v")

    clouds.google.clear()
    clouds.aws.clear()
    task = clouds.task(source)
    requests = len(clouds.aws.requests)
    again = clouds.copier.copy(task)

    assert (again.outcome, again.sent) == (_SKIPPED, 0)
    assert (clouds.google.requests, len(clouds.aws.requests)) == ([], requests)  # the listings are enough


def test_a_small_object_requires_one_request_to_each_cloud(clouds: Clouds) -> None:
    source = clouds.put("object", b"hello")
    clouds.copy(source)  # this gets the token
    task = dataclasses.replace(clouds.task(clouds.put("other", b"hello")), destination=None)
    clouds.google.clear()
    clouds.aws.clear()

    assert clouds.copier.copy(task).outcome is _COPIED
    assert [str(request).partition("?")[0].rpartition("/")[2] for request in clouds.google.requests] == ["other"]
    [put] = clouds.aws.requests
    assert (put.method, put.headers["If-None-Match"]) == ("PUT", "*")


def test_an_empty_object_is_not_downloaded(clouds: Clouds) -> None:
    source = clouds.put("empty", b"")

    assert clouds.copy(source).outcome is _COPIED
    assert clouds.content("empty") == b""
    assert clouds.google.seen("GET", "alt=media") == []


@pytest.mark.parametrize("size", [5, 9 << 20], ids=["small", "large"])
@pytest.mark.parametrize("hashes", few([False, True]))
def test_objects_listed_without_a_checksum_are_copied_and_compared(clouds: Clouds, size: int, hashes: bool) -> None:
    """Customer-managed keys have this effect. S3 has another object of the same size, with or without a checksum."""
    without_listed_checksums(clouds)
    content = bytes(size)
    source = clouds.put("object", content)
    assert (source.crc32c, source.md5) == (None, None)
    without = changes(lambda reply: reply.headers.pop("x-goog-hash", None))
    if not hashes:
        clouds.google.on("GET", "alt=media", without)
    else:
        crc = clouds.sandbox.storage.resource(clouds.settings.source, "object")["crc32c"]  # type: ignore[index]
        goog = {"x-goog-hash": f"crc32c={crc},md5=XUFAKrxLKna5cZ2REBfFkg=="}
        clouds.google.on("GET", "alt=media", changes(lambda reply: reply.headers.update(goog)))
    for checksum in ({}, {"ChecksumAlgorithm": "CRC32C"}):
        clouds.direct.put_object(Bucket=clouds.settings.destination, Key="object", Body=b"x" * size, **checksum)

        assert clouds.copy(source).outcome is _COPIED
        assert clouds.content("object") == content
    assert clouds.copy(source).outcome is _SKIPPED


def test_an_object_without_any_checksum_fails_with_a_reason(clouds: Clouds) -> None:
    source = clouds.put("object", b"hello")
    source = dataclasses.replace(source, crc32c=None, md5=None)

    def change(reply: Reply) -> None:
        reply.body = reply.body.replace(b"crc32c", b"nothing")

    clouds.google.when(lambda request: "/o/object" in request.path and "alt=media" not in request.path, changes(change))
    clouds.google.on("GET", "alt=media", changes(lambda reply: reply.headers.pop("x-goog-hash", None)))
    result = clouds.copy(source)

    assert (result.outcome, clouds.content("object")) == (_FAILED, None)
    assert result.reason == "Cloud Storage has no CRC32C for it, so a copy cannot be verified"


def test_equal_crc32c_and_size_are_not_equal_content(clouds: Clouds) -> None:
    old, new = _with_fixed_crc(b"old content"), _with_fixed_crc(b"new content")
    assert google_crc32c.value(old) == google_crc32c.value(new)
    clouds.copy(clouds.put("object", old))
    source = clouds.put("object", new)

    assert clouds.copy(source).outcome is _COPIED
    assert clouds.content("object") == new

    clouds.direct.put_object(Bucket=clouds.settings.destination, Key="object", Body=old, ChecksumAlgorithm="CRC32C")
    assert clouds.copy(source).outcome is _COPIED
    assert clouds.content("object") == new


def test_other_bytes_under_the_metadata_of_a_copy_are_not_equal(clouds: Clouds) -> None:
    source = clouds.put("object", b"hello")
    clouds.copy(source)
    entries = clouds.head("object")["Metadata"]
    clouds.direct.put_object(
        Bucket=clouds.settings.destination, Key="object", Body=b"other", Metadata=entries, ChecksumAlgorithm="CRC32C"
    )

    assert clouds.copy(source).outcome is _COPIED
    assert clouds.content("object") == b"hello"


@pytest.mark.parametrize(
    "act",
    [lost, hang_up, answers(503), answers(500), answers(200, b""), answers(302)],
    ids=["lost reply", "lost request", "503", "500", "empty 200", "302"],
)
def test_a_put_without_a_confirmation_is_checked(clouds: Clouds, act: Act) -> None:
    source = clouds.put("object", b"hello")
    clouds.aws.on("PUT", "/object", act, times=2)

    result = clouds.copy(source)

    assert (result.outcome, result.reason) == (_COPIED, None)
    assert clouds.content("object") == b"hello"


def test_an_unconfirmed_success_is_a_failure(clouds: Clouds) -> None:
    source = clouds.put("object", b"hello")
    clouds.aws.on("PUT", "/object", answers(200, b"", ETag='"5d41402abc4b2a76b9719d911017c592"'))

    result = clouds.copy(source)

    assert (result.outcome, result.transient) == (_FAILED, False)
    assert result.reason == "S3 did not confirm its checksum and does not have the copy (tried 5 times)"


def test_a_response_with_another_checksum_is_not_trusted(clouds: Clouds) -> None:
    source = clouds.put("object", b"hello")

    def damage(request: Request, forward: Any) -> Reply:
        request.body = b"jello"
        request.headers["x-amz-checksum-crc32c"] = "AAAAAA=="
        reply: Reply = forward()
        return reply

    clouds.aws.on("PUT", "/object", damage, times=1)

    assert clouds.copy(source).outcome is _COPIED
    assert clouds.content("object") == b"hello"


def test_content_with_a_flipped_bit_is_read_again(clouds: Clouds) -> None:
    source = clouds.put("object", b"hello")
    clouds.google.on("GET", "alt=media", changes(flips_a_bit), times=2)

    assert clouds.copy(source).outcome is _COPIED
    assert clouds.content("object") == b"hello"


def test_content_that_is_always_damaged_is_not_written(clouds: Clouds) -> None:
    source = clouds.put("object", b"hello")
    clouds.google.on("GET", "alt=media", changes(flips_a_bit))

    result = clouds.copy(source)

    assert (result.outcome, clouds.content("object")) == (_FAILED, None)
    assert result.reason == f"the content read has CRC32C {_crc(b'hemlo')}, but Cloud Storage states mnG7TA=="


def _crc(content: bytes) -> str:
    from copycat import checksums

    return checksums.encode(google_crc32c.value(content))


def test_an_older_version_does_not_replace_a_newer_one(clouds: Clouds) -> None:
    """This run listed both buckets before another one copied the newer version."""
    task = clouds.task(clouds.put("object", b"older"))
    newer = clouds.put("object", b"newer!")
    clouds.copy(newer)

    result = clouds.copier.copy(task)

    assert (result.outcome, result.generation) == (_SKIPPED, newer.generation)
    assert clouds.content("object") == b"newer!"


def test_an_older_version_does_not_replace_a_newer_one_that_was_listed(clouds: Clouds) -> None:
    """Cloud Storage was listed before the object was replaced, and S3 after the new version was copied."""
    older = clouds.put("object", b"older")
    newer = clouds.put("object", b"newer!")
    clouds.copy(newer)

    assert clouds.copy(older).outcome is _SKIPPED
    assert clouds.content("object") == b"newer!"


def test_an_object_replaced_after_it_was_listed_is_copied_as_it_is_now(clouds: Clouds) -> None:
    task = clouds.task(clouds.put("object", b"listed"))
    newer = clouds.put("object", b"newer!")

    result = clouds.copier.copy(task)

    assert (result.outcome, result.generation) == (_COPIED, newer.generation)
    assert clouds.content("object") == b"newer!"


def test_an_object_deleted_after_it_was_listed_fails_with_a_reason(clouds: Clouds) -> None:
    source = clouds.put("object", b"hello")
    clouds.sandbox.storage_client().bucket(clouds.settings.source).blob("object").delete()

    result = clouds.copy(source)

    assert result.reason == "it was deleted or replaced after it was listed"
    assert (result.outcome, result.transient, result.configuration) == (_FAILED, False, False)


def test_an_object_written_by_another_program_in_the_meantime_is_compared_again(clouds: Clouds) -> None:
    source = clouds.put("object", b"hello")
    task = clouds.task(source)
    clouds.direct.put_object(Bucket=clouds.settings.destination, Key="object", Body=b"another's")

    assert clouds.copier.copy(task).outcome is _COPIED
    assert clouds.content("object") == b"hello"


def test_an_object_deleted_from_s3_in_the_meantime_is_copied(clouds: Clouds) -> None:
    clouds.copy(clouds.put("object", b"older"))
    task = clouds.task(clouds.put("object", b"newer!"))
    clouds.direct.delete_object(Bucket=clouds.settings.destination, Key="object")

    assert clouds.copier.copy(task).outcome is _COPIED
    assert clouds.content("object") == b"newer!"


def test_a_change_of_metadata_alone_is_copied_on_request(clouds: Clouds) -> None:
    clouds.copy(clouds.put("object", b"hello"))
    blob = clouds.sandbox.storage_client().bucket(clouds.settings.source).blob("object")
    blob.metadata = {"new": "entry"}
    blob.patch()
    source = clouds.listed("object")

    assert clouds.copy(source).outcome is _SKIPPED
    clouds.set(check_metadata=True)
    assert clouds.copy(source).outcome is _COPIED
    assert clouds.head("object")["Metadata"]["new"] == "entry"
    assert clouds.copy(source).outcome is _SKIPPED


def test_storage_class_key_and_owner_of_the_destination_are_sent(clouds: Clouds) -> None:
    clouds.set(storage_class="STANDARD_IA", kms_key_id="1234abcd", expected_bucket_owner="123456789012")
    source = clouds.put("object", b"hello")
    clouds.aws.clear()

    assert clouds.copy(source).outcome is _COPIED
    [put] = clouds.aws.seen("PUT")
    headers = {name.lower(): value for name, value in put.headers.items()}
    assert headers["x-amz-storage-class"] == "STANDARD_IA"
    assert headers["x-amz-server-side-encryption"] == "aws:kms"
    assert headers["x-amz-server-side-encryption-aws-kms-key-id"] == "1234abcd"
    assert headers["x-amz-expected-bucket-owner"] == "123456789012"


@pytest.mark.parametrize("key", ["", "ü" * 512 + "x"])
def test_a_name_that_s3_rejects_fails(clouds: Clouds, key: str) -> None:
    source = clouds.put("object", b"hello")

    result = clouds.copier.copy(Task(source, key, None))

    assert result.reason == f"its key would have {len(key.encode())} bytes; S3 accepts 1 to 1024"


_NAMES = [
    "a b+c#d?e=f&g%20h'(i).txt",
    "日本語 😀",
    "/leading",
    "//",
    "trailing/",
    "a//b",
    "~tilde*!()",
    "ü" * 512,
    "a\tb",
]


@pytest.mark.parametrize("name", _NAMES)
def test_names_of_every_kind_arrive(clouds: Clouds, name: str) -> None:
    source = clouds.put(name, name.encode())

    assert clouds.copy(source).outcome is _COPIED
    assert clouds.content(name) == name.encode()
    assert clouds.copy(source).outcome is _SKIPPED


@pytest.mark.parametrize("key", ["a/../b", "./a", "..", "a/./b", "%2e%2e/a", "\x7f\x01"])
def test_keys_that_look_like_paths_are_written_as_they_are(clouds: Clouds, key: str) -> None:
    source = clouds.put("object", b"hello")
    clouds.aws.clear()

    assert clouds.copier.copy(Task(source, key, None)).outcome is _COPIED
    [put] = clouds.aws.seen("PUT")
    assert unquote(put.path.partition(f"/{clouds.settings.destination}/")[2]) == key


def _denied(status: int, code: str) -> Act:
    return answers(status, f"<Error><Code>{code}</Code><Message>said</Message></Error>".encode())


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (_denied(404, "NoSuchBucket"), "Cannot use S3 bucket 'to-"),
        (_denied(400, "ExpiredToken"), "AWS rejected the credentials"),
        (_denied(400, "InvalidStorageClass"), "Cannot use S3 bucket 'to-"),
    ],
    ids=["bucket", "keys", "storage class"],
)
def test_an_error_that_fails_all_objects_is_marked(clouds: Clouds, act: Act, words: str) -> None:
    source = clouds.put("object", b"hello")
    clouds.aws.on("PUT", "/object", act)

    result = clouds.copy(source)

    assert (result.outcome, result.configuration, result.transient) == (_FAILED, True, False)
    assert words in str(result.reason)


@pytest.mark.parametrize(
    ("act", "denied", "words"),
    [
        (_denied(403, "AccessDenied"), "s3:PutObject", "S3 denied s3:PutObject on bucket 'to-"),
        (_denied(400, "KMS.DisabledException"), "KMS.DisabledException", "S3 cannot use the KMS key"),
    ],
    ids=["permission", "KMS key"],
)
def test_a_permission_that_one_object_may_lack_is_named(clouds: Clouds, act: Act, denied: str, words: str) -> None:
    source = clouds.put("object", b"hello")
    clouds.aws.on("PUT", "/object", act)

    result = clouds.copy(source)

    assert (result.outcome, result.configuration, result.denied) == (_FAILED, False, denied)
    assert words in str(result.reason)


def test_an_object_that_s3_rejects_fails_alone(clouds: Clouds) -> None:
    source = clouds.put("object", b"hello")
    clouds.aws.on("PUT", "/object", _denied(400, "InvalidRequest"))

    result = clouds.copy(source)

    assert (result.outcome, result.configuration, result.transient) == (_FAILED, False, False)
    assert "InvalidRequest: said" in str(result.reason)


def test_an_unforeseen_exception_fails_one_object(clouds: Clouds, monkeypatch: pytest.MonkeyPatch) -> None:
    source = clouds.put("object", b"hello")
    task = clouds.task(source)
    with monkeypatch.context() as patched:
        patched.setattr(clouds.copier._s3, "put", lambda *_: 1 / 0)
        result = clouds.copier.copy(task)

    assert (result.outcome, result.reason) == (_FAILED, "unexpected ZeroDivisionError: division by zero")
    assert clouds.copier.copy(task).outcome is _COPIED


def test_a_cloud_without_responses_for_too_long_is_an_outage(clouds: Clouds) -> None:
    clouds.outage_limit = 0.3
    source = clouds.put("object", b"hello")
    clouds.aws.on("PUT", "/object", hang_up)

    result = clouds.copy(source)

    assert (result.outcome, result.transient) == (_FAILED, True)
    assert str(result.reason).startswith("S3 has not responded for 0 minutes: S3 did not respond: ")


def test_a_stop_ends_a_copy(clouds: Clouds) -> None:
    source = clouds.put("object", b"hello")
    task = clouds.task(source)
    clouds.google.on("GET", "alt=media", changes(lambda _: clouds.stop.set()))

    result = clouds.copier.copy(task)

    assert (result.outcome, result.transient, clouds.content("object")) == (_FAILED, True, None)


def test_no_object_fails_if_half_of_the_responses_are_503(clouds: Clouds) -> None:
    clouds.outage_limit = 600
    flip = iter(range(10_000))
    clouds.aws.when(lambda request: request.method == "PUT" and next(flip) % 2 == 0, answers(503, b""))
    clouds.google.when(lambda request: "alt=media" in request.path and next(flip) % 3 == 0, answers(503, b""))
    tasks = [Task(clouds.put(f"object-{number}", b"hello"), f"object-{number}", None) for number in range(20)]

    assert {clouds.copier.copy(task).outcome for task in tasks} == {_COPIED}
