"""gcp_copycat as a command on an EC2 instance and as a Lambda function, with both clouds emulated on loopback."""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import signal
import subprocess
import sys
from typing import Any

import pytest

from google_auth_botocore import ConfigurationError
from google_auth_botocore.emulator import Fault
from samples.conftest import SAMPLE, Copycat

_MIB = 1 << 20


def _outcomes(out: str) -> dict[str, int]:
    return {name: int(count) for name, count in re.findall(r"(copied|skipped|failed) +(\d+) objects", out)}


def _bytes(count: int) -> bytes:
    """Return bytes that are the same in each run and do not repeat."""
    return hashlib.shake_128(b"copycat").digest(count)


def test_objects_arrive_byte_for_byte(copycat: Copycat) -> None:
    """Empty objects, folder placeholders, unusual names, and an object of several parts."""
    contents = {
        "plain": b"plain",
        "empty": b"",
        "folder/": b"",
        "folder/a b+c#d?e=f&g%20h'(i).txt": b"punctuation",
        "Übergrößenträger/日本語 😀": b"unicode",
        "large": _bytes(20 * _MIB),
        "one part": _bytes(8 * _MIB),
        "one part and a byte": _bytes(8 * _MIB + 1),
    }
    for name, content in contents.items():
        copycat.put(name, content)

    code, out, err = copycat.run_as_process("--processes", "2")

    assert (code, err) == (0, "")
    assert {"copied": len(contents), "skipped": 0, "failed": 0} == _outcomes(out)
    assert contents == copycat.copied()
    assert copycat.unfinished() == []


def test_metadata_is_copied(copycat: Copycat) -> None:
    """Content type, encoding, cache control and user metadata. An object stored with gzip stays compressed."""
    packed = gzip.compress(b"text" * 1000)
    copycat.put(
        "page",
        packed,
        content_type="text/html; charset=utf-8",
        content_encoding="gzip",
        cache_control="max-age=60",
        metadata={"owner": "me", "Stadt Köln": "Köln"},
    )

    assert copycat.run()[0] == 0
    found = copycat.get("page")

    assert packed == found["Body"].read()
    assert (
        found["ContentType"],
        found["ContentEncoding"],
        found["CacheControl"],
    ) == ("text/html; charset=utf-8", "gzip", "max-age=60")
    users = {name: value for name, value in found["Metadata"].items() if not name.startswith("gcs-")}
    assert users == {"owner": "me", "_53tadt_20_4b_c3_b6ln": "=?utf-8?b?S8O2bG4=?="}


def test_a_prefix_selects_objects_and_can_be_replaced(copycat: Copycat) -> None:
    """Without a replacement, names are unchanged."""
    for name in ("in/1", "in/2", "out/1"):
        copycat.put(name)

    assert copycat.run("--prefix", "in/")[0] == 0
    assert {"in/1", "in/2"} == copycat.copied().keys()
    assert copycat.run("--prefix", "in/", "--destination-prefix", "copy/of/")[0] == 0
    assert {"in/1", "in/2", "copy/of/1", "copy/of/2"} == copycat.copied().keys()


def test_an_object_with_the_same_checksum_is_not_downloaded_again(copycat: Copycat) -> None:
    """A changed object is downloaded again, and so is one that another program has replaced."""
    copycat.put("same", b"same")
    copycat.put("in parts", _bytes(9 * _MIB))
    copycat.put("changed", b"before")
    copycat.put("overwritten", b"google's")
    assert copycat.run()[0] == 0
    copycat.put("changed", b"after!")
    copycat.sandbox.s3_client().put_object(Bucket=copycat.destination, Key="overwritten", Body=b"someone's")
    read = len(copycat.sandbox.storage.downloads)

    code, out, _ = copycat.run()

    assert (code, _outcomes(out)) == (0, {"copied": 2, "skipped": 2, "failed": 0})
    assert {"changed", "overwritten"} == set(copycat.sandbox.storage.downloads[read:])
    assert (copycat.copied()["changed"], copycat.copied()["overwritten"]) == (b"after!", b"google's")


@pytest.mark.parametrize("size", [10, 20 * _MIB], ids=["one request", "several parts"])
def test_damaged_content_is_not_left_in_s3(copycat: Copycat, size: int) -> None:
    """The other objects are copied, and the exit code and the last lines report the failure."""
    copycat.put_with_wrong_checksum("wrong", _bytes(size))
    copycat.put("right")

    code, out, err = copycat.run()

    assert (code, _outcomes(out)) == (1, {"copied": 1, "skipped": 0, "failed": 1})
    assert re.fullmatch(r"failed: wrong: the content read has CRC32C \S+, but Cloud Storage states \S+\n", err)
    assert copycat.copied() == {"right": b"content"}
    assert copycat.unfinished() == []


def test_a_failed_copy_keeps_the_previous_object(copycat: Copycat) -> None:
    """Damaged content never replaces an object."""
    copycat.put("object", b"good")
    assert copycat.run()[0] == 0
    copycat.put_with_wrong_checksum("object", b"bad!!")

    assert copycat.run()[0] == 1
    assert copycat.copied() == {"object": b"good"}


def test_a_name_that_s3_rejects_fails_alone(copycat: Copycat) -> None:
    """The limit is 1024 bytes, not characters, and an empty key is invalid."""
    longest = "ü" * 512
    copycat.put(longest)
    copycat.put(f"{longest}x")
    copycat.put("p")

    code, out, err = copycat.run("--destination-prefix", "")
    assert (code, _outcomes(out)) == (1, {"copied": 2, "skipped": 0, "failed": 1})
    assert "its key would have 1025 bytes; S3 accepts 1 to 1024" in err

    code, _, err = copycat.run("--prefix", "p", "--destination-prefix", "")
    assert (code, err) == (1, "failed: p: its key would have 0 bytes; S3 accepts 1 to 1024\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--source", ""], "No source bucket is configured. Set --source or GCP_COPYCAT_SOURCE."),
        (["--audience", ""], "No identity is configured"),
        (["--audience", "nonsense"], "nonsense"),
        (["--config", "missing.json"], "There is no configuration file 'missing.json'."),
        (["--service-account", "other@my-project.iam.gserviceaccount.com"], "other@my-project"),
        (["--source", "no-such-bucket"], "404"),
        (["--destination", "no-such-bucket"], "404"),
        (["--workers", "0"], "argument --workers: invalid"),
        (["--nonsense"], "unrecognized arguments: --nonsense"),
        (["--sourc", "x"], "unrecognized arguments: --sourc x"),
        (["--source"], "argument --source: expected one argument"),
        (["--source=-not-a-bucket-"], "'-not-a-bucket-'"),
        (["--destination", "not a bucket"], "not a bucket"),
        (["--storage-endpoint", "nonsense"], "--storage-endpoint is invalid"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_an_invalid_setup_exits_with_2_and_one_line(copycat: Copycat, arguments: list[str], message: str) -> None:
    """There is no traceback and no empty summary."""
    copycat.put("object")

    code, out, err = copycat.run(*arguments)

    assert (code, out) == (2, "")
    assert message in err
    assert (err.startswith("gcp_copycat: "), err.count("\n")) == (True, 1)
    assert copycat.copied() == {}


@pytest.mark.slow
def test_a_lost_identity_ends_the_run(copycat: Copycat) -> None:
    """The run reports what was copied until then. Without an identity, no other object can be copied."""
    for number in range(40):
        copycat.put(f"object-{number}")
    sandbox = copycat.sandbox
    sandbox.google.max_access_token_lifetime = 2
    sandbox.storage.latency = 0.2
    try:
        process = copycat.start("--workers", "1")
        copycat.wait_for_an_object(process)
        sandbox.google.fail("generateAccessToken", Fault(status=403, times=1000))
        out, err = process.communicate(timeout=60)
    finally:
        sandbox.google.clear_faults()
        sandbox.google.max_access_token_lifetime = 3600
        sandbox.storage.latency = 0

    assert process.returncode == 2
    assert err.splitlines()[-1].startswith("gcp_copycat: ")
    assert "Traceback" not in err
    assert 0 < _outcomes(out)["copied"] == len(copycat.copied()) < 40


@pytest.mark.parametrize(
    ("number", "processes"),
    [
        (signal.SIGTERM, "2"),
        pytest.param(signal.SIGTERM, "1", marks=pytest.mark.slow),
        pytest.param(signal.SIGINT, "2", marks=pytest.mark.slow),
        pytest.param(signal.SIGINT, "1", marks=pytest.mark.slow),
    ],
)
def test_an_interrupted_run_reports_its_progress_and_the_next_one_continues(
    copycat: Copycat, number: int, processes: str
) -> None:
    """No unfinished object or upload is left."""
    for index in range(30):
        copycat.put(f"object-{index}")
    copycat.sandbox.storage.latency = 0.2
    try:
        process = copycat.start("--workers", "2", "--processes", processes)
        copycat.wait_for_an_object(process)
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    finally:
        copycat.sandbox.storage.latency = 0

    there = len(copycat.copied())
    assert (process.returncode, err) == (
        128 + number,
        "gcp_copycat: interrupted; the next run skips what has been copied\n",
    )
    assert {"copied": there, "skipped": 0, "failed": 0} == _outcomes(out)
    assert {"copied": 30 - there, "skipped": there, "failed": 0} == _outcomes(copycat.run()[1])


@pytest.mark.slow
def test_a_large_object_is_never_in_memory_as_a_whole(copycat: Copycat) -> None:
    """An object of 96 MiB requires little more memory than one of a few bytes."""
    copycat.put("small/object", b"few")
    copycat.put("large/object", _bytes(96 * _MIB))

    def memory(prefix: str) -> int:
        """Return the peak memory in bytes."""
        process = subprocess.Popen(
            [sys.executable, str(SAMPLE / "gcp_copycat.py"), "--prefix", prefix],
            env=copycat.environment,
            stdout=subprocess.DEVNULL,
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0
        return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)

    assert memory("large/") - memory("small/") < 64 * _MIB
    assert copycat.get("large/object")["ContentLength"] == 96 * _MIB


@pytest.mark.slow
def test_tokens_are_refreshed_during_a_run(copycat: Copycat) -> None:
    """A run outlives several tokens, and no request is rejected because of that."""
    contents = {f"object-{number}": b"%d" % number for number in range(30)}
    for name, content in contents.items():
        copycat.put(name, content)
    sandbox = copycat.sandbox
    tokens, refused = len(sandbox.storage.tokens), sandbox.storage.refused
    sandbox.google.max_access_token_lifetime = 2
    sandbox.storage.latency = 0.2
    try:
        code, _, _ = copycat.run("--workers", "2")
    finally:
        sandbox.google.max_access_token_lifetime = 3600
        sandbox.storage.latency = 0

    assert code == 0
    assert contents == copycat.copied()
    assert len(sandbox.storage.tokens) - tokens >= 2
    assert refused == sandbox.storage.refused


def test_an_error_of_the_security_token_service_is_retried(copycat: Copycat) -> None:
    """The exchange is repeated."""
    copycat.put("object")
    copycat.sandbox.google.fail("/v1/token", Fault(status=503, times=2))

    assert copycat.run()[::2] == (0, "")
    assert copycat.copied() == {"object": b"content"}


def test_the_function_reads_settings_from_environment_and_event(copycat: Copycat, function: Any) -> None:
    """The function returns the counts."""
    copycat.put("in/object", b"content")
    copycat.put("out/object", b"content")

    expected = {
        "copied": {"objects": 1, "bytes": 7},
        "skipped": {"objects": 0, "bytes": 0},
        "failed": {"objects": 0, "bytes": 0},
    }
    assert expected == function.lambda_handler({"prefix": "in/"}, None)
    assert {"in/object"} == copycat.copied().keys()
    assert function.lambda_handler(None, None)["skipped"]["objects"] == 1


def test_the_function_parses_an_event_like_arguments(copycat: Copycat, function: Any) -> None:
    """A number can be text, and null means that the setting is missing."""
    copycat.put("object", b"content")

    event = {"workers": "4", "prefix": None, "destination_prefix": "--copy/", "version": "0"}

    assert function.lambda_handler(event, None)["copied"]["objects"] == 1
    assert {"--copy/object"} == copycat.copied().keys()


def test_the_function_runs_on_a_schedule(copycat: Copycat, function: Any) -> None:
    """Events of a schedule name AWS as their source, and can have settings in their detail."""
    copycat.put("in/object", b"content")
    event = {"detail-type": "Scheduled Event", "source": "aws.events", "detail": {}}

    assert function.lambda_handler(event, None)["copied"]["objects"] == 1
    detail = {"prefix": "none/", "allow_empty": True}
    assert function.lambda_handler({**event, "detail": detail}, None)["skipped"]["objects"] == 0


def test_a_flag_in_an_event_can_be_text(copycat: Copycat, function: Any) -> None:
    """Text that means no disables the flag."""
    copycat.put("object", b"content")

    values: list[object] = [True, "true", "1"]
    for value in values:
        assert function.lambda_handler({"dry_run": value}, None)["copied"]["objects"] == 1
        assert copycat.copied() == {}
    with pytest.raises(ConfigurationError, match="dry_run is 'perhaps'"):
        function.lambda_handler({"dry_run": "perhaps"}, None)
    values = ["false", "0", "", None, False]
    for value in values:
        function.lambda_handler({"dry_run": value}, None)
        assert copycat.copied() == {"object": b"content"}


@pytest.mark.parametrize("workers", [0, "0", "many", 1.5, True, 100_000], ids=repr)
def test_the_function_rejects_the_same_settings_as_the_command(
    copycat: Copycat, function: Any, monkeypatch: pytest.MonkeyPatch, workers: object
) -> None:
    """The exception names the setting, because Lambda shows only the exit code of a process that exits."""
    copycat.put("object")

    with pytest.raises(ConfigurationError, match=r"^argument --workers: invalid .* value: "):
        function.lambda_handler({"workers": workers}, None)
    monkeypatch.setenv("GCP_COPYCAT_WORKERS", str(workers))
    with pytest.raises(ConfigurationError, match=r"^argument --workers: invalid .* value: "):
        function.lambda_handler({}, None)
    assert copycat.copied() == {}


def test_the_function_raises_an_error_if_an_object_failed(copycat: Copycat, function: Any) -> None:
    """So that Lambda's retries and alarms work."""
    copycat.put_with_wrong_checksum("wrong", b"wrong")
    copycat.put("right")

    with pytest.raises(RuntimeError, match=r"1 object failed: wrong: the content read has CRC32C"):
        function.lambda_handler({}, None)
    assert {"right"} == copycat.copied().keys()
