"""What the counterparts have in common: a server with a record of its calls, and scripted faults."""

from __future__ import annotations

import abc
import time
from types import TracebackType
from typing import TypeVar

from google_auth_botocore.emulator._faults import Fault, FaultScript
from google_auth_botocore.emulator._http import Call, Route
from google_auth_botocore.emulator._server import Server

Self = TypeVar("Self", bound="Counterpart")


Address = tuple[str, int]
LOOPBACK = ("127.0.0.1", 0)


class _ServerAt(Server):
    """The server at an address that may be another than loopback's."""

    def __init__(self, address: Address, routes: list[Route], faults: FaultScript, calls: list[Call]) -> None:
        self._address = address
        super().__init__(address[1], routes, faults, calls, time.time)

    def server_bind(self) -> None:
        self.server_address = self._address
        super().server_bind()


class Counterpart(abc.ABC):
    """One of AWS's endpoints, served on loopback while its context is open.

    Args:
        address: host and port in place of a free port on loopback: the link-local address at which AWS has it, which
            this machine, container or network namespace must have for its own.

    Attributes:
        calls: every request so far, in order of arrival.
    """

    def __init__(self, address: Address = LOOPBACK) -> None:
        self.address = address
        self.calls: list[Call] = []
        self._faults = FaultScript()
        self._server: _ServerAt | None = None

    @abc.abstractmethod
    def routes(self) -> list[Route]:
        """Which requests it answers."""

    def __enter__(self: Self) -> Self:
        """Starts the server.

        Raises:
            RuntimeError: it is running already.
        """
        if self._server is not None:
            raise RuntimeError("it is running already")
        self._server = _ServerAt(self.address, self.routes(), self._faults, self.calls)
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stops the server and hangs up on its clients."""
        server, self._server = self._server, None
        if server is not None:
            server.stop()

    @property
    def url(self) -> str:
        """Where it listens: `http://127.0.0.1:PORT`, unless it has an address of its own."""
        if self._server is None:
            raise RuntimeError("it is not running: use it as a context manager")
        return f"http://{self.address[0]}:{self._server.port}"

    def fail(self, path: str, fault: Fault) -> None:
        """Lets a fault hit the next requests whose path contains `path`, or matches it as a glob."""
        self._faults.add(path, fault)

    def clear_faults(self) -> None:
        """Ends all faults."""
        self._faults.clear()

    def count(self, path: str) -> int:
        """Counts the requests so far whose path contains `path`."""
        return sum(path in call.path for call in list(self.calls))
