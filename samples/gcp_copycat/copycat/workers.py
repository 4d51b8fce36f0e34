"""The interface of all workers, a base class for those outside this process, and the threads that copy."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from abc import abstractmethod
from collections.abc import Callable, Hashable
from typing import Generic, Protocol, TypeVar

from copycat.copying import Copier
from copycat.dispatch import Dispatcher, FinishedTask
from copycat.dry_run import DryRunCopier
from copycat.objects import Outcome, Result, Task
from copycat.settings import Settings

Worker = TypeVar("Worker", bound=Hashable)
Event = TypeVar("Event")


class Workers(Protocol):
    """Copies objects concurrently."""

    def has_room(self) -> bool:
        """Return whether the workers need more tasks to stay busy."""

    def is_busy(self) -> bool:
        """Return whether there are unfinished tasks."""

    def add(self, number: int, task: Task) -> None:
        """Add a task. Its result has the same number."""

    def collect(self, seconds: float) -> list[FinishedTask]:
        """Return finished tasks. Wait at most this many seconds for one.

        Raises:
            SetupError: The workers cannot start to copy.
        """

    def stop(self) -> None:
        """Abandon unfinished tasks. Results of finished ones can still be collected."""

    def close(self, seconds: float) -> list[FinishedTask]:
        """Stop the workers within this many seconds. Return the last results."""


class DispatchedWorkers(Generic[Worker, Event]):
    """Base class of workers outside this process, with a dispatcher of tasks and an inbox for events from the workers.

    Args:
        threads: number of objects that one worker copies concurrently.
        limit: number of tasks that can wait for a worker.
    """

    def __init__(self, threads: int, limit: int) -> None:
        self._dispatcher: Dispatcher[Worker] = Dispatcher(threads)
        self._limit = limit
        self._inbox: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._stopped = False

    def has_room(self) -> bool:
        """Return whether the workers need more tasks to stay busy."""
        return self._dispatcher.waiting < self._limit

    def is_busy(self) -> bool:
        """Return whether there are unfinished tasks."""
        return self._dispatcher.busy

    def add(self, number: int, task: Task) -> None:
        """Add a task. Its result has the same number."""
        self._dispatcher.add(number, task)

    def collect(self, seconds: float) -> list[FinishedTask]:
        """Return finished tasks. Wait at most this many seconds for one.

        Raises:
            SetupError: The workers cannot start to copy.
        """
        if not self._stopped:
            self._assign_tasks()
        found: list[FinishedTask] = []
        with contextlib.suppress(queue.Empty):
            found += self._handle(self._inbox.get(timeout=seconds))
            while True:
                found += self._handle(self._inbox.get_nowait())
        return found

    @abstractmethod
    def _assign_tasks(self) -> None:
        """Assign tasks to the workers that need more."""

    @abstractmethod
    def _handle(self, event: Event) -> list[FinishedTask]:
        """Handle an event from a worker. Return the tasks that it finishes."""


class CopyThreads:
    """The threads that copy. Every kind of worker uses these.

    Args:
        settings: settings of the run.
        threads: number of objects that are copied concurrently.
        done: called by several threads with the number and the result of a task.
        progress: called by several threads with the number of bytes that S3 has received.

    Attributes:
        stop: set this to abandon the copies in progress.
    """

    def __init__(
        self,
        settings: Settings,
        threads: int,
        done: Callable[[int, Result], object],
        progress: Callable[[int], object],
    ) -> None:
        self.stop = threading.Event()
        self._tasks: queue.SimpleQueue[tuple[int, Task] | None] = queue.SimpleQueue()
        self._done = done
        self._copier = (DryRunCopier if settings.dry_run else Copier)(settings, self.stop, progress)
        self._threads: list[threading.Thread] = []
        for _ in range(threads):
            thread = threading.Thread(target=self._work, name="copy", daemon=True)
            try:
                thread.start()
            except RuntimeError:  # the system allows no more threads
                if not self._threads:
                    raise
                break
            self._threads.append(thread)

    def add(self, number: int, task: Task) -> None:
        """Queue an object."""
        self._tasks.put((number, task))

    def close(self, seconds: float) -> None:
        """Wait at most this many seconds until the threads have finished."""
        end = time.monotonic() + seconds
        for _ in self._threads:
            self._tasks.put(None)
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))
        if not any(thread.is_alive() for thread in self._threads):
            self._copier.close()

    def _work(self) -> None:
        while (item := self._tasks.get()) is not None:
            number, task = item
            if not self.stop.is_set():
                self._done(number, self._copied(task))

    def _copied(self, task: Task) -> Result:
        try:
            return self._copier.copy(task)
        except Exception as error:  # noqa: BLE001 - an error of one object must not end the run
            reason = f"unexpected {type(error).__name__}: {error}"
            source = task.source
            return Result(source.name, task.key, Outcome.FAILED, reason, source.generation, source.size)


class ThreadWorkers:
    """Workers that are threads of this process.

    Args:
        settings: settings of the run.
        progress: called by several threads with the number of bytes that S3 has received.
    """

    def __init__(self, settings: Settings, progress: Callable[[int], object]) -> None:
        self._limit = 4 * settings.workers
        self._open: dict[int, Task] = {}
        self._results: queue.SimpleQueue[tuple[int, Result]] = queue.SimpleQueue()
        self._threads = CopyThreads(
            settings, settings.workers, lambda number, result: self._results.put((number, result)), progress
        )

    def has_room(self) -> bool:
        """Return whether the threads need more tasks to stay busy."""
        return len(self._open) < self._limit

    def is_busy(self) -> bool:
        """Return whether there are unfinished tasks."""
        return bool(self._open)

    def add(self, number: int, task: Task) -> None:
        """Add a task."""
        self._open[number] = task
        self._threads.add(number, task)

    def collect(self, seconds: float) -> list[FinishedTask]:
        """Return finished tasks. Wait at most this many seconds for one."""
        found = []
        try:
            number, result = self._results.get(timeout=seconds)
            while True:
                found.append(FinishedTask(number, self._open.pop(number), result))
                number, result = self._results.get_nowait()
        except queue.Empty:
            return found

    def stop(self) -> None:
        """Abandon unfinished tasks."""
        self._threads.stop.set()

    def close(self, seconds: float) -> list[FinishedTask]:
        """Stop the threads. Return the last results."""
        self._threads.stop.set()
        self._threads.close(seconds)
        return self.collect(0)
