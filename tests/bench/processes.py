"""Starts and controls the processes of a run: servers and contestants."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bench.contestants import Urls

_TESTS = str(Path(__file__).parents[1])
# As long as the keys of a role.
_KEYS = {
    "AWS_ACCESS_KEY_ID": "ASIABENCHBENCHBENCH1",
    "AWS_SECRET_ACCESS_KEY": "bench/se+cret" * 3,
    "AWS_SESSION_TOKEN": "IQoJb3Jp/2lu+2Vj" * 50,
}
_REGION = {"AWS_REGION": "eu-central-1", "AWS_DEFAULT_REGION": "eu-central-1"}


def environment(home: str, *, keys: bool = True, region: bool = True, metadata: str = "") -> dict[str, str]:
    """Return all environment variables of a contestant. From this machine it only has PATH."""
    return {
        "HOME": home,
        "PATH": os.environ["PATH"],
        "PYTHONPATH": _TESTS,
        **(_KEYS if keys else {"AWS_EC2_METADATA_SERVICE_ENDPOINT": metadata}),
        **(_REGION if region else {}),
    }


class Server:
    """One server, which can be killed and started again on the same port."""

    def __init__(self) -> None:
        self._port = 0
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "bench.server", str(self._port)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": _TESTS})
        assert self._process.stdout is not None
        self._port = int(self._process.stdout.readline())
        self.url = f"http://127.0.0.1:{self._port}"

    def kill(self) -> None:
        self._process.kill()
        self._process.communicate(timeout=60)

    def set(self, **settings: float) -> int:
        """Change the settings and return the number of calls since the last change."""
        request = urllib.request.Request(f"{self.url}/control", json.dumps(settings).encode())
        with urllib.request.urlopen(request, timeout=60) as reply:
            return int(json.load(reply)["calls"])


class Servers:
    """All servers that a contestant calls, in the order of `Urls`."""

    def __init__(self) -> None:
        self._all = [Server() for _ in Urls._fields]
        self.sts, self.iam, self.metadata, self.aws = self._all
        self.urls = Urls(*(server.url for server in self._all))

    def set(self, **settings: float) -> list[int]:
        """Change the settings of all servers and return the calls of each since the last change."""
        return [server.set(**settings) for server in self._all]

    def kill(self) -> None:
        for server in self._all:
            server.kill()


class CannotError(Exception):
    """A contestant does not support a measurement."""


class Contestant:
    """The process of one contestant."""

    def __init__(self, name: str, python: str, urls: Urls, env: Mapping[str, str]) -> None:
        command = [python, "-m", "bench.worker", name, *urls]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=env, text=True
        )

    def send(self, method: str, *arguments: object) -> None:
        """Start a method of the worker. `receive` waits for its result."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([method, *arguments]) + "\n")
        self._process.stdin.flush()

    def receive(self) -> Any:
        assert self._process.stdout is not None
        result, error = json.loads(self._process.stdout.readline())
        if error is not None:
            raise CannotError(error)
        return result

    def do(self, method: str, *arguments: object) -> Any:
        self.send(method, *arguments)
        return self.receive()

    def kill(self) -> None:
        self._process.kill()
        self._process.communicate(timeout=60)


@contextlib.contextmanager
def contestants(pythons: Mapping[str, str], urls: Urls, env: Mapping[str, str]) -> Iterator[dict[str, Contestant]]:
    """Run a process for each contestant until the block ends."""
    running = {name: Contestant(name, python, urls, env) for name, python in pythons.items()}
    try:
        yield running
    finally:
        for each in running.values():
            each.kill()


def cold_start(name: str, python: str, urls: Urls, env: Mapping[str, str]) -> float:
    """Return the seconds that a process takes from its start to its exit after the first token."""
    start = time.perf_counter()
    subprocess.run([python, "-m", "bench.cold", name, *urls], env=env, check=True, capture_output=True, timeout=300)
    return time.perf_counter() - start
