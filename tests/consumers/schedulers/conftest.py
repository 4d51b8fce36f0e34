"""The driver of a scheduler with two workers."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from processes.proofs import Fleet

from google_auth_botocore.emulator.sandbox import Sandbox

TESTS = Path(__file__).parent.parent.parent


@pytest.fixture(name="fleet")
def _fleet(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fleet:
    # Workers import the task's module.
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(TESTS.parent / "src"), str(TESTS)]))
    return Fleet(sandbox, tmp_path / "meetings")
