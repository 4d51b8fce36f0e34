"""Which emulator serves a request, while blocks of `redirected` are active. They apply to the whole process.

`_client_patches` asks here for each request, so a block also applies to clients and sessions that exist already.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool

from google_auth_botocore.emulator._google_hosts import STORAGE, NotEmulatedError, is_google, service_of


class _Pool(HTTPConnectionPool):
    """Connections to the emulator. VCR.py, which replaces the class of all others, neither records nor replays them."""

    ConnectionCls = HTTPConnection


class Redirection:
    """One active block.

    Args:
        servers: the base URL for each service of googleapis.com (`sts`), and for each other host (`169.254.169.254`).
    """

    def __init__(self, servers: Mapping[str, str]) -> None:
        self._servers = servers
        self._pools: dict[tuple[int, str], _Pool] = {}
        self.connections: weakref.WeakSet[Any] = weakref.WeakSet()

    def server(self, name: str) -> str | None:
        """Return the base URL of the server for a service or host; None: it has no server."""
        return self._servers.get(name)

    def pool(self, url: str) -> _Pool:
        """Return the connections to a server. A child process does not use its parent's connections."""
        key = os.getpid(), url
        if key not in self._pools:
            address = urlsplit(url)
            self._pools.setdefault(key, _Pool(address.hostname or "", address.port, maxsize=8))
        return self._pools[key]

    def close(self) -> None:
        """Close all connections, also those that a client has kept."""
        for pool in list(self._pools.values()):
            pool.close()
        for connection in list(self.connections):
            connection.close()


_active: tuple[Redirection, ...] = ()


def active() -> tuple[Redirection, ...]:
    """Return the redirections of all active blocks, the outermost first."""
    return _active


def add(redirection: Redirection) -> None:
    """Let a redirection apply, before the redirections of the outer blocks."""
    global _active  # noqa: PLW0603 - clients, too, share the patched classes in the whole process
    _active = (*_active, redirection)


def remove(redirection: Redirection) -> None:
    """Let a redirection no longer apply."""
    global _active  # noqa: PLW0603 - as above
    _active = tuple(each for each in _active if each is not redirection)


def find(host: str, path: str) -> tuple[Redirection, str] | None:
    """Return the redirection for a request and the server's base URL; None: the request is not for Google.

    Raises:
        NotEmulatedError: it is for Google, and no redirection has a server for it.
    """
    redirections = _active
    service = service_of(host, path)
    for redirection in reversed(redirections):
        url = redirection.server(service)
        if url is not None:
            return redirection, url
    if redirections and is_google(host):
        extra = " Cloud Storage requires `GoogleCloud` or `Sandbox`: pip install 'google-auth-botocore[sandbox]'." * (
            service == STORAGE
        )
        raise NotEmulatedError(
            f"The emulator does not serve {host}{path}, and intercept() sends nothing to the real Google.{extra}"
            " Replace this request in your test, for example with the library `responses`."
        )
    return None


def is_rejected(host: str) -> bool:
    """Return whether a client that is not redirected gets an error when it connects to a host."""
    return bool(_active) and is_google(host)
