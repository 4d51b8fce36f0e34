"""`config create`: write an `external_account` file, equivalent to the one that gcloud writes.

https://cloud.google.com/sdk/gcloud/reference/iam/workload-identity-pools/create-cred-config
"""

from __future__ import annotations

import argparse
import json
import shlex
import shutil
import sys
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from google_auth_botocore import ConfigurationError
from google_auth_botocore._redaction import quoted
from google_auth_botocore.cli import _credentials_flags, _executable
from google_auth_botocore.cli._subject_token import JWT
from google_auth_botocore.cli.config._field_checks import check_fields

# Arguments of `Credentials` that the file format does not support.
_UNSUPPORTED = {
    "scopes",
    "default_scopes",
    "delegates",
    "subject",
    "profile",
    "region",
    "assume_role",
    "oauth_token_url",
}
# Of these, the ones that can be flags of the command in a file with --executable.
_COMMAND_FLAGS = ("profile", "region", "assume_role")
# The default of Google's libraries, which accept 5 to 120 seconds.
_TIMEOUT_MILLIS = 30_000


def add_to(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "create",
        help="write a configuration file",
        description=(
            "Write an external_account file with the values of the flags. It is equivalent to the one that "
            "`gcloud iam workload-identity-pools create-cred-config --aws --enable-imdsv2` writes."
        ),
        parents=[_credentials_flags.parent_parser()],
    )
    parser.add_argument("--output", default="-", metavar="FILE", help="file to write; default: -, standard output")
    parser.add_argument("--force", action="store_true", help="replace an existing file")
    parser.add_argument(
        "--executable",
        nargs="?",
        const="",
        metavar="PROGRAM",
        help=(
            "make Google's libraries run `google-auth-botocore executable` for a JWT from AWS, so that gcloud, Go, Java, "
            "Node.js and others can use every AWS source of botocore; PROGRAM: the path of google-auth-botocore on the "
            "machine that uses the file, if it differs from the path here"
        ),
    )
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    arguments = _credentials_flags.arguments(options)
    command_flags = _COMMAND_FLAGS if options.executable is not None else ()
    _reject_unsupported(arguments, _UNSUPPORTED.difference(command_flags))
    info = _info(options, arguments)
    _write(json.dumps(info, indent=2) + "\n", options.output, replace=options.force)
    for note in _notes(info):
        print(f"google-auth-botocore: {note}", file=sys.stderr)  # noqa: T201 - output of the command
    return 0


def _reject_unsupported(arguments: Collection[str], unsupported: Collection[str]) -> None:
    flags = [_flag(name) for name in arguments if name in unsupported]
    if flags:
        raise ConfigurationError(
            f"An external_account file cannot contain {', '.join(flags)}. Pass the value when you use the file: as an "
            "argument of Credentials.from_file(path, ...), or as the same flag together with --config."
        )


def _info(options: argparse.Namespace, arguments: dict[str, Any]) -> dict[str, Any]:
    command_flags = [f"{_flag(name)}={arguments[name]}" for name in ("profile", "region") if name in arguments]
    if "assume_role" in arguments:
        role = arguments["assume_role"]
        command_flags.append(
            f"--assume-role={role if isinstance(role, str) else json.dumps(role, separators=(',', ':'))}"
        )
    if options.executable is not None:
        _executable.require_jwt(options)
    for name in _COMMAND_FLAGS:
        setattr(options, name, None)
    credentials = _credentials_flags.credentials(options)
    info = credentials.info
    if "lifetime" in arguments:  # even if it is the default, as gcloud does
        info["service_account_impersonation"] = {"token_lifetime_seconds": arguments["lifetime"]}
    if options.executable is not None:
        command = shlex.join([*_program(options.executable), "executable", *command_flags])
        info["credential_source"] = {"executable": {"command": command, "timeout_millis": _TIMEOUT_MILLIS}}
    return info


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _program(path: str) -> list[str]:
    """Return *path*, or else the absolute path of this command. Google's libraries require an absolute path."""
    if path:
        return [path]
    directory = Path(sys.executable).parent
    found = shutil.which("google-auth-botocore", path=str(directory))
    return [found] if found else [sys.executable, "-m", "google_auth_botocore"]


def _write(text: str, output: str, *, replace: bool) -> None:
    if output == "-":
        sys.stdout.write(text)
        return
    output = _credentials_flags.checked_path(output, "--output")
    try:
        with Path(output).open("w" if replace else "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise ConfigurationError(f"{quoted(output)} already exists. Use --force to replace it.") from None
    except OSError as error:
        raise ConfigurationError(f"Cannot write {quoted(output)}: {error.strerror}.") from None


def _notes(info: dict[str, Any]) -> Iterator[str]:
    """Yield the limitations of the file: mistakes and notes about its fields."""
    for field in check_fields(info):
        for text in (*field.mistakes, *field.notes):
            yield f"{field.name}: {text}"
    if info.get("subject_token_type") == JWT:
        yield (
            "The audience must be an OIDC provider that trusts the AWS account's issuer. "
            "`aws iam enable-outbound-web-identity-federation` enables the issuer. The role needs the permission "
            "sts:GetWebIdentityToken."
        )
