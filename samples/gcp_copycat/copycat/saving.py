"""Writes the manifest and the checkpoint in a thread, so that a slow S3 does not delay the run."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable

from copycat.record_files import RecordFileError

_POLL = 0.1
# Calls that can be queued. With more, the run waits.
_DEPTH = 32


class Saver:
    """Calls functions in a thread, one after another.

    Args:
        out_of_time: returns whether the run must end now and cannot wait.

    Attributes:
        error: first error of a function. After an error, no more functions are called.
    """

    def __init__(self, out_of_time: Callable[[], bool] = lambda: False) -> None:
        self.error: RecordFileError | None = None
        self._out_of_time = out_of_time
        self._calls: queue.Queue[Callable[[], object] | None] = queue.Queue(_DEPTH)
        self._thread = threading.Thread(target=self._work, name="saving", daemon=True)
        self._thread.start()

    def submit(self, call: Callable[[], object] | None) -> None:
        """Queue a function. Wait while the queue is full."""
        while self.error is None:
            try:
                self._calls.put(call, timeout=_POLL)
            except queue.Full:
                if self._out_of_time():
                    self.error = RecordFileError("The manifest and the checkpoint could not be written in time.")
                continue
            return

    def limit(self, seconds: float) -> None:
        """Set a time limit for all further waiting."""
        end = time.monotonic() + seconds
        self._out_of_time = lambda: time.monotonic() > end

    def close(self) -> None:
        """Wait until all queued functions were called, or the time limit is reached."""
        self.submit(None)
        while self._thread.is_alive():
            self._thread.join(_POLL)
            if self._out_of_time():
                break
        if self._thread.is_alive() and self.error is None:
            self.error = RecordFileError("The manifest and the checkpoint could not be written in time.")

    def _work(self) -> None:
        try:
            while (call := self._calls.get()) is not None:
                call()
        except RecordFileError as error:
            self.error = error
        except Exception as error:  # noqa: BLE001 - an unexpected exception must not end the run
            self.error = RecordFileError(f"Cannot write the manifest or the checkpoint: {error!r}")
