"""The memory for content, which all threads of a process share."""

from __future__ import annotations

import collections
import contextlib
import threading
from collections.abc import Iterator

from copycat.errors import StoppedError


class Budget:
    """Bytes of content that a process holds at once. Whoever asks first gets them first.

    Args:
        total: bytes; a piece that is larger goes alone.
        stop: when it is set, waiting ends with `StoppedError`.
    """

    def __init__(self, total: int, stop: threading.Event) -> None:
        self._total = total
        self._stop = stop
        self._held = 0
        self._waiting: collections.deque[object] = collections.deque()
        self._changed = threading.Condition()

    @contextlib.contextmanager
    def hold(self, size: int) -> Iterator[None]:
        """Wait until there is room for a piece, and keep it until the context ends.

        Raises:
            StoppedError: The run was stopped.
        """
        ticket = object()
        with self._changed:
            self._waiting.append(ticket)
            try:
                while self._waiting[0] is not ticket or (self._held and self._held + size > self._total):
                    if self._stop.is_set():
                        raise StoppedError
                    self._changed.wait(0.5)
                self._held += size
            finally:
                self._waiting.remove(ticket)
                self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._held -= size
                self._changed.notify_all()
