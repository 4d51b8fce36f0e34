"""Clients that are silent, slow, or send too much."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator

import pytest
import requests
from variations import few

from emulator.test_storage import both
from emulator.workload import Workload
from google_auth_botocore.emulator import Emulator, Fault
from google_auth_botocore.emulator._connection import Connection
from google_auth_botocore.emulator.aws import InstanceMetadata
from google_auth_botocore.emulator.storage import Storage

Make = Callable[[Emulator], "Storage | InstanceMetadata"]
PATIENCE = 60
MIB = 1 << 20
SHORT = 0.3


@pytest.fixture(name="limits", autouse=True)
def _limits(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Return a function that shortens one of the time limits. The others are set so high that they never take effect."""
    for name in ("idle_limit", "head_limit", "body_limit", "send_limit", "discard_limit"):
        monkeypatch.setattr(Connection, name, 10_000.0)

    def shorten(name: str) -> None:
        monkeypatch.setattr(Connection, name, SHORT)

    return shorten


def connect(url: str) -> socket.socket:
    return socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), timeout=PATIENCE)


def is_closed(client: socket.socket) -> bool:
    """Return whether the server closes the connection without sending anything."""
    try:
        return client.recv(1) == b""
    except ConnectionError:
        return True


def drip(client: socket.socket) -> None:
    """Send single bytes, faster than the limit, until the server closes the connection."""
    deadline = time.monotonic() + PATIENCE
    with contextlib.suppress(ConnectionError):
        while time.monotonic() < deadline:
            client.sendall(b"x")
            threading.Event().wait(SHORT / 5)


@both
class TestTime:
    def test_a_silent_client_is_disconnected(self, make: Make, google: Emulator, limits: Callable[[str], None]) -> None:
        limits("idle_limit")
        with make(google) as service, connect(service.url) as client:
            assert is_closed(client)

    def test_an_idle_keep_alive_connection_is_closed(
        self, make: Make, google: Emulator, limits: Callable[[str], None]
    ) -> None:
        limits("idle_limit")
        with make(google) as service, connect(service.url) as client:
            for _ in range(2):
                client.sendall(b"HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n")
                assert client.recv(4096).endswith(b"\r\n\r\n")
            assert is_closed(client)

    @pytest.mark.parametrize("begin", [b"GET ", b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nHost: localhost\r\nX-It: "])
    def test_a_client_that_sends_headers_byte_by_byte_is_disconnected(
        self, make: Make, google: Emulator, limits: Callable[[str], None], begin: bytes
    ) -> None:
        limits("head_limit")
        with make(google) as service, connect(service.url) as client:
            client.sendall(begin)
            dripping = threading.Thread(target=drip, args=(client,))
            dripping.start()
            assert is_closed(client)
            dripping.join(PATIENCE)
            assert not dripping.is_alive()

    def test_a_client_that_does_not_finish_its_body_is_disconnected(
        self, make: Make, google: Emulator, limits: Callable[[str], None]
    ) -> None:
        limits("body_limit")
        with make(google) as service, connect(service.url) as client:
            client.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nhalf")
            assert is_closed(client)


def test_a_client_that_sends_its_body_byte_by_byte_is_disconnected(
    google: Emulator, limits: Callable[[str], None]
) -> None:
    limits("body_limit")
    with connect(google.url) as client:
        client.sendall(b"POST /v1/token HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n")
        dripping = threading.Thread(target=drip, args=(client,))
        dripping.start()
        assert is_closed(client)
        dripping.join(PATIENCE)
        assert not dripping.is_alive()


def test_a_client_that_does_not_read_is_disconnected(google: Emulator, limits: Callable[[str], None]) -> None:
    limits("send_limit")
    google.fail("/", Fault(body=bytes(64 * MIB)))
    with connect(google.url) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        threading.Event().wait(3 * SHORT)
        received = 0
        with contextlib.suppress(ConnectionError):
            while chunk := client.recv(MIB):
                received += len(chunk)
        assert received < 64 * MIB


def test_a_delayed_reply_is_not_cut_off_by_a_limit(google: Emulator, limits: Callable[[str], None]) -> None:
    for name in ("idle_limit", "head_limit", "body_limit", "send_limit"):
        limits(name)
    google.fail("/", Fault(status=503, delay=2 * SHORT))
    assert requests.get(google.url, timeout=PATIENCE).status_code == 503


@both
def test_a_rejected_body_is_discarded_for_a_limited_time(
    make: Make, google: Emulator, limits: Callable[[str], None]
) -> None:
    limits("discard_limit")
    with make(google) as service, connect(service.url) as client:
        client.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: none\r\n\r\n")
        assert client.recv(4096).startswith(b"HTTP/1.1 4")
        dripping = threading.Thread(target=drip, args=(client,))
        dripping.start()
        assert is_closed(client)
        dripping.join(PATIENCE)
        assert not dripping.is_alive()


def chunks(chunk: bytes, count: int) -> Iterator[bytes]:
    for _ in range(count):
        yield chunk


class TestSize:
    def test_a_body_of_one_mebibyte_is_accepted(self, workload: Workload) -> None:
        reply = workload.session.post(workload.google.token_url, data=bytes(MIB))
        assert reply.status_code == 400
        assert len(workload.google.calls[-1].body) == MIB

    @pytest.mark.parametrize("size", [MIB + 1, 64 * MIB])
    def test_a_longer_body_is_rejected_and_not_recorded(self, workload: Workload, size: int) -> None:
        reply = workload.session.post(workload.google.token_url, data=bytes(size))
        assert (reply.status_code, reply.json()["error"]["status"]) == (413, "INVALID_ARGUMENT")
        assert "the limit is 1048576 bytes" in reply.json()["error"]["message"]
        [call] = workload.google.calls
        assert (call.path, call.status, call.body) == ("/v1/token", 413, b"")

    @pytest.mark.parametrize("chunked", [True, False])
    def test_a_rejected_body_is_not_held_in_memory(self, workload: Workload, chunked: bool) -> None:
        headers = {} if chunked else {"Content-Length": str(256 * MIB)}
        chunk = bytes(MIB)
        tracemalloc.start()
        try:
            reply = workload.session.post(workload.google.token_url, data=chunks(chunk, 256), headers=headers)
            assert tracemalloc.get_traced_memory()[1] < 16 * MIB
        finally:
            tracemalloc.stop()
        assert reply.status_code in (411, 413)
        assert workload.google.calls[-1].body == b""

    @pytest.mark.parametrize(
        ("length", "status"), [(b"9" * 5000, b"413"), (b"0" * 5000, b"413"), (b"-1", b"411"), (b"1_0", b"411")]
    )
    def test_any_content_length_gets_a_reply(self, google: Emulator, length: bytes, status: bytes) -> None:
        with connect(google.url) as client:
            client.sendall(b"POST /v1/token HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + length + b"\r\n\r\n")
            assert client.recv(4096).startswith(b"HTTP/1.1 " + status)
            client.shutdown(socket.SHUT_WR)

    @pytest.mark.parametrize(
        "head",
        [
            b"Content-Length: -1",
            b"Content-Length: 1e3",
            b"Content-Length: " + b"9" * 5000,
            b"Transfer-Encoding: chunked",
        ],
    )
    def test_cloud_storage_rejects_an_invalid_length(self, google: Emulator, head: bytes) -> None:
        with Storage(google.check_access_token, google.check_signature) as storage, connect(storage.url) as client:
            client.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\n" + head + b"\r\n\r\n-1\r\n")
            assert client.recv(4096).startswith(b"HTTP/1.1 400")
            client.shutdown(socket.SHUT_WR)

    def test_an_incomplete_body_is_not_processed(self, workload: Workload) -> None:
        """Otherwise half of `subject_token=...` would count as a whole one."""
        with connect(workload.google.url) as client:
            client.sendall(b"POST /v1/token HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nhalf")
            client.shutdown(socket.SHUT_WR)
            assert is_closed(client)
        [call] = workload.google.calls
        assert (call.body, call.status) == (b"half", None)

    @pytest.mark.parametrize("opened", [b"[", b'{"a":'])
    def test_deeply_nested_json_gets_a_reply(self, workload: Workload, opened: bytes) -> None:
        reply = workload.session.post(
            workload.google.token_url, data=opened * 100_000, headers={"Content-Type": "application/json"}
        )
        assert reply.status_code == 400

    @pytest.mark.parametrize("blank", few([b" ", b"Credential=", b"\t", b" \t", b"\r", b":"], 2))
    def test_long_headers_are_parsed_quickly(self, google: Emulator, blank: bytes) -> None:
        """A regular expression that backtracks would take minutes."""
        with InstanceMetadata(google.aws_keys.issue) as imds:
            for url in (google.url, imds.url):
                with connect(url) as client:
                    line = b"Authorization: " + blank * (60_000 // len(blank)) + b"x\r\n"
                    client.sendall(b"GET /v1/token HTTP/1.1\r\nHost: localhost\r\n" + 90 * line + b"\r\n")
                    assert client.recv(4096).startswith(b"HTTP/1.1 4")
