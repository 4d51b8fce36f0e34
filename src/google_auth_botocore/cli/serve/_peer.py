"""Which user a loopback connection belongs to: Linux shows it in /proc/net/tcp and, for IPv6 sockets, /proc/net/tcp6.

https://www.kernel.org/doc/html/latest/networking/proc_net_tcp.html

Other systems have no such page; `available` finds out whether this one has it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import struct
from collections.abc import Iterable
from pathlib import Path

from google_auth_botocore.cli.serve._threads import in_thread

Address = tuple[str, int]

_USERS = Path("/proc/self/uid_map")
_OVERFLOW = Path("/proc/sys/kernel/overflowuid")
# What the kernel shows in place of a user id that has none in a user namespace, unless the system sets another.
_USUAL_OVERFLOW = 65534
_ALL_USERS = (1 << 32) - 1
_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
# An IPv4 address as IPv6 has it: ::ffff:127.0.0.1, in words of the machine's byte order.
_MAPPED = "".join(f"{word:08X}" for word in struct.unpack("=3I", bytes(10) + b"\xff\xff"))


class Owners:
    """The users whose connections lead to a server.

    Args:
        server: Where it listens.
    """

    def __init__(self, server: Address) -> None:
        self._server = server
        self._one_at_a_time = asyncio.Lock()
        self._next: asyncio.Task[dict[Address, int]] | None = None

    async def of(self, client: Address) -> int | None:
        """The user id that the client's socket was made with; None: the system does not tell."""
        if self._next is None:
            self._next = asyncio.create_task(self._read())
        return (await asyncio.shield(self._next)).get(client)

    async def _read(self) -> dict[Address, int]:
        """One reading for all who came before it began; a thousand connections need no thousand readings."""
        async with self._one_at_a_time:
            self._next = None
            return await in_thread(lambda: read(self._server))


def available(listener: socket.socket) -> bool:
    """Whether the system tells whose a connection to *listener* is: it is asked for one of our own."""
    server = listener.getsockname()
    with socket.create_connection(server, timeout=5) as own:
        return read(server).get(own.getsockname()) == os.geteuid()


def ambiguous(user: int) -> bool:
    """Return whether *user* may be any user outside of our user namespace, who all have the same id within.

    https://man7.org/linux/man-pages/man7/user_namespaces.7.html
    """
    return user == _overflow() and _mapped() < _ALL_USERS


def _overflow() -> int:
    try:
        return int(_OVERFLOW.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return _USUAL_OVERFLOW


def _mapped() -> int:
    """Return how many user ids the namespace has. Each line: first id inside, first id outside, count."""
    try:
        return sum(int(line.split()[2]) for line in _USERS.read_text(encoding="ascii").splitlines())
    except FileNotFoundError:  # a kernel without user namespaces
        return _ALL_USERS
    except (OSError, ValueError, IndexError):
        return 0


def read(server: Address) -> dict[Address, int]:
    """The user id of every client that is connected to *server*, by its address."""
    found: dict[Address, int] = {}
    for table in _TABLES:
        with contextlib.suppress(OSError), table.open(encoding="ascii") as lines:
            found.update(owners(lines, server))
    return found


def owners(lines: Iterable[str], server: Address) -> dict[Address, int]:
    """As `read`, from the lines of such a page."""
    found: dict[Address, int] = {}
    ends = _shown(server)
    for line in lines:
        # sl, local address, remote address, state, queues, timer, retransmits, user id, timeout, inode
        fields = line.split()
        # What is closed has inode 0, and user id 0 whosever it was.
        if len(fields) > 9 and fields[2] in ends and fields[9] != "0":
            found[_address(fields[1])] = int(fields[7])
    return found


def _shown(address: Address) -> tuple[str, str]:
    (word,) = struct.unpack("=I", socket.inet_aton(address[0]))
    end = f"{word:08X}:{address[1]:04X}"
    return end, _MAPPED + end


def _address(shown: str) -> Address:
    host, _, port = shown.partition(":")
    return socket.inet_ntoa(struct.pack("=I", int(host[-8:], 16))), int(port, 16)
