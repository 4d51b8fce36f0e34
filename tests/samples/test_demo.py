"""The demo, as `nox -s demo` runs it."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from samples.conftest import SAMPLE


@pytest.mark.slow
def test_the_demo_runs_and_everything_in_it_holds() -> None:
    """Its own checks are its exit code."""
    run = subprocess.run(
        [sys.executable, str(SAMPLE / "demo.py")], capture_output=True, text=True, timeout=300, check=False
    )

    # Google's libraries tell a Python that they no longer support so, in two lines.
    errors = re.sub(r".*FutureWarning: You are using a .*\n.*\n", "", run.stderr)
    assert (run.returncode, errors) == (0, ""), run.stdout
    assert "different             none" in run.stdout
    assert "FAILED" not in run.stdout
