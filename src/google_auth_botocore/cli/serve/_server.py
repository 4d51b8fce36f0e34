"""The sockets: loopback alone, any number of connections, an end that lets answers on their way arrive."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
from typing import Any

from google_auth_botocore.cli.serve import _guards, _metadata
from google_auth_botocore.cli.serve._http import MalformedError, Reply, encoded, parsed, text
from google_auth_botocore.cli.serve._metadata import Identity, Wanted
from google_auth_botocore.cli.serve._peer import Address, Owners
from google_auth_botocore.cli.serve._threads import in_thread
from google_auth_botocore.cli.serve._tokens import Tokens

_LONGEST_HEAD = 1 << 16
# As many as the system allows wait to be let in; it cuts the number to its own.
_BACKLOG = 4096
# For a request to come, on a connection that may just be kept for the next.
_IDLE = 60.0
# For a request of somebody who has connected when the end comes, and for a client to take note of a refusal.
_GRACE = 1.0
# After which it is tried again to let somebody in.
_PAUSE = 0.05
# File descriptors that are kept for exchanges and for /proc.
_KEPT_FREE = 64


def listener(port: int) -> socket.socket:
    """A socket that listens on 127.0.0.1.

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
        self._connections: set[asyncio.Task[None]] = set()
        # Those that wait for a request: the first one, or another.
        self._expecting: set[asyncio.Task[Any]] = set()
        self._idle: set[asyncio.Task[Any]] = set()
        self._room = _room()
        self._stopping = False
        self._loop = asyncio.get_running_loop()
        self._open_door()

    async def stop(self, patience: float) -> None:
        """Lets nobody in any more, and ends once those who are in have their answer.

        Args:
            patience: Seconds to wait for that.
        """
        self._stopping = True
        self._loop.remove_reader(self._listening)
        _cancel(self._idle)
        last = self._loop.time() + patience
        while self._let_in() and self._connections and self._loop.time() < last:
            await asyncio.wait(set(self._connections), timeout=patience, return_when=asyncio.FIRST_COMPLETED)
        self._listening.close()
        await _ended(self._connections, min(_GRACE, patience))
        _cancel(self._expecting)
        await _ended(self._connections, patience)
        _cancel(self._connections)
        await _ended(self._connections, _GRACE)

    def _open_door(self) -> None:
        if not self._stopping:
            self._loop.add_reader(self._listening, self._let_in)

    def _let_in(self) -> bool:
        """Lets in who is at the door; whether somebody may have to wait there."""
        try:
            while len(self._connections) < self._room:
                self._welcome(*self._listening.accept())
        except (BlockingIOError, InterruptedError, ConnectionError):
            return False
        except OSError:  # no file descriptor is left, or no memory
            self._loop.call_later(_PAUSE, self._open_door)
        # They have a use for what idle connections hold.
        self._loop.remove_reader(self._listening)
        _cancel(self._idle)
        return True

    def _welcome(self, connection: socket.socket, client: Address) -> None:
        connection.settimeout(0)
        task = self._loop.create_task(self._serve(connection, client))
        self._connections.add(task)
        task.add_done_callback(self._farewell)

    def _farewell(self, task: asyncio.Task[None]) -> None:
        self._connections.discard(task)
        self._open_door()

    async def _serve(self, connection: socket.socket, client: Address) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.TimeoutError):
            reader, writer = await asyncio.open_connection(sock=connection, limit=_LONGEST_HEAD)
            try:
                stranger = await self._stranger(client)
                if stranger is not None:
                    await _refuse(reader, writer, stranger)
                    return
                expecting = self._expecting
                while await self._answered(reader, writer, expecting):
                    expecting = self._idle
            finally:
                writer.close()
                await writer.wait_closed()

    async def _stranger(self, client: Address) -> Reply | None:
        """What somebody is told whose process is another user's."""
        if self._owner is None:
            return None
        owner = await self._owners.of(client)
        if owner == self._owner:
            return None
        whose = "a user that can't be told" if owner is None else f"the user with id {owner}"
        return text(
            403,
            f"This metadata server answers the user with id {self._owner}, and this connection is of {whose}. "
            "Served with --any-user, it answers every user of the machine.",
        )

    async def _answered(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, expecting: set[asyncio.Task[Any]]
    ) -> bool:
        """Answers one request; whether there may be another on the connection."""
        head = asyncio.ensure_future(reader.readuntil(b"\r\n\r\n"))
        expecting.add(head)
        try:
            request = parsed(await asyncio.wait_for(head, _IDLE))
        except asyncio.LimitOverrunError:
            await _refuse(reader, writer, text(431, "The head of the request is too long."))
            return False
        except MalformedError as error:
            await _refuse(reader, writer, text(400, str(error)))
            return False
        finally:
            expecting.discard(head)
        refusal = _guards.refusal(request, self._address[1])
        if refusal is not None:
            await _refuse(reader, writer, refusal, with_body=request.method != "HEAD")
            return False
        reply = _metadata.answer(self._identity, request.path, request.query)
        if not isinstance(reply, Reply):
            reply = await self._token(reply)
        keep_alive = request.keep_alive and not self._stopping and len(self._connections) < self._room
        writer.write(encoded(reply, with_body=request.method != "HEAD", keep_alive=keep_alive))
        await writer.drain()
        return keep_alive

    async def _token(self, wanted: Wanted) -> Reply:
        """The answer to all who want the same at this moment."""
        flight = self._flights.get(wanted)
        if flight is None:
            flight = self._flights[wanted] = in_thread(lambda: self._tokens.reply(wanted))
            flight.add_done_callback(lambda _: self._flights.pop(wanted, None))
        return await asyncio.shield(flight)


async def _refuse(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, reply: Reply, *, with_body: bool = True
) -> None:
    writer.write(encoded(reply, with_body=with_body, keep_alive=False))
    writer.write_eof()
    await writer.drain()
    # What the client still sends is read: a connection that is closed over it loses the answer on its way.
    await asyncio.wait_for(_drained(reader), _GRACE)


async def _drained(reader: asyncio.StreamReader) -> None:
    while await reader.read(_LONGEST_HEAD):
        pass


def _cancel(tasks: set[asyncio.Task[Any]]) -> None:
    for task in list(tasks):
        task.cancel()


async def _ended(tasks: set[asyncio.Task[None]], patience: float) -> None:
    if tasks:
        await asyncio.wait(set(tasks), timeout=patience)


def _room() -> int:
    """How many connections may be open; those who come then wait to be let in."""
    if sys.platform == "win32":
        return _BACKLOG
    import resource  # noqa: PLC0415 - Windows has no such limit

    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _BACKLOG if limit == resource.RLIM_INFINITY else max(1, min(limit - _KEPT_FREE, _BACKLOG))
