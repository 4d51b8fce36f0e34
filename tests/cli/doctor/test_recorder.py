"""How much doctor listens to: servers that say too much, or never come to an end."""

from __future__ import annotations

import contextlib
import itertools
import socket
import threading
from collections.abc import Iterator

from cli.doctor.sandbox import Sandbox
from cli.doctor.test_visits import Answering
from google_auth_botocore.cli.doctor._recorder import Recorder
from google_auth_botocore.emulator._http import Response

_HEAD = b"HTTP/1.1 200 OK\r\n\r\n"  # the body ends with the connection


class Talker:
    """A server that says something, and then nothing more until its client hangs up.

    Attributes:
        heard_out: whether it has said all.
    """

    def __init__(self, body: bytes, times: int) -> None:
        self._parts = itertools.repeat(body, times)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._listening.settimeout(60)
        self._hung_up = threading.Event()
        self.heard_out = False
        self.url = "http://{}:{}/".format(*self._listening.getsockname())

    def wait_until_the_client_has_hung_up(self) -> None:
        assert self._hung_up.wait(60)

    def serve(self) -> None:
        with self._listening, self._listening.accept()[0] as connection, contextlib.suppress(ConnectionError):
            connection.recv(65_536)
            connection.sendall(_HEAD)
            for part in self._parts:
                connection.sendall(part)
            self.heard_out = True
            connection.recv(1)
        self._hung_up.set()


@contextlib.contextmanager
def talking(body: bytes, times: int = 1) -> Iterator[Talker]:
    talker = Talker(body, times)
    thread = threading.Thread(target=talker.serve)
    thread.start()
    yield talker
    thread.join(60)
    assert not thread.is_alive()


def test_of_a_long_reply_no_more_is_read_than_is_wanted() -> None:
    with talking(bytes(1 << 20), times=200) as talker:
        reply = Recorder().ask("GET", talker.url, headers={}, at_most=1000)
        talker.wait_until_the_client_has_hung_up()
        assert (reply.status, len(reply.text), talker.heard_out) == (200, 1000, False)


def test_of_a_call_the_beginning_is_read(sandbox: Sandbox) -> None:
    with talking(bytes(1 << 20), times=200) as talker:
        done = sandbox.run(
            "doctor", *(f"--{name}={value}" for name, value in sandbox.flags.items()), f"--call={talker.url}"
        )
        talker.wait_until_the_client_has_hung_up()
        assert (done.code, talker.heard_out) == (0, False)


def test_a_reply_without_an_end_is_left_after_half_a_minute() -> None:
    """By a clock on which each byte takes a second."""
    ticks = itertools.count()
    with talking(b"x" * 40) as talker:
        reply = Recorder(lambda: float(next(ticks))).ask("GET", talker.url, headers={})
        assert (reply.status, reply.text) == (200, "x" * 30)


def test_the_largest_policy_is_read_to_its_end(sandbox: Sandbox) -> None:
    answering = sandbox.start(Answering(Response({"bindings": "x" * 250_000})))
    assert len(Recorder().ask("GET", answering.url, headers={}).document["bindings"]) == 250_000
