"""The responses that `direct.py` reads: their parts, a parser for the headers, and a slower reader for unusual encodings."""

from __future__ import annotations

import http.client
import io
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import BinaryIO, cast

# Longest body, in bytes, that is read if the caller passes no buffer. It limits the memory that a response can take.
MAX_BODY = 1 << 20
# Status codes of responses that have the requested content.
WITH_CONTENT = (200, 206)


@dataclass(frozen=True, slots=True)
class DirectReply:
    """A response.

    Attributes:
        status: HTTP status code.
        headers: values by lower-case name. The values of a repeated header are joined with commas.
        body: body as it was sent.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes | memoryview


def parse_head(data: bytes) -> tuple[int, dict[str, str]]:
    """Parse the status line and the headers.

    Raises:
        ValueError: They are not plain HTTP/1.1, for example a header is folded.
    """
    first, *lines = data.decode("latin-1").split("\r\n")
    version, status, *_ = first.split(" ", 2)
    if version != "HTTP/1.1" or len(status) != 3:
        raise ValueError(f"{first!r} is not an HTTP/1.1 status line")
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        name = name.lower()
        if not colon or not name or name != name.strip():
            raise ValueError(f"{line!r} is not a header")
        value = value.strip(" \t")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return int(status), headers


def read_with_http_client(
    connection: socket.socket, method: str, data: bytes, into: memoryview | None
) -> tuple[DirectReply, bool]:
    """Read a response of any valid form with `http.client`, for example one with a chunked body.

    Args:
        connection: connection that the response comes from.
        method: HTTP method of the request.
        data: bytes of the response that have been received.
        into: see `DirectClient.exchange`.

    Returns:
        The response, and False: the connection must not be reused.
    """
    reply = http.client.HTTPResponse(cast("socket.socket", _BufferedConnection(connection, data)), method=method)
    with reply:
        reply.begin()
        into = into if reply.status in WITH_CONTENT else None
        body = reply.read(MAX_BODY) if into is None else into[: reply.readinto(into)]
        if reply.read(1):
            raise ConnectionError("the response is too long")
        names = {name.lower() for name in reply.headers}
        headers = {name: ", ".join(reply.headers.get_all(name, ())) for name in names}
        return DirectReply(reply.status, headers, body), False


class _BufferedConnection:
    """A connection and the bytes already received from it, with the one method of a socket that `http.client` calls."""

    def __init__(self, connection: socket.socket, data: bytes) -> None:
        self._reader: BinaryIO = io.BufferedReader(_PrefixedReader(data, connection))

    def makefile(self, _: str) -> BinaryIO:
        """Return a file that reads the received bytes first, and then the connection."""
        return self._reader


class _PrefixedReader(io.RawIOBase):
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
