"""The errors of a copy, one class for each reaction to them, and helpers that make text of other programs safe to print.

`cloud_storage.py` and `s3.py` convert all exceptions of the client libraries to these.
"""

from __future__ import annotations

import email.utils
import time
from collections.abc import Mapping
from dataclasses import dataclass

_MAX_LENGTH = 500


class CopyCatError(Exception):
    """Base class. The message is one sentence."""


class CopyError(CopyCatError):
    """This object cannot be copied."""


class MissingError(CopyError):
    """The object, its generation or the upload does not exist, or no longer exists."""


class DeniedError(CopyError):
    """A permission is missing, either for this object, which may have its own ACL or KMS key, or for all objects.

    Args:
        message: one sentence.
        permission: the missing permission.
    """

    def __init__(self, message: str, permission: str) -> None:
        super().__init__(message)
        self.permission = permission


class ConditionError(CopyError):
    """The object in S3 changed after it was examined: another program has written it."""


class InvalidResponseError(CopyError):
    """A response reports success, but its content is invalid or contradicts that. A retry may help."""


class SetupError(CopyCatError):
    """A bucket, an identity or a permission on the bucket is missing. The run ends with exit code 2."""


class OutageError(CopyCatError):
    """A cloud has not responded for minutes. The run ends with exit code 75."""


class StoppedError(CopyCatError):
    """The run was stopped before this operation finished."""

    def __init__(self, message: str = "the run was stopped before it was copied") -> None:
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Failure:
    """The classification of an exception of a client library.

    Attributes:
        error: error to raise if the request is not retried, or no longer.
        transient: whether the same request may succeed later.
        throttled: whether the server reports too many requests.
        retry_after: seconds to wait, as the server requests.
        tries: how often to try the request at most. None: until the outage limit.
    """

    error: CopyCatError
    transient: bool = False
    throttled: bool = False
    retry_after: float = 0.0
    tries: int | None = None


# An invalid response can be a glitch, but unlike an outage it can also be permanent. So these are retried only a few times.
TRIES_FOR_INVALID_RESPONSES = 5


def escaped(text: str) -> str:
    """Return text that is safe for a terminal: characters that are not printable become escape sequences."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def one_line(text: object) -> str:
    """Return text as one line. It is not shortened, so a command in a hint stays complete."""
    return escaped(" ".join(str(text).split()))


def sentence(text: object) -> str:
    """Return a message of a server or a library as one line of limited length."""
    line = one_line(text)
    return line if len(line) <= _MAX_LENGTH else f"{line[:_MAX_LENGTH]}…"


def chain(error: BaseException) -> list[BaseException]:
    """Return an exception and its causes, the outermost first."""
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
    """Return the seconds to wait according to the header `Retry-After`, which is a number or a date."""
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
