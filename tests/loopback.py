"""A server of the standard library that serves on a thread."""

from __future__ import annotations

import threading
from http.server import HTTPServer
from types import TracebackType
from typing import TypeVar

_S = TypeVar("_S", bound="Serving")


class Serving:
    """Serves while its context is open. A subclass creates the server."""

    _server: HTTPServer

    def __enter__(self: _S) -> _S:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
