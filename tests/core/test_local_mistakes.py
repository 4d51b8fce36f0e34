"""Mistakes on this machine fail at once, are neither transient nor remembered, and the error names the setting."""

from __future__ import annotations

import errno
import ssl
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import google.auth.transport.requests
import google.auth.transport.urllib3
import pytest
import pytest_socket
import requests
import requests_mock
import responses
import urllib3

from core.conftest import Make
from core.slow_server import SlowServer, reply, whole
from core.stand_in import FakeClock, FakeGoogle
from google_auth_botocore import FederationError, TransientFederationError


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(name="server")
def _server(clock: FakeClock) -> Iterator[SlowServer]:
    """A fake Security Token Service without TLS: no test gets as far as a TLS handshake."""
    with SlowServer(whole(reply())) as server:
        yield server


def _fails_at_once(make: Make, clock: FakeClock, request: Any, url: str) -> FederationError:
    credentials = make(token_url=url)
    for _ in range(2):  # the second attempt is a new one: the failure is not remembered
        with pytest.raises(FederationError) as caught:
            credentials.before_request(request, "GET", "https://x", {})
        assert not isinstance(caught.value, TransientFederationError), str(caught.value)
        assert not caught.value.retryable
    assert clock.slept == [], "the request was retried"
    return caught.value


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
@pytest.mark.parametrize("what", ["missing", "no certificates", "folder without any"])
def test_ca_bundle(
    make: Make,
    clock: FakeClock,
    server: SlowServer,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    variable: str,
    what: str,
) -> None:
    path = tmp_path / "bundle.pem"
    if what == "no certificates":
        path.write_text("nothing")
    elif what == "folder without any":
        path = tmp_path / "missing" / "bundle.pem"
    monkeypatch.setenv(variable, str(path))
    error = _fails_at_once(make, clock, None, server.url.replace("http:", "https:"))
    assert variable in str(error)
    path.parent.mkdir(exist_ok=True)
    monkeypatch.delenv(variable)
    make(token_url=server.url).refresh()


@pytest.mark.parametrize("what", ["missing", "no certificate"])
def test_client_certificate(make: Make, clock: FakeClock, server: SlowServer, tmp_path: Path, what: str) -> None:
    path = tmp_path / "client.pem"
    if what == "no certificate":
        path.write_text("nothing")
    with requests.Session() as session:
        session.cert = str(path)
        request = google.auth.transport.requests.Request(session)
        error = _fails_at_once(make, clock, request, server.url.replace("http:", "https:"))
    assert "cert" in str(error)


def test_ca_certs_of_urllib3(make: Make, clock: FakeClock, server: SlowServer, tmp_path: Path) -> None:
    with urllib3.PoolManager(ca_certs=str(tmp_path / "missing")) as pool:
        request = google.auth.transport.urllib3.Request(pool)
        error = _fails_at_once(make, clock, request, server.url.replace("http:", "https:"))
    assert "ca_certs" in str(error)


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
@pytest.mark.parametrize(
    "proxy",
    ["http://", "http://:8080", "http://[::1", "ftp://h:1", "http://h:99999", "http://h:port", "http://user:p#w@h:1"],
)
def test_proxy(make: Make, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, variable: str, proxy: str) -> None:
    monkeypatch.setenv(variable, proxy)
    error = _fails_at_once(make, clock, None, "https://sts.googleapis.com/v1/token")
    assert variable in str(error)
    assert "p#w" not in str(error)


def test_socks_without_pysocks(make: Make, clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "socks", None)
    monkeypatch.delitem(sys.modules, "urllib3.contrib.socks", raising=False)

    def without(*_: Any, **__: Any) -> Any:
        raise requests.exceptions.InvalidSchema("Missing dependencies for SOCKS support.")

    monkeypatch.setattr("requests.adapters.SOCKSProxyManager", without)
    monkeypatch.setenv("HTTPS_PROXY", "socks5://127.0.0.1:1")
    error = _fails_at_once(make, clock, None, "https://sts.googleapis.com/v1/token")
    assert "HTTPS_PROXY" in str(error)
    assert "pip install 'requests[socks]'" in str(error)


class TestMocks:
    """Mocks in an application's tests. The error contains the line that lets our requests through."""

    def test_responses(self, make: Make, clock: FakeClock, server: SlowServer) -> None:
        with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
            error = _fails_at_once(make, clock, None, server.url)
            origin = server.url.removesuffix("/v1/token")
            assert f'responses.add_passthru("{origin}")' in str(error)
            mock.add_passthru(origin)
            make(token_url=server.url).refresh()

    def test_requests_mock(self, make: Make, clock: FakeClock, server: SlowServer) -> None:
        with requests_mock.Mocker() as mocker:
            error = _fails_at_once(make, clock, None, server.url)
            assert f'mocker.register_uri("POST", "{server.url}", real_http=True)' in str(error)
            mocker.register_uri("POST", server.url, real_http=True)
            make(token_url=server.url).refresh()

    def test_pytest_socket(self, make: Make, clock: FakeClock, server: SlowServer) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            pytest_socket.disable_socket()
            try:
                error = _fails_at_once(make, clock, None, server.url)
            finally:
                pytest_socket.enable_socket()
        assert "@pytest.mark.enable_socket" in str(error)
        make(token_url=server.url).refresh()


@pytest.mark.parametrize("error", [ssl.SSLError(errno.EMFILE, "x"), OSError(errno.ENFILE, "x")])
def test_too_many_open_files_is_transient(make: Make, request_: FakeGoogle, error: Exception) -> None:
    request_.script.extend([error] * 100)
    with pytest.raises(TransientFederationError, match="run out of open files"):
        make().refresh(request_)
