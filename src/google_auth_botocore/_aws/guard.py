"""How an AWS identity works with botocore: one thread at a time, until the deadline, and without leftovers of a failure."""

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
    """Runs what needs botocore, for one identity.

    Args:
        clock: Elapsed time and sleep.
        forget: Drops what was resolved. Called after every failure, so that the next call looks again.
        facts: Returns what is known about the identity, for its errors.

    Attributes:
        lock: Held while the work runs. Reentrant, because a finalizer or a signal handler that uses the credentials may
            run on the thread that holds it, at any line. It cannot be allowed to work then, since botocore's own locks
            are not reentrant; but a plain lock would block that thread for ever, or until the deadline.
            The Condition around it is there for its public way to ask whether this thread is the holder.
        retries: The tries of the work that is going on.
        activity: What the work waits for, for the error of those who wait for the lock.
    """

    def __init__(self, clock: Clock, forget: Callable[[], None], facts: Callable[[], Facts]) -> None:
        self._clock = clock
        self._forget = forget
        self._facts = facts
        self.lock = threading.Condition(threading.RLock())
        self.retries = Retries(None, clock)
        self.activity = ""
        self._keys_found = False

    def run(self, work: Callable[[], Result], context: ExchangeContext | None = None) -> Result:
        """Do the work, again and again while it fails temporarily and there is time.

        Args:
            work: It raises FederationError, or what botocore raises.
            context: The exchange that it is for. None: it is tried once.

        Raises:
            FederationError: A source of keys failed.
            PromptRequired: See there.
            Exception: What a signal handler, a debugger or the user's own provider raised, unchanged.
        """
        if self._held_by_this_thread():
            raise _failures.error(
                "This thread is getting AWS keys for these credentials already. It was interrupted by a finalizer, "
                "a signal handler or a log handler that uses them, too.",
                Facts("aws", failure="keys-in-use", transient=True),
            )
        try:
            self._acquire(context)
            self.retries, self.activity = Retries(context, self._clock), ""
            return self._persist(work)
        finally:
            # The first thing that happens here: an interrupt in between would leave the lock held for ever. Without a
            # flag that says whether it was acquired, because an interrupt may strike before the flag is set.
            try:  # noqa: SIM105 - suppress() would be called first
                self.lock.release()
            except RuntimeError:
                pass  # another thread has it

    def keys_found(self) -> None:
        """Keep the keys if the rest of the work fails temporarily."""
        self._keys_found = True

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
                Facts("aws", failure="keys-in-use", transient=True),
            )

    def _persist(self, work: Callable[[], Result]) -> Result:
        while True:
            try:
                return self._attempt(work)
            except TransientFederationError:  # noqa: PERF203 - a loop of tries
                if not self.retries.pause():
                    raise

    def _attempt(self, work: Callable[[], Result]) -> Result:
        ambient = sys.exc_info()[1]
        keep = self._keys_found = False
        try:
            result = work()
            keep = True
            return result
        except PromptRequired:
            keep = True
            raise
        except FederationError as error:
            keep = self._keys_found and isinstance(error, TransientFederationError)
            raise
        except Exception as error:
            strange = foreign_exceptions.foreign(error, ambient)
            if strange is error:
                raise
            failure = errors.translated(error, self._facts()) if strange is None else None
            keep = self._keys_found and isinstance(failure, TransientFederationError)
            caught = error
        finally:
            # Also after an interrupt: what was resolved may be half of it, or out of date.
            if not keep:
                self._forget()
        try:
            if failure is None:
                raise strange or caught
            own = isinstance(caught, errors.SourceError)
            raise failure from None if own else _redaction.safe_cause(caught, hide=errors.SECRET)
        finally:
            del caught, strange, failure  # their tracebacks have this frame
