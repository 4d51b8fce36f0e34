"""`executable`: what Google's own libraries run for a subject token, where a file of `config create --executable` says so.

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
from google_auth_botocore.cli import _identity, _subject_token
from google_auth_botocore.cli._subject_token import JWT

# Both are a JWT to Google; the answer has to call it what the file calls it.
_TYPES = (JWT, "urn:ietf:params:oauth:token-type:id_token")


def add_to(commands: Any) -> None:
    """Adds the command."""
    parser = commands.add_parser(
        "executable",
        help="prove the identity to a Google library that runs this command",
        description=(
            "Prints AWS's JWT in the form that Google's libraries expect of an executable that they run: "
            "see `config create --executable`. Without --audience and --config it is for the provider that the library "
            "names. A failure is printed in that form, too, and the exit code is 0."
        ),
        parents=[_identity.flags()],
    )
    parser.set_defaults(run=_run)


def prove_with_jwt(options: argparse.Namespace) -> None:
    """Chooses the only proof that an executable may give.

    Raises:
        ConfigurationError: A flag chooses another.
    """
    if options.subject_token_type not in (None, JWT):
        raise ConfigurationError(
            f"An executable's proof of identity is {JWT}, not {quoted(options.subject_token_type)}: "
            "leave --subject-token-type out."
        )
    options.subject_token_type = JWT


def _run(options: argparse.Namespace) -> int:
    # The libraries read standard output and standard error as one.
    with contextlib.redirect_stderr(io.StringIO()):
        response = _response(options)
    text = json.dumps(response)
    print(text)  # noqa: T201 - it was asked for
    if response["success"]:
        _keep(text)
    # A failure is a response, too: of a command that ends with another code, the libraries for Go and Java show nothing.
    return 0


def _response(options: argparse.Namespace) -> dict[str, Any]:
    try:
        return _proof(options)
    except FederationError as error:
        return _failure(error.reason or "FederationError", error)
    except ConfigurationError as error:
        return _failure("ConfigurationError", error)


def _failure(code: str, error: Exception) -> dict[str, Any]:
    return {"version": 1, "success": False, "code": code, "message": str(error)}


def _proof(options: argparse.Namespace) -> dict[str, Any]:
    kind = os.environ.get("GOOGLE_EXTERNAL_ACCOUNT_TOKEN_TYPE", JWT)
    if kind not in _TYPES:
        raise ConfigurationError(
            f"AWS's proof for an executable is a JWT: the subject_token_type is {JWT}, not {quoted(kind)}."
        )
    if options.config is None and options.audience is None:
        options.audience = os.environ.get("GOOGLE_EXTERNAL_ACCOUNT_AUDIENCE")
    prove_with_jwt(options)
    token = _identity.credentials(options).retrieve_subject_token()
    return {
        "version": 1,
        "success": True,
        "token_type": kind,
        "id_token": token,
        "expiration_time": int(_subject_token.claims(token)["exp"]),
    }


def _keep(text: str) -> None:
    """Leaves the answer where the libraries look first, if the file says where; for this user's eyes alone."""
    path = os.environ.get("GOOGLE_EXTERNAL_ACCOUNT_OUTPUT_FILE")
    if not path:
        return
    # Without it the library runs the command again: no reason to fail.
    with contextlib.suppress(OSError):
        handle, name = tempfile.mkstemp(dir=Path(path).parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            Path(name).replace(path)
        finally:
            Path(name).unlink(missing_ok=True)  # it is there where that failed, and whoever finds it has the proof
