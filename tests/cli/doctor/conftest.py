"""The sandbox: a healthy workload for doctor."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from pathlib import Path

import pytest
from emulator.workload import Workload

from cli.conftest import Run
from cli.doctor.aws_sts import AwsSts
from cli.doctor.sandbox import Sandbox, healthy_flags
from google_auth_botocore._shared_token_credentials import SourceCredentials
from google_auth_botocore.cli.doctor import _waiting


@pytest.fixture(name="sandbox")
def _sandbox(run: Run, workload: Workload, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Sandbox]:
    from cli.doctor.sandbox import SkippingClock

    monkeypatch.setattr(SourceCredentials, "_clock", SkippingClock())
    # Standard error has a line for each wait of 5 seconds, which a resolver or a busy machine may take. test_terminal tests the line.
    monkeypatch.setattr(_waiting, "_PATIENCE_IN_A_LOG", math.inf)
    with contextlib.ExitStack() as running:
        aws = running.enter_context(AwsSts(workload.google))
        yield Sandbox(run, workload, aws, monkeypatch, tmp_path / "home", running, healthy_flags(workload, aws))
