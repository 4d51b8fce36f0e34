"""The command `google-auth-botocore`. Each subcommand has a module or a package here."""
# PYTHON_ARGCOMPLETE_OK - for users who activated argcomplete for all commands

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
from collections.abc import Sequence

from google_auth_botocore import ConfigurationError, FederationError, __version__
from google_auth_botocore._command_line import Parser
from google_auth_botocore._redaction import is_secret, shown
from google_auth_botocore.cli import (
    _completion,
    _executable,
    _exit_codes,
    _standard_streams,
    _token,
    config,
    doctor,
    serve,
)

_COMMANDS = (_token, doctor, config, _executable, serve, _completion)


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
        reason = "standard output is closed" if error.errno == errno.EBADF else shown(error.strerror or str(error))
        return _failed(f"Cannot write the output: {reason}.", _exit_codes.CANNOT_WRITE)
    except KeyboardInterrupt:
        return _exit_codes.INTERRUPTED


def _run(arguments: Sequence[str]) -> int:
    parser = _parser()
    _completion.complete(parser)
    options = parser.parse_args(arguments)
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


class _Parser(Parser):
    def is_secret(self, text: str) -> bool:
        """Return whether a text looks like a secret."""
        return is_secret(text)


def _parser() -> Parser:
    parser = _Parser(
        prog="google-auth-botocore",
        usage="%(prog)s COMMAND [flags]",
        description="Google Cloud credentials for workloads on AWS, without keys.",
        epilog=(
            "Exit codes: 0: success. 1: Google or AWS rejected the request. 2: an argument or a file is invalid. 74: the output "
            "cannot be written. 75: a temporary failure, try again."
        ),
        examples="""
        # Set up both clouds: print the commands for your account
        google-auth-botocore config setup --help
        # Find out why there is no token
        google-auth-botocore doctor --config config.json
        # Run a program with Google Cloud credentials
        google-auth-botocore serve --config config.json -- gcloud storage ls
        # Complete commands and flags with Tab, after
        # pip install 'google-auth-botocore[completion]'
        eval "$(google-auth-botocore completion bash)"
        """,
    )
    parser.add_argument(
        "--version", action="version", version=f"%(prog)s {__version__}", help="print the version and exit"
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True, prog=parser.prog)
    for command in _COMMANDS:
        command.add_to(commands)
    return parser
