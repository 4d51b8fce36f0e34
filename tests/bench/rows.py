"""The rows of the table. Each one measures every contestant that supports it and checks our goal."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from bench import fleet
from bench.contestants import GOOGLE, OURS, SCALESEC, SUPPLIER, WIF
from bench.processes import CannotError, Servers, cold_start, contestants, environment

# Lifetime of short tokens, in seconds. Our advisory window opens 4 to 8 seconds before they expire.
_SHORT = 32
NO_OBJECT = "n/a: returns a token, not a credentials object"


@dataclass
class Row:
    """One measurement.

    Attributes:
        what: the title.
        goal: our goal, in words.
        unit: of the bars.
        bars: the value of each contestant in the chart; lower is better.
        cells: the text of each contestant in the table.
        ratios: our value divided by each peer's.
        reached: whether we reach the goal.
    """

    what: str
    goal: str
    unit: str
    bars: dict[str, float] = field(default_factory=dict)
    cells: dict[str, str] = field(default_factory=dict)
    ratios: dict[str, float] = field(default_factory=dict)
    reached: bool = False


class Bench:
    """One run.

    Args:
        pythons: the interpreter of each contestant's environment.
        servers: the servers that the contestants call.
        home: an empty directory.
    """

    def __init__(self, pythons: Mapping[str, str], servers: Servers, home: str) -> None:
        self._pythons = pythons
        self._objects = {name: python for name, python in pythons.items() if name != SCALESEC}
        self._servers = servers
        self._urls = servers.urls
        self._home = home
        self._env = environment(home)

    def rows(self) -> Iterator[Row]:
        """Yield each row as soon as it is measured."""
        measures: tuple[Callable[[], Row], ...] = (
            self._threads,
            self._one_503,
            self._advisory,
            self._down,
            self._hot,
            self._cpu,
            self._cold,
            lambda: self._metadata(region=False),
            lambda: self._metadata(region=True),
            self._copies,
            self._fleet,
        )
        for measure in measures:
            self._servers.set(delay=0, lifetime=3600, failures=0)
            yield measure()

    def _threads(self) -> Row:
        row = Row("STS / IAM calls when a token expires in 64 threads", "one of each, also with 512 threads", "calls")
        with contestants(self._pythons, self._urls, self._env) as running:

            def calls(name: str, count: int) -> tuple[int, int]:
                self._servers.set(delay=0.2, lifetime=3600)
                failed = running[name].do("threads", count)
                sts, iam, *_ = self._servers.set(delay=0, lifetime=2)
                row.cells[name] += f"{sts} / {iam}" + (f", {failed} failed" if failed else "")
                return sts, iam

            def expire(names: Iterator[str]) -> None:
                self._servers.set(lifetime=2)
                for name in names:
                    running[name].do("start", True)
                time.sleep(2.5)

            expire(iter(running))
            for name in running:
                row.cells[name] = ""
                row.bars[name] = float(sum(calls(name, 64)))
            expire(iter((OURS,)))
            row.cells[OURS] += "; with 512 threads: "
            row.reached = calls(OURS, 512) == (1, 1) and row.cells[OURS].startswith("1 / 1;")
        row.ratios[GOOGLE] = row.bars[OURS] / row.bars[GOOGLE]
        return row

    def _one_503(self) -> Row:
        row = Row("Requests that fail after one 503 from STS, and after one from IAM", "none", "failed")
        with contestants(self._pythons, self._urls, self._env) as running:
            for name, each in running.items():
                errors = []
                for server in (self._servers.sts, self._servers.iam):
                    each.do("build", True)
                    server.set(failures=1)
                    errors.append(each.do("use"))
                    server.set(failures=0)
                row.bars[name] = sum(map(bool, errors))
                row.cells[name] = " / ".join(error or "no failure" for error in errors)
        row.reached = row.bars[OURS] == 0
        return row

    def _advisory(self) -> Row:
        row = Row(
            "Requests that wait or do I/O in the advisory window, STS and IAM at 500 ms", "none; p99.9 below 1 ms", "%"
        )
        with contestants(self._objects, self._urls, self._env) as running:
            self._servers.set(lifetime=_SHORT)
            expiries = {}
            for name, each in running.items():
                # One after the other, so that contestants do not disturb each other.
                each.do("start", True)
                expiries[name] = time.monotonic() + _SHORT
                time.sleep(1.5)
            self._servers.set(lifetime=3600, delay=0.5)
            for name, each in running.items():
                time.sleep(max(0.0, expiries[name] - 3.5 - time.monotonic()))
                result = each.do("requests", 2.0, 4, 0.001, True)
                self._set_waits(row, name, result)
                if name == OURS:
                    row.reached = (
                        result["refreshed"] and result["waited"] == result["failed"] == 0 and result["p999_ms"] < 1
                    )
        row.cells[SCALESEC] = NO_OBJECT
        return row

    def _down(self) -> Row:
        row = Row("Requests that fail or wait while STS is down for the whole advisory window", "none", "%")
        with contestants(self._objects, self._urls, self._env) as running:
            self._servers.set(lifetime=_SHORT)
            started = time.monotonic()
            for each in running.values():
                each.do("start", True)
            time.sleep(max(0.0, started + _SHORT - 9.5 - time.monotonic()))
            self._servers.sts.kill()
            for each in running.values():
                each.send("requests", started + _SHORT - 1.5 - time.monotonic(), 1, 0.01, False)
            for name, each in running.items():
                result = each.receive()
                self._set_waits(row, name, result)
                if name == OURS:
                    row.reached = result["waited"] == result["failed"] == 0
            self._servers.sts.start()
        row.cells[SCALESEC] = NO_OBJECT
        return row

    @staticmethod
    def _set_waits(row: Row, name: str, result: Mapping[str, Any]) -> None:
        row.bars[name] = 100 * max(result["waited"], result["failed"]) / result["requests"]
        failed = f", {result['failed']} fail" if result["failed"] else ""
        row.cells[name] = (
            f"{result['waited']} of {result['requests']} wait{failed}; "
            f"p50 {result['p50_ms']:.3g} ms, p99.9 {result['p999_ms']:.3g} ms"
        )

    def _hot(self) -> Row:
        row = Row("before_request with a fresh token", "at most 0.15 times google.auth.aws", "µs")
        with contestants(self._objects, self._urls, self._env) as running:
            for each in running.values():
                each.do("start", False)
            nanoseconds = _in_turn(running, 31, lambda each: float(each.do("hot", 10_000)))
        self._paired(row, {name: [each / 1000 for each in values] for name, values in nanoseconds.items()})
        row.cells[SCALESEC] = NO_OBJECT
        row.reached = row.ratios[GOOGLE] <= 0.15
        return row

    def _cpu(self) -> Row:
        row = Row("CPU of one refresh, direct access", "at most 1.1 times google.auth.aws", "ms")
        with contestants(self._pythons, self._urls, self._env) as running:
            for each in running.values():
                each.do("build", False)
                each.do("refreshes", 10)
            milliseconds = _in_turn(running, 31, lambda each: 1000 * median(each.do("refreshes", 10)))
        self._paired(row, milliseconds)
        row.cells[SCALESEC] += " (with AssumeRole and impersonation)"
        row.reached = row.ratios[GOOGLE] <= 1.1
        return row

    def _cold(self) -> Row:
        row = Row(
            "Cold start: import, build, get a token, with keys in the environment",
            "at most 1.3 times google.auth.aws and 0.8 times the boto3 supplier",
            "ms",
        )

        def start(name: str) -> float:
            return 1000 * cold_start(name, self._pythons[name], self._urls, self._env)

        for name in self._pythons:
            start(name)  # so that all byte code is cached
        self._paired(row, _in_turn({name: name for name in self._pythons}, 21, start))
        row.reached = row.ratios[GOOGLE] <= 1.3 and row.ratios[SUPPLIER] <= 0.8
        return row

    def _metadata(self, *, region: bool) -> Row:
        goal = 3 if region else 5
        known = "known" if region else "unknown"
        row = Row(f"Instance metadata calls of ten refreshes, region {known}", f"at most {goal}", "calls")
        env = environment(self._home, keys=False, region=region, metadata=self._urls.metadata)
        with contestants(self._pythons, self._urls, env) as running:
            for name, each in running.items():
                self._servers.metadata.set()
                try:
                    each.do("build", False)
                    each.do("refreshes", 10)
                except CannotError as error:
                    row.cells[name] = f"n/a: {error}"
                else:
                    row.bars[name] = self._servers.metadata.set()
                    row.cells[name] = f"{row.bars[name]:.0f}"
        if WIF in row.bars and not region:
            row.cells[WIF] += " (region fixed to us-east-1)"
        row.ratios[GOOGLE] = row.bars[OURS] / row.bars[GOOGLE]
        row.reached = row.bars[OURS] <= goal
        return row

    def _copies(self) -> Row:
        row = Row("STS exchanges of ten clients that each call with_scopes, with impersonation", "1", "calls")
        with contestants(self._objects, self._urls, self._env) as running:
            for name, each in running.items():
                each.do("build", True)
                self._servers.sts.set()
                each.do("copies", 10)
                row.bars[name] = self._servers.sts.set()
                row.cells[name] = f"{row.bars[name]:.0f}"
        row.cells[SCALESEC] = NO_OBJECT
        row.ratios[GOOGLE] = row.bars[OURS] / row.bars[GOOGLE]
        row.reached = row.bars[OURS] == 1
        return row

    @staticmethod
    def _fleet() -> Row:
        row = Row(
            "Peak / mean exchanges per minute, 12 h after 10,000 workers start at once (simulated)",
            "at most 2.5",
            "×",
        )
        theirs = fleet.peak_to_mean(fleet.google_auth)
        row.bars = {GOOGLE: theirs, SUPPLIER: theirs, WIF: theirs, OURS: fleet.peak_to_mean(fleet.ours)}
        row.cells = {name: f"{value:.2f}" for name, value in row.bars.items()}
        row.cells[SCALESEC] = "n/a: has no refresh rule"
        row.ratios[GOOGLE] = row.bars[OURS] / theirs
        row.reached = row.bars[OURS] <= 2.5
        return row

    @staticmethod
    def _paired(row: Row, samples: Mapping[str, list[float]]) -> None:
        """Store the medians, and the medians of the ratios of measurements that followed each other."""
        for name, values in samples.items():
            row.bars[name] = median(values)
            row.cells[name] = f"{row.bars[name]:.3g} {row.unit}"
            if name != OURS:
                row.ratios[name] = median(mine / other for mine, other in zip(samples[OURS], values, strict=True))


def _in_turn(each: Mapping[str, Any], rounds: int, measure: Callable[[Any], float]) -> dict[str, list[float]]:
    """Measure all contestants in turn, round by round, so that other load on the machine affects them equally."""
    samples: dict[str, list[float]] = {name: [] for name in each}
    for _ in range(rounds):
        for name, measured in each.items():
            samples[name].append(measure(measured))
    return samples
