"""`config create`: write an `external_account` file, equivalent to the one that gcloud writes.

https://cloud.google.com/sdk/gcloud/reference/iam/workload-identity-pools/create-cred-config
"""

from __future__ import annotations

import argparse
import errno
import json
import shlex
import sys
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

from google_auth_botocore import ConfigurationError
from google_auth_botocore._redaction import quoted
from google_auth_botocore.cli import _credentials_flags, _executable, _standard_streams
from google_auth_botocore.cli._subject_token import JWT
from google_auth_botocore.cli.config import _own_command
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
    "tags",
    "subject_mode",
    "oauth_token_url",
}
# Of these, the ones that can be flags of the command in a file with --executable, and how to write their values.
_COMMAND_FLAGS: dict[str, Callable[[Any], str]] = {
    "profile": str,
    "region": str,
    "subject_mode": str,
    "tags": lambda tags: ",".join(f"{name}={value}" for name, value in tags.items()),
    "assume_role": lambda role: role if isinstance(role, str) else json.dumps(role, separators=(",", ":")),
}
# Google's libraries accept 5 to 120 seconds, and their default is 30. The command reports a failure after at most 55.
_TIMEOUT_MILLIS = 60_000


def add_to(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "create",
        help="write a configuration file",
        usage="%(prog)s [flags]",
        examples="""
        google-auth-botocore config create --output config.json \\
          --service-account my-app@my-project.iam.gserviceaccount.com --audience \\
          projects/123456/locations/global/workloadIdentityPools/pool/providers/prod
        # For gcloud, Go, Java and Node.js, with every AWS source of botocore
        google-auth-botocore config create --config config.json --executable \\
          --output executable.json
        """,
        description=(
            "Write an external_account file with the values of the flags. It is equivalent to the one that "
            "`gcloud iam workload-identity-pools create-cred-config --aws --enable-imdsv2` writes. "
            "It cannot contain scopes, delegates or a subject: pass them when you use the file. The flags of the AWS identity "
            "require --executable."
        ),
        parents=[_credentials_flags.parent_parser()],
    )
    parser.add_argument(
        "--output",
        default=_credentials_flags.STANDARD_OUTPUT,
        metavar="FILE",
        help="file to write; default: -, standard output",
    )
    parser.add_argument("--force", action="store_true", help="replace the file if it exists")
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
    if options.output != _credentials_flags.STANDARD_OUTPUT:
        _standard_streams.print_message(_written(options.output, info))
    for note in _notes(info):
        _standard_streams.print_message(note)
    return 0


def _reject_unsupported(arguments: Collection[str], unsupported: Collection[str]) -> None:
    flags = [_flag(name) for name in arguments if name in unsupported]
    if flags:
        raise ConfigurationError(
            f"An external_account file cannot contain {', '.join(flags)}. Pass the value when you use the file: as an "
            "argument of Credentials.from_file(path, ...), or as the same flag together with --config."
        )


def _info(options: argparse.Namespace, arguments: dict[str, Any]) -> dict[str, Any]:
    if options.executable is not None:
        _executable.require_jwt(options)
        for name in _COMMAND_FLAGS:
            setattr(options, name, None)
    info = _credentials_flags.credentials(options).info
    if "lifetime" in arguments:  # even if it is the default, as gcloud does
        info["service_account_impersonation"] = {"token_lifetime_seconds": arguments["lifetime"]}
    if options.executable is not None:
        flags = [f"{_flag(name)}={text(arguments[name])}" for name, text in _COMMAND_FLAGS.items() if name in arguments]
        command = shlex.join([*_own_command.find(options.executable), "executable", *flags])
        info["credential_source"] = {"executable": {"command": command, "timeout_millis": _TIMEOUT_MILLIS}}
    return info


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _write(text: str, output: str, *, replace: bool) -> None:
    if output == _credentials_flags.STANDARD_OUTPUT:
        sys.stdout.write(text)
        return
    output = _credentials_flags.checked_path(output, "--output")
    if not output or Path(output).is_dir():
        raise ConfigurationError(
            f"--output must be the path of a file, not {quoted(output)}{', which is a directory' if output else ''}. "
            "Pass the path of the file to write, such as config.json.",
            failure="output-not-writable",
        )
    try:
        with Path(output).open("w" if replace else "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise ConfigurationError(
            f"{quoted(output)} already exists. Use --force to replace it.", failure="output-not-writable"
        ) from None
    except OSError as error:
        raise ConfigurationError(
            f"Cannot write {quoted(output)}: {error.strerror}. {_unwritable_fix(error)}", failure="output-not-writable"
        ) from None


def _unwritable_fix(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "Create the directory, or pass the path of a file in another one."
    if error.errno == errno.ENOSPC:
        return "Delete files that you do not need, or pass a path on another disk."
    return "Pass the path of a file that this user may write."


def _written(output: str, info: dict[str, Any]) -> str:
    """Return a message about the file: what is in it, and how to use it."""
    account = info.get("service_account_impersonation_url", "").rpartition("/")[2].partition(":")[0]
    access = f"for the service account {account}" if account else "without a service account (direct resource access)"
    return (
        f"Wrote {quoted(str(Path(output).absolute()))}, a configuration file {access}. To use it, set "
        "GOOGLE_APPLICATION_CREDENTIALS to this path."
    )


def _notes(info: dict[str, Any]) -> Iterator[str]:
    """Yield the limitations of the file: mistakes and notes about its fields."""
    for field in check_fields(info):
        for text in (*field.mistakes, *field.notes):
            yield f"{field.name}: {text}"
    if info.get("subject_token_type") == JWT:
        yield (
            "The audience must be an OIDC provider that trusts the AWS account's issuer. "
            "`aws iam enable-outbound-web-identity-federation` enables the issuer. The role needs the permission "
            "sts:GetWebIdentityToken. `google-auth-botocore config setup --proof jwt` prints how to create all three."
        )
