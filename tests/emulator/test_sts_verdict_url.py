"""Verification of signatures by an AWS STS endpoint, `Emulator(sts_verdict_url=...)`."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, ClassVar

import botocore.session
import pytest
import requests
from moto.server import ThreadedMotoServer

from emulator.workload import CLOUD_PLATFORM, Workload
from google_auth_botocore.emulator import AwsKeys, Emulator


def workload_of(google: Emulator, keys: AwsKeys, session: requests.Session) -> Workload:
    account = google.add_service_account("copycat@my-project.iam.gserviceaccount.com")
    return Workload(google, google.add_aws_provider(), account, keys, session)


@pytest.fixture(name="moto_url")
def _moto_url() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    yield "http://{}:{}".format(*server.get_host_and_port())
    server.stop()


def test_moto_returns_the_session_of_the_role(moto_url: str) -> None:
    sts: Any = botocore.session.Session().create_client(
        "sts",
        region_name="us-east-1",
        endpoint_url=moto_url,
        aws_access_key_id="any",
        aws_secret_access_key="any",
    )
    assumed = sts.assume_role(RoleArn="arn:aws:iam::123456789012:role/app", RoleSessionName="session")
    issued, user = assumed["Credentials"], assumed["AssumedRoleUser"]
    keys = AwsKeys(
        issued["AccessKeyId"],
        issued["SecretAccessKey"],
        issued["SessionToken"],
        issued["Expiration"],
        "123456789012",
        user["Arn"],
        user["AssumedRoleId"],
    )
    with Emulator(sts_verdict_url=moto_url) as google, requests.Session() as session:
        workload = workload_of(google, keys, session)
        token = workload.federated_token()

        info = google.check_access_token(token)
        assert info is not None
        assert info.principal == workload.provider.principal("arn:aws:sts::123456789012:assumed-role/app/session")
        assert info.scopes == (CLOUD_PLATFORM,)


EXPIRED = (
    b'<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>'
    b"<Code>ExpiredToken</Code><Message>The security token included in the request is expired</Message>"
    b"</Error><RequestId>r</RequestId></ErrorResponse>"
)


class FakeSts(BaseHTTPRequestHandler):
    """Rejects every request, as AWS STS or a broken proxy would. moto accepts every request."""

    replies: ClassVar[list[tuple[int, bytes]]]
    seen: ClassVar[list[tuple[str, dict[str, str]]]]

    def do_POST(self) -> None:
        self.seen.append((self.path, {k.lower(): v for k, v in self.headers.items()}))
        status, body = self.replies.pop(0)
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass


def test_an_error_of_the_endpoint_is_reported() -> None:
    class Handler(FakeSts):
        replies: ClassVar = [(403, EXPIRED), (502, b"Bad gateway")]
        seen: ClassVar = []

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    try:
        with Emulator(sts_verdict_url=url) as google, requests.Session() as session:
            workload = workload_of(google, google.aws_keys.issue(), session)
            first, second = workload.exchange(), workload.exchange()
    finally:
        server.shutdown()
        server.server_close()

    prefix = "Received invalid AWS response of type "
    assert first.json()["error_description"] == (
        f"{prefix}ExpiredToken with error message: The security token included in the request is expired"
    )
    assert second.json()["error_description"] == (f"{prefix}InternalFailure with error message: HTTP 502")
    path, headers = Handler.seen[0]
    assert path == "/?Action=GetCallerIdentity&Version=2011-06-15"
    # The Host header is the subject token's, because the signature covers it.
    assert headers["host"] == "sts.us-east-1.amazonaws.com"
    assert headers["authorization"].startswith("AWS4-HMAC-SHA256 ")
    assert headers["content-length"] == "0"


def test_an_unreachable_endpoint_is_reported_as_an_aws_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    with Emulator(sts_verdict_url=url) as google, requests.Session() as session:
        reply = workload_of(google, google.aws_keys.issue(), session).exchange()

    assert reply.status_code == 400
    assert reply.json()["error_description"] == (
        "Received invalid AWS response of type ServiceUnavailable with error message:"
        f" {url}/ does not reply (ConnectionError)"
    )
