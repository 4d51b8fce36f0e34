"""The sockets: loopback alone, as many connections as the system allows, and an end that lets answers arrive."""

from __future__ import annotations

import asyncio
import socket
import sys

from google_auth_botocore.cli.serve import _guards, _metadata
from google_auth_botocore.cli.serve._connection import _GRACE, Connection, State
from google_auth_botocore.cli.serve._http import Reply, Request, text
from google_auth_botocore.cli.serve._metadata import Identity, Wanted
from google_auth_botocore.cli.serve._peer import Address, Owners
from google_auth_botocore.cli.serve._threads import in_thread
from google_auth_botocore.cli.serve._tokens import Tokens

# As many as the system allows wait to be accepted; it cuts the number to its own.
_BACKLOG = 4096
# Seconds after which the server tries again to accept a connection.
_PAUSE = 0.05
# Seconds that a connection without a request is safe from being closed for another one. A client that connects sends its
# request at once, and waits three seconds for an answer.
_SAFE = 0.2
# File descriptors that are kept for exchanges and for /proc.
_KEPT_FREE = 64


def listener(port: int) -> socket.socket:
    """Return a socket that listens on 127.0.0.1.

    Args:
        port: 0: any free one.

    Raises:
        OSError: The port can't be had.
    """
    made = socket.create_server(("127.0.0.1", port), backlog=_BACKLOG)
    made.settimeout(0)
    return made


class Server:
    """Answers the connections to a listening socket.

    Args:
        listening: The socket, which is closed at the end.
        identity: Whose metadata it is.
        tokens: Its tokens.
        owner: The user who is answered; None: any.
    """

    def __init__(self, listening: socket.socket, identity: Identity, tokens: Tokens, owner: int | None) -> None:
        self._listening = listening
        self._address: Address = listening.getsockname()
        self._identity = identity
        self._tokens = tokens
        self._owner = owner
        self._owners = Owners(self._address)
        self._flights: dict[Wanted, asyncio.Future[Reply]] = {}
        self._connections: dict[asyncio.Task[None], Connection] = {}
        self._room = _room()
        self._accepted = 0
        self._stopping = False
        self._pausing = False
        self._loop = asyncio.get_running_loop()
        self._open_door()

    async def stop(self, patience: float) -> None:
        """Accept no new connection, and return once the clients that have connected have their answers.

        Args:
            patience: Seconds to wait for that.
        """
        self._stopping = True
        self._loop.remove_reader(self._listening)
        self._hang_up(State.IDLE)
        last = self._loop.time() + patience
        # Those that had connected before, and no flood that goes on.
        enough = self._accepted + _BACKLOG
        while self._accepted < enough and self._let_in() and self._connections and self._loop.time() < last:
            await asyncio.wait(self._tasks(), timeout=_PAUSE, return_when=asyncio.FIRST_COMPLETED)
        self._listening.close()
        await self._ended(min(_GRACE, patience))
        self._hang_up(State.ARRIVED, State.NEW, State.IDLE, State.LEAVING)
        await self._ended(max(0.0, last - self._loop.time()))
        self._hang_up(*State)
        await self._ended(_GRACE)

    def _open_door(self) -> None:
        if not self._stopping:
            self._loop.add_reader(self._listening, self._let_in)

    def _let_in(self) -> bool:
        """Accept connections; return whether some may still wait for that."""
        try:
            while len(self._connections) < self._room:
                self._welcome(*self._listening.accept())
        except (BlockingIOError, InterruptedError, ConnectionError):
            return False
        except OSError:  # no file descriptor is left, or no memory
            pass
        self._loop.remove_reader(self._listening)
        if not self._pausing:
            self._pausing = True
            self._make_room()
            self._loop.call_later(_PAUSE, self._try_again)
        return True

    def _make_room(self) -> None:
        """Close what only waits: no client can keep the others out."""
        self._hang_up(State.IDLE, State.LEAVING)
        self._hang_up(State.NEW, since=self._loop.time() - _SAFE)

    def _try_again(self) -> None:
        self._pausing = False
        self._open_door()

    def _welcome(self, connection: socket.socket, client: Address) -> None:
        self._accepted += 1
        connection.settimeout(0)
        served = Connection(lambda: self._stranger(client), self._answer, self._may_keep)
        task = self._loop.create_task(served.serve(connection))
        self._connections[task] = served
        task.add_done_callback(self._farewell)

    def _farewell(self, task: asyncio.Task[None]) -> None:
        del self._connections[task]
        self._open_door()

    def _hang_up(self, *states: State, since: float = float("inf")) -> None:
        """Close the connections that are in one of these states, and have been at that time."""
        for task, connection in list(self._connections.items()):
            if connection.state in states and connection.since <= since:
                task.cancel()

    def _tasks(self) -> set[asyncio.Task[None]]:
        return set(self._connections)

    async def _ended(self, patience: float) -> None:
        if self._connections:
            await asyncio.wait(self._tasks(), timeout=patience)

    def _may_keep(self) -> bool:
        return not self._stopping and len(self._connections) < self._room

    async def _stranger(self, client: Address) -> Reply | None:
        """Return what a client is told whose process is another user's."""
        if self._owner is None:
            return None
        owner = await self._owners.of(client)
        if owner == self._owner:
            return None
        whose = "a user that can't be told" if owner is None else f"the user with id {owner}"
        return text(
            403,
            f"This metadata server answers the user with id {self._owner}, and this connection is of {whose}. "
            "Started with --any-user, it answers every user of the machine.",
        )

    async def _answer(self, request: Request) -> tuple[Reply, bool]:
        """Return the reply to a request, and whether it is an answer and no rejection."""
        refusal = _guards.refusal(request, self._address[1])
        if refusal is not None:
            return refusal, False
        reply = _metadata.answer(self._identity, request.path, request.query)
        if not isinstance(reply, Reply):
            reply = await self._token(reply)
        return reply, True

    async def _token(self, wanted: Wanted) -> Reply:
        """Return the one answer to all clients that request the same at this moment."""
        flight = self._flights.get(wanted)
        if flight is None:
            try:
                flight = in_thread(lambda: self._tokens.reply(wanted))
            except RuntimeError as error:  # the system allows no further thread
                return text(503, f"This metadata server failed: {error}.")
            self._flights[wanted] = flight
            flight.add_done_callback(lambda _: self._flights.pop(wanted, None))
        return await asyncio.shield(flight)


def _room() -> int:
    """Return how many connections may be open; further ones wait to be accepted."""
    if sys.platform == "win32":
        return _BACKLOG
    import resource  # noqa: PLC0415 - Windows has no such limit

    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _BACKLOG if limit == resource.RLIM_INFINITY else max(1, min(limit - _KEPT_FREE, _BACKLOG))
