"""Flags that configure the credentials: a configuration file, and one flag for each argument of `Credentials`."""

from __future__ import annotations

import argparse
import inspect
import json
import os
from typing import Any

from google_auth_botocore import ConfigurationError, Credentials
from google_auth_botocore._redaction import path_mistake

_DESCRIPTION = (
    "Without --config and --audience, the configuration file is the one that GOOGLE_APPLICATION_CREDENTIALS names. "
    "Flags override the file."
)


def parent_parser() -> argparse.ArgumentParser:
    """Return a parent parser with the flags, for commands that need credentials."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    group = parser.add_argument_group("credentials", _DESCRIPTION)

    def add(name: str, explanation: str, *more: str, **settings: Any) -> None:
        flag = "--" + name.replace("_", "-")
        group.add_argument(flag, *more, dest=name, default=None, help=explanation, **settings)

    add(
        "config",
        "external_account file, as `config create` or gcloud writes it",
        metavar="FILE",
    )
    add("audience", "full name of the workload identity pool provider", metavar="NAME")
    add("service_account_email", "service account to impersonate", "--service-account", metavar="EMAIL")
    add("scopes", "OAuth scopes, separated by commas", type=_comma_separated, metavar="SCOPE,...")
    add(
        "default_scopes",
        "OAuth scopes to request if --scopes is not given, separated by commas",
        type=_comma_separated,
        metavar="SCOPE,...",
    )
    add("lifetime", "lifetime of the service account's access tokens; default: 3600", type=int, metavar="SECONDS")
    add(
        "delegates",
        "delegation chain to the service account, separated by commas",
        type=_comma_separated,
        metavar="EMAIL,...",
    )
    add("subject", "Workspace user to act as, with domain-wide delegation", metavar="EMAIL")
    add("quota_project_id", "project to charge for quota and billing", "--quota-project", metavar="PROJECT")
    add("project_id", "default project of client libraries", "--project", metavar="PROJECT")
    add("profile", "AWS profile", metavar="NAME")
    add("region", "AWS region", metavar="NAME")
    add("assume_role", "AWS role to assume: its ARN, or the arguments of AssumeRole as JSON", type=_role, metavar="ARN")
    add(
        "subject_token_type",
        "type of the subject token, for an AWS provider (default) or an OIDC provider; `config check` lists both types",
        metavar="URN",
    )
    add("universe_domain", "domain of Google's endpoints; default: googleapis.com", metavar="DOMAIN")
    add("token_url", "endpoint of Google's Security Token Service", metavar="URL")
    add("iam_credentials_endpoint", "endpoint of Google's IAM Credentials API", metavar="URL")
    add("oauth_token_url", "Google's OAuth token endpoint, used with --subject", metavar="URL")
    return parser


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
            "No identity is named. Pass --config FILE or --audience NAME, or set GOOGLE_APPLICATION_CREDENTIALS.",
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
        raise ConfigurationError(mistake)
    return path


def credentials(options: argparse.Namespace) -> Credentials:
    """Build credentials from the flags, the configuration file and the environment.

    Raises:
        ConfigurationError: An argument or the file is invalid, or nothing is configured.
    """
    path = config_path(options)
    return Credentials(**arguments(options)) if path is None else Credentials.from_file(path, **arguments(options))


def _comma_separated(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _role(text: str) -> Any:
    if not text.lstrip().startswith("{"):
        return text
    try:
        return json.loads(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"not JSON: {error}") from None
