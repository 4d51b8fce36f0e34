"""gcp_copycat as an ECS task."""

from __future__ import annotations

import json
import re
from importlib import metadata
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.events.models import EventPattern
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from google_auth_botocore.emulator.aws import ContainerCredentials
from samples.conftest import commands
from samples.deploy.aws_commands import check
from samples.deploy.conftest import ACCOUNT, DEPLOY, World, printed, role_of
from samples.deploy.hosts import EVERYTHING, TASK, USER, environment, required_mib

HOST = "ecs"
PAGE = DEPLOY / "ecs" / "README.md"
TEXT = (DEPLOY / "ecs" / "Dockerfile").read_text()
LINES = TEXT.splitlines()
PINS = (DEPLOY / "ecs" / "requirements.txt").read_text()
ROLE = role_of(HOST)


def test_the_task_copies_as_its_role(world: World) -> None:
    session = "0123456789abcdef0123456789abcdef"
    [container] = TASK["containerDefinitions"]
    with ContainerCredentials(lambda: world.issue(session)) as endpoint:
        code, err = world.copy(environment(container, "environment") | endpoint.environment())
    assert code == 0, err
    assert (world.seen, world.copied) == (f"{ROLE}/{session}", EVERYTHING)
    assert TASK["taskRoleArn"] == f"arn:aws:iam::{ACCOUNT}:role/copycat-ecs"


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
    assert 60 <= int(settings["GCP_COPYCAT_DEADLINE"]) <= 86_400


def test_the_task_has_no_privilege_and_the_platform_of_the_image() -> None:
    [container] = TASK["containerDefinitions"]
    assert (container["user"], container["readonlyRootFilesystem"]) == (USER, True)
    assert container["linuxParameters"] == {"capabilities": {"drop": ["ALL"]}}
    assert TASK["runtimePlatform"] == {"cpuArchitecture": "X86_64", "operatingSystemFamily": "LINUX"}
    [build] = [words for words in printed(PAGE, "docker") if words[1] == "build"]
    assert build[build.index("--platform") + 1] == "linux/amd64"


def test_the_user_can_write_to_each_volume_of_the_task() -> None:
    """ECS creates a volume with the owner and the mode of the image's folder, if the image declares the volume."""
    [container] = TASK["containerDefinitions"]
    [declared] = [json.loads(line.removeprefix("VOLUME ")) for line in LINES if line.startswith("VOLUME")]
    assert [each["containerPath"] for each in container["mountPoints"]] == declared


def test_the_image_contains_the_program_that_it_runs() -> None:
    copied = commands("\n".join(line for line in LINES if line.startswith("COPY")))
    assert [words[1:] for words in copied] == [
        ["requirements.txt", "google_auth_botocore-*.whl", "/wheels/"],
        ["gcp_copycat.py", "/app/"],
        ["copycat", "/app/copycat/"],
    ]
    assert LINES[-2:] == [f"USER {USER}", 'ENTRYPOINT ["python", "/app/gcp_copycat.py"]']
    # The commands of the page put each of these files into the folder.
    [wheel] = printed(PAGE, "pip")
    [copy] = printed(PAGE, "cp")
    assert {Path(word).name for word in copy[2:-1]} | {"google_auth_botocore-*.whl"} == {
        Path(word).name for words in copied for word in words[1:-1]
    }
    assert copy[-1].rstrip("/") == wheel[wheel.index("--wheel-dir") + 1]
    assert all((PAGE.parent / word).exists() for word in copy[2:-1])


def test_the_image_has_a_pinned_python_and_installs_only_pinned_files() -> None:
    [base] = [line for line in LINES if line.startswith("FROM")]
    assert re.fullmatch(r"FROM python:3\.\d+\.\d+-slim-\w+", base)
    [install] = [" ".join(line.split()) for line in TEXT.replace("\\\n", "").splitlines() if line.startswith("RUN")]
    for each in install.split(" && "):
        assert "--require-hashes" in each or "--no-deps" in each


def test_the_pinned_versions_satisfy_every_requirement_of_the_program() -> None:
    """Of this package, its extra and Dask, and of what these require, on Linux with the image's Python."""
    pinned = {
        canonicalize_name(name): Version(version)
        for name, version in re.findall(r"^([\w.-]+)==(\S+) \\\n +--hash=sha256:", PINS, re.MULTILINE)
    }
    assert len(pinned) == PINS.count("==")
    [python] = re.findall(r"^FROM python:(\d+\.\d+)", TEXT, re.MULTILINE)
    linux = {"sys_platform": "linux", "platform_system": "Linux", "python_version": python, "os_name": "posix"}
    linux |= {"python_full_version": f"{python}.0", "implementation_name": "cpython"}
    found: set[str] = set()
    todo = [Requirement("google-auth-botocore[copycat]"), Requirement("distributed>=2025.1.0")]
    while todo:
        requirement = todo.pop()
        name = canonicalize_name(requirement.name)
        if name != "google-auth-botocore":
            assert name in pinned, requirement
            assert pinned[name] in requirement.specifier, requirement
        if str(requirement) not in found:
            found.add(str(requirement))
            todo += [
                each
                for each in map(Requirement, metadata.requires(requirement.name) or ())
                if any(
                    each.marker is None or each.marker.evaluate({**linux, "extra": extra})
                    for extra in ("", *requirement.extras)
                )
            ]
    assert {canonicalize_name(Requirement(each).name) for each in found} - {"google-auth-botocore"} == set(pinned)


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
