"""Requests to one server over kept connections, with as little work as Python can do.

For a small object, urllib3 and the clouds' client libraries take several times as long as the copy itself; a large one they
copy in memory several times, while no other thread runs. This sends one request and reads one reply. All that is special
goes the libraries' way: `exchange` returns None, and the caller sends the request again through the library, whose errors it
knows. A proxy is not for this module.
"""

from __future__ import annotations

import collections
import http.client
import os
import socket
import ssl
import threading
import weakref
from urllib.parse import urlsplit

from urllib3.util import wait_for_read

from copycat.direct_reply import LONGEST_BODY, WITH_CONTENT, DirectReply, head_of, read_specially
from copycat.errors import StoppedError

CONNECT_TIMEOUT, READ_TIMEOUT = 10.0, 60.0
_PIECE, _SENT_AT_ONCE = 1 << 14, 1 << 18
# Of a reply, to make sure that none fills the memory.
_LONGEST_HEAD = 1 << 16
_PORTS = {"http": 80, "https": 443}


class Direct:
    """Connections to one server, which threads share.

    Args:
        url: of the server; only its scheme, host and port count.
        certificates: file or folder of the certificate authorities to trust.
        stop: when it is set, `exchange` raises `StoppedError`.
    """

    def __init__(self, url: str, certificates: str, stop: threading.Event) -> None:
        parts = urlsplit(url)
        self._host = parts.hostname or ""
        self._port = parts.port or _PORTS[parts.scheme]
        self._stop = stop
        self._idle: collections.deque[socket.socket] = collections.deque()
        # At the latest when this object is gone.
        weakref.finalize(self, _close_all, self._idle)
        self._context: ssl.SSLContext | None = None
        if parts.scheme == "https":
            folder = os.path.isdir(certificates)  # noqa: PTH112 - as requests and urllib3 tell them apart
            self._context = ssl.create_default_context(
                cafile=None if folder else certificates, capath=certificates if folder else None
            )
            self._context.set_alpn_protocols(["http/1.1"])

    def exchange(
        self, method: str, head: bytes, body: bytes | bytearray = b"", into: memoryview | None = None
    ) -> DirectReply | None:
        """Send a request and read its reply.

        Args:
            method: of the request.
            head: of the request.
            body: see *head*.
            into: the body of a successful reply is written here, as much of it as came and as there is room for. The
                reply's `body` is what was written.

        Returns:
            The reply; None if no whole reply came, or not one that can be read here. The server may have done what it
            was asked.

        Raises:
            StoppedError: *stop* was set.
        """
        if self._stop.is_set():
            raise StoppedError
        connection: socket.socket | None = None
        kept = False
        try:
            connection = self._connection()
            sent = self._send(connection, head, body)
            reply, kept = self._read(connection, method, into)
            kept = kept and sent
        except (OSError, ValueError, http.client.HTTPException):
            return None
        finally:
            if connection is not None and not kept:
                connection.close()
        if kept:
            self._idle.append(connection)
        return reply

    def close(self) -> None:
        """Close the connections that are not in use."""
        _close_all(self._idle)

    def _connection(self) -> socket.socket:
        while self._idle:
            try:
                connection = self._idle.pop()
            except IndexError:  # another thread was faster
                break
            # The server has closed it, or has sent what nobody asked for.
            if not wait_for_read(connection, 0):
                return connection
            connection.close()
        connection = socket.create_connection((self._host, self._port), CONNECT_TIMEOUT)
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._context is not None:
                connection = self._context.wrap_socket(connection, server_hostname=self._host)
            connection.settimeout(READ_TIMEOUT)
        except BaseException:
            connection.close()
            raise
        return connection

    def _send(self, connection: socket.socket, head: bytes, body: bytes | bytearray) -> bool:
        """Send a request; tell whether the server has taken all of it."""
        if len(body) <= _SENT_AT_ONCE:
            connection.sendall(head + body)
            return True
        connection.sendall(head)
        left = memoryview(body)
        while left:
            self._check_stop()
            try:
                left = left[connection.send(left[:_SENT_AT_ONCE]) :]
            except ConnectionError:  # it may have said why before it hung up
                return False
        return True

    def _read(self, connection: socket.socket, method: str, into: memoryview | None) -> tuple[DirectReply, bool]:
        """Return the reply, and whether the connection can be used again."""
        data = connection.recv(_PIECE)
        while (end := data.find(b"\r\n\r\n")) < 0:
            data += self._more(connection, len(data) <= _LONGEST_HEAD)
        status, headers = head_of(data[:end])
        length = headers.get("content-length", "")
        if "transfer-encoding" in headers or not (length.isascii() and length.isdecimal()) or status < 200:
            return read_specially(connection, method, data, into)
        into = into if status in WITH_CONTENT else None
        expected, body = int(length), data[end + 4 :]
        kept = len(body) <= expected and headers.get("connection", "keep-alive").lower() == "keep-alive"
        if into is not None:
            filled = self._fill(connection, body, into[:expected])
            return DirectReply(status, headers, into[:filled]), kept and filled == expected
        while len(body) < expected:
            body += self._more(connection, expected <= LONGEST_BODY)
        return DirectReply(status, headers, body[:expected]), kept

    def _fill(self, connection: socket.socket, begun: bytes, into: memoryview) -> int:
        """Read a body of which the first bytes have come. Return how many bytes there are in the end."""
        filled = min(len(begun), len(into))
        into[:filled] = begun[:filled]
        while filled < len(into):
            self._check_stop()
            try:
                count = connection.recv_into(into[filled:])
            except OSError:
                count = 0
            if not count:
                if not filled:
                    raise ConnectionError("the reply has no body")
                break
            filled += count
        return filled

    def _more(self, connection: socket.socket, allowed: bool) -> bytes:
        self._check_stop()
        piece = connection.recv(_PIECE) if allowed else b""
        if not piece:
            raise ConnectionError("the reply is not whole, or longer than it can be")
        return piece

    def _check_stop(self) -> None:
        if self._stop.is_set():
            raise StoppedError


def _close_all(connections: collections.deque[socket.socket]) -> None:
    while connections:
        connections.pop().close()
