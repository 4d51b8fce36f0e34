"""Who the command is to be: a configuration file, and a flag for each argument of `Credentials`."""

from __future__ import annotations

import argparse
import inspect
import json
import os
from typing import Any

from google_auth_botocore import ConfigurationError, Credentials
from google_auth_botocore._redaction import path_mistake

_DESCRIPTION = (
    "From the file, which is GOOGLE_APPLICATION_CREDENTIALS where neither --config nor --audience is given; "
    "a flag wins over it."
)


def flags() -> argparse.ArgumentParser:
    """A parent for the parser of a command that needs credentials."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    group = parser.add_argument_group("identity", _DESCRIPTION)

    def add(name: str, explanation: str, *more: str, **settings: Any) -> None:
        flag = "--" + name.replace("_", "-")
        group.add_argument(flag, *more, dest=name, default=None, help=explanation, **settings)

    add("config", "what `gcloud iam workload-identity-pools create-cred-config --aws` wrote", metavar="FILE")
    add("audience", "full name of the workload identity pool provider", metavar="NAME")
    add("service_account_email", "service account to impersonate", "--service-account", metavar="EMAIL")
    add("scopes", "OAuth scopes, with commas between them", type=_listed, metavar="SCOPE,...")
    add("default_scopes", "those that are asked for where there are no others", type=_listed, metavar="SCOPE,...")
    add("lifetime", "life of an access token of the service account", type=int, metavar="SECONDS")
    add("delegates", "service accounts on the way to it", type=_listed, metavar="EMAIL,...")
    add("subject", "Workspace user to act for, by domain-wide delegation", metavar="EMAIL")
    add("quota_project_id", "project that quota and billing are charged to", "--quota-project", metavar="PROJECT")
    add("project_id", "default project of clients", "--project", metavar="PROJECT")
    add("profile", "AWS profile", metavar="NAME")
    add("region", "AWS region", metavar="NAME")
    add("assume_role", "ARN of a role to assume, or AssumeRole's arguments as JSON", type=_role, metavar="ARN")
    add("subject_token_type", "the proof of identity", metavar="URN")
    add("universe_domain", "domain of Google's endpoints", metavar="DOMAIN")
    add("token_url", "another endpoint of the Security Token Service", metavar="URL")
    add("iam_credentials_endpoint", "another endpoint of the IAM Credentials API", metavar="URL")
    add("oauth_token_url", "another OAuth token endpoint", metavar="URL")
    return parser


def given(options: argparse.Namespace) -> dict[str, Any]:
    """The arguments of `Credentials` that flags were given for."""
    values = {name: getattr(options, name, None) for name in inspect.signature(Credentials).parameters}
    return {name: value for name, value in values.items() if value is not None}


def file(options: argparse.Namespace) -> str | None:
    """Return the path of the configuration file, or None if the flags are enough.

    Raises:
        ConfigurationError: There is no path, or what stands in its place is no path.
    """
    if options.config is not None or options.audience is not None:
        return None if options.config is None else checked_path(options.config, "--config")
    path = os.environ.get("GOOGLE_APPLICATION_CREDENTIALS")
    if not path:
        raise ConfigurationError(
            "No identity is named. Give --config FILE or --audience NAME, or set GOOGLE_APPLICATION_CREDENTIALS.",
            failure="no-identity-named",
        )
    return checked_path(path, "GOOGLE_APPLICATION_CREDENTIALS")


def checked_path(path: str, name: str) -> str:
    """Return the path.

    Args:
        path: The value of a flag or variable.
        name: The flag or variable.

    Raises:
        ConfigurationError: The value is no path. It may be a private key, so the message does not show it.
    """
    mistake = path_mistake(path, name)
    if mistake is not None:
        raise ConfigurationError(mistake)
    return path


def credentials(options: argparse.Namespace) -> Credentials:
    """The credentials that flags, file and environment describe.

    Raises:
        ConfigurationError: They describe none.
    """
    path = file(options)
    return Credentials(**given(options)) if path is None else Credentials.from_file(path, **given(options))


def _listed(text: str) -> list[str]:
    return [each for each in (part.strip() for part in text.split(",")) if each]


def _role(text: str) -> Any:
    if not text.lstrip().startswith("{"):
        return text
    try:
        return json.loads(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"not JSON: {error}") from None
