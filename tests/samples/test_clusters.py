"""The pages about EMR and Glue. Dask, Ray and Spark run in tests/consumers/samples."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.backends import get_backend

import google_auth_botocore
from google_auth_botocore.emulator.sandbox import Sandbox
from samples.conftest import SAMPLES, blocks, stand_in
from samples.deploy.aws_commands import request
from samples.deploy.conftest import printed

FOLDER = SAMPLES / "clusters"
KEYS = {"aws_access_key_id": "x", "aws_secret_access_key": "x", "region_name": "eu-central-1"}


@pytest.mark.usefixtures("instance")
def test_glue(sandbox: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    """The working directory has the configuration file, as on Glue."""
    [code] = [each for each in blocks(FOLDER / "glue.md", "python") if each.startswith("# job.py\n")]
    exec(compile(code.replace("my-gcs-bucket", "my-bucket"), "job.py", "exec"), {})
    assert capsys.readouterr().out == "1\n"
    assert sandbox.storage.principals[-1] == sandbox.service_account


def test_glue_accepts_the_commands() -> None:
    """Checked with botocore's model. The job gets the files that the page uploads."""
    page = FOLDER / "glue.md"
    create, start = (request(words, FOLDER) for words in printed(page, "aws") if words[1] == "glue")
    assert create[1:2] + start[1:2] == ("CreateJob", "StartJobRun")
    assert start[2]["JobName"] == create[2]["Name"]
    uploaded = {words[-1] for words in printed(page, "aws") if words[1] == "s3"}
    assert uploaded == {"s3://my-bucket/glue/"}
    arguments = create[2]["DefaultArguments"]
    wheel, library = arguments["--additional-python-modules"].split(",")
    version = google_auth_botocore.__version__
    assert wheel == f"s3://my-bucket/glue/google_auth_botocore-{version}-py3-none-any.whl"
    assert library == "google-cloud-storage"


def test_emr_has_the_settings_of_spark() -> None:
    """One file in each format."""
    spark, shell = json.loads((FOLDER / "emr-configurations.json").read_text())
    lines = (SAMPLES / "serve" / "spark-defaults.conf").read_text().splitlines()
    assert spark["Properties"] == dict(line.split(maxsplit=1) for line in lines if not line.startswith("#"))
    [export] = shell["Configurations"]
    assert export["Properties"] == {"GCE_METADATA_HOST": spark["Properties"]["spark.executorEnv.GCE_METADATA_HOST"]}


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("aws") is None, reason="aws is not installed")
def test_the_real_cli_creates_the_cluster(sandbox: Sandbox, tmp_path: Path) -> None:
    """With moto. The bootstrap action gets the folder to which the page uploads the files of the script."""
    [words] = [words for words in printed(FOLDER / "emr.md", "aws") if words[1] == "emr"]
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_ENDPOINT_URL": sandbox.aws.url,
    }
    try:
        done = subprocess.run(
            words, cwd=FOLDER, env=environment, capture_output=True, text=True, check=False, timeout=120
        )
        assert done.returncode == 0, done.stderr
        emr: Any = boto3.client("emr", endpoint_url=sandbox.aws.url, **KEYS)
        cluster = json.loads(done.stdout)["ClusterId"]
        [action] = emr.list_bootstrap_actions(ClusterId=cluster)["BootstrapActions"]
        described = emr.describe_cluster(ClusterId=cluster)["Cluster"]
    finally:
        backends: Any = get_backend("emr")
        backends.reset()
    copied = [each for each in printed(FOLDER / "emr.md", "aws") if each[1] == "s3"]
    assert action["ScriptPath"] in {each[-1] for each in copied}
    assert action["Args"] == [copied[0][-1]]
    assert [each["Classification"] for each in described["Configurations"]] == ["spark-defaults", "spark-env"]


def test_the_bootstrap_action_installs_the_files_that_the_page_uploads(tmp_path: Path) -> None:
    """aws, sudo and curl are programs that write down their arguments. aws also creates the files."""
    record, programs = tmp_path / "record", tmp_path / "bin"
    programs.mkdir()
    names = ("external_account.json", "google-auth-botocore.service", "google_auth_botocore-0.1.0-py3-none-any.whl")
    create = "\n".join(f': > "$5/{name}"' for name in names)
    for name, more in {"aws": create, "sudo": "", "curl": ""}.items():
        stand_in(programs, name, f'echo "{name} $*" >> {record}\n{more}')
    subprocess.run(
        ["sh", str(SAMPLES / "serve" / "emr-bootstrap.sh"), "s3://my-bucket/google-auth-botocore/"],
        env={"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}", "TMPDIR": str(tmp_path)},
        check=True,
        timeout=60,
    )
    lines = record.read_text().splitlines()
    assert lines[0].startswith("aws s3 cp --recursive s3://my-bucket/google-auth-botocore/ ")
    # The package requires Python 3.10, and the python3 of EMR is older.
    assert any(line.startswith("sudo python3.11 -m venv") for line in lines)
    installed = [
        Path(word)
        for line in lines
        if line.startswith(("sudo install", "sudo /opt/google-auth-botocore/bin/pip install"))
        for word in line.split()
        if word.startswith(str(tmp_path))
    ]
    assert {path.name for path in installed} == set(names)
    assert all(path.exists() for path in installed)
