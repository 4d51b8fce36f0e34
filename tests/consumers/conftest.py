"""A sandbox with an EC2 instance, Google's side and Cloud Storage, for tests of third-party libraries."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from consumers.google_clients.apis import Certificate
from google_auth_botocore import Credentials
from google_auth_botocore.emulator.sandbox import Sandbox

pytest.register_assert_rewrite("consumers.matrix")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--write-matrix", action="store_true", help="update the table of client libraries on the page of the adapters"
    )


def pytest_configure(config: pytest.Config) -> None:
    # A third-party library may use what a newer Python or a newer dependency has deprecated.
    for category in ("DeprecationWarning", "FutureWarning"):
        config.addinivalue_line("filterwarnings", f"ignore::{category}")


@pytest.fixture(name="sandbox")
def _sandbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """Both clouds on loopback. This process has the instance's environment."""
    with Sandbox() as sandbox:
        for name, value in sandbox.environment().items():
            monkeypatch.setenv(name, value)
        yield sandbox


@pytest.fixture(name="credentials")
def _credentials(sandbox: Sandbox) -> Credentials:
    """The credentials that an application on the instance passes to a library."""
    return Credentials(**sandbox.credentials_arguments())


@pytest.fixture(scope="session", name="certificate")
def _certificate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Certificate]:
    """A certificate that all gRPC channels trust. It exists once, because gRPC reads its roots once per process."""
    certificate = Certificate(tmp_path_factory.mktemp("certificate"))
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", str(certificate.path))
        yield certificate
