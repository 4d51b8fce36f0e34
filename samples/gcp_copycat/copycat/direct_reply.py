"""Replies to requests that `direct.py` sends: what they consist of, and how those are read that have a special form."""

from __future__ import annotations

import http.client
import io
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import BinaryIO, cast

# Bytes of a body for which there is no room yet, to make sure that none fills the memory.
LONGEST_BODY = 1 << 20
# Statuses of replies that have the content that was asked for.
WITH_CONTENT = (200, 206)


@dataclass(frozen=True, slots=True)
class DirectReply:
    """A reply.

    Attributes:
        status: of HTTP.
        headers: by lower-case name; values of repeated ones are joined by a comma.
        body: as it was sent.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes | memoryview


def head_of(data: bytes) -> tuple[int, dict[str, str]]:
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


def read_specially(
    connection: socket.socket, method: str, data: bytes, into: memoryview | None
) -> tuple[DirectReply, bool]:
    """Read a reply in another form than the plainest, for example in chunks.

    Args:
        connection: that the reply comes from.
        method: of the request.
        data: what of the reply has come already.
        into: see `Direct.exchange`.

    Returns:
        The reply, and that its connection is not to be used again.
    """
    reply = http.client.HTTPResponse(cast("socket.socket", _Begun(connection, data)), method=method)
    with reply:
        reply.begin()
        into = into if reply.status in WITH_CONTENT else None
        body = reply.read(LONGEST_BODY) if into is None else into[: reply.readinto(into)]
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
