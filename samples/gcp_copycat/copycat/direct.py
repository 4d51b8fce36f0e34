"""A minimal HTTP/1.1 client for one server: it sends a request over a kept-alive connection and reads the response.

It exists for speed. For a small object, urllib3 and the clouds' client libraries take several times as long as the transfer.
For a large one, they copy the content in memory several times while holding the GIL.

It handles only the common case. For anything else `exchange` returns None, and the caller (`direct_get.py`, `direct_put.py`)
repeats the request through the library, which retries, follows the protocol and raises well-known errors. It does not support
proxies.
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

from copycat.direct_reply import MAX_BODY, WITH_CONTENT, DirectReply, parse_head, read_with_http_client
from copycat.errors import StoppedError

CONNECT_TIMEOUT, READ_TIMEOUT = 10.0, 60.0
_RECEIVE_SIZE, _SEND_SIZE = 1 << 14, 1 << 18
# Limits the memory that a response's headers can take.
_MAX_HEAD = 1 << 16
_PORTS = {"http": 80, "https": 443}


class DirectClient:
    """A pool of connections to one server. It is thread-safe.

    Args:
        url: URL of the server. Only its scheme, host and port are used.
        certificates: file or folder with the certificate authorities to trust.
        stop: once this is set, `exchange` raises `StoppedError`.
    """

    def __init__(self, url: str, certificates: str, stop: threading.Event) -> None:
        parts = urlsplit(url)
        self._host = parts.hostname or ""
        self._port = parts.port or _PORTS[parts.scheme]
        self._stop = stop
        self._idle: collections.deque[socket.socket] = collections.deque()
        # Close the connections at the latest when this object is garbage-collected.
        weakref.finalize(self, _close_all, self._idle)
        self._context: ssl.SSLContext | None = None
        if parts.scheme == "https":
            folder = os.path.isdir(certificates)  # noqa: PTH112 - the same check as in requests and urllib3
            self._context = ssl.create_default_context(
                cafile=None if folder else certificates, capath=certificates if folder else None
            )
            self._context.set_alpn_protocols(["http/1.1"])

    def exchange(
        self, method: str, head: bytes, body: bytes | bytearray = b"", into: memoryview | None = None
    ) -> DirectReply | None:
        """Send a request and read the response.

        Args:
            method: HTTP method.
            head: request line and headers, as they are sent.
            body: request body.
            into: buffer for the body of a successful response. Of a response that is cut short, it receives what arrived; what
                does not fit is not read. The reply's `body` is the part that was filled.

        Returns:
            The response. None if no complete response arrived, or one that this client does not support. The server may have
            executed the request.

        Raises:
            StoppedError: *stop* was set.
        """
        if self._stop.is_set():
            raise StoppedError
        connection: socket.socket | None = None
        reusable = False
        try:
            connection = self._connection()
            sent = self._send(connection, head, body)
            reply, reusable = self._read(connection, method, into)
            reusable = reusable and sent
        except (OSError, ValueError, http.client.HTTPException):
            return None
        finally:
            if connection is not None and not reusable:
                connection.close()
        if reusable:
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
            # If it is readable, the server has closed it, or has sent something that was not requested.
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
        """Send a request. Return whether the server accepted all of it."""
        if len(body) <= _SEND_SIZE:
            connection.sendall(head + body)
            return True
        connection.sendall(head)
        left = memoryview(body)
        while left:
            self._check_stop()
            try:
                left = left[connection.send(left[:_SEND_SIZE]) :]
            except ConnectionError:  # it may have sent an error response before it closed the connection
                return False
        return True

    def _read(self, connection: socket.socket, method: str, into: memoryview | None) -> tuple[DirectReply, bool]:
        """Return the response, and whether the connection can be reused."""
        data = connection.recv(_RECEIVE_SIZE)
        while (end := data.find(b"\r\n\r\n")) < 0:
            data += self._receive(connection, len(data) <= _MAX_HEAD)
        status, headers = parse_head(data[:end])
        length = headers.get("content-length", "")
        if "transfer-encoding" in headers or not (length.isascii() and length.isdecimal()) or status < 200:
            return read_with_http_client(connection, method, data, into)
        into = into if status in WITH_CONTENT else None
        expected, body = int(length), data[end + 4 :]
        reusable = len(body) <= expected and headers.get("connection", "keep-alive").lower() == "keep-alive"
        if into is not None:
            filled = self._fill(connection, body, into[:expected])
            return DirectReply(status, headers, into[:filled]), reusable and filled == expected
        while len(body) < expected:
            body += self._receive(connection, expected <= MAX_BODY)
        return DirectReply(status, headers, body[:expected]), reusable

    def _fill(self, connection: socket.socket, received: bytes, into: memoryview) -> int:
        """Read a body whose first bytes have been received. Return the number of bytes in the buffer."""
        filled = min(len(received), len(into))
        into[:filled] = received[:filled]
        while filled < len(into):
            self._check_stop()
            try:
                count = connection.recv_into(into[filled:])
            except OSError:
                count = 0
            if not count:
                if not filled:
                    raise ConnectionError("the response has no body")
                break
            filled += count
        return filled

    def _receive(self, connection: socket.socket, allowed: bool) -> bytes:
        self._check_stop()
        piece = connection.recv(_RECEIVE_SIZE) if allowed else b""
        if not piece:
            raise ConnectionError("the response is incomplete or too long")
        return piece

    def _check_stop(self) -> None:
        if self._stop.is_set():
            raise StoppedError


def _close_all(connections: collections.deque[socket.socket]) -> None:
    while connections:
        connections.pop().close()
