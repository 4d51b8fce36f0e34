"""One sandbox for all cells, because it takes 0.5 s to stop. Each cell has its own harness in it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from consumers.google_clients.apis import Certificate
from consumers.matrix.harness import BUCKET, OBJECTS, Harness
from google_auth_botocore.emulator.sandbox import Sandbox

_COUNT = itertools.count(1)


@pytest.fixture(scope="session", name="both_clouds")
def _both_clouds() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        bucket = sandbox.storage_client().create_bucket(BUCKET)
        for name, content in OBJECTS.items():
            bucket.blob(name).upload_from_string(content)
        yield sandbox


@pytest.fixture(name="harness")
def _world(both_clouds: Sandbox, certificate: Certificate, monkeypatch: pytest.MonkeyPatch) -> Iterator[Harness]:
    harness = Harness(both_clouds, certificate, monkeypatch, f"cell-{next(_COUNT)}")
    with harness.http, harness.grpc:
        yield harness
