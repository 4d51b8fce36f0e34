"""The Dask cluster of the EKS page, as processes with the commands, settings and identities of their pods."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from google_auth_botocore.emulator.aws import ContainerCredentials
from samples.deploy.conftest import World, role_of
from samples.deploy.hosts import DASK, EVERYTHING, environment

HOST = "eks"
ROLE = role_of(HOST)


PODS = {
    each["metadata"]["name"]: each["spec"]["template"]["spec"] for each in DASK if "template" in each.get("spec", {})
}
SECONDS = 60


@pytest.mark.slow
def test_the_job_copies_with_the_identities_of_the_workers(world: World, tmp_path: Path) -> None:
    address_file = tmp_path / "scheduler.json"
    [scheduler], [worker], [job] = (
        PODS[name]["containers"] for name in ("dask-scheduler", "dask-worker", "gcp-copycat-dask")
    )
    start = [*scheduler["command"], "--scheduler-file", str(address_file)]
    start[start.index("--port") + 1] = "0"
    with (
        pod_identity(world, "dask-worker") as of_the_worker,
        pod_identity(world, "gcp-copycat-dask") as of_the_job,
        running(start, {}, tmp_path),
    ):
        address = wait_for(address_file)
        command = [address if word.startswith("tcp://") else word for word in worker["command"]]
        command[command.index("--local-directory") + 1] = str(tmp_path)
        with running(command, world.environment(of_the_worker), tmp_path):
            arguments = [address if word.startswith("tcp://") else word for word in job["args"]]
            code, err = world.copy({**environment(job, "env"), **of_the_job}, *arguments)
    assert code == 0, err
    assert world.copied == EVERYTHING
    seen = {str(call.assertion["arn"]) for call in world.sandbox.google.calls if call.assertion}
    assert {f"{ROLE}/dask-worker", f"{ROLE}/gcp-copycat-dask"} <= seen


@contextlib.contextmanager
def pod_identity(world: World, session: str) -> Iterator[Mapping[str, str]]:
    with ContainerCredentials(lambda: world.issue(session)) as agent:
        yield agent.environment()


@contextlib.contextmanager
def running(command: list[str], variables: Mapping[str, str], folder: Path) -> Iterator[None]:
    """Run the process of a pod, and stop it as Kubernetes does."""
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    program = str(Path(sys.executable).parent / command[0])
    env = {"PATH": path, "HOME": str(folder), **variables}
    with (folder / f"{command[1]}.log").open("wb") as log:
        process = subprocess.Popen([program, *command[1:]], env=env, cwd=folder, stdout=log, stderr=log)
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(SECONDS)
        finally:
            process.kill()


def wait_for(file: Path) -> str:
    """Wait until the scheduler has written its address to the file, and return it."""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        with contextlib.suppress(OSError, ValueError):
            return str(json.loads(file.read_text())["address"])
        time.sleep(0.05)
    raise AssertionError(f"no scheduler within {SECONDS} s")
