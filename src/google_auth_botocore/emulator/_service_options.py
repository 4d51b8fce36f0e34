"""The command's options: from flags, and from a JSON file with the same names."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from google_auth_botocore._command_line import Parser, port_number
from google_auth_botocore._redaction import is_secret

_SERVICE_ACCOUNT = "copycat@my-project.iam.gserviceaccount.com"


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the options. Flags take precedence over the settings file, and the file over the defaults.

    Exits with code 2 if a flag or a setting is invalid.
    """
    parser = _parser()
    first, _ = parser.parse_known_args(arguments)
    if first.settings is not None:
        try:
            parser.set_defaults(**_settings(parser, first.settings))
        except (OSError, ValueError) as error:
            parser.error(f"argument --settings: {error}")
    options = parser.parse_args(arguments)
    if options.google_hosts and not options.tls:
        parser.error("--google-hosts requires --tls, because Google's URLs start with https://")
    if options.google_hosts and options.url:
        parser.error("--google-hosts and --url exclude each other")
    if options.sts_verdict_url and options.aws_keys:
        parser.error(
            "--aws-keys and --sts-verdict-url exclude each other, because that endpoint decides which keys are valid"
        )
    return options


def setup_of(options: argparse.Namespace) -> dict[str, Any]:
    """Return the options that create something in the emulator."""
    names = ("project", "project_number", "pool", "provider", "account", "attribute_condition", "service_account")
    return {name: getattr(options, name) for name in names}


class _Parser(Parser):
    def is_secret(self, text: str) -> bool:
        """Return whether a text looks like a secret: --aws-keys may be mistyped."""
        return is_secret(text)


def _parser() -> Parser:
    parser = _Parser(
        prog="python -m google_auth_botocore.emulator",
        usage="%(prog)s [flags]",
        description=(
            "Emulate Google's side of workload identity federation: the Security Token Service, the IAM Credentials API and the "
            "APIs that set them up. It prints how to point clients to it, and serves until Ctrl-C. No cloud account is needed."
        ),
        examples="""
        # On any free port, with its configuration file in ./emulator
        python -m google_auth_botocore.emulator --port 0 --write emulator
        # Reachable from other containers as http://emulator:8085
        python -m google_auth_botocore.emulator --host 0.0.0.0 \\
          --url http://emulator:8085
        # Direct resource access, for one AWS role only
        python -m google_auth_botocore.emulator --service-account \\
          --attribute-condition "assertion.arn.contains(':assumed-role/app/')"
        """,
    )
    _add_addresses(parser.add_argument_group("address"))
    _add_setup(parser.add_argument_group("what to create at the start"))
    _add_files(parser.add_argument_group("files"))
    return parser


def _add_addresses(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--host", default="127.0.0.1", help="IP address or host name to listen on; default: %(default)s")
    add("--port", type=port_number, default=8085, help="port, or 0 for any free port; default: %(default)s")
    add("--tls", action="store_true", help="serve HTTPS, with the certificate of a throw-away CA")
    add(
        "--tls-name",
        metavar="NAME",
        nargs="+",
        default=[],
        help="further host names and IP addresses in the certificate; it is always valid for loopback, --host and Google's hosts",
    )
    add(
        "--url",
        type=_base_url,
        help="base URL that clients use, if it differs from --host and --port, such as http://emulator:8085",
    )
    add(
        "--google-hosts",
        action="store_true",
        help="clients use Google's own URLs: Google's host names resolve to this emulator, for example as network aliases",
    )


def _add_setup(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--project", default="my-project", help="ID of the clients' project; default: %(default)s")
    add(
        "--project-number",
        default="123456789012",
        help="number of the project that contains the pool; default: %(default)s",
    )
    add("--pool", default="aws-pool", help="ID of the workload identity pool; default: %(default)s")
    add("--provider", default="prod", help="ID of the AWS provider in the pool; default: %(default)s")
    add("--account", default="123456789012", help="AWS account that the provider trusts; default: %(default)s")
    add("--attribute-condition", metavar="CEL", help="attribute condition of the provider; default: none")
    add(
        "--service-account",
        metavar="EMAIL",
        nargs="*",
        default=[_SERVICE_ACCOUNT],
        help=(
            "service accounts that the pool may impersonate; without an EMAIL, clients use direct resource access; "
            f"default: {_SERVICE_ACCOUNT}"
        ),
    )
    add("--arn", help="AWS identity of the keys; default: a session of the role app in --account")
    add(
        "--aws-keys",
        metavar="ID:SECRET[:TOKEN]",
        type=_aws_keys,
        help="AWS keys to accept, which never expire; default: the emulator issues keys that are valid for 12 hours",
    )
    add(
        "--sts-verdict-url",
        metavar="URL",
        help="AWS STS endpoint that verifies signatures; default: the emulator verifies them itself",
    )


def _add_files(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--settings", metavar="FILE", type=Path, help='JSON object with these options, such as {"port": 443}')
    add(
        "--write",
        metavar="DIR",
        type=_absolute_path,
        help="write external_account.json, emulator.env and the CA to this directory, readable only by its owner",
    )
    add(
        "--state",
        metavar="FILE",
        type=_absolute_path,
        help="keep the state in this file, with secrets, so that it survives a restart",
    )


def _settings(parser: argparse.ArgumentParser, path: Path) -> dict[str, Any]:
    """Return the values in a settings file, converted in the same way as the flags."""
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is not JSON: {error}") from error
    if not isinstance(settings, dict):
        raise ValueError(f"{path} is not a JSON object")  # noqa: TRY004 - the content of a file is wrong
    actions = {action.dest: action for action in parser._actions if action.dest not in {"help", "settings"}}
    return {name: _value(path, actions, name, value) for name, value in settings.items()}


def _value(path: Path, actions: Mapping[str, argparse.Action], name: str, value: Any) -> Any:
    action = actions.get(name)
    if action is None:
        raise ValueError(f"{path} has an unknown setting {name!r}: use one of {', '.join(sorted(actions))}")
    if isinstance(action, argparse._StoreTrueAction):
        valid, kind = isinstance(value, bool), "true or false"
    elif action.nargs in {"*", "+"}:
        valid = isinstance(value, list) and all(isinstance(each, str) for each in value)
        kind = "a list of strings"
    elif name == "port":
        valid, kind, value = isinstance(value, int) and not isinstance(value, bool), "a number", str(value)
    else:
        valid, kind = isinstance(value, str), "a string"
    if not valid:
        raise ValueError(f"the setting {name!r} in {path} must be {kind}")
    try:
        return action.type(value) if callable(action.type) else value
    except argparse.ArgumentTypeError as error:
        raise ValueError(f"the setting {name!r} in {path}: {error}") from error


def _base_url(text: str) -> str:
    match = re.fullmatch(r"(https?://(?:[A-Za-z0-9._-]+|\[[0-9a-fA-F:.]+\])(?::([0-9]{1,5}))?)/?", text)
    if match is None or int(match[2] or 0) >= 1 << 16:
        raise argparse.ArgumentTypeError(f"invalid URL {text!r}: must be http://HOST:PORT or https://HOST:PORT")
    return match[1]


def _aws_keys(text: str) -> tuple[str, str, str | None]:
    match = re.fullmatch(r"([A-Za-z0-9_]{16,128}):([^\s:]+)(?::(\S+))?", text)
    if match is None:
        raise argparse.ArgumentTypeError("invalid AWS keys: must be ID:SECRET or ID:SECRET:TOKEN")
    return match[1], match[2], match[3]


def _absolute_path(text: str) -> Path:
    return Path(text).absolute()
