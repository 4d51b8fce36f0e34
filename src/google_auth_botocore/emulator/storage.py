"""Cloud Storage on loopback: gcp-storage-emulator behind a check of bearer tokens and of signed URLs, which it does not make itself."""

from __future__ import annotations

import http.client
import json
import re
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from http.server import HTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from gcp_storage_emulator.exceptions import NotFound
from gcp_storage_emulator.server import RequestHandler
from gcp_storage_emulator.storage import Storage as Store

from google_auth_botocore.emulator._connection import Connection
from google_auth_botocore.emulator._http import Response
from google_auth_botocore.emulator._server import Listener
from google_auth_botocore.emulator._signed_urls import Signatures
from google_auth_botocore.emulator._tokens import TokenInfo
from google_auth_botocore.emulator._xml import XmlRequest
from google_auth_botocore.emulator._xml_api import XmlApi, media_link, refused

_PIECE = 1 << 16
_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "host", "date", "server"}
_MEDIA = re.compile(r"(?:/download)?/storage/v1/b/([^/]+)/o/([^/]+)")
_JSON_API = re.compile(r"/(?:(?:resumable/)?upload/|download/)?storage/v1/|/batch/")
_SCOPES = {
    f"https://www.googleapis.com/auth/{name}"
    for name in ("cloud-platform", "devstorage.full_control", "devstorage.read_write", "devstorage.read_only")
}


class Storage:
    """The service, while its context is open; objects are kept in memory.

    Args:
        check: gives what an access token stands for, None for one that is unknown or expired.
        check_signature: tells whether a service account has signed a message with a signature, None for one that
            does not exist.
        clock: gives the time at which signed URLs expire, in seconds since the epoch.

    Attributes:
        principals: whom each request so far spoke for; None: it was refused.
        tokens: the access tokens that were let in so far.
        downloads: the names of the objects whose content was asked for so far.
        latency: seconds that each answer takes longer, as over a network.
    """

    def __init__(
        self,
        check: Callable[[str], TokenInfo | None],
        check_signature: Callable[[str, bytes, bytes], bool | None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.principals: list[str | None] = []
        self.tokens: set[str] = set()
        self.downloads: list[str] = []
        self.latency: float = 0.0
        self._check = check
        self._signatures = Signatures(check_signature, clock)
        self._clock = clock
        self._store: Any = None
        self._behind: HTTPServer | None = None
        self._gate: _Gate | None = None

    def __enter__(self) -> Storage:
        """Starts it.

        Raises:
            RuntimeError: it is running already.
        """
        if self._gate is not None:
            raise RuntimeError("it is running already")
        # Not by gcp-storage-emulator's own starter, whose server takes half a second to stop and does not say where it is.
        self._store = Store(use_memory_fs=True)
        self._behind = HTTPServer(("127.0.0.1", 0), partial(_Behind, self._store))
        threading.Thread(target=self._behind.serve_forever, args=(0.02,), name="storage", daemon=True).start()
        self._gate = _Gate(self, self.open_url)
        self._gate.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stops it and hangs up on its clients."""
        gate, self._gate = self._gate, None
        behind, self._behind = self._behind, None
        if gate is not None:
            gate.stop()
        if behind is not None:
            behind.shutdown()
            behind.server_close()

    @property
    def url(self) -> str:
        """Where a client with a token goes: its `client_options={"api_endpoint": …}`."""
        if self._gate is None:
            raise RuntimeError("it is not running: use it as a context manager")
        return f"http://127.0.0.1:{self._gate.port}"

    @property
    def open_url(self) -> str:
        """Where nobody is asked for a token: for filling buckets and for looking into them."""
        if self._behind is None:
            raise RuntimeError("it is not running: use it as a context manager")
        return f"http://127.0.0.1:{self._behind.server_address[1]}"

    @property
    def refused(self) -> int:
        """How many requests had neither a token nor a signature, or one that is not valid."""
        return self.principals.count(None)

    def caller(self, authorization: str | None) -> str | None:
        """Whom a request speaks for, by its Authorization header; None: nobody that may come in."""
        scheme, _, value = (authorization or "").partition(" ")
        info = self._check(value) if scheme == "Bearer" else None
        allowed = info is not None and not _SCOPES.isdisjoint(info.scopes)
        principal = info.principal if info is not None and allowed else None
        self.principals.append(principal)
        if principal is not None:
            self.tokens.add(value)
        return principal

    def signed(self, request: XmlRequest) -> Response | None:
        """The answer to a request whose URL or form is signed; None: it is not."""
        answered = XmlApi(self._store, self.open_url, self._signatures, self._clock).answer(request)
        if answered is None:
            return None
        signer, response = answered
        self.principals.append(signer)
        if signer is not None and request.method == "GET":
            self.downloads.append(request.target[1])
        return response

    def resource(self, bucket: str, name: str) -> dict[str, Any] | None:
        """An object's metadata; None: there is no such object."""
        try:
            found: dict[str, Any] = self._store.get_file_obj(bucket, name)
        except NotFound:
            return None
        return found


class _Gate(Listener):
    def __init__(self, storage: Storage, behind: str) -> None:
        super().__init__(0, _Handler, "storage-gate")
        self.storage = storage
        self.behind = behind.removeprefix("http://")


class _Behind(RequestHandler):  # type: ignore[misc]  # gcp-storage-emulator has no types
    # It serves one connection at a time, so one that says nothing would stop all others.
    timeout = 10


class _Handler(Connection):
    server: _Gate  # pyright: ignore[reportIncompatibleVariableOverride] - this handler serves no other

    def _serve(self) -> None:
        try:
            body = self._body()
        except ValueError:
            self._answer(400, "The length of the body is not a number.", "badRequest")
            self.discard_body()
            return
        if body is None:  # the client hung up in the middle of it
            self.close_connection = True
            return
        signed = self.server.storage.signed(self._xml_request(body))
        if signed is not None:
            time.sleep(self.server.storage.latency)
            self._send(signed)
            return
        if self.server.storage.caller(self.headers.get("Authorization")) is None:
            self._refuse()
            return
        time.sleep(self.server.storage.latency)
        encoding = None
        wanted = urlsplit(self.path)
        query = parse_qs(wanted.query)
        media = _MEDIA.fullmatch(wanted.path)
        if media is not None and query.get("alt") == ["media"]:
            # gcp-storage-emulator gives whatever generation it has, and says nothing of an encoding.
            bucket, name = map(unquote, media.groups())
            self.server.storage.downloads.append(name)
            found = self.server.storage.resource(bucket, name)
            if found is None or query.get("generation", [found["generation"]]) != [found["generation"]]:
                self._answer(404, f"No such object: {bucket}/{name}", "notFound")
                return
            encoding = found.get("contentEncoding")
        upstream = http.client.HTTPConnection(self.server.behind)
        try:
            headers = {
                name: value for name, value in self.headers.items() if name.lower() not in _HOP_BY_HOP - {"host"}
            }
            upstream.request(self.command, self.path, body, headers)
            self._pass_on(upstream.getresponse(), encoding)
        finally:
            upstream.close()

    def _body(self) -> bytes | None:
        """Read the body, also one in chunks, as Cloud Storage accepts a streamed upload; None if it is not complete.

        Raises:
            ValueError: its length, or that of a chunk, is not a number.
        """
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self._part(_number(self.headers.get("Content-Length") or "0", 10))
        parts: list[bytes] = []
        while size := _number(self.read_line().partition(b";")[0].decode("latin-1").strip(), 16):
            part = self._part(size)
            if part is None:
                return None
            parts.append(part)
            self.read_line()
        http.client.parse_headers(self.rfile)  # which may follow, and say nothing here
        return b"".join(parts)

    def _part(self, size: int) -> bytes | None:
        pieces: list[bytes] = []
        while size and (piece := self.read_body(min(size, _PIECE))):
            pieces.append(piece)
            size -= len(piece)
        return None if size else b"".join(pieces)

    def _xml_request(self, body: bytes) -> XmlRequest:
        path, _, query = self.requestline.split()[1].partition("?")  # `self.path` has lost slashes
        headers = {name.lower(): ",".join(self.headers.get_all(name, ())) for name in self.headers}
        return XmlRequest(self.command, path, query, headers, body)

    def _pass_on(self, reply: http.client.HTTPResponse, encoding: str | None) -> None:
        """Sends the reply on, piece by piece; only JSON, which is short, as a whole."""
        self.send_response(reply.status)
        if encoding is not None:
            self.send_header("Content-Encoding", encoding)
        for name, value in reply.headers.items():
            if name.lower() not in _HOP_BY_HOP:
                self.send_header(name, value)
        if reply.headers.get_content_type() == "application/json" and "alt=media" not in self.path:
            document = _with_links_to(f"http://{self.headers['Host']}", reply.read())
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
        if not _JSON_API.match(self.path):
            self._send(refused(self.headers.get("Authorization")))
            return
        message = (
            "Invalid Credentials" if self.headers.get("Authorization") else "Anonymous caller does not have access."
        )
        challenge = {"WWW-Authenticate": 'Bearer realm="https://accounts.google.com/", error="invalid_token"'}
        where = {"locationType": "header", "location": "Authorization"}
        self._answer(401, message, "authError", where, challenge)

    def _answer(
        self, status: int, message: str, reason: str, where: Mapping[str, str] = {}, headers: Mapping[str, str] = {}
    ) -> None:
        """Answers with an error in the form that Cloud Storage has for one."""
        error = {"message": message, "domain": "global", "reason": reason, **where}
        self._send(Response({"error": {"code": status, "message": message, "errors": [error]}}, status, headers))

    def _send(self, response: Response) -> None:
        body, kind = response.encoded()
        self.send_response(response.status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **response.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _serve

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""


def _number(text: str, base: int) -> int:
    """The length of a body: digits alone, of which a long file has few.

    Raises:
        ValueError: it is none.
    """
    if not re.fullmatch("[0-9a-fA-F]{1,16}", text):
        raise ValueError(text)
    return int(text, base)


def _with_links_to(url: str, body: bytes) -> bytes:
    """Lets `mediaLink` lead through the gate, wherever the object came in, its name percent-encoded as Google has it."""

    def mend(item: dict[str, Any]) -> dict[str, Any]:
        if "mediaLink" in item and "name" in item:
            item["mediaLink"] = media_link(url, item)
        return item

    return json.dumps(json.loads(body, object_hook=mend)).encode() if body else body
