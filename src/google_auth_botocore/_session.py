"""botocore sessions: made when they are needed, and what can be told of one that was given."""

from __future__ import annotations

import os
import re
from typing import Any

import botocore.config
import botocore.credentials

_CLIENT_TIMEOUT = 10.0
_FILES = {"AWS_CONFIG_FILE": "~/.aws/config", "AWS_SHARED_CREDENTIALS_FILE": "~/.aws/credentials"}
# What else a session looks at, and may find wrong, before it asks the first link of its chain.
_SETTINGS = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_METADATA_SERVICE_", "AWS_EC2_METADATA_SERVICE_")

# What the links of botocore's chain are called.
_CHAIN = {
    each.METHOD
    for each in vars(botocore.credentials).values()
    if isinstance(each, type) and issubclass(each, botocore.credentials.CredentialProvider) and each.METHOD
}


def load() -> Any:
    import botocore.session  # noqa: PLC0415 - see where it is called

    return botocore.session


def new(profile: str | None, region: str | None) -> Any:
    session = load().Session(profile=profile)
    session.set_default_client_config(client_config())
    if region:
        session.set_config_variable("region", region)
    return session


def anew(session: Any) -> Any:
    """Another session with the profile and the region of one that can't be used any more."""
    return new(session.profile, session.instance_variables().get("region"))


def configured() -> bool:
    """Whether a session of botocore's would read anything but keys and a region from the environment."""
    paths = (os.environ.get(name, usual) for name, usual in _FILES.items())
    return any(os.path.exists(os.path.expanduser(os.path.expandvars(path))) for path in paths) or any(  # noqa: PTH110, PTH111 - pathlib knows no variables, and costs a start-up
        name.startswith(_SETTINGS) for name in os.environ
    )


def client_config() -> Any:
    return botocore.config.Config(connect_timeout=_CLIENT_TIMEOUT, read_timeout=_CLIENT_TIMEOUT)


def prompts(session: Any) -> bool:
    """Whether a profile on the way to the keys has an MFA device, whose code is read from the terminal."""
    profiles = session.full_config["profiles"]
    name, seen = session.profile or "default", set()
    while name in profiles and name not in seen:
        seen.add(name)
        if "mfa_serial" in profiles[name]:
            return True
        name = profiles[name].get("source_profile")
    return False


def carryable(session: Any) -> bool:
    """Whether another process, or the child of a fork, finds the same identity by the session's profile alone."""
    credentials = session.get_credentials()
    found = method(credentials)
    if found == "assume-role":  # also a common choice of those who assume roles in code
        return "role_arn" in session.get_scoped_config()
    return credentials is None or found in _CHAIN


def by_chain(session: Any) -> bool:
    """Whether a session whose files are broken has neither keys that were set in code nor a provider of somebody's."""
    if getattr(session, "_credentials", None) is not None:  # private to botocore: its getter would look for some
        return False
    try:
        providers = session.get_component("credential_provider").providers
    except Exception:  # noqa: BLE001 - of its files; so nobody has put a provider into the chain yet
        return True
    return {provider.METHOD for provider in providers} <= _CHAIN


def method(credentials: Any) -> str | None:
    """Name of the link of the chain that the keys came from."""
    return getattr(credentials, "method", None)


def assumed_role(credentials: Any, session: Any, role_arn: str | None) -> str | None:
    """The ARN that AWS gives an assumed role, without its session: *role_arn*, or else the one in the configuration."""
    found = method(credentials)
    if role_arn is None and found in ("assume-role", "assume-role-with-web-identity"):
        role_arn = session.get_scoped_config().get("role_arn")
        if found == "assume-role-with-web-identity" and "profile" not in session.instance_variables():
            role_arn = os.environ.get("AWS_ROLE_ARN", role_arn)
    match = re.fullmatch(r"arn:(aws[a-z-]*):iam::(\d{12}):role/(?:.*/)?([^/]+)", role_arn or "")
    return f"arn:{match[1]}:sts::{match[2]}:assumed-role/{match[3]}" if match else None
