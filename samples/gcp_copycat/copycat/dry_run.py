"""Compares one object and copies nothing. A dry run uses this instead of `Copier`."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from copycat.compare import Decision, decide_with_head
from copycat.errors import CopyCatError, DeniedError, OutageError, SetupError, StoppedError
from copycat.objects import Outcome, Result, Task
from copycat.s3 import S3
from copycat.settings import Settings


class DryRunCopier:
    """Compares objects if the listings are not enough to decide. The arguments are those of `Copier`."""

    def __init__(self, settings: Settings, stop: threading.Event, progress: Callable[[int], object]) -> None:
        self._check_metadata = settings.check_metadata
        self._s3 = S3(settings, stop, settings.workers)
        self._progress = progress

    def copy(self, task: Task) -> Result:
        """Return what copying the object would result in."""
        start = time.monotonic()
        try:
            head = self._s3.head(task.key)
        except CopyCatError as error:
            return self._result(
                task, Outcome.FAILED, start, error, transient=isinstance(error, (OutageError, StoppedError))
            )
        decision = decide_with_head(task.source, head, check_metadata=self._check_metadata)
        return self._result(task, Outcome.SKIPPED if decision is Decision.SKIP else Outcome.COPIED, start)

    def close(self) -> None:
        """Close the connections."""
        self._s3.close()

    @staticmethod
    def _result(
        task: Task, outcome: Outcome, start: float, error: CopyCatError | None = None, *, transient: bool = False
    ) -> Result:
        return Result(
            task.source.name,
            task.key,
            outcome,
            str(error) if error else None,
            task.source.generation,
            task.source.size,
            crc32c=task.source.crc32c,
            seconds=time.monotonic() - start,
            transient=transient,
            configuration=isinstance(error, SetupError),
            denied=error.permission if isinstance(error, DeniedError) else None,
        )
