"""What can go wrong with a copy, as the exit codes and the manifest tell it apart; and text that is safe to print.

Above `cloud_storage.py` and `s3.py` there are no other errors of the clouds than these.
"""

from __future__ import annotations

import email.utils
import time
from collections.abc import Mapping
from dataclasses import dataclass

_LONGEST = 500


class CopyCatError(Exception):
    """The base. The message is one sentence."""


class CopyError(CopyCatError):
    """This object cannot be copied."""


class MissingError(CopyError):
    """The object, its generation or the upload is not there (any more)."""


class DeniedError(CopyError):
    """A permission is missing: for this object, which may have an ACL or a key of its own, or for all of them.

    Args:
        message: one sentence.
        permission: what is missing.
    """

    def __init__(self, message: str, permission: str) -> None:
        super().__init__(message)
        self.permission = permission


class ConditionError(CopyError):
    """S3's object is not the one that was seen before: another program has written it meanwhile."""


class WrongAnswerError(CopyError):
    """An answer says "success" and its content contradicts that. Trying again may help."""


class SetupError(CopyCatError):
    """A bucket, an identity or a permission for the bucket is missing: exit code 2."""


class OutageError(CopyCatError):
    """A cloud has not answered for minutes: exit code 75, try again later."""


class StoppedError(CopyCatError):
    """The run was stopped before this was done."""

    def __init__(self, message: str = "the run was stopped before it was copied") -> None:
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Failure:
    """What an exception of a client library means.

    Attributes:
        error: what to raise if it is not tried again, or no more.
        transient: the same request may succeed later.
        throttled: the server says that there are too many requests.
        retry_after: seconds to wait that the server requests.
        tries: how often at most; None: for as long as the cloud may be away.
    """

    error: CopyCatError
    transient: bool = False
    throttled: bool = False
    retry_after: float = 0.0
    tries: int | None = None


# For answers that are wrong, unlike none at all: more tries than a fluke needs, few enough for an end.
TRIES_FOR_WRONG_ANSWERS = 5


def escaped(text: str) -> str:
    """Return text for a terminal: control characters and others that do not print are written as escapes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def one_line(text: object) -> str:
    """Return text of any length as one line: a hint's command works only in full."""
    return escaped(" ".join(str(text).split()))


def sentence(text: object) -> str:
    """Return what a server or a library says as one line of limited length."""
    line = one_line(text)
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"


def chain(error: BaseException) -> list[BaseException]:
    """Return an exception and those behind it, the outermost first."""
    found: list[BaseException] = []
    pending: list[object] = [error]
    while pending:
        each = pending.pop(0)
        if not isinstance(each, BaseException) or each in found:
            continue
        found.append(each)
        # botocore keeps the cause in `kwargs`, urllib3 in `reason` or among the arguments.
        botocores = getattr(each, "kwargs", None)
        pending += [each.__cause__, each.__context__, getattr(each, "reason", None), *each.args]
        pending += [botocores.get("error")] if isinstance(botocores, dict) else []
    return found


def retry_after(headers: Mapping[str, str]) -> float:
    """Return the seconds to wait that a server requests: `Retry-After: 30`, or a date."""
    value = headers.get("retry-after", "").strip()
    try:
        return max(0.0, float(value)) if value else 0.0
    except ValueError:
        pass
    try:
        until = email.utils.parsedate_to_datetime(value)
    except (ValueError, TypeError):
        return 0.0
    return max(0.0, until.timestamp() - time.time())
