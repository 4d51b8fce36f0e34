"""Servers that require a valid access token: any API, and a few objects for DuckDB."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType
from typing import NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

from google_auth_botocore.emulator import Emulator
from google_auth_botocore.emulator._ranges import range_response


class Sent(NamedTuple):
    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes


class Reply(NamedTuple):
    body: bytes
    status: int = 200
    headers: Mapping[str, str] = MappingProxyType({})


class TokenChecker:
    """Checks the access token of each request, and records the requests.

    Attributes:
        tokens: The token of each accepted request, in order of arrival.
        requests: All requests so far.
        rejected: The number of requests without a valid token.
        revoked: Tokens to reject.
    """

    def __init__(self, google: Emulator) -> None:
        self._google = google
        self.tokens: list[str] = []
        self.requests: list[Sent] = []
        self.rejected = 0
        self.revoked: set[str] = set()

    def accept(self, sent: Sent) -> bool:
        self.requests.append(sent)
        scheme, _, token = sent.headers.get("authorization", "").partition(" ")
        if scheme == "Bearer" and token not in self.revoked and self._google.check_access_token(token) is not None:
            self.tokens.append(token)
            return True
        self.rejected += 1
        return False

    @contextmanager
    def serve(self, respond: Callable[[Sent], Reply]) -> Iterator[str]:
        """Run a server on loopback that calls *respond* for accepted requests, and return its URL."""
        checker = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            wbufsize = -1

            def handle_one_request(self) -> None:
                try:
                    super().handle_one_request()
                except ConnectionError:
                    self.close_connection = True  # the client closed the connection

            def _read(self, size: str, base: int = 10) -> bytes:
                return self.rfile.read(int(size, base))

            def _chunk(self) -> bytes:
                chunk = self._read(self.rfile.readline().decode(), 16)
                self.rfile.readline()
                return chunk

            def _serve(self) -> None:
                url = urlsplit(self.path)
                headers = {name.lower(): value for name, value in self.headers.items()}
                chunked = headers.get("transfer-encoding") == "chunked"
                # Read the body even if the request is rejected: closing the connection earlier could destroy the reply.
                body = b"".join(iter(self._chunk, b"")) if chunked else self._read(headers.get("content-length", "0"))
                sent = Sent(self.command, unquote(url.path), parse_qs(url.query, True), headers, body)
                reply = respond(sent) if checker.accept(sent) else Reply(b"Invalid Credentials", 401)
                self.send_response(reply.status)
                for name, value in {"Content-Length": str(len(reply.body)), **reply.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(b"" if self.command == "HEAD" else reply.body)

            do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _serve

            def log_message(self, *arguments: object) -> None:
                """Print no log."""

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            server.daemon_threads = True
            threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
            try:
                yield f"http://127.0.0.1:{server.server_port}"
            finally:
                server.shutdown()


class Objects(dict[str, bytes]):
    """Objects by `/BUCKET/NAME`, served like Cloud Storage's XML API, as far as DuckDB's httpfs uses it.

    https://cloud.google.com/storage/docs/xml-api/reference-methods
    """

    def __init__(self, objects: Mapping[str, bytes]) -> None:
        super().__init__(objects)
        self._uploads: dict[str, dict[int, bytes]] = {}

    def __call__(self, sent: Sent) -> Reply:
        identity = {"ETag": '"1"', "Last-Modified": formatdate(usegmt=True)}
        if "uploads" in sent.query or "uploadId" in sent.query:
            return Reply(self._upload(sent).encode(), headers={"Content-Type": "application/xml", **identity})
        if sent.method == "PUT":
            self[sent.path] = sent.body
            return Reply(b"", headers=identity)
        if sent.path not in self:
            return Reply(b"<Error><Code>NoSuchKey</Code></Error>", 404)
        found = range_response(self[sent.path], sent.headers.get("range", ""), identity)
        return Reply(b"", 416) if found is None else Reply(found.body, found.status, found.headers)

    def _upload(self, sent: Sent) -> str:
        """Handle one request of a multipart upload: its start, a part, or its completion."""
        if "uploads" in sent.query:
            upload = f"{len(self._uploads)}"
            self._uploads[upload] = {}
            return f"<InitiateMultipartUploadResult><UploadId>{upload}</UploadId></InitiateMultipartUploadResult>"
        [upload] = sent.query["uploadId"]
        parts = self._uploads[upload]
        if sent.method == "PUT":
            parts[int(sent.query["partNumber"][0])] = sent.body
            return ""
        self[sent.path] = b"".join(parts[number] for number in sorted(parts))
        return '<CompleteMultipartUploadResult><ETag>"1"</ETag></CompleteMultipartUploadResult>'
