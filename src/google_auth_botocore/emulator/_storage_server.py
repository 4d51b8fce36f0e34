"""The HTTP server of Cloud Storage. It authenticates each request, and serves it or forwards it to gcp-storage-emulator."""

from __future__ import annotations

import http.client
import json
import re
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

from gcp_storage_emulator.server import RequestHandler

from google_auth_botocore.emulator._connection import Connection
from google_auth_botocore.emulator._faults import Fault
from google_auth_botocore.emulator._http import Response
from google_auth_botocore.emulator._server import Listener, hang_up
from google_auth_botocore.emulator._storage_api import StorageRequest
from google_auth_botocore.emulator._storage_errors import StorageError, general
from google_auth_botocore.emulator._xml import XmlError, XmlRequest
from google_auth_botocore.emulator._xml_api import media_link, unauthenticated_response

if TYPE_CHECKING:
    from google_auth_botocore.emulator.storage import Storage

_CHUNK = 1 << 16
_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "host", "date", "server"}
_JSON_API = re.compile(r"/(?:(?:resumable/)?upload/|download/)?storage/v1/|/batch/")


class StorageServer(Listener):
    """Listens for clients.

    Args:
        storage: the service.
        upstream: host and port of gcp-storage-emulator.
        is_open: whether it serves every client as the owner of the buckets.
    """

    def __init__(self, storage: Storage, upstream: str, *, is_open: bool) -> None:
        super().__init__(0, _Handler, "storage-server")
        self.storage = storage
        self.upstream = upstream
        self.is_open = is_open


class UpstreamHandler(RequestHandler):  # type: ignore[misc]  # gcp-storage-emulator has no types
    """gcp-storage-emulator's handler with a timeout: it serves one connection at a time, and an idle one would block it."""

    timeout = 10


class _Handler(Connection):
    server: StorageServer  # pyright: ignore[reportIncompatibleVariableOverride] - this handler serves no other

    def _serve(self) -> None:
        self._fault: Fault | None = None
        try:
            body = self._body()
        except ValueError:
            self._send(StorageError(400, "badRequest", "The length of the body is not a number.").response())
            self.discard_body()
            return
        if body is None:  # the client closed the connection in the middle of the body
            self.close_connection = True
            return
        storage = self.server.storage
        principal = None
        if not self.server.is_open:
            signed = storage.signed(self._xml_request(body))
            if signed is not None:
                time.sleep(storage.latency)
                self._send(signed)
                return
            principal = storage.caller(self.headers.get("Authorization"))
            if principal is None:
                self._reject()
                return
            time.sleep(storage.latency)
        url = urlsplit(self.path)
        headers = {name.lower(): ",".join(self.headers.get_all(name, ())) for name in self.headers}
        parameters = dict(parse_qsl(url.query, keep_blank_values=True))
        base_url = f"http://{self.headers['Host']}"
        request = StorageRequest(self.command, url.path, parameters, headers, body, base_url, principal)
        if self.server.is_open or not self._apply_fault(request):
            self._answer(request, body)

    def _apply_fault(self, request: StorageRequest) -> bool:
        """Record the request and apply the next fault, if any. Return whether the fault has already dealt with it."""
        storage = self.server.storage
        if request.is_media and request.target is not None:
            storage.downloads.append(request.target[1])
        if request.parameters.get("userProject"):
            storage.user_projects.append(request.parameters["userProject"])
        description = f"{self.command} {unquote(self.path)}"
        if storage.on_request is not None:
            storage.on_request(description)
        self._fault = fault = storage.next_fault(description)
        if fault is None:
            return False
        if not fault.wait(self.server.stopping):
            self.close_connection = True
            hang_up(self.connection)
            return True
        if fault.status is not None and fault.body is None:
            self._send(general(fault.status, fault.extra_headers).response(media=request.is_media))
            return True
        response = fault.response(request.path)
        if response is not None:
            self._send(response)
        return response is not None

    def _answer(self, request: StorageRequest, body: bytes) -> None:
        """Reply to a request of an authenticated caller."""
        storage = self.server.storage
        if _JSON_API.match(self.path) is None and request.target is None and not _is_unprefixed(request.path):
            try:
                self._send(storage.xml(self._xml_request(body)))
            except XmlError as error:
                self._send(error.response)
            return
        try:
            response = storage.answer(request)
        except StorageError as error:
            self._send(error.response(media=request.is_media))
            return
        if response is not None:
            self._send(response)
            return
        upstream = http.client.HTTPConnection(self.server.upstream)
        try:
            headers = {
                name: value for name, value in self.headers.items() if name.lower() not in _HOP_BY_HOP - {"host"}
            }
            upstream.request(self.command, self.path, body, headers)
            self._forward(request, upstream.getresponse())
        finally:
            upstream.close()

    def _body(self) -> bytes | None:
        """Read the body, which may be chunked, as in a streamed upload. None: it is incomplete.

        Raises:
            ValueError: the length of the body or of a chunk is not a number.
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
        http.client.parse_headers(self.rfile)  # skip trailers
        return b"".join(parts)

    def _part(self, size: int) -> bytes | None:
        chunks: list[bytes] = []
        while size and (chunk := self.read_body(min(size, _CHUNK))):
            chunks.append(chunk)
            size -= len(chunk)
        return None if size else b"".join(chunks)

    def _xml_request(self, body: bytes) -> XmlRequest:
        path, _, query = self.requestline.split()[1].partition("?")  # `self.path` has leading slashes merged
        headers = {name.lower(): ",".join(self.headers.get_all(name, ())) for name in self.headers}
        return XmlRequest(self.command, path, query, headers, body)

    def _forward(self, request: StorageRequest, reply: http.client.HTTPResponse) -> None:
        """Send gcp-storage-emulator's reply, completed."""
        body = reply.read()
        headers = {name: value for name, value in reply.headers.items() if name.lower() not in _HOP_BY_HOP}
        if reply.headers.get_content_type() == "application/json" and body:
            document = json.loads(body, object_hook=lambda item: _with_link(request.url, item))
            body = json.dumps(self.server.storage.complete_write(request, document)).encode()
        elif reply.status == 404 and not body:
            self._send(StorageError(404, "notFound", "Not Found").response())
            return
        self._send(Response(body, reply.status, headers))

    def _reject(self) -> None:
        if not _JSON_API.match(self.path):
            self._send(unauthenticated_response(self.headers.get("Authorization")))
            return
        message = (
            "Invalid Credentials" if self.headers.get("Authorization") else "Anonymous caller does not have access."
        )
        challenge = {"WWW-Authenticate": 'Bearer realm="https://accounts.google.com/", error="invalid_token"'}
        location = {"locationType": "header", "location": "Authorization"}
        self._send(StorageError(401, "authError", message, location, challenge).response())

    def _send(self, response: Response) -> None:
        body, kind = response.encoded()
        headers = {"Content-Type": kind, **response.headers}
        cut = None
        if self._fault is not None:
            body, cut = self._fault.damaged(body), self._fault.cut
            headers.update(self._fault.extra_headers)
        self.send_response(response.status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD" and response.status != 304:
            self.wfile.write(body[:cut])
        if cut is not None:
            self.close_connection = True

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _serve

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing: a log handler that needs a token may hold its lock until this server replies."""


def _is_unprefixed(path: str) -> bool:
    """Return whether a path belongs to gcp-storage-emulator, or to the JSON API without the prefix `/storage/v1`."""
    return path in {"/", "/wipe", "/b"} or path.startswith(("/b/", "/upload/", "/resumable/", "/batch"))


def _number(text: str, base: int) -> int:
    """Parse the length of a body or a chunk. 16 digits are enough for any file.

    Raises:
        ValueError: it is not a number.
    """
    if not re.fullmatch("[0-9a-fA-F]{1,16}", text):
        raise ValueError(text)
    return int(text, base)


def _with_link(url: str, item: dict[str, Any]) -> dict[str, Any]:
    """Point `mediaLink` at the URL that the client uses, with the name percent-encoded as at Google."""
    if "mediaLink" in item and "name" in item:
        item["mediaLink"] = media_link(url, item)
    return item
