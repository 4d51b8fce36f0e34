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
    def test_a_process_of_another_user_is_rejected(self, serve: Serve) -> None:
        if os.geteuid() != 0:
            pytest.skip("only root can become another user")
        warning = (
            f"google-auth-botocore: rejected a client of user id {NOBODY}: this server only serves user id 0. "
            "To serve every user of the machine, or of the pod, start it with --any-user.\n"
        )
        with serve(error=warning) as serving:
            text = request(serving.port, TOKEN)
            assert get(serving.port, TOKEN).status == 200
            status, body = _as_nobody(serving.port, text)
            assert _as_nobody(serving.port, request(serving.port, "/healthz"))[0] == "403"
        assert status == "403"
        assert f"This connection belongs to user id {NOBODY}" in body
        assert "ya29" not in body

    def test_any_user_accepts_other_users(self, serve: Serve) -> None:
        if os.geteuid() != 0:
            pytest.skip("only root can become another user")
        with serve("--any-user") as serving:
            assert _as_nobody(serving.port, request(serving.port, TOKEN))[0] == "200"

    def test_a_server_for_another_user_rejects_us(self, make: Make, workload: Workload) -> None:
        """`Server` gets the id of the user to serve as an argument."""
        with server(make(), os.geteuid() + 1) as port:
            status, body = rejected(port)
        assert status == 403
        assert f"This connection belongs to user id {os.geteuid()}" in body
        assert workload.google.calls == []

    def test_an_unknown_user_is_rejected(self, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(_connection_owner, "_TABLES", ())
        status, body = rejected(port)
        assert status == 403
        assert "an unknown user" in body

    def test_the_owner_of_an_ipv6_socket_is_found(self, port: int) -> None:
        """Java only uses IPv6 sockets, with the address ::ffff:127.0.0.1."""
        with socket.socket(socket.AF_INET6) as connection:
            connection.connect(("::ffff:127.0.0.1", port))
            assert exchange(connection, request(port, TOKEN)).status == 200

    def test_a_system_that_does_not_reveal_users_causes_a_warning(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(_connection_owner, "_TABLES", ())
        with socket.create_server(("127.0.0.1", 0)) as listening:
            assert not command._reveals_users(listening)
        assert "every user of this machine can get tokens" in capsys.readouterr().err

    def test_this_system_reveals_users(self) -> None:
        if sys.platform != "linux":
            pytest.skip("only Linux reveals users")
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
    def test_concurrent_lookups_share_a_read_that_starts_after_them(self, monkeypatch: pytest.MonkeyPatch) -> None:
        reads, reading, go_on = [], threading.Event(), threading.Event()

        def read(server: _connection_owner.Address) -> dict[_connection_owner.Address, int]:
            reads.append(server)
            reading.set()
            assert go_on.wait(PATIENCE)
            return {("127.0.0.1", 1): len(reads)}

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

    @pytest.mark.skipif(sys.byteorder != "little", reason="the lines are from a little-endian machine")
    def test_only_connections_to_the_server_count(self) -> None:
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

    def test_a_closed_connection_has_no_owner(self) -> None:
        """The table shows it with user id 0, which may be our own."""
        line = LINE.format(client=50000, server="0100007F:1F90", user=0, inode=0)
        assert _connection_owner.parse_owners([line], ("127.0.0.1", 8080)) == {}


def _as_nobody(port: int, text: str) -> tuple[str, str]:
    """Send a request from a process of the user nobody, and return the status and body of the answer."""
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
