"""`serve` as a separate process, its server alone in a thread, and clients that use plain sockets."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

import pytest
from adapters.conftest import PausedGoogle
from core.stand_in import FakeClock
from emulator.workload import Workload
from service_account.conftest import Make
from service_account.conftest import _make as _make  # noqa: PLC0414 - a fixture

from google_auth_botocore import Credentials
from google_auth_botocore._shared_token_credentials import SourceCredentials
from google_auth_botocore.cli.serve import _identity
from google_auth_botocore.cli.serve._server import Server, listener
from google_auth_botocore.cli.serve._tokens import Tokens

ACCOUNT = "/computeMetadata/v1/instance/service-accounts/default"
TOKEN = f"{ACCOUNT}/token"
PATIENCE = 60


class Answer(NamedTuple):
    """A complete answer of the server."""

    status: int
    headers: dict[str, str]
    body: str

    @property
    def token(self) -> str:
        return str(json.loads(self.body)["access_token"])


def exchange(connection: socket.socket, request: str) -> Answer:
    """Send the text of a request, and return the answer."""
    connection.sendall(request.encode("latin-1"))
    return receive(connection, with_body=not request.startswith("HEAD"))


def receive(connection: socket.socket, *, with_body: bool = True) -> Answer:
    """Return the next answer."""
    with connection.makefile("rb") as reply:
        status = int(reply.readline().split()[1])
        lines = iter(reply.readline, b"\r\n")
        pairs = (line.decode().strip().split(": ", 1) for line in lines)
        headers = {name.lower(): value for name, value in pairs}
        # Read the body and no more: the connection may stay open.
        body = reply.read(int(headers["content-length"])) if with_body else b""
    return Answer(status, headers, body.decode())


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)


def request(port: int, path: str, *more: str, method: str = "GET") -> str:
    """Return the text of a request as a client sends it. The header lines in *more* override the usual ones."""
    lines = {
        line.partition(":")[0].lower(): line for line in (f"Host: 127.0.0.1:{port}", "Metadata-Flavor: Google", *more)
    }
    return "\r\n".join([f"{method} {path} HTTP/1.1", *(line for line in lines.values() if line), "", ""])


def get(port: int, path: str, *more: str, method: str = "GET") -> Answer:
    with connect(port) as connection:
        return exchange(connection, request(port, path, *more, method=method))


def rejected(port: int, *more: str, method: str = "GET", path: str = TOKEN) -> tuple[int, str]:
    """Send a request, check that the reply is a rejection that no web page can read, and return its status and body."""
    answer = get(port, path, *more, method=method)
    assert not [name for name in answer.headers if name.startswith("access-control")]
    assert answer.headers["connection"] == "close"
    assert "ya29" not in answer.body
    return answer.status, answer.body


def server(
    credentials: Credentials, owner: int | None = None, clock: Callable[[], float] = time.time
) -> AbstractContextManager[int]:
    """Run the server in a thread, and return its port."""
    return _server(credentials, owner, clock)


@contextlib.contextmanager
def _server(credentials: Credentials, owner: int | None, clock: Callable[[], float]) -> Iterator[int]:
    listening = listener(0)
    port = listening.getsockname()[1]
    loop = asyncio.SelectorEventLoop()
    end = asyncio.Event()

    async def serve() -> None:
        running = Server(listening, _identity.identity(credentials), Tokens(credentials, print, clock), owner)
        await end.wait()
        await running.stop(PATIENCE)

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    try:
        yield port
    finally:
        loop.call_soon_threadsafe(end.set)
        thread.join()
        loop.close()


@pytest.fixture(name="port")
def _port(make: Make) -> Iterator[int]:
    """The port of a server in this process that serves the current user."""
    with server(make(), os.geteuid()) as port:
        yield port


class Serving(NamedTuple):
    """`serve` as a process without a command."""

    process: subprocess.Popen[str]
    printed: str

    @property
    def port(self) -> int:
        found = re.search(r"^export GCE_METADATA_HOST=127\.0\.0\.1:(\d+)$", self.printed, re.MULTILINE)
        assert found, self.printed
        return int(found[1])


Serve = Callable[..., AbstractContextManager[Serving]]


def arguments(*flags: str) -> list[str]:
    return [sys.executable, "-m", "google_auth_botocore", "serve", *flags]


@pytest.fixture(name="serve")
def _serve(flags: list[str]) -> Serve:
    """Start `serve`, and check that it exits with code 0 and prints no error except *error*."""

    @contextlib.contextmanager
    def serve(*more: str, error: str = "") -> Iterator[Serving]:
        process = subprocess.Popen(
            arguments(*flags, *more), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
        )
        with process:
            assert process.stdout is not None
            assert process.stderr is not None
            try:
                # This returns because `serve` closes standard output.
                yield Serving(process, process.stdout.read())
                process.send_signal(signal.SIGTERM)
                assert process.wait(PATIENCE) == 0
                assert process.stderr.read() == error
            finally:
                process.kill()

    return serve


def run(*all_arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run `serve -- COMMAND` in a new session, so that signals of the terminal do not reach it."""
    return subprocess.run(
        arguments(*all_arguments),
        check=False,
        **{"capture_output": True, "text": True, "timeout": PATIENCE, "start_new_session": True, **options},
    )


@pytest.fixture(autouse=True)
def _default_signals() -> Iterator[None]:
    """Restore signals that our parent process, such as nohup, made us ignore, so that child processes do not inherit this."""
    kept = {number: signal.getsignal(number) for number in signal.valid_signals() - {signal.SIGPIPE, signal.SIGXFSZ}}
    ignored = [number for number, handler in kept.items() if handler is signal.SIG_IGN]
    for number in ignored:
        signal.signal(number, signal.SIG_DFL)
    yield
    for number in ignored:
        signal.signal(number, signal.SIG_IGN)


@pytest.fixture(name="paused")
def _paused(workload: Workload) -> PausedGoogle:
    """An emulator that does not answer until it is told to."""
    return PausedGoogle(workload.google)


@pytest.fixture(name="clock")
def _clock(workload: Workload, monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    """The clock of the emulator and of the credentials. It starts at the current time, because the AWS keys expire."""
    clock = FakeClock(now=workload.google.clock())
    monkeypatch.setattr(workload.google, "clock", clock.time)
    monkeypatch.setattr(SourceCredentials, "_clock", clock)
    return clock


@pytest.fixture(name="crowd")
def _crowd() -> Iterator[int]:
    """The number 1000, in a process that may have that many connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = 4096
    assert hard == resource.RLIM_INFINITY or hard >= needed, (
        "this system does not allow a thousand connections in a process"
    )
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, needed), hard))
    yield 1000
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
