"""Processes that fork, spawn, are suspended or exit at a bad moment, with the emulator."""

from __future__ import annotations

import concurrent.futures
import contextlib
import json
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from core.stand_in import wait_until
from google.cloud import storage  # type: ignore[attr-defined]  # a namespace without types
from google.cloud.storage import transfer_manager
from refresh.threads import finish, workers

from google_auth_botocore import Credentials
from google_auth_botocore._google import transport
from google_auth_botocore._refresh.token import CachedToken
from google_auth_botocore.emulator import Emulator, Fault
from google_auth_botocore.emulator.aws import InstanceMetadata
from google_auth_botocore.emulator.aws.moto import Moto
from google_auth_botocore.emulator.sandbox import Sandbox
from processes.proofs import use_environment

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform does not fork"),
    # Since Python 3.12, a fork of a process with threads is a warning. These tests do it on purpose.
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]

PATIENCE = 60


@pytest.fixture(name="imds")
def _imds(google: Emulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[InstanceMetadata]:
    with InstanceMetadata(google.aws_keys.issue) as imds:
        for name, value in imds.environment().items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("AWS_REGION", "eu-central-1")
        yield imds


@pytest.fixture(name="credentials")
def _credentials(google: Emulator, imds: InstanceMetadata) -> Credentials:
    provider = google.add_aws_provider()
    return Credentials(provider.audience, token_url=google.token_url)


def in_child(work: Callable[[], str]) -> str:
    """Call a function in a forked child, and return its result. An alarm kills the child if it hangs."""
    readable, writable = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(readable)
            signal.alarm(PATIENCE)
            os.write(writable, work().encode())
        finally:
            os._exit(0)
    os.close(writable)
    with os.fdopen(readable) as pipe:
        result = pipe.read()
    os.waitpid(child, 0)
    return result


def token(credentials: Credentials) -> str:
    return credentials.get_token().value


def token_of_process(credentials: Credentials) -> tuple[int, str]:
    return os.getpid(), token(credentials)


def refreshed(credentials: Credentials) -> str:
    credentials.refresh(None)
    return token(credentials)


def test_child_uses_the_parents_token_and_refreshes_it_itself(credentials: Credentials) -> None:
    first = token(credentials)
    assert in_child(lambda: token(credentials)) == first
    second = in_child(lambda: refreshed(credentials))
    assert second.startswith("ya29.")
    assert token(credentials) == first != second


def test_child_has_its_own_connections(credentials: Credentials) -> None:
    """Two processes that share a connection would mix up their requests."""
    token(credentials)
    parents = transport.own().session
    assert in_child(lambda: str(transport.own().session is parents)) == "False"
    assert transport.own().session is parents


@pytest.mark.parametrize("lock", ["source", "identity"])
def test_child_of_a_fork_while_another_thread_holds_a_lock_gets_its_own_token(
    credentials: Credentials, lock: str
) -> None:
    locks = {
        "source": credentials._source._flight._lock,
        "identity": credentials._federation.identity._guard.exclusive.lock,
    }
    with holding(locks[lock]):
        assert in_child(lambda: refreshed(credentials)).startswith("ya29.")
        assert in_child(lambda: token(credentials.with_scopes(["openid"]))).startswith("ya29.")


def test_child_of_a_fork_while_botocores_refresh_lock_is_held_gets_its_own_token(credentials: Credentials) -> None:
    token(credentials)
    base: Any = credentials._federation.base
    keys = base._credentials
    with holding(keys._refresh_lock):
        assert in_child(lambda: refreshed(credentials)).startswith("ya29.")


@pytest.mark.parametrize("when", ["idle", "base identity is locked", "between two tenants"])
def test_child_of_a_fork_assumes_its_roles_with_its_own_keys(
    google: Emulator, imds: InstanceMetadata, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    """The objects share a base identity, which has a lock."""
    with Moto() as moto:
        google.aws_keys.add_lookup(moto.lookup)
        for name, value in moto.environment().items():
            monkeypatch.setenv(name, value)
        provider = google.add_aws_provider()
        role = "arn:aws:iam::123456789012:role/tenant{}"
        tenants = [
            Credentials(provider.audience, token_url=google.token_url, assume_role=role.format(number))
            for number in range(3)
        ]
        for tenant in tenants[: 1 if when == "between two tenants" else None]:
            token(tenant)
        base: Any = tenants[0]._federation.base
        before = imds.count("security-credentials/")
        with holding(base._exclusive.lock) if when == "base identity is locked" else contextlib.nullcontext():
            assert in_child(lambda: " ".join(refreshed(each)[:5] for each in tenants)) == "ya29. ya29. ya29."
        assert imds.count("security-credentials/") == before + 2  # the name of the role, and its keys
        for tenant in tenants:
            refreshed(tenant)
        assert imds.count("security-credentials/") == before + 2


def open_window(credentials: Credentials) -> None:
    """Bring the token into its advisory window."""
    cached = credentials._source.cached
    assert cached is not None
    credentials._source.cached = CachedToken(cached.value, cached.refresh_at._replace(wall=0.0), cached.expires_at)


class holding:
    """Holds a lock in another thread."""

    def __init__(self, lock: Any) -> None:
        self._lock, self._acquired, self._done = lock, threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._hold)

    def _hold(self) -> None:
        with self._lock:
            self._acquired.set()
            self._done.wait(PATIENCE)

    def __enter__(self) -> None:
        self._thread.start()
        assert self._acquired.wait(PATIENCE)

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join(PATIENCE)


def test_child_of_a_fork_in_the_middle_of_an_exchange_gets_its_own_token(
    google: Emulator, credentials: Credentials
) -> None:
    """The parent's exchange does not continue in the child."""
    google.fail("/v1/token", Fault(delay=2))
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        refresh = pool.submit(credentials.refresh, None)
        # Wait until the request of the refresh is sent, so that the fault delays that one.
        wait_until(lambda: credentials._source._flight._last.newest().context.url is not None)
        child = in_child(lambda: token(credentials))
        assert workers(), "the exchange was finished before the fork"
        refresh.result(PATIENCE)
    assert child.startswith("ya29.")
    assert child != token(credentials)


def test_child_of_a_fork_while_a_background_refresh_runs_refreshes_its_token_itself(
    google: Emulator, credentials: Credentials
) -> None:
    """The child does not have the worker thread. It uses the old token until it has refreshed it."""
    first = token(credentials)
    open_window(credentials)
    google.fail("/v1/token", Fault(delay=2))
    assert token(credentials) == first
    assert workers()

    def refresh_in_background() -> str:
        assert token(credentials) == first
        finish()
        return token(credentials)

    second = in_child(refresh_in_background)
    assert second.startswith("ya29.")
    finish()
    assert len({first, second, token(credentials)}) == 3


def test_explicit_boto3_session_is_recreated_in_the_child(
    google: Emulator, imds: InstanceMetadata, credentials: Credentials
) -> None:
    shared = Credentials(
        google.add_aws_provider().audience, token_url=google.token_url, session=boto3.Session(region_name="eu-west-1")
    )
    token(shared)
    before = imds.count("security-credentials/app")
    assert in_child(lambda: refreshed(shared)).startswith("ya29.")
    assert imds.count("security-credentials/app") == before + 1


@pytest.mark.parametrize("method", ["spawn", "fork", pytest.param("forkserver", marks=pytest.mark.slow)])
def test_each_process_of_a_pool_gets_its_own_token(
    imds: InstanceMetadata, credentials: Credentials, method: str
) -> None:
    context = multiprocessing.get_context(method)
    environment = dict(os.environ)
    with concurrent.futures.ProcessPoolExecutor(2, context, use_environment, (environment,)) as pool:
        found = set(pool.map(token_of_process, [credentials] * 4, timeout=PATIENCE))
    # One process may run all tasks. `test_schedulers` makes several of them work.
    assert len(found) == len({process for process, _ in found}) == len({token for _, token in found})
    assert imds.count("security-credentials/app") == len(found)
    assert credentials.token is None


PROGRAM = """
import sys, threading
from google_auth_botocore import Credentials
from google_auth_botocore._refresh.token import CachedToken
credentials = Credentials({audience!r}, token_url={token_url!r})
"""


def program(google: Emulator, body: str, **popen: Any) -> subprocess.Popen[str]:
    text = PROGRAM.format(audience=google.add_aws_provider().audience, token_url=google.token_url)
    return subprocess.Popen(
        [sys.executable, "-c", text + textwrap.dedent(body)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **popen,
    )


def test_interpreter_does_not_wait_for_a_background_refresh(google: Emulator, imds: InstanceMetadata) -> None:
    """The token server does not reply. The process exits nevertheless, without output on stderr."""
    process = program(
        google,
        """
        credentials.refresh(None)
        cached = credentials._source.cached
        credentials._source.cached = CachedToken(cached.value, cached.refresh_at._replace(wall=0.0), cached.expires_at)
        print("ready", flush=True)
        sys.stdin.readline()
        credentials.before_request(None, "GET", "https://x", {})
        assert any("google-auth-botocore" in thread.name for thread in threading.enumerate())
        print("done", flush=True)
        """,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    google.fail("/v1/token", Fault(delay=PATIENCE))
    out, errors = process.communicate("\n", timeout=PATIENCE / 2)
    google.clear_faults()
    assert (process.returncode, out, errors) == (0, "done\n", "")


def test_process_suspended_in_the_middle_of_a_refresh_recovers(google: Emulator, imds: InstanceMetadata) -> None:
    """The server drops the connection meanwhile. The next attempt succeeds."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(PATIENCE)
        body = f"""
        credentials = credentials.with_token_uri("http://127.0.0.1:{server.getsockname()[1]}/v1/token")
        credentials.refresh(None)
        print(credentials.token, flush=True)
        """
        process = program(google, body)
        connection, _ = server.accept()
        read_request(connection)
        os.kill(process.pid, signal.SIGSTOP)
        assert os.WIFSTOPPED(os.waitpid(process.pid, os.WUNTRACED)[1])
        connection.close()
        os.kill(process.pid, signal.SIGCONT)
        connection, _ = server.accept()
        with connection:
            read_request(connection)
            reply = json.dumps({"access_token": "second", "expires_in": 3600}).encode()
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(reply), reply))
        out, errors = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out, errors) == (0, "second\n", "")


def read_request(connection: socket.socket) -> None:
    """Read a complete request."""
    with connection.makefile("rb") as stream:
        length = 0
        for line in iter(stream.readline, b"\r\n"):
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        assert len(stream.read(length)) == length > 0


@pytest.fixture(name="no_fork_server")
def _no_fork_server() -> Iterator[None]:
    """A fork server, the default since Python 3.14, would keep the environment of the first test that used it."""
    default = multiprocessing.get_start_method()
    if default == "forkserver":
        multiprocessing.set_start_method("spawn", force=True)
    yield
    multiprocessing.set_start_method(default, force=True)


@pytest.mark.usefixtures("no_fork_server")
def test_transfer_manager_downloads_in_its_own_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It pickles the client's credentials for each file. Each process gets one token of its own."""
    with Sandbox() as sandbox:
        for name, value in sandbox.environment().items():
            monkeypatch.setenv(name, value)
        bucket = sandbox.storage_client().create_bucket("bucket")
        for number in range(6):
            bucket.blob(f"{number}").upload_from_string(b"%d" % number)
        client = storage.Client(
            credentials=Credentials(**sandbox.credentials_arguments()),
            client_options={"api_endpoint": sandbox.storage.url},
        )
        results = transfer_manager.download_many_to_path(
            client.bucket("bucket"), [f"{number}" for number in range(6)], str(tmp_path / "out"), max_workers=2
        )
        client.close()
        assert results == [None] * 6
        assert [(tmp_path / "out" / f"{number}").read_bytes() for number in range(6)] == [b"%d" % n for n in range(6)]
        assert sandbox.storage.refused == 0
        assert len(sandbox.storage.tokens) in (1, 2), "one process may download all files"
        assert client._credentials.token is None


def test_a_finalizer_at_interpreter_exit_gets_a_token_and_does_not_hang(google: Emulator) -> None:
    """Before Python 3.12, the interpreter waits forever for a thread that is started this late."""
    program = f"""
import sys
from google_auth_botocore import Credentials

class Client:
    def __init__(self):
        self.credentials = Credentials({google.add_aws_provider().audience!r}, token_url={google.token_url!r})

    def __del__(self):
        sys.stdout.write(type(self.credentials.get_token()).__name__)
        sys.stdout.flush()

client = Client()
"""
    keys = google.aws_keys.issue()
    environment = {
        **os.environ,
        "AWS_ACCESS_KEY_ID": keys.access_key_id,
        "AWS_SECRET_ACCESS_KEY": keys.secret_access_key,
        "AWS_SESSION_TOKEN": keys.session_token or "",
        "AWS_REGION": "us-east-1",
    }
    done = subprocess.run(
        (sys.executable, "-c", program), env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout in ("Token", ""), "depending on the release of Python, modules may already be gone"
