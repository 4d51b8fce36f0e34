"""Retry work that failed temporarily, with growing pauses, until the deadline of the exchange."""

from __future__ import annotations

from google_auth_botocore._refresh import backoff
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
        context: The terms of the exchange that needs the work. None: there is one attempt.
        clock: Elapsed time and sleep.
    """

    def __init__(self, context: ExchangeContext | None, clock: Clock) -> None:
        self._context = context
        self._clock = clock
        self._failures = 0
        self._doubted = False

    @property
    def again(self) -> bool:
        """Whether an attempt has failed. The next ones wait longer for a reply, because the server may be slow."""
        return self._failures > 0

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
        """Return whether a failure that may be permanent is treated as temporary: only the first one is."""
        first, self._doubted = not self._doubted, True
        return first

    def pause(self) -> bool:
        """Sleep before the next attempt. Return False if there is no time for one."""
        pause = backoff.pause(self._failures + 1, _FIRST_PAUSE, _LONGEST_PAUSE)
        if self._context is None or self._clock.monotonic() + pause >= self._context.deadline:
            return False
        self._clock.sleep(pause)
        self._failures += 1
        return True
