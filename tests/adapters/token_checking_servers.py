"""Servers that take no request without a bearer token of Google's: an API of one's own, and Cloud Storage's XML API."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType
from typing import NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

from google_auth_botocore.emulator import Emulator


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
    """Who came, and with which token.

    Attributes:
        tokens: the token of each request that was let in, in order of arrival.
        requests: every request so far.
        refused: how many came without a token, or with one that does not count.
        revoked: tokens that count no longer.
    """

    def __init__(self, google: Emulator) -> None:
        self._google = google
        self.tokens: list[str] = []
        self.requests: list[Sent] = []
        self.refused = 0
        self.revoked: set[str] = set()

    def admit(self, sent: Sent) -> bool:
        self.requests.append(sent)
        scheme, _, token = sent.headers.get("authorization", "").partition(" ")
        if scheme == "Bearer" and token not in self.revoked and self._google.check_access_token(token) is not None:
            self.tokens.append(token)
            return True
        self.refused += 1
        return False

    @contextmanager
    def guard(self, serve: Callable[[Sent], Reply]) -> Iterator[str]:
        """The address of a server on loopback."""
        checker = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            wbufsize = -1

            def handle_one_request(self) -> None:
                try:
                    super().handle_one_request()
                except ConnectionError:
                    self.close_connection = True  # the client is gone

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
                # To its end, also where it is refused: a connection that is closed before resets what is under way.
                body = b"".join(iter(self._chunk, b"")) if chunked else self._read(headers.get("content-length", "0"))
                sent = Sent(self.command, unquote(url.path), parse_qs(url.query, True), headers, body)
                reply = serve(sent) if checker.admit(sent) else Reply(b"Invalid Credentials", 401)
                self.send_response(reply.status)
                for name, value in {"Content-Length": str(len(reply.body)), **reply.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(b"" if self.command == "HEAD" else reply.body)

            do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _serve

            def log_message(self, *arguments: object) -> None:
                """Says nothing."""

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            server.daemon_threads = True
            threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
            try:
                yield f"http://127.0.0.1:{server.server_port}"
            finally:
                server.shutdown()


class Objects(dict[str, bytes]):
    """Objects by `/BUCKET/NAME`, served as Cloud Storage's XML API does; what Rust's object_store asks of it.

    https://cloud.google.com/storage/docs/xml-api/reference-methods
    """

    def __init__(self, objects: Mapping[str, bytes] = MappingProxyType({})) -> None:
        super().__init__(objects)
        self._uploads: dict[str, dict[int, bytes]] = {}

    def __call__(self, sent: Sent) -> Reply:
        identity = {"ETag": '"1"', "Last-Modified": "Tue, 24 Nov 2026 12:00:00 GMT"}
        if "uploads" in sent.query or "uploadId" in sent.query:
            return Reply(self._upload(sent).encode(), headers={"Content-Type": "application/xml", **identity})
        if "list-type" in sent.query:
            return Reply(self._listing(sent).encode(), headers={"Content-Type": "application/xml"})
        if sent.method == "PUT":
            self[sent.path] = sent.body
            return Reply(b"", headers=identity)
        if sent.path not in self:
            return Reply(b"<Error><Code>NoSuchKey</Code></Error>", 404)
        content = self[sent.path]
        part = re.fullmatch(r"bytes=(\d+)-(\d*)", sent.headers.get("range", ""))
        if part is None:
            return Reply(content, headers=identity)
        start, end = int(part[1]), min(len(content), int(part[2] or len(content)) + 1)
        return Reply(content[start:end], 206, {**identity, "Content-Range": f"bytes {start}-{end - 1}/{len(content)}"})

    def _upload(self, sent: Sent) -> str:
        """One step of an upload in parts: its begin, a part, its end."""
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

    def _listing(self, sent: Sent) -> str:
        start = f"{sent.path}/"
        found = "".join(
            f"<Contents><Key>{name.removeprefix(start)}</Key><Size>{len(content)}</Size>"
            '<LastModified>2026-11-24T12:00:00.000Z</LastModified><ETag>"1"</ETag></Contents>'
            for name, content in sorted(self.items())
            if name.startswith(start + sent.query.get("prefix", [""])[0])
        )
        return f"<ListBucketResult><IsTruncated>false</IsTruncated>{found}</ListBucketResult>"
