"""Work with botocore for one AWS identity: one thread at a time, until the deadline, and without remains of a failure."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import TypeVar

from google_auth_botocore import _failures, _redaction
from google_auth_botocore._aws import errors, foreign_exceptions
from google_auth_botocore._aws.retry import Retries
from google_auth_botocore._failures._facts import Facts
from google_auth_botocore._refresh.clock import Clock
from google_auth_botocore._refresh.exchange import DEADLINE, ExchangeContext, PromptRequired
from google_auth_botocore.exceptions import FederationError, TransientFederationError

Result = TypeVar("Result")


class Guard:
    """Runs work that needs botocore, for one identity.

    Args:
        clock: Elapsed time and sleep.
        forget: Drops the credentials that were resolved. Called after every failure, so that the next call resolves them again.
        facts: Returns what is known about the identity, for its errors.

    Attributes:
        lock: Held while the work runs. It is reentrant because a finalizer or a signal handler that uses the credentials may
            run on the thread that holds it, at any line. That call fails, since botocore's own locks are not reentrant,
            but a plain lock would block the thread forever, or until the deadline.
            It is wrapped in a Condition, which has a public way to tell whether this thread holds it.
        retries: The attempts at the work that is running.
        activity: What the work waits for, for the error of callers that wait for the lock.
        keys_found: Whether the keys are kept if the rest of the work fails temporarily. The work sets it.
    """

    def __init__(self, clock: Clock, forget: Callable[[], None], facts: Callable[[], Facts]) -> None:
        self._clock = clock
        self._forget = forget
        self._facts = facts
        self.lock = threading.Condition(threading.RLock())
        self.retries = Retries(None, clock)
        self.activity = ""
        self.keys_found = False

    def run(self, work: Callable[[], Result], context: ExchangeContext | None = None) -> Result:
        """Do the work, and repeat it while it fails temporarily and there is time.

        Args:
            work: It may raise FederationError, and botocore's own errors.
            context: The exchange that needs it. None: there is one attempt.

        Raises:
            FederationError: A source of keys failed.
            PromptRequired: The user must type an MFA code, and this thread may not prompt for it.
            Exception: An exception of a signal handler, a debugger or the user's own provider, unchanged.
        """
        if self._held_by_this_thread():
            raise _failures.error(
                "This thread is already getting AWS keys for these credentials. It was interrupted by a finalizer, "
                "a signal handler or a log handler that uses them, too.",
                Facts("aws", failure="keys-in-use", transient=True),
            )
        try:
            self._acquire(context)
            self.retries, self.activity = Retries(context, self._clock), ""
            while True:
                try:
                    return self._attempt(work)
                except TransientFederationError:  # noqa: PERF203 - this is the retry loop
                    if not self.retries.pause():
                        raise
        finally:
            # This is the first statement, because an interrupt before it would leave the lock held forever. There is no flag
            # for whether it was acquired, because an interrupt may come before the flag is set.
            try:  # noqa: SIM105 - suppress() would be called first
                self.lock.release()
            except RuntimeError:
                pass  # another thread has it

    def _held_by_this_thread(self) -> bool:
        try:
            self.lock.notify()
        except RuntimeError:
            return False
        return True

    def _acquire(self, context: ExchangeContext | None) -> None:
        timeout = DEADLINE if context is None else max(0.0, context.deadline - self._clock.monotonic())
        if not self.lock.acquire(timeout=min(timeout, threading.TIMEOUT_MAX)):
            raise _failures.error(
                f"Another thread has been getting the AWS keys{self.activity} for longer than this one may wait.",
                Facts("aws", failure="keys-awaited", transient=True),
            )

    def _attempt(self, work: Callable[[], Result]) -> Result:
        ambient = sys.exc_info()[1]
        keep = self.keys_found = False
        try:
            result = work()
            keep = True
            return result
        except PromptRequired:
            keep = True
            raise
        except FederationError as error:
            keep = self.keys_found and isinstance(error, TransientFederationError)
            raise
        except Exception as error:
            strange = foreign_exceptions.foreign(error, ambient)
            if strange is error:
                raise
            failure = errors.translated(error, self._facts()) if strange is None else None
            keep = self.keys_found and isinstance(failure, TransientFederationError)
            caught = error
        finally:
            # Also after an interrupt: the credentials may be incomplete or out of date.
            if not keep:
                self._forget()
        try:
            if failure is None:
                raise strange or caught
            own = isinstance(caught, errors.SourceError)
            raise failure from None if own else _redaction.safe_cause(caught, hide=errors.SECRET)
        finally:
            del caught, strange, failure  # their tracebacks refer to this frame
