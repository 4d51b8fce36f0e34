"""Run the output of `config setup` with the real gcloud and aws, and then get tokens with the result.

samples/test_six_steps.py runs the commands for a service account, and then the sample application.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from administrator import Administrator, is_here

from cli.conftest import Run
from cli.test_config_setup import (
    ACCOUNT,
    DIRECT,
    EMAIL,
    EVERY_SESSION,
    IMPERSONATING,
    NUMBER,
    POOL,
    PROJECT,
    ROLE,
    printed,
)
from google_auth_botocore import Credentials
from google_auth_botocore.emulator.sandbox import Sandbox

pytestmark = [pytest.mark.slow, is_here]
TRUST = f"--trust=arn:aws:iam::{ACCOUNT}:root"


class World(Administrator):
    """The administrator's shell, and a machine on which the command assumes roles."""

    def token(self, role: str) -> subprocess.CompletedProcess[str]:
        """Get a token as a session of *role*, with the configuration file that was written."""
        google = self.sandbox.google
        return subprocess.run(
            [
                *(sys.executable, "-m", "google_auth_botocore", "token", "--config=external_account.json"),
                *("--profile=work", "--region=eu-central-1", f"--token-url={google.token_url}"),
                f"--iam-credentials-endpoint={google.iam_credentials_endpoint}",
            ],
            cwd=self.home,
            env=self.machine(role),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def principal(self, role: str) -> str:
        done = self.token(role)
        assert done.returncode == 0, done.stderr
        info = self.sandbox.google.check_access_token(done.stdout.strip())
        assert info is not None
        return info.principal

    def bucket_policy(self) -> dict[str, set[str]]:
        policy = self.sandbox.storage_client().bucket("gcp-source").get_iam_policy()
        return {each["role"]: set(each["members"]) for each in policy.bindings}


@pytest.fixture(name="world")
def _world(tmp_path: Path) -> Iterator[World]:
    """A new project that contains only a bucket."""
    with Sandbox() as sandbox:
        sandbox.google.add_project(PROJECT, NUMBER, ["serviceusage.googleapis.com", "storage.googleapis.com"])
        sandbox.storage_client().create_bucket("gcp-source")
        yield World(sandbox, tmp_path, "another-project")


def test_the_script_can_be_run_repeatedly(run: Run, world: World) -> None:
    """It restores what was changed or deleted."""
    script = printed(run, *IMPERSONATING, TRUST, "--format=script")
    world.shell(script)
    assert world.principal("copycat-role") == EMAIL
    where = f"--location=global --project={PROJECT}"
    world.shell(
        "gcloud iam workload-identity-pools providers update-aws aws-provider --workload-identity-pool=aws-pool "
        f"{where} --attribute-condition=false\n"
        f"gcloud iam workload-identity-pools delete aws-pool {where}"
    )
    assert world.token("copycat-role").returncode == 1

    world.shell(script)

    assert world.principal("copycat-role") == EMAIL


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ("--aws-account=111122223333", "The AWS account is '123456789012', not 111122223333."),
        ("--project-number=1", "The project number is '210987654321', not 1."),
    ],
)
def test_the_script_stops_in_another_account_or_project(run: Run, world: World, wrong: str, words: str) -> None:
    script = printed(run, *IMPERSONATING, wrong, "--format=script")
    with pytest.raises(AssertionError, match=re.escape(words)):
        world.shell(script)
    assert "copycat-role" not in world.shell("aws iam list-roles")


def test_without_a_service_account_the_role_has_access(run: Run, world: World) -> None:
    world.shell(printed(run, *DIRECT, TRUST))
    principal = world.principal("copycat-role")
    assert principal.startswith(f"principal://iam.googleapis.com/{POOL}/subject/{ROLE}/")
    assert world.bucket_policy()["roles/storage.objectViewer"] == {EVERY_SESSION}
    path = world.home / "external_account.json"
    assert Credentials.from_file(path).service_account_email is None
    assert run("config", "check", str(path)).code == 0
