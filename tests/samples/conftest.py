"""Both clouds on loopback: gcp_copycat as a process on an instance, or as a function, and the samples as they are printed."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import itertools
import os
import re
import runpy
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import requests

from google_auth_botocore import cli
from google_auth_botocore.emulator.sandbox import Sandbox
from samples import addresses

SAMPLES = Path(__file__).parents[2] / "samples"
SAMPLE = SAMPLES / "gcp_copycat"
# Google's libraries tell a Python that they no longer support so, on standard error.
QUIET = {"PYTHONWARNINGS": "ignore:You are using a:FutureWarning"}
sys.path.insert(0, str(SAMPLE))
_number = itertools.count()


@dataclasses.dataclass
class Copycat:
    """The application, with a bucket of its own on each side."""

    sandbox: Sandbox
    source: str
    destination: str
    home: Path

    @property
    def bucket(self) -> Any:
        """The source, as whoever fills it has it."""
        return self.sandbox.storage_client().bucket(self.source)

    def put(self, name: str, content: bytes = b"content", **properties: Any) -> Any:
        """Makes an object in the source."""
        blob = self.bucket.blob(name)
        for attribute, value in properties.items():
            setattr(blob, attribute, value)
        blob.upload_from_string(content, content_type=properties.get("content_type", "application/octet-stream"))
        return blob

    def put_with_wrong_checksum(self, name: str, content: bytes) -> None:
        """Makes an object whose bytes are not those that its checksum was made from."""
        blob = self.put(name, content)
        other = self.put("other", b"other")
        blob.crc32c = other.crc32c
        blob.patch()
        other.delete()

    @property
    def environment(self) -> dict[str, str]:
        """All of it, for a process on the instance."""
        return {
            **self.sandbox.environment(),
            **QUIET,
            "HOME": str(self.home),
            "GCP_COPYCAT_SOURCE": self.source,
            "GCP_COPYCAT_DESTINATION": self.destination,
            "GCP_COPYCAT_AUDIENCE": self.sandbox.provider.audience,
            "GCP_COPYCAT_SERVICE_ACCOUNT": self.sandbox.service_account,
            "GCP_COPYCAT_TOKEN_URL": self.sandbox.google.token_url,
            "GCP_COPYCAT_IAM_CREDENTIALS_ENDPOINT": self.sandbox.google.iam_credentials_endpoint,
            "GCP_COPYCAT_STORAGE_ENDPOINT": self.sandbox.storage.url,
        }

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """Starts the command."""
        return subprocess.Popen(
            [sys.executable, str(SAMPLE / "gcp_copycat.py"), *arguments],
            env=self.environment | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, **environment: str) -> tuple[int, str, str]:
        """Runs the command in this process, and all of the copy: exit code, what it shows, and on standard error.

        Starting a process takes most of the time of a small copy.
        """
        import gcp_copycat
        from copycat.settings import google_credentials

        google_credentials.cache_clear()
        out, err = io.StringIO(), io.StringIO()
        with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            patch.setattr(boto3, "DEFAULT_SESSION", None)
            for name, value in (self.environment | {"GCP_COPYCAT_PROCESSES": "1"} | environment).items():
                patch.setenv(name, value)
            code = gcp_copycat.main(arguments)
        return code, out.getvalue(), err.getvalue()

    def run_as_process(self, *arguments: str, **environment: str) -> tuple[int, str, str]:
        """Runs the command as a process, and its workers as others."""
        process = self.start(*arguments, **environment)
        try:
            out, err = process.communicate(timeout=120)
        finally:
            process.kill()
        return process.returncode, out, err

    def wait_for_an_object(self, process: subprocess.Popen[str]) -> None:
        """Returns when a command that runs has copied one."""
        while not self.copied():
            assert process.poll() is None, process.communicate(timeout=60)
            time.sleep(0.05)

    def listed(self) -> list[str]:
        """The names of the objects in the destination."""
        pages = self.sandbox.s3_client().get_paginator("list_objects_v2").paginate(Bucket=self.destination)
        return [item["Key"] for page in pages for item in page.get("Contents", ())]

    def copied(self) -> dict[str, bytes]:
        """The objects in the destination."""
        return {key: self.get(key)["Body"].read() for key in self.listed()}

    def get(self, key: str) -> Any:
        """An object in the destination."""
        return self.sandbox.s3_client().get_object(Bucket=self.destination, Key=key)

    def unfinished(self) -> list[str]:
        """The keys of uploads in the destination that were neither completed nor aborted."""
        listed = self.sandbox.s3_client().list_multipart_uploads(Bucket=self.destination)
        return [upload["Key"] for upload in listed.get("Uploads", ())]


@pytest.fixture(scope="module", name="sandbox")
def _sandbox() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture(name="copycat")
def _copycat(sandbox: Sandbox, tmp_path: Path) -> Copycat:
    number = next(_number)
    copycat = Copycat(sandbox, f"source-{number}", f"destination-{number}", tmp_path / "home")
    sandbox.storage_client().create_bucket(copycat.source)
    place = {"LocationConstraint": sandbox.imds.region}
    sandbox.s3_client().create_bucket(Bucket=copycat.destination, CreateBucketConfiguration=place)
    return copycat


@pytest.fixture(name="function")
def _function(copycat: Copycat, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The application in this process, as Lambda has it: its module."""
    import gcp_copycat
    from copycat.settings import google_credentials

    google_credentials.cache_clear()  # as in an environment of its own
    for name, value in copycat.environment.items():
        monkeypatch.setenv(name, value)
    assert os.environ["AWS_EC2_METADATA_DISABLED"] == "false"
    return gcp_copycat


def blocks(page: Path, language: str) -> list[str]:
    """The code of one language on a page."""
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def commands(text: str) -> list[list[str]]:
    """The words of each command, as a shell splits them."""
    lines = re.sub(r"\\\n", " ", text).splitlines()
    return [words for words in (shlex.split(line, comments=True) for line in lines) if words]


@pytest.fixture(name="led")
def _led(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Google's own addresses lead to the sandbox, in this process; more may be added."""
    found = addresses.of(sandbox)
    adapter = requests.adapters.HTTPAdapter
    monkeypatch.setattr(adapter, "send", addresses.led(adapter.send, found))
    return found


@pytest.fixture(name="told")
def _told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The samples are told who they are as their page says."""
    monkeypatch.chdir(tmp_path)
    [[_, *create], [_, *variables]] = commands(blocks(SAMPLES / "README.md", "sh")[0])
    assert cli.main(create) == 0
    for variable in variables:
        name, _, value = variable.partition("=")
        monkeypatch.setenv(name, value.replace("$PWD", str(tmp_path)))


Run = Callable[..., str]


@pytest.fixture(name="run")
def _run(
    sandbox: Sandbox,
    led: dict[str, str],
    told: None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    """Runs a sample on the instance as a command is run, in this process; gives what it prints."""
    for name, value in sandbox.environment().items():
        monkeypatch.setenv(name, value)

    def run(sample: str, *arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", [sample, *arguments])
        runpy.run_path(str(SAMPLES / sample), run_name="__main__")
        return capsys.readouterr().out

    return run


def grant(sandbox: Sandbox, role: str) -> None:
    """Lets the instance's role do more with the service account."""
    role_arn = sandbox.arn.rpartition("/")[0]
    sandbox.google.grant(sandbox.service_account, role, sandbox.provider.principal_set("aws_role", role_arn))
