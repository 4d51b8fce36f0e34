"""copycat.stale_uploads: after a complete run, no unfinished upload of an earlier one is left."""

from __future__ import annotations

import datetime as dt
import threading

import pytest
from copycat.objects import Outcome
from copycat.progress import Log
from copycat.run import run
from copycat.s3 import S3
from copycat.settings import Options
from copycat.stale_uploads import abort_uploads
from copycat.stopping import INCOMPLETE, SUCCESS, RunResult, StopCondition

from samples.gcp_copycat.conftest import Clouds
from samples.gcp_copycat.proxy import answers
from samples.gcp_copycat.s3_standin import S3Fault, S3Standin

_CONTENT = b"x" * (9 << 20)
_HOUR = dt.timedelta(hours=1)


def _uploads(clouds: Clouds, s3: S3Standin) -> list[str]:
    return sorted(upload.key for upload in s3.buckets[clouds.settings.destination].uploads.values())


def _run(clouds: Clouds) -> RunResult:
    return run(clouds.settings, Options(progress=False), StopCondition(), Log(Options()))


def test_a_complete_run_aborts_uploads_of_killed_runs(clouds: Clouds, s3: S3Standin) -> None:
    """Only uploads of objects that S3 has are aborted. Those of another program and of another job are kept."""
    clouds.put("large", _CONTENT)
    assert _run(clouds).code == SUCCESS
    bucket = S3(clouds.settings, clouds.stop, outage_limit=20)
    for key in ("large", "large", "job/of another"):
        bucket.create(key, {})
    s3.buckets[clouds.settings.destination].put("foreign", b"x", {}, 0)
    bucket._client.create_multipart_upload(Bucket=clouds.settings.destination, Key="foreign")

    ended = _run(clouds)

    assert (ended.code, ended.message, ended.summary.objects[Outcome.SKIPPED]) == (SUCCESS, None, 1)
    assert _uploads(clouds, s3) == ["foreign", "job/of another"]


def test_an_upload_whose_id_was_lost_is_aborted_at_the_end_of_the_run(clouds: Clouds, s3: S3Standin) -> None:
    clouds.put("large", _CONTENT)
    s3.fail("CreateMultipartUpload*", S3Fault(drop=True, takes_effect=True))

    assert _run(clouds).code == SUCCESS
    assert s3.count("CreateMultipartUpload") == 2
    assert s3.contents(clouds.settings.destination) == {"large": _CONTENT}
    assert _uploads(clouds, s3) == []


def test_after_a_failure_only_uploads_older_than_the_object_are_aborted(clouds: Clouds, s3: S3Standin) -> None:
    """A failed object may need its upload."""
    now = dt.datetime.now(dt.timezone.utc)
    stored = s3.buckets[clouds.settings.destination]
    bucket = S3(clouds.settings, clouds.stop, outage_limit=20)
    ours = {f"x-amz-meta-gcs-{name}": "1" for name in ("generation", "metageneration", "size", "crc32c")}
    stored.put("older", b"x", ours, (now - _HOUR).timestamp())
    for key in ("older", "newer", "of another program"):
        bucket.create(key, {})
    stored.put("newer", b"x", ours, (now + _HOUR).timestamp())
    stored.put("of another program", b"x", {}, (now + _HOUR).timestamp())

    assert list(abort_uploads(bucket, "", None)) == ["newer"]
    assert list(abort_uploads(bucket, "", now - _HOUR)) == []
    assert list(abort_uploads(bucket, "x", now + _HOUR)) == []
    assert list(abort_uploads(bucket, "", now + _HOUR)) == ["older"]


@pytest.mark.parametrize("operation", ["ListMultipartUploads", "AbortMultipartUpload"])
def test_without_the_permission_the_run_succeeds_with_a_warning(
    clouds: Clouds, s3: S3Standin, operation: str, capsys: pytest.CaptureFixture[str]
) -> None:
    clouds.put("object", b"content")
    assert _run(clouds).code == SUCCESS
    S3(clouds.settings, clouds.stop, outage_limit=20).create("object", {})
    s3.fail(operation + "*", S3Fault(403, times=None))

    assert _run(clouds).code == SUCCESS
    warning = capsys.readouterr().err
    assert warning.startswith("gcp_copycat: cannot abort unfinished uploads of earlier runs: S3 denied s3:")
    assert warning.count("\n") == 1


def test_a_failed_object_and_a_dry_run_keep_needed_uploads(clouds: Clouds, s3: S3Standin) -> None:
    clouds.put("large", _CONTENT)
    clouds.put("wrong", b"x")
    clouds.google.on("GET", "/o/wrong", answers(404))
    assert _run(clouds).code == INCOMPLETE
    S3(clouds.settings, clouds.stop, outage_limit=20).create("large", {})
    clouds.set(dry_run=True)
    _run(clouds)

    assert _uploads(clouds, s3) == ["large"]


def test_a_deadline_while_uploads_are_aborted_is_not_a_failure(clouds: Clouds, s3: S3Standin) -> None:
    clouds.put("object", b"content")
    release, now = threading.Event(), [0.0]

    def hold(described: str) -> None:
        if described.startswith("ListMultipartUploads"):
            now[0] = 1000.0
            release.wait(60)

    s3.on_request = hold
    try:
        stop_condition = StopCondition(100, clock=lambda: now[0])
        assert run(clouds.settings, Options(progress=False), stop_condition, Log(Options())).code == SUCCESS
    finally:
        release.set()
    assert now == [1000.0]
