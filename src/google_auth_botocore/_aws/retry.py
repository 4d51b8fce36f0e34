"""Repeat what failed temporarily, with growing pauses, until the deadline of the exchange."""

from __future__ import annotations

import random
from collections.abc import Iterator

from google_auth_botocore._refresh.clock import Clock
from google_auth_botocore._refresh.exchange import ExchangeContext

_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 4.0
# One request to AWS or to a metadata service waits at most this long for its answer, in seconds.
LONGEST_REQUEST = 10.0
# A request has this long even if the deadline is closer: less would fail on a network that is merely far away.
_SHORTEST_REQUEST = 1.0


class Retries:
    """The tries of one piece of work.

    Args:
        context: The exchange that the work is for. None: there is one try.
        clock: Elapsed time and sleep.
    """

    def __init__(self, context: ExchangeContext | None, clock: Clock) -> None:
        self._context = context
        self._clock = clock
        self._pauses = _pauses()
        # Whether a try has failed. The next ones wait longer for an answer, because the server may be slow.
        self.again = False
        self._doubted = False

    @property
    def request_timeout(self) -> float:
        """How long a request may take now, in seconds."""
        if self._context is None:
            return LONGEST_REQUEST
        return min(LONGEST_REQUEST, max(_SHORTEST_REQUEST, self._context.deadline - self._clock.monotonic()))

    def stop(self) -> None:
        """Make this the last try, and give its requests their full time."""
        self._context = None

    def benefit_of_doubt(self) -> bool:
        """Whether a failure that may be final counts as temporary: the first one does."""
        first, self._doubted = not self._doubted, True
        return first

    def pause(self) -> bool:
        """Sleep before the next try. Return False if there is no time for one."""
        pause = next(self._pauses)
        if self._context is None or self._clock.monotonic() + pause >= self._context.deadline:
            return False
        self._clock.sleep(pause)
        self.again = True
        return True


def _pauses() -> Iterator[float]:
    longest = _FIRST_PAUSE
    while True:
        yield longest * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, hides nothing
        longest = min(2 * longest, _LONGEST_PAUSE)
