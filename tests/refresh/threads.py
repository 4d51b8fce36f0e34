"""Fake threads for tests that run in one thread, and helpers for tests with real threads."""

from __future__ import annotations

import functools
import logging
import threading
from datetime import timezone
from typing import Any

import pytest
import seams
from core.stand_in import Answer, FakeClock, FakeGoogle, wait_until

from google_auth_botocore import Credentials

KEYS = {"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "SECRET", "AWS_REGION": "us-east-1"}


class Threads:
    """Replaces the modules `threading` and `workers` in the code that starts exchanges.

    An exchange in the foreground runs at once. One in the background is paused until the test runs it, or until a caller
    waits for it. Waiting advances the fake clock.

    Attributes:
        paused: the jobs of the paused threads.
        broken: whether starting a thread fails.
    """

    def __init__(self, clock: FakeClock) -> None:
        self.paused: list[functools.partial[object]] = []
        self.broken = False
        self._clock = clock

    def Lock(self) -> _Lock:
        return _Lock(self, self._clock)

    def install(self, patch: pytest.MonkeyPatch) -> None:
        """Start exchanges here until the patch is undone."""
        seams.take_over_threads(patch, self)

    def start(self, job: functools.partial[object]) -> None:
        if self.broken:
            raise RuntimeError("can't start new thread")
        _, exchange, _ = job.args
        if exchange.context.background:
            self.paused.append(job)
        else:
            job()

    def run(self) -> None:
        """Run every paused thread to its end."""
        while self.paused:
            self.paused.pop(0)()

    def replaced(self) -> int:
        """Return the number of paused threads whose exchange has been replaced by a newer one."""
        return sum(job.args[1].newest() is not job.args[1] for job in self.paused)

    def hang(self) -> None:
        """Let the last paused thread hang forever."""
        _, exchange, _ = self.paused.pop().args
        assert exchange.is_first("worker")


class _Lock:
    def __init__(self, threads: Threads, clock: FakeClock) -> None:
        self._lock, self._threads, self._clock = threading.Lock(), threads, clock
        self.release = self._lock.release

    def __enter__(self) -> bool:
        return self._lock.__enter__()

    def __exit__(self, *error: object) -> None:
        self._lock.release()

    def acquire(self, timeout: float | None = None) -> bool:
        if timeout is None:
            return self._lock.acquire(blocking=False)
        if self._threads.paused:  # the other threads run while this one waits
            self._threads.run()
        elif self._lock.locked():
            self._clock.advance(timeout)
        return self._lock.acquire(blocking=False)


class PassingTime:
    """Advances the fake clock for callers that wait on real threads.

    Args:
        clock: the fake clock.
        patch: undone at the end of the test.

    Attributes:
        reads: how often the clock was read.
    """

    def __init__(self, clock: FakeClock, patch: pytest.MonkeyPatch) -> None:
        self._clock, self.reads, self._monotonic = clock, 0, clock.monotonic
        patch.setattr(clock, "monotonic", self._read)
        seams.look_often(patch)

    def _read(self) -> float:
        self.reads += 1
        return self._monotonic()

    def seconds(self, seconds: float) -> None:
        """Let time pass in steps, so that every caller sees it pass."""
        while seconds > 0:
            self._wait_for_reads()
            self._clock.advance(min(seconds, 2.0))
            seconds -= 2.0
        self._wait_for_reads()

    def suspended(self, seconds: float) -> None:
        """Let time pass at once, as if the process had been suspended."""
        self._wait_for_reads()
        self._clock.advance(seconds)

    def _wait_for_reads(self) -> None:
        """Wait until the callers have read the clock a number of times."""
        before = self.reads
        wait_until(lambda: self.reads >= before + 40)


def workers() -> list[threading.Thread]:
    """Return the threads that perform exchanges now."""
    return [each for each in threading.enumerate() if each.name == "google-auth-botocore exchange"]


def finish() -> None:
    """Wait until no thread performs an exchange."""
    wait_until(lambda: not workers())


def loggers() -> list[logging.Logger]:
    """Return the package's loggers."""
    found = [logging.getLogger(name) for name in list(logging.root.manager.loggerDict)]
    return [each for each in found if each.name.startswith("google_auth_botocore")]


def silence(patch: pytest.MonkeyPatch) -> None:
    """Disable the package's logging, because thousands of warnings are slow."""
    for logger in loggers():
        patch.setattr(logger, "disabled", True)


def expiry_of(credentials: Credentials) -> float:
    """Return when the current token expires, in seconds since the epoch, or 0 without a token."""
    expiry = credentials.expiry
    return 0.0 if expiry is None else expiry.replace(tzinfo=timezone.utc).timestamp()


def authorization_header(credentials: Credentials, request: Any) -> str:
    """Return the authorization header that a request gets."""
    headers: dict[str, str] = {}
    credentials.before_request(request, "GET", "https://x", headers)
    return headers["authorization"]


def advisory(credentials: Credentials, request: FakeGoogle, clock: FakeClock) -> str:
    """Get a token, advance the clock into its advisory window, and return its header."""
    header = authorization_header(credentials, request)
    clock.advance(3600 - 400)
    return header


def in_one_thread(patch: pytest.MonkeyPatch, clock: FakeClock) -> Threads:
    """Have all credentials use this clock and these threads, and keys from the environment."""
    threads = Threads(clock)
    threads.install(patch)
    seams.use_clock(patch, clock)
    seams.share_any_transport(patch)
    for name, value in KEYS.items():
        patch.setenv(name, value)
    return threads


def fault(kind: str, clock: FakeClock) -> Answer:
    """Answer a request with a fault of a network or of a server."""
    if kind == "reset":
        raise ConnectionResetError
    if kind == "timeout":
        clock.advance(10)
        raise TimeoutError
    return {"503": Answer({}, 503), "garbage": Answer(b"<html>", 502), "cut off": Answer(b'{"acc')}[kind]
