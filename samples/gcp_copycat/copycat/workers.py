"""What copies: the interface that processes, Dask workers and threads of this process have; and those threads."""

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
    """Copies objects, several at once."""

    def has_room(self) -> bool:
        """Tell whether more tasks would keep the workers busier."""

    def is_busy(self) -> bool:
        """Tell whether there are tasks that have not ended."""

    def add(self, number: int, task: Task) -> None:
        """Take a task. Its result comes with the same number."""

    def collect(self, seconds: float) -> list[FinishedTask]:
        """Return tasks that have ended; wait for one, but not longer than this.

        Raises:
            SetupError: No worker can begin to work.
        """

    def stop(self) -> None:
        """Give up what has not ended. Results of what has are still collected."""

    def close(self, seconds: float) -> list[FinishedTask]:
        """End the workers, within this time; return the last results."""


class DispatchedWorkers(Generic[Worker, Event]):
    """What workers outside this process have in common: a dispatcher of tasks, and an inbox for what they tell.

    Args:
        threads: objects that one worker copies at once.
        limit: tasks that wait for a worker.
    """

    def __init__(self, threads: int, limit: int) -> None:
        self._dispatcher: Dispatcher[Worker] = Dispatcher(threads)
        self._limit = limit
        self._inbox: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._stopped = False

    def has_room(self) -> bool:
        """Tell whether more tasks would keep the workers busier."""
        return self._dispatcher.waiting < self._limit

    def is_busy(self) -> bool:
        """Tell whether there are tasks that have not ended."""
        return self._dispatcher.busy

    def add(self, number: int, task: Task) -> None:
        """Take a task. Its result comes with the same number."""
        self._dispatcher.add(number, task)

    def collect(self, seconds: float) -> list[FinishedTask]:
        """Return tasks that have ended; wait for one, but not longer than this.

        Raises:
            SetupError: No worker can begin to work.
        """
        if not self._stopped:
            self._hand_out()
        found: list[FinishedTask] = []
        with contextlib.suppress(queue.Empty):
            found += self._handle(self._inbox.get(timeout=seconds))
            while True:
                found += self._handle(self._inbox.get_nowait())
        return found

    @abstractmethod
    def _hand_out(self) -> None:
        """Give tasks to the workers that have room for more."""

    @abstractmethod
    def _handle(self, event: Event) -> list[FinishedTask]:
        """Note what a worker event; return the tasks that have ended."""


class CopyThreads:
    """Threads that copy.

    Args:
        settings: of the run.
        threads: objects at once.
        done: is called with a number and a result, by several threads.
        progress: is event of bytes that S3 has received, by several threads.

    Attributes:
        stop: is set to give up what is under way.
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
            except RuntimeError:  # the system has no more
                if not self._threads:
                    raise
                break
            self._threads.append(thread)

    def add(self, number: int, task: Task) -> None:
        """Have an object copied."""
        self._tasks.put((number, task))

    def close(self, seconds: float) -> None:
        """Wait until the threads have ended what they are at, but not longer than this."""
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
        except Exception as error:  # noqa: BLE001 - one object's trouble must not end the run
            reason = f"unexpected {type(error).__name__}: {error}"
            source = task.source
            return Result(source.name, task.key, Outcome.FAILED, reason, source.generation, source.size)


class ThreadWorkers:
    """Workers that are threads of this process.

    Args:
        settings: of the run.
        progress: is event of bytes that S3 has received, by several threads.
    """

    def __init__(self, settings: Settings, progress: Callable[[int], object]) -> None:
        self._limit = 4 * settings.workers
        self._open: dict[int, Task] = {}
        self._results: queue.SimpleQueue[tuple[int, Result]] = queue.SimpleQueue()
        self._threads = CopyThreads(
            settings, settings.workers, lambda number, result: self._results.put((number, result)), progress
        )

    def has_room(self) -> bool:
        """Tell whether more tasks would keep the threads busier."""
        return len(self._open) < self._limit

    def is_busy(self) -> bool:
        """Tell whether there are tasks that have not ended."""
        return bool(self._open)

    def add(self, number: int, task: Task) -> None:
        """Take a task."""
        self._open[number] = task
        self._threads.add(number, task)

    def collect(self, seconds: float) -> list[FinishedTask]:
        """Return tasks that have ended; wait for one, but not longer than this."""
        found = []
        try:
            number, result = self._results.get(timeout=seconds)
            while True:
                found.append(FinishedTask(number, self._open.pop(number), result))
                number, result = self._results.get_nowait()
        except queue.Empty:
            return found

    def stop(self) -> None:
        """Give up what has not ended."""
        self._threads.stop.set()

    def close(self, seconds: float) -> list[FinishedTask]:
        """End the threads; return the last results."""
        self._threads.stop.set()
        self._threads.close(seconds)
        return self.collect(0)
