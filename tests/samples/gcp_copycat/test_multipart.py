"""copycat.multipart: large objects, including interrupted, resumed and damaged uploads."""

from __future__ import annotations

import hashlib
import threading
from typing import Any

import pytest
from copycat import memory, multipart
from copycat.objects import Outcome, SourceObject
from hypothesis import given
from hypothesis import strategies as st
from variations import few

from samples.gcp_copycat.conftest import Clouds
from samples.gcp_copycat.proxy import Act, Reply, Request, answers, changes, flips_a_bit, hang_up, lost

_MIB = 1 << 20
_SIZE = 20 * _MIB + 7
_CONTENT = hashlib.shake_128(b"large").digest(_SIZE)
_COPIED, _SKIPPED, _FAILED = Outcome.COPIED, Outcome.SKIPPED, Outcome.FAILED


@given(st.integers(multipart.MAX_SINGLE_PUT + 1, 5 << 40))
def test_part_sizes_are_within_the_limits_of_s3(size: int) -> None:
    """At most 10,000 parts of 5 MiB to 5 GiB; only the last one can be smaller."""
    length, count = multipart.part_size(size), multipart.count(size)

    assert 1 <= count <= 10_000
    assert 5 * _MIB <= length <= 5 << 30
    assert (count - 1) * length < size <= count * length


@pytest.fixture(name="source")
def _source(clouds: Clouds) -> SourceObject:
    return clouds.put("large", _CONTENT, metadata={"k": "v"})


def _parts(clouds: Clouds) -> list[int]:
    """Return the numbers of the parts in the order in which they were sent."""
    return sorted(
        int(request.path.partition("partNumber=")[2][:1]) for request in clouds.aws.seen("PUT", "partNumber=")
    )


def test_a_large_object_is_copied_in_parts_once(clouds: Clouds, source: SourceObject) -> None:
    clouds.aws.clear()
    result = clouds.copy(source)

    assert (result.outcome, result.reason, result.sent, result.crc32c) == (_COPIED, None, _SIZE, source.crc32c)
    assert clouds.content("large") == _CONTENT
    assert clouds.head("large")["ChecksumCRC32C"] == source.crc32c
    assert clouds.head("large")["ChecksumType"] == "FULL_OBJECT"
    assert clouds.head("large")["Metadata"]["k"] == "v"
    assert _parts(clouds) == [1, 2, 3]
    [complete] = clouds.aws.seen("POST", "uploadId=")
    assert (complete.headers["If-None-Match"], complete.headers["x-amz-mp-object-size"]) == ("*", str(_SIZE))
    assert clouds.unfinished() == []
    assert clouds.copy(source).outcome is _SKIPPED
    assert _parts(clouds) == [1, 2, 3]


@pytest.mark.parametrize(
    "act",
    few(
        [lost, answers(200, b"<Error><Code>InternalError</Code></Error>"), answers(200, b""), answers(503), hang_up], 2
    ),
    ids=["lost", "200 with an error", "empty 200", "503", "hang up"],
)
def test_a_completion_without_a_confirmation_is_checked(clouds: Clouds, source: SourceObject, act: Act) -> None:
    clouds.aws.on("POST", "uploadId=", act, times=1)

    result = clouds.copy(source)

    assert (result.outcome, result.reason) == (_COPIED, None)
    assert clouds.content("large") == _CONTENT
    assert clouds.unfinished() == []


def test_an_unconfirmed_completion_fails_and_leaves_nothing(clouds: Clouds, source: SourceObject) -> None:
    clouds.aws.on("POST", "uploadId=", answers(200, b""))

    assert clouds.copy(source).outcome is _FAILED
    assert clouds.content("large") is None
    assert clouds.unfinished() == []


@pytest.mark.parametrize(
    "act", few([lost, answers(503), answers(200, b""), hang_up], 2), ids=["lost", "503", "empty 200", "hang up"]
)
def test_a_part_without_a_confirmation_is_sent_again(clouds: Clouds, source: SourceObject, act: Act) -> None:
    clouds.aws.on("PUT", "partNumber=2", act, times=2)

    assert clouds.copy(source).outcome is _COPIED
    assert clouds.content("large") == _CONTENT


def test_a_part_that_arrives_damaged_is_sent_again(clouds: Clouds, source: SourceObject) -> None:
    def damage(request: Request, forward: Any) -> Reply:
        reply: Reply = forward()
        reply.headers["x-amz-checksum-crc32c"] = "AAAAAA=="
        return reply

    clouds.aws.on("PUT", "partNumber=2", damage, times=1)

    assert clouds.copy(source).outcome is _COPIED
    assert _parts(clouds) == [1, 2, 2, 3]


def test_a_part_with_a_flipped_bit_is_found_and_replaced(clouds: Clouds, source: SourceObject) -> None:
    """All parts are read again, and only the one that differs is sent again."""
    clouds.google.when(
        lambda request: request.headers.get("Range") == f"bytes={8 * _MIB}-{16 * _MIB - 1}", _first(flips_a_bit)
    )

    assert clouds.copy(source).outcome is _COPIED
    assert clouds.content("large") == _CONTENT
    assert _parts(clouds) == [1, 2, 2, 3]


def _first(change: Any) -> Act:
    pending = [change]
    return changes(lambda reply: pending.pop()(reply) if pending else None)


def test_an_upload_of_content_that_is_always_damaged_is_aborted(clouds: Clouds, source: SourceObject) -> None:
    clouds.google.on("GET", "alt=media", changes(flips_a_bit))

    result = clouds.copy(source)

    assert result.outcome is _FAILED
    assert str(result.reason).startswith("the content read has CRC32C ")
    assert (clouds.content("large"), clouds.unfinished()) == (None, [])


def _cut_short(clouds: Clouds, source: SourceObject) -> None:
    """Stop a copy before part 3 is sent. S3 has the parts before it."""
    sent = threading.Semaphore(0)

    def count(request: Request, forward: Any) -> Reply:
        reply: Reply = forward()
        sent.release()
        return reply

    def stop(request: Request, forward: Any) -> Reply:
        assert sent.acquire(timeout=60)
        assert sent.acquire(timeout=60)
        clouds.stop.set()
        return Reply(503)

    clouds.aws.on("PUT", "partNumber=1", count)
    clouds.aws.on("PUT", "partNumber=2", count)
    clouds.aws.on("PUT", "partNumber=3", stop)
    result = clouds.copy(source)
    assert (result.outcome, result.transient) == (_FAILED, True)
    clouds.aws.clear()
    clouds.google.clear()
    clouds.close()
    clouds.stop.clear()


def test_an_interrupted_upload_is_resumed(clouds: Clouds, source: SourceObject) -> None:
    _cut_short(clouds, source)
    assert len(clouds.unfinished()) == 1

    result = clouds.copy(source)

    assert (result.outcome, result.sent) == (_COPIED, 4 * _MIB + 7)
    assert _parts(clouds) == [3]
    assert [r.headers.get("Range") for r in clouds.google.seen("GET", "alt=media")] == [
        f"bytes={16 * _MIB}-{_SIZE - 1}"
    ]
    assert clouds.content("large") == _CONTENT
    assert clouds.head("large")["Metadata"]["k"] == "v"
    assert clouds.unfinished() == []


def test_an_upload_of_older_content_is_aborted(clouds: Clouds, source: SourceObject) -> None:
    _cut_short(clouds, source)
    [old] = clouds.unfinished()
    content = _CONTENT[::-1]
    newer = clouds.put("large", content)
    clouds.aws.clear()

    assert clouds.copy(newer).outcome is _COPIED
    assert clouds.content("large") == content
    assert clouds.unfinished() == []
    assert len(clouds.aws.seen("DELETE", old)) == 1


def test_wrong_parts_of_a_resumed_upload_are_replaced(clouds: Clouds, source: SourceObject) -> None:
    """The parts are from another program, or damaged ones from an earlier run."""
    _cut_short(clouds, source)
    [upload] = clouds.unfinished()
    clouds.direct.upload_part(
        Bucket=clouds.settings.destination,
        Key="large",
        UploadId=upload,
        PartNumber=1,
        Body=bytes(8 * _MIB),
        ChecksumAlgorithm="CRC32C",
    )

    assert clouds.copy(source).outcome is _COPIED
    assert clouds.content("large") == _CONTENT


def test_an_upload_of_another_program_is_kept(clouds: Clouds, source: SourceObject) -> None:
    other = clouds.direct.create_multipart_upload(Bucket=clouds.settings.destination, Key="large")["UploadId"]
    longer = clouds.direct.create_multipart_upload(
        Bucket=clouds.settings.destination, Key="large-2", ChecksumAlgorithm="CRC32C", ChecksumType="FULL_OBJECT"
    )["UploadId"]

    assert clouds.copy(source).outcome is _COPIED
    assert set(clouds.unfinished()) == {other, longer}


def test_an_upload_that_another_run_has_aborted_is_restarted(clouds: Clouds, source: SourceObject) -> None:
    def abort(request: Request, forward: Any) -> Reply:
        for upload in clouds.unfinished():
            clouds.direct.abort_multipart_upload(Bucket=clouds.settings.destination, Key="large", UploadId=upload)
        return Reply(404, {}, b"<Error><Code>NoSuchUpload</Code></Error>")

    clouds.aws.on("PUT", "partNumber=2", abort, times=1)

    assert clouds.copy(source).outcome is _COPIED
    assert clouds.content("large") == _CONTENT
    assert clouds.unfinished() == []


def test_a_newer_object_written_by_another_run_is_kept(clouds: Clouds, source: SourceObject) -> None:
    content = _CONTENT[::-1]

    def overtake(request: Request, forward: Any) -> Reply:
        newer.append(clouds.put("large", content))
        entries = {"gcs-generation": str(newer[0].generation), "gcs-metageneration": "1", "gcs-size": str(_SIZE)}
        entries["gcs-crc32c"] = str(newer[0].crc32c)
        clouds.direct.put_object(
            Bucket=clouds.settings.destination, Key="large", Body=content, Metadata=entries, ChecksumAlgorithm="CRC32C"
        )
        reply: Reply = forward()
        return reply

    newer: list[SourceObject] = []
    clouds.aws.on("POST", "uploadId=", overtake, times=1)

    result = clouds.copy(source)

    assert (result.outcome, result.generation) == (_SKIPPED, newer[0].generation)
    assert clouds.content("large") == content
    assert clouds.unfinished() == []


def test_an_object_that_cannot_be_completed_leaves_no_upload(clouds: Clouds, source: SourceObject) -> None:
    clouds.aws.on("PUT", "partNumber=3", answers(403, b"<Error><Code>AccessDenied</Code></Error>"))

    result = clouds.copy(source)

    assert (result.outcome, result.denied) == (_FAILED, "s3:PutObject")
    assert clouds.unfinished() == []


@pytest.mark.slow
def test_the_parts_of_all_objects_share_the_memory(clouds: Clouds, monkeypatch: pytest.MonkeyPatch) -> None:
    """Copy four objects of three parts concurrently, with memory for two parts."""
    held, peak, lock = [0], [0], threading.Lock()

    class Watched(memory.MemoryBudget):
        def _note(self, size: int) -> None:
            with lock:
                held[0] += size
                peak[0] = max(peak[0], held[0])

        def borrow(self, size: int) -> Any:
            import contextlib

            @contextlib.contextmanager
            def watched() -> Any:
                with super(Watched, self).borrow(size) as room:
                    self._note(size)
                    try:
                        yield room
                    finally:
                        self._note(-size)

            return watched()

    monkeypatch.setattr("copycat.copying.MemoryBudget", Watched)
    clouds.set(memory=16 * _MIB)
    sources = [clouds.put(f"large-{number}", _CONTENT) for number in range(4)]
    results: list[Outcome] = []
    copier = clouds.copier
    tasks = [clouds.task(source) for source in sources]
    threads = [threading.Thread(target=lambda task=task: results.append(copier.copy(task).outcome)) for task in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)

    assert results == [_COPIED] * 4
    assert 8 * _MIB <= peak[0] <= 16 * _MIB
