"""A strict S3 on loopback for tests: it checks signatures, checksums, conditions and limits, and simulates faults.

with S3Standin() as s3:
    s3.create_bucket("bucket")
    s3.fail("PutObject*", S3Fault(drop=True, takes_effect=True))  # the object is written, but the response is lost
    s3.fail("*", S3Fault(503, share=0.5, times=None))
    ...  # a client with endpoint_url=s3.url and s3.keys
    assert s3.contents("bucket") == {...}
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import parse_qsl, unquote

from google_auth_botocore.emulator import Fault
from google_auth_botocore.emulator._faults import FaultScript
from samples.gcp_copycat import s3_checksums
from samples.gcp_copycat.s3_buckets import Bucket
from samples.gcp_copycat.s3_errors import CODES, S3Error, error_document
from samples.gcp_copycat.s3_operations import Reply, Request, operation, serve

ACCOUNT = "123456789012"
REGION = "eu-central-1"


@dataclass(frozen=True)
class S3Fault(Fault):
    """A fault of a request; see `Fault`. An empty value in `headers` removes the header from the response.

    Attributes:
        takes_effect: whether the request is executed before its response is lost or replaced.
        code: S3's error code. None: the usual one for `status`.
        reset: whether to reset the connection instead of responding.
    """

    takes_effect: bool = False
    code: str | None = None
    reset: bool = False


@dataclass
class S3Call:
    """A recorded request.

    Attributes:
        operation: `PutObject`, for example.
        bucket: name of the bucket.
        key: key of the object. Empty: the request is about the bucket.
        query: decoded query parameters.
        headers: headers by lower-case name.
        size: size of the body in bytes.
        status: status of the response. None: no response.
    """

    operation: str
    bucket: str
    key: str
    query: Mapping[str, str]
    headers: Mapping[str, str] = field(repr=False)
    size: int
    status: int | None = None


class S3Standin:
    """A server that imitates S3 while its context is open.

    Args:
        secret: returns the secret of an access key, to check signatures, or None for an unknown key.
            Without this argument, only `keys` are accepted.

    Attributes:
        buckets: buckets by name.
        calls: all requests so far.
        denied: permissions that callers lack: `s3:PutObject`, `kms:GenerateDataKey`.
        page_size: largest number of entries on a page of a listing.
        clock: returns the time of writes, in seconds since the epoch.
        on_request: called before a request is served, with its operation, bucket and key, as `fail` compares them.
        checks_signatures: whether a wrong signature is rejected.
    """

    keys: Mapping[str, str] = {"aws_access_key_id": "AKIASTANDINSTANDIN00", "aws_secret_access_key": "stand/in+secret"}

    def __init__(self, secret: Callable[[str], str | None] | None = None) -> None:
        self.buckets: dict[str, Bucket] = {}
        self.calls: list[S3Call] = []
        self.denied: set[str] = set()
        self.page_size = 1000
        self.clock: Callable[[], float] = time.time
        self.on_request: Callable[[str], None] | None = None
        self.checks_signatures = True
        self.secret = secret or {self.keys["aws_access_key_id"]: self.keys["aws_secret_access_key"]}.get
        self.faults = FaultScript()
        self._server: _Server | None = None

    def __enter__(self) -> S3Standin:
        """Start the server."""
        self._server = _Server(self)
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop the server, and close its connections."""
        if self._server is not None:
            self._server.stop()
            self._server = None

    @property
    def url(self) -> str:
        """URL of the endpoint."""
        assert self._server is not None, "it is not running"
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def environment(self) -> dict[str, str]:
        """Return the environment variables that make boto3 use this server."""
        return {"AWS_ENDPOINT_URL_S3": self.url}

    def create_bucket(self, name: str, *, owner: str = ACCOUNT, kms_key: str | None = None) -> Bucket:
        """Create a bucket.

        Args:
            name: its name.
            owner: the account that owns it.
            kms_key: default KMS key. With one, ETags are not MD5.
        """
        self.buckets[name] = Bucket(name, owner, kms_key)
        return self.buckets[name]

    def contents(self, bucket: str) -> dict[str, bytes]:
        """Return the contents of the objects in a bucket, by key."""
        return {key: found.content for key, found in self.buckets[bucket].objects.items()}

    def put(self, bucket: str, key: str, content: bytes, **headers: str) -> None:
        """Write an object without HTTP. In header names, underscores replace hyphens."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        self.buckets[bucket].put(key, content, given, self.clock())

    def count(self, name: str) -> int:
        """Return the number of requests for an operation."""
        return sum(call.operation == name for call in list(self.calls))

    def fail(self, request: str, fault: Fault) -> None:
        """Apply a fault to the next requests that contain `request`, or match it as a glob.

        Args:
            request: compared with `PutObject BUCKET/KEY`, or `UploadPart BUCKET/KEY 2` with the part's number.
            fault: what happens.
        """
        self.faults.add(request, fault)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1024

    def __init__(self, standin: S3Standin) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.standin = standin
        self.stopping = threading.Event()
        self.connections: set[socket.socket] = set()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,), name="s3-standin", daemon=True)

    def server_bind(self) -> None:
        """Bind without a DNS lookup."""
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self.stopping.set()
        self.shutdown()
        self._thread.join()
        self.server_close()
        for each in list(self.connections):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Do not report clients that close their connection."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server  # pyright: ignore[reportIncompatibleVariableOverride] - this handler serves no other
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    timeout = 60

    def setup(self) -> None:
        super().setup()
        self.server.connections.add(self.connection)

    def finish(self) -> None:
        self.server.connections.discard(self.connection)
        with contextlib.suppress(OSError):
            super().finish()

    def _serve(self) -> None:
        standin = self.server.standin
        path, _, query = self.requestline.split()[1].partition("?")
        headers = {name.lower(): ",".join(self.headers.get_all(name, ())) for name in self.headers}
        size = int(headers.get("content-length", "0"))
        body = self.rfile.read(size)
        if len(body) < size:  # the client closed the connection
            self.close_connection = True
            return
        bucket, _, key = unquote(path[1:]).partition("/")
        parameters = dict(parse_qsl(query, keep_blank_values=True))
        request = Request(self.command, bucket, key, parameters, headers, body)
        name = operation(request)
        call = S3Call(name, bucket, key, parameters, headers, size)
        standin.calls.append(call)
        described = f"{name} {bucket}/{key}" + (f" {parameters['partNumber']}" if name == "UploadPart" else "")
        if standin.on_request is not None:
            standin.on_request(described)
        fault = standin.faults.next(described)
        if fault is None:
            self._send(call, self._reply(request, path, query))
            return
        wrong = fault if isinstance(fault, S3Fault) else S3Fault(**vars(fault))
        reply = self._reply(request, path, query) if wrong.takes_effect else None
        if not wrong.wait(self.server.stopping) or wrong.reset:
            self._hang_up(reset=wrong.reset)
            return
        if wrong.status is not None and wrong.body is None:
            code = wrong.code or CODES.get(wrong.status, "InternalError")
            reply = Reply(wrong.status, error_document(code), {"content-type": "application/xml"})
        elif wrong.body is not None:
            reply = Reply(wrong.status or 200, wrong.body, {})
        self._send(call, reply or self._reply(request, path, query), wrong)

    def _reply(self, request: Request, path: str, query: str) -> Reply:
        standin = self.server.standin
        try:
            if sum(len(name) + len(value) + 4 for name, value in self.headers.items()) > 8192:
                raise S3Error("RequestHeaderSectionTooLarge")
            if standin.checks_signatures:
                s3_checksums.check_signature(self.command, path, query, request.headers, standin.secret)
            headers, body = s3_checksums.payload(request.headers, request.body)
            plain = Request(request.method, request.bucket, request.key, request.query, headers, body)
            return serve(plain, standin.buckets, standin.denied, standin.clock(), standin.page_size)
        except S3Error as error:
            return Reply(error.status, error.document, {"content-type": "application/xml"})
        except ET.ParseError:
            return Reply(400, error_document("MalformedXML"), {"content-type": "application/xml"})

    def _send(self, call: S3Call, reply: Reply, fault: Fault | None = None) -> None:
        body, cut = reply.body, None
        headers = dict(reply.headers)
        if fault is not None:
            body, cut = fault.damaged(body), fault.cut
            headers.update(fault.extra_headers)
            headers = {name: value for name, value in headers.items() if value or name not in fault.headers}
        call.status = reply.status
        self.send_response(reply.status)
        for name, value in headers.items():
            self.send_header(name, value)
        if "content-length" not in headers and reply.status != 204:
            self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[:cut])
        if cut is not None:
            self.close_connection = True

    def _hang_up(self, *, reset: bool) -> None:
        self.close_connection = True
        with contextlib.suppress(OSError):
            if reset:  # a linger time of 0 discards unsent data and sends RST
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.close()
            else:
                self.connection.shutdown(socket.SHUT_RDWR)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _serve

    def handle_expect_100(self) -> bool:
        """Send `100 Continue` at once: botocore waits a second for it."""
        answered = super().handle_expect_100()
        self.wfile.flush()
        return answered

    def version_string(self) -> str:
        return "AmazonS3"

    def date_time_string(self, timestamp: float | None = None) -> str:
        return formatdate(timestamp, usegmt=True)

    def log_message(self, *_: Any) -> None:
        """Log nothing. See `calls` instead."""
