"""The command `python -m google_auth_botocore.emulator`."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from variations import few

from emulator.service import MODULE, command, serving


@contextmanager
def running(*arguments: str, end: int = signal.SIGTERM) -> Iterator[str]:
    """Run the command, yield its instructions, and stop it with a signal."""
    with serving("--port", "0", *arguments, end=end) as service:
        yield service.printed
    assert service.errors == ""


def shell(instructions: str, command: str, tmp_path: Path) -> str:
    """Run the instructions and a command in a shell, and return what it prints."""
    result = subprocess.run(
        ["sh", "-ec", f"{instructions}\n{command}"],
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 0, f"{command} printed:\n{result.stdout}\n{result.stderr}"
    return result.stdout


@pytest.mark.parametrize("arguments", few([["--service-account"], []]))
def test_google_auth_works_with_the_instructions(tmp_path: Path, arguments: list[str]) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "import google.auth, google.auth.transport.requests as transport\n"
        "credentials, project = google.auth.default(scopes=['https://www.googleapis.com/auth/cloud-platform'])\n"
        "credentials.refresh(transport.Request())\n"
        "print(project, credentials.token[:5])\n"
    )
    with running(*arguments) as instructions:
        printed = shell(instructions, f"{sys.executable} {program.name}", tmp_path)

    assert printed == "my-project ya29.\n"
    config = json.loads((tmp_path / "external_account.json").read_text())
    assert ("service_account_impersonation_url" in config) is (not arguments)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("gcloud") is None, reason="gcloud is not installed")
@pytest.mark.parametrize("arguments", [(), ("--service-account",)])
def test_gcloud_works_with_the_instructions(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """With direct resource access, gcloud also introspects its token as an OAuth client."""
    with running(*arguments, end=signal.SIGINT) as instructions:
        assert shell(instructions, "gcloud auth print-access-token", tmp_path).startswith("ya29.")


def test_the_token_command_works_with_the_instructions(tmp_path: Path) -> None:
    with running() as instructions:
        [command] = re.findall("^#   (google-auth-botocore token .*)$", instructions, re.MULTILINE)
        printed = shell(
            instructions, command.replace("google-auth-botocore", f"{sys.executable} -m google_auth_botocore"), tmp_path
        )
    assert printed.startswith("ya29.")


def test_instructions_include_this_library() -> None:
    with running("--pool", "p", "--provider", "q", "--project-number", "42") as instructions:
        assert "//iam.googleapis.com/projects/42/locations/global/workloadIdentityPools/p/providers/q" in instructions
        assert "token_url='http://127.0.0.1:" in instructions
        assert "iam_credentials_endpoint='http://127.0.0.1:" in instructions


def test_with_an_sts_endpoint_no_keys_are_issued() -> None:
    with running("--sts-verdict-url", "http://127.0.0.1:9") as instructions:
        assert "# AWS keys: any keys that http://127.0.0.1:9 accepts." in instructions
        assert "AWS_ACCESS_KEY_ID" not in instructions


def test_a_port_in_use_is_reported_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        result = command("-m", MODULE, "--port", port)
    assert result.returncode == 1
    assert result.stderr == (
        f"Cannot start the emulator: port {port} of 127.0.0.1 is in use by another process. Pass another --port, or "
        "--port 0 for any free port.\n"
    )


def test_a_host_of_another_machine_is_reported_in_one_line() -> None:
    result = command("-m", MODULE, "--host", "192.0.2.1", "--port", "0")
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == (
        "Cannot start the emulator: 192.0.2.1 is not an address of this machine. Pass another --host.\n"
    )


@pytest.mark.parametrize(("wrong", "right"), [("--prot=1", "--port"), ("--google-host", "--google-hosts")])
def test_a_mistyped_or_abbreviated_flag_gets_a_suggestion(wrong: str, right: str) -> None:
    result = command("-m", MODULE, wrong)
    assert result.returncode == 2
    assert f": Did you mean {right}" in result.stderr


@pytest.mark.parametrize("port", few(["65536", "-1", "x"]))
def test_an_invalid_port_is_rejected(port: str) -> None:
    result = command("-m", MODULE, f"--port={port}")
    assert result.returncode == 2
    assert result.stderr.endswith(f"error: argument --port: invalid port {port!r}: must be 0-65535\n")


def test_a_port_too_long_for_an_int_is_rejected_without_its_text() -> None:
    result = command("-m", MODULE, "--port=" + "9" * 5000)
    assert result.returncode == 2
    assert "error: argument --port: the value is hidden" in result.stderr
    assert "999" not in result.stderr


INVALID = "Invalid attribute condition:"


@pytest.mark.parametrize(
    ("argument", "message"),
    few(
        [
            ("--service-account=not an address", "'not an address' is not the e-mail address of a service account."),
            (
                "--attribute-condition=x ==",
                f"{INVALID} ERROR: <expression>:1:3: Syntax error: not a CEL expression: 'x =='.",
            ),
            (
                "--attribute-condition=true &&\n$",
                f"{INVALID} ERROR: <expression>:2:1: Syntax error: not a CEL expression: '$'.",
            ),
            ("--attribute-condition= ", f"{INVALID} ERROR: <expression>:1:1: Syntax error: not a CEL expression: ' '."),
        ]
    ),
    ids=["address", "condition", "two lines", "empty"],
)
def test_an_invalid_value_is_reported_in_one_line(argument: str, message: str) -> None:
    result = command("-m", MODULE, "--port=0", argument)
    assert (result.returncode, result.stderr) == (1, f"Cannot start the emulator: {message}\n")


def test_a_missing_extra_is_reported() -> None:
    run = f"runpy._run_module_as_main({MODULE!r})"
    result = command("-c", f"import runpy, sys; sys.modules['celpy'] = None; {run}")

    assert result.returncode == 1
    assert "The emulator requires cel-python" in result.stderr
    assert "pip install 'google-auth-botocore[emulator]'" in result.stderr
    assert "Traceback" not in result.stderr
