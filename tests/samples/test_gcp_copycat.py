"""gcp_copycat between both clouds on loopback: what arrives, what is skipped, what fails and how that is said."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gcp_copycat
import pytest

from google_auth_botocore.emulator import Fault
from google_auth_botocore.emulator.sandbox import Sandbox

DEMO = Path(gcp_copycat.__file__).with_name("demo.py")


@pytest.fixture(name="running", scope="module")
def _running() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


class Clouds:
    """A bucket on each side, and the application between them."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.source, self.destination = f"source-{uuid.uuid4()}", f"destination-{uuid.uuid4()}"
        self.bucket = sandbox.storage_client().create_bucket(self.source)
        self.s3 = sandbox.s3_client()
        place = {"LocationConstraint": sandbox.imds.region}
        self.s3.create_bucket(Bucket=self.destination, CreateBucketConfiguration=place)

    def put(self, name: str, content: bytes, **properties: Any) -> None:
        blob = self.bucket.blob(name)
        for attribute, value in properties.items():
            setattr(blob, attribute, value)
        blob.upload_from_string(content, content_type=properties.get("content_type", "application/octet-stream"))

    def run(self, *arguments: str) -> int:
        return gcp_copycat.main(["--source", self.source, "--destination", self.destination, *arguments])

    def there(self) -> dict[str, bytes]:
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.destination)
        keys = [item["Key"] for page in pages for item in page.get("Contents", ())]
        return {key: self.s3.get_object(Bucket=self.destination, Key=key)["Body"].read() for key in keys}

    def corrupt(self, name: str) -> None:
        """Lets Cloud Storage promise another checksum than the content's."""
        found = self.sandbox.storage.resource(self.source, name)
        assert found is not None
        found["crc32c"] = "AAAAAA=="


@pytest.fixture(name="clouds")
def _clouds(running: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[Clouds]:
    variables = {
        **running.environment(),
        "GCP_COPYCAT_AUDIENCE": running.provider.audience,
        "GCP_COPYCAT_SERVICE_ACCOUNT": running.service_account,
        "GCP_COPYCAT_TOKEN_URL": running.google.token_url,
        "GCP_COPYCAT_IAM_CREDENTIALS_ENDPOINT": running.google.iam_credentials_endpoint,
        "GCP_COPYCAT_STORAGE_ENDPOINT": running.storage.url,
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    running.storage.downloads.clear()
    yield Clouds(running)
    running.google.clear_faults()


OBJECTS = {
    "plain.txt": b"hello",
    "empty": b"",
    "folder/": b"",
    "names/Übergröße – 日本語 😀.txt": b"unicode",
    "names/a b+c#d?e=f&g%20h'(i).txt": b"punctuation",
    "large.bin": bytes(range(256)) * (17 << 12),
}


def test_every_object_arrives_byte_for_byte(clouds: Clouds, capsys: pytest.CaptureFixture[str]) -> None:
    for name, content in OBJECTS.items():
        clouds.put(name, content)
    assert clouds.run() == 0
    assert clouds.there() == OBJECTS
    shown = capsys.readouterr()
    assert shown.out.splitlines()[:3] == [
        "  copied          6 objects    17.0MB",
        "  skipped         0 objects     0.00B",
        "  failed          0 objects     0.00B",
    ]
    assert shown.err == ""


def test_properties_arrive_too_and_gzip_stays_as_it_is_stored(clouds: Clouds) -> None:
    content = gzip.compress(b"GET / 200\n" * 100)
    clouds.put(
        "app.log",
        content,
        content_type="text/plain",
        content_encoding="gzip",
        cache_control="no-store",
        metadata={"origin": "K\N{LATIN SMALL LETTER O WITH DIAERESIS}ln"},
    )
    assert clouds.run() == 0
    assert clouds.there() == {"app.log": content}
    found = clouds.s3.head_object(Bucket=clouds.destination, Key="app.log")
    assert (found["ContentType"], found["ContentEncoding"], found["CacheControl"]) == ("text/plain", "gzip", "no-store")
    assert found["Metadata"] == {"origin": "=?utf-8?b?S8O2bG4=?="}


def test_only_what_has_the_prefix_is_copied_under_another_one(clouds: Clouds) -> None:
    for name in ("logs/a", "logs/b", "data/c"):
        clouds.put(name, name.encode())
    assert clouds.run("--prefix", "logs/", "--destination-prefix", "google/") == 0
    assert clouds.there() == {"google/a": b"logs/a", "google/b": b"logs/b"}


def test_objects_already_there_are_skipped_unread_and_changed_ones_copied_again(
    clouds: Clouds, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, content in OBJECTS.items():
        clouds.put(name, content)
    assert clouds.run() == 0
    clouds.put("plain.txt", b"jello")
    clouds.sandbox.storage.downloads.clear()
    capsys.readouterr()
    assert clouds.run() == 0
    assert clouds.sandbox.storage.downloads == ["plain.txt"]
    assert clouds.there() == {**OBJECTS, "plain.txt": b"jello"}
    assert capsys.readouterr().out.splitlines()[:2] == [
        "  copied          1 objects     5.00B",
        "  skipped         5 objects    17.0MB",
    ]


@pytest.mark.parametrize("size", [5, 17 << 20])
def test_content_that_does_not_match_its_checksum_never_becomes_an_object(
    clouds: Clouds, capsys: pytest.CaptureFixture[str], size: int
) -> None:
    clouds.put("bad", bytes(size))
    clouds.put("good", b"good")
    clouds.corrupt("bad")
    assert clouds.run() == 1
    assert clouds.there() == {"good": b"good"}
    assert clouds.s3.list_multipart_uploads(Bucket=clouds.destination).get("Uploads", []) == []
    shown = capsys.readouterr()
    assert "failed: bad: what was read has the CRC32C" in shown.err
    assert "and Cloud Storage says AAAAAA==" in shown.err
    assert "  failed          1 objects" in shown.out


def test_one_key_that_s3_does_not_take_does_not_stop_the_others(
    clouds: Clouds, capsys: pytest.CaptureFixture[str]
) -> None:
    clouds.put("a", b"a")
    clouds.put("b", b"b")
    assert clouds.run("--destination-prefix", "x" * 1024) == 1
    assert "failed: a: its key would have 1025 bytes, and S3 takes 1 to 1024" in capsys.readouterr().err
    clouds.put("z" * 10, b"z")
    assert clouds.run("--prefix", "", "--destination-prefix", "x" * 1023) == 1
    assert sorted(map(len, clouds.there())) == [1024, 1024]


def test_memory_holds_parts_and_never_an_object(clouds: Clouds) -> None:
    """The same process needs hardly more for 96 MiB than for a byte."""
    program = (
        "import resource, sys, gcp_copycat\n"
        "code = gcp_copycat.main(sys.argv[1:])\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)\n"
        "sys.exit(code)"
    )
    peaks = []
    for size in (1, 96 << 20):
        clouds.put("object", bytes(size))
        arguments = ["--source", clouds.source, "--destination", clouds.destination]
        done = subprocess.run(
            [sys.executable, "-c", program, *arguments],
            cwd=DEMO.parent,
            capture_output=True,
            text=True,
            check=True,
        )
        peaks.append(int(done.stdout.split()[-1]))
    assert peaks[1] - peaks[0] < 48 << 20


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("GCP_COPYCAT_AUDIENCE", "", "No identity is named: --audience or --config, or their GCP_COPYCAT_ variables."),
        ("GCP_COPYCAT_AUDIENCE", "aws/prod", "The audience 'aws/prod' names no workload identity pool provider."),
        ("GCP_COPYCAT_CONFIG", "none.json", "The configuration file 'none.json' can't be read as JSON"),
        ("GCP_COPYCAT_SERVICE_ACCOUNT", "nobody@my-project.iam.gserviceaccount.com", "or the account does not exist"),
    ],
)
def test_no_identity_is_one_line_and_exit_code_2(
    clouds: Clouds,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    value: str,
    said: str,
) -> None:
    clouds.put("a", b"a")
    monkeypatch.setenv(variable, value)
    assert clouds.run() == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("gcp_copycat: ")
    assert said in shown.err
    assert len(shown.err.splitlines()) == 1
    assert clouds.there() == {}


@pytest.mark.parametrize("side", ["source", "destination"])
def test_bucket_that_is_not_there_is_exit_code_2(clouds: Clouds, capsys: pytest.CaptureFixture[str], side: str) -> None:
    assert clouds.run(f"--{side}", "no-such-bucket") == 2
    assert "404" in capsys.readouterr().err


def test_a_security_token_service_that_stumbles_is_noticed_by_nobody(clouds: Clouds) -> None:
    clouds.put("a", b"a")
    clouds.sandbox.google.fail("/v1/token", Fault(status=503, times=2))
    assert clouds.run() == 0
    assert clouds.there() == {"a": b"a"}


def test_lambda_handler_takes_its_settings_from_the_event_and_says_what_it_did(clouds: Clouds) -> None:
    clouds.put("logs/a", b"abc")
    event = {"source": clouds.source, "destination": clouds.destination, "prefix": "logs/", "workers": 2}
    result = gcp_copycat.lambda_handler(event, None)
    assert json.loads(json.dumps(result)) == {
        "copied": {"objects": 1, "bytes": 3},
        "skipped": {"objects": 0, "bytes": 0},
        "failed": {"objects": 0, "bytes": 0},
    }
    clouds.put("logs/b", b"b")
    clouds.corrupt("logs/b")
    with pytest.raises(RuntimeError, match="1 objects were not copied: logs/b: what was read has the CRC32C"):
        gcp_copycat.lambda_handler(event, None)


def test_demo_ends_well() -> None:
    done = subprocess.run([sys.executable, str(DEMO)], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "FAILED" not in done.stdout
    assert "different             none" in done.stdout
