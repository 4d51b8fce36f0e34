"""Google APIs on loopback, over HTTP and over gRPC, that require a token issued by the emulator."""

from __future__ import annotations

import http.server
import ipaddress
import json
import ssl
import threading
from collections.abc import Iterator
from concurrent import futures
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from google_auth_botocore.emulator import Emulator, TokenInfo

CLOUD_PLATFORM = "https://www.googleapis.com/auth/cloud-platform"


class ProtectedApi:
    """Checks bearer tokens as Google's APIs do, and records the results.

    Attributes:
        accepted: what the token of each accepted request stood for.
        rejected: the number of requests without a valid token.
    """

    def __init__(self, google: Emulator) -> None:
        self.accepted: list[TokenInfo] = []
        self.rejected = 0
        self._google = google
        self._tokens: set[str] = set()
        self._revoked: set[str] = set()

    def authorize(self, authorization: str | None) -> bool:
        """Return whether to accept a request with this Authorization header, and record it."""
        scheme, _, token = (authorization or "").partition(" ")
        info = self._google.check_access_token(token) if scheme == "Bearer" else None
        if info is None or token in self._revoked:
            self.rejected += 1
            return False
        self._tokens.add(token)
        self.accepted.append(info)
        return True

    def revoke(self) -> None:
        """Revoke every token that was used here."""
        self._revoked |= self._tokens

    @property
    def callers(self) -> set[str]:
        """The principals of the accepted requests."""
        return {info.principal for info in self.accepted}

    @property
    def scopes(self) -> set[tuple[str, ...]]:
        """The scopes of the accepted tokens."""
        return {info.scopes for info in self.accepted}

    @property
    def exchanges(self) -> tuple[int, int]:
        """The number of requests for tokens to Google's Security Token Service and to IAM Credentials."""
        return self._google.count("/v1/token"), self._google.count(":generateAccessToken")


class HttpApi(ProtectedApi):
    """An API over HTTP.

    Args:
        google: checks the tokens.
        certificate: for HTTPS; None: plain HTTP.

    Attributes:
        url: its base URL.
        replies: the reply for each method and path, such as `GET /v1/things`: JSON, a pair of media type and bytes, or
            a function of the request's body that returns one of these.
    """

    def __init__(self, google: Emulator, certificate: Certificate | None = None) -> None:
        super().__init__(google)
        self.replies: dict[str, Any] = {}
        api = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status, reply = api._reply(
                    f"{self.command} {self.path.partition('?')[0]}", body, self.headers.get("Authorization")
                )
                kind, document = reply if isinstance(reply, tuple) else ("application/json", json.dumps(reply).encode())
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(document)))
                self.end_headers()
                self.wfile.write(document)

            do_POST = do_PUT = do_GET

            def log_message(self, *_: Any) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        if certificate is not None:
            self._server.socket = certificate.server_context().wrap_socket(self._server.socket, server_side=True)
            self.url = self.url.replace("http:", "https:")

    def _reply(self, request: str, body: bytes, authorization: str | None) -> tuple[int, Any]:
        if not self.authorize(authorization):
            return 401, {"error": {"code": 401, "status": "UNAUTHENTICATED", "message": "no valid token"}}
        if request not in self.replies:
            return 404, {"error": {"code": 404, "status": "NOT_FOUND", "message": f"nothing at {request}"}}
        reply = self.replies[request]
        return 200, reply(body) if callable(reply) else reply

    def __enter__(self) -> HttpApi:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class GrpcApi(ProtectedApi, grpc.GenericRpcHandler):  # type: ignore[misc]  # grpc has no types
    """An API over gRPC, with TLS, for any method of any service.

    Attributes:
        target: its address, for a channel and for `client_options={"api_endpoint": …}`.
        replies: the reply for each method, such as `GetSecret`: a message, or a generator function of the requests,
            which are bytes.
        quota_projects: the quota projects of the calls so far; None: the caller's project.
    """

    def __init__(self, google: Emulator, certificate: Certificate) -> None:
        super().__init__(google)
        self.replies: dict[str, Any] = {}
        self.quota_projects: set[str | None] = set()
        self._pool = futures.ThreadPoolExecutor(16)
        self._server = grpc.server(self._pool, handlers=(self,))
        port = self._server.add_secure_port("localhost:0", certificate.server_credentials())
        self.target = f"localhost:{port}"

    def service(self, details: Any) -> Any:
        """Serve every call as a bidirectional stream. On the wire, the other kinds of calls are the same."""
        metadata = {pair.key: pair.value for pair in details.invocation_metadata}
        authorization = metadata.get("authorization")
        self.quota_projects.add(metadata.get("x-goog-user-project"))
        reply = self.replies.get(details.method.rpartition("/")[2])

        def answer(requests: Iterator[bytes], context: Any) -> Iterator[bytes]:
            if not self.authorize(authorization):
                context.abort(grpc.StatusCode.UNAUTHENTICATED, "no valid token")
            if reply is None:
                context.abort(grpc.StatusCode.UNIMPLEMENTED, f"nothing at {details.method}")
            for message in reply(requests) if callable(reply) else [reply]:
                yield _serialized(message)

        return grpc.stream_stream_rpc_method_handler(answer)

    def __enter__(self) -> GrpcApi:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop(None).wait(60)
        self._pool.shutdown()


def _serialized(message: Any) -> Any:
    """Serialize a message of protobuf or of proto-plus. Bytes are returned unchanged."""
    if isinstance(message, bytes):
        return message
    return getattr(type(message), "pb", lambda it: it)(message).SerializeToString()


class Certificate:
    """A self-signed certificate for this machine.

    Args:
        folder: the directory for its PEM file.

    Attributes:
        path: its PEM file, for clients.
    """

    def __init__(self, folder: Path) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
        now = datetime.now(timezone.utc)
        names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )
        self._key = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        self.path = folder / "certificate.pem"
        self.path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def server_context(self) -> ssl.SSLContext:
        """Return the TLS context of an HTTP server."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        key = self.path.with_name("key.pem")
        key.write_bytes(self._key)
        context.load_cert_chain(self.path, key)
        return context

    def server_credentials(self) -> Any:
        """Return the TLS credentials of a gRPC server."""
        return grpc.ssl_server_credentials([(self._key, self.path.read_bytes())])
