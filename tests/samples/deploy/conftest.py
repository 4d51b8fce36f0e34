"""Both clouds, set up by the samples' Terraform, and gcp_copycat in the environment of an AWS host."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import hcl2
import pytest
from hcl2 import SerializationOptions

from google_auth_botocore.emulator import AwsKeys
from google_auth_botocore.emulator.sandbox import Sandbox
from samples.conftest import QUIET, SAMPLE, SAMPLES, blocks, commands
from samples.deploy.policies import Policy, render, rendered

DEPLOY = SAMPLES / "deploy"
ACCOUNT, PROJECT, NUMBER = "111122223333", "my-project", "123456789012"
POOLS = f"projects/{NUMBER}/locations/global/workloadIdentityPools"
SOURCE, DESTINATION, STATE, PROGRAM = "my-gcs-bucket", "my-s3-bucket", "my-state-bucket", "my-program-bucket"
ISSUER = "oidc.eks.eu-central-1.amazonaws.com/id/EXAMPLED539D4633E53DE1B71EXAMPLE"
# EC2 keeps the state on its disk, not in a bucket.
STATE_FOLDER = "/var/lib/gcp-copycat"


def role_of(host: str) -> str:
    """Return the ARN of a host's sessions, without the session name."""
    return f"arn:aws:sts::{ACCOUNT}:assumed-role/copycat-{host}"


def topic_of(host: str) -> str:
    return f"arn:aws:sns:eu-central-1:{ACCOUNT}:copycat-{host}-alarms"


def values_of(template: Path) -> dict[str, str]:
    """Return the values of the pages for a template in the folder of a host."""
    host = template.parent.name
    return {
        "partition": "aws",
        "dns_suffix": "amazonaws.com",
        "aws_account": ACCOUNT,
        "region": "eu-central-1",
        "oidc_issuer": ISSUER,
        "role_arn": f"arn:aws:iam::{ACCOUNT}:role/copycat-{host}",
        "audience": f"//iam.googleapis.com/{POOLS}/copycat-{host}/providers/prod",
        "service_account": f"copycat-{host}@{PROJECT}.iam.gserviceaccount.com",
        "source_bucket": SOURCE,
        "destination_bucket": DESTINATION,
        "state_bucket": STATE,
        "program_bucket": PROGRAM,
    }


def rendered_file(path: Path) -> str:
    """Return the file that Terraform renders from a template in the folder of a host, with the values of the pages."""
    return render(path.read_text(), values_of(path))


def printed(page: Path, program: str) -> list[list[str]]:
    """Return the commands of one program, without variables in front of them and without pipelines after them."""
    # A quoted JSON document on several lines is one word to a shell.
    text = re.sub(
        r"'\{\n.*?\n\}'", lambda match: " ".join(match[0].split()), "\n".join(blocks(page, "sh")), flags=re.DOTALL
    )
    found = [words[: words.index("|")] if "|" in words else words for words in commands(text)]
    variables = {words[0].partition("=")[0]: words[0].partition("=")[2] for words in found if len(words) == 1}
    found = [[_expanded(word, variables) for word in words] for words in found]
    return [words for words in map(_without_variables, found) if words[:1] == [program]]


def _expanded(word: str, variables: Mapping[str, str]) -> str:
    return re.sub(r"\$(\w+)", lambda match: variables.get(match[1], match[0]), word)


def _without_variables(words: list[str]) -> list[str]:
    """Return a command without the assignments in front of it."""
    start = next((number for number, word in enumerate(words) if not re.match(r"[A-Z_]+=", word)), len(words))
    return words[start:]


class Terraform:
    """The module and its values after `apply` for a host.

    Attributes:
        resources: the attributes of each resource, by address.
        values: the value of each expression.
    """

    def __init__(self, host: str) -> None:
        plain = SerializationOptions(with_comments=False, explicit_blocks=False, strip_string_quotes=True)
        text = (DEPLOY / "terraform" / "main.tf").read_text()
        document: Any = hcl2.loads(text, serialization_options=plain)
        self.resources: dict[str, dict[str, Any]] = {
            f"{kind}.{name}": attributes
            for each in document["resource"]
            for kind, named in each.items()
            for name, attributes in named.items()
        }
        self.variables = {name: each for block in document["variable"] for name, each in block.items()}
        self.outputs = {name: each["value"] for block in document["output"] for name, each in block.items()}
        account, pool = "google_service_account.copycat", "google_iam_workload_identity_pool"
        email = f"copycat-{host}@{PROJECT}.iam.gserviceaccount.com"
        pool_name = f"{POOLS}/copycat-{host}"
        provider = self.resources[f"{pool}_provider.prod"]["workload_identity_pool_provider_id"]
        self.values = {
            **{f"var.{name}": each["default"] for name, each in self.variables.items() if "default" in each},
            **{f"local.{name}": value for block in document["locals"] for name, value in block.items()},
            "var.name": f"copycat-{host}",
            "var.aws_account": ACCOUNT,
            "var.region": "eu-central-1",
            "var.source_bucket": SOURCE,
            "var.destination_bucket": DESTINATION,
            "data.aws_partition.current.partition": "aws",
            "data.aws_partition.current.dns_suffix": "amazonaws.com",
            "aws_iam_role.copycat.arn": f"arn:aws:iam::{ACCOUNT}:role/copycat-{host}",
            f"{account}.email": email,
            f"{account}.name": f"projects/{PROJECT}/serviceAccounts/{email}",
            f"{account}.member": f"serviceAccount:{email}",
            f"{pool}.aws.name": pool_name,
            f"{pool}_provider.prod.name": f"{pool_name}/providers/{provider}",
            "aws_sns_topic.alarms.arn": topic_of(host),
        }

    def value(self, text: str) -> str:
        """Return text with the values of its expressions."""
        return re.sub(r"\$\{([^}]+)\}", lambda match: self.value(self.values[match[1]]), text)

    def role_policies(self, **variables: str) -> list[Policy]:
        """Return the role's policies after `apply` with these variables."""
        return [
            self.document(each["policy"], **variables)
            for address, each in self.resources.items()
            if address.startswith("aws_iam_role_policy.") and self._count(each, variables)
        ]

    def document(self, expression: str, **variables: str) -> Policy:
        """Return the policy that a call of `templatefile` renders."""
        call = re.fullmatch(r'\$\{templatefile\("\$\{path\.module\}/([\w-]+\.json)", \{(.*)\}\)\}', expression)
        assert call, expression
        given = {f"var.{name}": value for name, value in variables.items()}
        values = {
            name: self.value((self.values | given)[value])
            for name, value in (each.split(" = ") for each in call[2].split(", "))
        }
        return rendered((DEPLOY / "terraform" / call[1]).read_text(), values)

    @staticmethod
    def _count(resource: dict[str, Any], variables: Mapping[str, str]) -> bool:
        if "count" not in resource:
            return True
        condition = re.fullmatch(r'\$\{var\.(\w+) == "" \? 0 : 1\}', resource["count"])
        assert condition, resource["count"]
        return bool(variables.get(condition[1]))


def applied(page: Path) -> list[dict[str, str]]:
    """Return the variables of each `terraform apply` on a page."""
    return [
        dict(word.split("=", 1) for word in words if re.match(r"\w+=", word))
        for words in printed(page, "terraform")
        if "apply" in words
    ]


@pytest.fixture(name="terraform")
def _terraform(request: pytest.FixtureRequest) -> Terraform:
    """The module as the host of the test module uses it."""
    return Terraform(getattr(request.module, "HOST", "ec2"))


class World:
    """Both clouds, and the program as a process on an AWS host.

    Args:
        sandbox: the clouds.
        folder: the program's disk.
        role: ARN of the host's sessions, without the session name.
    """

    def __init__(self, sandbox: Sandbox, folder: Path, role: str) -> None:
        self.sandbox = sandbox
        self._role = role
        self._folder = folder

    def issue(self, session: str, role: str | None = None) -> AwsKeys:
        """Issue keys of the role, as AWS does for a host."""
        return self.sandbox.google.aws_keys.issue(f"{role or self._role}/{session}")

    def environment(self, variables: Mapping[str, str]) -> dict[str, str]:
        """Return these variables, with the sandbox in place of the clouds and a folder in place of the host's disk."""
        here = {name: value.replace(STATE_FOLDER, str(self._folder)) for name, value in variables.items()}
        return {
            **QUIET,
            **self.sandbox.aws.environment(),
            "HOME": str(self._folder),
            "GCP_COPYCAT_TOKEN_URL": self.sandbox.google.token_url,
            "GCP_COPYCAT_IAM_CREDENTIALS_ENDPOINT": self.sandbox.google.iam_credentials_endpoint,
            "GCP_COPYCAT_STORAGE_ENDPOINT": self.sandbox.storage.url,
            **here,
        }

    def copy(self, variables: Mapping[str, str], *arguments: str) -> tuple[int, str]:
        """Run gcp_copycat as a command with this environment; return its exit code and standard error."""
        done = subprocess.run(
            [sys.executable, str(SAMPLE / "gcp_copycat.py"), *arguments],
            env=self.environment(variables),
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        return done.returncode, done.stderr

    @property
    def seen(self) -> str:
        """The ARN that Google saw last."""
        assertions = [call.assertion for call in self.sandbox.google.calls if call.assertion]
        return str(assertions[-1]["arn"])

    @property
    def copied(self) -> list[str]:
        """The keys in the destination."""
        listed = self.sandbox.s3_client().list_objects_v2(Bucket=DESTINATION)
        return [each["Key"] for each in listed.get("Contents", ())]


@pytest.fixture(name="world")
def _world(sandbox: Sandbox, terraform: Terraform, tmp_path: Path) -> Iterator[World]:
    """The resources that Terraform creates, and the buckets. The bucket in Cloud Storage holds two objects."""
    provider = terraform.resources["google_iam_workload_identity_pool_provider.prod"]
    google = sandbox.google
    google.add_aws_provider(
        pool=terraform.value(terraform.resources["google_iam_workload_identity_pool.aws"]["workload_identity_pool_id"]),
        account_id=terraform.value(provider["aws"][0]["account_id"]),
        project_number=NUMBER,
        attribute_mapping=provider["attribute_mapping"],
        attribute_condition=terraform.value(provider["attribute_condition"]),
    )
    binding = terraform.resources["google_service_account_iam_member.copycat"]
    account = terraform.value(binding["service_account_id"]).rpartition("/")[2]
    google.add_service_account(account)
    google.grant(account, binding["role"], terraform.value(binding["member"]))
    source = sandbox.storage_client().create_bucket(SOURCE)
    source.blob("reports/a").upload_from_string(b"a")
    source.blob("b").upload_from_string(b"b")
    s3 = sandbox.s3_client()
    for bucket in (DESTINATION, STATE):
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    yield World(sandbox, tmp_path, terraform.value(terraform.values["local.role"]))
    source.delete(force=True)
    for bucket in (DESTINATION, STATE):
        for each in s3.list_objects_v2(Bucket=bucket).get("Contents", ()):
            s3.delete_object(Bucket=bucket, Key=each["Key"])
        s3.delete_bucket(Bucket=bucket)
