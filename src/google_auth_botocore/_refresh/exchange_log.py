"""The log records of an exchange: those with secrets are dropped, the others are delivered after it has finished.

They are delivered later because a handler that sends records to Google may request a token from the same credentials, and
would then wait for the exchange that called it. Records with secrets exist because botocore and google-auth log bodies,
headers and keys at DEBUG.
"""

from __future__ import annotations

import contextlib
import contextvars
import logging
import math
import traceback
from collections.abc import Callable
from typing import TypeVar

from google_auth_botocore._refresh.exchange import Exchange, ExchangeContext, current

Result = TypeVar("Result")

# The packages that an exchange uses. Records of other loggers, such as that of a user's own transport, are not held back.
_PACKAGES = (
    "botocore.",
    "google.auth.",
    "google_auth_botocore.",
    "google_auth_httplib2.",
    "httplib2.",
    "requests.",
    "urllib3.",
)
# Their DEBUG records hold bodies, headers or keys.
_WITH_SECRETS = {
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
}


class _HoldBack(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        exchange = current.get()
        if exchange is None or exchange.finished:
            return True
        if record.levelno > logging.DEBUG or record.name not in _WITH_SECRETS:
            # Format it now, as QueueHandler does: the arguments may change. Drop the traceback: its frames hold keys and
            # tokens, and AWS quotes a session token in some errors. The error of the exchange has a redacted cause.
            with contextlib.suppress(Exception):  # a record that cannot be formatted, which its handler reports
                record.msg, record.args = record.getMessage(), None
            record.exc_info = record.exc_text = None
            exchange.records.append(record)
        return False


_hold_back = _HoldBack()
_watched = 0


def watch() -> None:
    """Hold back the records of every logger that an exchange may use, including loggers that were created since the last call."""
    global _watched  # noqa: PLW0603 - adding a filter twice has no effect
    # logging does not document this attribute, although its `config` module reads it. The alternative would be a list of all
    # loggers in all releases of these packages.
    loggers = logging.Logger.manager.loggerDict
    if len(loggers) == _watched:
        return
    _watched = len(loggers)
    for name in list(loggers):
        if f"{name}.".startswith(_PACKAGES):
            logging.getLogger(name).addFilter(_hold_back)


def outside_exchange(owner: object, work: Callable[[], Result]) -> Result:
    """Do work whose log records may hold secrets, on this thread, when no exchange is running."""
    exchange = Exchange(owner, ExchangeContext(background=False, deadline=math.inf), 0)

    def do() -> Result:
        current.set(exchange)
        watch()
        try:
            return work()
        finally:
            exchange.finished = True
            deliver(exchange)

    return contextvars.copy_context().run(do)


def deliver(exchange: Exchange) -> None:
    """Pass the records of a finished exchange to their handlers."""
    try:
        for record in exchange.records:
            _guarded(logging.getLogger(record.name).handle, record)
    finally:
        exchange.delivered = True


def warn(logger: logging.Logger, text: str, *arguments: object) -> None:
    """Log a warning, even if the application's filters or handlers raise."""
    _guarded(logger.warning, text, *arguments)


def _guarded(log: Callable[..., object], *arguments: object) -> None:
    try:
        log(*arguments)
    except Exception:  # noqa: BLE001 - logging itself ignores a handler that fails
        if logging.raiseExceptions:
            traceback.print_exc()


for _name in _WITH_SECRETS:
    logging.getLogger(_name).addFilter(_hold_back)
