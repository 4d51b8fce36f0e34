"""The commands on the deployment pages are accepted, and the files that they name exist."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import hcl2
import pytest
from hcl2 import SerializationOptions

from google_auth_botocore.cli import main
from google_auth_botocore.emulator.sandbox import Sandbox
from samples.conftest import blocks
from samples.deploy.aws_commands import CUSTOM, request
from samples.deploy.conftest import (
    ACCOUNT,
    DEPLOY,
    ISSUER,
    NUMBER,
    PROJECT,
    STATE,
    Terraform,
    applied,
    printed,
    rendered_file,
    role_of,
    topic_of,
    values_of,
)
from samples.deploy.hosts import FUNCTION, POD, TASK, environment, settings_of_the_instance

# The pages of the hosts. The page of the module has no commands.
PAGES = sorted(page for page in DEPLOY.glob("*/README.md") if page.parent.name != "terraform")
POD_FLAGS = ("--namespace=copies", "--kubernetes-service-account=gcp-copycat")
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
def test_terraform_gets_the_variables_that_it_requires(page: Path) -> None:
    variables = module(page.parent)["variable"]
    required = {name for name, each in variables.items() if "default" not in each}
    assert applied(page)
    for given in applied(page):
        assert required <= set(given) <= set(variables)


@pytest.mark.parametrize("folder", [DEPLOY / "terraform", *(page.parent for page in PAGES)], ids=lambda path: path.name)
def test_every_variable_has_a_type_and_no_default_names_a_resource(folder: Path) -> None:
    for name, each in module(folder)["variable"].items():
        assert re.fullmatch(r"string|bool|(set|map)\(string\)", each["type"].removeprefix("${").removesuffix("}")), name
        assert each.get("default", "") in ("", False, {}), name


def test_every_host_has_its_own_state_and_names() -> None:
    """Applying one after another changes nothing of the first."""
    names = [module(page.parent)["module"]["copycat"]["name"] for page in PAGES]
    assert names == [f"copycat-{of_page(page)}" for page in PAGES]
    for page in PAGES:
        assert module(page.parent)["provider"]["aws"]["region"] == "${var.region}"
        for path in templates(page.parent):
            assert set(re.findall(r"\$\{(\w+)\}", path.read_text())), path


@pytest.mark.parametrize("host", ["ec2", "ecs", "eks", "lambda"])
def test_no_account_bucket_or_region_is_written_in_a_file(host: str) -> None:
    for path in (DEPLOY / host).rglob("*"):
        if path.is_file() and path.suffix in {".json", ".yaml", ".tf", ".sh"}:
            found = re.findall(r"\b\d{12}\b|\bmy-[a-z0-9-]+|\b[a-z]{2}-[a-z]+-\d\b", path.read_text())
            assert not found, path


def module(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the blocks of a Terraform file: kind and name to attributes."""
    plain = SerializationOptions(with_comments=False, explicit_blocks=False, strip_string_quotes=True)
    document: Any = hcl2.loads((folder / "main.tf").read_text(), serialization_options=plain)
    return {
        kind: {name: each for block in blocks for name, each in block.items()}
        for kind, blocks in document.items()
        if kind in {"variable", "module", "provider", "resource"}
    }


def templates(folder: Path) -> list[Path]:
    """Return the files that Terraform renders for a host."""
    return [folder / name for name in module(folder)["module"]["copycat"]["files"]]


@pytest.mark.parametrize("page", PAGES, ids=of_page)
def test_the_shell_can_read_the_page(page: Path) -> None:
    for script in blocks(page, "sh"):
        subprocess.run(["sh", "-n"], input=script, text=True, check=True, timeout=60)


@pytest.mark.parametrize("page", PAGES, ids=of_page)
def test_the_identity_that_google_sees_is_the_role(page: Path) -> None:
    seen = re.findall(r"Google sees `(\S+?)`", page.read_text())
    assert seen
    assert all(each.startswith(f"{role_of(of_page(page))}/") for each in seen)


@pytest.mark.parametrize("page", PAGES, ids=of_page)
def test_terraform_gives_each_template_the_values_of_the_page(page: Path, terraform: Terraform) -> None:
    role, file = terraform.resources["aws_iam_role.copycat"], terraform.resources["local_file.rendered"]
    assert role["assume_role_policy"] == (
        '${templatefile("${var.folder}/${var.trust_policy}", merge(local.known, var.values))}'
    )
    assert file["content"] == (
        '${templatefile("${var.folder}/${each.key}", merge(local.known, local.created, var.values))}'
    )
    host = Terraform(of_page(page))
    host.values |= {f"var.{name}": value for each in applied(page) for name, value in each.items()}
    own = module(page.parent)["module"]["copycat"].get("values", {})
    known = host.values["local.known"] | own
    created = known | host.values["local.created"]
    for path in [*templates(page.parent), *page.parent.glob("*trust-policy.json")]:
        expressions = known if path in TRUST else created
        for name in re.findall(r"\$\{(\w+)\}", path.read_text()):
            assert host.value(expressions[name]) == values_of(path)[name], (path, name)


def test_the_files_contain_what_terraform_creates(terraform: Terraform) -> None:
    created = {name: terraform.value(text) for name, text in terraform.values["local.created"].items()}
    assert created == {
        "role_arn": "arn:aws:iam::111122223333:role/copycat-ec2",
        "audience": "//iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/copycat-ec2/providers/prod",
        "service_account": "copycat-ec2@my-project.iam.gserviceaccount.com",
    }
    for name in ("ec2/user-data.sh", "ecs/task-definition.json", "eks/cron-job.yaml", "lambda/function.json"):
        text = (DEPLOY / name).read_text()
        assert "${audience}" in text, name
        assert "${service_account}" in text, name
    for page in ("ec2", "ecs", "lambda"):
        assert topic_of(page) in (DEPLOY / page / "README.md").read_text()


def test_terraform_refers_only_to_existing_resources(terraform: Terraform) -> None:
    expressions = re.findall(r"\$\{([a-z_]+\.[a-z_]+)", json.dumps([terraform.resources, terraform.outputs]))
    known = {
        *terraform.resources,
        "path.module",
        "each.key",
        *(name for name in terraform.values if name.count(".") == 1),
    }
    assert set(expressions) <= known | {"var.folder", "var.trust_policy", "var.files", "data.aws_partition"}


@pytest.mark.parametrize("path", TRUST, ids=lambda path: f"{of_page(path)}-{path.stem}")
def test_iam_accepts_the_trust_policy(sandbox: Sandbox, path: Path) -> None:
    """moto checks a policy with IAM's grammar. Only AWS services can assume the role."""
    iam = iam_client(sandbox)
    name = f"{of_page(path)}-{path.stem}"
    text = rendered_file(path)
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=text)
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=text)
    [statement] = json.loads(text)["Statement"]
    [[kind, who]] = statement["Principal"].items()
    assert kind == "Federated" or who.endswith(".amazonaws.com")
    assert set(re.findall(r"\d{12}", text)) <= {ACCOUNT}


@pytest.mark.parametrize(
    ("path", "trust"),
    [
        ("ec2/trust-policy.json", ["--trust=ec2"]),
        ("ecs/trust-policy.json", ["--trust=ecs"]),
        ("lambda/trust-policy.json", ["--trust=lambda"]),
        ("eks/pod-identity-trust-policy.json", ["--trust=eks", *POD_FLAGS]),
        ("eks/irsa-trust-policy.json", [f"--trust=arn:aws:iam::{ACCOUNT}:oidc-provider/{ISSUER}", *POD_FLAGS]),
    ],
)
def test_the_trust_policy_is_that_of_config_setup(
    path: str, trust: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    names = [f"--aws-account={ACCOUNT}", "--aws-role=copycat", f"--project={PROJECT}", f"--project-number={NUMBER}"]
    assert main(["config", "setup", *names, "--direct", *trust]) == 0
    [document] = re.findall("--assume-role-policy-document='(.+)'", capsys.readouterr().out)
    # A sample knows its region.
    assert json.loads(document.replace(":ecs:*:", ":ecs:eu-central-1:")) == json.loads(rendered_file(DEPLOY / path))


def test_ec2_is_another_principal_in_china() -> None:
    [statement] = json.loads((DEPLOY / "ec2" / "trust-policy.json").read_text())["Statement"]
    assert statement["Principal"]["Service"] == "ec2.${dns_suffix}"


def iam_client(sandbox: Sandbox) -> Any:
    import boto3

    keys = {"aws_access_key_id": "x", "aws_secret_access_key": "x", "region_name": "us-east-1"}
    return boto3.client("iam", endpoint_url=sandbox.aws.url, **keys)


@pytest.mark.skipif(shutil.which("terraform") is None, reason="terraform is not installed")
def test_terraform_fmt_changes_nothing() -> None:
    done = subprocess.run(
        ["terraform", f"-chdir={DEPLOY}", "fmt", "-check", "-diff", "-recursive"],
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


@pytest.mark.skipif(shutil.which("terraform") is None, reason="terraform is not installed")
def test_terraform_renders_the_files_as_the_tests_do(tmp_path: Path) -> None:
    """Only outputs: the providers are not available without Hashicorp's registry, and so neither is `terraform validate`."""
    paths = [path for page in PAGES for path in templates(page.parent)]
    calls = [
        f"output {json.dumps(str(number))} {{\n  value = templatefile({json.dumps(str(path))}, {json.dumps(values_of(path))})\n}}\n"
        for number, path in enumerate([*paths, *TRUST])
    ]
    (tmp_path / "main.tf").write_text("".join(calls).replace('output "', 'output "file_'))
    for words in (["init"], ["apply", "-auto-approve"]):
        subprocess.run(["terraform", *words], cwd=tmp_path, check=True, capture_output=True, timeout=120)
    done = subprocess.run(
        ["terraform", "output", "-json"], cwd=tmp_path, check=True, capture_output=True, text=True, timeout=60
    )
    outputs = json.loads(done.stdout)
    for number, path in enumerate([*paths, *TRUST]):
        assert outputs[f"file_{number}"]["value"] == rendered_file(path)
