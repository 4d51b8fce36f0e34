"""`config create`: an `external_account` file from its parts, the same in meaning as gcloud's.

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
from google_auth_botocore.cli import _executable, _identity
from google_auth_botocore.cli._subject_token import JWT
from google_auth_botocore.cli.config._examination import examined

# Arguments of `Credentials` that the format has no place for.
_NOWHERE = {
    "scopes",
    "default_scopes",
    "delegates",
    "subject",
    "profile",
    "region",
    "assume_role",
    "oauth_token_url",
}
# Those among them that the command in an executable's file can say.
_SAID_BY_COMMAND = ("profile", "region", "assume_role")
# The libraries' own default; they take 5 to 120 seconds.
_TIMEOUT_MILLIS = 30_000


def add_to(commands: Any) -> None:
    """Adds the command."""
    parser = commands.add_parser(
        "create",
        help="write a configuration file from its parts",
        description=(
            "Writes an external_account file: what `gcloud iam workload-identity-pools create-cred-config --aws "
            "--enable-imdsv2` writes. The identity's flags are its parts."
        ),
        parents=[_identity.flags()],
    )
    parser.add_argument(
        "--output", default="-", metavar="FILE", help="where to write it; -, the default, is standard output"
    )
    parser.add_argument("--force", action="store_true", help="replace a file that is there")
    parser.add_argument(
        "--executable",
        nargs="?",
        const="",
        metavar="PROGRAM",
        help=(
            "let Google's libraries run `google-auth-botocore executable` for AWS's JWT, so that all of botocore's sources "
            "work for gcloud, Go, Java, Node and the rest; with the path of google-auth-botocore, if it is another one there"
        ),
    )
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    given = _identity.given(options)
    by_command = _SAID_BY_COMMAND if options.executable is not None else ()
    _refuse(given, _NOWHERE.difference(by_command))
    info = _info(options, given)
    _write(json.dumps(info, indent=2) + "\n", options.output, replace=options.force)
    for note in _notes(info):
        print(f"google-auth-botocore: {note}", file=sys.stderr)  # noqa: T201 - a command speaks
    return 0


def _refuse(given: Collection[str], homeless: Collection[str]) -> None:
    flags = [_flag(name) for name in given if name in homeless]
    if flags:
        raise ConfigurationError(
            f"An external_account file has no place for {', '.join(flags)}. Say it where the file is used: "
            "Credentials.from_file(path, ...), or the same flag beside --config."
        )


def _info(options: argparse.Namespace, given: dict[str, Any]) -> dict[str, Any]:
    said = [f"{_flag(name)}={given[name]}" for name in ("profile", "region") if name in given]
    if "assume_role" in given:
        role = given["assume_role"]
        said.append(f"--assume-role={role if isinstance(role, str) else json.dumps(role, separators=(',', ':'))}")
    if options.executable is not None:
        _executable.prove_with_jwt(options)
    for name in _SAID_BY_COMMAND:
        setattr(options, name, None)
    credentials = _identity.credentials(options)
    info = credentials.info
    if "lifetime" in given:  # also the usual one, as gcloud does
        info["service_account_impersonation"] = {"token_lifetime_seconds": given["lifetime"]}
    if options.executable is not None:
        command = shlex.join([*_program(options.executable), "executable", *said])
        info["credential_source"] = {"executable": {"command": command, "timeout_millis": _TIMEOUT_MILLIS}}
    return info


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _program(given: str) -> list[str]:
    """This very command: the libraries want a whole path."""
    if given:
        return [given]
    beside = Path(sys.executable).parent
    found = shutil.which("google-auth-botocore", path=str(beside))
    return [found] if found else [sys.executable, "-m", "google_auth_botocore"]


def _write(text: str, output: str, *, replace: bool) -> None:
    if output == "-":
        sys.stdout.write(text)
        return
    output = _identity.checked_path(output, "--output")
    try:
        with Path(output).open("w" if replace else "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise ConfigurationError(f"{quoted(output)} is there already; --force replaces it.") from None
    except OSError as error:
        raise ConfigurationError(f"{quoted(output)} can't be written: {error.strerror}.") from None


def _notes(info: dict[str, Any]) -> Iterator[str]:
    """What the file is not good for."""
    for field in examined(info):
        for text in (*field.mistakes, *field.notes):
            yield f"{field.name}: {text}"
    if info.get("subject_token_type") == JWT:
        yield (
            "The audience must be an OIDC provider that trusts the AWS account's issuer, which "
            "`aws iam enable-outbound-web-identity-federation` switches on, and the role needs sts:GetWebIdentityToken."
        )
