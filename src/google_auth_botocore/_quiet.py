"""What our own work keeps away from: the logs that print bodies, headers and keys, and our own credentials' hooks.

While a thread signs or exchanges, a context variable says so. Filters hold the DEBUG records of the loggers below
back as long as it is set, and `before_request` and `refresh` of that thread do nothing, so that a transport that
carries our credentials itself (gspread's login does) neither deadlocks nor sends our header to STS.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from contextvars import ContextVar

# Whether this thread is on the way to a token.
at_work: ContextVar[bool] = ContextVar("google_auth_botocore_at_work", default=False)

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
    reset = at_work.set(True)
    try:
        yield
    finally:
        at_work.reset(reset)


class _HoldBack(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno > logging.DEBUG or not at_work.get()


_hold_back = _HoldBack()
for _name in _TALKATIVE:
    logging.getLogger(_name).addFilter(_hold_back)
