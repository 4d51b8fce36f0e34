"""Standard input, output and error, also if the command was started with some of them closed."""

from __future__ import annotations

import contextlib
import os
import sys


def repair() -> None:
    """Open the null device in place of each standard stream that is closed.

    Without this, the next file or socket gets the number of the closed stream, and Python prints error messages to
    standard output when there is no standard error. The substitute for standard output is read-only: writing to it
    fails, as writing to a closed standard output does.
    """
    for number, flags in enumerate((os.O_RDONLY, os.O_RDONLY, os.O_WRONLY)):
        if not _is_open(number):
            _open_null(number, flags)
    if sys.stdout is None:
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - as long as the process
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - as above


def discard(*numbers: int) -> None:
    """Point file descriptors to the null device, so that what is still written to them goes nowhere."""
    for number in numbers:
        _open_null(number, os.O_RDWR)


def say(text: str) -> None:
    """Print a message of the command on standard error.

    A message that cannot be written is lost: it must not stop the work that it is about.

    Raises:
        BrokenPipeError: The reader of standard error has gone.
    """
    try:
        print(f"google-auth-botocore: {text}", file=sys.stderr, flush=True)  # noqa: T201 - a command speaks
    except BrokenPipeError:
        raise
    except (OSError, ValueError):
        pass


def warn(text: str) -> None:
    """Print a message on standard error, whatever has become of that."""
    with contextlib.suppress(BrokenPipeError):
        say(text)


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def _open_null(number: int, flags: int) -> None:
    opened = os.open(os.devnull, flags)
    if opened != number:
        os.dup2(opened, number)
        os.close(opened)
    else:
        os.set_inheritable(number, True)  # noqa: FBT003 - its only argument
