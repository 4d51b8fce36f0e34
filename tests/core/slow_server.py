"""A slow server on real sockets, and a clock that runs faster than real time."""

from __future__ import annotations

import contextlib
import gzip
import itertools
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from io import BufferedReader
from types import TracebackType

RATE = 50.0
# Real seconds between two bytes of a slow server: one second on the fast clock.
DRIP = 1 / RATE
GOOD = json.dumps({"access_token": "federated-good", "expires_in": 3600, "token_type": "Bearer"}).encode()


class FastClock:
    """A clock that runs fifty times as fast as the system clock."""

    def __init__(self) -> None:
        self._wall, self._monotonic, self._skipped = time.time(), time.monotonic(), 0.0

    def time(self) -> float:
        return self._wall + (time.time() - self._wall) * RATE + self._skipped

    def monotonic(self) -> float:
        return self._monotonic + (time.monotonic() - self._monotonic) * RATE + self._skipped

    def skip(self, seconds: float) -> None:
        self._skipped += seconds

    def sleep(self, seconds: float, /) -> None:
        time.sleep(seconds / RATE)


def reply(body: bytes = GOOD, *headers: str, status: str = "200 OK") -> bytes:
    lines = (f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", "")
    return "\r\n".join(lines).encode() + body


def whole(data: bytes) -> Callable[[], Iterator[bytes]]:
    return lambda: iter([data])


def dripping(start: bytes, each: bytes) -> Callable[[], Iterator[bytes]]:
    """Send the start at once, and then one piece per second forever."""

    def parts() -> Iterator[bytes]:
        yield start
        for _ in itertools.count():
            time.sleep(DRIP)
            yield each

    return parts


def silence() -> Iterator[bytes]:
    """Accept the request and send nothing."""
    time.sleep(3600)
    yield b""


def zeros(encoding: str) -> Iterator[bytes]:
    """Send a GiB of spaces, compressed to one MB."""
    block = gzip.compress(b" " * 2**24)
    yield f"HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\nContent-Length: {len(block) * 64}\r\n\r\n".encode()
    for _ in range(64):
        yield block


SLOW = {
    "a body byte by byte": dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b" "),
    "a chunked body": dripping(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    "a body until the connection is closed": dripping(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", b" "),
    "a status line": dripping(b"HTTP/1.1 200 ", b"O"),
    "a header": dripping(b"HTTP/1.1 200 OK\r\nX-Slow: ", b"x"),
    "headers": dripping(b"HTTP/1.1 200 OK\r\n", b"X"),
    "interim replies": dripping(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "silence": silence,
}


class SlowServer:
    """A server that answers each connection with a script. A new script applies only to later replies."""

    def __init__(self, script: Callable[[], Iterator[bytes]]) -> None:
        self.script = script
        self.connections = 0
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/v1/token"

    def __enter__(self) -> SlowServer:
        self._accepting.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)  # wakes up `accept`
        self._accepting.join(20)
        self._listener.close()
        for connection in self._open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            requests = connection.makefile("rb")
            while _read(requests):
                for part in self.script():
                    connection.sendall(part)
            connection.close()


def _read(requests: BufferedReader) -> bool:
    """Read a whole request; return False at the end of the connection."""
    length = 0
    while line := requests.readline():
        if line.lower().startswith(b"content-length:"):
            length = int(line.partition(b":")[2])
        if line == b"\r\n":
            return len(requests.read(length)) == length
    return False
