"""What `config setup` prints, run by the real gcloud and aws; then the command, with what they made."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

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

_MISSING = [name for name in ("gcloud", "aws") if shutil.which(name) is None]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(_MISSING), reason=f"not on this machine: {', '.join(_MISSING)}"),
]
TRUST = f"--trust=arn:aws:iam::{ACCOUNT}:root"


@dataclass
class World:
    """Both clouds, their administrator's shell, and a machine where roles are assumed."""

    sandbox: Sandbox
    home: Path

    def bash(self, text: str) -> str:
        google = self.sandbox.google
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            **google.gcloud_environment("another-project"),
            **self.sandbox.aws.environment(),
            "CLOUDSDK_CONFIG": str(self.home / "gcloud"),
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE": f"{self.sandbox.storage.open_url}/storage/v1/",
            "AWS_DEFAULT_REGION": "eu-central-1",
            "AWS_ACCESS_KEY_ID": "AKIAADMINISTRATOR000",
            "AWS_SECRET_ACCESS_KEY": "not-checked-by-moto",
        }
        done = subprocess.run(
            ["bash", "-euo", "pipefail"],
            input=text,
            cwd=self.home,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def token(self, role: str) -> subprocess.CompletedProcess[str]:
        """A session of a role asks for a token, with the file that was made."""
        config = self.home / "config"
        config.write_text(
            f"[profile work]\nrole_arn = arn:aws:iam::{ACCOUNT}:role/{role}\nsource_profile = someone\n"
            "[profile someone]\naws_access_key_id = AKIASOMEONE000000000\naws_secret_access_key = not-checked-by-moto\n"
        )
        google = self.sandbox.google
        return subprocess.run(
            [
                *(sys.executable, "-m", "google_auth_botocore", "token", "--config=external_account.json"),
                *("--profile=work", "--region=eu-central-1", f"--token-url={google.token_url}"),
                f"--iam-credentials-endpoint={google.iam_credentials_endpoint}",
            ],
            cwd=self.home,
            env={**os.environ, **self.sandbox.aws.environment(), "AWS_CONFIG_FILE": str(config)},
            capture_output=True,
            text=True,
            check=False,
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
    """A new project, with a bucket and nothing else."""
    with Sandbox() as sandbox:
        sandbox.google.add_project(PROJECT, NUMBER, ["serviceusage.googleapis.com", "storage.googleapis.com"])
        sandbox.storage_client().create_bucket("gcp-source")
        yield World(sandbox, tmp_path)


def test_the_commands_make_the_role_the_service_account_and_nobody_else(run: Run, world: World) -> None:
    world.bash(printed(run, *IMPERSONATING, TRUST))

    assert world.principal("copycat-role") == EMAIL
    assert world.bucket_policy()["roles/storage.objectViewer"] == {f"serviceAccount:{EMAIL}"}
    world.bash("aws iam create-role --role-name other-role --assume-role-policy-document='{}'")
    refused = world.token("other-role")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "unauthorized_client" in refused.stderr


def test_the_script_can_be_run_again(run: Run, world: World) -> None:
    """It mends what was changed, and brings back what was deleted."""
    script = printed(run, *IMPERSONATING, TRUST, "--format=script")
    world.bash(script)
    assert world.principal("copycat-role") == EMAIL
    where = f"--location=global --project={PROJECT}"
    world.bash(
        "gcloud iam workload-identity-pools providers update-aws aws-provider --workload-identity-pool=aws-pool "
        f"{where} --attribute-condition=false\n"
        f"gcloud iam workload-identity-pools delete aws-pool {where}"
    )
    assert world.token("copycat-role").returncode == 1

    world.bash(script)

    assert world.principal("copycat-role") == EMAIL


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ("--aws-account=111122223333", "The AWS account is '123456789012', not 111122223333."),
        ("--project-number=1", "The project number is '210987654321', not 1."),
    ],
)
def test_the_script_is_for_one_account_and_one_project(run: Run, world: World, wrong: str, words: str) -> None:
    script = printed(run, *IMPERSONATING, wrong, "--format=script")
    with pytest.raises(AssertionError, match=re.escape(words)):
        world.bash(script)
    assert "copycat-role" not in world.bash("aws iam list-roles")


def test_without_a_service_account_the_role_itself_has_access(run: Run, world: World) -> None:
    world.bash(printed(run, *DIRECT, TRUST))
    principal = world.principal("copycat-role")
    assert principal.startswith(f"principal://iam.googleapis.com/{POOL}/subject/{ROLE}/")
    assert world.bucket_policy()["roles/storage.objectViewer"] == {EVERY_SESSION}
    path = world.home / "external_account.json"
    assert Credentials.from_file(path).service_account_email is None
    assert run("config", "check", str(path)).code == 0
