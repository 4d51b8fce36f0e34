"""A workload on an EC2 instance with a role, Google's side, and Cloud Storage, for a library of somebody else's."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from google_auth_botocore import Credentials
from google_auth_botocore.emulator.sandbox import Sandbox


@pytest.fixture(name="sandbox")
def _sandbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """Both clouds on loopback; this process has the instance's environment."""
    with Sandbox() as sandbox:
        for name, value in sandbox.environment().items():
            monkeypatch.setenv(name, value)
        yield sandbox


@pytest.fixture(name="credentials")
def _credentials(sandbox: Sandbox) -> Credentials:
    """What an application on the instance hands to a library."""
    return Credentials(**sandbox.credentials_arguments())
