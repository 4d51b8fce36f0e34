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

    Attributes:
        error: the first error of a function; those after it are not called.
    """

    def __init__(self) -> None:
        self.error: PlaceError | None = None
        self._calls: queue.Queue[Callable[[], object] | None] = queue.Queue(_DEPTH)
        self._thread = threading.Thread(target=self._work, name="saving", daemon=True)
        self._thread.start()

    def submit(self, call: Callable[[], object], give_up: Callable[[], bool] = lambda: False) -> None:
        """Have a function called; wait while many are waiting, unless *give_up* says otherwise."""
        self._put(call, give_up)

    def close(self, seconds: float) -> None:
        """Wait until everything is written, but not longer than this."""
        end = time.monotonic() + seconds
        self._put(None, lambda: time.monotonic() > end)
        self._thread.join(max(0.0, end - time.monotonic()))
        if self._thread.is_alive() and self.error is None:
            self.error = PlaceError(f"The manifest or the checkpoint could not be written within {seconds:.0f} s.")

    def _put(self, call: Callable[[], object] | None, give_up: Callable[[], bool]) -> None:
        while self.error is None:
            try:
                self._calls.put(call, timeout=_POLL)
            except queue.Full:
                if not give_up():
                    continue
            return

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            try:
                call()
            except PlaceError as error:
                self.error = error
                return
            except Exception as error:  # noqa: BLE001 - whatever a client raises ends only the saving
                self.error = PlaceError(f"The manifest or the checkpoint cannot be written: {error!r}")
                return
