"""Run the output of `config setup` with the real gcloud and aws, and then get tokens with the result.

samples/test_six_steps.py runs the commands for a service account, and then the sample application.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
from administrator import Administrator, is_here, web_identity_issuer
from aws.conftest import environment

from cli.conftest import Run
from cli.test_config_setup import (
    ACCOUNT,
    DIRECT,
    EMAIL,
    EVERY_SESSION,
    IMPERSONATING,
    NAMES,
    NUMBER,
    POOL,
    PROJECT,
    ROLE,
    printed,
)
from google_auth_botocore import Credentials
from google_auth_botocore.cli._subject_token import JWT
from google_auth_botocore.emulator.aws.web_identity import WebIdentityIssuer
from google_auth_botocore.emulator.sandbox import Sandbox

pytestmark = [pytest.mark.slow, is_here]
_TRUST = '{"Version":"2012-10-17","Statement":[]}'
TRUST = f"--trust=arn:aws:iam::{ACCOUNT}:root"


class World(Administrator):
    """The administrator's shell, and a machine on which the command assumes roles."""

    def token(self, role: str) -> subprocess.CompletedProcess[str]:
        """Get a token as a session of *role*, with the configuration file that was written."""
        return self.token_with(self.machine(role), "--profile=work")

    def token_with(self, variables: dict[str, str], *flags: str) -> subprocess.CompletedProcess[str]:
        """Get a token with the configuration file that was written."""
        google = self.sandbox.google
        return subprocess.run(
            [
                *(sys.executable, "-m", "google_auth_botocore", "token", "--config=external_account.json"),
                *(*flags, "--region=eu-central-1", f"--token-url={google.token_url}"),
                f"--iam-credentials-endpoint={google.iam_credentials_endpoint}",
            ],
            cwd=self.home,
            env=variables,
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

    def google_state(self) -> str:
        """What the set-up creates in Google Cloud, except APIs."""
        return self.google_resources(PROJECT) + self.shell(
            "gcloud storage buckets get-iam-policy gs://gcp-source --format='json(bindings)'"
        )

    def bucket_policy(self) -> dict[str, set[str]]:
        policy = self.sandbox.storage_client().bucket("gcp-source").get_iam_policy()
        return {each["role"]: set(each["members"]) for each in policy.bindings}


@dataclass
class Partition(World):
    """A world in another AWS partition."""

    region: str = "us-gov-west-1"

    @property
    def _base(self) -> dict[str, str]:
        return {**super()._base, "AWS_DEFAULT_REGION": self.region}


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


def test_teardown_undoes_the_set_up_and_both_can_be_run_twice(run: Run, world: World) -> None:
    """The bindings, the service account, the pool and the role are deleted, and the set-up brings them back."""
    creator = "--grant=roles/iam.serviceAccountTokenCreator"
    create, undo = (
        run("config", command, *IMPERSONATING, creator, TRUST, "--format=script").out
        for command in ("setup", "teardown")
    )
    before = world.google_state()
    world.shell(create)
    after = world.google_state()
    world.shell(create)
    assert world.google_state() == after != before
    assert world.principal("copycat-role") == EMAIL

    world.shell(undo)
    world.shell(undo)

    assert world.google_state() == before
    assert "copycat-role" not in world.shell("aws iam list-roles")
    assert world.token("copycat-role").returncode == 1
    world.shell(create)
    assert world.principal("copycat-role") == EMAIL


def test_the_pasted_commands_are_undone_by_the_pasted_commands(run: Run, world: World) -> None:
    before = world.google_state()
    world.shell(printed(run, *DIRECT, TRUST))
    world.shell(run("config", "teardown", *DIRECT, TRUST).out)
    assert world.google_state() == before
    assert "copycat-role" not in world.shell("aws iam list-roles")


def test_teardown_keeps_a_pool_with_another_provider(run: Run, world: World) -> None:
    world.shell(printed(run, *NAMES, "--direct", TRUST, "--provider=other", "--format=script"))
    world.shell(printed(run, *IMPERSONATING, TRUST, "--format=script"))
    world.shell(run("config", "teardown", *IMPERSONATING, TRUST, "--format=script").out)
    place = f"--workload-identity-pool=aws-pool --location=global --project={PROJECT}"
    listed = world.shell(f"gcloud iam workload-identity-pools providers list {place} --format='value(name.basename())'")
    assert listed.split() == ["other"]


def test_two_workloads_can_share_a_service_account_and_a_pool(run: Run, world: World) -> None:
    """Neither set-up changes what the other uses, and each is torn down alone. What existed before is kept."""
    flags = [flag for flag in IMPERSONATING if not flag.startswith("--aws-role")]
    first, second = (
        (*flags, TRUST, f"--aws-role={role}", f"--provider={role}-provider", "--format=script")
        for role in ("copycat-role", "second-role")
    )
    world.shell(f"aws iam create-role --role-name=second-role --assume-role-policy-document='{_TRUST}'")
    world.shell(printed(run, *first))
    with pytest.raises(AssertionError, match="The provider copycat-role-provider is for other roles"):
        world.shell(printed(run, *second, "--provider=copycat-role-provider"))
    world.shell(printed(run, *second))
    file = (world.home / "external_account.json").read_text()

    world.shell(run("config", "teardown", *first).out)

    (world.home / "external_account.json").write_text(file)
    assert world.principal("second-role") == EMAIL
    assert world.bucket_policy()["roles/storage.objectViewer"] == {f"serviceAccount:{EMAIL}"}
    world.shell(run("config", "teardown", *second).out)
    assert EMAIL not in world.google_state()
    roles = world.shell("aws iam list-roles")
    assert "second-role" in roles
    assert "copycat-role" not in roles


def test_teardown_stops_if_it_cannot_read(run: Run, tmp_path: Path) -> None:
    """Programs in place of gcloud and aws. Nothing was undone, so the script must not succeed."""
    (tmp_path / "aws").write_text("#!/bin/sh\ncase $* in *Account*) echo 123456789012;; *Arn*) echo a:aws:b;; esac\n")
    (tmp_path / "gcloud").write_text(
        f'#!/bin/sh\ncase "$*" in *"projects describe"*) echo {NUMBER};; *) echo PERMISSION_DENIED >&2; exit 1;; esac\n'
    )
    for name in ("aws", "gcloud"):
        (tmp_path / name).chmod(0o755)
    for form in (IMPERSONATING, DIRECT):
        script = run("config", "teardown", *form, "--format=script").out
        path = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
        done = subprocess.run(["bash", "-c", script], env=path, check=False, capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stderr) == (1, "PERMISSION_DENIED\n")


def test_teardown_keeps_a_pool_whose_providers_cannot_be_listed(run: Run, tmp_path: Path) -> None:
    """Programs in place of gcloud and aws report that everything exists. The list of providers fails."""
    (tmp_path / "aws").write_text("#!/bin/sh\ncase $* in *Account*) echo 123456789012;; *Arn*) echo a:aws:b;; esac\n")
    (tmp_path / "gcloud").write_text(
        f'#!/bin/sh\necho "$*" >> {tmp_path}/calls\n'
        f'case "$*" in *"providers list"*) exit 1;; *"projects describe"*) echo {NUMBER};; '
        f'*"providers describe"*) echo "ACTIVE aws attribute.aws_role == \'{ROLE}\'";; *describe*) echo ACTIVE;; esac\n'
    )
    for name in ("aws", "gcloud"):
        (tmp_path / name).chmod(0o755)
    script = run("config", "teardown", *IMPERSONATING, "--format=script").out
    subprocess.run(
        ["bash", "-c", script], env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, check=True, capture_output=True, timeout=60
    )
    calls = (tmp_path / "calls").read_text()
    assert "providers delete aws-provider" in calls
    assert "workload-identity-pools delete" not in calls


def test_an_existing_role_is_bound_and_left_alone(run: Run, world: World) -> None:
    """IAM Identity Center chose its name and path, and the session's name has 64 characters."""
    role = "AWSReservedSSO_" + "P" * 32 + "_0123456789abcdef"
    world.shell(
        f"aws iam create-role --role-name={role} --path=/aws-reserved/sso.amazonaws.com/ "
        f"--assume-role-policy-document='{_TRUST}'"
    )
    before = world.shell(f"aws iam get-role --role-name={role} --query='Role.AssumeRolePolicyDocument'")
    flags = (*NAMES, f"--aws-role={role}", "--service-account=gcp-copycat")
    world.shell(printed(run, *flags, "--format=script"))
    keys = world.sandbox.google.aws_keys.issue(f"arn:aws:sts::{ACCOUNT}:assumed-role/{role}/{'s' * 64}")
    done = world.token_with({"PATH": os.environ["PATH"], **environment(keys)})
    assert done.returncode == 0, done.stderr
    world.shell(run("config", "teardown", *flags, "--format=script").out)
    assert world.shell(f"aws iam get-role --role-name={role} --query='Role.AssumeRolePolicyDocument'") == before


@pytest.mark.parametrize(
    ("region", "partition", "suffix"),
    [("us-gov-west-1", "aws-us-gov", "amazonaws.com"), ("cn-north-1", "aws-cn", "amazonaws.com.cn")],
)
def test_the_script_finds_the_partition_of_its_account(
    run: Run, world: World, region: str, partition: str, suffix: str
) -> None:
    there = Partition(world.sandbox, world.home, "another-project", region)
    for _ in range(2):
        there.shell(printed(run, *IMPERSONATING, "--format=script"))
    arn = f"arn:{partition}:sts::{ACCOUNT}:assumed-role/copycat-role"
    place = f"--workload-identity-pool=aws-pool --location=global --project={PROJECT}"
    described = f"gcloud iam workload-identity-pools providers describe aws-provider {place}"
    assert f"attribute.aws_role == '{arn}'" in there.shell(f"{described} --format='value(attributeCondition)'")
    assert f"ec2.{suffix}" in there.shell("aws iam get-role --role-name=copycat-role")
    assert f"arn:{partition}:s3:::" in there.shell(
        "aws iam get-role-policy --role-name=copycat-role --policy-name=write-to-s3"
    )
    policy = there.shell(f"gcloud iam service-accounts get-iam-policy {EMAIL} --project={PROJECT}")
    assert f"attribute.aws_role/{arn}" in policy
    with pytest.raises(AssertionError, match=f"The AWS partition is '{partition}', not aws."):
        there.shell(printed(run, *IMPERSONATING, "--partition=aws", "--format=script"))
    there.shell(run("config", "teardown", *IMPERSONATING, "--format=script").out)
    assert "copycat-role" not in there.shell("aws iam list-roles")


class TestJwt:
    """The JWT of AWS's outbound web identity federation as proof."""

    @pytest.fixture(name="issuer")
    def _issuer(self, world: World) -> Iterator[WebIdentityIssuer]:
        with web_identity_issuer(world.sandbox) as issuer:
            yield issuer

    def test_the_file_gets_tokens_for_googles_libraries(
        self, run: Run, world: World, issuer: WebIdentityIssuer
    ) -> None:
        flags = (*IMPERSONATING, "--proof=jwt", "--tag=team", TRUST, "--format=script")
        before = world.google_state()
        program = f"PATH={Path(sys.executable).parent}:$PATH"
        script = f"{program}\n{printed(run, *flags).replace('team=VALUE', 'team=copies')}"
        world.shell(script)
        world.shell(script)

        path = world.home / "external_account.json"
        assert run("config", "check", str(path)).code == 0
        info = json.loads(path.read_text())
        keys = world.sandbox.google.aws_keys.issue(f"{ROLE}/session")
        done = subprocess.run(
            shlex.split(info["credential_source"]["executable"]["command"]),
            env={**environment(keys), **issuer.environment(), "AWS_REGION": "eu-central-1", "PATH": os.environ["PATH"]}
            | {"GOOGLE_EXTERNAL_ACCOUNT_AUDIENCE": info["audience"], "GOOGLE_EXTERNAL_ACCOUNT_TOKEN_TYPE": JWT},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        form = {
            "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
            "requested_token_type": "urn:ietf:params:oauth:token-type:access_token",
            "audience": info["audience"],
            "subject_token_type": JWT,
            "subject_token": json.loads(done.stdout)["id_token"],
            "scope": "https://www.googleapis.com/auth/cloud-platform",
        }
        reply = requests.post(world.sandbox.google.token_url, data=form, timeout=60)
        assert reply.status_code == 200, reply.text
        found = world.sandbox.google.check_access_token(reply.json()["access_token"])
        assert found is not None
        assert found.principal.endswith(f"/subject/arn:aws:iam::{ACCOUNT}:role/copycat-role")

        undo = run("config", "teardown", *flags).out
        world.shell(undo)
        world.shell(undo)
        assert world.google_state() == before
        assert issuer.enabled
