"""Captures everything that is logged while every logger is at DEBUG."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from urllib.parse import quote


class Records(logging.Handler):
    """Keeps the formatted records, and the attributes that a handler of structured logs would keep."""

    def __init__(self) -> None:
        super().__init__(logging.NOTSET)
        self.text: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        parts = [self.format(record), repr(record.args), repr({k: v for k, v in vars(record).items() if k != "msg"})]
        self.text.append(" ".join(parts))

    def __contains__(self, secret: str) -> bool:
        forms = {secret, quote(secret, safe=""), quote(quote(secret, safe=""), safe=""), repr(secret)[1:-1]}
        return any(form in text for text in self.text for form in forms)


@contextlib.contextmanager
def recording() -> Iterator[Records]:
    """Capture the records of every logger, including those of google-auth that GOOGLE_SDK_PYTHON_LOGGING_SCOPE controls."""
    handler, before = Records(), {}
    for name in ["", "google", "google.auth", *logging.Logger.manager.loggerDict]:
        logger = logging.getLogger(name)
        before[logger] = logger.level, logger.disabled
        logger.setLevel(logging.DEBUG)
        logger.disabled = False
    loggers = [logging.getLogger(""), *(each for each in before if not each.propagate)]
    for logger in loggers:
        logger.addHandler(handler)
    try:
        yield handler
    finally:
        for logger in loggers:
            logger.removeHandler(handler)
        for logger, (level, disabled) in before.items():
            logger.setLevel(level)
            logger.disabled = disabled
