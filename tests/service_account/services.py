"""A service that authenticates callers by their ID tokens, over HTTP as on Cloud Run and over gRPC."""

from __future__ import annotations

import contextlib
import ipaddress
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import grpc
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from google.auth import exceptions
from google.auth.transport import requests as google_requests
from google.oauth2 import id_token


class Service:
    """Authenticates callers with Google's verifier, as Cloud Run does before a request reaches the container.

    Args:
        certs_url: address of Google's public keys.

    Attributes:
        audience: the required audience of tokens.
        callers: the e-mail addresses of admitted service accounts.
        revoked: valid tokens that are rejected.
    """

    def __init__(self, certs_url: str) -> None:
        self._certs_url = certs_url
        self.audience = ""
        self.callers: list[str] = []
        self.revoked: set[str] = set()

    def admits(self, authorization: str | None) -> bool:
        token = (authorization or "").removeprefix("Bearer ")
        with requests.Session() as session:
            try:
                claims = id_token.verify_token(token, google_requests.Request(session), self.audience, self._certs_url)
            except (ValueError, exceptions.GoogleAuthError):
                return False
        if token in self.revoked:
            return False
        self.callers.append(claims["email"])
        return True


@contextlib.contextmanager
def over_http(service: Service) -> Iterator[str]:
    """Run the service over HTTP; yield its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if service.admits(self.headers.get("authorization")) else 401)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        service.audience = f"http://127.0.0.1:{server.server_address[1]}"
        try:
            yield service.audience
        finally:
            server.shutdown()
            thread.join(60)
            assert not thread.is_alive()


@contextlib.contextmanager
def over_grpc(service: Service) -> Iterator[tuple[str, grpc.ChannelCredentials]]:
    """Run the service over gRPC with TLS, echoing each request; yield its address and credentials for a channel to it."""
    key, chain = _certificate()
    with ThreadPoolExecutor(8) as pool:
        server = grpc.server(pool, handlers=(_Echo(service),))
        port = server.add_secure_port("localhost:0", grpc.ssl_server_credentials([(key, chain)]))
        server.start()
        service.audience = f"https://localhost:{port}"
        try:
            yield f"localhost:{port}", grpc.ssl_channel_credentials(chain)
        finally:
            server.stop(None).wait(60)


class _Echo(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpc has no types
    def __init__(self, service: Service) -> None:
        self._service = service

    def service(self, details: Any) -> Any:
        metadata = {pair.key: pair.value for pair in details.invocation_metadata}
        admitted = self._service.admits(metadata.get("authorization"))

        def answer(message: bytes, context: grpc.ServicerContext) -> bytes:
            if not admitted:
                context.abort(grpc.StatusCode.UNAUTHENTICATED, "invalid ID token")
            return message

        return grpc.unary_unary_rpc_method_handler(answer)


def _certificate() -> tuple[bytes, bytes]:
    """Return a key and a self-signed certificate for localhost, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    now = datetime.now(timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private, certificate.public_bytes(serialization.Encoding.PEM)
