"""After the real gcloud has run the commands that doctor prints, doctor finds no failure."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from cli.doctor.all_cases import CASES
from cli.doctor.sandbox import Sandbox

FIXED = (
    "a disabled provider",
    "a deleted provider",
    "a disabled pool",
    "a deleted pool",
    "a condition on the iam arn",
    "a subject that is too long",
    "no binding",
    "no binding of a jwt",
    "an iam arn in the binding",
    "a project id in the binding",
    "a grant on the project",
    "no permission to sign with an administrator token",
    "a delegate without permission",
    "a delegate without permission with an administrator token",
    "an api that is not enabled",
)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("gcloud") is None, reason="gcloud is not installed")
@pytest.mark.parametrize("name", FIXED)
def test_the_printed_gcloud_commands_fix_the_failure(sandbox: Sandbox, tmp_path: Path, name: str) -> None:
    each = CASES[name]
    each.simulate(sandbox)
    found = sandbox.diagnose().cause(each.cause)
    environment = {**os.environ, **sandbox.google.gcloud_environment(), "CLOUDSDK_CONFIG": str(tmp_path / "gcloud")}
    if each.cause == "wrong-role-in-binding":
        sandbox.google.allow_domain_wide_delegation(
            sandbox.workload.account.email, ["https://www.googleapis.com/auth/cloud-platform"]
        )

    for command in found["fix"]["gcloud"]:
        done = subprocess.run(
            command, shell=True, env=environment, capture_output=True, text=True, check=False, timeout=300
        )
        assert done.returncode == 0, (command, done.stderr)

    report = sandbox.diagnose()
    assert report.code == 0, report.text
