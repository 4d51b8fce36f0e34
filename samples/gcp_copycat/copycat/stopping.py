"""How a run ends: its exit code, and the signal or the deadline that stops it early."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from copycat.summary import Summary

# Exit codes. 75 is EX_TEMPFAIL of sysexits.h.
SUCCESS, INCOMPLETE, SETUP_FAILED, TRY_AGAIN = 0, 1, 2, 75
# Seconds after a signal for the workers to stop, and for writing the manifest and the checkpoint.
_GRACE, _SAVING = 5.0, 2.5


class StopCondition:
    """Tells whether a run must stop early, because of a signal or its deadline.

    Args:
        seconds: time until the deadline. None: no deadline.
        clock: returns the time in seconds. Tests replace it.

    Attributes:
        signal: number of the received signal. 0: none.
    """

    def __init__(self, seconds: float | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self.signal = 0
        self._clock = clock
        # Reserve a part of the time for stopping.
        self._reserve = None if seconds is None else min(_GRACE + _SAVING, max(1.0, seconds / 5))
        self._end = None if seconds is None else clock() + seconds

    def reason(self) -> tuple[int, str] | None:
        """Return the exit code and the message if the run must stop, else None."""
        if self.signal:
            return 128 + self.signal, "interrupted; the next run skips what has been copied"
        if self._end is not None and self._reserve is not None and self._clock() >= self._end - self._reserve:
            return TRY_AGAIN, "the deadline was reached; start it again to continue"
        return None

    def seconds_to_end(self) -> tuple[float, float]:
        """Return the seconds left for the workers to stop, and for writing the manifest and the checkpoint."""
        left = _GRACE + _SAVING
        if self._end is not None and not self.signal:
            left = min(left, max(0.5, self._end - self._clock() - 0.1))
        return left * _GRACE / (_GRACE + _SAVING), left * _SAVING / (_GRACE + _SAVING)


@dataclass(frozen=True)
class RunResult:
    """The result of a run.

    Attributes:
        code: exit code.
        message: why the run was stopped or failed. None if all went well.
        summary: counts of the objects by outcome.
    """

    code: int
    message: str | None
    summary: Summary
