"""Small requests to one server over kept connections, with as little work as Python can do.

For a small object, urllib3 and the clouds' client libraries take several times as long as the copy itself. This sends one
request and reads one small reply. All that is special goes the libraries' way: `exchange` returns None, and the caller
sends the request again through the library, whose errors it knows. A proxy is not for this module.
"""

from __future__ import annotations

import collections
import http.client
import io
import os
import socket
import ssl
import threading
import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from typing import BinaryIO, cast
from urllib.parse import urlsplit

from urllib3.util import wait_for_read

from copycat.errors import StoppedError

# Larger bodies are for the libraries: there, their work per request no longer counts.
LARGEST = 1 << 16
CONNECT_TIMEOUT, READ_TIMEOUT = 10.0, 60.0
_PIECE = 1 << 17
# Of a reply, to make sure that none fills the memory.
_LONGEST_HEAD, _LONGEST_BODY = 1 << 16, 1 << 20
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class DirectReply:
    """A reply.

    Attributes:
        status: of HTTP.
        headers: by lower-case name; values of repeated ones are joined by a comma.
        body: all of it, as it was sent.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes


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

    def exchange(self, method: str, request: bytes) -> DirectReply | None:
        """Send a request and read its reply.

        Args:
            method: of the request.
            request: all of it.

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
            connection.sendall(request)
            reply, kept = self._read(connection, method)
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

    def _read(self, connection: socket.socket, method: str) -> tuple[DirectReply, bool]:
        """Return the reply, and whether the connection can be used again."""
        data = connection.recv(_PIECE)
        while (end := data.find(b"\r\n\r\n")) < 0:
            data += self._more(connection, len(data) <= _LONGEST_HEAD)
        status, headers = _head(data[:end])
        length = headers.get("content-length", "")
        if "transfer-encoding" in headers or not (length.isascii() and length.isdecimal()) or status < 200:
            return self._read_with_library(connection, method, data)
        body = data[end + 4 :]
        missing = int(length) - len(body)
        while missing > 0:
            piece = self._more(connection, int(length) <= _LONGEST_BODY)
            body += piece
            missing -= len(piece)
        kept = missing == 0 and headers.get("connection", "keep-alive").lower() == "keep-alive"
        return DirectReply(status, headers, body[: int(length)]), kept

    def _more(self, connection: socket.socket, allowed: bool) -> bytes:
        if self._stop.is_set():
            raise StoppedError
        piece = connection.recv(_PIECE) if allowed else b""
        if not piece:
            raise ConnectionError("the reply is not whole, or longer than it can be")
        return piece

    def _read_with_library(self, connection: socket.socket, method: str, data: bytes) -> tuple[DirectReply, bool]:
        """Read a reply in another form than the plainest, for example in chunks."""
        reply = http.client.HTTPResponse(cast("socket.socket", _Begun(connection, data)), method=method)
        with reply:
            reply.begin()
            body = reply.read(_LONGEST_BODY)
            if reply.read(1):
                raise ConnectionError("the reply is longer than it can be")
            names = {name.lower() for name in reply.headers}
            headers = {name: ", ".join(reply.headers.get_all(name, ())) for name in names}
            return DirectReply(reply.status, headers, body), False


class _Begun:
    """A connection of whose data a part has been read already, as much of it as `http.client` uses."""

    def __init__(self, connection: socket.socket, data: bytes) -> None:
        self._reader: BinaryIO = io.BufferedReader(_Joined(data, connection))

    def makefile(self, _: str) -> BinaryIO:
        """Return what the reply is read from."""
        return self._reader


class _Joined(io.RawIOBase):
    def __init__(self, data: bytes, connection: socket.socket) -> None:
        self._data = data
        self._connection = connection

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        if not self._data:
            return self._connection.recv_into(buffer)
        count = min(len(buffer), len(self._data))
        buffer[:count], self._data = self._data[:count], self._data[count:]
        return count


def _close_all(connections: collections.deque[socket.socket]) -> None:
    while connections:
        connections.pop().close()


def _head(data: bytes) -> tuple[int, dict[str, str]]:
    """Read status and headers.

    Raises:
        ValueError: They are not those of HTTP/1.1 in their plainest form.
    """
    first, *lines = data.decode("latin-1").split("\r\n")
    version, status, *_ = first.split(" ", 2)
    if version != "HTTP/1.1" or len(status) != 3:
        raise ValueError(f"{first!r} is not the first line of a reply in HTTP/1.1")
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        name = name.lower()
        if not colon or not name or name != name.strip():
            raise ValueError(f"{line!r} is not a header")
        value = value.strip(" \t")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return int(status), headers
