"""APIs over HTTP and over gRPC that accept the sandbox's tokens."""

from __future__ import annotations

from collections.abc import Iterator

import certifi
import pytest

from consumers.google_clients.apis import Certificate, GrpcApi, HttpApi
from google_auth_botocore.emulator.sandbox import Sandbox


@pytest.fixture(name="api")
def _api(sandbox: Sandbox) -> Iterator[HttpApi]:
    with HttpApi(sandbox.google) as api:
        yield api


@pytest.fixture(name="https_api")
def _https_api(sandbox: Sandbox, certificate: Certificate, monkeypatch: pytest.MonkeyPatch) -> Iterator[HttpApi]:
    """An API over HTTPS, whose certificate requests and certifi trust."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate.path))
    monkeypatch.setattr(certifi, "where", lambda: str(certificate.path))
    with HttpApi(sandbox.google, certificate) as api:
        yield api


@pytest.fixture(name="grpc_api")
def _grpc_api(sandbox: Sandbox, certificate: Certificate) -> Iterator[GrpcApi]:
    with GrpcApi(sandbox.google, certificate) as api:
        yield api
