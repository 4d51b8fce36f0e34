"""The base class of AWS's endpoints: a server that records its calls and simulates failures."""

from __future__ import annotations

import abc
import time
from types import TracebackType
from typing import TypeVar

from google_auth_botocore.emulator._faults import Fault, FaultScript
from google_auth_botocore.emulator._http import Call, Route
from google_auth_botocore.emulator._server import Server

Self = TypeVar("Self", bound="AwsEndpoint")


Address = tuple[str, int]
LOOPBACK = ("127.0.0.1", 0)


class AwsEndpoint(abc.ABC):
    """One of AWS's endpoints, served on loopback inside a `with` block.

    Args:
        address: host and port; by default a free port on loopback. To listen on AWS's link-local address, this machine,
            container or network namespace must have that address.

    Attributes:
        calls: every request so far, in order of arrival.
    """

    def __init__(self, address: Address = LOOPBACK) -> None:
        self.address = address
        self.calls: list[Call] = []
        self._faults = FaultScript()
        self._server: Server | None = None

    @abc.abstractmethod
    def routes(self) -> list[Route]:
        """Return the routes of this endpoint."""

    def __enter__(self: Self) -> Self:
        """Start the server.

        Raises:
            RuntimeError: it is already running.
        """
        if self._server is not None:
            raise RuntimeError("the endpoint is already running")
        host, port = self.address
        self._server = Server(port, self.routes(), self._faults, self.calls, time.time, host=host)
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop the server and close all connections."""
        server, self._server = self._server, None
        if server is not None:
            server.stop()

    @property
    def url(self) -> str:
        """The endpoint's base URL: `http://127.0.0.1:PORT`, unless *address* is another one."""
        if self._server is None:
            raise RuntimeError("the endpoint is not running: use it as a context manager")
        return f"http://{self.address[0]}:{self._server.port}"

    def fail(self, path: str, fault: Fault) -> None:
        """Apply a fault to the next requests whose path contains `path` or matches it as a glob."""
        self._faults.add(path, fault)

    def clear_faults(self) -> None:
        """Remove all faults."""
        self._faults.clear()

    def count(self, path: str) -> int:
        """Return the number of requests so far whose path contains `path`."""
        return sum(path in call.path for call in list(self.calls))
