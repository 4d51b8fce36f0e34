"""Threads that perform exchanges.

Each waits a second for its next job, because starting a thread takes a quarter of the time of an exchange. Callers hold
no lock of this package here, so an exception that a signal handler raises at any line blocks no other caller.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import queue
import sys
import threading
from collections.abc import Callable
from typing import Any

Job = Callable[[], object]

_BUSY, _IDLE = "google-auth-botocore exchange", "google-auth-botocore idle"
# Seconds that an idle thread waits for a job. An application that signs a hundred URLs one after the other uses a single thread.
_LONGEST_WAIT = 1.0
# Seconds that a fork waits for an idle thread to end, which takes microseconds.
_LONGEST_JOIN = 0.5


def start(job: Job) -> None:
    """Run a job on a thread. If an exception interrupts this call, the job may never begin.

    Raises:
        RuntimeError: No thread can be started.
    """
    this = threading.current_thread()
    if isinstance(this, _Worker) and this.between_jobs:
        job()  # a finalizer called this on a thread that is becoming idle, and that might be given the job
        return
    with contextlib.suppress(IndexError):
        worker = _idle.pop()
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
            # `start` waits with a Condition. If a signal handler raises between two of its steps, the Condition replaces that
            # exception with "release unlocked lock".
            raise error.__context__  # noqa: B904 - the signal handler's exception
        raise


class _Worker(threading.Thread):
    """A thread that runs one job after another.

    It is a daemon, so that an exchange never delays the interpreter's exit.

    Attributes:
        jobs: The queue of its next job; None ends the thread.
        between_jobs: Whether it is idle.
    """

    def __init__(self) -> None:
        super().__init__(name=_BUSY, daemon=True)
        self.jobs: Any = queue.SimpleQueue()
        self.between_jobs: bool = True

    def run(self) -> None:
        # This calls a separate method, because freezegun returns the real time within five frames of `threading`.
        self._perform_jobs()

    def _perform_jobs(self) -> None:
        job = self._next()
        while job is not None:
            self.between_jobs = False
            job()
            del job  # it holds a transport and a caller's context
            if _exiting:
                return
            self.between_jobs = True
            self.name = _IDLE
            _idle.append(self)
            job = self._next()

    def _next(self) -> Job | None:
        """Wait for a job. Return None if the thread must end."""
        for _ in range(2):
            with contextlib.suppress(queue.Empty):
                job: Job | None = self.jobs.get(timeout=_LONGEST_WAIT)
                return job
            with contextlib.suppress(ValueError):
                _idle.remove(self)
                return None
            # A caller has just taken this thread from the list. Unless it was interrupted, it passes the job next.
        return None


# Idle threads. A caller, or the thread itself, removes a thread by one atomic operation, so exactly one of them succeeds.
_idle: list[_Worker] = []


_exiting = False


def end_idle() -> None:
    """End the idle threads, before a fork or at the exit.

    They do not exist in the child of a fork, and Python 3.12 warns if several threads run. A subinterpreter (mod_wsgi, JEP) that
    ends while one of its threads exists aborts the whole process.
    """
    ending: list[_Worker] = []
    with contextlib.suppress(IndexError):  # until the list is empty
        while True:
            worker = _idle.pop()
            worker.jobs.put(None)
            ending.append(worker)
    for worker in ending:
        worker.join(_LONGEST_JOIN)


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(before=end_idle, after_in_child=_idle.clear)


def _exit() -> None:
    global _exiting  # noqa: PLW0603 - set once
    _exiting = True
    end_idle()


atexit.register(_exit)
