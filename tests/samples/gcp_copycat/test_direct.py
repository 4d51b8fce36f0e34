"""copycat.direct: requests and responses over reused connections, including invalid responses."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

import pytest
from copycat.direct import DirectClient
from copycat.errors import StoppedError

_PLAIN = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A: 1\r\nx-a:  2 \r\n\r\nhi"


class Server:
    """Responds to the requests of each connection with the items of a script. None closes the connection.

    A function is called with the connection, and its result is sent.
    """

    def __init__(self) -> None:
        self.script: list[list[bytes | Callable[[socket.socket], bytes] | None]] = []
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
            # The client closes the connection before a long response is complete.
            with connection, contextlib.suppress(ConnectionError):
                for piece in self.script.pop(0) if self.script else []:
                    if piece is None:
                        break
                    if not isinstance(piece, bytes):
                        connection.sendall(piece(connection))
                    elif connection.recv(1 << 16):
                        connection.sendall(piece)
                    else:
                        break
                else:
                    connection.settimeout(10)
                    if not self.script:
                        connection.recv(1)  # until the client closes the connection
            self.ended.set()

    def close(self) -> None:
        with contextlib.suppress(OSError):  # already closed
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@pytest.fixture(name="server")
def _server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


@pytest.fixture(name="direct")
def _direct(server: Server) -> Iterator[DirectClient]:
    direct = DirectClient(server.url, "", threading.Event())
    yield direct
    direct.close()


def test_a_connection_is_reused(server: Server, direct: DirectClient) -> None:
    server.script = [[_PLAIN, _PLAIN]]

    for _ in range(2):
        reply = direct.exchange("GET", b"request")

        assert reply is not None
        assert (reply.status, reply.headers["x-a"], reply.body) == (200, "1, 2", b"hi")
    assert server.connections == 1


def test_a_connection_closed_by_the_server_is_replaced(server: Server, direct: DirectClient) -> None:
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
def test_an_unusual_response_is_read_and_its_connection_closed(
    server: Server, direct: DirectClient, reply: bytes
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
def test_an_incomplete_or_invalid_response_returns_none(server: Server, direct: DirectClient, reply: bytes) -> None:
    server.script = [[reply, None], [_PLAIN]]

    assert direct.exchange("GET", b"request") is None
    assert direct.exchange("GET", b"request")
    assert server.connections == 2


def test_an_unreachable_server_returns_none(server: Server, direct: DirectClient) -> None:
    server.close()

    assert direct.exchange("GET", b"request") is None


def test_a_stop_ends_an_exchange(server: Server) -> None:
    stop = threading.Event()
    direct = DirectClient(server.url, "", stop)
    stop.set()

    with pytest.raises(StoppedError):
        direct.exchange("GET", b"request")
    assert server.connections == 0


_BODY = bytes(range(256)) * 4096


def _handle(count: int, then: bytes, received: list[bytes]) -> Callable[[socket.socket], bytes]:
    """Return a function that reads this many bytes, and then responds."""

    def read(connection: socket.socket) -> bytes:
        data = b""
        while len(data) < count and (piece := connection.recv(1 << 16)):
            data += piece
        received.append(data)
        return then

    return read


def test_a_large_body_is_sent(server: Server, direct: DirectClient) -> None:
    received: list[bytes] = []
    server.script = [[_handle(4 + len(_BODY), _PLAIN, received)] * 2]

    for _ in range(2):
        reply = direct.exchange("PUT", b"head", bytearray(_BODY))
        assert reply is not None
        assert (reply.status, reply.body) == (200, b"hi")
    assert received == [b"head" + _BODY] * 2
    assert server.connections == 1


def test_an_early_error_response_is_read_although_the_server_closes_the_connection(
    server: Server, direct: DirectClient
) -> None:
    """A connection reset can discard the response; then there is none. The next exchange opens a new connection."""
    received: list[bytes] = []
    rejected = b"HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno"
    server.script = [[_handle(4, rejected, received), None], [_PLAIN]]

    found = direct.exchange("PUT", b"head", bytes(1 << 26))

    assert found is None or (found.status, found.body) == (403, b"no")
    assert direct.exchange("GET", b"request")
    assert server.connections == 2


@pytest.mark.parametrize("status", [200, 206])
def test_content_is_written_into_the_buffer(server: Server, direct: DirectClient, status: int) -> None:
    reply = f"HTTP/1.1 {status} OK\r\nContent-Length: {len(_BODY)}\r\n\r\n".encode() + _BODY
    server.script = [[reply, reply]]

    for _ in range(2):
        room = bytearray(len(_BODY))
        found = direct.exchange("GET", b"request", into=memoryview(room))
        assert found is not None
        assert (found.status, len(found.body), bytes(room)) == (status, len(_BODY), _BODY)
    assert server.connections == 1


_CHUNKS = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\n012345\r\n4\r\n6789\r\n0\r\n\r\n"


@pytest.mark.parametrize(
    ("reply", "content"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01234", b"01234"),
        (b"HTTP/1.1 206 OK\r\nContent-Length: 5\r\n\r\n01234", b"01234"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n0123456789ab", b"0123456789"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789ab", b"0123456789"),
        (_CHUNKS, b"0123456789"),
    ],
    ids=["cut", "short", "long", "too much", "chunks"],
)
def test_content_of_another_length_fills_what_arrived_and_fits(
    server: Server, direct: DirectClient, reply: bytes, content: bytes
) -> None:
    server.script = [[reply, None], [_PLAIN]]
    room = bytearray(10)

    found = direct.exchange("GET", b"request", into=memoryview(room))

    assert found is not None
    assert (bytes(found.body), bytes(room[: len(content)])) == (content, content)
    # A request that the server's close overtakes has no reply, and the client opens another connection for the next one.
    assert direct.exchange("GET", b"request") or direct.exchange("GET", b"request")
    assert server.connections == 2


def test_an_error_response_is_not_written_into_the_buffer(server: Server, direct: DirectClient) -> None:
    server.script = [[b"HTTP/1.1 404 No\r\nContent-Length: 5\r\n\r\nwrong"], [_CHUNKS.replace(b"200", b"500")]]
    for status, body in ((404, b"wrong"), (500, b"0123456789")):
        room = bytearray(10)
        found = direct.exchange("GET", b"request", into=memoryview(room))
        direct.close()

        assert found is not None
        assert (found.status, found.body, room) == (status, body, bytearray(10))


def test_a_stop_ends_a_running_download_and_upload(server: Server) -> None:
    stop = threading.Event()
    direct = DirectClient(server.url, "", stop)

    def begin(connection: socket.socket) -> bytes:
        connection.recv(1 << 16)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n")
        stop.set()
        return b"0"

    def take_some(connection: socket.socket) -> bytes:
        connection.recv(1 << 16)
        stop.set()
        return b""

    server.script = [[begin, None], [take_some, _handle(1 << 26, b"", [])]]
    with pytest.raises(StoppedError):
        direct.exchange("GET", b"request", into=memoryview(bytearray(10)))
    stop.clear()
    with pytest.raises(StoppedError):
        direct.exchange("PUT", b"head", bytes(1 << 26))
