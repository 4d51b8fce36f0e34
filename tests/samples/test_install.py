"""The page samples/install: its code runs as printed, in a directory with the configuration file."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import google.auth
import pytest
from google.cloud import storage

import google_auth_botocore
from google_auth_botocore.emulator.sandbox import Sandbox
from samples import addresses
from samples.conftest import QUIET, SAMPLES, blocks

PAGE = SAMPLES / "install" / "README.md"
pytestmark = pytest.mark.usefixtures("instance")
CODE = {each.splitlines()[0].removeprefix("# "): each for each in blocks(PAGE, "python")}


def run(title: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(compile(CODE[title], f"{PAGE} ({title})", "exec"), names)
    return names


def test_lambda(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second invocation in the same execution environment uses the token of the first."""
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS")
    function = run("lambda_function.py")
    before = sandbox.google.count(":generateAccessToken")
    assert [function["lambda_handler"]({"bucket": "my-bucket"}, None) for _ in range(2)] == [["object"]] * 2
    assert sandbox.google.count(":generateAccessToken") <= before + 1
    assert sandbox.storage.principals[-1] == sandbox.service_account


def test_notebook(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    run("SageMaker, EMR and Jupyter")
    assert [blob.name for blob in storage.Client().list_blobs("my-bucket")] == ["object"]


def test_block_for_one_client(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The profile is not used for clients that are created after the block."""
    (tmp_path / "config").write_text(
        "[profile analytics]\nregion = eu-west-1\ncredential_source = Ec2InstanceMetadata\n"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    client = run("one client with another AWS profile")["client"]
    assert "profile='analytics'" in repr(client._credentials)
    assert not isinstance(google.auth.aws.Credentials.from_info(client._credentials.info), type(client._credentials))


def test_every_program_of_an_environment(sandbox: Sandbox, redirects: dict[str, str], tmp_path: Path) -> None:
    """The command writes the file; here, into a virtual environment that sees the packages of this one."""
    place = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(place)], check=True, timeout=120)
    [command] = blocks(PAGE, "sh")
    environment = {**os.environ, **QUIET, **addresses.redirect_children(redirects, tmp_path)}
    path = [
        str(Path(google_auth_botocore.__file__).parents[1]),
        *(each for each in sys.path if "site-packages" in each),
    ]
    environment["PATH"] = f"{place / 'bin'}{os.pathsep}{environment['PATH']}"
    environment["PYTHONPATH"] = os.pathsep.join(path)
    subprocess.run(["sh", "-c", command], check=True, env=environment, timeout=120)
    program = "import google.auth; print(type(google.auth.default()[0]).__module__)"
    done = subprocess.run(
        [place / "bin" / "python", "-c", program],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (done.returncode, done.stdout) == (0, "google_auth_botocore.credentials\n"), done.stderr
