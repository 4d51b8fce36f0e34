"""botocore sessions: create one when it is needed, and examine one that the caller passed.

Importing this module loads most of botocore.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from typing import Any

import botocore.config
import botocore.credentials
import botocore.exceptions
import botocore.loaders
import botocore.session
from botocore.credentials import ContainerProvider, InstanceMetadataProvider
from botocore.httpsession import URLLib3Session
from botocore.utils import ContainerMetadataFetcher

from google_auth_botocore._aws.keys import method
from google_auth_botocore._aws.metadata_http import TransparentHttp
from google_auth_botocore._aws.retry import LONGEST_REQUEST, Retries
from google_auth_botocore._refresh.recent import Recent

# The names of the providers in botocore's chain.
_CHAIN = {
    each.METHOD
    for each in vars(botocore.credentials).values()
    if isinstance(each, type) and issubclass(each, botocore.credentials.CredentialProvider) and each.METHOD
}

# botocore's data files, by the setting of further paths. Read again for each session, they would take 8 MB and a tenth of a second.
# A loader only keeps what it has read, without a lock: threads that read the same file at the same time get equal content.
_LOADERS: Recent[Any] = Recent(4)


def new(retries: Retries, profile: str | None, variables: Mapping[str, Any] | None = None) -> Any:
    """Return a session whose variables override the environment and the files."""
    session = botocore.session.Session(profile=profile)
    session.set_default_client_config(client_config())
    for name, value in (variables or {}).items():
        session.set_config_variable(name, value)
    path = session.get_config_variable("data_path")
    session.register_component("data_loader", _LOADERS.get_or_add(path, lambda: botocore.loaders.create_loader(path)))
    _wait_for_metadata(session, retries)
    return session


def recreate(retries: Retries, session: Any) -> Any:
    """Return a session with the same settings, which reads the environment and the files as they are now."""
    variables = session.instance_variables()
    fresh = new(retries, variables.pop("profile", None), variables)
    theirs = session.get_default_client_config()
    if theirs is not None:
        fresh.set_default_client_config(client_config().merge(theirs))
    return fresh


def _wait_for_metadata(session: Any, retries: Retries) -> None:
    """Let a new session wait for slow metadata services.

    Not at the first attempt, which would delay the error if there is no such service.
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


def client_config(timeout: float = LONGEST_REQUEST) -> Any:
    """Return the configuration of clients that this package creates.

    They make one attempt, and this package retries until the deadline of the exchange. botocore's own retries would continue
    beyond it, especially with AWS_MAX_ATTEMPTS=10 or in its legacy mode.
    """
    return botocore.config.Config(
        connect_timeout=timeout,
        read_timeout=timeout,
        retries={"mode": "standard", "total_max_attempts": 1},
        # Many identities may share a client. urllib3 logs a warning for each connection above this number.
        max_pool_connections=100,
    )


def prompts(session: Any) -> bool:
    """Return whether the profile, or one of its source profiles, has an MFA device. botocore prompts for its code."""
    profiles = session.full_config["profiles"]
    name, seen = session.profile or "default", set()
    while name in profiles and name not in seen:
        seen.add(name)
        if "mfa_serial" in profiles[name]:
            return True
        name = profiles[name].get("source_profile")
    return False


def refresh_needed(credentials: Any) -> bool:
    """Return whether reading the keys would first request new ones from their source."""
    refreshable = isinstance(credentials, botocore.credentials.RefreshableCredentials)
    return refreshable and bool(credentials.refresh_needed())


def portable(session: Any) -> bool:
    """Return whether another process, or the child of a fork, finds the same identity from the session's profile alone."""
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
        providers = _providers(session)
        if held is not None and method(held) == "assume-role" and "role_arn" not in session.get_scoped_config():
            return False  # a role that was assumed in code
    except (botocore.exceptions.BotoCoreError, ValueError, OSError):
        providers = set()  # its files are broken, so it has no chain, and no provider that the user added
    return providers <= _CHAIN and (held is None or method(held) in _CHAIN)


def uses_metadata(session: Any) -> bool:
    """Return whether instance metadata is in a session's chain. The user may have removed it."""
    return InstanceMetadataProvider.METHOD in _providers(session)


def _providers(session: Any) -> set[str | None]:
    """Return the names of the providers in a session's chain."""
    return {provider.METHOD for provider in session.get_component("credential_provider").providers}


def assumed_role(credentials: Any, session: Any, role_arn: str | None) -> str | None:
    """Return the ARN of an assumed role without its session: *role_arn*'s, or that of the role in the configuration."""
    found = method(credentials)
    if role_arn is None and found in ("assume-role", "assume-role-with-web-identity"):
        role_arn = session.get_scoped_config().get("role_arn")
        if found == "assume-role-with-web-identity" and "profile" not in session.instance_variables():
            role_arn = os.environ.get("AWS_ROLE_ARN", role_arn)
    match = re.fullmatch(r"arn:(aws[a-z-]*):iam::([0-9]{12}):role/(?:.*/)?([^/]+)", role_arn or "")
    return f"arn:{match[1]}:sts::{match[2]}:assumed-role/{match[3]}" if match else None
