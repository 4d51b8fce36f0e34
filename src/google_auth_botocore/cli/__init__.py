"""The command `google-auth-botocore`: one module for each of its commands, on the public API alone."""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Sequence

from google_auth_botocore import ConfigurationError, FederationError, __version__
from google_auth_botocore.cli import _executable, _exit, _token, config, doctor, serve

_COMMANDS = (_token, doctor, config, _executable, serve)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command.

    Returns:
        0: it did what was asked; 1: somebody refused; 2: an argument or a file is wrong; 75: it may work later;
        130: interrupted.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # for terminals that know no UTF-8
    options = _parser().parse_args(arguments)
    try:
        code: int = options.run(options)
    except ConfigurationError as error:
        return _failed(error, _exit.WRONG)
    except FederationError as error:
        return _failed(error, _exit.LATER if error.retryable else _exit.REFUSED)
    except BrokenPipeError:  # whoever read it has seen enough
        sys.stderr.close()
        return 0
    except KeyboardInterrupt:
        return _exit.INTERRUPTED
    return code


def _failed(error: Exception, code: int) -> int:
    print(f"google-auth-botocore: {error}", file=sys.stderr)  # noqa: T201 - a command speaks
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="google-auth-botocore", description="Google Cloud credentials for workloads on AWS.", allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in _COMMANDS:
        command.add_to(commands)
    return parser
