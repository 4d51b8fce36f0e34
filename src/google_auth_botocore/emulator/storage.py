"""Cloud Storage on loopback: gcp-storage-emulator behind a check of the bearer token, which it does not make itself."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import quote

from gcp_storage_emulator.server import create_server

from google_auth_botocore.emulator._tokens import TokenInfo

_PIECE = 1 << 16
_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "host", "date", "server"}
_SCOPES = {
    f"https://www.googleapis.com/auth/{name}"
    for name in ("cloud-platform", "devstorage.full_control", "devstorage.read_write", "devstorage.read_only")
}


class Storage:
    """The service, while its context is open; objects are kept in memory.

    Args:
        check: gives what an access token stands for, None for one that is unknown or expired.

    Attributes:
        principals: whom each request so far spoke for; None: it was refused with 401.
    """

    def __init__(self, check: Callable[[str], TokenInfo | None]) -> None:
        self.principals: list[str | None] = []
        self._check = check
        self._behind: Any = None
        self._gate: _Gate | None = None

    def __enter__(self) -> Storage:
        """Starts it."""
        self._behind = create_server("127.0.0.1", 0, in_memory=True)
        self._behind.start()
        self._gate = _Gate(self, self.open_url)
        threading.Thread(target=self._gate.serve_forever, args=(0.02,), name="storage-gate", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stops it."""
        if self._gate is not None:
            self._gate.shutdown()
            self._gate.server_close()
        self._behind.stop()

    @property
    def url(self) -> str:
        """Where a client with a token goes: its `client_options={"api_endpoint": …}`."""
        if self._gate is None:
            raise RuntimeError("it is not running: use it as a context manager")
        return f"http://127.0.0.1:{self._gate.server_address[1]}"

    @property
    def open_url(self) -> str:
        """Where nobody is asked for a token: for filling buckets and for looking into them."""
        # gcp-storage-emulator does not say which port it was given.
        return f"http://127.0.0.1:{self._behind._api._httpd.server_address[1]}"

    @property
    def refused(self) -> int:
        """How many requests had no token, or one that is not valid."""
        return self.principals.count(None)

    def caller(self, authorization: str | None) -> str | None:
        """Whom a request speaks for, by its Authorization header; None: nobody that may come in."""
        scheme, _, value = (authorization or "").partition(" ")
        info = self._check(value) if scheme == "Bearer" else None
        allowed = info is not None and not _SCOPES.isdisjoint(info.scopes)
        principal = info.principal if info is not None and allowed else None
        self.principals.append(principal)
        return principal


class _Gate(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512

    def __init__(self, storage: Storage, behind: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.storage = storage
        self.behind = behind.removeprefix("http://")


class _Handler(BaseHTTPRequestHandler):
    server: _Gate  # pyright: ignore[reportIncompatibleVariableOverride] - this handler serves no other
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.server.storage.caller(self.headers.get("Authorization")) is None:
            self._refuse()
            return
        upstream = http.client.HTTPConnection(self.server.behind)
        try:
            headers = {
                name: value for name, value in self.headers.items() if name.lower() not in _HOP_BY_HOP - {"host"}
            }
            upstream.request(self.command, self.path, body, headers)
            self._pass_on(upstream.getresponse())
        finally:
            upstream.close()

    def _pass_on(self, reply: http.client.HTTPResponse) -> None:
        """Sends the reply on, piece by piece; only JSON, which is short, as a whole."""
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            if name.lower() not in _HOP_BY_HOP:
                self.send_header(name, value)
        if reply.headers.get_content_type() == "application/json" and "alt=media" not in self.path:
            document = _with_quoted_links(reply.read())
            self.send_header("Content-Length", str(len(document)))
            self.end_headers()
            self.wfile.write(document)
            return
        if reply.length is None:
            self.close_connection = True
        else:
            self.send_header("Content-Length", str(reply.length))
        self.end_headers()
        while piece := reply.read(_PIECE):
            self.wfile.write(piece)

    def _refuse(self) -> None:
        message = (
            "Invalid Credentials" if self.headers.get("Authorization") else "Anonymous caller does not have access."
        )
        error = {
            "message": message,
            "domain": "global",
            "reason": "authError",
            "locationType": "header",
            "location": "Authorization",
        }
        body = json.dumps({"error": {"code": 401, "message": message, "errors": [error]}}).encode()
        self.send_response(401)
        self.send_header("WWW-Authenticate", 'Bearer realm="https://accounts.google.com/", error="invalid_token"')
        self.send_header("Content-Type", "application/json; charset=UTF-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _serve

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""


def _with_quoted_links(body: bytes) -> bytes:
    """Percent-encodes the object's name in `mediaLink`, as Google does and gcp-storage-emulator does not."""

    def mend(item: dict[str, Any]) -> dict[str, Any]:
        if "mediaLink" in item and "name" in item:
            plain = f"/b/{item['bucket']}/o/{item['name']}?"
            quoted = f"/b/{item['bucket']}/o/{quote(item['name'], safe='')}?"
            item["mediaLink"] = item["mediaLink"].replace(plain, quoted)
        return item

    return json.dumps(json.loads(body, object_hook=mend)).encode() if body else body
