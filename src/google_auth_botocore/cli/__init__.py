"""The command `google-auth-botocore`. Each subcommand has a module or a package here."""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import re
import sys
from collections.abc import Sequence
from typing import NoReturn

from google_auth_botocore import ConfigurationError, FederationError, __version__
from google_auth_botocore._redaction import is_secret, shown
from google_auth_botocore.cli import _executable, _exit_codes, _standard_streams, _token, config, doctor, serve

# argparse's own messages are shorter. A longer one quotes a value that may be a pasted key file.
_LONGEST_MESSAGE = 1000
_COMMANDS = (_token, doctor, config, _executable, serve)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command, and return its exit code.

    Returns:
        0: success; 1: Google or AWS rejected the request; 2: invalid argument or file; 74: cannot write output;
        75: temporary failure, try again; 130: interrupted; 141: the reader closed the pipe.
    """
    _standard_streams.open_missing()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # for terminals without UTF-8
    words = sys.argv[1:] if arguments is None else arguments
    failed = True
    try:
        code = _main(words)
        failed = code != 0
        return code
    except SystemExit as stop:  # argparse exits by itself
        failed = stop.code not in (0, None)
        raise
    finally:
        if failed and serve.is_evaluated_by_shell(words):
            # `eval ""` succeeds. Print a command that makes the shell's eval fail.
            with contextlib.suppress(OSError):
                os.write(1, b"false\n")


def _main(arguments: Sequence[str]) -> int:
    try:
        try:
            return _run(arguments)
        finally:  # also if argparse exits by itself
            # Flush now: an error while the interpreter exits could not be handled.
            print(end="", flush=True)  # noqa: T201
    except BrokenPipeError:
        _standard_streams.redirect_to_null(sys.stdout.fileno(), sys.stderr.fileno())
        return _exit_codes.BROKEN_PIPE
    except OSError as error:  # standard output is closed, or the disk is full
        _standard_streams.redirect_to_null(sys.stdout.fileno())
        return _failed(f"I/O error: {shown(str(error))}", _exit_codes.CANNOT_WRITE)
    except KeyboardInterrupt:
        return _exit_codes.INTERRUPTED


def _run(arguments: Sequence[str]) -> int:
    options = _parser().parse_args(arguments)
    try:
        code: int = options.run(options)
    except ConfigurationError as error:
        return _failed(error, _exit_codes.INVALID)
    except FederationError as error:
        return _failed(error, _exit_codes.TRY_AGAIN if error.retryable else _exit_codes.REJECTED)
    return code


def _failed(error: Exception | str, code: int) -> int:
    _standard_streams.print_message(str(error))
    return code


class _Parser(argparse.ArgumentParser):
    """A parser whose errors hide values that look like secrets: users often paste a key file's JSON instead of its path."""

    def error(self, message: str) -> NoReturn:
        """Print the usage and the message, and exit with code 2."""
        words = (word.strip("'\",:()").rpartition("=")[2] for word in message.split())
        if len(message) > _LONGEST_MESSAGE or is_secret(message) or any(map(is_secret, words)):
            argument = re.match("argument [^:'\"]{1,80}(?=:)|unrecognized arguments", message)
            message = (
                f"{argument[0] if argument else 'invalid argument'}: the value is hidden, because it may be a secret. "
                "To pass a configuration, save it to a file and pass the file's path."
            )
        super().error(message)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="google-auth-botocore", description="Google Cloud credentials for workloads on AWS.", allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in _COMMANDS:
        command.add_to(commands)
    return parser
