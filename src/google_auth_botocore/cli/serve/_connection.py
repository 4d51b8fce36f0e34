"""One connection: its requests in turn, each within a limit of size and of time."""

from __future__ import annotations

import asyncio
import contextlib
import enum
import socket
from collections.abc import Awaitable, Callable

from google_auth_botocore.cli.serve._http import MalformedError, Reply, Request, encoded, parsed, text

_LONGEST_HEAD = 1 << 16
_READ = 1 << 14
# Seconds for a client to send the head of a request, and to take an answer.
_HEAD = 10.0
_ANSWER = 10.0
# Seconds that a connection may be kept for another request.
_IDLE = 60.0
# Seconds that a client has to read a last answer, and to close the connection.
_GRACE = 1.0


class State(enum.Enum):
    """What a connection does at the moment."""

    ARRIVED = "is not known to be of a user who is answered"
    NEW = "waits for its first request"
    ANSWERING = "has sent a request"
    IDLE = "waits for another request"
    LEAVING = "has its last answer"


class Connection:
    """Answers the requests of one client, one after the other.

    Args:
        rejection: Returns what a client is told whose process must not be answered at all, or None.
        answer: Returns the answer to a request.
        keep: Returns whether a connection may be kept for another request at the moment.
    """

    def __init__(
        self,
        rejection: Callable[[], Awaitable[Reply | None]],
        answer: Callable[[Request], Awaitable[tuple[Reply, bool]]],
        keep: Callable[[], bool],
    ) -> None:
        self._rejection = rejection
        self._answer = answer
        self._keep = keep
        self._loop = asyncio.get_running_loop()
        self.state = State.ARRIVED
        self.since = self._loop.time()

    async def serve(self, connection: socket.socket) -> None:
        """Answer until the client has gone, has broken a rule, or has been rejected."""
        try:
            reader, writer = await asyncio.open_connection(sock=connection, limit=_LONGEST_HEAD)
        except BaseException:
            connection.close()
            raise
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.TimeoutError):
                await self._converse(reader, writer)
                writer.close()
                await asyncio.wait_for(writer.wait_closed(), _GRACE)
        finally:
            writer.transport.abort()  # nothing is left to send, or the client does not take it

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        rejected = await self._rejection()
        if rejected is not None:
            await self._part(reader, writer, rejected)
            return
        self._become(State.NEW)
        while True:
            try:
                request = parsed(await self._head(reader))
            except asyncio.LimitOverrunError:
                await self._part(reader, writer, text(431, "The head of the request is too long."))
                return
            except MalformedError as error:
                await self._part(reader, writer, text(400, str(error)))
                return
            except asyncio.TimeoutError:
                if self.state is not State.IDLE:
                    await self._part(reader, writer, text(408, "The head of the request did not arrive in time."))
                return
            self._become(State.ANSWERING)
            with_body = request.method != "HEAD"
            reply, answered = await self._answer(request)
            if not answered or request.has_body:
                await self._part(reader, writer, reply, with_body=with_body)
                return
            keep_alive = request.keep_alive and self._keep()
            await _write(writer, encoded(reply, with_body=with_body, keep_alive=keep_alive))
            if not keep_alive:
                return
            self._become(State.IDLE)

    async def _head(self, reader: asyncio.StreamReader) -> bytes:
        """Return the head of the next request, the empty line at its end included."""
        first = b""
        if self.state is State.IDLE:
            first = await asyncio.wait_for(reader.readexactly(1), _IDLE)
            self._become(State.NEW)
        return first + await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), _HEAD)

    async def _part(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, reply: Reply, *, with_body: bool = True
    ) -> None:
        """Send the last answer of the connection."""
        await _write(writer, encoded(reply, with_body=with_body, keep_alive=False))
        writer.write_eof()
        self._become(State.LEAVING)
        # What the client still sends is read: if a connection is closed over it, the answer may be lost on its way.
        await asyncio.wait_for(_drained(reader), _GRACE)

    def _become(self, state: State) -> None:
        self.state = state
        self.since = self._loop.time()


async def _write(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(data)
    await asyncio.wait_for(writer.drain(), _ANSWER)


async def _drained(reader: asyncio.StreamReader) -> None:
    while await reader.read(_READ):
        pass
