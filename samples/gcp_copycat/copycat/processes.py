"""Runs the copy in worker processes on this machine. Each has its own AWS and Google credentials.

Of multiprocessing, only `Process` and `Pipe` are used. Its queues and locks require semaphores, which Lambda does not have.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import queue
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from multiprocessing.context import SpawnProcess

from copycat.dispatch import FinishedTask
from copycat.errors import SetupError
from copycat.objects import Task
from copycat.settings import Settings
from copycat.worker_process import Message, work
from copycat.workers import DispatchedWorkers

# Spawn new processes. A process that is forked while threads run may hang.
_CONTEXT = multiprocessing.get_context("spawn")
# The run ends after this many deaths in a row without a result in between. An object that kills its worker fails after five.
_MAX_DEATHS_IN_A_ROW = 10


class ProcessWorkers(DispatchedWorkers["_Process", "tuple[_Process, Message | None]"]):
    """Worker processes. They are started when they are needed, and replaced when they die.

    Args:
        settings: settings of the run.
        progress: called with the number of bytes that S3 has received.
    """

    def __init__(self, settings: Settings, progress: Callable[[int], object]) -> None:
        threads = max(1, settings.workers // settings.processes)
        super().__init__(threads, limit=16 * settings.workers)
        share = replace(settings, workers=threads, processes=1, memory=settings.memory // settings.processes)
        self._settings = share
        self._progress = progress
        self._max_processes = settings.processes
        self._processes: list[_Process] = []
        self._deaths = 0

    def stop(self) -> None:
        """Abandon unfinished tasks."""
        self._stopped = True
        self._dispatcher.clear()
        for process in self._processes:
            process.send(None)

    def close(self, seconds: float) -> list[FinishedTask]:
        """Stop the processes. Return the last results."""
        self.stop()
        end = time.monotonic() + seconds
        found: list[FinishedTask] = []
        while self._processes and time.monotonic() < end:
            found += self.collect(max(0.01, min(0.5, end - time.monotonic())))
        for process in self._processes:
            process.kill()
        return found

    def _assign_tasks(self) -> None:
        for process in self._processes:
            process.send_if_any(self._dispatcher.batch(process))
        while self._dispatcher.waiting and len(self._processes) < self._max_processes:
            process = _Process(self._settings, self._inbox)
            self._processes.append(process)
            self._dispatcher.add_worker(process)
            process.send_if_any(self._dispatcher.batch(process))

    def _handle(self, event: tuple[_Process, Message | None]) -> list[FinishedTask]:
        process, message = event
        if message is None:
            return self._replace(process)
        if message.error is not None and not self._stopped:
            raise SetupError(message.error)
        if message.progress:
            self._progress(message.progress)
        if message.results:
            self._deaths = 0
        return self._dispatcher.done(process, message.results)

    def _replace(self, process: _Process) -> list[FinishedTask]:
        process.kill()
        self._processes.remove(process)
        failed = self._dispatcher.remove_worker(process)
        if self._stopped:
            self._dispatcher.clear()
            return []
        self._deaths = 0 if failed else self._deaths + 1
        if self._deaths >= _MAX_DEATHS_IN_A_ROW:
            raise SetupError(f"{self._deaths} worker processes in a row died without a result ({process.exit}).")
        return failed


class _Process:
    """A worker process, as the main process sees it."""

    def __init__(self, settings: Settings, inbox: queue.SimpleQueue[tuple[_Process, Message | None]]) -> None:
        self._pipe, theirs = _CONTEXT.Pipe()
        self._process: SpawnProcess = _CONTEXT.Process(
            target=work, args=(settings, theirs), name="gcp_copycat worker", daemon=True
        )
        with _signals_blocked():
            self._process.start()
        theirs.close()
        # The main thread never waits for a worker process, which may hang. These two threads do.
        self._outbox: queue.SimpleQueue[Sequence[tuple[int, Task]] | None] = queue.SimpleQueue()
        threading.Thread(target=self._send, name="to a worker", daemon=True).start()
        threading.Thread(target=self._receive, args=(inbox,), name="from a worker", daemon=True).start()

    @property
    def exit(self) -> str:
        """How the process ended."""
        code = self._process.exitcode
        return f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"

    def send(self, tasks: Sequence[tuple[int, Task]] | None) -> None:
        """Send tasks. None tells the process to stop."""
        self._outbox.put(tasks)

    def send_if_any(self, tasks: Sequence[tuple[int, Task]]) -> None:
        """Send tasks unless the list is empty."""
        if tasks:
            self._outbox.put(tasks)

    def kill(self) -> None:
        """Kill the process if it is still running."""
        self._process.kill()
        self._process.join(1)
        self._outbox.put(())

    def _send(self) -> None:
        while (tasks := self._outbox.get()) != ():
            try:
                self._pipe.send(tasks)
            except (OSError, ValueError):  # noqa: PERF203 - the process has ended, which the other thread reports
                return

    def _receive(self, inbox: queue.SimpleQueue[tuple[_Process, Message | None]]) -> None:
        try:
            while True:
                inbox.put((self, self._pipe.recv()))
        except Exception:  # noqa: BLE001 - the pipe was closed, or a killed process sent half a message
            inbox.put((self, None))


@contextlib.contextmanager
def _signals_blocked() -> Iterator[None]:
    """Block SIGINT and SIGTERM, so that a process started here inherits that.

    A terminal and systemd send these signals to all processes. The main process handles them and stops the workers.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
