"""The demo of gcp_copycat, as `nox -s demo` runs it."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from samples.conftest import SAMPLE


@pytest.mark.slow
def test_the_demo_runs_and_all_its_checks_pass() -> None:
    """The exit code is 0 only if all of its checks pass."""
    run = subprocess.run(
        [sys.executable, str(SAMPLE / "demo.py")], capture_output=True, text=True, timeout=300, check=False
    )

    # On a Python version that they no longer support, Google's libraries print a warning of two lines.
    errors = re.sub(r".*FutureWarning: You are using a .*\n.*\n", "", run.stderr)
    assert (run.returncode, errors) == (0, ""), run.stdout
    assert "different             none" in run.stdout
    assert "FAILED" not in run.stdout
