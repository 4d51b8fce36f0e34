"""The command `google-auth-botocore`: one module for each of its commands, on the public API alone."""

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
from google_auth_botocore.cli import _executable, _exit, _streams, _token, config, doctor, serve

# More than the longest that argparse says by itself.
_LONGEST_MESSAGE = 1000
_COMMANDS = (_token, doctor, config, _executable, serve)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Returns:
        0: success; 1: Google or AWS rejected the request; 2: invalid argument or file; 74: cannot write output;
        75: temporary failure, try again; 130: interrupted; 141: the reader of the output has gone.
    """
    _streams.repair()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # for terminals that know no UTF-8
    given = sys.argv[1:] if arguments is None else arguments
    failed = True
    try:
        code = _main(given)
        failed = code != 0
        return code
    except SystemExit as end:  # argparse ends the process itself
        failed = end.code not in (0, None)
        raise
    finally:
        if failed and serve.is_evaluated(given):
            # The status of an eval of nothing is 0.
            with contextlib.suppress(OSError):
                os.write(1, b"false\n")


def _main(arguments: Sequence[str]) -> int:
    try:
        try:
            return _run(arguments)
        finally:  # argparse, too, which ends the process itself
            print(end="", flush=True)  # noqa: T201 - what waits until the interpreter ends fails where nobody catches it
    except BrokenPipeError:
        _streams.discard(sys.stdout.fileno(), sys.stderr.fileno())
        return _exit.UNREAD
    except OSError as error:  # standard output is closed, or its disk is full
        _streams.discard(sys.stdout.fileno())
        return _failed(shown(str(error)), _exit.UNWRITTEN)
    except KeyboardInterrupt:
        return _exit.INTERRUPTED


def _run(arguments: Sequence[str]) -> int:
    options = _parser().parse_args(arguments)
    try:
        code: int = options.run(options)
    except ConfigurationError as error:
        return _failed(error, _exit.WRONG)
    except FederationError as error:
        return _failed(error, _exit.LATER if error.retryable else _exit.REFUSED)
    return code


def _failed(error: Exception | str, code: int) -> int:
    _streams.say(str(error))
    return code


class _Parser(argparse.ArgumentParser):
    """A parser whose errors do not show what looks like a secret: a key file's JSON is often passed for its path."""

    def error(self, message: str) -> NoReturn:
        """Print the usage and the message, and exit with 2."""
        words = (word.strip("'\",:()").rpartition("=")[2] for word in message.split())
        if len(message) > _LONGEST_MESSAGE or is_secret(message) or any(map(is_secret, words)):
            which = re.match("argument [^:'\"]{1,80}(?=:)|unrecognized arguments", message)
            message = (
                f"{which[0] if which else 'invalid argument'}: the value is not shown here, because it may be a secret. "
                "If it is a configuration, write it to a file and pass the path of that file."
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
