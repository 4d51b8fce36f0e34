"""How much of a reply doctor reads, from servers whose replies are too long or endless."""

from __future__ import annotations

import contextlib
import itertools
import socket
import threading
from collections.abc import Iterator

from cli.doctor.sandbox import Sandbox
from cli.doctor.test_report import OneReplyServer
from google_auth_botocore.cli.doctor._recorder import Recorder
from google_auth_botocore.emulator._http import Response

_HEAD = b"HTTP/1.1 200 OK\r\n\r\n"  # without a length: the body ends when the connection is closed


class StreamingServer:
    """A server that sends a body, and then keeps the connection open until the client disconnects.

    Attributes:
        sent_everything: Whether it has sent the whole body.
    """

    def __init__(self, body: bytes, times: int) -> None:
        self._parts = itertools.repeat(body, times)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._listening.settimeout(60)
        self._disconnected = threading.Event()
        self.sent_everything = False
        self.url = "http://{}:{}/".format(*self._listening.getsockname())

    def wait_for_disconnect(self) -> None:
        assert self._disconnected.wait(60)

    def serve(self) -> None:
        with self._listening, self._listening.accept()[0] as connection, contextlib.suppress(ConnectionError):
            connection.recv(65_536)
            connection.sendall(_HEAD)
            for part in self._parts:
                connection.sendall(part)
            self.sent_everything = True
            connection.recv(1)
        self._disconnected.set()


@contextlib.contextmanager
def streaming_server(body: bytes, times: int = 1) -> Iterator[StreamingServer]:
    server = StreamingServer(body, times)
    thread = threading.Thread(target=server.serve)
    thread.start()
    yield server
    thread.join(60)
    assert not thread.is_alive()


def test_a_long_reply_is_read_only_up_to_the_limit() -> None:
    with streaming_server(bytes(1 << 20), times=200) as server:
        reply = Recorder().send("GET", server.url, headers={}, max_size=1000)
        server.wait_for_disconnect()
        assert (reply.status, len(reply.text), server.sent_everything) == (200, 1000, False)


def test_only_the_beginning_of_the_reply_to_a_call_is_read(sandbox: Sandbox) -> None:
    with streaming_server(bytes(1 << 20), times=200) as server:
        done = sandbox.run(
            "doctor", *(f"--{name}={value}" for name, value in sandbox.flags.items()), f"--call={server.url}"
        )
        server.wait_for_disconnect()
        assert (done.code, server.sent_everything) == (0, False)


def test_reading_an_endless_reply_stops_after_30_seconds() -> None:
    """On the test's clock, each byte takes one second."""
    ticks = itertools.count()
    with streaming_server(b"x" * 40) as server:
        reply = Recorder(lambda: float(next(ticks))).send("GET", server.url, headers={})
        assert (reply.status, reply.text) == (200, "x" * 30)


def test_the_largest_policy_is_read_completely(sandbox: Sandbox) -> None:
    server = sandbox.start(OneReplyServer(Response({"bindings": "x" * 250_000})))
    assert len(Recorder().send("GET", server.url, headers={}).document["bindings"]) == 250_000
