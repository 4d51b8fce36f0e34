"""Errors that leave an exchange: without the frames that performed it, and one copy for each thread that raises them."""

from __future__ import annotations

import contextlib
import copy
import traceback
from typing import TypeVar

from google_auth_botocore import _redaction
from google_auth_botocore.exceptions import FederationError

ErrorT = TypeVar("ErrorT", bound=BaseException)


def copied(error: ErrorT) -> ErrorT:
    """Return the same error for another thread, without its traceback, which would keep a whole stack alive."""
    try:
        copied_error = copy.copy(error)
        # Use the methods of BaseException, because a user's class may forbid assignment. Even a copy may have a traceback: tblib,
        # with which Dask pickles errors, copies it.
        BaseException.with_traceback(copied_error, None)
        BaseException.__setattr__(copied_error, "__cause__", error.__cause__)
        if hasattr(copied_error, "__notes__"):
            BaseException.__setattr__(copied_error, "__notes__", list(copied_error.__notes__))
    except Exception:  # noqa: BLE001 - an error of a user's class that cannot be copied
        return error
    return copied_error


def without_frames(error: ErrorT, handled: BaseException | None) -> ErrorT:
    """Remove the frames of an exchange: their local variables hold keys and tokens, and crash reports often show them.

    Args:
        error: The exception that the exchange raised.
        handled: The exception that this thread was already handling. It belongs to the caller, and keeps its frames.
    """
    place = traceback.extract_tb(error.__traceback__)[-1:]
    if isinstance(error, FederationError):
        error.__context__ = None  # it may hold secrets that the cause leaves out on purpose
    for each in _redaction.related(error, handled):
        BaseException.with_traceback(each, None)
    with contextlib.suppress(Exception):  # a class that allows no notes, or Python before 3.11
        if place and not isinstance(error, FederationError) and not hasattr(error, "__notes__"):
            where = f"{place[0].name}, {place[0].filename}:{place[0].lineno}"
            error.add_note(f"It was raised while a token was fetched, in {where}.")
    return error
