"""Clients that wait for a change: `wait_for_change=true`, `last_etag` and `timeout_sec`."""

from __future__ import annotations

import asyncio
import signal
import socket
import time
from collections.abc import Iterator

import pytest
from core.stand_in import FakeClock
from emulator.workload import Workload
from service_account.conftest import Make

from cli.serve.conftest import ACCOUNT, PATIENCE, TOKEN, Serve, connect, exchange, get, receive, request, server
from google_auth_botocore.cli.serve import _changes, _server

EMAIL = f"{ACCOUNT}/email"
WAIT = "wait_for_change=true"


@pytest.fixture(name="rooms")
def _rooms(monkeypatch: pytest.MonkeyPatch) -> list[_changes.WaitingRoom]:
    """The waiting rooms of the servers that this test starts, the newest one last."""
    found: list[_changes.WaitingRoom] = []

    class Room(_changes.WaitingRoom):
        def __init__(self) -> None:
            super().__init__()
            found.append(self)

    monkeypatch.setattr(_changes, "WaitingRoom", Room)
    return found


@pytest.fixture(name="waiting_port")
def _waiting_port(rooms: list[_changes.WaitingRoom], make: Make) -> Iterator[int]:
    with server(make()) as port:
        yield port


def waiting(rooms: list[_changes.WaitingRoom]) -> int:
    """Return how many clients wait. The server's thread may not have started yet."""
    return len(rooms[-1]._waiting) if rooms else 0


def wait_until_waiting(rooms: list[_changes.WaitingRoom], count: int) -> None:
    last = time.monotonic() + PATIENCE
    while waiting(rooms) != count:
        assert time.monotonic() < last
        time.sleep(0.005)


class TestEntriesThatNeverChange:
    def test_an_etag_is_the_same_in_each_format_and_different_for_other_content(self, port: int) -> None:
        etags = [get(port, f"{EMAIL}{query}").headers["etag"] for query in ("", "?alt=json", "?alt=text")]
        assert len(set(etags)) == 1
        assert get(port, f"{ACCOUNT}/scopes").headers["etag"] not in etags

    def test_another_etag_is_answered_at_once(self, port: int) -> None:
        for known in ("0", "NONE", ""):
            assert get(port, f"{EMAIL}?{WAIT}&last_etag={known}").status == 200

    @pytest.mark.parametrize("path", [EMAIL, "/computeMetadata/v1/", "/", f"{ACCOUNT}/"])
    def test_a_known_etag_is_answered_after_the_timeout(self, port: int, path: str) -> None:
        first = get(port, f"{path}?recursive=true")
        started = time.monotonic()
        query = f"?recursive=true&{WAIT}&timeout_sec=1&last_etag={first.headers['etag']}"
        again = get(port, path + query)
        assert time.monotonic() - started > 0.9
        assert (again.status, again.body, again.headers["etag"]) == (200, first.body, first.headers["etag"])

    def test_the_same_connection_waits_again(self, port: int) -> None:
        with connect(port) as connection:
            started = time.monotonic()
            for _ in range(2):
                assert exchange(connection, request(port, f"{EMAIL}?{WAIT}&timeout_sec=1")).status == 200
            assert time.monotonic() - started > 1.9

    def test_without_wait_for_change_nothing_waits(self, port: int) -> None:
        etag = get(port, EMAIL).headers["etag"]
        for query in (f"last_etag={etag}", "timeout_sec=60", "wait_for_change=false&timeout_sec=60"):
            assert get(port, f"{EMAIL}?{query}").status == 200

    def test_zero_seconds_are_no_wait(self, port: int) -> None:
        assert get(port, f"{EMAIL}?{WAIT}&timeout_sec=0").status == 200

    @pytest.mark.parametrize("seconds", ["-1", "1.5", "x", "", "9" * 400, "inf", "nan", "%D9%A1"])
    def test_a_timeout_that_is_not_a_number_is_an_error(self, port: int, seconds: str) -> None:
        answer = get(port, f"{EMAIL}?{WAIT}&timeout_sec={seconds}")
        assert (answer.status, answer.body.partition(",")[0]) == (
            400,
            "The parameter timeout_sec must be a whole number of seconds",
        )

    def test_errors_are_answered_at_once(self, port: int) -> None:
        assert get(port, f"/none?{WAIT}").status == 404
        assert get(port, f"{ACCOUNT}/identity?{WAIT}").status == 400


class TestTheEndOfAWait:
    def test_a_client_that_hangs_up_is_forgotten(self, waiting_port: int, rooms: list[_changes.WaitingRoom]) -> None:
        connection = connect(waiting_port)
        connection.sendall(request(waiting_port, f"{EMAIL}?{WAIT}").encode())
        wait_until_waiting(rooms, 1)
        connection.close()
        wait_until_waiting(rooms, 0)

    def test_a_client_that_resets_the_connection_is_forgotten(
        self, waiting_port: int, rooms: list[_changes.WaitingRoom]
    ) -> None:
        connection = connect(waiting_port)
        connection.sendall(request(waiting_port, f"{EMAIL}?{WAIT}").encode())
        wait_until_waiting(rooms, 1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        connection.close()
        wait_until_waiting(rooms, 0)

    def test_a_client_that_only_stops_sending_is_answered(
        self, waiting_port: int, rooms: list[_changes.WaitingRoom]
    ) -> None:
        with connect(waiting_port) as connection:
            connection.sendall(request(waiting_port, f"{EMAIL}?{WAIT}").encode())
            wait_until_waiting(rooms, 1)
            connection.shutdown(socket.SHUT_WR)
            assert receive(connection).status == 200

    def test_the_next_request_of_the_client_ends_the_wait_and_is_answered(
        self, waiting_port: int, rooms: list[_changes.WaitingRoom]
    ) -> None:
        with connect(waiting_port) as connection:
            connection.sendall(request(waiting_port, f"{EMAIL}?{WAIT}").encode())
            wait_until_waiting(rooms, 1)
            connection.sendall(request(waiting_port, "/computeMetadata/v1/project/project-id").encode())
            data = b""
            while not data.endswith(b"\r\n\r\nmy-project"):
                data += connection.recv(1 << 16)
            assert data.count(b"HTTP/1.1 200 OK") == 2

    def test_the_server_answers_before_it_stops(self, serve: Serve) -> None:
        with serve() as serving, connect(serving.port) as connection:
            assert exchange(connection, request(serving.port, EMAIL)).status == 200
            connection.sendall(request(serving.port, f"{EMAIL}?{WAIT}").encode())
            started = time.monotonic()
            serving.process.send_signal(signal.SIGTERM)
            answer = receive(connection)
            assert (answer.status, answer.headers["connection"]) == (200, "close")
            assert serving.process.wait(PATIENCE) == 0
            assert time.monotonic() - started < 20  # it would wait 35 s for clients that are not answered

    def test_waiting_clients_keep_no_other_client_out(
        self, rooms: list[_changes.WaitingRoom], make: Make, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(_server, "_max_connections", lambda: 4)
        with server(make()) as port:
            clients = [connect(port) for _ in range(4)]
            for each in clients:
                each.sendall(request(port, f"{EMAIL}?{WAIT}").encode())
            wait_until_waiting(rooms, 4)
            assert get(port, EMAIL).status == 200
            for each in clients:
                each.close()

    def test_a_thousand_clients_wait(self, waiting_port: int, rooms: list[_changes.WaitingRoom], crowd: int) -> None:
        """They cost no thread each, and other clients are answered meanwhile."""

        async def subscribe() -> str:
            reader, writer = await asyncio.open_connection("127.0.0.1", waiting_port)
            writer.write(request(waiting_port, f"{EMAIL}?{WAIT}&timeout_sec=3").encode())
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            writer.close()
            return head.split()[1]

        async def rush() -> list[str]:
            answers = asyncio.gather(*(subscribe() for _ in range(crowd)))
            while waiting(rooms) < crowd // 2:  # noqa: ASYNC110 - the server is in another thread
                await asyncio.sleep(0.01)
            assert (await asyncio.to_thread(get, waiting_port, EMAIL)).status == 200
            return await answers

        assert set(asyncio.run(rush())) == {"200"}


class TestTokens:
    def test_a_token_is_answered_when_it_is_replaced(
        self, make: Make, workload: Workload, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(_server, "_TOKEN_INTERVAL", 0.05)
        credentials = make()
        with server(credentials, clock=clock.time) as port, connect(port) as connection:
            first = get(port, TOKEN)
            etag = first.headers["etag"]
            assert etag not in first.body
            connection.sendall(request(port, f"{TOKEN}?{WAIT}&last_etag={etag}").encode())
            same = get(port, f"{TOKEN}?{WAIT}&timeout_sec=1&last_etag={etag}")
            assert (same.token, same.headers["etag"]) == (first.token, etag)
            assert workload.google.count("generateAccessToken") == 1
            credentials.refresh(None)
            changed = receive(connection)
        assert changed.token != first.token
        assert changed.headers["etag"] != etag
        assert workload.google.count("generateAccessToken") == 2
