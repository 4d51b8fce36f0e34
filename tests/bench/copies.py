"""The rows that compare gcp_copycat with rclone, between the same two fast servers."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.contestants import AUDIENCE, COPYCAT, LARGE_SIZE, RCLONE, SMALL, Urls
from bench.processes import environment
from bench.rows import Row

_TESTS = Path(__file__).parents[1]
_PROGRAM = _TESTS.parent / "samples" / "gcp_copycat" / "gcp_copycat.py"
_MISSING = "n/a: not installed (Debian package rclone)"
# The default of rclone is 4 transfers at once, that of gcp_copycat is 16.
_TRANSFERS = (4, 16, 32)
_TIMEOUT = 900
_ROUNDS = 2  # alternating between the programs; the fastest run counts


class Cloud:
    """One of the two servers, as a separate process."""

    def __init__(self, python: str, kind: str) -> None:
        command = [python, "-m", "bench.copy_server", kind]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(_TESTS)})
        assert self._process.stdout is not None
        self.url = f"http://127.0.0.1:{int(self._process.stdout.readline())}"

    def cpu(self, *, reset: bool = False) -> float:
        """Return the CPU seconds used so far; *reset* also deletes everything that was written."""
        request = urllib.request.Request(f"{self.url}/control", b"reset" if reset else b"-")
        with urllib.request.urlopen(request, timeout=60) as reply:
            return float(json.load(reply)["cpu"])

    def kill(self) -> None:
        self._process.kill()
        self._process.communicate(timeout=60)


@dataclass(frozen=True)
class Measured:
    """The result of one copy.

    Attributes:
        seconds: elapsed time.
        cpu: CPU seconds of the program.
        clouds: CPU seconds of the servers.
        options: of the program.
    """

    seconds: float
    cpu: float
    clouds: float
    options: str

    @property
    def cell(self) -> str:
        """The text for the table."""
        return f"{self.seconds:.1f} s (CPU {self.cpu:.1f} s, servers {self.clouds:.1f} s){self.options}"


class Copies:
    """Measures copies.

    Args:
        python: the interpreter of an environment with the requirements of gcp_copycat.
        urls: of Google's token services.
        home: an empty directory.
    """

    def __init__(self, python: str, urls: Urls, home: str) -> None:
        self._python = python
        self._urls = urls
        self._env = environment(home)
        self._rclone = shutil.which("rclone")

    def rows(self) -> Iterator[Row]:
        """Yield each row as soon as it is measured."""
        with contextlib.ExitStack() as running:
            self._storage, self._s3 = Cloud(self._python, "storage"), Cloud(self._python, "s3")
            for cloud in (self._storage, self._s3):
                running.callback(cloud.kill)
            first = self._first("small", f"Copy {SMALL:,} objects of 1 KiB from Cloud Storage to S3", 1.2)
            yield first
            yield self._second(first)
            yield self._first("large", f"Copy one object of {LARGE_SIZE >> 30} GiB from Cloud Storage to S3", 1.1)

    def _first(self, prefix: str, what: str, most: float) -> Row:
        row = Row(what, f"at most {most} times rclone's time", "s")
        found: dict[str, list[Measured]] = {}
        for _ in range(_ROUNDS):
            for name, copies in self._contestants(prefix).items():
                for copy in copies:
                    self._s3.cpu(reset=True)
                    found.setdefault(name, []).append(copy())
        self._compare(row, found)
        if RCLONE in row.bars:
            row.ratios[RCLONE] = row.bars[COPYCAT] / row.bars[RCLONE]
            row.reached = row.ratios[RCLONE] <= most
        return row

    def _second(self, first: Row) -> Row:
        """Repeat a copy when everything is already at the destination."""
        row = Row(
            f"Copy the same {SMALL:,} objects again, with nothing changed", "at most a tenth of the first run", "s"
        )
        found = {}
        for name, copies in self._contestants("small").items():
            self._s3.cpu(reset=True)
            copies[0]()
            found[name] = [copies[0]() for _ in range(_ROUNDS)]
        self._compare(row, found)
        row.reached = row.bars[COPYCAT] <= first.bars[COPYCAT] / 10
        return row

    def _compare(self, row: Row, found: Mapping[str, list[Measured]]) -> None:
        row.cells[RCLONE] = _MISSING
        for name, measured in found.items():
            best = min(measured, key=lambda each: each.seconds)
            row.bars[name], row.cells[name] = best.seconds, best.cell

    def _contestants(self, prefix: str) -> dict[str, list[Callable[[], Measured]]]:
        found = {COPYCAT: [lambda: self._copycat(prefix)]}
        if self._rclone is not None:
            found[RCLONE] = [
                lambda transfers=transfers: self._with_rclone(prefix, transfers)  # type: ignore[misc]
                for transfers in (_TRANSFERS if prefix == "small" else _TRANSFERS[:1])
            ]
        return found

    def _copycat(self, prefix: str) -> Measured:
        command = [
            self._python, str(_PROGRAM), "--source", "source", "--destination", "bucket", "--prefix", f"{prefix}/",
            "--audience", AUDIENCE, "--token-url", f"{self._urls.sts}/v1/token", "--no-progress",
            "--storage-endpoint", self._storage.url,
        ]  # fmt: skip
        return self._timed(command, {**self._env, "AWS_ENDPOINT_URL_S3": self._s3.url}, "")

    def _with_rclone(self, prefix: str, transfers: int) -> Measured:
        # The provider Minio puts the bucket into the path. "AWS" would put it into the host name, in front of 127.0.0.1.
        command = [
            self._rclone or "rclone", "copy", f":gcs:source/{prefix}", f":s3:bucket/{prefix}", "--stats=0",
            f"--transfers={transfers}", "--gcs-anonymous", f"--gcs-endpoint={self._storage.url}/storage/v1/",
            "--s3-provider=Minio", f"--s3-endpoint={self._s3.url}", "--s3-env-auth", "--s3-region=eu-central-1",
            "--s3-force-path-style",
        ]  # fmt: skip
        return self._timed(command, {**self._env, "RCLONE_CONFIG": os.devnull}, f", --transfers {transfers}")

    def _timed(self, command: list[str], env: Mapping[str, str], options: str) -> Measured:
        clouds = -self._storage.cpu() - self._s3.cpu()
        before, start = os.times(), time.perf_counter()
        subprocess.run(command, env=env, check=True, capture_output=True, timeout=_TIMEOUT)
        seconds, after = time.perf_counter() - start, os.times()
        clouds += self._storage.cpu() + self._s3.cpu()
        cpu = after.children_user + after.children_system - before.children_user - before.children_system
        return Measured(seconds, cpu, clouds, options)
