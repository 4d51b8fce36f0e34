"""Repeat work that failed temporarily, with growing pauses, until the deadline of the exchange."""

from __future__ import annotations

import random

from google_auth_botocore._refresh.clock import Clock
from google_auth_botocore._refresh.exchange import ExchangeContext

# Seconds between two attempts: 0.5, 1, 2, 4, 4 ..., each with jitter.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 4.0
# Seconds that one request to AWS or to a metadata service may take.
LONGEST_REQUEST = 10.0
# Seconds that a request may take even if the deadline is closer: a shorter timeout fails on a slow network.
_SHORTEST_REQUEST = 1.0


class Retries:
    """The attempts at one piece of work.

    Args:
        context: The exchange that needs the work. None: there is one attempt.
        clock: Elapsed time and sleep.
    """

    def __init__(self, context: ExchangeContext | None, clock: Clock) -> None:
        self._context = context
        self._clock = clock
        self._next_pause = _FIRST_PAUSE
        # Whether an attempt has failed. The next ones wait longer for a reply, because the server may be slow.
        self.again = False
        self._doubted = False

    @property
    def request_timeout(self) -> float:
        """How long a request may take now, in seconds."""
        if self._context is None:
            return LONGEST_REQUEST
        return min(LONGEST_REQUEST, max(_SHORTEST_REQUEST, self._context.deadline - self._clock.monotonic()))

    def stop(self) -> None:
        """Make this the last attempt, and give its requests their full time."""
        self._context = None

    def benefit_of_doubt(self) -> bool:
        """Return whether a failure that may be permanent counts as temporary: only the first one does."""
        first, self._doubted = not self._doubted, True
        return first

    def pause(self) -> bool:
        """Sleep before the next attempt. Return False if there is no time for one."""
        pause = self._next_pause * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, hides nothing
        if self._context is None or self._clock.monotonic() + pause >= self._context.deadline:
            return False
        self._next_pause = min(2 * self._next_pause, _LONGEST_PAUSE)
        self._clock.sleep(pause)
        self.again = True
        return True
