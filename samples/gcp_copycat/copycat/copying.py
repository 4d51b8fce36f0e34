"""Copies one object."""

from __future__ import annotations

import threading
from collections.abc import Callable

from copycat.objects import Result, Task
from copycat.settings import Settings


class Copier:
    """Copies objects one by one. One per process; its threads share it.

    Args:
        settings: of the run.
        stop: when it is set, what is under way is given up.
        progress: is told of bytes when S3 has received them, by several threads.
    """

    def __init__(
        self, settings: Settings, stop: threading.Event, progress: Callable[[int], object] = lambda _: None
    ) -> None:
        raise NotImplementedError

    def copy(self, task: Task) -> Result:
        """Compare an object with what S3 has, and copy it unless they are equal. Every error becomes a failed result."""
        raise NotImplementedError

    def close(self) -> None:
        """Close the connections and end the threads for parts."""
        raise NotImplementedError
