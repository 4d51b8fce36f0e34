"""gcp_copycat as an ECS task."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from moto.events.models import EventPattern

from google_auth_botocore.emulator.aws import ContainerCredentials
from samples.conftest import commands
from samples.deploy.aws_commands import check
from samples.deploy.conftest import ACCOUNT, DEPLOY, ROLE, World
from samples.deploy.hosts import EVERYTHING, TASK, environment, required_mib


def test_the_task_copies_as_its_role(world: World) -> None:
    session = "0123456789abcdef0123456789abcdef"
    [container] = TASK["containerDefinitions"]
    with ContainerCredentials(lambda: world.issue(session)) as endpoint:
        code, err = world.copy(environment(container, "environment") | endpoint.environment())
    assert code == 0, err
    assert (world.seen, world.copied) == (f"{ROLE}/{session}", EVERYTHING)
    assert TASK["taskRoleArn"] == f"arn:aws:iam::{ACCOUNT}:role/gcp-copycat"


def test_another_task_of_the_account_is_rejected(world: World) -> None:
    [container] = TASK["containerDefinitions"]
    other = f"arn:aws:sts::{ACCOUNT}:assumed-role/other"
    with ContainerCredentials(lambda: world.issue("task", other)) as endpoint:
        code, err = world.copy(environment(container, "environment") | endpoint.environment())
    assert code == 2, err
    assert "rejected by the attribute condition" in err


def test_ecs_accepts_the_definition(world: World) -> None:
    """Checked with botocore's model and with moto's rules for Fargate."""
    check("ecs", "RegisterTaskDefinition", TASK)
    keys = {"aws_access_key_id": "x", "aws_secret_access_key": "x", "region_name": "eu-central-1"}
    ecs = boto3.client("ecs", endpoint_url=world.sandbox.aws.url, **keys)
    registered = ecs.register_task_definition(**TASK)["taskDefinition"]
    assert "FARGATE" in registered["compatibilities"]


def test_the_task_has_the_memory_and_the_time_that_the_program_requires() -> None:
    [container] = TASK["containerDefinitions"]
    settings = environment(container, "environment")
    assert int(TASK["memory"]) >= required_mib(settings)
    assert int(TASK["cpu"]) == 1024 * int(settings["GCP_COPYCAT_PROCESSES"])
    assert 10 < container["stopTimeout"] <= 120  # Fargate's limit
    assert (container["user"], container["readonlyRootFilesystem"]) == ("1000", True)


def test_the_image_contains_the_program_that_it_runs() -> None:
    lines = (DEPLOY / "ecs" / "Dockerfile").read_text().splitlines()
    copied = commands("\n".join(line for line in lines if line.startswith("COPY")))
    assert {words[1]: words[2] for words in copied} == {"gcp_copycat.py": "/app/", "copycat": "/app/copycat/"}
    assert lines[-2:] == ["USER 1000", 'ENTRYPOINT ["python", "/app/gcp_copycat.py"]']


@pytest.mark.parametrize(
    ("container", "expected"),
    [({"exitCode": 0}, False), ({"exitCode": 1}, True), ({"exitCode": 137}, True), ({"name": "never started"}, True)],
    ids=["success", "failure", "killed", "no image"],
)
def test_the_rule_matches_a_task_that_failed(container: dict[str, Any], expected: bool) -> None:
    pattern = EventPattern.load((DEPLOY / "ecs" / "stopped-tasks.json").read_text())
    detail = {"group": f"family:{TASK['family']}", "lastStatus": "STOPPED", "containers": container}
    event: Any = {"source": "aws.ecs", "detail-type": "ECS Task State Change", "detail": detail}
    assert pattern.matches_event(event) is expected
    assert not pattern.matches_event(event | {"detail": detail | {"lastStatus": "RUNNING"}})
    assert not pattern.matches_event(event | {"detail": detail | {"group": "family:another"}})
