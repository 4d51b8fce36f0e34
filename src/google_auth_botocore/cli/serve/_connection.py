"""One connection: answers its requests one after the other, within limits of size and time."""

from __future__ import annotations

import asyncio
import contextlib
import enum
import socket
from collections.abc import Awaitable, Callable

from google_auth_botocore.cli.serve._http import MalformedError, Reply, Request, encode_reply, parse_request, text_reply

_MAX_HEAD_SIZE = 1 << 16
_READ_SIZE = 1 << 14
# Seconds that a client has to send the head of a request, and to receive an answer.
_HEAD_TIMEOUT = 10.0
_ANSWER_TIMEOUT = 10.0
# Seconds that a connection may stay open between two requests.
_IDLE_TIMEOUT = 60.0
# Seconds that a client has to read its last answer and close the connection.
_CLOSE_TIMEOUT = 1.0

# Returns a future that is done if the client disconnects or sends more.
ClientActs = Callable[[], "asyncio.Future[bytes]"]


class State(enum.Enum):
    """The state of a connection."""

    UNVERIFIED = "its user has not been checked yet"
    READING = "the client is sending a request"
    ANSWERING = "the server is answering a request"
    IDLE = "the client may send another request"
    CLOSING = "the last answer was sent"


class Connection:
    """Answers the requests of one client, one after the other.

    Args:
        rejection: Returns the reply to a client that must not be served at all, or None.
        answer: Returns the reply to a request, and whether the request was accepted. Its second argument returns a
            future that is done if the client disconnects or sends more.
        may_keep_alive: Returns whether the connection may stay open for another request.
    """

    def __init__(
        self,
        rejection: Callable[[], Awaitable[Reply | None]],
        answer: Callable[[Request, ClientActs], Awaitable[tuple[Reply, bool]]],
        may_keep_alive: Callable[[], bool],
    ) -> None:
        self._rejection = rejection
        self._answer = answer
        self._may_keep_alive = may_keep_alive
        self._loop = asyncio.get_running_loop()
        self.state = State.UNVERIFIED
        self.since = self._loop.time()
        # The first byte of the next request, if it arrived during the previous answer.
        self._early = b""

    async def serve(self, connection: socket.socket) -> None:
        """Answer requests until the client disconnects, violates HTTP, or is rejected."""
        try:
            reader, writer = await asyncio.open_connection(sock=connection, limit=_MAX_HEAD_SIZE)
        except BaseException:
            connection.close()
            raise
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.TimeoutError):
                await self._answer_requests(reader, writer)
                writer.close()
                await asyncio.wait_for(writer.wait_closed(), _CLOSE_TIMEOUT)
        finally:
            writer.transport.abort()  # everything was sent, or the client does not read it

    async def _answer_requests(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        rejected = await self._rejection()
        if rejected is not None:
            await self._send_last(reader, writer, rejected)
            return
        self._set_state(State.READING)
        while True:
            try:
                request = parse_request(await self._head(reader))
            except asyncio.LimitOverrunError:
                await self._send_last(reader, writer, text_reply(431, "The head of the request is too long."))
                return
            except MalformedError as error:
                await self._send_last(reader, writer, text_reply(400, str(error)))
                return
            except asyncio.TimeoutError:
                if self.state is not State.IDLE:
                    await self._send_last(
                        reader, writer, text_reply(408, "The head of the request did not arrive in time.")
                    )
                return
            self._set_state(State.ANSWERING)
            with_body = request.method != "HEAD"
            reply, accepted = await self._answer_while_watching(reader, request)
            if not accepted or request.has_body:
                await self._send_last(reader, writer, reply, with_body=with_body)
                return
            keep_alive = request.keep_alive and self._may_keep_alive()
            await _write(writer, encode_reply(reply, with_body=with_body, keep_alive=keep_alive))
            if not keep_alive:
                return
            self._set_state(State.IDLE)

    async def _head(self, reader: asyncio.StreamReader) -> bytes:
        """Return the head of the next request, including the empty line at its end."""
        first, self._early = self._early, b""
        if self.state is State.IDLE:
            first = first or await asyncio.wait_for(reader.readexactly(1), _IDLE_TIMEOUT)
            self._set_state(State.READING)
        return first + await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), _HEAD_TIMEOUT)

    async def _answer_while_watching(self, reader: asyncio.StreamReader, request: Request) -> tuple[Reply, bool]:
        """Answer a request that may wait for a change. It stops waiting if the client disconnects."""
        watching: list[asyncio.Task[bytes]] = []

        def client_acts() -> asyncio.Future[bytes]:
            if not watching:
                watching.append(asyncio.ensure_future(reader.read(1)))
            return watching[0]

        try:
            return await self._answer(request, client_acts)
        finally:
            for task in watching:
                task.cancel()  # no byte is lost: it stays in the reader
                await asyncio.wait({task})
                if not task.cancelled() and task.exception() is None:
                    self._early = task.result()

    async def _send_last(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, reply: Reply, *, with_body: bool = True
    ) -> None:
        """Send the last reply of the connection."""
        await _write(writer, encode_reply(reply, with_body=with_body, keep_alive=False))
        writer.write_eof()
        self._set_state(State.CLOSING)
        # Read what the client still sends. Closing a connection with unread data can destroy the reply in transit.
        await asyncio.wait_for(_read_to_end(reader), _CLOSE_TIMEOUT)

    def _set_state(self, state: State) -> None:
        self.state = state
        self.since = self._loop.time()


async def _write(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(data)
    await asyncio.wait_for(writer.drain(), _ANSWER_TIMEOUT)


async def _read_to_end(reader: asyncio.StreamReader) -> None:
    while await reader.read(_READ_SIZE):
        pass
