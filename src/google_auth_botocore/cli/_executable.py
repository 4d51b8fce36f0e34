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
import tempfile
from pathlib import Path
from typing import Any

from google_auth_botocore import ConfigurationError, FederationError
from google_auth_botocore._redaction import quoted
from google_auth_botocore.cli import _credentials_flags, _subject_token
from google_auth_botocore.cli._subject_token import JWT

# Google accepts a JWT under both types. The response must use the type in the configuration file.
_TYPES = (JWT, "urn:ietf:params:oauth:token-type:id_token")


def add_to(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "executable",
        help="print the subject token for a Google library that runs this command",
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
        return _success(options)
    except FederationError as error:
        return _failure(error.reason or "FederationError", error)
    except ConfigurationError as error:
        return _failure("ConfigurationError", error)


def _failure(code: str, error: Exception) -> dict[str, Any]:
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
