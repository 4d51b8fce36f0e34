"""Run the command for a workload with AWS keys in the environment, against an emulator."""

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


class Result(NamedTuple):
    """The result of a command."""

    code: int
    out: str
    error: str


Run = Callable[..., Result]


@pytest.fixture(name="run")
def _run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command in this process."""

    def run(*arguments: str) -> Result:
        try:
            code = main(arguments)
        except SystemExit as stop:  # argparse exits by itself
            code = stop.code if isinstance(stop.code, int) else 1
        return Result(code, *capsys.readouterr())

    return run


@pytest.fixture(name="flags")
def _flags(workload: Workload) -> list[str]:
    """Flags with which the workload gets tokens."""
    return [
        f"--audience={workload.provider.audience}",
        f"--service-account={workload.account.email}",
        f"--token-url={workload.google.token_url}",
        f"--iam-credentials-endpoint={workload.google.iam_credentials_endpoint}",
    ]


def command(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a separate process."""
    return subprocess.run(
        [sys.executable, "-m", "google_auth_botocore", *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        check=False,
        timeout=60,
    )
