"""Worker processes on this machine, each with an AWS identity and Google credentials of its own.

`Process` and `Pipe` are all that is used of multiprocessing: its queues and locks need semaphores, which Lambda lacks.
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

from copycat.dispatch import Done
from copycat.errors import SetupError
from copycat.objects import Task
from copycat.settings import Settings
from copycat.worker_process import Message, work
from copycat.workers import WorkersElsewhere

# A process starts from nothing: one that is forked while threads run may hang.
_CONTEXT = multiprocessing.get_context("spawn")
# Deaths in a row without a result between them. An object that kills its worker is given up after five.
_DEATHS_IN_A_ROW = 10


class Processes(WorkersElsewhere["_Process", "tuple[_Process, Message | None]"]):
    """Workers that are processes. They are started when they are needed; one that dies is replaced.

    Args:
        settings: of the run.
        progress: is told of bytes that S3 has received.
    """

    def __init__(self, settings: Settings, progress: Callable[[int], object]) -> None:
        threads = max(1, settings.workers // settings.processes)
        super().__init__(threads, limit=16 * settings.workers)
        share = replace(settings, workers=threads, processes=1, memory=settings.memory // settings.processes)
        self._settings = share
        self._progress = progress
        self._most = settings.processes
        self._processes: list[_Process] = []
        self._deaths = 0

    def stop(self) -> None:
        """Give up what has not ended."""
        self._stopped = True
        self._dispatcher.clear()
        for process in self._processes:
            process.send(None)

    def close(self, seconds: float) -> list[Done]:
        """End the processes; return the last results."""
        self.stop()
        end = time.monotonic() + seconds
        found: list[Done] = []
        while self._processes and time.monotonic() < end:
            found += self.collect(max(0.01, min(0.5, end - time.monotonic())))
        for process in self._processes:
            process.kill()
        return found

    def _hand_out(self) -> None:
        for process in self._processes:
            process.send_some(self._dispatcher.batch(process))
        while self._dispatcher.waiting and len(self._processes) < self._most:
            process = _Process(self._settings, self._inbox)
            self._processes.append(process)
            self._dispatcher.join(process)
            process.send_some(self._dispatcher.batch(process))

    def _received(self, told: tuple[_Process, Message | None]) -> list[Done]:
        process, message = told
        if message is None:
            return self._ended(process)
        if message.error is not None and not self._stopped:
            raise SetupError(message.error)
        if message.progress:
            self._progress(message.progress)
        if message.results:
            self._deaths = 0
        return self._dispatcher.done(process, message.results)

    def _ended(self, process: _Process) -> list[Done]:
        process.kill()
        self._processes.remove(process)
        failed = self._dispatcher.leave(process)
        if self._stopped:
            self._dispatcher.clear()
            return []
        self._deaths = 0 if failed else self._deaths + 1
        if self._deaths >= _DEATHS_IN_A_ROW:
            raise SetupError(
                f"{self._deaths} worker processes ended one after another without a result ({process.exit})."
            )
        return failed


class _Process:
    """A worker process as this process sees it."""

    def __init__(self, settings: Settings, inbox: queue.SimpleQueue[tuple[_Process, Message | None]]) -> None:
        self._pipe, theirs = _CONTEXT.Pipe()
        self._process: SpawnProcess = _CONTEXT.Process(
            target=work, args=(settings, theirs), name="gcp_copycat worker", daemon=True
        )
        with _signals_blocked():
            self._process.start()
        theirs.close()
        # Nothing that this process does waits for another one, which may hang: two threads do.
        self._outbox: queue.SimpleQueue[Sequence[tuple[int, Task]] | None] = queue.SimpleQueue()
        threading.Thread(target=self._send, name="to a worker", daemon=True).start()
        threading.Thread(target=self._receive, args=(inbox,), name="from a worker", daemon=True).start()

    @property
    def exit(self) -> str:
        """How it ended."""
        code = self._process.exitcode
        return f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"

    def send(self, tasks: Sequence[tuple[int, Task]] | None) -> None:
        """Send tasks; None: it is to stop and to end."""
        self._outbox.put(tasks)

    def send_some(self, tasks: Sequence[tuple[int, Task]]) -> None:
        """Send tasks, if there are some."""
        if tasks:
            self._outbox.put(tasks)

    def kill(self) -> None:
        """End it at once, if it has not ended."""
        self._process.kill()
        self._process.join(1)
        self._outbox.put(())

    def _send(self) -> None:
        while (tasks := self._outbox.get()) != ():
            try:
                self._pipe.send(tasks)
            except (OSError, ValueError):  # noqa: PERF203 - it is gone, which the other thread says
                return

    def _receive(self, inbox: queue.SimpleQueue[tuple[_Process, Message | None]]) -> None:
        try:
            while True:
                inbox.put((self, self._pipe.recv()))
        except Exception:  # noqa: BLE001 - the end of the pipe, or half a message of a process that was killed
            inbox.put((self, None))


@contextlib.contextmanager
def _signals_blocked() -> Iterator[None]:
    """Let the process that is started here never see Ctrl-C or SIGTERM, which a terminal or systemd sends to all.

    The parent does, and ends it.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
