"""What our own work keeps away from: logs and tracebacks with bodies, headers and keys, and our own credentials' hooks.

While a thread signs or exchanges, a context variable says so. Filters hold the DEBUG records of the loggers below
back as long as it is set, and `before_request` and `refresh` of that thread do nothing, so that a transport that
carries our credentials itself (gspread's login does) neither deadlocks nor sends our header to STS.
"""

from __future__ import annotations

import contextlib
import functools
import logging
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from typing import ParamSpec, TypeVar

from google_auth_botocore.exceptions import FederationError

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

# Holds something while this thread is on the way to a token. What was copied of its context meanwhile, for a task that
# goes on longer, holds the same list, and finds it empty afterwards.
at_work: ContextVar[Sequence[bool]] = ContextVar("google_auth_botocore_at_work", default=())

_TALKATIVE = (
    "google.auth.transport.requests",
    "google.auth.transport.urllib3",
    "google.auth.transport._http_client",
    "google.auth.transport._aiohttp_requests",
    "google_auth_httplib2",
    "botocore.auth",
    "botocore.endpoint",
    "botocore.hooks",
    "botocore.parsers",
    "botocore.httpsession",
    "botocore.retryhandler",
    "botocore.utils",
)


@contextlib.contextmanager
def working() -> Iterator[None]:
    """Marks this thread as being on the way to a token."""
    work = [True]
    reset = at_work.set(work)
    try:
        yield
    finally:
        work.clear()
        at_work.reset(reset)


def quietly(work: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """The function, done as one that is on the way to a token.

    Its errors leave without their frames, whose locals are keys and tokens: what reports crashes often records them.
    """

    @functools.wraps(work)
    def done(*arguments: Parameters.args, **more: Parameters.kwargs) -> Result:
        with working():
            try:
                return work(*arguments, **more)
            except FederationError as error:
                error.__context__ = None  # what the cause leaves out, on purpose
                raise error.with_traceback(None)  # noqa: B904 - the same error

    return done


class _HoldBack(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno > logging.DEBUG or not at_work.get()


_hold_back = _HoldBack()
for _name in _TALKATIVE:
    logging.getLogger(_name).addFilter(_hold_back)
