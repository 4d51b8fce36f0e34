"""Programs in place of gcloud and aws, and a run with them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from live.accounts import Accounts
from live.throwaway import Throwaway

ACCOUNTS = Accounts(
    aws="123456789012",
    partition="aws",
    caller="arn:aws:sts::123456789012:assumed-role/AWSReservedSSO_Admin_0123/alice",
    region="eu-central-1",
    project="secret-project",
    number="210987654321",
    secrets=("ya29.a0ARrdaM8Qb7xZ_kP3", "theSecretKeyOfTheAdministrator0123456789"),
)


@pytest.fixture(name="programs")
def _programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on the PATH. Its programs record their calls in `calls`, and reply as if everything had been deleted."""
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    replies = {
        "aws": '*Account*) echo 123456789012;; *Arn*) echo a:aws:b;; *) echo "(NoSuchEntity)" >&2; exit 254;;',
        "gcloud": '*"projects describe"*) echo 210987654321;; *describe*) echo "NOT_FOUND" >&2; exit 1;;',
    }
    for name, cases in replies.items():
        program(folder, name, cases)
    return folder


def program(folder: Path, name: str, cases: str) -> None:
    """Create a program from the branches of a `case` for its arguments."""
    path = folder / name
    path.write_text(f'#!/bin/sh\necho "{name} $*" >> {folder}/calls\ncase "$*" in\n{cases}\nesac\n')
    path.chmod(0o755)


@pytest.fixture(name="resources")
def _resources(programs: Path, tmp_path: Path) -> Throwaway:
    """The resources of a run that has begun."""
    resources = Throwaway(ACCOUNTS, tmp_path / "out")
    resources.print_scripts()
    resources.create_bucket()
    resources.begun += resources.setups
    return resources
