"""Limits the memory for content, which all threads of a process share."""

from __future__ import annotations

import collections
import contextlib
import ctypes
import threading
from collections.abc import Iterator

from copycat.errors import StoppedError

# Parameter and value for mallopt(3): blocks of at least 1 MiB are returned to the system when they are freed. By default glibc
# raises this threshold to the largest block so far (8 MiB), and then each thread's heap keeps up to 16 MiB of freed blocks.
_M_MMAP_THRESHOLD, _THRESHOLD = -3, 1 << 20


class MemoryBudget:
    """Limits the content that a process holds in memory. Requests are served in order.

    Args:
        total: limit in bytes. A larger request is granted only while nothing else is in use.
        stop: once this is set, a waiting call raises `StoppedError`.
    """

    def __init__(self, total: int, stop: threading.Event) -> None:
        _return_freed_memory()
        self._total = total
        self._stop = stop
        self._in_use = 0
        self._idle: list[bytearray] = []
        self._waiting: collections.deque[object] = collections.deque()
        self._changed = threading.Condition()

    @contextlib.contextmanager
    def reserve(self, size: int) -> Iterator[None]:
        """Wait for this much memory, and reserve it until the context ends.

        Raises:
            StoppedError: The run was stopped.
        """
        self._acquire(size)
        try:
            with self._changed:
                self._drop_idle_buffers()
            yield
        finally:
            self._release(size)

    @contextlib.contextmanager
    def borrow(self, size: int) -> Iterator[bytearray]:
        """Wait for this much memory, as `reserve` does, and lend a buffer of this size.

        Buffers are reused, because mapping new memory takes the system as long as copying content into it.
        """
        self._acquire(size)
        try:
            with self._changed:
                reusable = next((each for each in reversed(self._idle) if len(each) == size), None)
                self._idle = [each for each in self._idle if each is not reusable]
                self._drop_idle_buffers()
            buffer = bytearray(size) if reusable is None else reusable
            yield buffer
            with self._changed:
                self._idle.append(buffer)
        finally:
            self._release(size)

    def _acquire(self, size: int) -> None:
        ticket = object()
        with self._changed:
            self._waiting.append(ticket)
            try:
                while self._waiting[0] is not ticket or (self._in_use and self._in_use + size > self._total):
                    if self._stop.is_set():
                        raise StoppedError
                    self._changed.wait(0.5)
                self._in_use += size
            finally:
                self._waiting.remove(ticket)
                self._changed.notify_all()

    def _release(self, size: int) -> None:
        with self._changed:
            self._in_use -= size
            self._drop_idle_buffers()
            self._changed.notify_all()

    def _drop_idle_buffers(self) -> None:
        while self._idle and self._in_use + sum(map(len, self._idle)) > self._total:
            self._idle.pop(0)


def _return_freed_memory() -> None:
    with contextlib.suppress(AttributeError, OSError, TypeError):  # the C library is not glibc
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _THRESHOLD)
