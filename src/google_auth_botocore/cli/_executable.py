"""`executable`: print the subject token for Google's libraries, which run this command.

`config create --executable` writes a configuration file that names it as the source of the subject token.

https://google.aip.dev/auth/4117#determining-the-subject-token-in-executable-sourced-credentials
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import signal
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from google_auth_botocore import ConfigurationError, FederationError
from google_auth_botocore._redaction import quoted
from google_auth_botocore.cli import _credentials_flags, _subject_token
from google_auth_botocore.cli._subject_token import JWT

# Google accepts a JWT under both types. The response must use the type in the configuration file.
_TYPES = (JWT, "urn:ietf:params:oauth:token-type:id_token")

# Seconds. Getting the JWT takes at most 31, except if the user is prompted for an MFA code. The library stops this command after
# 60 if the file is from `config create --executable`, and then no reason would be printed.
_TIME_LIMIT = 50.0


class _TimeIsUp(BaseException):
    """The time limit has passed. Not an Exception, so that no library that is interrupted handles it."""


def add_to(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "executable",
        help="print the subject token for a Google library that runs this command",
        usage="%(prog)s [flags]",
        examples="""
        # Write a file with which Google's libraries run this command
        google-auth-botocore config create --config config.json --executable \\
          --output executable.json
        # See what they get
        google-auth-botocore executable --config config.json
        """,
        description=(
            "Print a JWT from AWS in the JSON format that Google's libraries expect from an executable. They run this "
            "command if the configuration file is from `config create --executable`. Without --audience and --config, "
            "the JWT is for the provider that the library names. A failure is also printed as JSON, with exit code 0."
        ),
        parents=[_credentials_flags.parent_parser()],
    )
    parser.set_defaults(run=_run)


def require_jwt(options: argparse.Namespace) -> None:
    """Set the type of the subject token to JWT, the only type that an executable may return.

    Raises:
        ConfigurationError: --subject-token-type is another type.
    """
    if options.subject_token_type not in (None, JWT):
        raise ConfigurationError(
            f"An executable must return {JWT}, not {quoted(options.subject_token_type)}. Omit --subject-token-type."
        )
    options.subject_token_type = JWT


def _run(options: argparse.Namespace) -> int:
    # The libraries merge standard error into standard output. A warning would make the JSON invalid.
    with contextlib.redirect_stderr(io.StringIO()):
        response = _response(options)
    text = json.dumps(response)
    print(text)  # noqa: T201 - output of the command
    if response["success"]:
        _cache(text)
    # Also for a failure: with another exit code, the libraries for Go and Java do not show the message.
    return 0


def _response(options: argparse.Namespace) -> dict[str, Any]:
    try:
        with _time_limit(_TIME_LIMIT):
            return _success(options)
    except _TimeIsUp:
        return _failure(
            "TimeLimitExceeded",
            f"There is no JWT after {_TIME_LIMIT:.0f} s. If the AWS profile requires an MFA code, use a profile that does not, or "
            "enter the code earlier.",
        )
    except FederationError as error:
        return _failure(error.reason or "FederationError", error)
    except ConfigurationError as error:
        return _failure("ConfigurationError", error)


@contextlib.contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    """Interrupt the block after some seconds. A prompt for an MFA code then restores the terminal.

    Windows has no such signal. There, the library stops the command.
    """
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
        raise _TimeIsUp

    handler = signal.signal(signal.SIGALRM, interrupt)
    timer = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, *timer)
        signal.signal(signal.SIGALRM, handler)


def _failure(code: str, error: Exception | str) -> dict[str, Any]:
    return {"version": 1, "success": False, "code": code, "message": str(error)}


def _success(options: argparse.Namespace) -> dict[str, Any]:
    kind = os.environ.get("GOOGLE_EXTERNAL_ACCOUNT_TOKEN_TYPE", JWT)
    if kind not in _TYPES:
        raise ConfigurationError(
            f"An executable must return a JWT: subject_token_type must be {JWT}, not {quoted(kind)}."
        )
    if options.config is None and options.audience is None:
        options.audience = os.environ.get("GOOGLE_EXTERNAL_ACCOUNT_AUDIENCE")
    require_jwt(options)
    token = _credentials_flags.credentials(options).retrieve_subject_token()
    return {
        "version": 1,
        "success": True,
        "token_type": kind,
        "id_token": token,
        "expiration_time": int(_subject_token.claims(token)["exp"]),
    }


def _cache(text: str) -> None:
    """Write the response to the output file in the configuration, if there is one. Only this user can read it."""
    path = os.environ.get("GOOGLE_EXTERNAL_ACCOUNT_OUTPUT_FILE")
    if not path:
        return
    # If this fails, the library runs the command again next time.
    with contextlib.suppress(OSError):
        descriptor, name = tempfile.mkstemp(dir=Path(path).parent)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
            Path(name).replace(path)
        finally:
            Path(name).unlink(missing_ok=True)  # still there if an error occurred, and it contains the token
