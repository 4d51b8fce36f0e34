"""The main function of a worker process: copies what comes through a pipe, and sends the results back."""

from __future__ import annotations

import contextlib
import os
import queue
import threading
import time
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
    outbox: queue.SimpleQueue[tuple[int, Result] | None] = queue.SimpleQueue()
    counter = _Counter()
    from copycat.workers import Crew  # noqa: PLC0415 - the clouds' clients take a second, which this process spends

    try:
        crew = Crew(settings, settings.workers, lambda number, result: outbox.put((number, result)), counter.add)
    except (ConfigurationError, SetupError) as error:
        pipe.send(Message([], error=str(error)))
        os._exit(0)
    sender = threading.Thread(target=_send_results, args=(pipe, outbox, counter), daemon=True)
    sender.start()
    with contextlib.suppress(EOFError, OSError):  # the parent is gone
        while (tasks := pipe.recv()) is not None:
            for number, task in tasks:
                crew.add(number, task)
    crew.stop.set()
    crew.close(_GRACE)
    outbox.put(None)
    sender.join(_GRACE)
    # Threads that hang in a read must not keep the process.
    os._exit(0)


class _Counter:
    """Bytes, counted by several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count = 0

    def add(self, count: int) -> None:
        with self._lock:
            self._count += count

    def take(self) -> int:
        with self._lock:
            count, self._count = self._count, 0
        return count


def _send_results(
    pipe: Connection[Any, Any], outbox: queue.SimpleQueue[tuple[int, Result] | None], counter: _Counter
) -> None:
    ended = False
    while not ended:
        results: list[tuple[int, Result]] = []
        with contextlib.suppress(queue.Empty):
            item = outbox.get(timeout=_PROGRESS)
            if item is not None:
                time.sleep(_GATHER)
            while item is not None:
                results.append(item)
                item = outbox.get_nowait()
            ended = True
        count = counter.take()
        if results or count:
            try:
                pipe.send(Message(results, count))
            except (OSError, ValueError):  # the parent is gone
                return
