"""The six steps that set up gcp_copycat, run by the real gcloud and aws; then the application with what they made."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from google_auth_botocore.emulator.sandbox import Sandbox
from samples.conftest import SAMPLE

_MISSING = [name for name in ("gcloud", "aws") if shutil.which(name) is None]
pytestmark = pytest.mark.skipif(bool(_MISSING), reason=f"not installed: {', '.join(_MISSING)}")

_ACCOUNT = "123456789012"
_PROJECT, _NUMBER = "copycat-project", "210987654321"
_POOL = f"projects/{_NUMBER}/locations/global/workloadIdentityPools/aws-pool"
_EMAIL = f"gcp-copycat@{_PROJECT}.iam.gserviceaccount.com"
_ROLE = f"arn:aws:sts::{_ACCOUNT}:assumed-role/gcp-copycat"
_MEMBER = f"principalSet://iam.googleapis.com/{_POOL}/attribute.aws_role/{_ROLE}"
_USER = "roles/iam.workloadIdentityUser"
_SOURCE, _DESTINATION = "gcp-source", "aws-destination"

_STEPS = r"""
# 1. The APIs
gcloud services enable \
  iam.googleapis.com cloudresourcemanager.googleapis.com iamcredentials.googleapis.com sts.googleapis.com

# 2. In AWS, the role, which may write to the bucket
aws iam create-role --role-name gcp-copycat --assume-role-policy-document '{
  "Version": "2012-10-17",
  "Statement": [{
    "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:root"}, "Action": "sts:AssumeRole"
  }]
}'
aws iam put-role-policy --role-name gcp-copycat --policy-name write-copies --policy-document '{
  "Version": "2012-10-17",
  "Statement": [
    {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::aws-destination"},
    {
      "Effect": "Allow",
      "Action": ["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload"],
      "Resource": "arn:aws:s3:::aws-destination/*"
    }
  ]
}'

# 3. The service account, which may read the bucket
project=$(gcloud config get-value project)
gcloud iam service-accounts create gcp-copycat --display-name='GCP CopyCat'
gcloud storage buckets add-iam-policy-binding gs://gcp-source --role=roles/storage.objectViewer \
  --member="serviceAccount:gcp-copycat@$project.iam.gserviceaccount.com"

# 4. The pool
gcloud iam workload-identity-pools create aws-pool --location=global --display-name='AWS'

# 5. The provider, which trusts the account, and of that the role alone
gcloud iam workload-identity-pools providers create-aws aws-provider --location=global \
  --workload-identity-pool=aws-pool --account-id=123456789012 \
  --attribute-mapping="google.subject=assertion.arn,attribute.aws_role=assertion.arn.contains('assumed-role') ? assertion.arn.extract('{account_arn}assumed-role/') + 'assumed-role/' + assertion.arn.extract('assumed-role/{role_name}/') : assertion.arn" \
  --attribute-condition="attribute.aws_role == 'arn:aws:sts::123456789012:assumed-role/gcp-copycat'"

# 6. The role may impersonate the service account
number=$(gcloud projects describe "$project" --format='value(projectNumber)')
gcloud iam service-accounts add-iam-policy-binding "gcp-copycat@$project.iam.gserviceaccount.com" \
  --role=roles/iam.workloadIdentityUser \
  --member="principalSet://iam.googleapis.com/projects/$number/locations/global/workloadIdentityPools/aws-pool/attribute.aws_role/arn:aws:sts::123456789012:assumed-role/gcp-copycat"

# What the application is given
gcloud iam workload-identity-pools create-cred-config \
  "projects/$number/locations/global/workloadIdentityPools/aws-pool/providers/aws-provider" \
  --aws --service-account="gcp-copycat@$project.iam.gserviceaccount.com" --output-file=external_account.json
"""

_IN_POOL = "--location=global --workload-identity-pool=aws-pool"
_CONTENTS = {"plain": b"plain", "folder/a b.txt": b"text", "empty": b""}


@dataclass
class World:
    """Both clouds, an administrator's shell, and a machine where roles are assumed."""

    sandbox: Sandbox
    home: Path

    @property
    def _base(self) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "HOME": str(self.home), "AWS_DEFAULT_REGION": "eu-central-1"}

    def shell(self, script: str) -> str:
        """Runs commands as the administrator of both clouds; gives what they print."""
        environment = {
            **self._base,
            **self.sandbox.google.gcloud_environment(_PROJECT),
            **self.sandbox.aws.environment(),
            "CLOUDSDK_CONFIG": str(self.home / "gcloud"),
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE": f"{self.sandbox.storage.url}/storage/v1/",
            "AWS_ACCESS_KEY_ID": "AKIAADMINISTRATOR000",
            "AWS_SECRET_ACCESS_KEY": "not-checked-by-moto",
        }
        ended = subprocess.run(
            ["sh", "-euc", script], cwd=self.home, env=environment, capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, f"{script}\n{ended.stdout}\n{ended.stderr}"
        return ended.stdout

    def copycat(self, role: str = "gcp-copycat") -> tuple[int, str, str]:
        """Runs the application as a role: exit code, what it shows, and what it shows on standard error."""
        config = self.home / "config"
        config.write_text(
            f"[profile work]\nrole_arn = arn:aws:iam::{_ACCOUNT}:role/{role}\nrole_session_name = session\n"
            "source_profile = someone\n"
            "[profile someone]\naws_access_key_id = AKIASOMEONE000000000\naws_secret_access_key = not-checked-by-moto\n"
        )
        google = self.sandbox.google
        options = {
            "--source": _SOURCE,
            "--destination": _DESTINATION,
            "--config": str(self.home / "external_account.json"),
            "--token-url": google.token_url,
            "--iam-credentials-endpoint": google.iam_credentials_endpoint,
            "--storage-endpoint": self.sandbox.storage.url,
        }
        ended = subprocess.run(
            [sys.executable, str(SAMPLE / "gcp_copycat.py"), *(text for option in options.items() for text in option)],
            env={
                **self._base,
                **self.sandbox.aws.environment(),
                "AWS_CONFIG_FILE": str(config),
                "AWS_PROFILE": "work",
                "AWS_EC2_METADATA_DISABLED": "true",
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        return ended.returncode, ended.stdout, ended.stderr

    def copied(self) -> dict[str, bytes]:
        """The objects in the destination."""
        s3: Any = self.sandbox.s3_client()
        listed = s3.list_objects_v2(Bucket=_DESTINATION).get("Contents", ())
        return {item["Key"]: s3.get_object(Bucket=_DESTINATION, Key=item["Key"])["Body"].read() for item in listed}


@pytest.fixture(scope="module", name="world")
def _world(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> World:
    """All six steps are taken, in a new project and with a bucket on each side."""
    world = World(sandbox, tmp_path_factory.mktemp("administrator"))
    sandbox.google.add_project(_PROJECT, _NUMBER, services=["serviceusage.googleapis.com", "storage.googleapis.com"])
    bucket = sandbox.storage_client().create_bucket(_SOURCE)
    for name, content in _CONTENTS.items():
        bucket.blob(name).upload_from_string(content)
    place = {"LocationConstraint": "eu-central-1"}
    sandbox.s3_client().create_bucket(Bucket=_DESTINATION, CreateBucketConfiguration=place)
    world.shell(_STEPS)
    return world


def test_the_six_steps_lead_to_a_copy(world: World) -> None:
    """Google sees the role that aws made, and Cloud Storage the service account that gcloud made."""
    storage = world.sandbox.storage
    before = len(storage.principals)

    code, out, err = world.copycat()

    assert (code, err) == (0, "")
    assert "copied          3 objects" in out
    assert world.copied() == _CONTENTS
    exchange = next(call for call in reversed(world.sandbox.google.calls) if call.path == "/v1/token")
    assert exchange.principal == f"principal://iam.googleapis.com/{_POOL}/subject/{_ROLE}/session"
    assert set(storage.principals[before:]) == {_EMAIL}
    policy = world.sandbox.storage_client().bucket(_SOURCE).get_iam_policy()
    viewers = [binding["members"] for binding in policy.bindings if binding["role"] == "roles/storage.objectViewer"]
    assert viewers == [{f"serviceAccount:{_EMAIL}"}]


def test_a_role_that_does_not_meet_the_condition_is_refused_as_google_refuses_it(world: World) -> None:
    """The error says what to compare, and nothing is asked of Cloud Storage."""
    world.shell(
        "aws iam create-role --role-name somebody-else --assume-role-policy-document"
        """ '{"Version": "2012-10-17", "Statement": []}'"""
    )
    before = len(world.sandbox.storage.principals)

    code, out, err = world.copycat("somebody-else")

    assert (code, out) == (2, "")
    assert "(HTTP 400, unauthorized_client): The given credential is rejected by the attribute condition." in err
    assert "Compare the provider's attribute condition with the ARN that AWS gives" in err
    assert "attributeCondition: " in world.shell(_command(err))
    assert len(world.sandbox.storage.principals) == before


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (
            f"gcloud iam service-accounts remove-iam-policy-binding {_EMAIL} --member={_MEMBER} --role={_USER}",
            "(HTTP 403, PERMISSION_DENIED): Permission 'iam.serviceAccounts.getAccessToken' denied",
        ),
        (
            "gcloud services disable iamcredentials.googleapis.com",
            "(HTTP 403, SERVICE_DISABLED): IAM Service Account Credentials API has not been used in project",
        ),
    ],
    ids=["binding", "API"],
)
def test_a_step_that_was_left_out_is_made_up_for_by_the_command_in_the_error(
    world: World, broken: str, reason: str
) -> None:
    world.shell(broken)

    code, out, err = world.copycat()
    assert (code, out) == (2, "")
    assert reason in err

    world.shell(_command(err))
    assert world.copycat()[::2] == (0, "")


@pytest.mark.parametrize(
    ("broken", "mended"),
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
def test_what_is_out_of_service_exchanges_nothing(world: World, broken: str, mended: str) -> None:
    """And does again once it is back."""
    world.shell(f"gcloud iam workload-identity-pools {broken}")

    code, out, err = world.copycat()
    assert (code, out) == (2, "")
    assert '(HTTP 400, invalid_target): The target service indicated by the "audience" parameters is invalid.' in err

    world.shell(f"gcloud iam workload-identity-pools {mended}")
    assert world.copycat()[::2] == (0, "")


def test_a_policy_that_somebody_else_has_changed_is_not_overwritten(world: World) -> None:
    """The etag that gcloud has read, and sends back, is another one by then."""
    said = world.shell(
        f"gcloud iam service-accounts get-iam-policy {_EMAIL} --format=json > policy.json\n"
        f"gcloud iam service-accounts add-iam-policy-binding {_EMAIL} --role=roles/viewer --member=user:me@example.com\n"
        f"! gcloud iam service-accounts set-iam-policy {_EMAIL} policy.json 2>&1"
    )

    assert "There were concurrent policy changes." in said


def test_gcloud_shows_and_changes_an_oidc_provider(world: World) -> None:
    said = world.shell(
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

    assert "aws-provider\tACTIVE\naws-provider\tACTIVE\nissuer\tDELETED\n" in said
    assert "Issuer\tACTIVE\tallowedAudiences=['three'];issuerUri=https://issuer.example;jwksJson=" in said


def _command(error: str) -> str:
    """Gives the last command that an error names."""
    return error[error.rindex("gcloud ") :]
