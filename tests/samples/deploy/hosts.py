"""The files that deploy gcp_copycat, as the tests read them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import yaml

from samples.conftest import SAMPLE
from samples.deploy.conftest import DEPLOY, rendered_file

# The user of the image.
USER = "10001"
EVERYTHING = ["b", "reports/a"]
TASK = json.loads(rendered_file(DEPLOY / "ecs" / "task-definition.json"))
FUNCTION = json.loads(rendered_file(DEPLOY / "lambda" / "function.json"))
USER_DATA = rendered_file(DEPLOY / "ec2" / "user-data.sh")
UNITS = DEPLOY / "ec2" / "units"
IRSA, POD_IDENTITY, CRON_JOB = (
    yaml.safe_load(rendered_file(DEPLOY / "eks" / f"{name}.yaml")) for name in ("irsa", "pod-identity", "cron-job")
)
DASK = list(yaml.safe_load_all(rendered_file(DEPLOY / "eks" / "dask.yaml")))
POD = CRON_JOB["spec"]["jobTemplate"]["spec"]["template"]["spec"]
# The pages' figures for a process without the content that it copies, and for one part of an object of 5 TiB.
PROCESS_MIB = 150
LARGEST_PART_MIB = 525


def environment(container: dict[str, Any], key: str) -> dict[str, str]:
    return {each["name"]: each["value"] for each in container[key]}


def settings_of_the_instance() -> dict[str, str]:
    """Return what the instance's first start writes into the unit's EnvironmentFile."""
    [block] = re.findall(r"^cat > /etc/gcp-copycat\.env <<'END'\n(.*?)^END$", USER_DATA, re.DOTALL | re.MULTILINE)
    return dict(line.split("=", 1) for line in block.splitlines())


def required_mib(settings: dict[str, str]) -> int:
    """Return the memory that the processes require, with content of the largest objects."""
    processes = int(settings["GCP_COPYCAT_PROCESSES"])
    return (processes + 1) * PROCESS_MIB + max(int(settings["GCP_COPYCAT_MEMORY"]), processes * LARGEST_PART_MIB)


def mib(quantity: str) -> int:
    """Return Kubernetes' or systemd's quantity of memory in MiB."""
    found = re.fullmatch(r"(\d+)(Gi|Mi|M|G)", quantity)
    assert found, quantity
    return int(found[1]) * (1024 if found[2].startswith("G") else 1)


def program() -> list[Path]:
    """Return the file and the folder of the program."""
    return [SAMPLE / "gcp_copycat.py", SAMPLE / "copycat"]


def files_of_the_program() -> list[Path]:
    """Return every Python file of the program."""
    return [SAMPLE / "gcp_copycat.py", *(SAMPLE / "copycat").rglob("*.py")]
