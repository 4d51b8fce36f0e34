"""The command, and a workload for it: Google's side on loopback, and AWS keys in the environment."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from typing import NamedTuple

import pytest
from emulator.workload import Workload
from service_account.conftest import _workload as _workload  # noqa: PLC0414 - a fixture

from google_auth_botocore.cli import main


class Done(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    error: str


Run = Callable[..., Done]


@pytest.fixture(name="run")
def _run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command in this process."""

    def run(*arguments: str) -> Done:
        try:
            code = main(arguments)
        except SystemExit as stopped:  # argparse ends the process itself
            code = stopped.code if isinstance(stopped.code, int) else 1
        return Done(code, *capsys.readouterr())

    return run


@pytest.fixture(name="flags")
def _flags(workload: Workload) -> list[str]:
    """The flags of an identity that may get tokens."""
    return [
        f"--audience={workload.provider.audience}",
        f"--service-account={workload.account.email}",
        f"--token-url={workload.google.token_url}",
        f"--iam-credentials-endpoint={workload.google.iam_credentials_endpoint}",
    ]


def command(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs the command as a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "google_auth_botocore", *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        check=False,
        timeout=60,
    )
