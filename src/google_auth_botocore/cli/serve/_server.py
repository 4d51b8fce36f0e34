"""The server: accepts connections on loopback, up to the limit of the system, and finishes its answers before it stops."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Callable
from functools import lru_cache

from google_auth_botocore.cli.serve import _changes, _formats, _health, _metadata, _request_filter
from google_auth_botocore.cli.serve._connection import _CLOSE_TIMEOUT, ClientActs, Connection, State
from google_auth_botocore.cli.serve._connection_owner import Address, ConnectionOwners
from google_auth_botocore.cli.serve._daemon_threads import run_in_daemon_thread
from google_auth_botocore.cli.serve._http import Reply, Request, text_reply
from google_auth_botocore.cli.serve._identity import Identity
from google_auth_botocore.cli.serve._metadata import AccessTokenRequest, TokenRequest
from google_auth_botocore.cli.serve._tokens import Tokens

# Connections that may wait to be accepted. The system reduces this to its own limit.
_BACKLOG = 4096
# Seconds after which the server tries again to accept a connection.
_ACCEPT_RETRY = 0.05
# Seconds before a connection without a request may be closed to make room for another. Real clients send their request
# at once, and wait three seconds for an answer.
_MIN_AGE = 0.2
# File descriptors reserved for token exchanges and for reading /proc.
_RESERVED_DESCRIPTORS = 64
# Clients waiting for a change that are answered early, every 0.05 s, if there is no room for another connection.
_ANSWERED_EARLY = 16
# Seconds between two checks of a token for which clients wait. It is checked for all clients at once.
_TOKEN_INTERVAL = 5.0
# Users for which a warning was printed.
_WARNED_USERS = 64


def listener(port: int) -> socket.socket:
    """Return a socket that listens on 127.0.0.1.

    Args:
        port: The port, or 0 for any free port.

    Raises:
        OSError: The port is not available.
    """
    listening = socket.create_server(("127.0.0.1", port), backlog=_BACKLOG)
    listening.settimeout(0)
    return listening


class Server:
    """Answers the connections to a listening socket.

    Args:
        listening: The socket. `stop` closes it.
        identity: The identity whose metadata to serve.
        tokens: The tokens of that identity.
        user: Id of the only user to serve, or None to serve every user.
        warn: Called once for each other user who connects. Many clients do not show the error that the server returns.
    """

    def __init__(
        self,
        listening: socket.socket,
        identity: Identity,
        tokens: Tokens,
        user: int | None,
        warn: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._listening = listening
        self._address: Address = listening.getsockname()
        self._identity = identity
        self._tokens = tokens
        self._user = user
        self._warn = lru_cache(_WARNED_USERS)(warn)
        self._waiting_room = _changes.WaitingRoom()
        self._health = _health.Health(tokens.expiry, lambda: self._token(AccessTokenRequest(())))
        self._owners = ConnectionOwners(self._address)
        self._pending: dict[TokenRequest, asyncio.Future[Reply]] = {}
        self._connections: dict[asyncio.Task[None], Connection] = {}
        self._max_connections = _max_connections()
        self._accepted = 0
        self._stopping = False
        self._retry_scheduled = False
        self._loop = asyncio.get_running_loop()
        self._start_accepting()

    async def stop(self, timeout: float) -> None:
        """Stop accepting connections, and return once the connected clients have their answers.

        Args:
            timeout: Seconds to wait for that.
        """
        self._stopping = True
        self._loop.remove_reader(self._listening)
        self._waiting_room.close()
        self._close_connections(State.IDLE)
        deadline = self._loop.time() + timeout
        # Accept the clients that had already connected, but not an endless stream of new ones.
        limit = self._accepted + _BACKLOG
        while self._accepted < limit and self._accept() and self._connections and self._loop.time() < deadline:
            await asyncio.wait(self._tasks(), timeout=_ACCEPT_RETRY, return_when=asyncio.FIRST_COMPLETED)
        self._listening.close()
        await self._wait_closed(min(_CLOSE_TIMEOUT, timeout))
        self._close_connections(State.UNVERIFIED, State.READING, State.IDLE, State.CLOSING)
        await self._wait_closed(max(0.0, deadline - self._loop.time()))
        self._close_connections(*State)
        await self._wait_closed(_CLOSE_TIMEOUT)

    def _start_accepting(self) -> None:
        if not self._stopping:
            self._loop.add_reader(self._listening, self._accept)

    def _accept(self) -> bool:
        """Accept connections, and return whether more may be waiting."""
        try:
            while len(self._connections) < self._max_connections:
                self._start_connection(*self._listening.accept())
        except (BlockingIOError, InterruptedError, ConnectionError):
            return False
        except OSError:  # no file descriptor or no memory is left
            pass
        self._loop.remove_reader(self._listening)
        if not self._retry_scheduled:
            self._retry_scheduled = True
            self._make_room()
            self._loop.call_later(_ACCEPT_RETRY, self._retry_accepting)
        return True

    def _make_room(self) -> None:
        """Close connections that only wait, so that no client can keep the others out."""
        self._waiting_room.wake(_ANSWERED_EARLY)
        self._close_connections(State.IDLE, State.CLOSING)
        self._close_connections(State.READING, since=self._loop.time() - _MIN_AGE)

    def _retry_accepting(self) -> None:
        self._retry_scheduled = False
        self._start_accepting()

    def _start_connection(self, connection: socket.socket, client: Address) -> None:
        self._accepted += 1
        connection.settimeout(0)
        served = Connection(lambda: self._reject_other_user(client), self._answer, self._may_keep_alive)
        task = self._loop.create_task(served.serve(connection))
        self._connections[task] = served
        task.add_done_callback(self._remove_connection)

    def _remove_connection(self, task: asyncio.Task[None]) -> None:
        del self._connections[task]
        self._start_accepting()

    def _close_connections(self, *states: State, since: float = float("inf")) -> None:
        """Close the connections that entered one of *states* at the time *since* or earlier."""
        for task, connection in list(self._connections.items()):
            if connection.state in states and connection.since <= since:
                task.cancel()

    def _tasks(self) -> set[asyncio.Task[None]]:
        return set(self._connections)

    async def _wait_closed(self, timeout: float) -> None:
        if self._connections:
            await asyncio.wait(self._tasks(), timeout=timeout)

    def _may_keep_alive(self) -> bool:
        return not self._stopping and len(self._connections) < self._max_connections

    async def _reject_other_user(self, client: Address) -> Reply | None:
        """Return the reply to a client of another user, or None if the client belongs to the user to serve."""
        if self._user is None:
            return None
        owner = await self._owners.of(client)
        if owner == self._user:
            return None
        whose = "an unknown user" if owner is None else f"user id {owner}"
        if owner is not None:
            self._warn(
                f"rejected a client of {whose}: this server only serves user id {self._user}. To serve every user of the "
                "machine, or of the pod, start it with --any-user."
            )
        return text_reply(
            403,
            f"This metadata server only serves user id {self._user}. This connection belongs to {whose}. "
            "To serve every user of the machine, start it with --any-user.",
        )

    async def _answer(self, request: Request, client_acts: ClientActs) -> tuple[Reply, bool]:
        """Return the reply to a request, and whether the request was accepted."""
        rejection = _request_filter.rejection(request, self._address[1])
        if rejection is not None:
            return rejection, False
        if request.path == _health.PATH:
            return await self._health.reply(), True
        try:
            wait = _changes.requested_wait(request.query)
        except _changes.InvalidTimeoutError as error:
            return text_reply(400, str(error)), True
        found = _metadata.answer(self._identity, request.path, request.query)
        reply = await self._current(found, request)
        if wait is not None and reply.etag:
            reply = await self._wait_for_change(found, request, reply, wait, client_acts)
        return reply, True

    async def _current(self, found: Reply | TokenRequest, request: Request) -> Reply:
        """Return the reply as it is now. Only a token can have changed since the last one."""
        if isinstance(found, Reply):
            return found
        return _formats.in_requested_format(await self._token(found), request.query)

    async def _wait_for_change(
        self, found: Reply | TokenRequest, request: Request, reply: Reply, wait: _changes.Wait, client_acts: ClientActs
    ) -> Reply:
        """Return the reply once the entry has changed, the time has passed, the client acts, or the server stops."""
        known = reply.etag if wait.last_etag is None else wait.last_etag
        deadline = float("inf") if wait.timeout is None else self._loop.time() + wait.timeout
        while reply.etag == known and self._loop.time() < deadline:
            now = self._loop.time()
            next_check = float("inf") if isinstance(found, Reply) else now - now % _TOKEN_INTERVAL + _TOKEN_INTERVAL
            until = min(deadline, next_check)
            if not await self._waiting_room.wait(client_acts(), None if until == float("inf") else until - now):
                break
            reply = await self._current(found, request)
        return reply

    async def _token(self, request: TokenRequest) -> Reply:
        """Return the reply with a token. Concurrent requests for the same token share one reply."""
        pending = self._pending.get(request)
        if pending is None:
            try:
                pending = run_in_daemon_thread(lambda: self._tokens.reply(request))
            except RuntimeError as error:  # the system allows no more threads
                return text_reply(503, f"This metadata server failed: {error}.")
            self._pending[request] = pending
            pending.add_done_callback(lambda _: self._pending.pop(request, None))
        return await asyncio.shield(pending)


def _max_connections() -> int:
    """Return how many connections may be open. Further ones wait to be accepted."""
    if sys.platform == "win32":
        return _BACKLOG
    import resource  # noqa: PLC0415 - Windows has no such limit

    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _BACKLOG if limit == resource.RLIM_INFINITY else max(1, min(limit - _RESERVED_DESCRIPTORS, _BACKLOG))
