"""The commands on dbt's page, with a program in place of dbt that signs in as dbt does with this profile."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from consumers.google_clients.apis import HttpApi

from google_auth_botocore.emulator.sandbox import Sandbox
from samples import addresses
from samples.conftest import QUIET, SAMPLES, blocks

PAGE = SAMPLES / "dbt" / "README.md"
# `method: oauth` is google.auth.default with these scopes:
# https://github.com/dbt-labs/dbt-adapters/blob/main/dbt-bigquery/src/dbt/adapters/bigquery/credentials.py
DBT = f"""#!{sys.executable}
import sys

import google.auth
import yaml
from google.cloud.bigquery import Client

assert sys.argv[1:] == ["run", "--profiles-dir", "."]
profile = yaml.safe_load(open("profiles.yml"))["my_project"]
output = profile["outputs"][profile["target"]]
assert (output["type"], output["method"]) == ("bigquery", "oauth")
scopes = [f"https://www.googleapis.com/auth/{{name}}" for name in ("bigquery", "cloud-platform", "drive")]
credentials, _ = google.auth.default(scopes=scopes)
client = Client(output["project"], credentials, location=output["location"])
[row] = client.query_and_wait("select 42 as answer")
sys.exit(row.answer)
"""
REPLY = {
    "jobReference": {"projectId": "my-project", "jobId": "job", "location": "EU"},
    "jobComplete": True,
    "schema": {"fields": [{"name": "answer", "type": "INTEGER"}]},
    "rows": [{"f": [{"v": "42"}]}],
    "totalRows": "1",
}


def test_the_commands_run_dbt_as_the_service_account(
    sandbox: Sandbox, redirects: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("profiles.yml").write_text((PAGE.parent / "profiles.yml").read_text())
    program = tmp_path / "bin" / "dbt"
    program.parent.mkdir()
    program.write_text(DBT)
    program.chmod(0o755)
    with HttpApi(sandbox.google) as bigquery:
        redirects["https://bigquery.googleapis.com/"] = f"{bigquery.url}/"
        bigquery.replies["POST /bigquery/v2/projects/my-project/queries"] = REPLY
        environment = {
            **os.environ,
            **QUIET,
            **sandbox.environment(),
            **addresses.redirect_children(redirects, tmp_path),
            "PATH": f"{program.parent}:{Path(sys.executable).parent}:{os.environ['PATH']}",
        }
        [script] = blocks(PAGE, "sh")
        done = subprocess.run(
            ["sh", "-c", script], env=environment, capture_output=True, text=True, check=False, timeout=60
        )

    # The program's exit code, and what the page's first command wrote.
    assert (done.returncode, len(done.stderr.splitlines())) == (42, 1), done.stderr
    assert done.stderr.startswith("google-auth-botocore: Wrote ")
    assert (bigquery.callers, bigquery.rejected) == ({sandbox.service_account}, 0)


def test_the_profile_holds_no_key() -> None:
    [output] = yaml.safe_load((PAGE.parent / "profiles.yml").read_text())["my_project"]["outputs"].values()
    assert not {"keyfile", "keyfile_json", "token", "refresh_token"} & set(output)
