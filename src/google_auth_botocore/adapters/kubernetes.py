"""kubernetes: tokens for the API server of a GKE cluster.

https://cloud.google.com/kubernetes-engine/docs/how-to/api-server-authentication
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, NamedTuple

import kubernetes.client

from google_auth_botocore import Credentials


def authenticate(configuration: kubernetes.client.Configuration, credentials: Credentials) -> None:
    """Lets every request of a client with this configuration, and with copies of it, carry a token that lives.

    It takes the place of the user in a kubeconfig file that the configuration was loaded from. A configuration of
    `kubernetes.aio` will do, too; its event loop goes on while a token is fetched.

    Args:
        configuration: Of the client; it has the address of the cluster and its CA.
        credentials: Whose tokens they are. A request raises their FederationError where there is none.
    """
    hook = _async_hook if inspect.iscoroutinefunction(configuration.get_api_key_with_prefix) else _hook

    def refresh_api_key(configuration: Any) -> Awaitable[None] | None:
        return hook(configuration, credentials)

    # Without a key there already, no request asks for one.
    _put(configuration, "")
    configuration.refresh_api_key_hook = refresh_api_key  # type: ignore[assignment]  # it is declared as None


def _hook(configuration: Any, credentials: Credentials) -> None:
    _put(configuration, credentials.get_token().value)


async def _async_hook(configuration: Any, credentials: Credentials) -> None:
    _put(configuration, (await asyncio.to_thread(credentials.get_token)).value)


def _put(configuration: Any, token: str) -> None:
    # The name until release 35, and the one since; 36 finds a prefix under the latter alone.
    for name in ("authorization", "BearerToken"):
        configuration.api_key[name] = token
        configuration.api_key_prefix[name] = "Bearer"


def get_google_credentials(credentials: Credentials) -> Callable[[], GoogleCredentials]:
    """What `kubernetes.config.kube_config.KubeConfigLoader(get_google_credentials=…)` wants, for files with the user `gcp`.

    Args:
        credentials: Whose tokens they are. The function raises their FederationError where there is none.
    """
    return lambda: GoogleCredentials(*credentials.get_token())


class GoogleCredentials(NamedTuple):
    """What a KubeConfigLoader reads.

    Attributes:
        token: The bearer token.
        expiry: When it ends: an aware datetime in UTC.
    """

    token: str
    expiry: datetime

    def __repr__(self) -> str:
        return f"GoogleCredentials(token=<hidden>, expiry={self.expiry!r})"
