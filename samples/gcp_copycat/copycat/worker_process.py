"""The main function of a worker process: copies what comes through a pipe, and sends the results back."""

from __future__ import annotations

import contextlib
import os
import threading
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from copycat.errors import SetupError
from copycat.objects import Result
from copycat.settings import Settings
from google_auth_botocore import ConfigurationError

# Results are gathered for so long: sending each would cost more than half of what copying a small object costs.
_GATHER = 0.05
_PROGRESS = 0.5
# A process whose parent is gone ends after this, whatever it is at.
_GRACE = 5.0


@dataclass
class Message:
    """What a worker process sends.

    Attributes:
        results: by number.
        progress: bytes that S3 has received.
        error: why the process cannot work at all.
    """

    results: list[tuple[int, Result]]
    progress: int = 0
    error: str | None = None


def work(settings: Settings, pipe: Connection[Any, Any]) -> None:
    """Copy what comes through a pipe. The main function of a worker process."""
    # A worker has four times as many tasks, so that it goes on while the parent sends others for those that have ended.
    outbox = _Outbox(enough=4 * settings.workers)
    from copycat.workers import CopyThreads  # noqa: PLC0415 - the clouds' clients take a second, which this process spends

    try:
        crew = CopyThreads(settings, settings.workers, outbox.add, outbox.count)
    except (ConfigurationError, SetupError) as error:
        pipe.send(Message([], error=str(error)))
        os._exit(0)
    sender = threading.Thread(target=_send, args=(pipe, outbox), daemon=True)
    sender.start()
    with contextlib.suppress(EOFError, OSError):  # the parent is gone
        while (tasks := pipe.recv()) is not None:
            for number, task in tasks:
                crew.add(number, task)
    crew.stop.set()
    crew.close(_GRACE)
    outbox.close()
    sender.join(_GRACE)
    # Threads that hang in a read must not keep the process.
    os._exit(0)


class _Outbox:
    """What is to be sent to the parent. Several threads add to it.

    Args:
        enough: results that are sent without waiting for more.
    """

    def __init__(self, enough: int) -> None:
        self._enough_results = enough
        self._lock = threading.Lock()
        self._results: list[tuple[int, Result]] = []
        self._progress = 0
        self._some = threading.Event()
        self._enough = threading.Event()
        self.closed = False

    def add(self, number: int, result: Result) -> None:
        """Take a result."""
        with self._lock:
            self._results.append((number, result))
            if len(self._results) == 1:
                self._some.set()
            if len(self._results) == self._enough_results:
                self._enough.set()

    def count(self, progress: int) -> None:
        """Take the number of bytes that S3 has received now."""
        with self._lock:
            self._progress += progress

    def close(self) -> None:
        """Let `take` wait no more."""
        self.closed = True
        self._some.set()
        self._enough.set()

    def take(self) -> Message:
        """Return what there is: wait for something, and then a moment for more."""
        if self._some.wait(_PROGRESS):
            self._enough.wait(_GATHER)
        with self._lock:
            message = Message(self._results, self._progress)
            self._results, self._progress = [], 0
            if not self.closed:
                self._some.clear()
                self._enough.clear()
        return message


def _send(pipe: Connection[Any, Any], outbox: _Outbox) -> None:
    ended = False
    while not ended:
        ended = outbox.closed
        message = outbox.take()
        if message.results or message.progress:
            try:
                pipe.send(message)
            except (OSError, ValueError):  # the parent is gone
                return
