"""The identity that a role is assumed with, or that is used itself: a botocore session, its credentials and its region.

Many identities may share one, if each assumes its own role: see `shared_bases`. A session is not thread-safe, so only one
thread at a time uses it: to find or refresh the keys, and to create a client. The calls of that client run at the same time.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.request import getproxies

from google_auth_botocore._aws import errors, foreign_exceptions
from google_auth_botocore._aws import session as sessions
from google_auth_botocore._aws.base_session import BaseSession
from google_auth_botocore._aws.exclusive import Exclusive
from google_auth_botocore._aws.guard import Guard
from google_auth_botocore._aws.keys import AwsKeys, validated
from google_auth_botocore._refresh import errors as errors_of_exchanges
from google_auth_botocore._refresh.exchange import DEADLINE, PromptRequired
from google_auth_botocore._refresh.recent import Recent

Result = TypeVar("Result")

# How many STS clients are kept. Each new set of keys needs another one, and so does a shorter time limit.
_MOST_CLIENTS = 4
# Keys, the botocore credentials that they came from, and the session of these. Not a named tuple: see tests/test_project.py.
Found = tuple[AwsKeys, Any, Any]


class BaseIdentity(BaseSession):
    """The identity of a session that the caller passed, or of botocore's chain with a profile, for many threads.

    Its arguments and attributes are those of `BaseSession`.
    """

    def start_afresh(self, *, forked: bool) -> None:
        """Forget all that was found. In the child of a fork: use no connection or lock of the parent's session."""
        self._exclusive = Exclusive(self._clock)
        self._clients: Recent[Any] = Recent(_MOST_CLIENTS)
        self._failure: Exception | None = None  # of the last work
        super().start_afresh(forked=forked)

    def forget(self) -> None:
        """Find everything again the next time, except what a machine never loses."""
        self._credentials: Any = None
        self._clients.clear()
        super().forget()

    def keys(self, guard: Guard) -> Found:
        """Return the current keys. Find or refresh them if necessary.

        Args:
            guard: The guard of the work that needs them.

        Raises:
            MetadataRetrievalError: The instance metadata service exists, and failed.
            SourceError: There are no keys, or they are invalid.
            PromptRequired: See `prepare`.
        """

        def read() -> Found:
            session, credentials = self._find()
            prompted = self._allow_prompt(session, credentials, guard)
            if session is not self.original_session:
                sessions.limit_requests(session, self.retries.request_timeout)
            keys = validated(credentials)
            if prompted and guard.context is not None:
                # The time that the user took does not count.
                guard.context.deadline = self._clock.monotonic() + DEADLINE
            return keys, credentials, session

        return self._run(read, guard)

    def prepare(self, guard: Guard, *, find: bool) -> tuple[Any, str | None] | None:
        """Find the credentials, and check whether they can be read, but do not refresh them.

        Args:
            guard: The guard of the work that needs them.
            find: Whether to find the credentials if they have not been found yet.

        Returns:
            The session and the region, or None if the credentials have not been found.

        Raises:
            PromptRequired: The user must type an MFA code, and this thread may not prompt for it.
        """

        def check() -> tuple[Any, str | None] | None:
            if self._credentials is None and not find:
                return None
            session, credentials = self._find()
            self._allow_prompt(session, credentials, guard)
            return session, self.region(session, credentials)

        return self._run(check, guard)

    def new_client(self, guard: Guard, session: Any, service: str, **options: Any) -> Any:
        """Return a new client, with the options of `Session.create_client`."""
        return self._run(lambda: session.create_client(service, **options), guard)

    def client(self, guard: Guard, session: Any, service: str, **options: Any) -> Any:
        """Return a client that is kept. Identities that share this one share it, too. A session of the caller keeps no client."""
        # In whole seconds, so that a few clients are enough.
        timeout = float(max(1, math.floor(guard.retries.request_timeout)))
        config = sessions.client_config(timeout)
        if self.session is not None:
            return self.new_client(guard, session, service, config=config, **options)

        def create() -> Any:
            return session.create_client(service, config=config, **options)

        key = (id(session), service, timeout, *sorted(options.items()), *_network_settings())
        return self._run(lambda: self._clients.get_or_add(key, create), guard)

    def forget_rejected(self, credentials: Any, guard: Guard) -> None:
        """Find everything again if AWS rejected these credentials, unless another thread has done so since."""

        def drop() -> None:
            if self._credentials is credentials:
                self.forget()

        self._exclusive.run(drop, guard.context)

    def _run(self, work: Callable[[], Result], guard: Guard) -> Result:
        """Do work with the session as soon as no other thread does. After a failure, find everything again.

        If another thread's work fails meanwhile, fail with the same error: a source that is slow to fail would make each of many
        threads wait for all attempts before its own.
        """
        context, known = guard.context, self._failure

        def guarded() -> Result:
            if self._failure is not None and self._failure is not known:
                raise _copied(self._failure)
            handled = sys.exc_info()[1]
            self.retries = guard.retries
            keep = False
            try:
                if context is not None:
                    context.locked = self
                result = work()
                keep, self._failure = True, None
                return result
            except (PromptRequired, errors.PromptForbiddenError):
                keep = True
                raise
            except Exception as error:
                if foreign_exceptions.foreign(error, handled) is None:
                    self._failure = _copied(error)
                raise
            finally:
                # Also after an interrupt: the credentials may be incomplete or out of date.
                if not keep:
                    self.forget()
                if context is not None:
                    context.locked = None

        return self._exclusive.run(guarded, context)

    def _find(self) -> tuple[Any, Any]:
        session = self.current_session()
        if self._credentials is None:
            self._credentials = self.resolve(session)
        return session, self._credentials

    def _allow_prompt(self, session: Any, credentials: Any, guard: Guard) -> bool:
        """Return whether botocore will prompt for an MFA code at the terminal when the keys are read."""
        prompts = sessions.refresh_needed(credentials) and sessions.prompts(session)
        if prompts:
            guard.allow_prompt(self._exclusive)
        return prompts


def _copied(error: Exception) -> Exception:
    """Return the same error for another thread, with its context, which may be the reason."""
    copied = errors_of_exchanges.copied(error)
    if error.__context__ is not None:
        copied.__context__ = errors_of_exchanges.copied(error.__context__)
    return copied


def _network_settings() -> tuple[object, ...]:
    """Return the variables that a client reads when it is created, other than those of `environment.surroundings`."""
    return *sorted(getproxies().items()), os.environ.get("REQUESTS_CA_BUNDLE")
