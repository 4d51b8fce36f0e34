"""Run samples that require third-party libraries, in the environment that has them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from samples.conftest import QUIET, SAMPLES
from samples.conftest import _configured as _configured  # noqa: PLC0414
from samples.conftest import _redirects as _redirects  # noqa: PLC0414 - fixtures
from samples.conftest import _run as _run  # noqa: PLC0414

from google_auth_botocore.emulator.sandbox import Sandbox
from samples import addresses

Started = Callable[..., str]


@pytest.fixture(name="start")
def _start(sandbox: Sandbox, redirects: dict[str, str], configured: None, tmp_path: Path) -> Started:
    """Return a function that runs a program in its own process, which may start others, and returns what it prints."""

    def start(*arguments: str, **environment: str) -> str:
        known = {
            **os.environ,
            **QUIET,
            **addresses.redirect_children(redirects, tmp_path),
            # gcsfs does not use requests, and would call Storage Control for the bucket's type.
            "STORAGE_EMULATOR_HOST": sandbox.storage.url,
            "GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT": "false",
            **environment,
        }
        command = [sys.executable, *arguments]
        done = subprocess.run(
            command, env=known, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=300
        )
        assert done.returncode == 0, done.stderr
        assert not any(token in done.stdout + done.stderr for token in sandbox.storage.tokens)
        return done.stdout

    return start


def path(sample: str) -> str:
    """Return the path of a sample."""
    return str(SAMPLES / sample)
