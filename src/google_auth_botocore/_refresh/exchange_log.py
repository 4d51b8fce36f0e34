"""The log records of an exchange: those with secrets are dropped, the others are delivered when it has ended.

Why not at once: a handler that sends records to Google asks these very credentials for a token, and would wait for
the exchange that it is called from. Why not all: at DEBUG, botocore and google-auth log bodies, headers and keys.
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

# What an exchange calls. A logger elsewhere, such as the one of a user's own transport, is not held back.
_PACKAGES = (
    "botocore",
    "google.auth",
    "google_auth_botocore",
    "google_auth_httplib2",
    "httplib2",
    "requests",
    "urllib3",
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
            # As QueueHandler does: later, the arguments may have changed. Frames hold keys and tokens, and AWS quotes a
            # session token in the error that a traceback ends with; our own error says why, without it.
            with contextlib.suppress(Exception):  # of a record that cannot be formatted; its handler says so
                record.msg, record.args = record.getMessage(), None
            record.exc_info = record.exc_text = None
            exchange.records.append(record)
        return False


_hold_back = _HoldBack()
_watched = 0


def watch() -> None:
    """Hold back the records of every logger that an exchange may use, also of one that is new since the last time."""
    global _watched  # noqa: PLW0603 - a filter that is added twice is there once
    # Not in logging's documentation, although its own `config` module reads it; the alternative is a list of every
    # logger of every release of four packages.
    loggers = logging.Logger.manager.loggerDict
    if len(loggers) == _watched:
        return
    _watched = len(loggers)
    for name in list(loggers):
        if name.startswith(_PACKAGES) and (
            name in _PACKAGES or name.startswith(tuple(f"{each}." for each in _PACKAGES))
        ):
            logging.getLogger(name).addFilter(_hold_back)


def apart(owner: object, work: Callable[[], Result]) -> Result:
    """Do work that logs as an exchange does, on this thread."""
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
    """Pass the records of an exchange that has ended to their handlers."""
    try:
        for record in exchange.records:
            _guarded(logging.getLogger(record.name).handle, record)
    finally:
        exchange.delivered = True


def warn(logger: logging.Logger, text: str, *arguments: object) -> None:
    """Log a warning, whatever the application's filters and handlers raise."""
    _guarded(logger.warning, text, *arguments)


def _guarded(log: Callable[..., object], *arguments: object) -> None:
    try:
        log(*arguments)
    except Exception:  # noqa: BLE001 - as logging itself treats a handler that fails
        if logging.raiseExceptions:
            traceback.print_exc()


for _name in _WITH_SECRETS:
    logging.getLogger(_name).addFilter(_hold_back)
