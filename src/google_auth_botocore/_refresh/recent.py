"""A limited number of values by key. The ones that were used least recently are dropped first."""

from __future__ import annotations

import contextlib
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Recent(Generic[Value]):
    """The values that were used last.

    Threads change it by single atomic operations, without a lock. A finalizer may request a token on any thread. If that
    thread held a lock, the finalizer would wait for a worker, and the worker for the lock.
    Every operation takes constant time, except `latest`.

    Args:
        limit: How many values are kept.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._values: OrderedDict[Hashable, Value] = OrderedDict()

    def get_or_add(self, key: Hashable, create: Callable[[], Value]) -> Value:
        """Return the value of a key. Create it if it does not exist: threads that do so at the same time get the same one."""
        value = self._values.get(key)
        if value is None:
            value = self._values.setdefault(key, create())
        self._used(key)
        return value

    def get_current(self, key: Hashable, create: Callable[[], Value], is_current: Callable[[Value], bool]) -> Value:
        """Return the value of a key if it is current. Otherwise replace it: threads that do so at the same time get the same one.

        Args:
            key: The key.
            create: Returns a new value, or one that the caller has.
            is_current: Returns whether a value still fits its key.
        """
        place = key
        while True:
            value = self.get_or_add(place, create)
            if is_current(value) or place == (key, value):
                return value
            place = (
                key,
                value,
            )  # the key of the successor contains this value, so that all threads find the same successor

    def _used(self, key: Hashable) -> None:
        with contextlib.suppress(KeyError):  # another thread has just dropped it
            self._values.move_to_end(key)
            while len(self._values) > self._limit:
                self._values.popitem(last=False)

    def latest(self) -> list[Value]:
        """Return all values, the one that was used last first."""
        return [*reversed(self._values.copy().values())]

    def clear(self) -> None:
        """Drop all values."""
        self._values.clear()
