"""The memory for content, which all threads of a process share."""

from __future__ import annotations

import collections
import contextlib
import ctypes
import threading
from collections.abc import Iterator

from copycat.errors import StoppedError

# Of mallopt(3). A piece of at least this size goes back to the system when it is freed. By default glibc raises its limit
# to the largest piece so far (8 MiB), and then each thread's heap keeps up to 16 MiB of them.
_M_MMAP_THRESHOLD, _PIECE = -3, 1 << 20


class Budget:
    """Bytes of content that a process holds at once. Whoever asks first gets them first.

    Args:
        total: bytes; a piece that is larger goes alone.
        stop: when it is set, waiting ends with `StoppedError`.
    """

    def __init__(self, total: int, stop: threading.Event) -> None:
        _give_freed_pieces_back()
        self._total = total
        self._stop = stop
        self._held = 0
        self._idle: list[bytearray] = []
        self._waiting: collections.deque[object] = collections.deque()
        self._changed = threading.Condition()

    @contextlib.contextmanager
    def hold(self, size: int) -> Iterator[None]:
        """Wait until there is room for a piece, and keep it until the context ends.

        Raises:
            StoppedError: The run was stopped.
        """
        self._acquire(size)
        try:
            with self._changed:
                self._give_up_idle()
            yield
        finally:
            self._release(size)

    @contextlib.contextmanager
    def lend(self, size: int) -> Iterator[bytearray]:
        """Do the same as `hold`, and lend the room itself.

        What was lent before is lent again: the system takes as long to map new memory as to copy what is put there.
        """
        self._acquire(size)
        try:
            with self._changed:
                fitting = next((each for each in reversed(self._idle) if len(each) == size), None)
                self._idle = [each for each in self._idle if each is not fitting]
                self._give_up_idle()
            room = bytearray(size) if fitting is None else fitting
            yield room
            with self._changed:
                self._idle.append(room)
        finally:
            self._release(size)

    def _acquire(self, size: int) -> None:
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

    def _release(self, size: int) -> None:
        with self._changed:
            self._held -= size
            self._give_up_idle()
            self._changed.notify_all()

    def _give_up_idle(self) -> None:
        while self._idle and self._held + sum(map(len, self._idle)) > self._total:
            self._idle.pop(0)


def _give_freed_pieces_back() -> None:
    with contextlib.suppress(AttributeError, OSError, TypeError):  # another C library than glibc
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _PIECE)
