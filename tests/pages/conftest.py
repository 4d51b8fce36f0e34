"""A shell on an instance, in which the blocks of a page run."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from google_auth_botocore.emulator.sandbox import Sandbox
from pages import stand_ins
from pages.markdown import ROOT
from samples import addresses

Shell = Callable[[str], str]


@pytest.fixture(name="shell")
def _shell(tmp_path: Path) -> Shell:
    """Return a function that runs commands and returns what they print. Google's and AWS's addresses lead to emulators."""
    work, start = tmp_path / "work", tmp_path / "start"
    for directory in (work, start):
        directory.mkdir()
    stand_ins.install(work)

    def run(commands: str) -> str:
        with Sandbox() as sandbox:
            redirects = {
                **addresses.of_sandbox(sandbox),
                f"https://sts.{sandbox.imds.region}.amazonaws.com": sandbox.aws.url,
            }
            environment = {
                **os.environ,
                **sandbox.environment(),
                **addresses.redirect_children(redirects, start),
                "PATH": os.pathsep.join([str(work / "bin"), os.environ["PATH"]]),
            }
            environment["PYTHONPATH"] += os.pathsep + str(ROOT / "src")
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", commands],
                cwd=work,
                env=environment,
                capture_output=True,
                text=True,
                check=False,
                timeout=300,
            )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run
