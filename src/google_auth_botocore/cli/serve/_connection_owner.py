"""Find the user that a loopback connection belongs to.

Linux lists the users of sockets in /proc/net/tcp and, for IPv6 sockets, in /proc/net/tcp6. Other systems do not:
`is_supported` checks this one.

https://www.kernel.org/doc/html/latest/networking/proc_net_tcp.html
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import struct
from collections.abc import Iterable
from pathlib import Path

from google_auth_botocore.cli.serve._daemon_threads import run_in_daemon_thread

Address = tuple[str, int]

_UID_MAP = Path("/proc/self/uid_map")
_OVERFLOW_UID = Path("/proc/sys/kernel/overflowuid")
# The kernel's default for the id that it shows for users who are not mapped into a user namespace.
_DEFAULT_OVERFLOW_UID = 65534
_ALL_USERS = (1 << 32) - 1
_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
# The prefix of an IPv4-mapped IPv6 address, ::ffff:127.0.0.1, as words in the machine's byte order.
_MAPPED_PREFIX = "".join(f"{word:08X}" for word in struct.unpack("=3I", bytes(10) + b"\xff\xff"))


class ConnectionOwners:
    """Looks up the users behind the connections to a server.

    Args:
        server: The address that the server listens on.
    """

    def __init__(self, server: Address) -> None:
        self._server = server
        self._lock = asyncio.Lock()
        self._next: asyncio.Task[dict[Address, int]] | None = None

    async def of(self, client: Address) -> int | None:
        """Return the id of the user who created the client's socket, or None if it is unknown."""
        if self._next is None:
            self._next = asyncio.create_task(self._read())
        return (await asyncio.shield(self._next)).get(client)

    async def _read(self) -> dict[Address, int]:
        """Read the table once for all calls that arrived before the read began."""
        async with self._lock:
            self._next = None
            return await run_in_daemon_thread(lambda: read_owners(self._server))


def is_supported(listener: socket.socket) -> bool:
    """Return whether the system reveals the owner of a connection. Tries it with a connection to *listener*."""
    server = listener.getsockname()
    with socket.create_connection(server, timeout=5) as own:
        return read_owners(server).get(own.getsockname()) == os.geteuid()


def is_shared_id(user: int) -> bool:
    """Return whether *user* is the id that all users share who are not mapped into this user namespace.

    https://man7.org/linux/man-pages/man7/user_namespaces.7.html
    """
    return user == _overflow_uid() and _mapped_users() < _ALL_USERS


def _overflow_uid() -> int:
    try:
        return int(_OVERFLOW_UID.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return _DEFAULT_OVERFLOW_UID


def _mapped_users() -> int:
    """Return how many user ids are mapped into the namespace. Each line: first id inside, first id outside, count."""
    try:
        return sum(int(line.split()[2]) for line in _UID_MAP.read_text(encoding="ascii").splitlines())
    except FileNotFoundError:  # a kernel without user namespaces
        return _ALL_USERS
    except (OSError, ValueError, IndexError):
        return 0


def read_owners(server: Address) -> dict[Address, int]:
    """Return the user id of every client that is connected to *server*, by the client's address."""
    found: dict[Address, int] = {}
    for table in _TABLES:
        with contextlib.suppress(OSError), table.open(encoding="ascii") as lines:
            found.update(parse_owners(lines, server))
    return found


def parse_owners(lines: Iterable[str], server: Address) -> dict[Address, int]:
    """Return the same as `read_owners`, from the lines of /proc/net/tcp or /proc/net/tcp6."""
    found: dict[Address, int] = {}
    remote_addresses = _formatted(server)
    for line in lines:
        # sl, local address, remote address, state, queues, timer, retransmits, user id, timeout, inode
        fields = line.split()
        # A closed socket has inode 0, and user id 0 regardless of its user.
        if len(fields) > 9 and fields[2] in remote_addresses and fields[9] != "0":
            found[_parse_address(fields[1])] = int(fields[7])
    return found


def _formatted(address: Address) -> tuple[str, str]:
    (word,) = struct.unpack("=I", socket.inet_aton(address[0]))
    text = f"{word:08X}:{address[1]:04X}"
    return text, _MAPPED_PREFIX + text


def _parse_address(text: str) -> Address:
    host, _, port = text.partition(":")
    return socket.inet_ntoa(struct.pack("=I", int(host[-8:], 16))), int(port, 16)
