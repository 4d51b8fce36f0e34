"""Distinguish the failure of an AWS source, which is translated, from a foreign exception, which must propagate unchanged.

Signal handlers (Celery's and RQ's time limits, SIGALRM), debuggers and a user's own credential provider raise in the
middle of botocore's code. Their exceptions are often of a built-in type, such as TimeoutError, and botocore and urllib3
wrap the exceptions that they catch. So neither the type nor the outermost exception shows where a failure comes from.
"""

from __future__ import annotations

import sys
from types import TracebackType

from google_auth_botocore._failures import _gevent
from google_auth_botocore._redaction import related

# The packages with the code of AWS sources. Exceptions whose types are defined in them are always failures of a source.
_SOURCES = frozenset({"awscrt", "botocore", "dateutil", "google_auth_botocore", "jmespath", "urllib3"})
# Exceptions of the standard library are failures of a source if its code raised them, except those of these modules, which
# run or debug the application.
_APPLICATION_MODULES = frozenset({"asyncio", "bdb", "concurrent", "pdb", "queue", "unittest"})
_LIBRARY = sys.stdlib_module_names - _APPLICATION_MODULES
# These packages wrap functions of botocore and of the standard library. Their frames do not show where an exception was raised.
_WRAPPERS = frozenset(
    {"aws_xray_sdk", "ddtrace", "elasticapm", "eventlet", "gevent", "newrelic", "opentelemetry", "sentry_sdk", "wrapt"}
)
# Built-in types that are never failures of a source: the process or the code is broken, and the caller must get the exception.
_BROKEN = (AssertionError, MemoryError, RecursionError, NotImplementedError, ImportError, NameError, StopIteration)


def foreign(error: BaseException, handled: BaseException | None) -> BaseException | None:
    """Return the exception that must reach the caller instead of a translation of *error*, if there is one.

    Args:
        error: The exception that botocore raised.
        handled: The exception that the caller was already handling when the work began. Python links it to *error*.

    Returns:
        The error itself, or the foreign exception that botocore or urllib3 has wrapped. None: a source failed.
    """
    if not isinstance(error, Exception):
        return error
    for each in related(error, handled):
        if not _of_source(each):
            return each
    return error if _is_broken(error) else None


def _is_broken(error: Exception) -> bool:
    if type(error).__module__ != "builtins" or not isinstance(error, _BROKEN):
        return False
    if not isinstance(error, RecursionError):
        return True
    # The JSON of a source may be nested too deeply, or TLS calls itself because gevent patched it too late. In all other cases,
    # the caller's own stack is too deep.
    return _innermost(error.__traceback__) != "json.decoder" and not _gevent.patched_late()


def _innermost(traceback: TracebackType | None) -> str:
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    return "" if traceback is None else str(traceback.tb_frame.f_globals.get("__name__"))


def _of_source(error: BaseException) -> bool:
    root = _root(type(error).__module__)
    if root in _SOURCES:
        return True
    return root in _LIBRARY and _root(_raised_in(error.__traceback__)) in _SOURCES


def _raised_in(traceback: TracebackType | None) -> str:
    """Return the module that raised the error: that of the innermost frame outside the standard library and the wrappers."""
    found = "google_auth_botocore"  # no frames: it was never raised, or they were removed
    while traceback is not None:
        name = str(traceback.tb_frame.f_globals.get("__name__", ""))
        if _root(name) not in _WRAPPERS and _root(name) not in _LIBRARY:
            found = name
        traceback = traceback.tb_next
    return found


def _root(module: str) -> str:
    return module.partition(".")[0]
