"""A proxy that requires a password, which it never gets."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, HTTPServer

from loopback import Serving


class _Denies(BaseHTTPRequestHandler):
    def do_CONNECT(self) -> None:
        self.send_response(407)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name in the base class
        """Print nothing."""


class DenyingProxy(Serving):
    """Answers every CONNECT with 407."""

    def __init__(self) -> None:
        self._server = HTTPServer(("127.0.0.1", 0), _Denies)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"
