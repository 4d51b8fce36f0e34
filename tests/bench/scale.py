"""The rows about large numbers: pickled copies, users and tenants."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from bench.contestants import GOOGLE, OURS, SCALESEC, SUPPLIER
from bench.processes import CannotError, Contestant, Servers, contestants, environment
from bench.rows import NO_OBJECT, Row

_MB = 1e6


class Scale:
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
        self._env = {**environment(home), "AWS_ENDPOINT_URL_STS": servers.urls.aws}

    def rows(self) -> Iterator[Row]:
        """Yield each row as soon as it is measured."""
        for measure in (self.tasks, self.unpickled, self.users, self.tenants):
            self._servers.set(delay=0, lifetime=3600, failures=0)
            yield measure()

    def tasks(self) -> Row:
        row = Row(
            "STS + IAM calls of 100 tasks in 2 processes, pickled with a valid token",
            "2 + 2, without the token",
            "calls",
        )

        def measure(_: str, each: Contestant) -> tuple[float, str]:
            each.do("start", True)
            carried = each.do("carries_token")
            self._servers.set()
            each.do("tasks", 100)
            sts, iam = self._servers.set()[:2]
            return sts + iam, f"{sts} + {iam}" + (" (the pickle contains the token)" if carried else "")

        self._each(row, self._objects, measure)
        row.reached = row.bars[OURS] <= 4 and "token" not in row.cells[OURS]
        return row

    def unpickled(self) -> Row:
        row = Row("STS exchanges of 1,000 copies in one process, pickled before the first token", "1", "calls")

        def measure(_: str, each: Contestant) -> tuple[float, str]:
            each.do("build", True)
            self._servers.set()
            each.do("unpickle", 1000)
            calls = self._servers.set()[0]
            return calls, f"{calls}"

        self._each(row, self._objects, measure)
        row.reached = row.bars[OURS] == 1
        return row

    def users(self) -> Row:
        row = Row("Calls for 300 Workspace users in turn, second round", "none", "calls")

        def measure(name: str, each: Contestant) -> tuple[float, str]:
            each.do("build", name == OURS)
            each.do("users", 300)
            self._servers.set()
            each.do("users", 300)
            calls = sum(self._servers.set())
            return calls, f"{calls}"

        self._each(row, self._objects, measure)
        row.reached = row.bars[OURS] == 0
        return row

    def tenants(self) -> Row:
        row = Row("Memory and time of each further tenant, with AssumeRole", "at most 0.2 MB and 60 ms", "MB")

        seconds = dict.fromkeys(self._pythons, 0.0)

        def measure(name: str, each: Contestant) -> tuple[float, str]:
            size, seconds[name] = each.do("tenants", 20)
            return size / _MB, f"{size / _MB:.2f} MB, {1000 * seconds[name]:.3g} ms"

        self._each(row, self._pythons, measure)
        row.reached = row.bars[OURS] <= 0.2 and seconds[OURS] <= 0.06
        return row

    def _each(
        self, row: Row, pythons: Mapping[str, str], measure: Callable[[str, Contestant], tuple[float, str]]
    ) -> None:
        """Measure the contestants one after the other."""
        with contestants(pythons, self._servers.urls, self._env) as running:
            for name, each in running.items():
                try:
                    row.bars[name], row.cells[name] = measure(name, each)
                except CannotError as error:
                    row.cells[name] = f"n/a: {error}"
        row.cells.setdefault(SCALESEC, NO_OBJECT)
        row.ratios.update({name: row.bars[OURS] / row.bars[name] for name in (GOOGLE, SUPPLIER) if row.bars.get(name)})
