"""A workload on an EC2 instance with a role, Google's side, and Cloud Storage, for a library of somebody else's."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from consumers.google_clients.apis import Certificate
from google_auth_botocore import Credentials
from google_auth_botocore.emulator.sandbox import Sandbox

pytest.register_assert_rewrite("consumers.matrix")

# Else gcsfs asks Storage Control, which is not there, what kind of bucket it is. It looks when it is imported.
os.environ["GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT"] = "false"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--write-matrix", action="store_true", help="write the table of consumers into the README")


def pytest_configure(config: pytest.Config) -> None:
    # What a library of somebody else's uses that a Python, or another library, newer than it is gives up.
    for category in ("DeprecationWarning", "FutureWarning"):
        config.addinivalue_line("filterwarnings", f"ignore::{category}")


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


@pytest.fixture(scope="session", name="certificate")
def _certificate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Certificate]:
    """Trusted by every channel of this process, because gRPC reads its roots once in a process."""
    certificate = Certificate(tmp_path_factory.mktemp("certificate"))
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", str(certificate.path))
        yield certificate
