"""The real gcloud runs the commands that doctor prints, and doctor finds no failure afterwards."""

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
    "a condition on the roles own arn",
    "a long name",
    "no binding",
    "no binding of a jwt",
    "the roles own arn in the binding",
    "a project id in the binding",
    "a grant on the project",
    "no right to sign as the policy says",
    "a delegate that may not",
    "a delegate that may not as the policy says",
    "an api that is not enabled",
)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("gcloud") is None, reason="gcloud is not on this machine")
@pytest.mark.parametrize("name", FIXED)
def test_gcloud_fixes_it(sandbox: Sandbox, tmp_path: Path, name: str) -> None:
    each = CASES[name]
    each.happens(sandbox)
    found = sandbox.visit().cause(each.cause)
    environment = {**os.environ, **sandbox.google.gcloud_environment(), "CLOUDSDK_CONFIG": str(tmp_path / "gcloud")}
    if each.cause == "wrong-role-in-binding":
        sandbox.google.allow_domain_wide_delegation(
            sandbox.workload.account.email, ["https://www.googleapis.com/auth/cloud-platform"]
        )

    for command in found["mend"]["gcloud"]:
        done = subprocess.run(
            command, shell=True, env=environment, capture_output=True, text=True, check=False, timeout=300
        )
        assert done.returncode == 0, (command, done.stderr)

    visit = sandbox.visit()
    assert visit.code == 0, visit.text
