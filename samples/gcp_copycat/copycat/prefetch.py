"""Gets the next items of an iterable in a thread, while the current one is processed."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

from copycat.errors import StoppedError

_T = TypeVar("_T")
_POLL = 0.2


class Prefetcher(Generic[_T]):
    """Iterates in a thread, so that the next item is fetched while the current one is used.

    Args:
        items: items to iterate over.
        stop: once this is set, `next` raises `StoppedError`, and the thread ends.
        depth: largest number of items that are fetched ahead.

    Attributes:
        ended: whether all items have been returned.
    """

    def __init__(self, items: Iterable[_T], stop: threading.Event, depth: int = 2) -> None:
        self.ended = False
        self._items = items
        self._stop = stop
        self._found: queue.Queue[tuple[list[_T], BaseException | None]] = queue.Queue(depth)
        threading.Thread(target=self._fetch, name="listing", daemon=True).start()

    def next(self, seconds: float) -> list[_T]:
        """Return a list with the next item. Wait at most this many seconds for it.

        Returns:
            The item, or an empty list if none has arrived or no items are left; see *ended*.

        Raises:
            StoppedError: *stop* was set.
            Exception: The iteration raised this exception.
        """
        if self._stop.is_set():
            raise StoppedError
        if self.ended:
            return []
        try:
            item, error = self._found.get(timeout=seconds) if seconds else self._found.get_nowait()
        except queue.Empty:
            return []
        if error is not None:
            raise error
        self.ended = not item
        return item

    def __iter__(self) -> Iterator[_T]:
        """Yield the items. Wait for each of them."""
        while not self.ended:
            yield from self.next(_POLL)

    def _fetch(self) -> None:
        try:
            for item in self._items:
                if not self._put([item]):
                    return
            self._put([])
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that calls `next`
            self._put([], error)

    def _put(self, item: list[_T], error: BaseException | None = None) -> bool:
        while not self._stop.is_set():
            try:
                self._found.put((item, error), timeout=_POLL)
            except queue.Full:
                continue
            return True
        return False
