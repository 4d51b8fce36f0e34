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


class Counterpart(abc.ABC):
    """One of AWS's endpoints, served on loopback while its context is open.

    Attributes:
        calls: every request so far, in order of arrival.
    """

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self._faults = FaultScript()
        self._server: Server | None = None

    @abc.abstractmethod
    def routes(self) -> list[Route]:
        """Which requests it answers."""

    def __enter__(self: Self) -> Self:
        """Starts the server."""
        self._server = Server(0, self.routes(), self._faults, self.calls, time.time)
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
        """Where it listens: `http://127.0.0.1:PORT`."""
        if self._server is None:
            raise RuntimeError("it is not running: use it as a context manager")
        return f"http://127.0.0.1:{self._server.port}"

    def fail(self, path: str, fault: Fault) -> None:
        """Lets a fault hit the next requests whose path contains `path`, or matches it as a glob."""
        self._faults.add(path, fault)

    def clear_faults(self) -> None:
        """Ends all faults."""
        self._faults.clear()

    def count(self, path: str) -> int:
        """Counts the requests so far whose path contains `path`."""
        return sum(path in call.path for call in list(self.calls))
