"""Workload identity pools and the providers in them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from google_auth_botocore.emulator._errors import OAuthError
from google_auth_botocore.emulator._providers import AUDIENCE, Provider

DAYS_TO_UNDELETE = 30
_POOL_OF_PRINCIPAL = re.compile(
    r"principal://iam\.googleapis\.com/(?P<pool>projects/[0-9]+/locations/global/workloadIdentityPools/[^/]+)/subject/"
)


@dataclass
class Pool:
    """A pool. A change takes effect with the next request.

    Attributes:
        project_number: the project's number, not its ID.
        pool: its ID.
        display_name: its display name.
        description: its description.
        disabled: whether it is disabled. Exchanges with a disabled pool fail, and tokens of its identities are rejected.
        purge_time: for a deleted pool, when it can no longer be undeleted, in seconds since the epoch; otherwise None.
    """

    project_number: str
    pool: str
    display_name: str = ""
    description: str = ""
    disabled: bool = False
    purge_time: float | None = None

    @property
    def name(self) -> str:
        """Its resource name: `projects/NUMBER/locations/global/workloadIdentityPools/POOL`."""
        return f"projects/{self.project_number}/locations/global/workloadIdentityPools/{self.pool}"

    @property
    def in_service(self) -> bool:
        """Whether it is neither disabled nor deleted."""
        return not self.disabled and self.purge_time is None


class Pools:
    """All pools and providers, by resource name. Deleted ones stay here until they are purged."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._pools: dict[str, Pool] = {}
        self._providers: dict[str, Provider] = {}

    def add_pool(self, pool: Pool) -> None:
        """Add a pool, or replace the one with the same name."""
        self._pools[pool.name] = pool

    def add(self, provider: Provider) -> None:
        """Add a provider, or replace the one with the same name. Create its pool if necessary."""
        pool = self.pool(provider.pool_name)
        if pool is None or pool.purge_time is not None:
            self.add_pool(Pool(provider.project_number, provider.pool))
        self._providers[provider.name] = provider

    def delete(self, target: Pool | Provider) -> None:
        """Delete a pool or a provider. It can be undeleted for 30 days."""
        target.purge_time = self._clock() + DAYS_TO_UNDELETE * 86_400

    def pool(self, name: str) -> Pool | None:
        """Return the pool with this resource name."""
        self._purge()
        return self._pools.get(name)

    def has_pool(self, name: str) -> bool:
        """Return whether there is a pool with this resource name that is not deleted."""
        pool = self.pool(name)
        return pool is not None and pool.purge_time is None

    def provider(self, name: str) -> Provider | None:
        """Return the provider with this resource name."""
        self._purge()
        return self._providers.get(name)

    def pools(self, project_number: str) -> list[Pool]:
        """Return the pools of a project."""
        self._purge()
        return [pool for pool in list(self._pools.values()) if pool.project_number == project_number]

    def providers(self, pool: Pool) -> list[Provider]:
        """Return the providers in a pool."""
        self._purge()
        return [provider for provider in list(self._providers.values()) if provider.pool_name == pool.name]

    def for_audience(self, audience: str) -> Provider:
        """Return the provider that the audience of an exchange names.

        Raises:
            OAuthError: the audience is not the full resource name of a provider, or the provider or its pool does not
                exist or is disabled or deleted.
        """
        if not AUDIENCE.fullmatch(audience):
            raise OAuthError(
                "invalid_request",
                'Invalid value for "audience". This value should be the full resource name of the Identity Provider.'
                " See https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token"
                " for the list of possible formats.",
            )
        provider = self.provider(audience.removeprefix("//iam.googleapis.com/"))
        pool = None if provider is None else self.pool(provider.pool_name)
        if provider is None or not provider.in_service or pool is None or not pool.in_service:
            raise OAuthError(
                "invalid_target",
                'The target service indicated by the "audience" parameters is invalid. This might either be because'
                " the pool or provider is disabled or deleted or because it doesn't exist.",
            )
        return provider

    def is_suspended(self, principal: str) -> bool:
        """Return whether a principal belongs to a disabled or deleted pool, so that its tokens are rejected.

        Source: https://cloud.google.com/iam/docs/reference/rest/v1/projects.locations.workloadIdentityPools
        """
        match = _POOL_OF_PRINCIPAL.match(principal)
        pool = self.pool(match["pool"]) if match else None
        return pool is not None and not pool.in_service

    def _purge(self) -> None:
        now = self._clock()
        for provider in list(self._providers.values()):
            pool = self._pools.get(provider.pool_name)
            if pool is None or _is_purged(pool, now) or _is_purged(provider, now):
                self._providers.pop(provider.name, None)
        for pool in list(self._pools.values()):
            if _is_purged(pool, now):
                self._pools.pop(pool.name, None)


def _is_purged(target: Pool | Provider, now: float) -> bool:
    return target.purge_time is not None and target.purge_time <= now
