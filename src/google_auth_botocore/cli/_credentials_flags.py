"""Flags that configure the credentials: a configuration file, and one flag for each argument of `Credentials`."""

from __future__ import annotations

import argparse
import inspect
import json
import os
import re
import sys
from collections.abc import Callable, Mapping
from typing import Any

from google.auth import environment_vars

from google_auth_botocore import ConfigurationError, Credentials
from google_auth_botocore._command_line import Parser
from google_auth_botocore._redaction import WRITE_FILE, json_mistake, path_mistake
from google_auth_botocore._settings import AWS4_REQUEST, CLOUD_PLATFORM, DEFAULT_LIFETIME, GOOGLEAPIS, JWT

_CREDENTIALS = "Google's side. Flags override the values in the configuration file."
_AWS_IDENTITY = "AWS's side. Needed only if botocore's default chain does not find the right identity."
# The title of the group, to which a command may add flags.
ENDPOINTS = "other endpoints"
_ENDPOINTS = "Needed only for tests, private endpoints and clouds other than googleapis.com."

# The name of standard input or output in place of a path.
STANDARD_INPUT = STANDARD_OUTPUT = "-"


def parent_parser() -> Parser:
    """Return a parent parser with the flags, for commands that need credentials."""
    parser = Parser(add_help=False)
    _add_google(_adder(parser.add_argument_group("credentials", _CREDENTIALS)))
    _add_aws(_adder(parser.add_argument_group("AWS identity", _AWS_IDENTITY)))
    _add_endpoints(_adder(parser.add_argument_group(ENDPOINTS, _ENDPOINTS)))
    return parser


def _adder(group: argparse._ArgumentGroup) -> Callable[..., Any]:
    def add(name: str, explanation: str, *more: str, **settings: Any) -> Any:
        flag = "--" + name.replace("_", "-")
        return group.add_argument(flag, *more, dest=name, default=None, help=explanation, **settings)

    return add


def _add_google(add: Callable[..., Any]) -> None:
    add(
        "config",
        "configuration file (external_account), as `config create` or gcloud writes it; -: standard input; "
        "default: the file that GOOGLE_APPLICATION_CREDENTIALS names",
        metavar="FILE",
    )
    add(
        "audience",
        "full name of the workload identity pool provider: projects/NUMBER/.../providers/ID",
        metavar="NAME",
    )
    add(
        "service_account_email",
        "service account to impersonate; default: the one in the file, or none",
        "--service-account",
        metavar="EMAIL",
    )
    add(
        "scopes",
        f"OAuth scopes, separated by commas; default: {CLOUD_PLATFORM}",
        type=_comma_separated,
        metavar="SCOPE,...",
    )
    add(
        "default_scopes",
        "OAuth scopes to request if --scopes is not given, separated by commas",
        type=_comma_separated,
        metavar="SCOPE,...",
    )
    add(
        "lifetime",
        f"seconds for which access tokens of the service account are valid; default: {int(DEFAULT_LIFETIME)}",
        type=_whole_number,
        metavar="SECONDS",
    )
    add(
        "delegates",
        "service accounts of the delegation chain to --service-account, separated by commas",
        type=_comma_separated,
        metavar="EMAIL,...",
    )
    add("subject", "Workspace user to act as, with domain-wide delegation", metavar="EMAIL")
    add("quota_project_id", "project to charge for quota and billing", "--quota-project", metavar="PROJECT")
    add("project_id", "project that client libraries use by default", "--project", metavar="PROJECT")


def _add_aws(add: Callable[..., Any]) -> None:
    profile = add("profile", "AWS profile; default: AWS_PROFILE, or botocore's default chain", metavar="NAME")
    profile.completer = _profiles  # argcomplete reads this attribute
    add("region", "AWS region; default: AWS_REGION, the profile's region or the instance's region", metavar="NAME")
    add("assume_role", "AWS role to assume: its ARN, or the arguments of AssumeRole as JSON", type=_role, metavar="ARN")
    add(
        "subject_token_type",
        f"what to send to Google: {AWS4_REQUEST} (default; a signed request, for an AWS provider) or {JWT} (for an "
        "OIDC provider)",
        metavar="URN",
    )
    add("tags", "claims that AWS adds to its JWT", type=_tags, metavar="NAME=VALUE,...")
    add("subject_mode", "identity that AWS's JWT names: AWSIdentity (AWS's default) or OriginIdentity", metavar="MODE")


def _profiles(**_: Any) -> list[str]:
    """Return the AWS profiles, for completion in a shell."""
    import botocore.session  # noqa: PLC0415 - slow to load, and only needed here

    return list(botocore.session.Session().available_profiles)


def _add_endpoints(add: Callable[..., Any]) -> None:
    add("universe_domain", f"domain of Google's endpoints; default: {GOOGLEAPIS}", metavar="DOMAIN")
    add("token_url", "endpoint of Google's Security Token Service", metavar="URL")
    add("iam_credentials_endpoint", "endpoint of Google's IAM Credentials API", metavar="URL")
    add("oauth_token_url", "Google's OAuth token endpoint, for --subject", metavar="URL")


def arguments(options: argparse.Namespace) -> dict[str, Any]:
    """Return the arguments of `Credentials` that the flags set."""
    values = {name: getattr(options, name, None) for name in inspect.signature(Credentials).parameters}
    return {name: value for name, value in values.items() if value is not None}


def config_path(options: argparse.Namespace) -> str | None:
    """Return the path of the configuration file, or None if the flags are enough.

    Raises:
        ConfigurationError: There is no path, or the value is not a path.
    """
    if options.config is not None or options.audience is not None:
        return None if options.config is None else checked_path(options.config, "--config")
    path = os.environ.get("GOOGLE_APPLICATION_CREDENTIALS")
    if not path:
        raise ConfigurationError(
            "No identity is configured. Pass --config FILE or --audience NAME, or set GOOGLE_APPLICATION_CREDENTIALS.",
            failure="no-identity-named",
        )
    return checked_path(path, "GOOGLE_APPLICATION_CREDENTIALS")


def checked_path(path: str, name: str) -> str:
    """Return *path* unchanged if it looks like a path.

    Args:
        path: The value of a flag or an environment variable.
        name: The name of the flag or variable.

    Raises:
        ConfigurationError: The value is not a path. It may be a private key, so the message does not show it.
    """
    mistake = path_mistake(path, name)
    if mistake is not None:
        raise ConfigurationError(mistake, failure="configuration-file-unreadable")
    return path


def credentials(options: argparse.Namespace) -> Credentials:
    """Build credentials from the flags, the configuration file and the environment.

    Raises:
        ConfigurationError: An argument or the file is invalid, or nothing is configured.
    """
    return _build(options, arguments(options))


def credentials_of_application(options: argparse.Namespace) -> Credentials:
    """Build the same credentials, with the projects that `google_auth_botocore.default` gives to an application.

    These are the default project and the quota project.

    Raises:
        ConfigurationError: See `credentials`; or a project in the environment is invalid.
    """
    settings = arguments(options)
    project_id, _ = configured_project(options)
    if project_id is not None:
        settings["project_id"] = project_id
    quota_project_id = settings.get("quota_project_id") or os.environ.get(environment_vars.GOOGLE_CLOUD_QUOTA_PROJECT)
    if quota_project_id:
        settings["quota_project_id"] = quota_project_id
    return _build(options, settings)


def _build(options: argparse.Namespace, settings: dict[str, Any]) -> Credentials:
    path = config_path(options)
    if path is None:
        return Credentials(**settings)
    if path != STANDARD_INPUT or options.config is None:
        return Credentials.from_file(path, **settings)
    if not hasattr(options, "config_info"):  # a command may build credentials twice
        options.config_info = json_object(standard_input())
    return Credentials.from_info(options.config_info, **settings)


def configured_project(options: argparse.Namespace) -> tuple[str | None, str | None]:
    """Return the project of the flags or the environment, and where it comes from. It takes precedence over the file's.

    This is the order of `google_auth_botocore.default`.
    """
    sources = {
        "--project": getattr(options, "project_id", None),
        **{name: os.environ.get(name) for name in (environment_vars.PROJECT, environment_vars.LEGACY_PROJECT)},
    }
    return next(((value, name) for name, value in sources.items() if value), (None, None))


def standard_input() -> bytes:
    """Return what is on standard input."""
    return sys.stdin.buffer.read() if sys.stdin is not None else b""


def json_object(content: bytes, **hooks: Any) -> Mapping[str, Any]:
    """Return the JSON object on standard input. *hooks* are arguments of `json.loads`.

    Raises:
        ConfigurationError: It is not a JSON object.
    """
    try:
        info = json.loads(content.decode("utf-8-sig"), **hooks)
    except (ValueError, RecursionError) as error:
        mistake = json_mistake(error, empty=not content.strip())
    else:
        if isinstance(info, Mapping):
            return info
        mistake = f"it is not a JSON object. Write it again.\n{WRITE_FILE}"
    del content  # it may be a key file, and crash reports show the variables of each frame
    raise ConfigurationError(
        f"The configuration on standard input cannot be read as JSON: {mistake}",
        failure="configuration-file-unreadable",
    )


def _whole_number(text: str) -> int:
    if not re.fullmatch("-?[0-9]{1,9}", text):  # `int` also accepts the digits of other scripts
        raise argparse.ArgumentTypeError(f"invalid number of seconds: {text!r}. Use 3600 for an hour")
    return int(text)


def _comma_separated(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _tags(text: str) -> dict[str, str]:
    """Return the tags. AWS accepts no comma in them. The first `=` ends the name."""
    pairs = [part.partition("=") for part in _comma_separated(text)]
    if not all(sign for _, sign, _ in pairs):
        raise argparse.ArgumentTypeError("each tag must have the form NAME=VALUE")
    return {name: value for name, _, value in pairs}


def _role(text: str) -> Any:
    if not text.lstrip().startswith("{"):
        return text
    try:
        return json.loads(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"not JSON: {error}") from None
