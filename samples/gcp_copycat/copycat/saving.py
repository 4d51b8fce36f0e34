"""A thread that writes manifest and checkpoint, so that a slow or silent S3 does not hold up the run."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable

from copycat.places import PlaceError

_POLL = 0.1
# Pieces that wait to be written. The run waits when there are more.
_DEPTH = 32


class Saver:
    """Calls functions one after another in a thread.

    Args:
        hurry: tells that the run must end, and cannot wait.

    Attributes:
        error: the first error of a function; those after it are not called.
    """

    def __init__(self, hurry: Callable[[], bool] = lambda: False) -> None:
        self.error: PlaceError | None = None
        self._hurry = hurry
        self._calls: queue.Queue[Callable[[], object] | None] = queue.Queue(_DEPTH)
        self._thread = threading.Thread(target=self._work, name="saving", daemon=True)
        self._thread.start()

    def submit(self, call: Callable[[], object] | None) -> None:
        """Have a function called. Wait while many are waiting."""
        while self.error is None:
            try:
                self._calls.put(call, timeout=_POLL)
            except queue.Full:
                if self._hurry():
                    self.error = PlaceError("The manifest and the checkpoint could not be written in time.")
                continue
            return

    def limit(self, seconds: float) -> None:
        """Let everything from now on take no longer than this."""
        end = time.monotonic() + seconds
        self._hurry = lambda: time.monotonic() > end

    def close(self) -> None:
        """Wait until everything is written, within the limit."""
        self.submit(None)
        while self._thread.is_alive():
            self._thread.join(_POLL)
            if self._hurry():
                break
        if self._thread.is_alive() and self.error is None:
            self.error = PlaceError("The manifest and the checkpoint could not be written in time.")

    def _work(self) -> None:
        try:
            while (call := self._calls.get()) is not None:
                call()
        except PlaceError as error:
            self.error = error
        except Exception as error:  # noqa: BLE001 - whatever a client raises ends only the saving
            self.error = PlaceError(f"The manifest or the checkpoint cannot be written: {error!r}")
