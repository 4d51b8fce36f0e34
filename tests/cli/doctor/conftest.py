"""A healthy workload for doctor to look at."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from emulator.workload import Workload

from cli.conftest import Run
from cli.doctor.aws_sts import AwsSts
from cli.doctor.ward import Ward, usual_flags
from google_auth_botocore._shared_token_credentials import SourceCredentials


@pytest.fixture(name="ward")
def _ward(run: Run, workload: Workload, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Ward]:
    from cli.doctor.ward import Impatient

    monkeypatch.setattr(SourceCredentials, "_clock", Impatient())
    with contextlib.ExitStack() as running:
        aws = running.enter_context(AwsSts(workload.google))
        yield Ward(run, workload, aws, monkeypatch, tmp_path / "home", running, usual_flags(workload, aws))
