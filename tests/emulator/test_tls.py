"""HTTPS with a throw-away CA, and other addresses than 127.0.0.1."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
import requests
from core.stand_in import wait_until
from cryptography import x509

from google_auth_botocore import Credentials
from google_auth_botocore.emulator import Emulator, Fault, _tls


@pytest.fixture(name="google")
def _google() -> Iterator[Emulator]:
    with Emulator(tls=True, tls_names=["emulator", "10.0.0.7"]) as google:
        yield google


@pytest.fixture(name="ca")
def _ca(google: Emulator, tmp_path: Path) -> str:
    assert google.certificate is not None
    path = tmp_path / "ca.pem"
    path.write_text(google.certificate.ca)
    return str(path)


def address(google: Emulator) -> tuple[str, int]:
    host, _, port = google.url.partition("://")[2].rpartition(":")
    return host.strip("[]"), int(port)


def raw(google: Emulator) -> socket.socket:
    return socket.create_connection(address(google), timeout=60)


def test_a_token_exchange_works_over_https(google: Emulator, ca: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", ca)
    keys = google.aws_keys.issue()
    for name, value in (("ACCESS_KEY_ID", keys.access_key_id), ("SECRET_ACCESS_KEY", keys.secret_access_key)):
        monkeypatch.setenv(f"AWS_{name}", value)
    monkeypatch.setenv("AWS_SESSION_TOKEN", keys.session_token or "")
    monkeypatch.setenv("AWS_REGION", "us-east-1")

    credentials = Credentials(google.add_aws_provider().audience, token_url=google.token_url)

    assert google.token_url.startswith("https://127.0.0.1:")
    assert google.check_access_token(credentials.get_token().value) is not None


@pytest.mark.parametrize(
    "name",
    [
        "127.0.0.1",
        "::1",
        "localhost",
        "emulator",
        "10.0.0.7",
        "sts.googleapis.com",
        "iamcredentials.googleapis.com",
        "accounts.google.com",
    ],
)
def test_the_certificate_is_valid_for(google: Emulator, ca: str, name: str) -> None:
    context = ssl.create_default_context(cafile=ca)

    with raw(google) as plain, context.wrap_socket(plain, server_hostname=name) as client:
        client.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert client.recv(4096).startswith(b"HTTP/1.1 200")
        assert client.version() in {"TLSv1.2", "TLSv1.3"}


@pytest.mark.parametrize("name", ["example.com", "a.b.googleapis.com", "10.0.0.8"])
def test_the_certificate_is_not_valid_for(google: Emulator, ca: str, name: str) -> None:
    context = ssl.create_default_context(cafile=ca)

    with raw(google) as plain, pytest.raises(ssl.SSLCertVerificationError):
        context.wrap_socket(plain, server_hostname=name)


@pytest.mark.parametrize("name", ["not a name", "", "a..b", "*", "https://emulator", "emulator:8443"])
def test_an_invalid_name_is_rejected(name: str) -> None:
    with pytest.raises(ValueError, match="is neither a host name nor an IP address"):
        Emulator(tls=True, tls_names=[name])


def test_each_ca_signs_one_certificate(google: Emulator, ca: str) -> None:
    with Emulator(tls=True) as other, pytest.raises(requests.exceptions.SSLError):
        requests.get(other.url, verify=ca, timeout=60)
    assert google.certificate is not None
    certificate = x509.load_pem_x509_certificate(google.certificate.ca.encode())
    constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    assert (constraints.ca, constraints.path_length) == (True, 0)
    assert "PRIVATE KEY" not in google.certificate.ca
    assert "PRIVATE KEY" not in repr(google.certificate)


def test_openssl_verifies_the_chain_strictly(google: Emulator, ca: str, tmp_path: Path) -> None:
    assert google.certificate is not None
    server = tmp_path / "server.pem"
    server.write_text(google.certificate.certificate)

    result = subprocess.run(
        ["openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", ca, str(server)],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert result.returncode == 0, result.stderr


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated")
def test_tls_1_1_is_rejected(google: Emulator, ca: str) -> None:
    context = ssl.create_default_context(cafile=ca)
    context.set_ciphers("DEFAULT@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.maximum_version = ssl.TLSVersion.TLSv1_1

    with raw(google) as plain, pytest.raises((ssl.SSLError, ConnectionError)):
        context.wrap_socket(plain, server_hostname="localhost")


@pytest.mark.parametrize("method", ["get", "post", "delete"])
def test_plain_http_gets_a_clear_reply(google: Emulator, method: str) -> None:
    reply = requests.request(method, google.url.replace("https", "http"), data=b"x" * 1_000_000, timeout=60)

    assert reply.status_code == 400
    assert "https://" in reply.text
    assert not google.calls


def test_handshakes_that_do_not_proceed_block_no_other_client(google: Emulator, ca: str) -> None:
    with ExitStack() as stack:
        for start in (b"", b"\x16", b"\x16\x03\x01\x02\x00\x01", b"\x00", b"G"):
            for _ in range(20):
                client = stack.enter_context(raw(google))
                client.sendall(start)
        assert requests.get(f"{google.url}/healthz", verify=ca, timeout=60).status_code == 200


def test_a_broken_handshake_closes_the_connection(google: Emulator, ca: str) -> None:
    for garbage in (b"\x16\x03\x01\x00\x05hello", b"\x00" * 100, b"\xff" * 100, b"\x80\x2e\x01\x00\x02"):
        with raw(google) as client:
            # A reset if the server did not read everything. ENOTCONN if the reset is there before `shutdown`.
            with suppress(OSError):
                client.sendall(garbage)
                client.shutdown(socket.SHUT_WR)
            with suppress(ConnectionResetError):
                while client.recv(4096):
                    pass
    assert requests.get(f"{google.url}/healthz", verify=ca, timeout=60).status_code == 200


def test_the_handshake_has_one_time_limit(google: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each byte of a slow client does not extend it."""
    monkeypatch.setattr(_tls, "_HANDSHAKE_LIMIT", 0.3)
    with raw(google) as client:
        client.settimeout(0.05)
        for byte in b"\x16\x03\x01\x02\x00" + b"\x01" * 1000:
            try:
                client.sendall(bytes([byte]))
                if client.recv(1) == b"":
                    break
            except TimeoutError:
                continue
            except ConnectionError:
                break
        else:
            pytest.fail("the connection is still open")


def test_a_fault_can_drop_a_connection(google: Emulator, ca: str) -> None:
    google.fail("/v1/token", Fault(drop=True))

    with pytest.raises(requests.ConnectionError):
        requests.post(google.token_url, verify=ca, timeout=60)
    assert requests.post(google.token_url, verify=ca, timeout=60).status_code == 400


def test_stopping_closes_open_connections(google: Emulator, ca: str) -> None:
    context = ssl.create_default_context(cafile=ca)
    with (
        raw(google) as silent,
        raw(google) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as client,
    ):
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert client.recv(4096).startswith(b"HTTP/1.1 404")
        google.__exit__(None, None, None)
        assert client.recv(4096) == b""
        assert silent.recv(4096) == b""


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "0.0.0.0", "::", "127.0.0.99"])
@pytest.mark.parametrize("tls", [False, True])
def test_it_listens_on(host: str, tls: bool, tmp_path: Path) -> None:
    if ":" in host and not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    with Emulator(host=host, tls=tls) as google:
        ca = tmp_path / "ca.pem"
        ca.write_text(google.certificate.ca if google.certificate else "")
        assert requests.get(f"{google.url}/healthz", verify=str(ca) if tls else True, timeout=60).status_code == 200
        if host == "::":  # IPv4, too
            with socket.create_connection(("127.0.0.1", address(google)[1]), timeout=60):
                pass


def test_the_state_of_health_is_not_recorded(google: Emulator, ca: str) -> None:
    google.ready = False
    assert requests.get(f"{google.url}/healthz", verify=ca, timeout=60).status_code == 503
    google.ready = True
    reply = requests.head(f"{google.url}/healthz", verify=ca, timeout=60)
    assert (reply.status_code, reply.text) == (200, "")
    assert google.calls == []


def test_only_the_latest_calls_are_kept() -> None:
    with Emulator(max_calls=3) as google, requests.Session() as session:
        for number in range(5):
            session.get(f"{google.url}/{number}", timeout=60)
        wait_until(lambda: google.count("/4") == 1)
        assert [call.path for call in google.calls] == ["/2", "/3", "/4"]


def test_an_http_file_for_an_emulator_in_another_container_is_rejected(tmp_path: Path) -> None:
    """And an https one, too: only code can name an endpoint that is not Google's."""
    for url in ("http://emulator:8085/v1/token", "https://emulator:8443/v1/token"):
        path = tmp_path / "external_account.json"
        path.write_text(
            json.dumps(
                {
                    **Credentials("projects/1/locations/global/workloadIdentityPools/p/providers/q").info,
                    "token_url": url,
                }
            )
        )
        with pytest.raises(ValueError, match="token_url"):
            Credentials.from_file(path)
