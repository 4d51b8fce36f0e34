"""Redirect this process's requests to Google's hosts to an emulator: blocks of `intercept()`, which can be nested.

`_redirections` finds the emulator for a request, and `_client_patches` changes the HTTP clients.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any

from google_auth_botocore.emulator import _client_patches, _redirections
from google_auth_botocore.emulator._redirections import Redirection

_lock = threading.Lock()


@contextlib.contextmanager
def redirected(servers: Mapping[str, str]) -> Iterator[None]:
    """Redirect requests inside a `with` block, in all threads. Of nested blocks, the innermost that serves a host applies.

    Args:
        servers: see `Redirection`.

    Raises:
        ValueError: a server has TLS.
    """
    if any(url.startswith("https:") for url in servers.values()):
        raise ValueError("intercept() requires an emulator without TLS: leave out tls=True")
    redirection = Redirection(servers)
    with _lock:
        if not _redirections.active():
            _client_patches.apply()
        _close_kept_connections()
        _redirections.add(redirection)
    try:
        yield
    finally:
        with _lock:
            _redirections.remove(redirection)
            if not _redirections.active():
                _client_patches.restore()
        redirection.close()


class Interception:
    """Starts a server with the first of overlapping `intercept()` blocks, and stops it with the last.

    Args:
        server: the emulator.
        is_running: whether it is running.
        servers: returns the URLs of the running server; see `Redirection`.
    """

    def __init__(
        self,
        server: AbstractContextManager[Any],
        is_running: Callable[[], bool],
        servers: Callable[[], Mapping[str, str]],
    ) -> None:
        self._server = server
        self._is_running = is_running
        self._servers = servers
        self._lock = threading.Lock()
        self._blocks = 0
        self._started = contextlib.ExitStack()

    @contextlib.contextmanager
    def block(self) -> Iterator[None]:
        """Redirect requests inside a `with` block."""
        with self._lock:
            if not self._blocks and not self._is_running():
                self._started.enter_context(self._server)
            self._blocks += 1
        try:
            with redirected(self._servers()):
                yield
        finally:
            with self._lock:
                self._blocks -= 1
                if not self._blocks:
                    self._started.close()


def _close_kept_connections() -> None:
    """Close connections of httplib2 to the servers of outer blocks, so that its clients connect again."""
    for redirection in _redirections.active():
        for connection in list(redirection.connections):
            connection.close()
