"""The commands on the deployment pages are accepted, and the files that they name exist."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from google_auth_botocore.emulator.sandbox import Sandbox
from samples.conftest import blocks
from samples.deploy.aws_commands import CUSTOM, request
from samples.deploy.conftest import ACCOUNT, DEPLOY, ROLE, STATE, Terraform, printed
from samples.deploy.hosts import FUNCTION, POD, TASK, environment, settings_of_the_instance

PAGES = sorted(DEPLOY.glob("*/README.md"))
TRUST = sorted(DEPLOY.glob("*/*trust-policy.json"))


def of_page(path: Path) -> str:
    return path.parent.name


@pytest.mark.parametrize("page", PAGES, ids=of_page)
def test_aws_accepts_the_commands(page: Path) -> None:
    """Checks operations, parameters, required values and file names with botocore's models."""
    found = printed(page, "aws")
    assert found
    for words in found:
        if (words[1], words[2]) not in CUSTOM:
            request(words, page.parent)


def test_aws_accepts_the_commands_of_an_instance() -> None:
    """Checks the commands of the first start and of the unit."""
    for text in ((DEPLOY / "ec2" / "user-data.sh").read_text(), (DEPLOY / "ec2/units/gcp-copycat.service").read_text()):
        found = re.findall(r"\baws (cloudwatch [^'\n]*)", text)
        assert found
        for each in found:
            request(["aws", *each.replace("$$?", "1").split()], DEPLOY)


@pytest.mark.parametrize("page", PAGES, ids=of_page)
def test_terraform_gets_the_variables_that_it_requires(page: Path, terraform: Terraform) -> None:
    required = {name for name, each in terraform.variables.items() if "default" not in each}
    applied = [words for words in printed(page, "terraform") if "apply" in words]
    assert applied
    for words in applied:
        home = page.parent / words[1].removeprefix("-chdir=")
        assert home.resolve() == DEPLOY / "terraform"
        given = dict(word.split("=", 1) for word in words if re.match(r"\w+=", word))
        assert required <= set(given) <= set(terraform.variables)
        assert (home / given["trust_policy"]).resolve() in TRUST


@pytest.mark.parametrize("page", PAGES, ids=of_page)
def test_the_shell_can_read_the_page(page: Path) -> None:
    for script in blocks(page, "sh"):
        subprocess.run(["sh", "-n"], input=script, text=True, check=True, timeout=60)


@pytest.mark.parametrize("page", PAGES, ids=of_page)
def test_the_identity_that_google_sees_is_the_role(page: Path) -> None:
    seen = re.findall(r"Google sees `(\S+?)`", page.read_text())
    assert seen
    assert all(each.startswith(f"{ROLE}/") for each in seen)


def test_the_files_contain_the_outputs_of_terraform(terraform: Terraform) -> None:
    values = {terraform.value(text) for name, text in terraform.outputs.items() if name != "topic"}
    assert values == {
        "//iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/aws-pool/providers/prod",
        "gcp-copycat@my-project.iam.gserviceaccount.com",
    }
    for name in ("ec2/user-data.sh", "ecs/task-definition.json", "eks/cron-job.yaml", "lambda/function.json"):
        text = (DEPLOY / name).read_text()
        assert all(value in text for value in values), name
    for page in ("ec2", "ecs", "lambda"):
        assert terraform.value(terraform.outputs["topic"]) in (DEPLOY / page / "README.md").read_text()


def test_terraform_refers_only_to_existing_resources(terraform: Terraform) -> None:
    expressions = re.findall(r"\$\{([a-z_]+\.[a-z_]+)", json.dumps([terraform.resources, terraform.outputs]))
    known = {
        *terraform.resources,
        "path.module",
        "each.key",
        *(name for name in terraform.values if name.count(".") == 1),
    }
    assert set(expressions) <= known | {"var.trust_policy"}


@pytest.mark.parametrize("path", TRUST, ids=lambda path: f"{of_page(path)}-{path.stem}")
def test_iam_accepts_the_trust_policy(sandbox: Sandbox, path: Path) -> None:
    """moto checks a policy with IAM's grammar. Only AWS services can assume the role."""
    iam = iam_client(sandbox)
    name = f"{of_page(path)}-{path.stem}"
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=path.read_text())
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=path.read_text())
    [statement] = json.loads(path.read_text())["Statement"]
    [[kind, who]] = statement["Principal"].items()
    assert kind == "Federated" or who.endswith(".amazonaws.com")
    assert set(re.findall(r"\d{12}", path.read_text())) <= {ACCOUNT}


def iam_client(sandbox: Sandbox) -> Any:
    import boto3

    keys = {"aws_access_key_id": "x", "aws_secret_access_key": "x", "region_name": "us-east-1"}
    return boto3.client("iam", endpoint_url=sandbox.aws.url, **keys)


@pytest.mark.skipif(shutil.which("terraform") is None, reason="terraform is not installed")
def test_terraform_fmt_changes_nothing() -> None:
    done = subprocess.run(
        ["terraform", f"-chdir={DEPLOY / 'terraform'}", "fmt", "-check", "-diff", "-recursive"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_no_host_accepts_a_bucket_of_another_account() -> None:
    [task], [pod] = TASK["containerDefinitions"], POD["containers"]
    for settings in (
        environment(task, "environment"),
        environment(pod, "env"),
        FUNCTION["Environment"]["Variables"],
        settings_of_the_instance(),
    ):
        assert settings["GCP_COPYCAT_EXPECTED_BUCKET_OWNER"] == ACCOUNT
        assert settings["GCP_COPYCAT_CHECKPOINT"].startswith((f"s3://{STATE}/", "/var/lib/"))
