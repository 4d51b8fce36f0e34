"""Run work with botocore for one AWS identity: on one thread at a time, until the deadline, keeping nothing after a failure."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TypeVar

from google_auth_botocore import _redaction
from google_auth_botocore._aws import errors, foreign_exceptions
from google_auth_botocore._aws.exclusive import Exclusive
from google_auth_botocore._aws.retry import Retries
from google_auth_botocore._failures._facts import Facts
from google_auth_botocore._refresh.clock import Clock
from google_auth_botocore._refresh.errors import copied
from google_auth_botocore._refresh.exchange import ExchangeContext, PromptRequired
from google_auth_botocore.exceptions import FederationError, TransientFederationError

Result = TypeVar("Result")


class Guard:
    """Runs work that needs botocore, for one identity.

    Args:
        clock: Elapsed time and sleep.
        forget: Drops the credentials that were resolved. Called after every failure, so that the next call resolves them again.
        facts: Returns what is known about the identity, for its errors.

    Attributes:
        exclusive: Lets only one thread work at a time.
        context: The terms of the exchange that needs the work that is running. None: there is one attempt.
        retries: The attempts at the work that is running.
        keys_found: Whether the keys are kept if the rest of the work fails temporarily. The work sets it.
    """

    def __init__(self, clock: Clock, forget: Callable[[], None], facts: Callable[[], Facts]) -> None:
        self._clock = clock
        self._forget = forget
        self._facts = facts
        self.exclusive = Exclusive(clock)
        self.context: ExchangeContext | None = None
        self.retries = Retries(None, clock)
        self.keys_found = False

    def run(self, work: Callable[[], Result], context: ExchangeContext | None = None) -> Result:
        """Do the work, and repeat it as long as it fails temporarily and the deadline allows another attempt.

        Args:
            work: The work. It may raise FederationError and the exceptions of botocore.
            context: The terms of the exchange that needs the work. None: there is one attempt.

        Raises:
            FederationError: A source of keys failed.
            PromptRequired: The user must type an MFA code, and this thread may not prompt for it.
            Exception: An exception of a signal handler, a debugger or the user's own provider, unchanged.
        """

        def repeat() -> Result:
            self.context, self.retries = context, Retries(context, self._clock)
            while True:
                try:
                    return self._attempt(work)
                except TransientFederationError as error:  # noqa: PERF203 - this is the retry loop
                    if context is not None:
                        context.failed = copied(error)
                    if not self.retries.pause():
                        raise

        return self.exclusive.run(repeat, context)

    def allow_prompt(self, *waiting: Exclusive) -> None:
        """Return if the user may be prompted for an MFA code now. Then this is the last attempt at the work.

        Args:
            waiting: Further locks that this thread holds meanwhile.

        Raises:
            PromptForbiddenError: No caller waits for the keys.
            PromptRequired: The caller's own thread must do the work.
        """
        if self.context is None or self.context.background:
            raise errors.PromptForbiddenError
        if not self.context.may_prompt:
            raise PromptRequired
        for each in (self.exclusive, *waiting):
            each.activity = " and waiting for an MFA code at the terminal"
        self.retries.stop()  # prompt only once

    def _attempt(self, work: Callable[[], Result]) -> Result:
        handled = sys.exc_info()[1]
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
            foreign = foreign_exceptions.foreign(error, handled)
            if foreign is error:
                raise
            failure = errors.translate(error, self._facts()) if foreign is None else None
            keep = self.keys_found and isinstance(failure, TransientFederationError)
            caught = error
        finally:
            # Also after an interrupt: the credentials may be incomplete or out of date.
            if not keep:
                self._forget()
        try:
            if failure is None:
                raise foreign or caught
            own = isinstance(caught, errors.SourceError)
            raise failure from None if own else _redaction.safe_cause(caught, hide=errors.SECRET)
        finally:
            del caught, foreign, failure  # their tracebacks refer to this frame
