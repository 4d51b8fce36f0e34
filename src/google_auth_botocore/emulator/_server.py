"""The HTTP server: keep-alive, one thread per connection, with or without TLS."""

from __future__ import annotations

import contextlib
import logging
import socket
import socketserver
import ssl
import sys
import threading
from collections.abc import Callable, Sequence
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import unquote

from google_auth_botocore.emulator import _health, _tls
from google_auth_botocore.emulator._connection import Connection
from google_auth_botocore.emulator._errors import ApiError, RpcError
from google_auth_botocore.emulator._faults import Fault, FaultScript
from google_auth_botocore.emulator._http import Call, Response, Route

_logger = logging.getLogger(__name__)

# The longest request of Google's client libraries is about 20 kB.
MAX_BODY = 1 << 20


# Not http.server.HTTPServer, which looks up the name of the address in DNS.
class Listener(socketserver.ThreadingTCPServer):
    """Serves each connection in its own thread, and closes all of them on stop."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 1024  # hundreds of clients may connect at the same moment

    def __init__(
        self,
        port: int,
        handler: type[BaseHTTPRequestHandler],
        name: str,
        *,
        host: str = "127.0.0.1",
        context: ssl.SSLContext | None = None,
    ) -> None:
        """Bind a port and listen. `start` serves.

        Args:
            port: the port; 0: any free port.
            handler: replies to requests.
            name: name of the thread that accepts connections.
            host: IP address or host name to bind. `0.0.0.0` is all IPv4 addresses; `::` also all IPv6 addresses.
            context: for TLS; None: plain HTTP.
        """
        [(self.address_family, *_, address), *_] = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        self._context = context
        super().__init__(address, handler)  # type: ignore[arg-type]  # an IPv6 address has four parts
        self.stopping = threading.Event()
        self._connections: set[socket.socket] = set()
        self._connections_lock = threading.Lock()
        # Poll every 20 ms, because `shutdown` waits for the end of a poll.
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,), name=name, daemon=True)

    def server_bind(self) -> None:
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        if self._context is None:
            return connection, address
        # The handshake follows in the connection's own thread.
        return self._context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False), address

    def finish_request(self, request: Any, client_address: Any) -> None:
        if self._context is None or _tls.complete_handshake(request):
            super().finish_request(request, client_address)

    @property
    def port(self) -> int:
        """The port that the server listens on."""
        return int(self.server_address[1])

    def start(self) -> None:
        """Serve in a thread until `stop` is called."""
        self._thread.start()

    def stop(self) -> None:
        """Stop listening and close all connections."""
        self.stopping.set()
        # On Linux this wakes the thread at once, instead of at the end of its poll.
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.shutdown()
        self._thread.join()
        self.server_close()
        with self._connections_lock:
            for connection in self._connections:
                hang_up(connection)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        with self._connections_lock:
            self._connections.add(request)
            if self.stopping.is_set():  # `stop` has already closed the other connections
                hang_up(request)
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self._connections_lock:
                self._connections.discard(request)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002
        error = sys.exc_info()[1]
        if isinstance(error, OSError):
            _logger.debug("a client closed the connection, did not read the reply or failed in the TLS handshake")
        else:
            _logger.error("a connection failed", exc_info=error)


class Server(Listener):
    """Serves routes, records every request, and applies faults."""

    def __init__(
        self,
        port: int,
        routes: Sequence[Route],
        faults: FaultScript,
        calls: list[Call],
        clock: Callable[[], float],
        *,
        max_calls: int | None = None,
        host: str = "127.0.0.1",
        context: ssl.SSLContext | None = None,
    ) -> None:
        """Listen on a port (0: any free port). With `max_calls`, keep only the latest requests in `calls`."""
        super().__init__(port, _Handler, "google-emulator", host=host, context=context)
        self.routes = routes
        self.faults = faults
        self.calls = calls
        self.clock = clock
        self._max_calls = max_calls

    def record(self, call: Call) -> None:
        """Add a request to `calls`, except one for the state of health."""
        if call.path == _health.PATH:
            return
        self.calls.append(call)
        if self._max_calls is not None:
            del self.calls[: -self._max_calls]

    def answer(self, call: Call) -> Response:
        """Return the reply to a request. An exception becomes an error reply."""
        path_known = False
        try:
            for route in self.routes:
                match = route.path.fullmatch(call.path)
                path_known = path_known or match is not None
                if match is not None and route.method == call.method:
                    return route.handler(call, match)
        except ApiError as error:
            return Response(error.body, error.status)
        except Exception:
            _logger.exception("%s %s failed", call.method, call.path)
            return Response(RpcError(500, "Internal error encountered.").body, 500)
        if path_known:
            return Response(RpcError(405, "Method not allowed.").body, 405)
        # Google's reply is the same as for a resource that does not exist, which would mislead here.
        return Response(RpcError(404, f"The emulator does not serve {call.method} {call.path}").body, 404)


def hang_up(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):  # the client has already closed it
        # Not the method of SSLSocket, which would also discard the state that the connection's thread uses.
        socket.socket.shutdown(connection, socket.SHUT_RDWR)


class _Handler(Connection):
    server: Server  # pyright: ignore[reportIncompatibleVariableOverride] - this handler serves no other

    def _serve(self) -> None:
        path, _, query = self.path.partition("?")
        size, error = self._size()
        body = self.read_body(size)
        call = Call(
            method=self.command,
            path=unquote(path),
            query=query,
            headers={name.lower(): value for name, value in self.headers.items()},
            body=body,
            when=self.server.clock(),
        )
        self.server.record(call)
        if error is not None:
            self._send(call, Response(error.body, error.status))
            self.discard_body()
            return
        if len(body) < size:  # the client closed the connection in the middle of the body
            self.close_connection = True
            return
        fault = self.server.faults.next(call.path)
        if fault is None:
            self._send(call, self.server.answer(call))
            return
        if not fault.wait(self.server.stopping):
            self.close_connection = True
            hang_up(self.connection)
            return
        response = fault.response(call.path)
        if response is None:
            normal = self.server.answer(call)
            response = Response(normal.body, normal.status, {**normal.headers, **fault.extra_headers})
        self._send(call, response, fault)

    def _size(self) -> tuple[int, RpcError | None]:
        """Return the number of bytes to read, and an error if the body is not accepted."""
        length = self.headers.get("Content-Length", "0")
        if not length.isdecimal() or "Transfer-Encoding" in self.headers:
            return 0, RpcError(411, "Length required.")
        if len(length) > 20 or int(length) > MAX_BODY:  # int() rejects thousands of digits
            message = f"Request body is too large: the limit is {MAX_BODY} bytes."
            return 0, RpcError(413, message, code="INVALID_ARGUMENT")
        return int(length), None

    def _send(self, call: Call, response: Response, fault: Fault | None = None) -> None:
        body, content_type = response.encoded()
        if fault is not None:
            body = fault.damaged(body)
        headers = {"Content-Type": content_type, "Content-Length": str(len(body)), **response.headers}
        call.status = response.status
        self.send_response(response.status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if call.method != "HEAD":
            self.wfile.write(body if fault is None else body[: fault.cut])
        if fault is not None and fault.cut is not None:
            self.close_connection = True

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _serve

    def version_string(self) -> str:
        return "ESF"  # the name of Google's front end

    def date_time_string(self, timestamp: float | None = None) -> str:
        return formatdate(self.server.clock() if timestamp is None else timestamp, usegmt=True)

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing: a log handler that needs a token may hold its lock until this server replies. See `calls`."""
