"""Workload identity pools, and the providers in them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from google_auth_botocore.emulator._errors import OAuthError
from google_auth_botocore.emulator._providers import AUDIENCE, Provider

DAYS_TO_UNDELETE = 30
_POOL_OF_PRINCIPAL = re.compile(
    r"principal://iam\.googleapis\.com/(?P<pool>projects/\d+/locations/global/workloadIdentityPools/[^/]+)/subject/"
)


@dataclass
class Pool:
    """A pool. Changes hold from the next request on.

    Attributes:
        project_number: the project's number, not its id.
        pool: its id.
        display_name: for people.
        description: for people.
        disabled: a disabled pool exchanges nothing, and the tokens of its identities are good for nothing.
        purge_time: set while it is deleted: when it can't be undeleted any more, in seconds since the epoch.
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
    """All pools and providers, by resource name. What is deleted stays among them until it is purged."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._pools: dict[str, Pool] = {}
        self._providers: dict[str, Provider] = {}

    def add_pool(self, pool: Pool) -> None:
        """Adds a pool, or puts it in the place of the one with its name."""
        self._pools[pool.name] = pool

    def add(self, provider: Provider) -> None:
        """Adds a provider, and its pool where there is none; or puts it in the place of the one with its name."""
        pool = self.pool(provider.pool_name)
        if pool is None or pool.purge_time is not None:
            self.add_pool(Pool(provider.project_number, provider.pool))
        self._providers[provider.name] = provider

    def delete(self, each: Pool | Provider) -> None:
        """Deletes a pool or a provider, so that it can be undeleted for 30 days."""
        each.purge_time = self._clock() + DAYS_TO_UNDELETE * 86_400

    def pool(self, name: str) -> Pool | None:
        """Gives the pool with this resource name."""
        self._purge()
        return self._pools.get(name)

    def provider(self, name: str) -> Provider | None:
        """Gives the provider with this resource name."""
        self._purge()
        return self._providers.get(name)

    def pools(self, project_number: str) -> list[Pool]:
        """Gives the pools of a project."""
        self._purge()
        return [pool for pool in list(self._pools.values()) if pool.project_number == project_number]

    def providers(self, pool: Pool) -> list[Provider]:
        """Gives the providers in a pool."""
        self._purge()
        return [provider for provider in list(self._providers.values()) if provider.pool_name == pool.name]

    def for_audience(self, audience: str) -> Provider:
        """Gives the provider that an exchange names.

        Raises:
            OAuthError: it is not the full resource name of a provider, or none that is in service.
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

    def suspends(self, principal: str) -> bool:
        """Says whether a principal is of a pool that is out of service: its tokens are good for nothing then.

        Source: https://cloud.google.com/iam/docs/reference/rest/v1/projects.locations.workloadIdentityPools
        """
        match = _POOL_OF_PRINCIPAL.match(principal)
        pool = self.pool(match["pool"]) if match else None
        return pool is not None and not pool.in_service

    def _purge(self) -> None:
        now = self._clock()
        for provider in list(self._providers.values()):
            pool = self._pools.get(provider.pool_name)
            if pool is None or _over(pool, now) or _over(provider, now):
                self._providers.pop(provider.name, None)
        for pool in list(self._pools.values()):
            if _over(pool, now):
                self._pools.pop(pool.name, None)


def _over(each: Pool | Provider, now: float) -> bool:
    return each.purge_time is not None and each.purge_time <= now
