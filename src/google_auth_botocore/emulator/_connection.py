"""One client's connection: HTTP/1.1 with keep-alive, and a limit on every wait for the client."""

from __future__ import annotations

import contextlib
import io
import socket
import time
from http.server import BaseHTTPRequestHandler
from typing import Any

_PIECE = 1 << 16


class _Reader(io.RawIOBase):
    """What a socket receives until a deadline. The timeout of a socket alone starts again with each byte."""

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
    """Reads requests; a subclass answers them.

    A client that takes longer than a limit is hung up on, without an answer.

    Attributes:
        idle_limit: seconds until a request begins.
        head_limit: seconds for its request line and headers, from their first byte.
        body_limit: seconds for each part of its body that is read at once.
        send_limit: seconds in which the client takes nothing of the answer.
        discard_limit: seconds for the rest of a body that nobody wants.
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
        """Wait for a request, and answer it."""
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
        answered = super().handle_expect_100()
        self.wfile.flush()
        return answered

    def end_headers(self) -> None:
        """Send the headers; from here on the client has to read."""
        self.connection.settimeout(self.send_limit)
        super().end_headers()

    def read_body(self, size: int) -> bytes:
        """Read a part of the body; less than `size` bytes if the client closes the connection."""
        self._reader.allow(self.body_limit)
        return self.rfile.read(size)

    def read_line(self) -> bytes:
        """Read one line between two parts of the body."""
        self._reader.allow(self.body_limit)
        return self.rfile.readline(_PIECE)

    def discard_body(self) -> None:
        """Send the answer, and drop what the client still sends. Without this it sees a reset in place of the answer."""
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_WR)
            self._reader.allow(self.discard_limit)
            while self.rfile.read1(_PIECE):
                pass
