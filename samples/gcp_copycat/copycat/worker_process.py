"""The main function of a worker process: receives tasks through a pipe, copies them, and sends the results back."""

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

# Seconds for which results are collected. Sending each one alone would take half as long as copying a small object.
_COLLECT = 0.05
_PROGRESS = 0.5
# Seconds for the threads to finish when the process ends or its parent is gone.
_GRACE = 5.0


@dataclass
class Message:
    """A message from a worker process.

    Attributes:
        results: task numbers and results.
        progress: number of bytes that S3 has received since the last message.
        error: reason why the process cannot copy at all. None: it can.
    """

    results: list[tuple[int, Result]]
    progress: int = 0
    error: str | None = None


def work(settings: Settings, pipe: Connection[Any, Any]) -> None:
    """Copy the tasks that arrive through a pipe, until None arrives or the pipe is closed."""
    # A worker has at least four times as many tasks, so it keeps working until new tasks arrive for the finished ones.
    outbox = _Outbox(enough=4 * settings.workers)
    from copycat.workers import CopyThreads  # noqa: PLC0415 - takes a second, which the main process does not need to spend

    try:
        threads = CopyThreads(settings, settings.workers, outbox.add, outbox.count)
    except (ConfigurationError, SetupError) as error:
        pipe.send(Message([], error=str(error)))
        os._exit(0)
    sender = threading.Thread(target=_send, args=(pipe, outbox), daemon=True)
    sender.start()
    with contextlib.suppress(EOFError, OSError):  # the parent is gone
        while (tasks := pipe.recv()) is not None:
            for number, task in tasks:
                threads.add(number, task)
    threads.stop.set()
    threads.close(_GRACE)
    outbox.close()
    sender.join(_GRACE)
    # Do not wait for threads that hang in a read.
    os._exit(0)


class _Outbox:
    """Collects what to send to the parent. It is thread-safe.

    Args:
        enough: number of results that are sent without waiting for more.
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
        """Add a result."""
        with self._lock:
            self._results.append((number, result))
            if len(self._results) == 1:
                self._some.set()
            if len(self._results) == self._enough_results:
                self._enough.set()

    def count(self, progress: int) -> None:
        """Add to the number of bytes that S3 has received."""
        with self._lock:
            self._progress += progress

    def close(self) -> None:
        """Make `take` return without waiting."""
        self.closed = True
        self._some.set()
        self._enough.set()

    def take(self) -> Message:
        """Return a message with what was collected. Wait for something, and then a moment for more."""
        if self._some.wait(_PROGRESS):
            self._enough.wait(_COLLECT)
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
