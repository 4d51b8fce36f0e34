"""How and why a run ends: exit codes, signals, the deadline."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from copycat.summary import Summary

DONE, FAILED, WRONG, LATER = 0, 1, 2, 75
# After a signal: time for what is under way to be given up, and for the manifest and the checkpoint to be written.
_GRACE, _SAVING = 5.0, 2.5


class Stopper:
    """Why a run is to end early: a signal, or its deadline.

    Args:
        seconds: until the deadline; None: there is none.
        clock: returns seconds.

    Attributes:
        signal: the number of the signal that has come; 0: none.
    """

    def __init__(self, seconds: float | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self.signal = 0
        self._clock = clock
        # Ending takes a part of the time that there is.
        self._reserve = None if seconds is None else min(_GRACE + _SAVING, max(1.0, seconds / 5))
        self._end = None if seconds is None else clock() + seconds

    def reason(self) -> tuple[int, str] | None:
        """Return the exit code and the message, if the run is to end."""
        if self.signal:
            return 128 + self.signal, "interrupted; what is there will be skipped the next time"
        if self._end is not None and self._reserve is not None and self._clock() >= self._end - self._reserve:
            return LATER, "the deadline has come; start it again, and it goes on where it was"
        return None

    def seconds_to_end(self) -> tuple[float, float]:
        """Return how long the workers, and how long manifest and checkpoint may take."""
        left = _GRACE + _SAVING
        if self._end is not None and not self.signal:
            left = min(left, max(0.5, self._end - self._clock() - 0.1))
        return left * _GRACE / (_GRACE + _SAVING), left * _SAVING / (_GRACE + _SAVING)


@dataclass(frozen=True)
class Ended:
    """How a run has ended.

    Attributes:
        code: the exit code.
        message: why it was cut short, or what was wrong; None: nothing.
        summary: what happened to the objects.
    """

    code: int
    message: str | None
    summary: Summary
