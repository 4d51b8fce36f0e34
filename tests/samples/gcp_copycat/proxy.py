"""A reverse proxy that loses, damages, truncates or invents responses."""

from __future__ import annotations

import dataclasses
import http.client
import itertools
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from loopback import Serving

_NOT_PASSED_ON = {"connection", "keep-alive", "transfer-encoding", "content-length", "expect", "date", "server"}


@dataclasses.dataclass
class Request:
    """A request from a client."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@dataclasses.dataclass
class Reply:
    """A response to a client. With *cut*, the connection is closed after this many bytes of the body."""

    status: int = 200
    headers: dict[str, str] = dataclasses.field(default_factory=dict)
    body: bytes = b""
    cut: int | None = None


Forward = Callable[[], Reply]
# A result of None closes the connection without a response.
Act = Callable[[Request, Forward], Reply | None]


def lost(request: Request, forward: Forward) -> None:
    """Let the server execute the request, and lose its response."""
    forward()


def hang_up(request: Request, forward: Forward) -> None:
    """Lose the request."""


def answers(status: int, body: bytes = b"", **headers: str) -> Act:
    """Respond with this instead of the server."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda request, forward: Reply(status, names, body)


def changes(change: Callable[[Reply], object]) -> Act:
    """Change the response of the server."""

    def act(request: Request, forward: Forward) -> Reply:
        reply = forward()
        change(reply)
        return reply

    return act


def flips_a_bit(reply: Reply) -> None:
    """Flip one bit of the body."""
    middle = len(reply.body) // 2
    reply.body = reply.body[:middle] + bytes([reply.body[middle] ^ 1]) + reply.body[middle + 1 :]


class Proxy(Serving):
    """A proxy that runs while its context is open.

    Args:
        behind: URL of the server.

    Attributes:
        requests: all requests so far.
        correct: changes each response of a server that differs from the real one.
    """

    def __init__(self, behind: str) -> None:
        self.behind = urlsplit(behind).netloc
        self.requests: list[Request] = []
        self.correct: Callable[[Request, Reply], object] = lambda request, reply: None
        self._rules: list[tuple[Callable[[Request], bool], Act, Any]] = []
        self._lock = threading.Lock()
        self._server = _Server(self)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def on(self, method: str, part: str, act: Act, times: float = float("inf")) -> None:
        """Apply a rule to requests with this method and this part in their path, up to a number of times."""
        counter = itertools.count()
        self.when(lambda request: request.method == method and part in request.path and next(counter) < times, act)

    def when(self, matches: Callable[[Request], bool], act: Act) -> None:
        """Apply a rule to requests that match."""
        self._rules.append((matches, act, None))

    def clear(self) -> None:
        """Forget all rules and requests."""
        with self._lock:
            self._rules.clear()
            self.requests.clear()

    def seen(self, method: str, part: str = "") -> list[Request]:
        """Return the requests with this method and this part in their path."""
        return [request for request in self.requests if request.method == method and part in request.path]

    def answer(self, request: Request) -> Reply | None:
        with self._lock:
            self.requests.append(request)
            act = next((act for matches, act, _ in self._rules if matches(request)), None)

        def forward() -> Reply:
            upstream = http.client.HTTPConnection(self.behind, timeout=60)
            try:
                upstream.request(request.method, request.path, request.body or None, request.headers)
                reply = upstream.getresponse()
                headers = {name.lower(): value for name, value in reply.headers.items()}
                if request.method == "HEAD" and "content-length" in headers:
                    headers["content-length-of-head"] = headers["content-length"]
                headers = {n: v for n, v in headers.items() if n not in _NOT_PASSED_ON}
                replied = Reply(reply.status, headers, reply.read())
                self.correct(request, replied)
                return replied
            finally:
                upstream.close()

        return forward() if act is None else act(request, forward)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, proxy: Proxy) -> None:
        self.proxy = proxy
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """Do not report clients that close their connection."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server  # pyright: ignore[reportIncompatibleVariableOverride] - this handler serves no other
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {n: v for n, v in self.headers.items() if n.lower() not in _NOT_PASSED_ON}
        reply = self.server.proxy.answer(Request(self.command, self.path, headers, body))
        if reply is None:
            self.close_connection = True
            return
        self.send_response(reply.status)
        length = reply.headers.pop("content-length-of-head", str(len(reply.body)))
        for name, value in {**reply.headers, "content-length": length}.items():
            self.send_header(name, value)
        self.end_headers()
        if reply.cut is not None:
            self.wfile.write(reply.body[: reply.cut])
            self.close_connection = True
        elif self.command != "HEAD":
            self.wfile.write(reply.body)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _serve

    def log_message(self, *_: Any) -> None:
        """Log nothing."""
