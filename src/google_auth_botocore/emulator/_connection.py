"""One client connection: HTTP/1.1 with keep-alive, and a time limit on every wait for the client."""

from __future__ import annotations

import contextlib
import io
import socket
import time
from http.server import BaseHTTPRequestHandler
from typing import Any

_CHUNK = 1 << 16


class _Reader(io.RawIOBase):
    """Reads from a socket until a deadline. A socket's own timeout would start again with each byte."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._deadline = 0.0

    def allow(self, seconds: float) -> None:
        """Set the deadline."""
        self._deadline = time.monotonic() + seconds

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self._connection.settimeout(left)
        return self._connection.recv_into(buffer)


class Connection(BaseHTTPRequestHandler):
    """Reads requests. A subclass replies to them.

    If a client exceeds a limit, the connection is closed without a reply.

    Attributes:
        idle_limit: seconds until a request begins.
        head_limit: seconds for the request line and headers, from their first byte.
        body_limit: seconds for each part of the body that is read at once.
        send_limit: seconds in which the client reads nothing of the reply.
        discard_limit: seconds for the rest of a body that is discarded.
    """

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # headers and body leave in one segment
    rfile: io.BufferedReader
    idle_limit = 60.0
    head_limit = 20.0
    body_limit = 60.0
    send_limit = 60.0
    discard_limit = 10.0

    def setup(self) -> None:
        """Read with deadlines."""
        super().setup()
        self.rfile.close()
        self._reader = _Reader(self.connection)
        self.rfile = io.BufferedReader(self._reader)

    def handle_one_request(self) -> None:
        """Wait for a request and reply to it."""
        self._reader.allow(self.idle_limit)
        try:
            begun = self.rfile.peek(1)
        except TimeoutError:
            begun = b""
        if not begun:
            self.close_connection = True
            return
        self._reader.allow(self.head_limit)
        super().handle_one_request()

    def handle_expect_100(self) -> bool:
        """Send `100 Continue` at once: clients such as curl wait a second for it before they send a body."""
        accepted = super().handle_expect_100()
        self.wfile.flush()
        return accepted

    def end_headers(self) -> None:
        """Send the headers. From here on, the limit is on how long the client does not read."""
        self.connection.settimeout(self.send_limit)
        super().end_headers()

    def read_body(self, size: int) -> bytes:
        """Read a part of the body; less than `size` bytes if the client closes the connection."""
        self._reader.allow(self.body_limit)
        return self.rfile.read(size)

    def read_line(self) -> bytes:
        """Read one line between two parts of the body."""
        self._reader.allow(self.body_limit)
        return self.rfile.readline(_CHUNK)

    def discard_body(self) -> None:
        """Send the reply, then discard what the client still sends. Otherwise it would see a reset instead of the reply."""
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_WR)
            self._reader.allow(self.discard_limit)
            while self.rfile.read1(_CHUNK):
                pass
