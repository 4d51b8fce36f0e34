"""Libraries that read and write Cloud Storage with `google.auth.default()`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import dlt
import gcsfs
import pandas as pd
import pytest
from dlt.destinations import filesystem
from samples.conftest import SAMPLES, blocks

from google_auth_botocore.emulator.sandbox import Sandbox


def test_gcsfs(installed: Sandbox, bucket: str) -> None:
    files = gcsfs.GCSFileSystem(project="my-project", token="google_default")
    assert files.ls(bucket) == [f"{bucket}/table.parquet"]
    table = f"gs://{bucket}/new.csv"
    pd.DataFrame({"x": [1]}).to_csv(table, index=False)
    assert pd.read_csv(table).to_dict("list") == {"x": [1]}
    assert set(installed.storage.principals) == {installed.service_account}
    assert installed.google.count(":generateAccessToken") == 1


def test_dlt(installed: Sandbox, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It looks for credentials in its own configuration, and then calls `google.auth.default()`."""
    monkeypatch.setenv("RUNTIME__DLTHUB_TELEMETRY", "false")
    monkeypatch.chdir(tmp_path)
    pipeline = dlt.pipeline(
        "loads", destination=filesystem(f"gs://{bucket}/dlt"), dataset_name="d", pipelines_dir=str(tmp_path)
    )
    pipeline.run([{"x": 1}], table_name="t").raise_on_failed_jobs()
    names = [each.name for each in installed.storage_client().list_blobs(bucket)]
    assert any(name.startswith("dlt/d/t/") for name in names)
    assert set(installed.storage.principals) == {installed.service_account}


def test_airflow_connection_with_a_credential_config_file(
    installed: Sandbox, bucket: str, configuration: dict[str, Any], tmp_path: Path
) -> None:
    """The page samples/install as printed, with the emulator's endpoints. Airflow runs in its own process.

    Airflow calls `google.auth.load_credentials_from_file` with the connection's `credential_config_file`.
    """
    page = SAMPLES / "install" / "README.md"
    [settings] = [each for each in blocks(page, "python") if each.startswith("# airflow_local_settings.py")]
    endpoints = {
        "token_url": installed.google.token_url,
        "iam_credentials_endpoint": installed.google.iam_credentials_endpoint,
    }
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "airflow_local_settings.py").write_text(settings.replace("()", f"(**{endpoints})"))
    [connection] = blocks(page, "json")
    path = tmp_path / "external_account.json"
    path.write_text(json.dumps(configuration))
    environment = {
        **{name: each for name, each in os.environ.items() if name != "GOOGLE_APPLICATION_CREDENTIALS"},
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW_CONN_GOOGLE_CLOUD_DEFAULT": connection.replace("/opt/airflow/external_account.json", str(path)),
    }
    program = "from airflow.providers.google.cloud.hooks.gcs import GCSHook; print(GCSHook().list('my-bucket'))"
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "['table.parquet']"
    assert set(installed.storage.principals) == {installed.service_account}
