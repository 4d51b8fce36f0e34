"""What every test starts from: a machine without a cloud account, whatever this one has."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import dispositions
import hypothesis
import pytest

from google_auth_botocore.emulator import Emulator

# argparse looks for the translation of each of its texts otherwise, in files.
os.environ["LANGUAGE"] = "C"

# The same examples at each run, and no deadline: a timing is never a test.
hypothesis.settings.register_profile("default", derandomize=True, deadline=None, max_examples=50)
hypothesis.settings.load_profile("default")


@pytest.fixture(scope="session", autouse=True)
def _dispositions() -> None:
    """Signals as tests and the programs that they start need them; here, not at import, because workers run the tests."""
    dispositions.make_default()


@pytest.fixture(autouse=True)
def _nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No identity, proxy or configuration of the machine's own."""
    for name in list(os.environ):
        if name.upper().startswith(("AWS_", "GOOGLE_", "GCE_", "CLOUDSDK_", "GCLOUD_")) or name.upper().endswith(
            "_PROXY"
        ):
            monkeypatch.delenv(name)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(home / ".aws" / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(home / ".aws" / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("BOTO_CONFIG", os.devnull)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(home / "gcloud"))


@pytest.fixture(name="google")
def _google() -> Iterator[Emulator]:
    """Google's side, on loopback."""
    with Emulator() as emulator:
        yield emulator
