"""botocore sessions: create one when it is needed, and examine one that the caller passed."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from typing import Any

import botocore.config
import botocore.credentials
import botocore.exceptions
from botocore.credentials import ContainerProvider, InstanceMetadataProvider
from botocore.httpsession import URLLib3Session
from botocore.utils import ContainerMetadataFetcher

from google_auth_botocore._aws.metadata_http import TransparentHttp
from google_auth_botocore._aws.retry import LONGEST_REQUEST, Retries

_FILES = {"AWS_CONFIG_FILE": "~/.aws/config", "AWS_SHARED_CREDENTIALS_FILE": "~/.aws/credentials"}
# Other variables that a session reads, and may reject, before it tries the first provider of its chain.
_SETTINGS = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_METADATA_SERVICE_", "AWS_EC2_METADATA_SERVICE_")

# The names of the providers in botocore's chain.
_CHAIN = {
    each.METHOD
    for each in vars(botocore.credentials).values()
    if isinstance(each, type) and issubclass(each, botocore.credentials.CredentialProvider) and each.METHOD
}


def load() -> Any:
    import botocore.session  # noqa: PLC0415 - see where it is called

    return botocore.session


def new(profile: str | None, variables: Mapping[str, Any] | None = None) -> Any:
    """Return a session whose variables override the environment and the files."""
    session = load().Session(profile=profile)
    session.set_default_client_config(client_config())
    for name, value in (variables or {}).items():
        session.set_config_variable(name, value)
    return session


def recreate(session: Any) -> Any:
    """Return a session with the same settings, which reads the environment and the files as they are now."""
    variables = session.instance_variables()
    fresh = new(variables.pop("profile", None), variables)
    theirs = session.get_default_client_config()
    if theirs is not None:
        fresh.set_default_client_config(client_config().merge(theirs))
    return fresh


def wait_for_metadata(session: Any, retries: Retries) -> None:
    """Have a session that this package created, and that has not read its files, wait for slow metadata services.

    Not at the first attempt, which would delay the error where there is no such service.
    """
    timeout = math.ceil(retries.request_timeout)
    if retries.again:
        name = "metadata_service_timeout"
        session.set_config_variable(name, max(timeout, session.get_config_variable(name)))
    chain = session.get_component("credential_provider")
    chain.remove(InstanceMetadataProvider.METHOD)  # `instance_metadata` replaces it as the last provider
    chain.remove(ContainerProvider.METHOD)
    http = URLLib3Session(timeout=timeout if retries.again else ContainerMetadataFetcher.TIMEOUT_SECONDS)
    fetcher: Any = ContainerMetadataFetcher(session=TransparentHttp(http))
    chain.providers.append(ContainerProvider(fetcher=fetcher))


def limit_requests(session: Any, timeout: float) -> None:
    """Limit the time of requests that a session of this package makes for its sources."""
    session.set_default_client_config(session.get_default_client_config().merge(client_config(timeout)))


def configured() -> bool:
    """Return whether a botocore session would read anything but keys and a region from the environment."""
    paths = (os.environ.get(name, usual) for name, usual in _FILES.items())
    return any(os.path.exists(os.path.expanduser(os.path.expandvars(path))) for path in paths) or any(  # noqa: PTH110, PTH111 - pathlib knows no variables, and costs a start-up
        name.startswith(_SETTINGS) for name in os.environ
    )


def client_config(timeout: float = LONGEST_REQUEST) -> Any:
    """Return the configuration of clients that this package creates.

    They make one attempt, and this package retries until the deadline of the exchange. botocore would retry beyond it, above
    all with AWS_MAX_ATTEMPTS=10 or in its legacy mode.
    """
    return botocore.config.Config(
        connect_timeout=timeout, read_timeout=timeout, retries={"mode": "standard", "total_max_attempts": 1}
    )


def prompts(session: Any) -> bool:
    """Return whether the profile, or one of its source profiles, has an MFA device, whose code is read from the terminal."""
    profiles = session.full_config["profiles"]
    name, seen = session.profile or "default", set()
    while name in profiles and name not in seen:
        seen.add(name)
        if "mfa_serial" in profiles[name]:
            return True
        name = profiles[name].get("source_profile")
    return False


def portable(session: Any) -> bool:
    """Return whether another process, or the child of a fork, finds the same identity with only the session's profile."""
    credentials = session.get_credentials()
    found = method(credentials)
    if found == "assume-role":  # code that assumes a role often uses this name, too
        return "role_arn" in session.get_scoped_config()
    return credentials is None or found in _CHAIN


def replaceable(session: Any) -> bool:
    """Return whether a new session with the same settings has the same identity, because its keys come from botocore's chain.

    It makes no network call, and works for a session that cannot use its files.
    """
    held = getattr(session, "_credentials", None)  # private to botocore, whose getter would resolve credentials
    try:
        providers = {provider.METHOD for provider in session.get_component("credential_provider").providers}
        if held is not None and method(held) == "assume-role" and "role_arn" not in session.get_scoped_config():
            return False  # a role that was assumed in code
    except (botocore.exceptions.BotoCoreError, ValueError, OSError):
        providers = set()  # its files are broken, so it has no chain and no provider of the user's
    return providers <= _CHAIN and (held is None or method(held) in _CHAIN)


def uses_metadata(session: Any) -> bool:
    """Return whether instance metadata is in a session's chain. The user may have removed it."""
    providers = session.get_component("credential_provider").providers
    return InstanceMetadataProvider.METHOD in {provider.METHOD for provider in providers}


def method(credentials: Any) -> str | None:
    """Return the name of the provider that the keys came from."""
    return getattr(credentials, "method", None)


def assumed_role(credentials: Any, session: Any, role_arn: str | None) -> str | None:
    """Return the ARN of an assumed role without its session: *role_arn*'s, or that of the role in the configuration."""
    found = method(credentials)
    if role_arn is None and found in ("assume-role", "assume-role-with-web-identity"):
        role_arn = session.get_scoped_config().get("role_arn")
        if found == "assume-role-with-web-identity" and "profile" not in session.instance_variables():
            role_arn = os.environ.get("AWS_ROLE_ARN", role_arn)
    match = re.fullmatch(r"arn:(aws[a-z-]*):iam::(\d{12}):role/(?:.*/)?([^/]+)", role_arn or "")
    return f"arn:{match[1]}:sts::{match[2]}:assumed-role/{match[3]}" if match else None
