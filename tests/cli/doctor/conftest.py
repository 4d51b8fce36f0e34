"""A healthy workload for doctor."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from emulator.workload import Workload

from cli.conftest import Run
from cli.doctor.aws_sts import AwsSts
from cli.doctor.sandbox import Sandbox, usual_flags
from google_auth_botocore._shared_token_credentials import SourceCredentials


@pytest.fixture(name="sandbox")
def _sandbox(run: Run, workload: Workload, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Sandbox]:
    from cli.doctor.sandbox import Impatient

    monkeypatch.setattr(SourceCredentials, "_clock", Impatient())
    with contextlib.ExitStack() as running:
        aws = running.enter_context(AwsSts(workload.google))
        yield Sandbox(run, workload, aws, monkeypatch, tmp_path / "home", running, usual_flags(workload, aws))
