"""Time limits of real Celery and RQ workers: they stop a task that waits for a token, and the next tasks work."""

from __future__ import annotations

import importlib
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from core.slow_server import SLOW, SlowServer, reply, whole

pytestmark = pytest.mark.slow

TESTS = Path(__file__).parent.parent
# Longer than an attempt without a reply, so that the exchange of a stopped task finishes first.
LONG_LIMIT = 30


@pytest.fixture(name="server")
def _server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[SlowServer]:
    with SlowServer(SLOW["silence"]) as server:
        for name, value in {
            "AWS_ACCESS_KEY_ID": "AKID",
            "AWS_SECRET_ACCESS_KEY": "SECRET",
            "AWS_REGION": "us-east-1",
            "CREDENTIALS_URL": server.url,
            "QUEUE_FOLDER": str(tmp_path),
            "PYTHONPATH": os.pathsep.join([str(TESTS.parent / "src"), str(TESTS), str(TESTS / "processes")]),
        }.items():
            monkeypatch.setenv(name, value)
        for folder in ("queue", "done", "control", "results"):
            (tmp_path / folder).mkdir()
        yield server


def _check(server: SlowServer, run: Callable[[str, int], str], limit: str) -> None:
    assert run("prepare", LONG_LIMIT) == "prepared"
    start = time.monotonic()
    assert run("token", 2) == limit
    assert time.monotonic() - start < 20, "the limit took effect too late"
    server.script = whole(reply())
    assert [run("token", LONG_LIMIT) for _ in range(3)] == ["federated-good"] * 3


def test_celery(server: SlowServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("celery")
    monkeypatch.syspath_prepend(TESTS / "processes")
    monkeypatch.delitem(sys.modules, "queues.tasks", raising=False)
    tasks: Any = importlib.import_module("queues.tasks")
    command = (
        sys.executable,
        "-m",
        "celery",
        "-A",
        "queues.tasks",
        "worker",
        "-P",
        "prefork",
        "-c",
        "1",
        "-l",
        "WARNING",
    )
    with subprocess.Popen(command, cwd=tmp_path) as worker:
        try:
            _check(
                server,
                lambda name, limit: str(tasks.in_celery[name].apply_async(soft_time_limit=limit).get(timeout=60)),
                "SoftTimeLimitExceeded",
            )
        finally:
            worker.terminate()
            worker.wait(60)


def test_rq(server: SlowServer, tmp_path: Path) -> None:
    rq, redis = pytest.importorskip("rq"), pytest.importorskip("redis")
    if shutil.which("redis-server") is None:
        pytest.skip("RQ requires redis-server, which is not installed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    broker = subprocess.Popen(
        ("redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path)),
        stdout=subprocess.DEVNULL,
    )
    url = f"redis://127.0.0.1:{port}"
    try:
        connection = redis.Redis.from_url(url, retry=redis.retry.Retry(redis.backoff.ConstantBackoff(0.1), 100))
        connection.ping()
        # SimpleWorker runs all jobs in one process, each with its own alarm.
        command = (
            sys.executable,
            "-m",
            "rq.cli",
            "worker",
            "--url",
            url,
            "--worker-class",
            "rq.SimpleWorker",
            "--quiet",
        )
        with subprocess.Popen(command, cwd=tmp_path) as worker, connection:
            try:
                queue = rq.Queue(connection=connection)

                def run(name: str, limit: int) -> str:
                    job = queue.enqueue(f"queues.tasks.{name}", job_timeout=limit)
                    deadline = time.monotonic() + 60
                    while job.get_status(refresh=True) not in ("finished", "failed"):
                        assert time.monotonic() < deadline
                        time.sleep(0.05)
                    return str(job.return_value(refresh=True))

                _check(server, run, "JobTimeoutException")
            finally:
                worker.terminate()
                worker.wait(60)
    finally:
        broker.terminate()
        broker.wait(60)
