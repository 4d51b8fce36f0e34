"""The sample airflow_plugin.py, installed as an Airflow plugin."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from consumers.google_clients.apis import HttpApi
from consumers.samples.conftest import Started, path
from google_auth_botocore.emulator.sandbox import Sandbox

PROGRAM = """
import json
from airflow import plugins_manager

plugins = plugins_manager.get_plugin_info()
assert not plugins_manager.get_import_errors()
from airflow_plugin import QueryHook, StorageHook

answer = QueryHook(use_legacy_sql=False).get_client(project_id="my-project").query_and_wait("SELECT 42 AS answer")
print(json.dumps([
    [plugin["name"] for plugin in plugins],
    StorageHook().list("my-bucket"),
    StorageHook().project_id,
    [row.answer for row in answer],
]))
"""
REPLY = {
    "jobReference": {"projectId": "my-project", "jobId": "job", "location": "EU"},
    "jobComplete": True,
    "schema": {"fields": [{"name": "answer", "type": "INTEGER"}]},
    "rows": [{"f": [{"v": "42"}]}],
    "totalRows": "1",
}


def test_hooks_use_the_role(sandbox: Sandbox, start: Started, redirects: dict[str, str], tmp_path: Path) -> None:
    """This runs in its own process, because the import of Airflow configures logging globally."""
    sandbox.storage_client().create_bucket("my-bucket").blob("object").upload_from_string(b"content")
    (tmp_path / "airflow" / "plugins").mkdir(parents=True)
    shutil.copy(path("airflow_plugin.py"), tmp_path / "airflow" / "plugins")
    with HttpApi(sandbox.google) as bigquery:
        redirects["https://bigquery.googleapis.com/"] = f"{bigquery.url}/"
        bigquery.replies["POST /bigquery/v2/projects/my-project/queries"] = REPLY

        printed = start(
            "-c",
            PROGRAM,
            AIRFLOW_HOME=str(tmp_path / "airflow"),
            AIRFLOW_CONN_GOOGLE_CLOUD_DEFAULT="google-cloud-platform://",
        )

    names, objects, project, answers = json.loads(printed.splitlines()[-1])
    assert "google_from_aws" in names
    assert (objects, project, answers) == (["object"], "my-project", [42])
    assert {*sandbox.storage.principals, *bigquery.callers} == {sandbox.service_account}
