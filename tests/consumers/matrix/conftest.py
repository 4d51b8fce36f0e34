"""One sandbox for all cells, because it takes half a second to stop; each cell has a world of its own in it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from consumers.google_clients.apis import Certificate
from consumers.matrix.world import BUCKET, OBJECTS, World
from google_auth_botocore.emulator.sandbox import Sandbox

_COUNT = itertools.count(1)


@pytest.fixture(scope="session", name="both_clouds")
def _both_clouds() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        bucket = sandbox.storage_client().create_bucket(BUCKET)
        for name, content in OBJECTS.items():
            bucket.blob(name).upload_from_string(content)
        yield sandbox


@pytest.fixture(name="world")
def _world(both_clouds: Sandbox, certificate: Certificate, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    world = World(both_clouds, certificate, monkeypatch, f"world-{next(_COUNT)}")
    with world.http, world.grpc:
        yield world
