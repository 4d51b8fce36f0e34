"""Adapter for kubernetes: tokens for the API server of a GKE cluster.

https://cloud.google.com/kubernetes-engine/docs/how-to/api-server-authentication
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, NamedTuple

from google_auth_botocore import Credentials
from google_auth_botocore.adapters._arguments import checked
from google_auth_botocore.adapters._extras import requires

with requires("kubernetes"):
    import kubernetes.client


def authenticate(configuration: kubernetes.client.Configuration, credentials: Credentials) -> None:
    """Add a valid token to every request of clients with this configuration or a copy of it.

    If the configuration was loaded from a kubeconfig file, the token replaces the user in it. Configurations of
    `kubernetes.aio` are also supported. Fetching a token does not block their event loop.

    Args:
        configuration: The configuration of the client, with the address of the cluster and its CA.
        credentials: The credentials to get tokens from. A request raises FederationError if no token can be obtained.
    """
    checked(credentials)
    hook = _async_hook if inspect.iscoroutinefunction(configuration.get_api_key_with_prefix) else _hook

    def refresh_api_key(configuration: Any) -> Awaitable[None] | None:
        return hook(configuration, credentials)

    # The client only calls the hook if there is already a key.
    _set_token(configuration, "")
    configuration.refresh_api_key_hook = refresh_api_key  # type: ignore[assignment]  # declared as None


def _hook(configuration: Any, credentials: Credentials) -> None:
    _set_token(configuration, credentials.get_token().value)


async def _async_hook(configuration: Any, credentials: Credentials) -> None:
    _set_token(configuration, (await asyncio.to_thread(credentials.get_token)).value)


def _set_token(configuration: Any, token: str) -> None:
    # The key is "authorization" up to release 35, and "BearerToken" since. Release 36 only finds a prefix for the latter.
    for name in ("authorization", "BearerToken"):
        configuration.api_key[name] = token
        configuration.api_key_prefix[name] = "Bearer"


def get_google_credentials(credentials: Credentials) -> Callable[[], GoogleCredentials]:
    """Return a function for `kubernetes.config.kube_config.KubeConfigLoader(get_google_credentials=…)`.

    The loader calls it for kubeconfig files whose user has the auth provider `gcp`.

    Args:
        credentials: The credentials to get tokens from. The function raises FederationError if no token can be obtained.
    """
    get_token = checked(credentials).get_token
    return lambda: GoogleCredentials(*get_token())


class GoogleCredentials(NamedTuple):
    """The result that a KubeConfigLoader expects.

    Attributes:
        token: The bearer token.
        expiry: When the token expires: an aware datetime in UTC.
    """

    token: str
    expiry: datetime

    def __repr__(self) -> str:
        return f"GoogleCredentials(token=<hidden>, expiry={self.expiry!r})"
