"""Programs of other projects check every file of their kind in this repository. `nox -s samples` installs them."""

from __future__ import annotations

import fnmatch
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from samples.conftest import SAMPLES, blocks
from samples.deploy.conftest import DEPLOY, values_of
from samples.deploy.policies import render

ROOT = SAMPLES.parent
FOLDERS = ("samples", ".github", ".ci")
# What only the module in deploy/terraform knows.
MODULE = {
    "topic": "arn:aws:sns:eu-central-1:111122223333:copycat-ec2-alarms",
    "account": "111122223333",
    "kms_key": "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
}
# checkov and cfn-lint have their own environment, because they require other versions of boto3.
HEAVY = os.environ.get("VALIDATORS", "")


class Exempt(NamedTuple):
    """A finding that is accepted."""

    rule: str
    where: str
    reason: str


SHELL = [
    Exempt("SC2016", "samples/recipes/README.md", "the inner shell expands the variable"),
    Exempt("SC2046", ".github/troubleshooting.md", "a project's id has no spaces"),
    Exempt("SC3045", ".github/troubleshooting.md", "interactive shells have this option of ulimit"),
]
CHECKOV = [
    Exempt("CKV_K8S_11", "*", "a CPU limit slows a pod down although its node is idle"),
    Exempt("CKV_K8S_15", "*", "a tag in the registry never changes (IMMUTABLE), so there is nothing to pull again"),
    Exempt("CKV_K8S_43", "*", "readers build the images; a tag in the registry never changes"),
    Exempt("CKV_K8S_8", "Deployment.copies.dask-worker", "Dask's nanny restarts a worker that does not respond"),
    Exempt("CKV_K8S_9", "Deployment.copies.dask-worker", "no service sends requests to a worker"),
    Exempt("CKV_K8S_8", "Pod.apps.my-app", "the application, and how to probe it, is the reader's"),
    Exempt("CKV_K8S_9", "Pod.apps.my-app", "the application, and how to probe it, is the reader's"),
    Exempt("CKV_DOCKER_2", "/samples/deploy/ecs/Dockerfile.", "the program copies once and ends"),
    Exempt("CKV_GCP_125", "*", "about GitHub's tokens, and this provider accepts AWS roles"),
    Exempt("CKV_AWS_26", "*.alarms", "CloudWatch and EventBridge cannot publish to a topic with AWS's own key"),
    Exempt("CKV_AWS_18", "*.state", "only the program and administrators can read the checkpoint"),
    Exempt("CKV_AWS_144", "*.state", "a lost checkpoint costs one listing"),
    Exempt("CKV_AWS_145", "*.state", "S3 encrypts with its own key; the checkpoint has names of objects only"),
    Exempt("CKV2_AWS_6", "*.state", "S3 blocks public access to new buckets by default"),
    Exempt("CKV2_AWS_62", "*.state", "no program waits for a new checkpoint"),
]
# JSON files that no validator knows.
JSON = [
    Exempt("*", "samples/deploy/ec2/units/amazon-cloudwatch-agent.json", "the agent's schema is in no registry"),
    Exempt("*", "samples/emulator/settings.json", "tests/emulator starts the emulator with it"),
]


@pytest.fixture(scope="module", name="tree")
def _tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the repository's files in which Terraform's templates are rendered with the values of the pages."""
    tree = tmp_path_factory.mktemp("tree")
    for folder in FOLDERS:
        shutil.copytree(ROOT / folder, tree / folder, ignore=shutil.ignore_patterns("__pycache__", ".terraform*"))
    for path in (tree / "samples" / "deploy").rglob("*"):
        if path.is_file() and path.suffix in {".json", ".yaml", ".sh"}:
            host = path.relative_to(tree / "samples" / "deploy").parts[0]
            values = values_of(DEPLOY / ("ec2" if host == "terraform" else host) / path.name) | MODULE
            path.write_text(render(path.read_text(), values))
    return tree


def files(*patterns: str) -> list[Path]:
    """Return the repository's files whose names match, relative to its root."""
    found = [
        path.relative_to(ROOT)
        for folder in FOLDERS
        for path in sorted((ROOT / folder).rglob("*"))
        if path.is_file() and not {"__pycache__", "rendered"} & {*path.parts}
    ]
    return [path for path in found if any(fnmatch.fnmatch(path.name, pattern) for pattern in patterns)]


def scripts() -> list[Path]:
    """Return the shell scripts: by their extension, or their first line."""
    return [
        path
        for path in files("*")
        if path.suffix == ".sh" or re.match(rb"#!.*\b(ba|da)?sh\b", (ROOT / path).read_bytes()[:80])
    ]


def dockerfiles(tree: Path) -> Iterator[tuple[str, str]]:
    """Yield the name and the text of each Dockerfile, also of those within a compose file."""
    for path in files("*Dockerfile*", "*.dockerfile"):
        yield str(path), (tree / path).read_text()
    for path in files("*compose*.y*ml"):
        for name, service in yaml.safe_load((tree / path).read_text())["services"].items():
            if inline := service.get("build", {}).get("dockerfile_inline"):
                yield f"{path}: {name}", inline


def manifests() -> list[Path]:
    """Return the files that Kubernetes reads."""
    return [
        path
        for path in files("*.y*ml")
        if re.search(r"^apiVersion:.*\n+kind:", (ROOT / path).read_text(), re.MULTILINE)
    ]


def program(name: str) -> str:
    """Return the path of a validator that `nox -s samples` has installed. Versions of the machine may find something else."""
    if not HEAVY:
        pytest.skip("run `nox -s samples`")
    folders = (HEAVY, str(Path(sys.executable).parent))
    found = next(filter(None, (shutil.which(name, path=folder) for folder in folders)), None)
    assert found, f"{name} is not installed"
    return found


def output(*command: str, text: str | None = None, folder: Path = ROOT) -> tuple[int, str]:
    """Run a validator; return its exit code and what it prints."""
    done = subprocess.run(
        command, input=text, cwd=folder, capture_output=True, text=True, check=False, timeout=300, env=_quiet()
    )
    return done.returncode, done.stdout + done.stderr


def _quiet() -> dict[str, str]:
    return {**os.environ, "NO_COLOR": "1", "CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1"}


def exempt(exemptions: list[Exempt], rule: str, where: str) -> Exempt | None:
    matching = (each for each in exemptions if each.rule in {rule, "*"} and fnmatch.fnmatch(where, each.where))
    return next(matching, None)


def test_each_kind_of_file_is_found() -> None:
    """A pattern that finds nothing would check nothing."""
    assert {path.name for path in scripts()} >= {"user-data.sh", "emr-bootstrap.sh", "run"}
    assert {path.parent.name for path in files("*Dockerfile*")} >= {"ecs", "serve"}
    assert {path.name for path in manifests()} >= {"cron-job.yaml", "dask.yaml", "irsa.yaml", "pod.yaml"}
    assert len(files("*.tf")) >= 5
    assert len(files("*.json")) >= 10


@pytest.mark.parametrize("path", scripts(), ids=str)
def test_shellcheck_accepts_the_script(tree: Path, path: Path) -> None:
    code, found = output(program("shellcheck"), str(path), folder=tree)
    assert code == 0, found


@pytest.mark.parametrize("path", [path for path in files("*.md") if blocks(ROOT / path, "sh")], ids=str)
def test_shellcheck_accepts_the_commands_of_the_page(path: Path) -> None:
    """The blocks of a page are one script, because later ones use the variables of earlier ones."""
    script = "".join(blocks(ROOT / path, "sh"))
    _, found = output(program("shellcheck"), "--shell=sh", "--format=gcc", "-", text=script)
    findings = [line for line in found.splitlines() if line.strip()]
    rules = {line: line.rpartition("[")[2].strip("]") for line in findings}
    assert [line for line, rule in rules.items() if not exempt(SHELL, rule, str(path))] == []
    expected = {each.rule for each in SHELL if fnmatch.fnmatch(str(path), each.where)}
    assert expected <= set(rules.values()), "an exemption that is no longer necessary"


def test_hadolint_accepts_every_dockerfile(tree: Path) -> None:
    found = {name: output(program("hadolint"), "-", text=text) for name, text in dockerfiles(tree)}
    assert len(found) >= 4
    assert {name: text for name, (code, text) in found.items() if code} == {}


@pytest.mark.parametrize("version", ["1.31.0", "1.37.0"])
def test_kubernetes_accepts_the_manifests(tree: Path, version: str) -> None:
    """Checked against the schema of the oldest version that the page allows, and of a new one."""
    paths = map(str, manifests())
    code, found = output(
        program("kubernetes-validate"), "--strict", "--kubernetes-version", version, *paths, folder=tree
    )
    assert code == 0, found


def test_compose_accepts_the_files(tree: Path) -> None:
    paths = [str(path) for path in files("*compose*.y*ml")]
    code, found = output(program("check-jsonschema"), "--builtin-schema=vendor.compose-spec", *paths, folder=tree)
    assert code == 0, found


def test_actionlint_accepts_the_workflows(tree: Path) -> None:
    paths = [str(path) for path in files("*.y*ml") if path.parent.name == "workflows"]
    assert paths
    code, found = output(program("actionlint"), "-no-color", *paths, folder=tree)
    assert code == 0, found


def test_terraform_accepts_the_format(tree: Path) -> None:
    code, found = output(program_or_skip("terraform"), "fmt", "-check", "-diff", "-recursive", folder=tree)
    assert (code, "---" in found) == (0, False), found


@pytest.mark.slow
@pytest.mark.parametrize("folder", sorted({path.parent for path in files("*.tf")}), ids=str)
def test_terraform_accepts_the_configuration(tree: Path, folder: Path) -> None:
    terraform = program_or_skip("terraform")
    code, found = output(terraform, "init", "-backend=false", "-input=false", "-no-color", folder=tree / folder)
    if code and re.search(r"no such host|Failed to query available provider|could not connect", found):
        pytest.skip("HashiCorp's registry is unreachable")
    assert code == 0, found
    code, found = output(terraform, "validate", "-no-color", folder=tree / folder)
    assert code == 0, found


def program_or_skip(name: str) -> str:
    """Return the path of a program that no Python package contains."""
    return shutil.which(name) or pytest.skip(f"{name} is not installed")


def test_cfn_lint_accepts_every_json_file_as_the_property_of_a_resource(tree: Path, tmp_path: Path) -> None:
    """It knows IAM's grammar, every action of every service, and the properties of each resource."""
    resources, unknown = {}, set()
    for path in files("*.json"):
        if known := resource(path, json.loads((tree / path).read_text())):
            resources[re.sub(r"\W", "", str(path.with_suffix("")).title())] = known
        else:
            unknown.add(str(path))
    assert unknown == {each.where for each in JSON}
    template = tmp_path / "template.json"
    template.write_text(json.dumps({"AWSTemplateFormatVersion": "2010-09-09", "Resources": resources}, indent=1))
    code, found = output(program("cfn-lint"), "--regions=eu-central-1", "--template", str(template))
    assert code == 0, found


def resource(path: Path, document: Any) -> dict[str, Any] | None:
    """Return the resource of CloudFormation that has this document, or None."""
    kind: str = ""
    properties: dict[str, Any] = {}
    if isinstance(document, list):
        machines = {"InstanceCount": 1, "InstanceType": "m5.xlarge"}
        instances = {"MasterInstanceGroup": machines, "CoreInstanceGroup": machines}
        roles = {"ServiceRole": "EMR_DefaultRole", "JobFlowRole": "EMR_EC2_DefaultRole"}
        kind, properties = "EMR::Cluster", {"Name": "my-cluster", "Instances": instances, **roles}
        # The API's name of this field is that of CloudFormation's resource, so CloudFormation has another one.
        properties["Configurations"] = json.loads(
            json.dumps(document).replace('"Properties": ', '"ConfigurationProperties": ')
        )
    elif "Statement" in document:
        principals = any("Principal" in each for each in document["Statement"])
        if "trust" in path.name:
            kind, properties = "IAM::Role", {"AssumeRolePolicyDocument": document}
        elif not principals:
            kind, properties = "IAM::ManagedPolicy", {"PolicyDocument": document}
        elif "bucket" in path.name:
            kind, properties = "S3::BucketPolicy", {"Bucket": "my-program-bucket", "PolicyDocument": document}
        else:
            kind, properties = "SNS::TopicPolicy", {"Topics": [MODULE["topic"]], "PolicyDocument": document}
    elif "containerDefinitions" in document:
        kind, properties = "ECS::TaskDefinition", capitalised(document)
    elif "Runtime" in document:
        kind, properties = "Lambda::Function", {**document, "Code": {"ZipFile": "content"}}
    elif "detail-type" in document:
        kind, properties = "Events::Rule", {"EventPattern": document}
    return {"Type": f"AWS::{kind}", "Properties": properties} if kind else None


def capitalised(value: Any, *, names: bool = True) -> Any:
    """Return an ECS document with the names of CloudFormation. The options of a log driver keep theirs."""
    if isinstance(value, dict):
        return {
            name[:1].upper() + name[1:] if names else name: capitalised(each, names=name != "options")
            for name, each in value.items()
        }
    return [capitalised(each) for each in value] if isinstance(value, list) else value


def test_checkov_accepts_the_terraform_the_manifests_and_the_images(tree: Path) -> None:
    frameworks = ("terraform", "kubernetes", "dockerfile", "github_actions")
    options = ("--quiet", "--skip-download", "--output=json", "--framework", *frameworks)
    _, printed = output(program("checkov"), "--directory=.", *options, folder=tree)
    reports = json.loads(printed[printed.index("[") :])
    assert {each["check_type"] for each in reports} == set(frameworks)
    assert all(each["summary"]["passed"] for each in reports)
    findings = [
        (each["check_id"], each["resource"]) for report in reports for each in report["results"]["failed_checks"]
    ]
    accepted = {finding: exempt(CHECKOV, *finding) for finding in findings}
    assert [finding for finding, reason in accepted.items() if reason is None] == []
    assert [each for each in CHECKOV if each not in accepted.values()] == [], "exemptions that are no longer necessary"
