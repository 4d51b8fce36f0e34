"""What a test of one thread has instead of threads, and a request as a client sends it."""

from __future__ import annotations

import functools
import logging
import threading
from datetime import timezone
from typing import Any

import pytest
import seams
from core.stand_in import FakeClock, until

from google_auth_botocore import Credentials


class Threads:
    """Stands in for the modules `threading` and `workers` where exchanges are started.

    The exchange that a caller waits for is performed at once. One in the background stands still until the test lets it
    go on, or until a caller waits for it. A wait takes its time of the fake clock.

    Attributes:
        standing: What the threads that stand still are to do.
        broken: Whether no thread can be had.
    """

    def __init__(self, clock: FakeClock) -> None:
        self.standing: list[functools.partial[object]] = []
        self.broken = False
        self._clock = clock

    def Lock(self) -> _Lock:
        return _Lock(self, self._clock)

    def take_the_place(self, patch: pytest.MonkeyPatch) -> None:
        """Have exchanges be started here until the patch is undone."""
        seams.take_over_threads(patch, self)

    def start(self, job: functools.partial[object]) -> None:
        if self.broken:
            raise RuntimeError("can't start new thread")
        _, exchange, _ = job.args
        if exchange.context.background:
            self.standing.append(job)
        else:
            job()

    def run(self) -> None:
        """Lets every thread go on to its end."""
        while self.standing:
            self.standing.pop(0)()

    def replaced(self) -> int:
        """Count the threads that stand still with an exchange that a newer one has replaced."""
        return sum(job.args[1].successor is not None for job in self.standing)

    def hang(self) -> None:
        """Lets the last thread hang for ever."""
        _, exchange, _ = self.standing.pop().args
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
        if self._threads.standing:  # others go on while this one waits
            self._threads.run()
        elif self._lock.locked():
            self._clock.advance(timeout)
        return self._lock.acquire(blocking=False)


class Passing:
    """Lets time pass for callers that wait on real threads.

    Args:
        clock: The fake clock.
        patch: Undone at the end of the test.

    Attributes:
        looks: How often the clock was read.
    """

    def __init__(self, clock: FakeClock, patch: pytest.MonkeyPatch) -> None:
        self._clock, self.looks, self._monotonic = clock, 0, clock.monotonic
        patch.setattr(clock, "monotonic", self._look)
        seams.look_often(patch)

    def _look(self) -> float:
        self.looks += 1
        return self._monotonic()

    def seconds(self, seconds: float) -> None:
        """Let time pass as it usually does."""
        while seconds > 0:
            self._seen()
            self._clock.advance(min(seconds, 2.0))
            seconds -= 2.0
        self._seen()

    def suspended(self, seconds: float) -> None:
        """Let time pass while the process stands still."""
        self._seen()
        self._clock.advance(seconds)

    def _seen(self) -> None:
        """Return when the callers have looked at the clock some times more."""
        before = self.looks
        until(lambda: self.looks >= before + 40)


def workers() -> list[threading.Thread]:
    """Return the threads that perform exchanges now."""
    return [each for each in threading.enumerate() if each.name == "google-auth-botocore exchange"]


def finish() -> None:
    """Wait until no thread performs an exchange."""
    until(lambda: not workers())


def loggers() -> list[logging.Logger]:
    """Return the package's loggers."""
    found = [logging.getLogger(name) for name in list(logging.root.manager.loggerDict)]
    return [each for each in found if each.name.startswith("google_auth_botocore")]


def silence(patch: pytest.MonkeyPatch) -> None:
    """Have the package log nothing: thousands of warnings take their time."""
    for logger in loggers():
        patch.setattr(logger, "disabled", True)


def expiry_of(credentials: Credentials) -> float:
    """When the current token expires, in seconds since the epoch; 0 without one."""
    expiry = credentials.expiry
    return 0.0 if expiry is None else expiry.replace(tzinfo=timezone.utc).timestamp()


def ask(credentials: Credentials, request: Any) -> str:
    """The header that a request gets."""
    headers: dict[str, str] = {}
    credentials.before_request(request, "GET", "https://x", headers)
    return headers["authorization"]
