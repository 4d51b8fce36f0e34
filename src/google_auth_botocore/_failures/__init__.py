"""Every known failure, once: how to recognise it, what it means and how to fix it.

The core turns the facts of a failure into an error here, and `doctor` finds the same entry with more evidence.
The entries were collected from Google's troubleshooting pages and from users' reports:
https://cloud.google.com/iam/docs/troubleshooting-workload-identity-federation.

The table is loaded with the first failure, because a cold start has no use for it. Another thread may fork meanwhile, and
an import that a fork interrupts hangs the child. So a fork waits for the import.
"""

from __future__ import annotations

import logging
import os
import threading

from google_auth_botocore._failures._facts import Facts
from google_auth_botocore.exceptions import FederationError, TransientFederationError

_LOGGER = logging.getLogger(__name__)

# Defined here because, without a free file descriptor, the table cannot be loaded.
OUT_OF_RESOURCES = "The process or the machine has run out of open files, memory or processes. Raise the limit (ulimit -n), or close files and connections that are left open."

# Reentrant: the thread that imports the table may itself fork, or run a finalizer that fails.
_IMPORT = threading.RLock()
if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(before=_IMPORT.acquire, after_in_parent=_IMPORT.release, after_in_child=_IMPORT.release)


def error(message: str, facts: Facts) -> FederationError:
    """Return the error for a failure, with the hint of its entry in the table.

    Args:
        message: What failed and what was seen, in whole sentences.
        facts: Its facts.
    """
    name, hint, message = _described(message, facts)
    kind = TransientFederationError if facts.transient else FederationError
    made = kind(
        message,
        step=facts.step,
        reason=facts.reason,
        status_code=facts.status,
        hint=hint,
        aws_reason=facts.aws_reason,
        failure=name,
    )
    made._facts = facts
    return made


def facts_of(failure: BaseException) -> Facts | None:
    """Return the facts that an error was made from; None for any other exception, and for an error from a pickle."""
    return failure._facts if isinstance(failure, FederationError) else None


def rejected_date(failure: BaseException) -> bool:
    """Return whether AWS or Google found the date of a signature or an assertion too old or too new."""
    facts = facts_of(failure)
    return facts is not None and facts.rejected_date


def _described(message: str, facts: Facts) -> tuple[str | None, str | None, str]:
    """Return the id and the hint of the entry that fits the facts, and the message in a length that fits the hint."""
    try:
        with _IMPORT:
            from google_auth_botocore._failures import _length, _table  # noqa: PLC0415 - see above

            find, fitted = _table.find, _length.fitted
    except (OSError, MemoryError):
        return facts.failure, OUT_OF_RESOURCES if facts.failure == "resources-exhausted" else None, message
    except Exception:  # noqa: BLE001 - the error matters more than its hint
        # The interpreter is shutting down, the package is being replaced on disk (so a file may be half written), or the table is
        # being imported further up this thread's stack.
        return None, None, message
    try:
        found = find(facts)
        hint = None if found is None else found.remedy.hint(found.failure.id)
        message = fitted(message, facts.text, hint)
    except Exception as mistake:  # noqa: BLE001 - a mistake of this package must not replace the failure of the user
        _LOGGER.debug("The failure could not be looked up (%s).", type(mistake).__name__)
        return facts.failure, None, message
    return None if found is None else found.failure.id, hint, message
