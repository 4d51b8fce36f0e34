"""What Dask calls on the workers of a cluster: batches of objects, copied by threads that a run has on each worker."""

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
# The crew of each run on each worker of this process, which its batches share; and the runs that have been stopped.
_crews: dict[tuple[str, str], _Crew] = {}
_stopped_runs: set[str] = set()
_crews_lock = threading.Lock()


class _Crew:
    """The threads of a run on a Dask worker. Batches put tasks in, and wait for their results."""

    def __init__(self, settings: Settings, tell: Callable[[list[tuple[int, Result]], int], object]) -> None:
        from copycat.workers import Crew  # noqa: PLC0415 - the clouds' clients take long to import

        self._tell = tell
        self._lock = threading.Condition()
        self._ended: set[int] = set()
        self._unsent: list[tuple[int, Result]] = []
        self._progress = 0
        self._crew = Crew(settings, settings.workers, self._done, self._count)
        self._forgotten = False
        threading.Thread(target=self._tell_results, name="results", daemon=True).start()

    def copy(self, tasks: Sequence[tuple[int, Task]]) -> None:
        for number, task in tasks:
            self._crew.add(number, task)
        left = {number for number, _ in tasks}
        with self._lock:
            while left and not self._crew.stop.is_set():
                found = left & self._ended
                left -= found
                self._ended -= found
                if left:
                    self._lock.wait(_POLL)
        self._flush()

    def stop(self) -> None:
        self._crew.stop.set()

    def forget(self) -> None:
        self._crew.stop.set()
        self._forgotten = True
        threading.Thread(target=self._crew.close, args=(60,), daemon=True).start()

    def _done(self, number: int, result: Result) -> None:
        with self._lock:
            self._ended.add(number)
            self._unsent.append((number, result))
            self._lock.notify_all()

    def _count(self, count: int) -> None:
        with self._lock:
            self._progress += count

    def _tell_results(self) -> None:
        while not self._forgotten:
            time.sleep(_POLL)
            self._flush()

    def _flush(self) -> None:
        # Under the lock, so that a batch never ends before its results are told.
        with self._lock:
            results, self._unsent = self._unsent, []
            progress, self._progress = self._progress, 0
            if results or progress:
                with contextlib.suppress(Exception):  # the worker is closing
                    self._tell(results, progress)


class Call:
    """A call of `copy_batch`. Pickle makes it when it is loaded, and returns what it returns."""

    def __init__(self, *arguments: Any) -> None:
        self._arguments = arguments

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return copy_batch, self._arguments


def copy_batch(run: str, settings: Settings, worker: str, tasks: list[tuple[int, Task]]) -> None:
    """Copy objects, and tell their results. Dask calls it on a worker."""
    import distributed  # noqa: PLC0415

    with _crews_lock:
        if run in _stopped_runs:
            return
        if (run, worker) not in _crews:
            log_event = distributed.get_worker().log_event
            _crews[run, worker] = _Crew(settings, lambda *told: log_event(run, pickle.dumps((worker, *told))))
        crew = _crews[run, worker]
    crew.copy(tasks)


def stop_crews(run: str) -> None:
    """Give up what is under way. Dask calls it on every worker."""
    with _crews_lock:
        _stopped_runs.add(run)
        crews = [crew for (name, _), crew in _crews.items() if name == run]
    for crew in crews:
        crew.stop()


def forget_crews(run: str) -> None:
    """End the threads of a run. Dask calls it on every worker."""
    stop_crews(run)
    with _crews_lock:
        crews = [_crews.pop(key) for key in list(_crews) if key[0] == run]
    for crew in crews:
        crew.forget()
