"""Which user a connection belongs to: other users get nothing."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import threading

import pytest
from emulator.workload import Workload
from service_account.conftest import Make

from cli.serve.conftest import PATIENCE, TOKEN, Serve, exchange, get, rejected, request, server
from google_auth_botocore.cli import serve as command
from google_auth_botocore.cli.serve import _connection_owner

NOBODY = 65534


class TestUsers:
    def test_another_users_process_gets_nothing(self, serve: Serve) -> None:
        if os.geteuid() != 0:
            pytest.skip("only root can become another user; the next test has another user in place of that")
        with serve() as serving:
            text = request(serving.port, TOKEN)
            assert get(serving.port, TOKEN).status == 200
            status, body = _as_nobody(serving.port, text)
        assert status == "403"
        assert f"this connection is of the user with id {NOBODY}" in body
        assert "ya29" not in body

    def test_any_user_lifts_it(self, serve: Serve) -> None:
        if os.geteuid() != 0:
            pytest.skip("only root can become another user")
        with serve("--any-user") as serving:
            assert _as_nobody(serving.port, request(serving.port, TOKEN))[0] == "200"

    def test_a_server_of_another_users_gives_us_nothing(self, make: Make, workload: Workload) -> None:
        """As `Server` has it: it is told whom to answer."""
        with server(make(), os.geteuid() + 1) as port:
            status, body = rejected(port)
        assert status == 403
        assert f"this connection is of the user with id {os.geteuid()}" in body
        assert workload.google.calls == []

    def test_who_can_not_be_told_gets_nothing(self, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(_connection_owner, "_TABLES", ())
        status, body = rejected(port)
        assert status == 403
        assert "a user that can't be told" in body

    def test_a_socket_of_ipv6_is_told_too(self, port: int) -> None:
        """Java has no other, and writes the address as ::ffff:127.0.0.1."""
        with socket.socket(socket.AF_INET6) as connection:
            connection.connect(("::ffff:127.0.0.1", port))
            assert exchange(connection, request(port, TOKEN)).status == 200

    def test_where_the_system_does_not_tell_a_warning_says_so(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(_connection_owner, "_TABLES", ())
        with socket.create_server(("127.0.0.1", 0)) as listening:
            assert not command._reveals_users(listening)
        assert "every user of this machine can have tokens" in capsys.readouterr().err

    def test_this_system_tells(self) -> None:
        if sys.platform != "linux":
            pytest.skip("only Linux tells")
        with socket.create_server(("127.0.0.1", 0)) as listening:
            assert _connection_owner.is_supported(listening)


LINE = (
    "  1: 0100007F:{client:04X} {server} 01 00000000:00000000 00:00000000 00000000 {user:5d}        0 {inode} 1 "
    "0000000000000000 20 4 30 10 -1"
)

MAPPED = (
    "  2: 0000000000000000FFFF00000100007F:C353 0000000000000000FFFF00000100007F:1F90 01 00000000:00000000 00:00000000 "
    "00000000  1001        0 8 1 0000000000000000 20 4 30 10 -1"
)


class TestTable:
    def test_a_crowd_costs_few_readings_and_each_is_later_than_its_connection(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        readings, reading, go_on = [], threading.Event(), threading.Event()

        def read(server: _connection_owner.Address) -> dict[_connection_owner.Address, int]:
            readings.append(server)
            reading.set()
            assert go_on.wait(PATIENCE)
            return {("127.0.0.1", 1): len(readings)}

        async def crowd() -> list[int | None]:
            owners = _connection_owner.ConnectionOwners(("127.0.0.1", 8080))
            first = [asyncio.ensure_future(owners.of(("127.0.0.1", 1))) for _ in range(100)]
            await asyncio.to_thread(reading.wait, PATIENCE)
            later = [asyncio.ensure_future(owners.of(("127.0.0.1", 1))) for _ in range(100)]
            await asyncio.sleep(0)
            go_on.set()
            return await asyncio.gather(*first, *later)

        monkeypatch.setattr(_connection_owner, "read_owners", read)
        assert asyncio.run(crowd()) == [1] * 100 + [2] * 100

    @pytest.mark.skipif(sys.byteorder != "little", reason="the lines are of a machine that is")
    def test_only_what_leads_to_the_server_counts(self) -> None:
        lines = [
            "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode",
            LINE.format(client=50000, server="0100007F:1F90", user=1000, inode=7),
            LINE.format(client=50001, server="0100007F:1F91", user=1000, inode=7),
            LINE.format(client=50002, server="0200007F:1F90", user=1000, inode=7),
            LINE.format(client=8080, server="0100007F:C350", user=0, inode=7),
            MAPPED,
            "",
        ]
        assert _connection_owner.parse_owners(lines, ("127.0.0.1", 8080)) == {
            ("127.0.0.1", 50000): 1000,
            ("127.0.0.1", 50003): 1001,
        }

    def test_a_closed_connection_is_nobodys(self) -> None:
        """Its user id is shown as 0, which may be ours."""
        line = LINE.format(client=50000, server="0100007F:1F90", user=0, inode=0)
        assert _connection_owner.parse_owners([line], ("127.0.0.1", 8080)) == {}


def _as_nobody(port: int, text: str) -> tuple[str, str]:
    """A request by a process of nobody's: the status and the body of the answer."""
    program = (
        "import encodings.idna, os, socket, sys\n"
        f"os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})\n"
        f"connection = socket.create_connection(('127.0.0.1', {port}), timeout=60)\n"
        "connection.sendall(sys.argv[1].encode())\n"
        "print(connection.recv(65536).decode())\n"
    )
    done = subprocess.run([sys.executable, "-c", program, text], capture_output=True, text=True, timeout=60, check=True)
    head, _, body = done.stdout.partition("\n\n")
    return head.split()[1], body
