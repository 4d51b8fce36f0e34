"""The HTTP server: recorded calls, simulated failures and many clients at once."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from email.utils import parsedate_to_datetime
from time import perf_counter

import pytest
import requests
from core.stand_in import wait_until

from emulator.workload import CLOUD_PLATFORM, FakeClock, Workload
from google_auth_botocore.emulator import Emulator, Fault

SCOPE = {"scope": [CLOUD_PLATFORM]}


def test_it_listens_on_loopback_only_inside_its_context() -> None:
    google = Emulator()
    with pytest.raises(RuntimeError, match="not running"):
        _ = google.url
    with google:
        url = google.url
        assert url.startswith("http://127.0.0.1:")
        assert requests.get(url, timeout=5).status_code == 404
    with pytest.raises(requests.ConnectionError):
        requests.get(url, timeout=5)


def test_it_can_be_restarted_but_not_started_twice() -> None:
    google = Emulator()
    with google, pytest.raises(RuntimeError, match="already running"):
        google.__enter__()
    with google:
        assert requests.get(google.url, timeout=5).status_code == 404


def test_stopping_closes_open_connections(clock: FakeClock) -> None:
    with (
        Emulator(clock=clock) as google,
        socket.create_connection(("127.0.0.1", int(google.url.rpartition(":")[2])), timeout=60) as client,
    ):
        client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert client.recv(4096).startswith(b"HTTP/1.1 404")
        google.__exit__(None, None, None)
        assert client.recv(4096) == b""


def test_every_request_is_recorded(workload: Workload, clock: FakeClock) -> None:
    workload.iam("generateAccessToken", SCOPE, account="gone@p.iam.gserviceaccount.com")

    exchange, impersonation = workload.google.calls
    assert (exchange.method, exchange.path, exchange.status) == ("POST", "/v1/token", 200)
    assert exchange.when == clock.now
    assert exchange.form()["audience"] == workload.provider.audience
    assert impersonation.status == 403
    assert impersonation.headers["content-type"] == "application/json"
    assert impersonation.json() == SCOPE
    assert workload.google.count("/v1/token") == 1
    assert workload.google.count(":generateAccessToken") == 1
    assert workload.google.count("gone@p") == 1
    assert workload.google.count(":signBlob") == 0


def test_a_path_is_percent_decoded(workload: Workload) -> None:
    token = workload.federated_token()
    path = workload.account.email.replace("@", "%40") + "%3AgenerateAccessToken"

    reply = workload.session.post(
        f"{workload.google.url}/v1/projects/-/serviceAccounts/{path}",
        json=SCOPE,
        headers={"Authorization": f"Bearer {token}"},
    )

    assert reply.status_code == 200


def test_the_date_header_is_the_emulator_s_clock(workload: Workload, clock: FakeClock) -> None:
    clock.now = 2_000_000_000.75

    reply = workload.session.get(workload.google.url)

    assert parsedate_to_datetime(reply.headers["Date"]).timestamp() == 2_000_000_000


def test_the_clock_can_be_replaced(workload: Workload) -> None:
    workload.google.clock = lambda: 0.0

    assert "1970" in workload.session.get(workload.google.url).headers["Date"]


def test_connections_are_kept_alive(workload: Workload) -> None:
    with socket.create_connection(("127.0.0.1", int(workload.google.url.rpartition(":")[2])), timeout=60) as client:
        for _ in range(2):
            client.sendall(b"GET /v1/token HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert client.recv(4096).startswith(b"HTTP/1.1 405")


def test_a_chunked_body_is_rejected(workload: Workload) -> None:
    reply = workload.session.post(workload.google.token_url, data=iter([b"a", b"b"]))

    assert reply.status_code == 411


@pytest.mark.parametrize("length", [b"-1", b"x", b""])
def test_an_invalid_content_length_is_rejected(workload: Workload, length: bytes) -> None:
    with socket.create_connection(("127.0.0.1", int(workload.google.url.rpartition(":")[2])), timeout=60) as client:
        client.sendall(b"POST /v1/token HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + length + b"\r\n\r\n")
        assert client.recv(4096).startswith(b"HTTP/1.1 411")


def test_a_fault_affects_as_many_requests_as_it_says(workload: Workload) -> None:
    workload.google.fail("/v1/token", Fault(503, times=2, retry_after=1, headers={"X-More": "y"}))

    first, second, third = (workload.exchange() for _ in range(3))

    assert [reply.status_code for reply in (first, second, third)] == [503, 503, 200]
    assert first.headers["Retry-After"] == "1"
    assert first.headers["X-More"] == "y"
    assert first.text == "upstream connect error or disconnect/reset before headers"


def test_faults_apply_in_the_order_in_which_they_were_added(workload: Workload) -> None:
    workload.google.fail("/v1/token", Fault(500))
    workload.google.fail("/v1/token", Fault(429))

    first, second = workload.exchange(), workload.exchange()

    assert (first.status_code, second.status_code) == (500, 429)
    assert second.json() == {
        "error": "quota_exceeded",
        "error_description": (
            "The request was throttled due to rate limit: sts.googleapis.com/requests."
            " Please retry after a few seconds."
        ),
    }


@pytest.mark.parametrize("path", [":generateAccessToken", "/v1/projects/*:generate*"])
def test_a_fault_affects_only_its_path_until_it_is_removed(workload: Workload, path: str) -> None:
    workload.google.fail(path, Fault(503, times=None))

    for _ in range(3):
        reply = workload.iam("generateAccessToken", SCOPE)
        assert reply.json() == {
            "error": {
                "code": 503,
                "message": "The service is currently unavailable.",
                "status": "UNAVAILABLE",
            }
        }
    workload.google.clear_faults()
    assert workload.iam("generateAccessToken", SCOPE).status_code == 200


def test_a_fault_can_drop_the_connection(workload: Workload) -> None:
    workload.google.fail("/v1/token", Fault(drop=True))

    with pytest.raises(requests.ConnectionError):
        workload.exchange()
    assert workload.google.calls[-1].status is None
    assert workload.exchange().status_code == 200


def test_a_fault_can_be_a_redirect(workload: Workload) -> None:
    workload.google.fail("/v1/token", Fault(307, headers={"Location": workload.google.introspect_url}))
    workload.session.max_redirects = 0

    with pytest.raises(requests.TooManyRedirects) as caught:
        workload.exchange()

    assert caught.value.response is not None
    assert caught.value.response.headers["Location"] == workload.google.introspect_url


@pytest.mark.parametrize(("body", "sent"), [(b'{"access', b'{"access'), ("text", b"text"), ({"a": 1}, b'{"a": 1}')])
def test_a_fault_can_have_any_body(workload: Workload, body: object, sent: bytes) -> None:
    workload.google.fail("/v1/token", Fault(body=body))

    reply = workload.exchange()

    assert (reply.status_code, reply.content) == (200, sent)


def test_a_fault_can_only_delay(workload: Workload) -> None:
    workload.google.fail("/v1/token", Fault(delay=0.05, headers={"X-Slow": "1"}))

    before = perf_counter()
    reply = workload.exchange()

    assert perf_counter() - before >= 0.05
    assert (reply.status_code, reply.headers["X-Slow"]) == (200, "1")


def test_a_delayed_reply_does_not_delay_the_stop(clock: FakeClock) -> None:
    with Emulator(clock=clock) as google:
        google.fail("/v1/token", Fault(503, delay=3600))
        client = threading.Thread(target=_post_and_ignore, args=(google.token_url,))
        client.start()
        wait_until(lambda: bool(google.calls))
    client.join(timeout=10)
    assert not client.is_alive()


def _post_and_ignore(url: str) -> None:
    with contextlib.suppress(requests.ConnectionError):
        requests.post(url, timeout=10)


def test_an_unexpected_exception_is_a_500(workload: Workload, caplog: pytest.LogCaptureFixture) -> None:
    def broken(_: str) -> None:
        raise LookupError("the lookup is broken")

    workload.google.aws_keys.add_lookup(broken)
    other = Emulator().aws_keys.issue()

    with caplog.at_level(logging.ERROR):
        reply = workload.exchange(workload.signed(keys=other))

    assert reply.status_code == 500
    assert "the lookup is broken" in caplog.text


def test_concurrent_clients_each_get_their_own_identity(workload: Workload) -> None:
    """The server's threads share the key registry, the CEL programs and the tokens."""
    google = workload.google
    provider = google.add_aws_provider(attribute_condition="attribute.aws_role.contains('assumed-role/app')")
    arns = [f"arn:aws:sts::123456789012:assumed-role/app-{number}/session" for number in range(32)]
    start = threading.Barrier(len(arns))

    def exchange(arn: str) -> str:
        subject_token = workload.signed(keys=google.aws_keys.issue(arn))
        with requests.Session() as session:
            start.wait(timeout=30)
            reply = replace(workload, session=session).exchange(subject_token)
        info = google.check_access_token(reply.json()["access_token"])
        return info.principal if info else "unknown"

    with ThreadPoolExecutor(len(arns)) as threads:
        assert list(threads.map(exchange, arns)) == [provider.principal(arn) for arn in arns]


def test_five_hundred_clients_can_connect_at_once(workload: Workload) -> None:
    """All of them connect before the first one sends a request."""
    count = 512
    address = ("127.0.0.1", int(workload.google.url.rpartition(":")[2]))
    clients = [socket.create_connection(address, timeout=60) for _ in range(count)]
    try:
        for client in clients:
            client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        replies = [client.recv(4096) for client in clients]
    finally:
        for client in clients:
            client.close()

    assert all(reply.startswith(b"HTTP/1.1 404") for reply in replies)
    assert workload.google.count("/") == count


def test_fail_rejects_what_is_not_a_fault(google: Emulator) -> None:
    with pytest.raises(TypeError, match="the status of a Fault must be a number such as 503, not '503'"):
        Fault("503")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"fault must be a Fault, such as Fault\(503\), not 403"):
        google.fail("/v1/token", 403)  # type: ignore[arg-type]
