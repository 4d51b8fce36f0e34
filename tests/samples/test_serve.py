"""The files in samples/serve: their flags exist, their settings agree, and their commands run."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from google_auth_botocore.cli import _parser
from google_auth_botocore.emulator.sandbox import Sandbox
from samples.conftest import SAMPLES, blocks

FOLDER = SAMPLES / "serve"
PAGE = FOLDER / "README.md"
POD: dict[str, Any] = yaml.safe_load((FOLDER / "pod.yaml").read_text(encoding="utf-8"))["spec"]
[SIDECAR] = POD["initContainers"]
[APPLICATION] = POD["containers"]
UNIT = (FOLDER / "google-auth-botocore.service").read_text(encoding="utf-8")
DOCKERFILE = (FOLDER / "Dockerfile").read_text(encoding="utf-8")
ENTRYPOINT: list[str] = json.loads(re.findall("^ENTRYPOINT (.*)$", DOCKERFILE, re.MULTILINE)[0])
HEALTHCHECK: list[str] = json.loads(re.findall("^HEALTHCHECK .* CMD (.*)$", DOCKERFILE, re.MULTILINE)[0])
PORT = "8181"
PROBES = {
    "startup": SIDECAR["startupProbe"]["exec"]["command"],
    "readiness": SIDECAR["readinessProbe"]["exec"]["command"],
    "Docker": HEALTHCHECK,
}


@pytest.mark.parametrize(
    "command",
    [
        [*ENTRYPOINT[1:], *SIDECAR["args"]],
        shlex.split(re.findall("^ExecStart=(.*)$", UNIT, re.MULTILINE)[0])[1:],
    ],
    ids=["pod", "systemd"],
)
def test_the_flags_exist(command: list[str]) -> None:
    options = _parser().parse_args(command)
    assert (options.port, options.any_user, options.command) == (int(PORT), True, [])


def test_every_file_names_the_same_port() -> None:
    for path in FOLDER.iterdir():
        found = set(re.findall(r"127\.0\.0\.1[:', ]+(\d+)", path.read_text(encoding="utf-8")))
        assert found <= {PORT}, path


def test_the_sidecar_is_native_and_has_its_own_user() -> None:
    """Kubernetes starts the application after the startup probe succeeded, and stops the sidecar after it."""
    assert (SIDECAR["restartPolicy"], "startupProbe" in SIDECAR) == ("Always", True)
    assert SIDECAR["securityContext"]["runAsUser"] == int(re.findall("^USER (.*)$", DOCKERFILE, re.MULTILINE)[0])
    assert SIDECAR["securityContext"]["runAsUser"] != APPLICATION["securityContext"]["runAsUser"]
    assert "--any-user" in SIDECAR["args"]


@pytest.fixture(name="served")
def _served(sandbox: Sandbox) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The port of `serve --any-user`, with the instance's role, and its process."""
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in sandbox.credentials_arguments().items()]
    command = [sys.executable, "-m", "google_auth_botocore", "serve", "--any-user", *flags]
    environment = {**os.environ, **sandbox.environment()}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            assert process.stdout is not None
            [port] = set(re.findall(r"127\.0\.0\.1:(\d+)$", process.stdout.read(), re.MULTILINE))
            yield port, process
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
        finally:
            process.kill()


def run(command: list[str], port: str, **options: Any) -> subprocess.CompletedProcess[str]:
    replaced = [word.replace(PORT, port) for word in command]
    return subprocess.run(
        [sys.executable if word == "python" else word for word in replaced],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        **options,
    )


def test_the_probes_succeed_after_the_first_token(served: tuple[str, subprocess.Popen[str]], sandbox: Sandbox) -> None:
    port, _ = served
    while run(PROBES["startup"], port).returncode != 0:
        pass
    for name, command in PROBES.items():
        assert run(command, port).returncode == 0, name
    assert sandbox.google.count("generateAccessToken") == 1


@pytest.mark.parametrize("name", PROBES)
def test_the_probes_fail_without_a_server(name: str) -> None:
    assert run(PROBES[name], "1").returncode != 0


def test_the_application_gets_tokens_as_another_user(
    served: tuple[str, subprocess.Popen[str]], sandbox: Sandbox
) -> None:
    port, _ = served
    variables = {each["name"]: each["value"].replace(PORT, port) for each in APPLICATION["env"]}
    program = (
        "import google.auth, os, sys; from google.auth.transport.requests import Request\n"
        "credentials, project = google.auth.default()\n"
        "if os.getuid() == 0: os.setgroups([]); os.setgid(2000); os.setuid(2000)\n"
        "credentials.refresh(Request())\n"
        "print(project, credentials.token)\n"
    )
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "GOOGLE_", "GCE_"))}
    done = run(["python", "-c", program], "", env={**inherited, **variables})
    assert done.returncode == 0, done.stderr
    project, token = done.stdout.split()
    info = sandbox.google.check_access_token(token)
    assert info is not None
    assert (project, info.principal) == ("my-project", sandbox.service_account)


def test_spark_names_the_server_for_driver_and_executors() -> None:
    lines = (FOLDER / "spark-defaults.conf").read_text(encoding="utf-8").splitlines()
    settings = dict(line.split(maxsplit=1) for line in lines if not line.startswith("#"))
    assert settings["spark.hadoop.fs.gs.auth.type"] == "COMPUTE_ENGINE"
    for side in ("executorEnv", "yarn.appMasterEnv"):
        assert settings[f"spark.{side}.GCE_METADATA_HOST"] == f"127.0.0.1:{PORT}"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_the_unit_is_valid(tmp_path: Path) -> None:
    unit = tmp_path / "google-auth-botocore.service"
    unit.write_text(UNIT.replace("/opt/google-auth-botocore/bin/google-auth-botocore", sys.executable))
    done = subprocess.run(
        ["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_bootstrap_action_is_a_shell_script() -> None:
    path = str(FOLDER / "emr-bootstrap.sh")
    subprocess.run(["sh", "-n", path], check=True, timeout=60)
    if shutil.which("shellcheck"):
        subprocess.run(["shellcheck", path], check=True, timeout=60)


def test_the_code_of_the_page_compiles() -> None:
    for each in blocks(PAGE, "sh"):
        subprocess.run(["sh", "-n"], input=each, text=True, check=True, timeout=60)
