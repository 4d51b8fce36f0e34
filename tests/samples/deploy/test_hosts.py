"""gcp_copycat on each host, with the environment that the files give it and the role that the host gives it."""

from __future__ import annotations

import importlib
import json
import re
from pathlib import Path
from typing import Any

import boto3
import kubernetes.client
import pytest
import yaml

from google_auth_botocore.emulator.aws import ContainerCredentials, InstanceMetadata
from samples.conftest import SAMPLE, commands
from samples.deploy.aws_commands import check
from samples.deploy.conftest import ACCOUNT, DEPLOY, ROLE, World, printed

EVERYTHING = ["b", "reports/a"]
TASK = json.loads((DEPLOY / "ecs" / "task-definition.json").read_text())
FUNCTION = json.loads((DEPLOY / "lambda" / "function.json").read_text())
USER_DATA = (DEPLOY / "ec2" / "user-data.sh").read_text()
IRSA, POD_IDENTITY, CRON_JOB = (
    yaml.safe_load((DEPLOY / "eks" / f"{name}.yaml").read_text()) for name in ("irsa", "pod-identity", "cron-job")
)
POD = CRON_JOB["spec"]["jobTemplate"]["spec"]["template"]["spec"]


def environment(container: dict[str, Any], key: str) -> dict[str, str]:
    return {each["name"]: each["value"] for each in container[key]}


class TestEcs:
    def test_the_task_copies_as_its_role(self, world: World) -> None:
        session = "0123456789abcdef0123456789abcdef"
        [container] = TASK["containerDefinitions"]
        with ContainerCredentials(lambda: world.issue(session)) as endpoint:
            assert world.copy(environment(container, "environment") | endpoint.environment()) == 0
        assert (world.seen, world.copied) == (f"{ROLE}/{session}", EVERYTHING)
        assert TASK["taskRoleArn"] == f"arn:aws:iam::{ACCOUNT}:role/gcp-copycat"

    def test_another_task_of_the_account_is_refused(self, world: World, capsys: pytest.CaptureFixture[str]) -> None:
        [container] = TASK["containerDefinitions"]
        other = f"arn:aws:sts::{ACCOUNT}:assumed-role/other"
        with ContainerCredentials(lambda: world.issue("task", other)) as endpoint:
            assert world.copy(environment(container, "environment") | endpoint.environment()) == 2
        assert "rejected by the attribute condition" in capsys.readouterr().err

    def test_ecs_takes_the_definition(self, world: World) -> None:
        """By botocore's model, and by what moto knows of Fargate."""
        check("ecs", "RegisterTaskDefinition", TASK)
        keys = {"aws_access_key_id": "x", "aws_secret_access_key": "x", "region_name": "eu-central-1"}
        ecs = boto3.client("ecs", endpoint_url=world.sandbox.aws.url, **keys)
        made = ecs.register_task_definition(**TASK)["taskDefinition"]
        assert "FARGATE" in made["compatibilities"]

    def test_the_image_has_what_it_runs(self) -> None:
        lines = (DEPLOY / "ecs" / "Dockerfile").read_text().splitlines()
        [[_, *files, place]] = commands("\n".join(line for line in lines if line.startswith("COPY")))
        assert sorted(files) == modules()
        assert lines[-1] == f'ENTRYPOINT ["python", "{place}gcp_copycat.py"]'


class TestLambda:
    def test_the_function_copies_as_its_role(self, world: World) -> None:
        keys = world.issue(FUNCTION["FunctionName"])
        world.set(
            {
                **FUNCTION["Environment"]["Variables"],
                "AWS_ACCESS_KEY_ID": keys.access_key_id,
                "AWS_SECRET_ACCESS_KEY": keys.secret_access_key,
                "AWS_SESSION_TOKEN": str(keys.session_token),
                "AWS_REGION": "eu-central-1",
            }
        )
        module, _, name = FUNCTION["Handler"].rpartition(".")
        [invoke] = [words for words in printed(DEPLOY / "lambda" / "README.md", "aws") if "invoke" in words]
        event = json.loads(invoke[invoke.index("--payload") + 1])

        said = getattr(importlib.import_module(module), name)(event, None)

        assert said["copied"] == {"objects": 1, "bytes": 1}
        assert (world.seen, world.copied) == (f"{ROLE}/gcp-copycat", ["reports/a"])

    def test_the_package_has_what_it_runs(self) -> None:
        [words] = printed(DEPLOY / "lambda" / "README.md", "cp")
        assert sorted(Path(word).name for word in words[1:-1]) == modules()
        assert all((DEPLOY / "lambda" / word).is_file() for word in words[1:-1])


class TestEc2:
    def test_the_instance_copies_as_its_role(self, world: World) -> None:
        lines = commands(USER_DATA)
        exported = dict(words[1].split("=", 1) for words in lines if words[0] == "export")
        assert lines[-1][-2:] == ["/opt/gcp-copycat/app/gcp_copycat.py", "--no-progress"]
        with InstanceMetadata(lambda: world.issue("i-0a1b2c3d4e5f60718"), role="gcp-copycat") as imds:
            assert world.copy(exported | imds.environment()) == 0
        assert (world.seen, world.copied) == (f"{ROLE}/i-0a1b2c3d4e5f60718", EVERYTHING)

    def test_the_program_is_where_the_instance_looks_for_it(self) -> None:
        upload = next(words for words in printed(DEPLOY / "ec2" / "README.md", "aws") if words[1:3] == ["s3", "cp"])
        download = next(words for words in commands(USER_DATA) if words[:3] == ["aws", "s3", "cp"])
        assert upload[-1] == download[-2]
        assert (DEPLOY / "ec2" / upload[-2]).resolve() == SAMPLE


class TestEks:
    def test_the_pod_copies_by_pod_identity(self, world: World, tmp_path: Path) -> None:
        [container] = POD["containers"]
        session = "eks-my-cluster-gcp-copycat-4a0f0d8e-3a53-4e0e-9a7a-0f4f3c0f7f2b"
        token = tmp_path / "eks-pod-identity-token"
        token.write_text("a token of the cluster's")
        with ContainerCredentials(lambda: world.issue(session), token=token) as agent:
            assert world.copy(environment(container, "env") | agent.environment()) == 0
        assert (world.seen, world.copied) == (f"{ROLE}/{session}", EVERYTHING)

    def test_the_pod_copies_by_irsa(self, world: World, tmp_path: Path) -> None:
        """The webhook sets what the annotation says; moto is the STS that takes the cluster's token."""
        [container] = POD["containers"]
        token = tmp_path / "token"
        token.write_text("a token of the cluster's")
        webhook = {
            "AWS_ROLE_ARN": IRSA["metadata"]["annotations"]["eks.amazonaws.com/role-arn"],
            "AWS_WEB_IDENTITY_TOKEN_FILE": str(token),
            "AWS_REGION": "eu-central-1",
        }
        assert world.copy(environment(container, "env") | webhook) == 0
        assert re.fullmatch(f"{ROLE}/botocore-session-\\d+", world.seen)
        assert world.copied == EVERYTHING

    def test_the_policies_and_commands_name_this_pod(self) -> None:
        where = (CRON_JOB["metadata"]["namespace"], POD["serviceAccountName"])
        for account in (IRSA, POD_IDENTITY):
            assert (account["metadata"]["namespace"], account["metadata"]["name"]) == where
        [statement] = json.loads((DEPLOY / "eks" / "irsa-trust-policy.json").read_text())["Statement"]
        issuer = statement["Principal"]["Federated"].partition(":oidc-provider/")[2]
        assert statement["Condition"]["StringEquals"] == {
            f"{issuer}:aud": "sts.amazonaws.com",
            f"{issuer}:sub": f"system:serviceaccount:{':'.join(where)}",
        }
        [association] = [
            dict(zip(words[3::2], words[4::2], strict=True))
            for words in printed(DEPLOY / "eks" / "README.md", "aws")
            if "create-pod-identity-association" in words
        ]
        assert (association["--namespace"], association["--service-account"]) == where

    @pytest.mark.parametrize("document", [IRSA, POD_IDENTITY, CRON_JOB], ids=["IRSA", "Pod Identity", "CronJob"])
    def test_kubernetes_knows_every_field(self, document: dict[str, Any]) -> None:
        """Its client's models are made from its OpenAPI document: what they do not know, or is of another kind, is lost."""
        client = kubernetes.client.ApiClient()
        read = client.deserialize(json.dumps(document), f"V1{document['kind']}", "application/json")
        assert client.sanitize_for_serialization(read) == document

    def test_the_commands_apply_what_is_there(self) -> None:
        applied = [words for words in printed(DEPLOY / "eks" / "README.md", "kubectl") if words[1] == "apply"]
        files = [words[3::2] for words in applied]
        assert files == [["pod-identity.yaml", "cron-job.yaml"], ["irsa.yaml", "cron-job.yaml"]]


def modules() -> list[str]:
    """The files that the program is made of."""
    return sorted(path.name for path in SAMPLE.glob("*.py") if path.name != "demo.py")
