"""Start and stop of the servers, and the request bodies that Cloud Storage's server reads."""

from __future__ import annotations

import socket
from collections.abc import Callable

import pytest
import requests

from emulator.workload import Workload
from google_auth_botocore.emulator import Emulator
from google_auth_botocore.emulator.aws.metadata import InstanceMetadata
from google_auth_botocore.emulator.aws.moto import Moto
from google_auth_botocore.emulator.storage import Storage

Make = Callable[[Emulator], "Storage | InstanceMetadata | Moto"]


def _storage(google: Emulator) -> Storage:
    return Storage(google.check_access_token, google.check_signature)


def _metadata(google: Emulator) -> InstanceMetadata:
    return InstanceMetadata(google.aws_keys.issue)


def _moto(_: Emulator) -> Moto:
    return Moto()


both = pytest.mark.parametrize("make", [_storage, _metadata])
every = pytest.mark.parametrize("make", [_storage, _metadata, _moto])


@every
def test_it_serves_only_inside_its_context(make: Make, google: Emulator) -> None:
    service = make(google)
    with service:
        url = service.url
        assert requests.get(url, timeout=5).content
    with pytest.raises(RuntimeError, match="not running"):
        _ = service.url
    with pytest.raises(requests.ConnectionError):
        requests.get(url, timeout=5)


@every
def test_it_can_be_restarted_but_not_started_twice(make: Make, google: Emulator) -> None:
    service = make(google)
    with service:
        url = service.url
        with pytest.raises(RuntimeError, match="already running"):
            service.__enter__()
        assert url == service.url
    with service:
        assert requests.get(service.url, timeout=5).content


@both
def test_stopping_closes_open_connections(make: Make, google: Emulator) -> None:
    with (
        make(google) as service,
        socket.create_connection(("127.0.0.1", int(service.url.rpartition(":")[2])), timeout=60) as client,
    ):
        client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert client.recv(4096).startswith(b"HTTP/1.1 4")
        service.__exit__(None, None, None)
        assert client.recv(4096) == b""


def test_the_open_url_is_served_only_inside_the_context(google: Emulator) -> None:
    storage = _storage(google)
    with storage:
        url = storage.open_url
    with pytest.raises(RuntimeError, match="not running"):
        _ = storage.open_url
    with pytest.raises(requests.ConnectionError):
        requests.get(url, timeout=5)


def test_a_chunked_upload_is_read_completely(workload: Workload) -> None:
    """The connection can be used for the next request, even if this one is rejected."""
    token = workload.account_token()
    session = workload.session
    with _storage(workload.google) as storage:
        session.post(f"{storage.open_url}/storage/v1/b", json={"name": "bucket"}).raise_for_status()
        upload = f"{storage.url}/upload/storage/v1/b/bucket/o?uploadType=media&name=streamed"

        replies = [
            session.post(upload, data=iter([b"one, ", b"two" * 100]), headers={"Authorization": f"Bearer {bearer}"})
            for bearer in ("none", token, token)
        ]

        assert [reply.status_code for reply in replies] == [401, 200, 200]
        assert session.get(f"{storage.open_url}/bucket/streamed").content == b"one, " + b"two" * 100


@pytest.mark.parametrize(
    "document", [rb'{"name": "\ud800"}', rb'{"name": "bucket", "labels": {"\udc00": ""}}', b"{", b"[" * 100_000]
)
def test_a_body_that_is_not_json_is_rejected(workload: Workload, document: bytes) -> None:
    token = workload.account_token()
    with _storage(workload.google) as storage, requests.Session() as session:
        session.trust_env = False

        reply = session.post(
            f"{storage.url}/storage/v1/b", document, headers={"Authorization": f"Bearer {token}"}, timeout=5
        )

        assert (reply.status_code, reply.json()["error"]["errors"][0]["reason"]) == (400, "parseError")


def test_a_client_that_expects_100_continue_gets_it_at_once(google: Emulator) -> None:
    head = b"POST /storage/v1/b HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"
    with (
        _storage(google) as service,
        socket.create_connection(("127.0.0.1", int(service.url.rpartition(":")[2])), timeout=30) as client,
    ):
        client.sendall(head)
        assert client.recv(4096) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"{}")
        assert client.recv(4096).startswith(b"HTTP/1.1 401 ")
