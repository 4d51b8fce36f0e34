"""The functions that Dask calls on the workers of a cluster. Each run has threads on each worker, which copy batches."""

from __future__ import annotations

import contextlib
import pickle
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from copycat.objects import Result, Task
from copycat.settings import Settings

_POLL = 0.2
# The threads of each run on each worker of this process, which all batches share, and the runs that have been stopped.
_runs: dict[tuple[str, str], _RunThreads] = {}
_stopped_runs: set[str] = set()
_runs_lock = threading.Lock()


class _RunThreads:
    """The threads of a run on a Dask worker. Each batch adds its tasks and waits for their results."""

    def __init__(self, settings: Settings, report: Callable[[list[tuple[int, Result]], int], object]) -> None:
        from copycat.workers import CopyThreads  # noqa: PLC0415 - the clients of both clouds are slow to import

        self._report = report
        self._lock = threading.Condition()
        self._finished: set[int] = set()
        self._unsent: list[tuple[int, Result]] = []
        self._progress = 0
        self._threads = CopyThreads(settings, settings.workers, self._done, self._count)
        self._closed = False
        threading.Thread(target=self._report_results, name="results", daemon=True).start()

    def copy(self, tasks: Sequence[tuple[int, Task]]) -> None:
        for number, task in tasks:
            self._threads.add(number, task)
        left = {number for number, _ in tasks}
        with self._lock:
            while left and not self._threads.stop.is_set():
                found = left & self._finished
                left -= found
                self._finished -= found
                if left:
                    self._lock.wait(_POLL)
        self._flush()

    def stop(self) -> None:
        self._threads.stop.set()

    def end(self) -> None:
        self._threads.stop.set()
        self._closed = True
        threading.Thread(target=self._threads.close, args=(60,), daemon=True).start()

    def _done(self, number: int, result: Result) -> None:
        with self._lock:
            self._finished.add(number)
            self._unsent.append((number, result))
            self._lock.notify_all()

    def _count(self, count: int) -> None:
        with self._lock:
            self._progress += count

    def _report_results(self) -> None:
        while not self._closed:
            time.sleep(_POLL)
            self._flush()

    def _flush(self) -> None:
        # Under the lock, so that a batch never ends before its results are reported.
        with self._lock:
            results, self._unsent = self._unsent, []
            progress, self._progress = self._progress, 0
            if results or progress:
                with contextlib.suppress(Exception):  # the worker is closing
                    self._report(results, progress)


class Call:
    """A pickled call of `copy_batch`: unpickling this object calls the function and returns its result."""

    def __init__(self, *arguments: Any) -> None:
        self._arguments = arguments

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return copy_batch, self._arguments


def copy_batch(run: str, settings: Settings, worker: str, tasks: list[tuple[int, Task]]) -> None:
    """Copy objects, and report their results. Dask calls this on a worker."""
    import distributed  # noqa: PLC0415

    with _runs_lock:
        if run in _stopped_runs:
            return
        if (run, worker) not in _runs:
            log_event = distributed.get_worker().log_event
            _runs[run, worker] = _RunThreads(settings, lambda *report: log_event(run, pickle.dumps((worker, *report))))
        threads = _runs[run, worker]
    threads.copy(tasks)


def stop_run(run: str) -> None:
    """Abandon the copies in progress. Dask calls this on every worker."""
    with _runs_lock:
        _stopped_runs.add(run)
        found = [threads for (name, _), threads in _runs.items() if name == run]
    for threads in found:
        threads.stop()


def end_run(run: str) -> None:
    """Stop the threads of a run. Dask calls this on every worker."""
    stop_run(run)
    with _runs_lock:
        found = [_runs.pop(key) for key in list(_runs) if key[0] == run]
    for threads in found:
        threads.end()
