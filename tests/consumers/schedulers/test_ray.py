"""A hundred Ray tasks in two workers make two exchanges, however the credentials reach the tasks."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from typing import Any

import pytest
from processes.proofs import PATIENCE, TASKS, Fleet, Proof, prove

ray = pytest.importorskip("ray", reason="Ray has no wheel for this Python")


@pytest.fixture(name="cluster")
def _cluster(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Two workers, which start after the credentials exist."""
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    # Not pytest's folder, whose path is too long for sockets.
    with tempfile.TemporaryDirectory(prefix="ray", ignore_cleanup_errors=True) as folder:
        ray.init(
            num_cpus=2,
            include_dashboard=False,
            object_store_memory=80_000_000,
            log_to_driver=False,
            _node_ip_address="127.0.0.1",
            _temp_dir=folder,
        )
        yield
        ray.shutdown()


@pytest.mark.usefixtures("cluster")
def test_ray(fleet: Fleet) -> None:
    """A task's argument, an object in the store, and actors, one after the other."""
    credentials, task = fleet.credentials, ray.remote(prove)

    folder = fleet.meeting()
    fleet.check(ray.get([task.remote(credentials, folder) for _ in range(TASKS)], timeout=PATIENCE))

    stored, folder = ray.put(credentials), fleet.meeting()
    fleet.check(ray.get([task.remote(stored, folder) for _ in range(TASKS)], timeout=PATIENCE))

    class Actor:
        def __init__(self, credentials: Any) -> None:
            self._credentials = credentials

        def prove(self, other: Any, folder: str) -> tuple[Proof, Proof]:
            return prove(self._credentials, folder), prove(other, folder)

    remote = ray.remote(Actor)
    actors, folder = [remote.remote(each) for each in (credentials, stored)], fleet.meeting()
    pairs = ray.get([actors[number % 2].prove.remote(credentials, folder) for number in range(TASKS)], timeout=PATIENCE)
    fleet.check([proof for pair in pairs for proof in pair])
