"""Runs of gcp_copycat as a process: how they end, what they write, and how the next run continues."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from copycat import record_files
from variations import few

from samples.conftest import SAMPLE, Copycat
from samples.gcp_copycat.proxy import Forward, Proxy, Reply, Request, answers
from samples.gcp_copycat.s3_standin import S3Fault, S3Standin


@pytest.fixture(name="google")
def _google(copycat: Copycat) -> Iterator[Proxy]:
    """A proxy in front of Cloud Storage."""
    with Proxy(copycat.sandbox.storage.url) as proxy:
        yield proxy


def through(proxy: Proxy) -> dict[str, str]:
    return {"GCP_COPYCAT_STORAGE_ENDPOINT": proxy.url}


def lines(manifest: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in manifest.read_text().splitlines()]


def counted(out: str) -> dict[str, int]:
    found = [line.split() for line in out.splitlines() if " objects " in line]
    return {words[0]: int(words[1]) for words in found}


def fill(copycat: Copycat, count: int) -> dict[str, bytes]:
    contents = {f"object-{number:04}": b"%d" % number for number in range(count)}
    for name, content in contents.items():
        copycat.put(name, content)
    return contents


def position(copycat: Copycat, checkpoint: str) -> int:
    """Return the number of objects before the stored position, or 0 without one."""
    if not checkpoint.startswith("s3://"):
        return int(json.loads(Path(checkpoint).read_text())["objects"]) if Path(checkpoint).exists() else 0
    key = checkpoint.rpartition("/")[2]
    return int(json.loads(copycat.get(key)["Body"].read())["objects"]) if key in copycat.listed() else 0


def children(process: subprocess.Popen[str]) -> list[int]:
    """Return the worker processes: the children that run multiprocessing's main function."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((path / "stat").read_text().rpartition(")")[2].split()[1])
            command = (path / "cmdline").read_bytes()
        except OSError:
            continue
        if parent == process.pid and b"spawn_main" in command:
            found.append(int(path.name))
    return found


def test_the_manifest_agrees_with_summary_and_bucket(copycat: Copycat, tmp_path: Path) -> None:
    contents = fill(copycat, 5)
    copycat.put_with_wrong_checksum("wrong", b"wrong")
    manifest = tmp_path / "manifest.jsonl"

    code, out, _ = copycat.run("--manifest", str(manifest))

    found = {line["name"]: line for line in lines(manifest)}
    assert code == 1
    assert counted(out) == {"copied": 5, "skipped": 0, "failed": 1}
    assert Counter(line["outcome"] for line in found.values()) == {"copied": 5, "failed": 1}
    assert found["wrong"]["reason"].startswith("the content read has CRC32C")
    assert copycat.copied() == contents
    for name, content in contents.items():
        blob = copycat.bucket.get_blob(name)
        expected = (name, len(content), len(content), blob.generation, blob.crc32c, blob.md5_hash, None)
        line = found[name]
        assert (
            tuple(line[each] for each in ("key", "bytes", "sent", "generation", "crc32c", "md5", "reason")) == expected
        )
        assert f'"{line["etag"]}"' == copycat.get(name)["ETag"]
    assert copycat.run("--manifest", str(manifest))[0] == 1
    assert Counter(line["outcome"] for line in lines(manifest)) == {"skipped": 5, "failed": 1}


def test_each_run_can_write_a_new_manifest_in_s3(copycat: Copycat) -> None:
    copycat.put("object", b"content")
    folder = f"s3://{copycat.destination}/manifests/"
    assert copycat.run("--manifest", folder)[0] == 0
    assert copycat.run("--manifest", folder)[0] == 0
    keys = sorted(key for key in copycat.listed() if key.startswith("manifests/"))
    found = [json.loads(copycat.get(key)["Body"].read())["outcome"] for key in keys]
    assert sorted(found) == ["copied", "skipped"]


def test_an_unwritable_manifest_is_reported_before_anything_is_copied(copycat: Copycat, tmp_path: Path) -> None:
    copycat.put("object")
    code, out, err = copycat.run("--manifest", str(tmp_path / "no" / "folder"))
    assert (code, out) == (2, "")
    assert err.startswith("gcp_copycat: Cannot write the file ")
    assert copycat.run("--manifest", "s3://no-such-bucket-at-all/manifest")[0] == 2
    assert copycat.run("--checkpoint", "gs://wrong/cloud")[0] == 2
    assert copycat.listed() == []


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds the worker processes in /proc")
def test_workers_killed_at_random_moments_lose_nothing(copycat: Copycat, tmp_path: Path) -> None:
    """Workers are replaced, each object has one line in the manifest, and no upload is left."""
    contents = fill(copycat, 300)
    contents["large"] = random.Random(1).randbytes(20 << 20)
    copycat.put("large", contents["large"])
    copycat.sandbox.storage.latency = 0.1
    killed = 0
    try:
        process = copycat.start("--manifest", str(tmp_path / "m"), "--workers", "8", "--processes", "2")
        choice = random.Random(2)
        while process.poll() is None:
            workers = children(process)
            if workers and copycat.listed() and killed < 5:
                os.kill(choice.choice(workers), signal.SIGKILL)
                killed += 1
            time.sleep(choice.uniform(0.3, 0.8))
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
        copycat.sandbox.storage.latency = 0

    assert (process.returncode, err, killed) == (0, "", 5)
    assert copycat.copied() == contents
    found = Counter(line["name"] for line in lines(tmp_path / "m"))
    assert found == dict.fromkeys(contents, 1)
    assert sum(counted(out).values()) == len(contents)
    assert copycat.unfinished() == []


@pytest.mark.slow
@pytest.mark.parametrize("processes", ["1", "2"])
@pytest.mark.parametrize("how", ["silent", "503"])
def test_sigterm_ends_a_run_within_10_s_while_cloud_storage_does_not_answer(
    copycat: Copycat, google: Proxy, how: str, processes: str
) -> None:
    fill(copycat, 20)
    release, asked = threading.Event(), threading.Event()

    def silent(request: Request, forward: Forward) -> Reply | None:
        asked.set()
        if how == "503":
            return Reply(503)
        release.wait(60)
        return None

    google.on("GET", "alt=media", silent)
    process = copycat.start("--processes", processes, **through(google))
    try:
        assert asked.wait(30)
        start = time.monotonic()
        process.terminate()
        out, err = process.communicate(timeout=30)
        took = time.monotonic() - start
    finally:
        release.set()
        process.kill()

    assert (process.returncode, took < 10) == (143, True)
    assert err == "gcp_copycat: interrupted; the next run skips what has been copied\n"
    assert counted(out) == {"copied": 0, "skipped": 0, "failed": 0}


@pytest.mark.slow
def test_sigterm_ends_a_run_without_a_response_to_its_listing(copycat: Copycat, google: Proxy) -> None:
    release, asked = threading.Event(), threading.Event()

    def silent(request: Request, forward: Forward) -> None:
        asked.set()
        release.wait(60)

    google.on("GET", "/o?", silent)
    process = copycat.start(**through(google))
    try:
        assert asked.wait(30)
        start = time.monotonic()
        process.terminate()
        process.communicate(timeout=30)
        assert time.monotonic() - start < 10
        assert process.returncode == 143
    finally:
        release.set()
        process.kill()


@pytest.mark.slow
@pytest.mark.parametrize("where", ["file", "s3"])
def test_a_run_continues_where_the_deadline_ended_the_last_one(copycat: Copycat, tmp_path: Path, where: str) -> None:
    """Repeat until a run exits with 0. The manifest has each object once, and the summary of the last run agrees with it."""
    contents = fill(copycat, 400)
    if where == "file":
        manifest, checkpoint = str(tmp_path / "m"), str(tmp_path / "c")
    else:
        manifest, checkpoint = (f"s3://{copycat.destination}/zz-{name}" for name in ("manifest", "checkpoint"))
    copycat.sandbox.storage.latency = 0.15
    codes, positions = [], []
    try:
        for _ in range(12):
            code, out, _ = copycat.run(
                "--deadline", "8", "--manifest", manifest, "--checkpoint", checkpoint, "--workers", "8"
            )
            codes.append(code)
            if code != 75:
                break
            positions.append(position(copycat, checkpoint))
    finally:
        copycat.sandbox.storage.latency = 0

    assert codes == [75] * (len(codes) - 1) + [0]
    assert len(codes) > 1
    assert positions == sorted(positions)
    assert positions[-1] > 0
    assert {name: content for name, content in copycat.copied().items() if name in contents} == contents
    text = Path(manifest).read_text() if where == "file" else copycat.get("zz-manifest")["Body"].read().decode()
    assert sorted(json.loads(line)["name"] for line in text.splitlines()) == sorted(contents)
    assert sum(counted(out).values()) == len(contents)
    # A complete run removes the position, so that the next one compares everything.
    assert not Path(checkpoint).exists() if where == "file" else "zz-checkpoint" not in copycat.listed()


def test_a_checkpoint_that_does_not_apply_is_ignored(copycat: Copycat, tmp_path: Path) -> None:
    """A checkpoint of another job, a damaged one, and one whose manifest is missing."""
    contents = fill(copycat, 5)
    checkpoint, manifest = tmp_path / "c", tmp_path / "m"
    job = {"source": "another"}
    checkpoint.write_text(json.dumps({"version": 1, "job": job, "after": "object-0003", "objects": 4}))
    code, _, err = copycat.run("--checkpoint", str(checkpoint))
    assert (code, err) == (
        0,
        "gcp_copycat: The checkpoint belongs to another job. The run starts from the beginning.\n",
    )
    assert copycat.copied() == contents
    assert not checkpoint.exists()

    checkpoint.write_text("{")
    assert "was not written by gcp_copycat" in copycat.run("--checkpoint", str(checkpoint))[2]

    from copycat.arguments import parse
    from copycat.checkpoint import Checkpoint, Position
    from copycat.record_files import LocalFile

    settings, options = parse([], copycat.environment)
    Checkpoint(LocalFile(checkpoint), settings, options).save(Position("object-0003", 4))
    code, out, err = copycat.run("--checkpoint", str(checkpoint), "--manifest", str(manifest))
    assert (code, counted(out)["skipped"]) == (0, 5)
    assert "The manifest lacks objects before the checkpoint" in err
    assert len(lines(manifest)) == 5


@pytest.mark.slow
def test_two_concurrent_runs_leave_the_newer_version(copycat: Copycat) -> None:
    """Both succeed, whatever the other one has written."""
    contents = fill(copycat, 100)
    copycat.sandbox.storage.latency = 0.05
    try:
        first, second = copycat.start(), copycat.start()
        for process in (first, second):
            _, err = process.communicate(timeout=120)
            assert (process.returncode, err) == (0, "")
    finally:
        copycat.sandbox.storage.latency = 0
    assert copycat.copied() == contents


def test_objects_that_change_after_they_were_listed_are_copied_or_fail(
    copycat: Copycat, google: Proxy, tmp_path: Path
) -> None:
    """A replaced object is copied in its new version. A deleted object fails with a reason."""
    copycat.put("deleted", b"deleted")
    copycat.put("replaced", b"listed")
    copycat.put("stays", b"stays")
    done = threading.Lock()

    def change(request: Request, forward: Forward) -> Reply:
        reply = forward()
        if done.acquire(blocking=False):
            copycat.bucket.blob("deleted").delete()
            copycat.put("replaced", b"newer version")
        return reply

    google.on("GET", "/o?", change)
    code, _, err = copycat.run("--manifest", str(tmp_path / "m"), **through(google))
    assert copycat.copied()["stays"] == b"stays"
    found = {line["name"]: line["outcome"] for line in lines(tmp_path / "m")}
    assert code == 1
    assert err.startswith("failed: deleted: ")
    assert found["deleted"] == "failed"
    assert found["replaced"] == ("copied" if copycat.copied().get("replaced") == b"newer version" else "failed")


def test_a_prefix_that_matches_nothing_is_not_a_success(copycat: Copycat) -> None:
    copycat.put("object")
    code, _, err = copycat.run("--prefix", "typo/")
    assert code == 1
    assert err == (
        f"gcp_copycat: No object in gs://{copycat.source} begins with 'typo/'. If that is expected, use --allow-empty.\n"
    )
    assert copycat.run("--prefix", "typo/", "--allow-empty")[0] == 0
    assert copycat.run("--include", "typo*")[0] == 1
    assert copycat.run("--max-age", "1s", "--include", "object")[0] == 0


def test_a_dry_run_counts_and_copies_nothing(copycat: Copycat, tmp_path: Path) -> None:
    copycat.put("new", b"12345")
    copycat.put("same", b"same")
    copycat.put("same in parts", b"x" * (9 << 20))
    assert copycat.run("--include", "same*")[0] == 0
    read = len(copycat.sandbox.storage.downloads)
    code, out, _ = copycat.run("--dry-run", "--manifest", str(tmp_path / "m"), "--checkpoint", str(tmp_path / "c"))
    assert code == 0
    assert "to copy         1 objects        5 B" in out
    assert "to skip         2 objects    9.0 MiB" in out
    assert all(line["dry_run"] for line in lines(tmp_path / "m"))
    assert len(copycat.sandbox.storage.downloads) == read
    assert "new" not in copycat.listed()


def test_patterns_and_urls_select_objects(copycat: Copycat) -> None:
    for name in ("logs/a.gz", "logs/b.txt", "logs/tmp/c.gz", "other/d.gz"):
        copycat.put(name)
    arguments = ["--source", f"gs://{copycat.source}/logs/", "--destination", f"s3://{copycat.destination}/there/"]
    assert copycat.run(*arguments, "--include", "*.gz", "--exclude", "*/tmp/*")[0] == 0
    assert copycat.listed() == ["there/a.gz"]
    assert copycat.run(GCP_COPYCAT_INCLUDE="*.txt,*/d.*")[0] == 0
    assert copycat.listed() == ["logs/b.txt", "other/d.gz", "there/a.gz"]


def test_an_empty_variable_is_an_empty_value(copycat: Copycat) -> None:
    copycat.put("in/object")
    assert copycat.run("--prefix", "in/", GCP_COPYCAT_DESTINATION_PREFIX="")[0] == 0
    assert copycat.listed() == ["object"]
    assert copycat.run(GCP_COPYCAT_WORKERS="")[0] == 2
    assert copycat.run(GCP_COPYCAT_SOURCE="")[0] == 2
    assert copycat.run(GCP_COPYCAT_DRY_RUN="", GCP_COPYCAT_SERVICE_ACCOUNT="", GCP_COPYCAT_PREFIX="")[0] in {0, 2}


def test_control_characters_in_names_do_not_reach_the_terminal(copycat: Copycat, google: Proxy, tmp_path: Path) -> None:
    name = "evil\x1b[2J\r\nfailed: fake: \u202e"
    copycat.put(name)
    google.on("GET", "alt=media", answers(404))
    code, _, err = copycat.run("--manifest", str(tmp_path / "m"), **through(google))
    assert code == 1
    assert err.startswith("failed: evil\\x1b[2J\\r\\nfailed: fake: \\u202e: ")
    assert err.count("\n") == 1
    assert lines(tmp_path / "m")[0]["name"] == name


def test_the_json_log_has_a_line_for_each_object(copycat: Copycat) -> None:
    copycat.put("object", b"content")
    code, out, err = copycat.run("--log-format", "json", "--log-level", "debug")
    [line] = [json.loads(line) for line in err.splitlines()]
    assert (line["level"], line["event"], line["name"], line["bytes"]) == ("DEBUG", "copied", "object", 7)
    summary = json.loads(out)
    assert (summary["event"], summary["copied"]["objects"], summary["exit_code"]) == ("summary", 1, code)


@pytest.mark.slow
def test_every_failed_object_is_named(copycat: Copycat, google: Proxy) -> None:
    contents = fill(copycat, 105)
    google.on("GET", "alt=media", answers(404))
    code, out, err = copycat.run(**through(google))
    assert (code, counted(out)["failed"]) == (1, 105)
    assert {line.split(": ")[1] for line in err.splitlines()} == set(contents)


@pytest.mark.parametrize("form", few(["zip", "copy"]))
def test_it_runs_from_any_folder_or_zip(copycat: Copycat, tmp_path: Path, form: str) -> None:
    """The program is a copy of the folder, or a zip file on the module path, as on Lambda."""
    copycat.put("object")
    if form == "copy":
        shutil.copytree(SAMPLE, tmp_path / "elsewhere")
        command = [sys.executable, str(tmp_path / "elsewhere" / "gcp_copycat.py"), "--workers", "4", "--processes", "2"]
        environment = {}
    else:
        with zipfile.ZipFile(tmp_path / "it.zip", "w") as archive:
            for path in [SAMPLE / "gcp_copycat.py", *(SAMPLE / "copycat").glob("*.py")]:
                archive.write(path, path.relative_to(SAMPLE))
        environment = {"PYTHONPATH": str(tmp_path / "it.zip")}
        command = [sys.executable, "-c", "import gcp_copycat; print(gcp_copycat.handler({}, None))"]
    done = subprocess.run(
        command, env=copycat.environment | environment, cwd="/", capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert copycat.listed() == ["object"]


class Context:
    """Lambda's context, with little time left."""

    def __init__(self, milliseconds: int) -> None:
        self._end = time.monotonic() + milliseconds / 1000

    def get_remaining_time_in_millis(self) -> int:
        return int((self._end - time.monotonic()) * 1000)


def invoked(function: Any, context: Context) -> str | None:
    """Return the message of the function's error, or None if it succeeds."""
    try:
        function.handler({}, context)
    except RuntimeError as error:
        return str(error)
    return None


@pytest.mark.slow
def test_the_function_ends_before_its_timeout_and_continues_when_invoked_again(
    copycat: Copycat, function: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lambda has no semaphores. Credentials are created once."""

    def missing(*_: object) -> None:
        raise OSError("no /dev/shm")

    monkeypatch.setattr("_multiprocessing.SemLock", missing)
    contents = fill(copycat, 150)
    monkeypatch.setenv("GCP_COPYCAT_CHECKPOINT", f"s3://{copycat.destination}/zz-checkpoint")
    monkeypatch.setenv("GCP_COPYCAT_WORKERS", "4")
    exchanges = copycat.sandbox.google.count("/v1/token")
    copycat.sandbox.storage.latency = 0.1
    calls = 0
    try:
        while True:
            calls += 1
            context = Context(3000)
            error = invoked(function, context)
            assert context.get_remaining_time_in_millis() > 0
            if error is None:
                break
            assert "the deadline was reached" in error
            assert calls < 12
    finally:
        copycat.sandbox.storage.latency = 0
    assert calls > 1
    assert copycat.copied() == contents
    assert copycat.sandbox.google.count("/v1/token") - exchanges == 1


@pytest.mark.parametrize("closed", few(["<&- >&- 2>&-", ">/dev/full", "2>&-", ">&-", "2>/dev/full"], 2))
def test_unwritable_output_does_not_affect_the_copy(copycat: Copycat, closed: str) -> None:
    """All objects are copied, and the exit code is the same."""
    copycat.put("right", b"right")
    copycat.put_with_wrong_checksum("wrong", b"wrong")
    command = f'"{sys.executable}" "{SAMPLE / "gcp_copycat.py"}" --log-level debug --processes 1 {closed}'

    ended = subprocess.run(
        ["sh", "-c", command], env=copycat.environment, capture_output=True, text=True, timeout=60, check=False
    )

    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    assert copycat.copied() == {"right": b"right"}


@pytest.mark.parametrize("record", few(["--checkpoint", "--manifest"]))
def test_sigterm_ends_a_run_without_a_response_for_its_records(copycat: Copycat, record: str) -> None:
    """S3 accepts the connection and does not respond."""
    copycat.put("object", b"content")
    asked, release = threading.Event(), threading.Event()

    def silent(request: Request, forward: Forward) -> None:
        asked.set()
        release.wait(60)

    with Proxy(copycat.sandbox.aws.url) as aws:
        aws.when(lambda request: True, silent)
        process = copycat.start(record, "s3://state/record", AWS_ENDPOINT_URL_S3=aws.url)
        assert asked.wait(30)
        process.terminate()
        start = time.monotonic()
        process.communicate(timeout=60)
        release.set()

    assert process.returncode == 143
    assert time.monotonic() - start < 10


@pytest.mark.slow
def test_an_outage_does_not_lose_a_checkpoint_in_s3(copycat: Copycat, monkeypatch: pytest.MonkeyPatch) -> None:
    """There are more errors in a row than botocore retries."""
    monkeypatch.setattr(record_files, "_DELAY", 0.01)
    for name, value in copycat.environment.items():
        monkeypatch.setenv(name, value)
    with Proxy(copycat.sandbox.aws.url) as aws:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", aws.url)
        aws.on("PUT", "record", answers(503), times=6)
        target = record_files.record_file(f"s3://{copycat.destination}/record")
        target.write(b"content")
        assert b"".join(target.read()) == b"content"
        assert len(aws.seen("PUT", "record")) == 7


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        pytest.param(200, b"garbage", 75, marks=pytest.mark.slow),
        (200, b'{"items": [{"name": "a"}]}', 75),
        (400, b"Invalid bucket name", 2),
    ],
)
def test_an_invalid_listing_ends_the_run(
    copycat: Copycat, google: Proxy, status: int, body: bytes, expected: int
) -> None:
    google.when(lambda request: True, answers(status, body))
    code, _, err = copycat.run(**through(google))
    assert code == expected
    assert "unexpected" not in err


def test_uploads_left_behind_by_killed_runs_are_aborted(copycat: Copycat) -> None:
    """This includes uploads of an object that is now small."""
    kind = {"x-amz-checksum-algorithm": "CRC32C", "x-amz-checksum-type": "FULL_OBJECT"}
    copycat.put("object", b"small by now")
    with S3Standin() as standin:
        standin.checks_signatures = False
        standin.create_bucket(copycat.destination)
        standin.buckets[copycat.destination].create_upload("object", kind, time.time() - 60)
        assert copycat.run("--dry-run", **standin.environment())[0] == 0
        assert standin.buckets[copycat.destination].uploads
        assert copycat.run(**standin.environment())[::2] == (0, "")
        assert not standin.buckets[copycat.destination].uploads


def test_a_lost_response_to_a_creation_leaves_no_upload(copycat: Copycat) -> None:
    """The request is repeated, which creates another upload."""
    copycat.put("large", bytes(9 << 20))
    with S3Standin() as standin:
        standin.checks_signatures = False
        standin.create_bucket(copycat.destination)
        standin.fail("CreateMultipartUpload*", S3Fault(drop=True, takes_effect=True, times=2))
        assert copycat.run(**standin.environment())[0] == 0
        assert standin.count("CreateMultipartUpload") == 3
        assert standin.contents(copycat.destination) == {"large": bytes(9 << 20)}
        assert not standin.buckets[copycat.destination].uploads
