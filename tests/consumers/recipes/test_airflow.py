"""An Airflow hook: https://airflow.apache.org/docs/apache-airflow-providers-google/stable/"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from consumers.recipes.readme import code
from google_auth_botocore.emulator.sandbox import Sandbox

PROGRAM = """
import json, sys
from google_auth_botocore import Credentials

credentials = Credentials(**json.loads(sys.argv[1]))
{recipe}
print(json.dumps([Hook().list("my-bucket"), Hook().project_id]))
"""


def test_recipe(sandbox: Sandbox, bucket: str, tmp_path: Path) -> None:
    """This runs in its own process, because the import of Airflow configures logging globally. No database is created."""
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW_CONN_GOOGLE_CLOUD_DEFAULT": "google-cloud-platform://",
    }
    arguments = [
        sys.executable,
        "-c",
        PROGRAM.format(recipe=code("airflow")),
        json.dumps(sandbox.credentials_arguments()),
    ]
    done = subprocess.run(arguments, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == [["table.parquet"], "my-project"]
    assert set(sandbox.storage.principals) == {sandbox.service_account}
    assert not [*tmp_path.rglob("*.db")]
    [token] = sandbox.storage.tokens
    assert token not in done.stdout + done.stderr
