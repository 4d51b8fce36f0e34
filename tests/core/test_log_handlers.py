"""Log handlers that use the credentials, such as a root handler that sends each record to Google during an exchange."""

from __future__ import annotations

import contextlib
import contextvars
import json
import logging
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import google.auth.transport.requests
import pytest
import seams

from core.conftest import Make
from core.stand_in import ACCOUNT, Answer, FakeGoogle, Sent, wait_until
from google_auth_botocore import Credentials, FederationError
from google_auth_botocore.emulator import Emulator
from google_auth_botocore.emulator.aws import InstanceMetadata

BOTOCORE = ("Found credentials in", "Found credentials from IAM Role", "Found credentials in shared")


class LoggingApi:
    """A fake Cloud Logging.

    Attributes:
        lines: The text of each entry.
        bearers: The authorization header of each request.
    """

    def __enter__(self) -> LoggingApi:
        self.lines: list[str] = []
        self.bearers: list[str | None] = []
        api = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                api.bearers.append(self.headers.get("authorization"))
                api.lines.append(json.loads(self.rfile.read(int(self.headers["content-length"])))["text"])
                self.send_response(200)
                self.send_header("content-length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/v2/entries:write"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class Shipper(logging.Handler):
    """Sends each record at once, on the thread that logs, like google-cloud-logging's SyncTransport."""

    def __init__(self, credentials: Credentials, url: str) -> None:
        super().__init__()
        self._session = google.auth.transport.requests.AuthorizedSession(credentials)
        self._url = url
        self._shipping = threading.local()
        self.errors: list[BaseException] = []

    def emit(self, record: logging.LogRecord) -> None:
        if getattr(self._shipping, "now", False):  # urllib3's own records of this very request
            return
        self._shipping.now = True
        try:
            self._session.post(self._url, json={"text": record.getMessage()}, timeout=20).raise_for_status()
        except Exception as error:
            self.errors.append(error)
        finally:
            self._shipping.now = False

    def close(self) -> None:
        self._session.close()
        super().close()


@contextlib.contextmanager
def root_handler(handler: logging.Handler, level: int) -> Iterator[None]:
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(level)
    try:
        yield
    finally:
        root.removeHandler(handler)
        root.setLevel(before)
        handler.close()


@pytest.fixture(name="credentials", params=["environment", "file", "instance metadata"])
def _credentials(
    request: pytest.FixtureRequest, google: Emulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Credentials]:
    provider = google.add_aws_provider()
    google.add_service_account(ACCOUNT)
    role = provider.principal_set("aws_role", "arn:aws:sts::123456789012:assumed-role/app")
    google.grant(ACCOUNT, "roles/iam.workloadIdentityUser", role)
    keys = google.aws_keys.issue()
    values = {
        "aws_access_key_id": keys.access_key_id,
        "aws_secret_access_key": keys.secret_access_key,
        "aws_session_token": keys.session_token or "",
    }
    for name in values:
        monkeypatch.delenv(name.upper())
    with contextlib.ExitStack() as stack:
        if request.param == "environment":
            for name, value in values.items():
                monkeypatch.setenv(name.upper(), value)
        elif request.param == "file":
            path = tmp_path / "credentials"
            path.write_text("[default]\n" + "".join(f"{name} = {value}\n" for name, value in values.items()))
            monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(path))
        else:
            for name, value in stack.enter_context(InstanceMetadata(lambda: keys)).environment().items():
                monkeypatch.setenv(name, value)
        yield Credentials(
            provider.audience,
            ACCOUNT,
            token_url=google.token_url,
            iam_credentials_endpoint=google.iam_credentials_endpoint,
        )


@pytest.mark.parametrize("threads", [1, 8])
@pytest.mark.parametrize("level", [logging.INFO, logging.DEBUG])
def test_each_line_arrives_with_a_token(credentials: Credentials, google: Emulator, level: int, threads: int) -> None:
    with LoggingApi() as api:
        handler = Shipper(credentials, api.url)
        with root_handler(handler, level), ThreadPoolExecutor(threads) as pool:
            lines = [f"line {number}" for number in range(threads)]
            list(pool.map(logging.getLogger("application").info, lines))
            if level == logging.DEBUG:
                wait_until(lambda: any("HTTP 200" in each for each in api.lines))
        assert handler.errors == []
        assert set(lines) <= set(api.lines)
        assert None not in api.bearers
        assert google.count("/token") == 1


def test_records_of_the_exchange_reach_their_handlers(
    credentials: Credentials, google: Emulator, request: pytest.FixtureRequest
) -> None:
    with LoggingApi() as api:
        handler = Shipper(credentials, api.url)
        with root_handler(handler, logging.INFO):
            credentials.refresh()
            logging.getLogger("application").info("line")
            if "environment" not in request.node.name:  # these keys require no complete botocore session
                wait_until(lambda: any(each.startswith(BOTOCORE) for each in api.lines))
        assert handler.errors == []
        assert google.count("/token") == 1


def test_a_failing_handler_affects_no_caller(
    make: Make, request_: FakeGoogle, capsys: pytest.CaptureFixture[str]
) -> None:
    class Broken(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.name.startswith("google_auth_botocore"):
                raise LookupError("broken")

    credentials = make(ACCOUNT)
    with root_handler(Broken(), logging.DEBUG):
        credentials.refresh(request_)
        credentials.refresh(request_)
    assert credentials.token is not None


@pytest.mark.parametrize("status", [503, 400])
def test_a_failed_exchange_is_not_repeated_for_each_of_its_records(
    make: Make, request_: FakeGoogle, status: int
) -> None:
    """The handler of the failure's record requests a token. It gets the error and starts no exchange."""
    credentials, asked = make(ACCOUNT), list[str]()
    request_.script.extend([Answer({"error": "invalid_target"}, status)] * 1000)

    class Asks(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            try:
                credentials.before_request(request_, "POST", "https://logging.googleapis.com", {})
            except FederationError as error:
                asked.append(str(error))

    with root_handler(Asks(), logging.DEBUG):
        with pytest.raises(FederationError):
            credentials.refresh(request_)
        calls = len(request_.calls)
        wait_until(lambda: len(asked) >= 1)
    assert all("invalid_target" in each for each in asked)
    assert len(request_.calls) == calls


def test_another_object_works_during_an_exchange(make: Make, request_: FakeGoogle) -> None:
    """For example, a transport that is authorized with other credentials."""
    one, other, headers = make(ACCOUNT), make(ACCOUNT, scopes=["other"]), dict[str, str]()

    def answer(sent: Sent) -> Answer:
        other.before_request(FakeGoogle(), "POST", sent.url, headers)
        return request_.default_answer(sent)

    request_.script.append(answer)
    one.refresh(request_)
    assert headers["authorization"].startswith("Bearer access-")
    assert one.token is not None


def test_a_request_of_the_exchange_has_no_token(make: Make, request_: FakeGoogle) -> None:
    """The transport is authorized with the same credentials, as in gspread's login. Its other requests carry the token."""
    credentials, seen = make(), list[dict[str, str]]()
    credentials.refresh(request_)

    def answer(sent: Sent) -> Answer:
        for url in (sent.url, "https://storage.googleapis.com/"):
            headers: dict[str, str] = {}
            credentials.before_request(request_, "POST", url, headers)
            seen.append(headers)
        credentials.refresh(request_)  # for example after a 401
        return request_.default_answer(sent)

    request_.script.append(answer)
    credentials.refresh(request_)
    assert seen == [{}, {"authorization": "Bearer federated-1"}]
    assert credentials.token == "federated-2"


def test_a_request_during_the_first_exchange_fails_at_once_and_is_never_sent_without_a_token(
    make: Make, request_: FakeGoogle
) -> None:
    """The request comes from a user's transport, whose log records are not delayed."""
    credentials = make()

    def answer(sent: Sent) -> Answer:
        with pytest.raises(FederationError, match="a part of the very exchange"):
            credentials.before_request(request_, "POST", "https://logging.googleapis.com", {})
        return request_.default_answer(sent)

    request_.script.append(answer)
    credentials.refresh(request_)
    assert credentials.token == "federated-1"


def test_a_task_that_starts_during_an_exchange_and_outlasts_it_gets_tokens(make: Make, request_: FakeGoogle) -> None:
    """For example, a task in a transport's event loop, which has a copy of the context."""
    credentials, contexts = make(), []

    def answer(sent: Sent) -> Answer:
        contexts.append(contextvars.copy_context())
        return request_.default_answer(sent)

    request_.script.append(answer)
    credentials.refresh(request_)
    headers: dict[str, str] = {}
    contexts[0].run(credentials.before_request, request_, "GET", "https://x", headers)
    assert headers == {"authorization": f"Bearer {credentials.token}"}


def test_the_exchange_runs_in_a_copy_of_the_callers_context(make: Make, request_: FakeGoogle) -> None:
    """This way a trace continues in the exchange."""
    trace = contextvars.ContextVar("trace", default="none")
    seen: list[str] = []

    def answer(sent: Sent) -> Answer:
        seen.append(trace.get())
        trace.set("the exchange's own")
        return request_.default_answer(sent)

    request_.script.append(answer)
    trace.set("the caller's")
    make().refresh(request_)
    assert seen == ["the caller's"]
    assert trace.get() == "the caller's"


def test_every_logger_that_an_exchange_uses_is_watched(credentials: Credentials) -> None:
    """Even a logger that is created during the first exchange. This test fails if a package names its loggers differently."""
    used: set[str] = set()

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            in_exchange = threading.current_thread().name == "google-auth-botocore exchange"
            if in_exchange and not seams.exchange_has_finished(credentials):
                used.add(record.name)

    with root_handler(Handler(), logging.DEBUG):
        credentials.refresh()
    assert used == set()


class Forker(logging.Handler):
    """Handles a record in the child of a fork, which refreshes the token itself."""

    def __init__(self, credentials: Credentials, request: FakeGoogle) -> None:
        super().__init__()
        self._credentials, self._request = credentials, request
        self.exit_codes: list[int] = []

    def emit(self, record: logging.LogRecord) -> None:
        child = os.fork()
        if child == 0:
            try:
                self._credentials.refresh(self._request)
                os._exit(0)
            finally:
                os._exit(3)
        self.exit_codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_the_child_that_a_handler_forks_gets_a_token(make: Make, request_: FakeGoogle) -> None:
    credentials = make()
    handler = Forker(credentials, request_)
    logger = logging.getLogger("google_auth_botocore")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        credentials.refresh(request_)
        wait_until(lambda: bool(handler.exit_codes))
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
    assert set(handler.exit_codes) == {0}
