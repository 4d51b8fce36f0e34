"""Hostile or silent clients do not keep the server from answering others, or from stopping."""

from __future__ import annotations

import contextlib
import signal
import socket
import threading
import time
from collections.abc import Iterator

import pytest
from emulator.workload import Workload
from service_account.conftest import Make
from variations import few

from cli.serve.conftest import PATIENCE, TOKEN, Serve, connect, exchange, get, request, server
from google_auth_botocore.cli.serve import _connection, _http, _server

# Clients give up after three seconds. Half a minute allows for a loaded machine.
SOON = 30.0


def head(port: int) -> str:
    return request(port, "/").removesuffix("\r\n")


def cpu(heads: bytes) -> float:
    started = time.process_time()
    with contextlib.suppress(_http.MalformedError):
        _http.parse_request(heads)
    return time.process_time() - started


class TestHeads:
    @pytest.mark.parametrize(
        "line",
        [
            "X:{}a",
            "X:{}\0",
            "X:a{}",
            "X{}:a",
            "{}",
            "{}:",
            "X:{}:{}",
            ":{}",
        ],
    )
    @pytest.mark.parametrize("letter", [" ", "\t", " \t", "a", ":", "\0", "\xa0", "\x85", "\n", "\r", "é", "!", "%"])
    def test_the_time_to_parse_a_header_is_linear(self, line: str, letter: str) -> None:
        """The longest possible header. Parsing a sixteenth of it once took minutes."""
        text = line.replace("{}", letter * 30_000)[:65_000]
        assert cpu(f"GET / HTTP/1.1\r\n{text}\r\n\r\n".encode("latin-1")) < 1

    @pytest.mark.parametrize(
        "text",
        [
            "GET " + "/" * 65_000,
            "GET /?" + "a=b&" * 16_000,
            "GET /" + "%ff" * 21_000,
            "GET" + " " * 65_000,
            "a:b\r\n" * 13_000,
        ],
        ids=range(5),
    )
    def test_the_time_to_parse_other_parts_is_linear(self, text: str) -> None:
        assert cpu(f"{text} HTTP/1.1\r\nHost: x\r\n\r\n".encode()) < 1

    @pytest.mark.parametrize("bad", ["\r", "\n", "\0", "\x01", "\x0b", "\x7f", "a\nOrigin: http://evil.example"])
    def test_a_control_character_is_rejected(self, port: int, bad: str) -> None:
        for text in (f"{head(port)}X: a{bad}b\r\n\r\n", head(port).replace("/ HTTP", f"/{bad} HTTP") + "\r\n"):
            with connect(port) as connection:
                assert exchange(connection, text).status == 400

    def test_whitespace_around_a_value_is_ignored(self, port: int) -> None:
        text = head(port).replace("Metadata-Flavor: Google", "Metadata-Flavor: \t Google \t " + " " * 4096)
        with connect(port) as connection:
            assert exchange(connection, text + "\r\n").status == 200

    @pytest.mark.parametrize("more", ["X: " + "a" * 70_000, "a:b\r\n" * 20_000], ids=["a line", "lines"])
    def test_an_endless_head_is_rejected(self, port: int, more: str) -> None:
        with connect(port) as connection:
            assert exchange(connection, head(port) + more).status == 431

    @pytest.mark.parametrize("end", ["\n", "\r", "\n\r", "\r\r"])
    def test_an_incomplete_head_times_out(self, port: int, end: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(_connection, "_HEAD_TIMEOUT", 0.2)
        with connect(port) as connection:
            assert exchange(connection, head(port).replace("\r\n", end) + end).status == 408

    @pytest.mark.slow
    def test_slow_bytes_do_not_extend_the_timeout(self, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
        """Of the first request or a later one."""
        monkeypatch.setattr(_connection, "_HEAD_TIMEOUT", 0.5)
        with server(make()) as port:
            for before in (0, 2):
                with connect(port) as connection:
                    for _ in range(before):
                        assert exchange(connection, request(port, "/")).status == 200
                    started = time.monotonic()
                    with contextlib.suppress(ConnectionError):
                        while time.monotonic() - started < PATIENCE:
                            connection.sendall(b"X")
                            time.sleep(0.05)
                    assert time.monotonic() - started < PATIENCE


class TestBodies:
    @pytest.mark.parametrize("header", ["Content-Length: 1000000", "Transfer-Encoding: chunked"])
    @pytest.mark.parametrize("method", ["GET", "POST"])
    def test_the_answer_arrives_before_a_body_that_is_not_read(self, port: int, header: str, method: str) -> None:
        with connect(port) as connection:
            text = request(port, "/", header, method=method) + "5\r\nhello\r\n" * 100_000
            answer = exchange(connection, text)
            assert (answer.status, answer.headers["connection"]) == (200 if method == "GET" else 405, "close")

    def test_an_endless_body_is_not_waited_for(self, port: int) -> None:
        with connect(port) as connection:
            assert exchange(connection, request(port, "/", "Content-Length: 99999999999")).status == 200
            started = time.monotonic()
            with contextlib.suppress(ConnectionError):
                while time.monotonic() - started < PATIENCE:
                    connection.sendall(b"x" * 1000)
            assert time.monotonic() - started < PATIENCE


class TestCrowds:
    @pytest.mark.parametrize("sent", ["", "GET / HT"], ids=["silent", "half a request"])
    def test_silent_clients_do_not_keep_others_out(
        self, make: Make, monkeypatch: pytest.MonkeyPatch, sent: str
    ) -> None:
        monkeypatch.setattr(_server, "_max_connections", lambda: 50)
        with server(make()) as port, contextlib.ExitStack() as crowd:
            for _ in range(200):
                each = crowd.enter_context(connect(port))
                each.sendall(sent.encode())
            for _ in range(3):
                started = time.monotonic()
                assert get(port, TOKEN).status == 200
                assert time.monotonic() - started < _connection._HEAD_TIMEOUT

    def test_clients_that_wait_for_an_answer_are_not_disconnected(
        self, make: Make, workload: Workload, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(_server, "_max_connections", lambda: 10)
        go_on = threading.Event()
        check = workload.google.clock

        def clock() -> float:
            assert go_on.wait(PATIENCE)
            return check()

        monkeypatch.setattr(workload.google, "clock", clock)
        with server(make()) as port, contextlib.ExitStack() as crowd:
            waiting = [crowd.enter_context(connect(port)) for _ in range(10)]
            for each in waiting:
                each.sendall(request(port, TOKEN, "Connection: close").encode())
            silent = [crowd.enter_context(connect(port)) for _ in range(20)]
            time.sleep(3 * _server._MIN_AGE)
            go_on.set()
            assert {each.recv(12) for each in waiting} == {b"HTTP/1.1 200"}
            assert get(port, TOKEN).status == 200
            assert silent

    def test_a_client_that_reads_no_answer_does_not_block_others(self, port: int) -> None:
        with connect(port) as deaf:
            deaf.settimeout(0.5)
            with contextlib.suppress(TimeoutError):
                for _ in range(100):
                    deaf.sendall(request(port, "/").encode() * 1000)
            assert get(port, TOKEN).status == 200

    def test_a_lack_of_threads_is_a_503(self, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
        def none(*_: object) -> None:
            raise RuntimeError("can't start new thread")

        monkeypatch.setattr(_server, "run_in_daemon_thread", none)
        answer = get(port, TOKEN)
        assert (answer.status, answer.body) == (503, "This metadata server failed: can't start new thread.")


@contextlib.contextmanager
def attack(kind: str, port: int) -> Iterator[None]:
    """Run hostile clients until the context is closed."""
    go_on, opened = threading.Event(), []
    hundreds = 300

    def flood() -> None:
        while not go_on.is_set():
            try:
                each = socket.create_connection(("127.0.0.1", port), timeout=1)
                each.sendall(b"GET / HT")
            except OSError:
                go_on.wait(0.01)
            else:
                opened.append(each)
                if len(opened) > hundreds:
                    opened.pop(0).close()

    def drip() -> None:
        opened.extend(connect(port) for _ in range(hundreds))
        while not go_on.wait(0.1):
            for each in opened:
                with contextlib.suppress(OSError):
                    each.sendall(b"X")

    def pump() -> None:
        each = connect(port)
        opened.append(each)
        text = request(port, "/").encode() * 1000
        with contextlib.suppress(OSError):
            while not go_on.is_set():
                each.sendall(text)

    def blanks() -> None:
        while not go_on.is_set():
            with contextlib.suppress(OSError), connect(port) as each:
                each.sendall(f"{head(port)}X:{' ' * 60_000}\0\r\n\r\n".encode())
                each.recv(100)

    def silent() -> None:
        opened.extend(connect(port) for _ in range(hundreds))
        go_on.wait(PATIENCE)

    kinds = {each.__name__: each for each in (flood, drip, pump, blanks, silent)}
    attackers = [threading.Thread(target=kinds[kind], daemon=True) for _ in range(2)]
    for each in attackers:
        each.start()
    try:
        yield
    finally:
        go_on.set()
        for each in attackers:
            each.join(PATIENCE)
        for connection in opened:
            connection.close()


@pytest.mark.parametrize("kind", few(["drip", "pump", "blanks", "silent", "flood"]))
def test_sigterm_stops_it_during_an_attack(serve: Serve, kind: str) -> None:
    with serve() as serving, attack(kind, serving.port):
        assert get(serving.port, "/").status == 200
        serving.process.send_signal(signal.SIGTERM)
        started = time.monotonic()
        assert serving.process.wait(PATIENCE) == 0
        assert time.monotonic() - started < SOON
