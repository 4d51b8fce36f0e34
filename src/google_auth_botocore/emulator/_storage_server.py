"""The HTTP server of Cloud Storage. It reads and authenticates each request, applies faults, and sends the reply."""

from __future__ import annotations

import gzip
import http.client
import logging
import re
import time
import zlib
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from google_auth_botocore.emulator._connection import Connection
from google_auth_botocore.emulator._faults import Fault
from google_auth_botocore.emulator._google_hosts import is_google
from google_auth_botocore.emulator._http import Response
from google_auth_botocore.emulator._server import Listener, hang_up
from google_auth_botocore.emulator._storage_authentication import Caller, UnauthenticatedError
from google_auth_botocore.emulator._storage_errors import StorageError, general, invalid_token
from google_auth_botocore.emulator._storage_request import StorageRequest
from google_auth_botocore.emulator._xml import XmlError, error_response
from google_auth_botocore.emulator._xml_api import unauthenticated_response

if TYPE_CHECKING:
    from google_auth_botocore.emulator.storage import Storage

_logger = logging.getLogger(__name__)

_CHUNK = 1 << 16
_NO_BODY = {204, 304}


class StorageServer(Listener):
    """Listens for clients.

    Args:
        storage: the service.
        is_open: whether it serves every client as the owner of the buckets.
    """

    def __init__(self, storage: Storage, *, is_open: bool) -> None:
        super().__init__(0, _Handler, "storage-server")
        self.storage = storage
        self.is_open = is_open


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
        request = self._request(body)
        try:
            self._authenticate_and_answer(request)
        except UnauthenticatedError as error:
            if request.is_json:
                self._send(invalid_token(anonymous=error.anonymous).response())
            else:
                self._send(unauthenticated_response(anonymous=error.anonymous))
        except StorageError as error:
            self._send(self._rejection(request, error))
        except XmlError as error:
            self._send(error.response)
        except OSError:  # of the connection
            raise
        except Exception:
            _logger.exception("%s %s failed", request.method, request.path)
            self._send(self._rejection(request, general(500, {})))

    def _request(self, body: bytes) -> StorageRequest:
        path, _, query = self.requestline.split()[1].partition("?")  # `self.path` has leading slashes merged
        headers = {name.lower(): ",".join(self.headers.get_all(name, ())) for name in self.headers}
        method = headers.get("x-http-method-override", self.command) if self.command == "POST" else self.command
        return StorageRequest(method, path, query, headers, body, _base_url(headers))

    def _authenticate_and_answer(self, request: StorageRequest) -> None:
        storage = self.server.storage
        if self.server.is_open:
            self._send(storage.answer(_uncompressed(request), None))
            return
        caller = storage.caller(request)
        time.sleep(storage.latency)
        request = replace(request, principal=caller.principal)
        if not self._apply_fault(request, caller):
            self._send(storage.answer(_uncompressed(request), caller.form))

    def _apply_fault(self, request: StorageRequest, caller: Caller) -> bool:
        """Record the request and apply the next fault, if any. Return whether the fault has already dealt with it."""
        storage = self.server.storage
        storage.record(request)
        if caller.token is None:  # faults are for requests with a token
            return False
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
            raise general(fault.status, fault.extra_headers)
        response = fault.response(request.path)
        if response is not None:
            self._send(response)
        return response is not None

    def _rejection(self, request: StorageRequest, error: StorageError) -> Response:
        if not request.is_json:
            return error_response(error)
        try:
            return error.response(media=request.media is not None)
        except StorageError:  # the name of the object is invalid
            return error.response()

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

    def _send(self, response: Response) -> None:
        body, kind = response.encoded()
        headers = {"Content-Type": kind, **response.headers}
        cut = None
        if self._fault is not None:
            body, cut = self._fault.damaged(body), self._fault.cut
            headers.update(self._fault.extra_headers)
        self.send_response(response.status)
        if response.status not in _NO_BODY:
            headers["Content-Length"] = str(len(body))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD" and response.status not in _NO_BODY:
            self.wfile.write(body[:cut])
        if cut is not None:
            self.close_connection = True

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _serve

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing: a log handler that needs a token may hold its lock until this server replies."""


def _base_url(headers: Mapping[str, str]) -> str:
    """Return the base URL of the service as the client uses it. Google's own hosts are https, also behind a redirection."""
    host = headers.get("host", "127.0.0.1")
    return f"{'https' if is_google(host.partition(':')[0]) else 'http'}://{host}"


def _uncompressed(request: StorageRequest) -> StorageRequest:
    """Return a request to the JSON API with its body decompressed. In the XML API, the encoding is the object's.

    Raises:
        StorageError: the body is not gzip.
    """
    if not request.is_json or request.headers.get("content-encoding", "").lower() != "gzip":
        return request
    try:
        return replace(request, body=gzip.decompress(request.body))
    except (OSError, EOFError, zlib.error):
        raise StorageError(400, "badRequest", "The body is not gzip, as its Content-Encoding says.") from None


def _number(text: str, base: int) -> int:
    """Parse the length of a body or a chunk. 16 digits are enough for any file.

    Raises:
        ValueError: it is not a number.
    """
    if not re.fullmatch("[0-9a-fA-F]{1,16}", text):
        raise ValueError(text)
    return int(text, base)
