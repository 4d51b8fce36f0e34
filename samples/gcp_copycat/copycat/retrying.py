"""Retries requests to a cloud during an outage, and sends fewer concurrent requests while it throttles."""

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

# Seconds of an outage that a run survives without a failed object.
OUTAGE_LIMIT = 600.0
# A request that fails this often in a row while others succeed has its own problem: if half of all responses are 503, that
# happens to one request in a hundred million by chance.
_TRIES_WHILE_OTHERS_SUCCEED = 27
_FIRST_DELAY = 0.25
# Also limits how late a run notices the end of an outage.
_MAX_DELAY = 10.0
_MAX_RETRY_AFTER = 120.0
# Throttled requests within this many seconds count as one.
_THROTTLE_INTERVAL = 1.0
_WARNING_INTERVAL = 60.0


class Retrier:
    """Sends the requests to one cloud, for all threads of a process.

    Args:
        name: name of the cloud.
        classify: classifies an exception. It returns None for one that does not come from the cloud.
        stop: once this is set, a waiting call raises `StoppedError`.
        connections: number of concurrent requests while the cloud does not throttle.
        outage_limit: seconds without a successful response after which a request fails.
        clock: returns the time in seconds. Tests replace it.
    """

    def __init__(
        self,
        name: str,
        classify: Callable[[Exception], Failure | None],
        stop: threading.Event,
        connections: int,
        *,
        outage_limit: float = OUTAGE_LIMIT,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = name
        self._classify = classify
        self._stop = stop
        self._outage_limit = outage_limit
        self._clock = clock
        self._last_success = -math.inf
        self._warned = -_WARNING_INTERVAL
        self._throttle = _Throttle(connections, stop, clock)

    def call(self, send: Callable[[], _T]) -> _T:
        """Send a request, and retry it until it succeeds.

        Raises:
            CopyCatError: The request failed in a way that a retry does not fix.
            OutageError: No request to the cloud succeeded within the outage limit.
            StoppedError: The run was stopped.
        """
        started, tries = self._clock(), 0
        while True:
            self._throttle.acquire()
            try:
                result = send()
            except Exception as error:
                failure = self._classify(error)
                if failure is None:
                    raise
                if not failure.transient:
                    raise failure.error from error
                tries += 1
                self._throttle.failed(throttled=failure.throttled)
                self._check_outage_limit(failure, tries, self._clock() - started, error)
                delay = _delay(tries, failure.retry_after)
            else:
                self._last_success = self._clock()
                self._throttle.succeeded()
                return result
            finally:
                self._throttle.release()
            if self._stop.wait(delay):
                raise StoppedError

    def _check_outage_limit(self, failure: Failure, tries: int, waited: float, cause: Exception) -> None:
        others = self._clock() - self._last_success <= _MAX_DELAY
        if failure.tries is not None and tries >= failure.tries:
            raise failure.error from cause
        if others and (tries >= _TRIES_WHILE_OTHERS_SUCCEED or waited >= self._outage_limit):
            raise CopyError(f"{failure.error} (tried {tries} times)") from cause
        if waited >= self._outage_limit:
            raise OutageError(
                f"{self._name} has not responded for {waited / 60:.0f} minutes: {failure.error}"
            ) from cause
        if tries > 3 and self._clock() - self._warned >= _WARNING_INTERVAL:
            self._warned = self._clock()
            _logger.warning("%s; retrying for up to %.0f minutes", failure.error, self._outage_limit / 60)


def _delay(tries: int, retry_after: float) -> float:
    """Return the seconds to wait: exponential backoff with jitter, so that clients do not retry at the same moment."""
    backoff: float = min(_MAX_DELAY, _FIRST_DELAY * 2 ** min(tries - 1, 10))
    return min(retry_after, _MAX_RETRY_AFTER) + backoff * random.uniform(0.5, 1)  # noqa: S311 - not a secret


class _Throttle:
    """Limits the concurrent requests. The limit is halved when the cloud throttles, and grows by one per round of successes."""

    def __init__(self, maximum: int, stop: threading.Event, clock: Callable[[], float]) -> None:
        self._maximum = maximum
        self._stop = stop
        self._clock = clock
        self._limit = float(maximum)
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
        if self._limit < self._maximum:
            with self._freed:
                self._limit = min(self._maximum, self._limit + 1 / self._limit)

    def failed(self, *, throttled: bool) -> None:
        if not throttled:
            return
        with self._freed:
            if self._clock() - self._lowered >= _THROTTLE_INTERVAL:
                self._lowered = self._clock()
                self._limit = max(1.0, self._limit / 2)
