"""Both clouds as the samples' Terraform sets them up, and gcp_copycat in a host's environment."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
import hcl2
import pytest
from hcl2 import SerializationOptions

from google_auth_botocore.emulator import AwsKeys
from google_auth_botocore.emulator.sandbox import Sandbox
from samples.conftest import SAMPLES, blocks, commands

DEPLOY = SAMPLES / "deploy"
ACCOUNT, PROJECT, NUMBER = "111122223333", "my-project", "123456789012"
ROLE = f"arn:aws:sts::{ACCOUNT}:assumed-role/gcp-copycat"
SOURCE, DESTINATION = "my-gcs-bucket", "my-s3-bucket"


def printed(page: Path, program: str) -> list[list[str]]:
    """The commands of one program, without what they are piped into."""
    # A JSON document in quotes goes over several lines, which is one word to a shell.
    text = re.sub(
        r"'\{\n.*?\n\}'", lambda match: " ".join(match[0].split()), "\n".join(blocks(page, "sh")), flags=re.DOTALL
    )
    found = [words[: words.index("|")] if "|" in words else words for words in commands(text)]
    return [words for words in found if words[0] == program]


class Terraform:
    """A configuration, and what its values are once it is applied with its defaults.

    Attributes:
        resources: what each has, by its address.
        values: by expression.
    """

    def __init__(self, text: str) -> None:
        plain = SerializationOptions(with_comments=False, explicit_blocks=False, strip_string_quotes=True)
        document: Any = hcl2.load(io.StringIO(text), serialization_options=plain)
        self.resources: dict[str, dict[str, Any]] = {
            f"{kind}.{name}": attributes
            for each in document["resource"]
            for kind, named in each.items()
            for name, attributes in named.items()
        }
        self.variables = {name: each for block in document["variable"] for name, each in block.items()}
        self.outputs = {name: each["value"] for block in document["output"] for name, each in block.items()}
        account, pool = "google_service_account.copycat", "google_iam_workload_identity_pool"
        email = f"{self.resources[account]['account_id']}@{PROJECT}.iam.gserviceaccount.com"
        pool_name = (
            f"projects/{NUMBER}/locations/global/workloadIdentityPools/"
            f"{self.resources[f'{pool}.aws']['workload_identity_pool_id']}"
        )
        provider = self.resources[f"{pool}_provider.prod"]["workload_identity_pool_provider_id"]
        self.values = {
            **{f"var.{name}": each["default"] for name, each in self.variables.items() if "default" in each},
            **{f"local.{name}": value for block in document["locals"] for name, value in block.items()},
            f"{account}.email": email,
            f"{account}.name": f"projects/{PROJECT}/serviceAccounts/{email}",
            f"{account}.member": f"serviceAccount:{email}",
            f"{pool}.aws.name": pool_name,
            f"{pool}_provider.prod.name": f"{pool_name}/providers/{provider}",
        }

    def value(self, text: str) -> str:
        """Text with what its expressions stand for."""
        return re.sub(r"\$\{([^}]+)\}", lambda match: self.value(self.values[match[1]]), text)


@pytest.fixture(scope="session", name="terraform")
def _terraform() -> Terraform:
    return Terraform((DEPLOY / "terraform" / "main.tf").read_text())


class World:
    """Both clouds, and the program on a host of AWS's.

    Args:
        sandbox: the clouds.
        environment: this process's.
    """

    def __init__(self, sandbox: Sandbox, environment: pytest.MonkeyPatch) -> None:
        self.sandbox = sandbox
        self._environment = environment

    def set(self, variables: Mapping[str, str]) -> None:
        from copycat.settings import google_credentials

        google_credentials.cache_clear()  # another host is another process
        for name, value in variables.items():
            self._environment.setenv(name, value)

    def issue(self, session: str, role: str = ROLE) -> AwsKeys:
        """Keys of the role, as AWS issues them to a host."""
        return self.sandbox.google.aws_keys.issue(f"{role}/{session}")

    def copy(self, variables: Mapping[str, str]) -> int:
        """Runs gcp_copycat as a command with this environment; gives its exit code."""
        import gcp_copycat

        self.set(variables)
        return gcp_copycat.main(["--no-progress"])

    @property
    def seen(self) -> str:
        """Whom Google saw last."""
        assertions = [call.assertion for call in self.sandbox.google.calls if call.assertion]
        return str(assertions[-1]["arn"])

    @property
    def copied(self) -> list[str]:
        """What is in the destination."""
        listed = self.sandbox.s3_client().list_objects_v2(Bucket=DESTINATION)
        return [each["Key"] for each in listed.get("Contents", ())]


@pytest.fixture(name="world")
def _world(
    sandbox: Sandbox, terraform: Terraform, led: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[World]:
    """What Terraform makes is there, and both buckets, of which the one in Cloud Storage has something in it."""
    provider = terraform.resources["google_iam_workload_identity_pool_provider.prod"]
    google = sandbox.google
    google.add_aws_provider(
        account_id=terraform.value(provider["aws"][0]["account_id"]),
        project_number=NUMBER,
        attribute_mapping=provider["attribute_mapping"],
        attribute_condition=terraform.value(provider["attribute_condition"]),
    )
    binding = terraform.resources["google_service_account_iam_member.copycat"]
    account = terraform.value(binding["service_account_id"]).rpartition("/")[2]
    google.grant(account, binding["role"], terraform.value(binding["member"]))
    source = sandbox.storage_client().create_bucket(SOURCE)
    source.blob("reports/a").upload_from_string(b"a")
    source.blob("b").upload_from_string(b"b")
    s3 = sandbox.s3_client()
    s3.create_bucket(Bucket=DESTINATION, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    world = World(sandbox, monkeypatch)
    world.set(sandbox.aws.environment())
    # Not by `led`, which is for requests: the application has urllib3. And in this process, for `capsys`.
    world.set(
        {
            "GCP_COPYCAT_STORAGE_ENDPOINT": sandbox.storage.url,
            "GCP_COPYCAT_TOKEN_URL": sandbox.google.token_url,
            "GCP_COPYCAT_IAM_CREDENTIALS_ENDPOINT": sandbox.google.iam_credentials_endpoint,
            "GCP_COPYCAT_PROCESSES": "1",
        }
    )
    yield world
    source.delete(force=True)
    for key in world.copied:
        s3.delete_object(Bucket=DESTINATION, Key=key)
    s3.delete_bucket(Bucket=DESTINATION)
