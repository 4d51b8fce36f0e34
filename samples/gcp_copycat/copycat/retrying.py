"""Requests to one cloud: tried again while it does not answer, fewer at once while it throttles."""

from __future__ import annotations

import logging
import math
import random
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from copycat.errors import CopyError, Failure, OutageError, StoppedError

_T = TypeVar("_T")
_logger = logging.getLogger(__name__)

# An outage as long as this costs time, not objects.
PATIENCE = 600.0
# One request that fails so often in a row while the others succeed has a cause of its own: half of all answers 503
# would do that to one request in a hundred million.
_TRIES_WHILE_OTHERS_SUCCEED = 27
_FIRST_DELAY = 0.25
# Also how late a run notices that the outage is over.
_LONGEST_DELAY = 10.0
_LONGEST_RETRY_AFTER = 120.0
# A burst of throttled requests counts once.
_THROTTLE_INTERVAL = 1.0
_WARNING_INTERVAL = 60.0


class Side:
    """One of the two clouds, as all threads of a process see it.

    Args:
        name: the cloud's name.
        judge: tells what an exception means; None: it is not the cloud's.
        stop: when it is set, waiting ends with `StoppedError`.
        connections: requests at once while the cloud does not throttle.
        patience: seconds without an answer after which a request fails.
        clock: tests replace it.
    """

    def __init__(
        self,
        name: str,
        judge: Callable[[Exception], Failure | None],
        stop: threading.Event,
        connections: int,
        *,
        patience: float = PATIENCE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = name
        self._judge = judge
        self._stop = stop
        self._patience = patience
        self._clock = clock
        self._last_success = -math.inf
        self._warned = -_WARNING_INTERVAL
        self._throttle = _Throttle(connections, stop, clock)

    def call(self, send: Callable[[], _T]) -> _T:
        """Send a request until it is answered.

        Raises:
            CopyCatError: What the judge makes of an error that trying again does not help.
            OutageError: The cloud answered nothing useful to any request for as long as the patience lasts.
            StoppedError: The run was stopped.
        """
        started, tries = self._clock(), 0
        while True:
            self._throttle.acquire()
            try:
                result = send()
            except Exception as error:
                failure = self._judge(error)
                if failure is None:
                    raise
                if not failure.transient:
                    raise failure.error from error
                tries += 1
                self._throttle.failed(throttled=failure.throttled)
                self._check_patience(failure, tries, self._clock() - started, error)
                delay = _delay(tries, failure.retry_after)
            else:
                self._last_success = self._clock()
                self._throttle.succeeded()
                return result
            finally:
                self._throttle.release()
            if self._stop.wait(delay):
                raise StoppedError

    def _check_patience(self, failure: Failure, tries: int, waited: float, cause: Exception) -> None:
        others = self._clock() - self._last_success <= _LONGEST_DELAY
        if failure.tries is not None and tries >= failure.tries:
            raise failure.error from cause
        if others and (tries >= _TRIES_WHILE_OTHERS_SUCCEED or waited >= self._patience):
            raise CopyError(f"{failure.error} (tried {tries} times)") from cause
        if waited >= self._patience:
            raise OutageError(
                f"{self._name} has not answered for {waited / 60:.0f} minutes: {failure.error}"
            ) from cause
        if tries > 3 and self._clock() - self._warned >= _WARNING_INTERVAL:
            self._warned = self._clock()
            _logger.warning("%s; trying again for up to %.0f minutes", failure.error, self._patience / 60)


def _delay(tries: int, retry_after: float) -> float:
    """Return how long to wait: twice as long each time, and a random part of it, so that not all come back at once."""
    backoff: float = min(_LONGEST_DELAY, _FIRST_DELAY * 2 ** min(tries - 1, 10))
    return min(retry_after, _LONGEST_RETRY_AFTER) + backoff * random.uniform(0.5, 1)  # noqa: S311 - not a secret


class _Throttle:
    """Limits the requests at once: half of them when the cloud throttles, one more for each round that succeeds."""

    def __init__(self, most: int, stop: threading.Event, clock: Callable[[], float]) -> None:
        self._most = most
        self._stop = stop
        self._clock = clock
        self._limit = float(most)
        self._running = 0
        self._lowered = -_THROTTLE_INTERVAL
        self._freed = threading.Condition()

    def acquire(self) -> None:
        with self._freed:
            while self._running >= self._limit:
                if self._stop.is_set():
                    raise StoppedError
                self._freed.wait(0.5)
            if self._stop.is_set():
                raise StoppedError
            self._running += 1

    def release(self) -> None:
        with self._freed:
            self._running -= 1
            self._freed.notify()

    def succeeded(self) -> None:
        if self._limit < self._most:
            with self._freed:
                self._limit = min(self._most, self._limit + 1 / self._limit)

    def failed(self, *, throttled: bool) -> None:
        if not throttled:
            return
        with self._freed:
            if self._clock() - self._lowered >= _THROTTLE_INTERVAL:
                self._lowered = self._clock()
                self._limit = max(1.0, self._limit / 2)
