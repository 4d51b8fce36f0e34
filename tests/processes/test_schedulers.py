"""A hundred tasks in two worker processes make two exchanges, with the real schedulers. PySpark and Ray: tests/consumers."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import distributed
import joblib
import pytest
from joblib.externals import loky

from google_auth_botocore.emulator.sandbox import Sandbox
from processes.proofs import PATIENCE, TASKS, Fleet, prove, use_environment

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform does not fork"),
    # Since Python 3.12, a fork of a process with threads is a warning. These tests do it on purpose.
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]


@pytest.fixture(name="sandbox")
def _sandbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        for name, value in sandbox.environment().items():
            monkeypatch.setenv(name, value)
        yield sandbox


@pytest.fixture(name="fleet")
def _fleet(sandbox: Sandbox, tmp_path: Path) -> Fleet:
    return Fleet(sandbox, tmp_path / "meetings")


@pytest.mark.parametrize("method", ["fork", "spawn", pytest.param("forkserver", marks=pytest.mark.slow)])
def test_process_pool(fleet: Fleet, method: str) -> None:
    context, environment = multiprocessing.get_context(method), dict(os.environ)
    with ProcessPoolExecutor(2, context, initializer=use_environment, initargs=(environment,)) as pool:
        for _ in range(2):
            folder = fleet.meeting()
            fleet.check(pool.map(prove, [fleet.credentials] * TASKS, [folder] * TASKS, timeout=PATIENCE))


@pytest.mark.slow
def test_joblib(fleet: Fleet) -> None:
    try:
        with joblib.parallel_config("loky", n_jobs=2):
            for _ in range(2):
                folder = fleet.meeting()
                tasks = (joblib.delayed(prove)(fleet.credentials, folder) for _ in range(TASKS))
                fleet.check(joblib.Parallel(batch_size=1, timeout=PATIENCE)(tasks))
    finally:
        loky.get_reusable_executor().shutdown(wait=True)


@pytest.mark.slow
def test_dask(fleet: Fleet) -> None:
    """All ways to pass the credentials to a task, one after the other, with the same two workers."""
    credentials = fleet.credentials
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=2, processes=True, host="127.0.0.1", dashboard_address=":0"
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        folder = fleet.meeting()
        submitted = [client.submit(prove, credentials, folder, pure=False) for _ in range(TASKS)]
        fleet.check(client.gather(submitted))

        mapped = client.map(prove, [credentials] * TASKS, [fleet.meeting()] * TASKS, pure=False)
        fleet.check(client.gather(mapped))

        for broadcast in (False, True):
            scattered, folder = client.scatter(credentials, broadcast=broadcast), fleet.meeting()
            workers = list(client.scheduler_info()["workers"])
            tasks = [
                client.submit(prove, scattered, folder, pure=False, workers=workers[number % 2])
                for number in range(TASKS)
            ]
            fleet.check(client.gather(tasks))

        folder = fleet.meeting()
        closures = [client.submit(lambda: prove(credentials, folder), pure=False) for _ in range(TASKS)]
        fleet.check(client.gather(closures))
