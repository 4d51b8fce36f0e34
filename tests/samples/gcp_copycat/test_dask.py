"""gcp_copycat on a Dask cluster whose workers are processes on this machine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from copycat.dask_workers import _zipped
from distributed import Client, LocalCluster

from google_auth_botocore.emulator.sandbox import Sandbox
from samples.conftest import Copycat


@pytest.fixture(scope="module", name="cluster")
def _cluster(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("dask"))
        with LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0", env=sandbox.environment()
        ) as cluster:
            yield cluster


def outcomes(manifest: Path) -> dict[str, str]:
    lines = [json.loads(line) for line in manifest.read_text().splitlines()]
    found = {line["name"]: line["outcome"] for line in lines}
    assert len(found) == len(lines)
    return found


@pytest.mark.slow
class TestDask:
    def test_the_workers_copy_with_the_same_manifest_as_on_one_machine(
        self, copycat: Copycat, cluster: LocalCluster, tmp_path: Path
    ) -> None:
        contents = {f"object-{number}": b"%d" % number for number in range(50)} | {"large": bytes(range(256)) * 70_000}
        for name, content in contents.items():
            copycat.put(name, content)
        copycat.put_with_wrong_checksum("wrong", b"wrong")

        code, out, err = copycat.run("--dask", cluster.scheduler_address, "--manifest", str(tmp_path / "m"))

        assert (code, err.count("\n")) == (1, 1), err
        assert "failed: wrong: " in err
        assert contents == copycat.copied()
        assert outcomes(tmp_path / "m") == {**dict.fromkeys(contents, "copied"), "wrong": "failed"}
        code, out, _ = copycat.run("--dask", cluster.scheduler_address, "--exclude", "wrong")
        assert (code, "skipped        51 objects" in out) == (0, True)

    def test_a_killed_worker_loses_nothing_and_only_its_running_copies_are_repeated(
        self, copycat: Copycat, cluster: LocalCluster, tmp_path: Path
    ) -> None:
        contents = {f"object-{number:03}": b"%d" % number for number in range(300)}
        for name, content in contents.items():
            copycat.put(name, content)
        storage = copycat.sandbox.storage
        before, storage.latency = len(storage.downloads), 0.1
        try:
            process = copycat.start(
                "--dask", cluster.scheduler_address, "--manifest", str(tmp_path / "m"), "--workers", "8"
            )
            while len(copycat.listed()) < 40:
                assert process.poll() is None, process.communicate()
                time.sleep(0.05)
            with Client(cluster.scheduler_address, set_as_default=False) as client:
                os.kill(next(iter(client.run(os.getpid).values())), signal.SIGKILL)
            _, err = process.communicate(timeout=120)
        finally:
            process.kill()
            storage.latency = 0

        assert (process.returncode, err) == (0, "")
        assert contents == copycat.copied()
        assert set(outcomes(tmp_path / "m")) == set(contents)
        # Repeated are at most the running copies of the worker's threads, and those whose result it could not report.
        assert len(storage.downloads) - before <= len(contents) + 16

    def test_each_worker_has_its_own_identity(self, copycat: Copycat, cluster: LocalCluster) -> None:
        """No token is sent through Dask. Each worker process and the listing process get their own."""
        for number in range(100):
            copycat.put(f"object-{number}")
        storage = copycat.sandbox.storage
        storage.tokens.clear()
        storage.latency = 0.05
        try:
            code, _, err = copycat.run("--dask", cluster.scheduler_address, "--workers", "4")
        finally:
            storage.latency = 0
        assert (code, err) == (0, "")
        assert len(storage.tokens) == 3

    def test_sigterm_also_stops_the_workers(self, copycat: Copycat, cluster: LocalCluster) -> None:
        for number in range(200):
            copycat.put(f"object-{number:03}")
        copycat.sandbox.storage.latency = 0.3
        try:
            process = copycat.start("--dask", cluster.scheduler_address, "--workers", "4")
            while not copycat.listed():
                assert process.poll() is None, process.communicate()
                time.sleep(0.05)
            process.terminate()
            out, err = process.communicate(timeout=10)
        finally:
            process.kill()
            copycat.sandbox.storage.latency = 0
        assert process.returncode == 143, err
        assert f"copied   {len(copycat.listed()):8} objects" in out


def test_a_missing_scheduler_exits_with_2(copycat: Copycat) -> None:
    copycat.put("object")
    code, _, err = copycat.run("--dask", "nonsense://127.0.0.1:1")
    assert code == 2
    assert err.startswith("gcp_copycat: Cannot connect to a Dask scheduler at nonsense://127.0.0.1:1: ")


def test_the_workers_receive_the_whole_package(tmp_path: Path) -> None:
    """A process without the package on its path can import it."""
    archive = _zipped(tmp_path)
    code = "import sys; sys.path.insert(0, sys.argv[1]); import copycat.dask_workers as it, copycat.workers; print(it.__file__)"
    shown = subprocess.run(
        [sys.executable, "-c", code, str(archive)], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60
    )
    assert shown.stdout.startswith(str(archive))
