"""Both clouds on loopback, gcp_copycat as a process or a Lambda function, and the samples exactly as printed."""

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
from pages import markdown

import google_auth_botocore
from google_auth_botocore import cli
from google_auth_botocore.emulator.sandbox import Sandbox
from samples import addresses

SAMPLES = Path(__file__).parents[2] / "samples"
SAMPLE = SAMPLES / "gcp_copycat"
# On a Python version that they no longer support, Google's libraries print a warning on standard error.
QUIET = {"PYTHONWARNINGS": "ignore:You are using a:FutureWarning"}
sys.path.insert(0, str(SAMPLE))
_number = itertools.count()


@dataclasses.dataclass
class Copycat:
    """The application with its own source and destination bucket."""

    sandbox: Sandbox
    source: str
    destination: str
    home: Path

    @property
    def bucket(self) -> Any:
        """The source bucket, with write access."""
        return self.sandbox.storage_client().bucket(self.source)

    def put(self, name: str, content: bytes = b"content", **properties: Any) -> Any:
        """Create an object in the source."""
        blob = self.bucket.blob(name)
        for attribute, value in properties.items():
            setattr(blob, attribute, value)
        blob.upload_from_string(content, content_type=properties.get("content_type", "application/octet-stream"))
        return blob

    def put_with_wrong_checksum(self, name: str, content: bytes) -> None:
        """Create an object whose checksum does not match its content."""
        blob = self.put(name, content)
        other = self.put("other", b"other")
        blob.crc32c = other.crc32c
        blob.patch()
        other.delete()

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables of a process on the instance."""
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
        """Start the command as a process."""
        return subprocess.Popen(
            [sys.executable, str(SAMPLE / "gcp_copycat.py"), *arguments],
            env=self.environment | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, **environment: str) -> tuple[int, str, str]:
        """Run the command and all of the copy in this process; return the exit code, standard output and standard error.

        This is much faster for a small copy, because starting a process takes most of the time.
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
        """Run the command as a process, with its workers as further processes."""
        process = self.start(*arguments, **environment)
        try:
            out, err = process.communicate(timeout=120)
        finally:
            process.kill()
        return process.returncode, out, err

    def wait_for_an_object(self, process: subprocess.Popen[str]) -> None:
        """Wait until a running command has copied an object."""
        while not self.copied():
            assert process.poll() is None, process.communicate(timeout=60)
            time.sleep(0.05)

    def listed(self) -> list[str]:
        """Return the names of the objects in the destination."""
        pages = self.sandbox.s3_client().get_paginator("list_objects_v2").paginate(Bucket=self.destination)
        return [item["Key"] for page in pages for item in page.get("Contents", ())]

    def copied(self) -> dict[str, bytes]:
        """Return the objects in the destination: name to content."""
        return {key: self.get(key)["Body"].read() for key in self.listed()}

    def get(self, key: str) -> Any:
        """Return the reply to a request for an object in the destination."""
        return self.sandbox.s3_client().get_object(Bucket=self.destination, Key=key)

    def unfinished(self) -> list[str]:
        """Return the keys of uploads to the destination that were neither completed nor aborted."""
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
    """The module of the application, imported in this process as on Lambda."""
    import gcp_copycat
    from copycat.settings import google_credentials

    google_credentials.cache_clear()  # as in a new execution environment
    for name, value in copycat.environment.items():
        monkeypatch.setenv(name, value)
    assert os.environ["AWS_EC2_METADATA_DISABLED"] == "false"
    return gcp_copycat


def blocks(page: Path, language: str) -> list[str]:
    """Return the code blocks in one language on a page."""
    return [block.text for block in markdown.blocks(page, language)]


def commands(text: str) -> list[list[str]]:
    """Return the words of each command, split like a shell does."""
    lines = re.sub(r"\\\n", " ", text).splitlines()
    return [words for words in (shlex.split(line, comments=True) for line in lines) if words]


def stand_in(folder: Path, name: str, script: str) -> None:
    """Create a program that runs a shell script instead of the real one."""
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


@pytest.fixture(name="redirects")
def _redirects(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Redirects from Google's addresses to the sandbox in this process. A test can add more."""
    found = addresses.of_sandbox(sandbox)
    adapter = requests.adapters.HTTPAdapter
    monkeypatch.setattr(adapter, "send", addresses.redirected(adapter.send, found))
    return found


@pytest.fixture(name="configured")
def _configured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Create the configuration file and set GOOGLE_APPLICATION_CREDENTIALS, with the commands on the samples' page."""
    monkeypatch.chdir(tmp_path)
    [[_, *create], [_, *variables]] = commands(blocks(SAMPLES / "README.md", "sh")[0])
    assert cli.main(create) == 0
    for variable in variables:
        name, _, value = variable.partition("=")
        monkeypatch.setenv(name, value.replace("$PWD", str(tmp_path)))


@pytest.fixture(name="instance")
def _instance(
    sandbox: Sandbox, redirects: dict[str, str], configured: None, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Run this process on an instance. `my-bucket` has one object. Undo `install` at the end."""
    for name, value in sandbox.environment().items():
        monkeypatch.setenv(name, value)
    bucket = sandbox.storage_client().create_bucket("my-bucket")
    bucket.blob("object").upload_from_string(b"content")
    yield
    google_auth_botocore.uninstall()
    bucket.delete(force=True)


Run = Callable[..., str]


@pytest.fixture(name="run")
def _run(
    sandbox: Sandbox,
    redirects: dict[str, str],
    configured: None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    """Return a function that runs a sample on the instance, in this process, and returns what it prints."""
    for name, value in sandbox.environment().items():
        monkeypatch.setenv(name, value)

    def run(sample: str, *arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", [sample, *arguments])
        runpy.run_path(str(SAMPLES / sample), run_name="__main__")
        return capsys.readouterr().out

    return run


def grant(sandbox: Sandbox, role: str) -> None:
    """Grant the instance's role another role on the service account."""
    role_arn = sandbox.arn.rpartition("/")[0]
    sandbox.google.grant(sandbox.service_account, role, sandbox.provider.principal_set("aws_role", role_arn))
