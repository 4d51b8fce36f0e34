"""A thousand clients at once, also while the server stops."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import signal
import socket
import threading
import time
from collections.abc import Callable

import pytest
from adapters.conftest import PausedGoogle
from emulator.workload import Workload
from service_account.conftest import Make
from variations import few

from cli.serve.conftest import PATIENCE, TOKEN, Serve, connect, exchange, get, request, server
from google_auth_botocore.cli.serve import _connection, _server
from google_auth_botocore.cli.serve._server import Server


class Crowd:
    """Clients that request a token at the same time, each on its own connection."""

    def __init__(self, port: int, size: int) -> None:
        self._port = port
        self._size = size
        self.requested = 0

    async def answers(self) -> list[str]:
        return await asyncio.gather(*(self._request() for _ in range(self._size)))

    async def _request(self) -> str:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        with contextlib.closing(writer):
            writer.write(request(self._port, TOKEN).encode())
            await writer.drain()
            self.requested += 1
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            body = await reader.readexactly(int(head.lower().split("content-length: ")[1].split("\r\n")[0]))
            return f"{head.split()[1]} {body.decode()}"


async def until(happened: Callable[[], bool]) -> None:
    """Run the event loop until a condition is true."""
    last = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < last
        await asyncio.sleep(0.001)


def closed(port: int) -> bool:
    try:
        connect(port).close()
    except (ConnectionRefusedError, ConnectionResetError):  # reset: it was closed during the connection attempt
        return True
    return False


def test_a_thousand_clients_share_one_exchange(
    serve: Serve, workload: Workload, paused: PausedGoogle, crowd: int
) -> None:
    """All send a request before Google has answered the first, and again afterwards."""
    with serve() as serving:

        async def rush() -> list[str]:
            clients = Crowd(serving.port, crowd)
            answers = asyncio.ensure_future(clients.answers())
            await until(lambda: clients.requested == crowd)
            paused.answer.set()
            return await answers + await Crowd(serving.port, crowd).answers()

        answers = asyncio.run(rush())
    tokens = {answer.partition(', "expires_in"')[0] for answer in answers}
    assert len(tokens) == 1
    assert tokens.pop().startswith('200 {"access_token": "ya29.')
    assert (workload.google.count("/v1/token"), workload.google.count("generateAccessToken")) == (1, 1)


@pytest.mark.parametrize("number", few([signal.SIGTERM, signal.SIGINT, signal.SIGHUP]), ids=str)
def test_a_signal_does_not_lose_requests(
    serve: Serve, workload: Workload, paused: PausedGoogle, crowd: int, number: signal.Signals
) -> None:
    """Connected clients get their answers. Then the server exits with code 0, which the fixture checks."""
    with serve() as serving:

        async def rush() -> list[str]:
            clients = Crowd(serving.port, crowd)
            answers = asyncio.ensure_future(clients.answers())
            await until(lambda: clients.requested == crowd)
            serving.process.send_signal(number)
            await until(lambda: closed(serving.port))
            paused.answer.set()
            return await answers

        answers = asyncio.run(rush())
        assert serving.process.wait(PATIENCE) == 0
    assert {answer[:20] for answer in answers} == {'200 {"access_token":'}
    assert workload.google.count("generateAccessToken") == 1


def test_a_second_signal_stops_it_at_once(serve: Serve, paused: PausedGoogle) -> None:
    with serve() as serving, connect(serving.port) as connection:
        connection.sendall(request(serving.port, TOKEN).encode())
        assert paused.requested.wait(PATIENCE)
        serving.process.send_signal(signal.SIGTERM)
        asyncio.run(until(lambda: closed(serving.port)))
        serving.process.send_signal(signal.SIGTERM)
        assert serving.process.wait(PATIENCE) == -signal.SIGTERM
        paused.answer.set()
        serving.process.returncode = 0  # for the fixture, which checks for exit code 0


@pytest.mark.parametrize("first", ["/", None], ids=["another request", "a first request"])
def test_idle_connections_do_not_delay_the_exit(serve: Serve, first: str | None) -> None:
    with serve() as serving, connect(serving.port) as connection:
        if first is not None:
            assert exchange(connection, request(serving.port, first)).headers["connection"] == "keep-alive"
        started = time.monotonic()
        serving.process.send_signal(signal.SIGTERM)
        assert serving.process.wait(PATIENCE) == 0
        assert time.monotonic() - started < _connection._IDLE_TIMEOUT / 4


def test_clients_above_the_limit_of_connections_wait(
    make: Make, workload: Workload, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also while the server stops, and while idle clients keep their connections."""
    monkeypatch.setattr(_server, "_max_connections", lambda: 5)
    with contextlib.ExitStack() as idle:
        with server(make()) as port:
            for _ in range(10):
                kept = idle.enter_context(connect(port))
                assert exchange(kept, request(port, "/")).status == 200

            answers = asyncio.run(Crowd(port, 50).answers())
            late = [idle.enter_context(connect(port)) for _ in range(20)]
            for connection in late:
                connection.sendall(request(port, TOKEN, "Connection: close").encode())
        assert {answer[:3] for answer in answers} == {"200"}
        assert {connection.recv(12) for connection in late} == {b"HTTP/1.1 200"}
    assert workload.google.count("generateAccessToken") == 1


def test_a_waiting_client_replaces_an_idle_one(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_server, "_max_connections", lambda: 2)
    with server(make()) as port, connect(port) as idle, connect(port) as silent:
        assert exchange(idle, request(port, "/")).headers["connection"] == "close"
        assert idle.recv(1) == b""
        with connect(port) as third:
            assert exchange(third, request(port, "/")).headers["connection"] == "close"
        silent.close()
    with server(make()) as port, connect(port) as idle:
        assert exchange(idle, request(port, "/")).headers["connection"] == "keep-alive"
        with connect(port):
            # A third client is needed: when the second connects, the server may still be answering the first.
            assert get(port, "/").status == 200
            assert idle.recv(1) == b""


def test_clients_are_accepted_once_file_descriptors_are_available_again(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = threading.Event()
    monkeypatch.setattr(_server, "_ACCEPT_RETRY", 0.01)
    accept = Server._accept

    def tried(self: Server) -> bool:
        waiting = accept(self)
        if waiting:
            failed.set()
        return waiting

    monkeypatch.setattr(Server, "_accept", tried)
    with server(make()) as port:
        assert get(port, TOKEN).status == 200
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        with socket.socket() as connection:
            connection.settimeout(PATIENCE)
            resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
            try:
                connection.connect(("127.0.0.1", port))
                connection.sendall(request(port, "/").encode())
                assert failed.wait(PATIENCE)
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            assert connection.recv(12) == b"HTTP/1.1 200"
