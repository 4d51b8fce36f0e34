"""The seams: all private names of the package that tests use.

Everything private that a test needs is here, so that a name that changes inside the package changes in one file of
the tests. `tests/test_seams.py` finds a test that goes around it. .github/CONTRIBUTING.md says when to use which.
"""

from __future__ import annotations

import pickle
import re
import threading
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

import pytest

from google_auth_botocore import Credentials, _federation, _shared_federations
from google_auth_botocore import _redaction as redaction
from google_auth_botocore._aws import arguments as _arguments
from google_auth_botocore._aws import errors as aws_errors
from google_auth_botocore._aws import identity as _identity
from google_auth_botocore._aws import partitions as aws_partitions
from google_auth_botocore._aws import retry as _retry
from google_auth_botocore._aws.identity import AwsIdentity
from google_auth_botocore._aws.keys import AwsKeys
from google_auth_botocore._aws.subject_token import Signer, sign
from google_auth_botocore._failures._facts import Facts
from google_auth_botocore._google import transport as _transport
from google_auth_botocore._google.api import GoogleClient as _GoogleClient
from google_auth_botocore._google.sender import Sender as _Sender
from google_auth_botocore._redaction.proxies import proxy_secrets
from google_auth_botocore._redaction.secret_shapes import kind as secret_kind
from google_auth_botocore._refresh import forks as _forks
from google_auth_botocore._refresh import single_flight as _single_flight
from google_auth_botocore._refresh import workers as _workers
from google_auth_botocore._refresh.clock import Clock, Moment
from google_auth_botocore._refresh.exchange import ExchangeContext, PromptRequired
from google_auth_botocore._refresh.token import IssuedToken, State, state, with_expiry, with_new_expiry
from google_auth_botocore._refresh.token_source import TokenSource as _TokenSource
from google_auth_botocore._settings import Settings as _Settings
from google_auth_botocore._shared_token_credentials import SourceCredentials as _SourceCredentials

# Pure functions and values, whose inputs cannot all be reached from outside: the refresh rule, the signature, secrets in
# text, botocore's errors, AWS partitions.
__all__ = [
    "AwsIdentity",
    "AwsKeys",
    "ExchangeContext",
    "Facts",
    "IssuedToken",
    "Moment",
    "PromptRequired",
    "Signer",
    "State",
    "SystemClock",
    "aws_errors",
    "aws_partitions",
    "hidden_by_doctor",
    "proxy_secrets",
    "redaction",
    "secret_kind",
    "sentences",
    "sign",
    "state",
    "with_expiry",
    "with_new_expiry",
]


def sentences(error: BaseException) -> str:
    """Return the message of an error without the link to the troubleshooting page, which `tests/failures` checks."""
    return re.sub(r"\nMore: \S+", "", str(error))


def hidden_by_doctor(text: str, secrets: list[str], *, quoted: bool = False) -> str:
    """Return a text as `doctor` shows it."""
    from google_auth_botocore.cli.doctor._recorder import Recorder

    recorder = Recorder()
    recorder.secrets.update(secrets)
    return recorder.excerpt(text) if quoted else recorder.redacted(text)


def unpickled_elsewhere(data: bytes) -> Any:
    """Unpickle as another process does, with which this one shares nothing."""
    _shared_federations._FEDERATIONS.clear()
    _shared_federations._WITH_ROLE.clear()
    return pickle.loads(data)


def most_federations() -> int:
    """Return how many federations a process keeps for unpickled copies."""
    return _shared_federations._MOST


def shown_with_shared_federations() -> str:
    """Return what a crash report shows of the federations that unpickled copies share."""
    return repr((_shared_federations._FEDERATIONS._values, _shared_federations._WITH_ROLE._values))


def federation(credentials: Credentials) -> object:
    """Return the object that copies with the same AWS identity and federated token have in common."""
    return credentials._federation


# The clock.


class SystemClock:
    """The machine's clock, for tests to override a part of."""

    def time(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float, /) -> None:
        time.sleep(seconds)


def use_clock(patch: pytest.MonkeyPatch, clock: Clock) -> None:
    """Let all credentials that are created from now on use this clock."""
    patch.setattr(_SourceCredentials, "_clock", clock)


def clock_of(credentials: Any) -> Any:
    """Return the clock that credentials use."""
    return credentials._clock


def at_next_reading(patch: pytest.MonkeyPatch, action: Callable[[], object]) -> None:
    """Run an action the next time a caller reads the clock, after it has read the token."""
    now = Moment.now

    def late(clock: Clock) -> Moment:
        patch.setattr(Moment, "now", now)
        action()
        return now(clock)

    patch.setattr(Moment, "now", late)


# Threads.


def take_over_threads(patch: pytest.MonkeyPatch, stand_in: object) -> None:
    """Start exchanges by `stand_in.start(job)`, and wait for them by `stand_in.Lock()`."""
    patch.setattr(_single_flight, "threading", stand_in)
    patch.setattr(_single_flight, "workers", stand_in)


def take_over_waits(patch: pytest.MonkeyPatch, stand_in: object) -> None:
    """Let callers wait by `stand_in.Lock()`. Exchanges run on real threads."""
    patch.setattr(_single_flight, "threading", stand_in)


def look_often(patch: pytest.MonkeyPatch) -> None:
    """Let waiting callers read the clock every millisecond."""
    patch.setattr(_single_flight, "_PIECE", 0.001)


def take_over_start(patch: pytest.MonkeyPatch, stand_in: Callable[[Callable[[Any], None], Any], None]) -> None:
    """Call `stand_in(start, job)` instead of `start(job)`, which starts a thread for a job."""
    start = _workers.start
    patch.setattr(_workers, "start", lambda job: stand_in(start, job))


def idle_threads() -> int:
    """Return the number of threads that wait for their next exchange."""
    return len(_workers._idle)


def end_idle_threads() -> None:
    """Stop the threads that wait for their next exchange, as before a fork."""
    _workers.end_idle()


def end_idle_threads_after(patch: pytest.MonkeyPatch, seconds: float) -> None:
    """Limit how long a thread waits for its next exchange."""
    patch.setattr(_workers, "_LONGEST_WAIT", seconds)


def callers_waiting(credentials: Any) -> int:
    """Return the number of callers that wait for a token of these credentials."""
    waiting: int = credentials._source._flight.waiting
    return waiting


def exchanges_waiting(credentials: Credentials) -> int:
    """Return the number of exchanges that wait for the federated token that these credentials impersonate with."""
    source = credentials._federation._federated(credentials._settings, (_federation._IAM_SCOPE,))
    return source._flight.waiting


def exchange_has_finished(credentials: Any) -> bool:
    """Return whether the last exchange has finished. Its log records may still be undelivered."""
    finished: bool = credentials._source._flight._last.newest().finished
    return finished


def hold_the_lock(credentials: Any) -> threading.Lock:
    """Return the lock that a worker holds while it stores its result. The test can hold it, too."""
    lock: threading.Lock = credentials._source._flight._lock
    return lock


def keep_sources(patch: pytest.MonkeyPatch, most: int) -> None:
    """Limit how many tokens the credentials that are created from now on keep."""
    patch.setattr(_federation, "_MOST_SOURCES", most)


def at_new_sources(patch: pytest.MonkeyPatch, action: Callable[[], object]) -> None:
    """Run an action whenever a thread creates the source of a token that it has not found."""

    def late(*arguments: Any, **more: Any) -> Any:
        action()
        return _TokenSource(*arguments, **more)

    patch.setattr(_federation, "TokenSource", late)


def become_the_child_of_a_fork() -> None:
    """Do what the package does in the child of a fork."""
    _forks.begin_child()


# Google's side.


def share_any_transport(patch: pytest.MonkeyPatch, *, share: bool = True) -> None:
    """Let workers use every transport while its caller continues, as they use google-auth's own. With `share=False`: none."""
    patch.setattr(_transport, "shareable", lambda _: share)


def share_by_kind(patch: pytest.MonkeyPatch) -> None:
    """Undo `share_any_transport`."""
    patch.setattr(_transport, "shareable", _shareable)


_shareable = _transport.shareable


def use_own_transport(patch: pytest.MonkeyPatch, request: object) -> None:
    """Send requests for which the caller passes no transport through this one."""
    patch.setattr(_transport, "own", lambda: request)


def form_of(subject_token: str, request: Any, clock: Clock) -> dict[str, str]:
    """Exchange any text as a subject token, and return the form that is sent."""
    context = ExchangeContext(background=False, deadline=clock.monotonic() + 30)
    sender = _Sender(request, clock, context)
    client = _GoogleClient(_Settings("//iam.googleapis.com/"), sender, facts=lambda: Facts("exchange"))
    client.exchange(subject_token, ())
    return dict(parse_qsl(request.calls[0].body.decode(), keep_blank_values=True))


# AWS's side.


def aws_identity(
    profile: str | None = None,
    region: str | None = None,
    assume_role: object = None,
    session: object = None,
    clock: Clock = time,
) -> AwsIdentity:
    """Return only the AWS side. It resolves keys on the calling thread, so signals and interrupts reach it there."""
    return AwsIdentity(_arguments.source(profile, region, assume_role, None, None), session, clock=clock)


def holds_no_keys(identity: AwsIdentity) -> bool:
    """Return whether the next call resolves everything again."""
    keys = identity._session_keys
    if keys is None:
        return True
    found = keys._base_is_current and keys.base._created_session is not None
    return keys._role_credentials is None and not found


def lock_of(identity: AwsIdentity) -> Any:
    """Return the lock that is held while keys are resolved."""
    return identity._guard.exclusive.lock


def identity_of(credentials: Credentials) -> AwsIdentity:
    """Return the AWS side of credentials."""
    return credentials._federation.identity


def session_of(credentials: Credentials) -> Any:
    """Return the botocore session that was passed to credentials, or the one that has replaced it."""
    return identity_of(credentials).session


def before_signing(patch: pytest.MonkeyPatch, action: Callable[[ExchangeContext], object]) -> None:
    """Call an action with the context of the exchange before keys are resolved. It may raise `PromptRequired`."""
    signer = AwsIdentity.signer

    def late(self: AwsIdentity, url: str | None, context: ExchangeContext) -> Signer:
        action(context)
        return signer(self, url, context)

    patch.setattr(AwsIdentity, "signer", late)


def assume(patch: pytest.MonkeyPatch, arn: str) -> None:
    """Let all credentials know this ARN as the assumed role of their keys."""
    known = property(lambda _: arn, lambda _, __: None)
    patch.setattr(_identity.AwsIdentity, "assumed_role", known, raising=False)


def limit_requests_to_aws(patch: pytest.MonkeyPatch, seconds: float) -> None:
    """Limit how long a request to AWS takes."""
    patch.setattr(_retry, "LONGEST_REQUEST", seconds)
