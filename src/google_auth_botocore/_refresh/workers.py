"""Threads that perform exchanges. Each waits a second for its next job: to start a thread costs a quarter of an exchange.

No caller takes a lock of ours here, so an exception that a signal handler raises in it, at whatever line, blocks no other.
"""

from __future__ import annotations

import contextlib
import os
import queue
import sys
import threading
from collections.abc import Callable
from typing import Any

Job = Callable[[], object]

_BUSY, _IDLE = "google-auth-botocore exchange", "google-auth-botocore idle"
# Seconds. An application that signs a hundred URLs, or acts for a hundred users, needs one thread for all of them.
_LONGEST_WAIT = 1.0
# Seconds that a fork waits for the end of an idle thread, which takes microseconds.
_LONGEST_JOIN = 0.5


def start(job: Job) -> None:
    """Have a thread do a job. If an exception interrupts this call, the job may never begin.

    Raises:
        RuntimeError: No thread can be started.
    """
    this = threading.current_thread()
    if isinstance(this, _Worker) and this.between_jobs:
        job()  # for a finalizer, on a thread that may be about to do this very job
        return
    worker = _take_idle()
    if worker is not None:
        worker.name = _BUSY
        worker.jobs.put(job)
        return
    worker = _Worker()
    worker.jobs.put(job)
    handled = sys.exc_info()[1]
    try:
        worker.start()
    except RuntimeError as error:
        if "lock" in str(error) and error.__context__ not in (None, handled):
            # `start` waits with a Condition, which raises "release unlocked lock" in place of an exception that a
            # signal handler raises between two of its steps.
            raise error.__context__  # noqa: B904 - the one that was meant
        raise


class _Worker(threading.Thread):
    """A thread that does one job after another.

    A daemon: an exchange never holds up the end of the interpreter.

    Attributes:
        jobs: The queue of its next job; None ends it.
        between_jobs: Whether it does none now.
    """

    def __init__(self) -> None:
        super().__init__(name=_BUSY, daemon=True)
        self.jobs: Any = queue.SimpleQueue()
        self.between_jobs: bool = True

    def run(self) -> None:
        job = self._next()
        while job is not None:
            self.between_jobs = False
            job()
            del job  # which holds a transport and a caller's context
            self.between_jobs = True
            self.name = _IDLE
            _idle.append(self)
            job = self._next()

    def _next(self) -> Job | None:
        """Wait for a job; None if the thread is to end."""
        for _ in range(2):
            with contextlib.suppress(queue.Empty):
                job: Job | None = self.jobs.get(timeout=_LONGEST_WAIT)
                return job
            with contextlib.suppress(ValueError):
                _idle.remove(self)
                return None
            # A caller has just taken this thread, and is about to pass it a job, unless it was interrupted.
        return None


# Threads and callers take a thread out by one operation, which the interpreter does as a whole: just one of them succeeds.
_idle: list[_Worker] = []


def _take_idle() -> _Worker | None:
    with contextlib.suppress(IndexError):
        return _idle.pop()
    return None


def end_idle() -> None:
    """End the idle threads before a fork: the child would not have them, and Python 3.12 warns of a fork with several threads."""
    ending = []
    while (worker := _take_idle()) is not None:
        worker.jobs.put(None)
        ending.append(worker)
    for worker in ending:
        worker.join(_LONGEST_JOIN)


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(before=end_idle, after_in_child=_idle.clear)
