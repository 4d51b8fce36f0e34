"""Cloud Storage's own HTTP side: how it begins, how it ends, and which requests it can read."""

from __future__ import annotations

import socket
from collections.abc import Callable

import pytest
import requests

from emulator.workload import CLOUD_PLATFORM, Workload
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
def test_it_answers_only_while_its_context_is_open(make: Make, google: Emulator) -> None:
    service = make(google)
    with service:
        url = service.url
        assert requests.get(url, timeout=5).content
    with pytest.raises(RuntimeError, match="not running"):
        _ = service.url
    with pytest.raises(requests.ConnectionError):
        requests.get(url, timeout=5)


@every
def test_it_is_entered_once_at_a_time_and_may_be_entered_again(make: Make, google: Emulator) -> None:
    service = make(google)
    with service:
        url = service.url
        with pytest.raises(RuntimeError, match="running already"):
            service.__enter__()
        assert url == service.url
    with service:
        assert requests.get(service.url, timeout=5).content


@both
def test_a_client_that_keeps_its_connection_is_hung_up_on(make: Make, google: Emulator) -> None:
    with (
        make(google) as service,
        socket.create_connection(("127.0.0.1", int(service.url.rpartition(":")[2])), timeout=60) as client,
    ):
        client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert client.recv(4096).startswith(b"HTTP/1.1 4")
        service.__exit__(None, None, None)
        assert client.recv(4096) == b""


def test_nobody_looks_into_storage_that_is_closed(google: Emulator) -> None:
    storage = _storage(google)
    with storage:
        url = storage.open_url
    with pytest.raises(RuntimeError, match="not running"):
        _ = storage.open_url
    with pytest.raises(requests.ConnectionError):
        requests.get(url, timeout=5)


def test_an_upload_in_chunks_is_read_to_its_end(workload: Workload) -> None:
    """What follows on the connection is the next request, whether this one was let in or not."""
    token = workload.iam("generateAccessToken", {"scope": [CLOUD_PLATFORM]}).json()["accessToken"]
    session = workload.session
    with _storage(workload.google) as storage:
        session.post(f"{storage.open_url}/storage/v1/b", json={"name": "bucket"}).raise_for_status()
        upload = f"{storage.url}/upload/storage/v1/b/bucket/o?uploadType=media&name=streamed"

        answers = [
            session.post(upload, data=iter([b"one, ", b"two" * 100]), headers={"Authorization": f"Bearer {bearer}"})
            for bearer in ("none", token, token)
        ]

        assert [answer.status_code for answer in answers] == [401, 200, 200]
        assert session.get(f"{storage.open_url}/bucket/streamed").content == b"one, " + b"two" * 100


def test_a_client_that_waits_before_it_sends_a_body_is_told_to_go_on(google: Emulator) -> None:
    head = b"POST /storage/v1/b HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"
    with (
        _storage(google) as service,
        socket.create_connection(("127.0.0.1", int(service.url.rpartition(":")[2])), timeout=30) as client,
    ):
        client.sendall(head)
        assert client.recv(4096) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"{}")
        assert client.recv(4096).startswith(b"HTTP/1.1 401 ")
