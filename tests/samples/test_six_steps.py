"""The six steps that `config setup` prints, run with the real gcloud and aws; then gcp_copycat with the result."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from administrator import Administrator, is_here
from cli.conftest import command
from cli.test_config_setup import ACCOUNT, EMAIL, EVERY_SESSION, IMPERSONATING, NUMBER, POOL, PROJECT, ROLE

from google_auth_botocore.emulator.sandbox import Sandbox
from samples.conftest import QUIET, SAMPLE

pytestmark = is_here

_USER = "roles/iam.workloadIdentityUser"
_SOURCE, _DESTINATION = "gcp-source", "aws-destination"
_IN_POOL = "--location=global --workload-identity-pool=aws-pool"
_CONTENTS = {"plain": b"plain", "folder/a b.txt": b"text", "empty": b""}


class World(Administrator):
    """The administrator's shell, and the application on a machine that assumes roles."""

    def copycat(self, role: str = "copycat-role") -> tuple[int, str, str]:
        """Run the application as a role; return its exit code, standard output and standard error."""
        google = self.sandbox.google
        options = {
            "--source": _SOURCE,
            "--destination": _DESTINATION,
            "--config": str(self.home / "external_account.json"),
            "--token-url": google.token_url,
            "--iam-credentials-endpoint": google.iam_credentials_endpoint,
            "--storage-endpoint": self.sandbox.storage.url,
        }
        done = subprocess.run(
            [sys.executable, str(SAMPLE / "gcp_copycat.py"), *(text for option in options.items() for text in option)],
            env={**self.machine(role), **QUIET, "AWS_PROFILE": "work"},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        return done.returncode, done.stdout, done.stderr

    def copied(self) -> dict[str, bytes]:
        """Return the objects in the destination: name to content."""
        s3: Any = self.sandbox.s3_client()
        listed = s3.list_objects_v2(Bucket=_DESTINATION).get("Contents", ())
        return {item["Key"]: s3.get_object(Bucket=_DESTINATION, Key=item["Key"])["Body"].read() for item in listed}


@pytest.fixture(scope="module", name="world")
def _world(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> World:
    """Run all six steps in a new project, with a bucket in each cloud."""
    world = World(sandbox, tmp_path_factory.mktemp("administrator"), PROJECT)
    sandbox.google.add_project(PROJECT, NUMBER, services=["serviceusage.googleapis.com", "storage.googleapis.com"])
    bucket = sandbox.storage_client().create_bucket(_SOURCE)
    for name, content in _CONTENTS.items():
        bucket.blob(name).upload_from_string(content)
    place = {"LocationConstraint": "eu-central-1"}
    sandbox.s3_client().create_bucket(Bucket=_DESTINATION, CreateBucketConfiguration=place)
    steps = command("config", "setup", *IMPERSONATING, f"--trust=arn:aws:iam::{ACCOUNT}:root")
    assert steps.returncode == 0, steps.stderr
    world.shell(steps.stdout)
    return world


def test_the_six_steps_lead_to_a_copy(world: World) -> None:
    """Google sees the role that aws created, and Cloud Storage sees the service account that gcloud created."""
    storage = world.sandbox.storage
    before = len(storage.principals)

    code, out, err = world.copycat()

    assert (code, err) == (0, "")
    assert "copied          3 objects" in out
    assert world.copied() == _CONTENTS
    exchange = next(call for call in reversed(world.sandbox.google.calls) if call.path == "/v1/token")
    assert exchange.principal == f"principal://iam.googleapis.com/{POOL}/subject/{ROLE}/session"
    assert set(storage.principals[before:]) == {EMAIL}
    policy = world.sandbox.storage_client().bucket(_SOURCE).get_iam_policy()
    viewers = [binding["members"] for binding in policy.bindings if binding["role"] == "roles/storage.objectViewer"]
    assert viewers == [{f"serviceAccount:{EMAIL}"}]


@pytest.mark.slow
def test_a_role_that_does_not_meet_the_condition_is_rejected(world: World) -> None:
    """The error says what to compare, and Cloud Storage gets no request."""
    world.shell(
        "aws iam create-role --role-name another-role --assume-role-policy-document"
        """ '{"Version": "2012-10-17", "Statement": []}'"""
    )
    before = len(world.sandbox.storage.principals)

    code, out, err = world.copycat("another-role")

    assert (code, out) == (2, "")
    assert "(HTTP 400, unauthorized_client): The given credential is rejected by the attribute condition." in err
    assert "Compare the provider's attribute condition with the caller's ARN" in err
    assert "attributeCondition: " in world.shell(_command(err))
    assert len(world.sandbox.storage.principals) == before


@pytest.mark.slow
@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (
            f"gcloud iam service-accounts remove-iam-policy-binding {EMAIL} --member={EVERY_SESSION} --role={_USER}",
            "(HTTP 403, PERMISSION_DENIED): Permission 'iam.serviceAccounts.getAccessToken' denied",
        ),
        (
            "gcloud services disable iamcredentials.googleapis.com",
            "(HTTP 403, SERVICE_DISABLED): IAM Service Account Credentials API has not been used in project",
        ),
    ],
    ids=["binding", "API"],
)
def test_the_command_in_the_error_catches_up_on_a_skipped_step(world: World, broken: str, reason: str) -> None:
    world.shell(broken)

    code, out, err = world.copycat()
    assert (code, out) == (2, "")
    assert reason in err

    world.shell(_command(err))
    assert world.copycat()[::2] == (0, "")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("broken", "fixed"),
    [
        (
            "delete aws-pool --location=global",
            "undelete aws-pool --location=global",
        ),
        (
            f"providers update-aws aws-provider {_IN_POOL} --disabled",
            f"providers update-aws aws-provider {_IN_POOL} --no-disabled",
        ),
    ],
    ids=["deleted", "disabled"],
)
def test_a_deleted_pool_or_disabled_provider_exchanges_nothing_until_restored(
    world: World, broken: str, fixed: str
) -> None:
    world.shell(f"gcloud iam workload-identity-pools {broken}")

    code, out, err = world.copycat()
    assert (code, out) == (2, "")
    assert '(HTTP 400, invalid_target): The target service indicated by the "audience" parameters is invalid.' in err

    world.shell(f"gcloud iam workload-identity-pools {fixed}")
    assert world.copycat()[::2] == (0, "")


@pytest.mark.slow
def test_concurrent_changes_of_a_policy_are_not_overwritten(world: World) -> None:
    """The etag that gcloud has read and sends back is outdated."""
    printed = world.shell(
        f"gcloud iam service-accounts get-iam-policy {EMAIL} --format=json > policy.json\n"
        f"gcloud iam service-accounts add-iam-policy-binding {EMAIL} --role=roles/viewer --member=user:me@example.com\n"
        f"! gcloud iam service-accounts set-iam-policy {EMAIL} policy.json 2>&1"
    )

    assert "There were concurrent policy changes." in printed


@pytest.mark.slow
def test_gcloud_shows_and_changes_an_oidc_provider(world: World) -> None:
    printed = world.shell(
        "cd $(mktemp -d)\n"
        """echo '{"keys": []}' > keys.json\n"""
        f"""
        oidc() {{ gcloud iam workload-identity-pools providers "$@" {_IN_POOL}; }}
        oidc create-oidc issuer --issuer-uri=https://issuer.example --attribute-mapping=google.subject=assertion.sub \\
          --allowed-audiences=one,two --jwk-json-path=keys.json
        oidc update-oidc issuer --allowed-audiences=three --display-name=Issuer
        oidc delete issuer
        oidc list --format='value(name.basename(), state)'
        oidc list --show-deleted --format='value(name.basename(), state)'
        oidc undelete issuer
        oidc describe issuer --format='value(displayName, state, oidc)'
        """
    )

    assert "aws-provider\tACTIVE\naws-provider\tACTIVE\nissuer\tDELETED\n" in printed
    assert "Issuer\tACTIVE\tallowedAudiences=['three'];issuerUri=https://issuer.example;jwksJson=" in printed


def _command(error: str) -> str:
    """Return the last command in an error."""
    return error[error.rindex("gcloud ") :]
