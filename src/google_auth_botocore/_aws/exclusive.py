"""Run work on one thread at a time, and wait for other threads only until the deadline of the exchange."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from google_auth_botocore import _failures
from google_auth_botocore._failures._facts import Facts
from google_auth_botocore._refresh.clock import Clock
from google_auth_botocore._refresh.exchange import DEADLINE, ExchangeContext

Result = TypeVar("Result")


class Exclusive:
    """A lock around work that gets AWS keys.

    Args:
        clock: Elapsed time.

    Attributes:
        lock: Held while the work runs. It is reentrant because a finalizer or a signal handler that uses the credentials may
            run at any line of the thread that holds it. That call fails, because botocore's own locks are not reentrant.
            With a plain lock it would block the thread until the deadline, or forever.
            The lock is wrapped in a Condition, which has a public way to find out whether this thread holds it.
        activity: What the work is also waiting for, such as " and waiting for an MFA code at the terminal". It is part of the
            error of callers that wait for the lock.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.lock = threading.Condition(threading.RLock())
        self.activity = ""

    def run(self, work: Callable[[], Result], context: ExchangeContext | None) -> Result:
        """Do the work as soon as no other thread does its own.

        Args:
            work: The work.
            context: The terms of the exchange that needs it. None: other threads may take as long as an exchange.

        Raises:
            FederationError: This thread holds the lock already, or another one holds it for too long.
        """
        try:
            self.lock.notify()
        except RuntimeError:
            pass  # this thread does not hold it
        else:
            raise _failures.error(
                "This thread is already getting AWS keys for these credentials. It was interrupted by a finalizer, "
                "a signal handler or a log handler that also uses them.",
                Facts("aws", failure="keys-in-use", transient=True),
            )
        try:
            timeout = DEADLINE if context is None else max(0.0, context.deadline - self._clock.monotonic())
            if not self.lock.acquire(timeout=min(timeout, threading.TIMEOUT_MAX)):
                raise _failures.error(
                    f"Another thread has been getting the AWS keys{self.activity} for longer than this one may wait.",
                    Facts("aws", failure="keys-awaited", transient=True),
                )
            self.activity = ""
            return work()
        finally:
            # This is the first statement, because an interrupt before it would leave the lock held forever. There is no flag
            # for whether it was acquired, because an interrupt may come before the flag is set.
            try:  # noqa: SIM105 - suppress() would be called first
                self.lock.release()
            except RuntimeError:
                pass  # another thread holds it
