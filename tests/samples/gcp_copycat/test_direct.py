"""copycat.direct: one request, one reply, over kept connections, whatever a server sends."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest
from copycat.direct import Direct
from copycat.errors import StoppedError

_PLAIN = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A: 1\r\nx-a:  2 \r\n\r\nhi"


class Server:
    """Answers the requests of each connection with the pieces of a script; None ends a connection."""

    def __init__(self) -> None:
        self.script: list[list[bytes | None]] = []
        self.connections = 0
        self.ended = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            with connection:
                for piece in self.script.pop(0) if self.script else []:
                    if piece is None or not connection.recv(1 << 16):
                        break
                    connection.sendall(piece)
                else:
                    connection.settimeout(10)
                    if not self.script:
                        connection.recv(1)  # until the client hangs up
            self.ended.set()

    def close(self) -> None:
        with contextlib.suppress(OSError):  # it is closed
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@pytest.fixture(name="server")
def _server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


@pytest.fixture(name="direct")
def _direct(server: Server) -> Iterator[Direct]:
    direct = Direct(server.url, "", threading.Event())
    yield direct
    direct.close()


def test_a_connection_is_used_again(server: Server, direct: Direct) -> None:
    server.script = [[_PLAIN, _PLAIN]]

    for _ in range(2):
        reply = direct.exchange("GET", b"request")

        assert reply is not None
        assert (reply.status, reply.headers["x-a"], reply.body) == (200, "1, 2", b"hi")
    assert server.connections == 1


def test_a_connection_that_the_server_has_closed_is_opened_again(server: Server, direct: Direct) -> None:
    server.script = [[_PLAIN, None], [_PLAIN]]

    assert direct.exchange("GET", b"request")
    assert server.ended.wait(10)
    assert direct.exchange("GET", b"request")
    assert server.connections == 2


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi, and more than was asked for",
    ],
    ids=["chunks", "close", "continue", "too much"],
)
def test_a_whole_reply_in_another_form_is_read_and_its_connection_closed(
    server: Server, direct: Direct, reply: bytes
) -> None:
    server.script = [[reply, None], [_PLAIN]]

    found = direct.exchange("GET", b"request")

    assert found is not None
    assert (found.status, found.body) == (200, b"hi")
    assert direct.exchange("GET", b"request")
    assert server.connections == 2


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n",
        b"HTTP/1.1 200 OK\r\n folded\r\nContent-Length: 2\r\n\r\nhi",
        b"HTTP/1.1 2x0 OK\r\nContent-Length: 2\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n" + bytes(3_000_000),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2dc6c0\r\n" + bytes(3_000_000),
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 300_000,
        b"\x16\x03\x01\r\n\r\n",
        b"\r\n\r\n",
        b"",
    ],
    ids=[
        "cut", "chunks cut", "head cut", "folded", "no status", "long", "long chunks", "long head", "no HTTP", "blank",
        "nothing",
    ],
)  # fmt: skip
def test_half_a_reply_or_none_is_no_reply(server: Server, direct: Direct, reply: bytes) -> None:
    server.script = [[reply, None], [_PLAIN]]

    assert direct.exchange("GET", b"request") is None
    assert direct.exchange("GET", b"request")
    assert server.connections == 2


def test_no_server_is_no_reply(server: Server, direct: Direct) -> None:
    server.close()

    assert direct.exchange("GET", b"request") is None


def test_a_stop_ends_it(server: Server) -> None:
    stop = threading.Event()
    direct = Direct(server.url, "", stop)
    stop.set()

    with pytest.raises(StoppedError):
        direct.exchange("GET", b"request")
    assert server.connections == 0
