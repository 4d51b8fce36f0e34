"""Handle standard input, output and error, even if the command was started with some of them closed."""

from __future__ import annotations

import contextlib
import os
import sys

from google_auth_botocore._command_line import wrapped


def open_missing() -> None:
    """Open the null device in place of each standard stream that is closed.

    Otherwise, the next file or socket that is opened would get the number of the closed stream, and Python would print
    error messages to standard output if standard error is closed. Standard output is replaced by a read-only
    descriptor, so that writing fails, as it does if standard output is closed.
    """
    for number, flags in enumerate((os.O_RDONLY, os.O_RDONLY, os.O_WRONLY)):
        if not _is_open(number):
            _open_null(number, flags)
    if sys.stdout is None:
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - stays open until the process exits
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - as above


def redirect_to_null(*numbers: int) -> None:
    """Point file descriptors to the null device, so that later output to them is discarded."""
    for number in numbers:
        _open_null(number, os.O_RDWR)


def print_message(text: str) -> None:
    """Print a message on standard error, with the name of the command.

    If standard error is closed or the disk is full, the message is dropped and the command continues.

    Raises:
        BrokenPipeError: The reader of standard error closed the pipe.
    """
    try:
        message = wrapped(f"google-auth-botocore: {text}", sys.stderr, end=".")
        print(message, file=sys.stderr, flush=True)  # noqa: T201 - output of the command
    except BrokenPipeError:
        raise
    except (OSError, ValueError):
        pass


def print_warning(text: str) -> None:
    """Print a message on standard error, and ignore all errors of standard error."""
    with contextlib.suppress(BrokenPipeError):
        print_message(text)


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
