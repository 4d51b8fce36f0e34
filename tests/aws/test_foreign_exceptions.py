"""Exceptions of a signal handler, a debugger or a user's provider during the lookup of AWS keys reach the caller unchanged."""

from __future__ import annotations

import bdb
import ctypes
import gc
import os
import random
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import botocore.credentials
import botocore.session
import pytest
import seams

from aws.conftest import ROLE, Federation, Issue, Write, arn, environment, ini, set_all
from google_auth_botocore import FederationError
from google_auth_botocore.exceptions import TransientFederationError


class SoftTimeLimitExceeded(Exception):
    """The exception of Celery's signal handler."""


class OwnTimeout(TimeoutError):
    """A subclass of a built-in type that urllib3 and botocore treat as a network timeout."""


def _context() -> seams.ExchangeContext:
    return seams.ExchangeContext(background=False, deadline=time.monotonic() + 30)


def _sources(
    server: socket.socket, config: Write, issue: Issue, started: Path
) -> dict[str, tuple[dict[str, str], str | None]]:
    """Return the environment and the role for a source that never answers."""
    url = f"http://127.0.0.1:{server.getsockname()[1]}"
    program = f"import pathlib, time; pathlib.Path({str(started)!r}).touch(); time.sleep(60)"
    config(ini("profile slow", credential_process=f"{sys.executable} -c {shlex.quote(program)}"))
    return {
        "imds": ({"AWS_EC2_METADATA_SERVICE_ENDPOINT": url, "AWS_EC2_METADATA_DISABLED": "false"}, None),
        "container": ({"AWS_CONTAINER_CREDENTIALS_FULL_URI": url}, None),
        "sts": ({**environment(issue("base")), "AWS_ENDPOINT_URL_STS": url}, ROLE),
        "process": ({"AWS_PROFILE": "slow"}, None),
    }


def _strike(server: socket.socket, source: str, started: Path, over: threading.Event) -> None:
    """Send the signal when the process waits for the source. Earlier, it could hit a finalizer, where Python drops exceptions."""
    if source == "process":
        while not started.exists() and not over.wait(0.02):
            pass
    else:
        server.settimeout(60)
        with server.accept()[0]:
            os.kill(os.getpid(), signal.SIGALRM)
            over.wait(60)
        return
    os.kill(os.getpid(), signal.SIGALRM)


@pytest.mark.parametrize("source", ["imds", "container", "sts", "process"])
@pytest.mark.parametrize(
    "raised",
    [SoftTimeLimitExceeded("limit"), TimeoutError("limit"), OwnTimeout("limit"), KeyboardInterrupt(), SystemExit(3)],
)
def test_exception_of_a_signal_handler_reaches_the_caller(
    issue: Issue,
    config: Write,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    source: str,
    raised: BaseException,
) -> None:
    """The signal arrives while the process waits for the source. Afterwards everything works."""
    started, over = tmp_path / "started", threading.Event()

    def handler(*_: object) -> None:
        raise raised

    before = signal.signal(signal.SIGALRM, handler)
    try:
        with socket.create_server(("127.0.0.1", 0)) as server, monkeypatch.context() as wrong:
            # botocore waits long enough for the signal to strike there.
            wrong.setattr("botocore.utils.ContainerMetadataFetcher.TIMEOUT_SECONDS", 30)
            variables, role = _sources(server, config, issue, started)[source]
            set_all(wrong, {**variables, "AWS_METADATA_SERVICE_TIMEOUT": "30"})
            identity = seams.aws_identity(region="eu-west-1", assume_role=role)
            striker = threading.Thread(target=_strike, args=(server, source, started, over))
            striker.start()
            try:
                with pytest.raises(type(raised)) as caught:
                    identity.signer(None, _context())
            finally:
                over.set()
                striker.join(60)
            assert caught.value is raised
    finally:
        signal.signal(signal.SIGALRM, before)
    _works(identity, issue, monkeypatch, role)


def _works(identity: seams.AwsIdentity, issue: Issue, monkeypatch: pytest.MonkeyPatch, role: str | None = None) -> None:
    """Check from another thread that no lock is held, nothing is remembered and no partial keys are stored."""
    assert seams.holds_no_keys(identity)
    if role is None:
        keys = issue("works")
        set_all(monkeypatch, environment(keys))
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(identity.signer, None, _context()).result(60).keys.access_key == keys.access_key_id
    else:
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(identity.forget).result(60)


class _Given:
    """Sessions whose credential chain begins with a user's provider."""

    @staticmethod
    def session(load: Callable[[], Any]) -> Any:
        class Own(botocore.credentials.CredentialProvider):
            METHOD = "own"

            def load(self) -> Any:
                return load()

        session = botocore.session.Session()
        session.get_component("credential_provider").insert_before("env", Own())
        return session


class VaultSealed(RuntimeError):
    """A provider's exception."""


@pytest.mark.parametrize(
    "raised", [VaultSealed("sealed"), RuntimeError("sealed"), ValueError("sealed"), KeyError("sealed"), bdb.BdbQuit()]
)
def test_exception_of_the_users_own_provider_reaches_the_caller(
    federation: Federation, issue: Issue, raised: Exception
) -> None:
    keys, failing = issue("app"), [True]

    def load() -> Any:
        if failing:
            raise raised.with_traceback(None)
        return botocore.credentials.Credentials(keys.access_key_id, keys.secret_access_key, keys.session_token)

    credentials = federation.credentials(session=_Given.session(load))
    for _ in range(2):
        with pytest.raises(type(raised)) as caught:
            credentials.refresh(None)
        assert caught.value is raised
    failing.clear()
    credentials.refresh(None)
    assert federation.last_seen().arn == arn("app")


def test_failure_of_the_standard_library_in_the_users_own_provider_reaches_the_caller(federation: Federation) -> None:
    def load() -> Any:
        return Path("/nowhere/keys").read_text(encoding="utf-8")

    with pytest.raises(FileNotFoundError):
        federation.credentials(session=_Given.session(load)).refresh(None)


def test_botocores_exception_from_the_users_own_provider_is_translated(federation: Federation) -> None:
    def load() -> Any:
        raise botocore.exceptions.CredentialRetrievalError(provider="vault", error_msg="sealed")

    with pytest.raises(FederationError, match=r"CredentialRetrievalError.*sealed"):
        federation.credentials(session=_Given.session(load)).refresh(None)


def test_failure_of_a_source_is_translated_while_the_caller_handles_another_exception(
    federation: Federation, config: Write
) -> None:
    """Python links the caller's exception to ours, although it is unrelated."""
    config(ini("default", credential_process="/nowhere/program"))
    credentials = federation.credentials()
    try:
        raise SoftTimeLimitExceeded
    except SoftTimeLimitExceeded:
        with pytest.raises(FederationError, match="FileNotFoundError"):
            credentials.refresh(None)


def test_failure_of_a_source_is_translated_if_a_tracer_wraps_the_library(
    federation: Federation, config: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sentry, with its defaults, wraps subprocess."""
    scope: dict[str, Any] = {"__name__": "sentry_sdk.integrations.stdlib", "real": subprocess.Popen.__init__}
    exec("def patched(self, *a, **k): return real(self, *a, **k)", scope)
    monkeypatch.setattr(subprocess.Popen, "__init__", scope["patched"])
    config(ini("default", credential_process="/nowhere/program"))
    with pytest.raises(FederationError, match="FileNotFoundError"):
        federation.credentials().refresh(None)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # connections that an interrupt leaves
def test_exception_sent_to_a_thread_is_raised_in_that_thread(issue: Issue, monkeypatch: pytest.MonkeyPatch) -> None:
    """RQ's time limit for threads and debuggers do this. Only the type of the exception shows its origin, not a frame."""
    identity = seams.aws_identity(region="eu-west-1")
    raised: list[type[BaseException]] = []

    def work() -> None:
        try:
            identity.signer(None, _context())
        except Exception as error:
            raised.append(type(error))

    with socket.create_server(("127.0.0.1", 0)) as server, monkeypatch.context() as wrong:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        set_all(wrong, {"AWS_EC2_METADATA_SERVICE_ENDPOINT": url, "AWS_EC2_METADATA_DISABLED": "false"})
        thread = threading.Thread(target=work)
        thread.start()
        assert thread.ident is not None
        server.settimeout(60)
        with server.accept()[
            0
        ]:  # now the thread waits for the answer; earlier, botocore itself might swallow the exception
            ctypes.pythonapi.PyThreadState_SetAsyncExc(
                ctypes.c_ulong(thread.ident), ctypes.py_object(SoftTimeLimitExceeded)
            )
            thread.join(60)
    assert raised == [SoftTimeLimitExceeded]
    _works(identity, issue, monkeypatch)
    gc.collect()


@pytest.mark.slow
@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # files that an interrupted open() leaves
def test_signals_at_random_moments_leave_no_lock_and_no_keys(
    issue: Issue, config: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process is interrupted anywhere during the lookup of a profile."""
    keys = issue("app")
    config(ini("default", keys, region="eu-west-1"))
    identity = seams.aws_identity()
    seed = random.Random(1)
    hits = 0

    def handler(*_: object) -> None:
        raise SoftTimeLimitExceeded

    before = signal.signal(signal.SIGALRM, handler)
    try:
        for _ in range(800):
            try:
                identity.forget()
                signal.setitimer(signal.ITIMER_REAL, seed.uniform(0.0001, 0.02))
                assert identity.signer(None, _context()).keys.access_key == keys.access_key_id
                signal.setitimer(signal.ITIMER_REAL, 0)
            except SoftTimeLimitExceeded:
                hits += 1
    finally:
        signal.signal(signal.SIGALRM, signal.SIG_IGN)
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert hits > 100
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(identity.signer, None, _context()).result(60).keys.access_key == keys.access_key_id
    gc.collect()


@pytest.mark.parametrize("where", ["finalizer", "signal handler"])
def test_reentry_on_one_thread_is_an_error_and_not_a_deadlock(
    issue: Issue, config: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """The thread holds our lock and botocore's lock, which are not reentrant."""
    identities: list[seams.AwsIdentity] = []
    seen: list[BaseException] = []

    def reenter(*_: object) -> None:
        try:
            identities[0].signer(None, _context())
        except BaseException as error:
            seen.append(error)

    class Finalized:
        def __del__(self) -> None:
            reenter()

    keys = issue("app")

    def load() -> Any:
        if where == "finalizer":
            Finalized()
        else:
            signal.raise_signal(signal.SIGUSR1)
        return botocore.credentials.Credentials(keys.access_key_id, keys.secret_access_key, keys.session_token)

    before = signal.signal(signal.SIGUSR1, reenter)
    try:
        identities.append(seams.aws_identity(region="eu-west-1", session=_Given.session(load)))
        assert identities[0].signer(None, _context()).keys.access_key == keys.access_key_id
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert isinstance(seen[0], TransientFederationError)
    assert "This thread is already getting AWS keys for these credentials." in str(seen[0])
