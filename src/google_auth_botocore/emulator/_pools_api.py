"""The workload identity pools of the IAM API, and the AWS and OIDC providers in them.

Source: https://cloud.google.com/iam/docs/reference/rest/v1/projects.locations.workloadIdentityPools
"""

from __future__ import annotations

import re
from collections.abc import Callable
from re import Match
from typing import Any

from google_auth_botocore.emulator._administration import Administration
from google_auth_botocore.emulator._errors import RpcError
from google_auth_botocore.emulator._http import Call, Response, Route
from google_auth_botocore.emulator._pool_resources import (
    POOL_FIELDS,
    PROVIDER_FIELDS,
    create_provider,
    document,
    pool_fields,
    provider_fields,
    update_pool,
)
from google_auth_botocore.emulator._pools import Pool, Pools
from google_auth_botocore.emulator._projects import IAM
from google_auth_botocore.emulator._providers import Provider
from google_auth_botocore.emulator._standard_methods import apply_mask, paginate

_MESSAGES = "type.googleapis.com/google.iam.v1"
_ID = re.compile(r"(?!gcp-)[a-z0-9-]{4,32}")


class PoolsApi:
    """Serves requests that create, read, change, delete and undelete pools and providers."""

    def __init__(self, administration: Administration, pools: Pools) -> None:
        self._administration = administration
        self._pools = pools

    def routes(self) -> list[Route]:
        """Return the routes of this API."""
        # Older versions of gcloud, used in older articles, call v1beta. It behaves the same here.
        pools = r"/v1(?:beta)?/projects/(?P<project>[^/]+)/locations/global/workloadIdentityPools"
        pool = f"{pools}/(?P<pool>[^/:]+)"
        provider = f"{pool}/providers/(?P<provider>[^/:]+)"
        return [
            Route("POST", re.compile(pools), self._create_pool),
            Route("GET", re.compile(pools), self._list_pools),
            Route("POST", re.compile(f"{pool}/providers"), self._create_provider),
            Route("GET", re.compile(f"{pool}/providers"), self._list_providers),
            *(
                route
                for path, get, patch in (
                    (pool, self._pool, self._patch_pool),
                    (provider, self._provider, self._patch_provider),
                )
                for route in self._common_routes(path, get, patch)
            ),
        ]

    def _common_routes(
        self,
        path: str,
        get: Callable[[Call, Match[str], str], Pool | Provider],
        patch: Callable[[Call, Match[str]], Response],
    ) -> list[Route]:
        """Return the routes that pools and providers have in common."""

        def show(call: Call, match: Match[str]) -> Response:
            return Response(document(get(call, match, "get")))

        def delete(call: Call, match: Match[str]) -> Response:
            resource = get(call, match, "delete")
            _check_not_deleted(resource)
            self._pools.delete(resource)
            return self._start_operation(resource)

        def undelete(call: Call, match: Match[str]) -> Response:
            resource = get(call, match, "undelete")
            if resource.purge_time is None:
                raise _precondition_failed()
            resource.purge_time = None
            return self._start_operation(resource)

        def operation(call: Call, match: Match[str]) -> Response:
            resource = get(call, match, "get")
            return Response(self._administration.operations.get(f"{resource.name}/operations/{match['operation']}"))

        return [
            Route("GET", re.compile(path), show),
            Route("PATCH", re.compile(path), patch),
            Route("DELETE", re.compile(path), delete),
            Route("POST", re.compile(f"{path}:undelete"), undelete),
            Route("GET", re.compile(f"{path}/operations/(?P<operation>[^/]+)"), operation),
        ]

    def _create_pool(self, call: Call, match: Match[str]) -> Response:
        number = self._project_number(call, match, "workloadIdentityPools.create")
        pool = Pool(number, _new_id(call, "workloadIdentityPoolId"))
        update_pool(pool, pool_fields(call))
        if self._pools.pool(pool.name) is not None:
            raise RpcError(409, "Requested entity already exists")
        self._pools.add_pool(pool)
        return self._start_operation(pool)

    def _list_pools(self, call: Call, match: Match[str]) -> Response:
        number = self._project_number(call, match, "workloadIdentityPools.list")
        return Response(paginate(call, "workloadIdentityPools", _visible(call, self._pools.pools(number))))

    def _patch_pool(self, call: Call, match: Match[str]) -> Response:
        pool = self._pool(call, match, "update")
        _check_not_deleted(pool)
        mask = call.parameters().get("updateMask", "")
        update_pool(pool, apply_mask(mask, document(pool), pool_fields(call), POOL_FIELDS))
        return self._start_operation(pool)

    def _create_provider(self, call: Call, match: Match[str]) -> Response:
        number = self._project_number(call, match, "workloadIdentityPoolProviders.create")
        pool = self._find_pool(number, match)
        _check_not_deleted(pool)
        identifier = _new_id(call, "workloadIdentityPoolProviderId")
        provider = create_provider(pool, identifier, provider_fields(call))
        if self._pools.provider(provider.name) is not None:
            raise RpcError(409, "Requested entity already exists")
        self._pools.add(provider)
        return self._start_operation(provider)

    def _list_providers(self, call: Call, match: Match[str]) -> Response:
        number = self._project_number(call, match, "workloadIdentityPoolProviders.list")
        providers = self._pools.providers(self._find_pool(number, match))
        return Response(paginate(call, "workloadIdentityPoolProviders", _visible(call, providers)))

    def _patch_provider(self, call: Call, match: Match[str]) -> Response:
        provider = self._provider(call, match, "update")
        _check_not_deleted(provider)
        mask = call.parameters().get("updateMask", "")
        changed = apply_mask(mask, document(provider), provider_fields(call), PROVIDER_FIELDS)
        new = create_provider(self._find_pool(provider.project_number, match), provider.provider, changed)
        if type(new) is not type(provider):
            raise RpcError(400, "The type of a provider can't be changed.")
        vars(provider).update(vars(new))  # change it in place: callers of add_…_provider have a reference to it
        return self._start_operation(provider)

    def _pool(self, call: Call, match: Match[str], method: str) -> Pool:
        return self._find_pool(self._project_number(call, match, f"workloadIdentityPools.{method}"), match)

    def _find_pool(self, number: str, match: Match[str]) -> Pool:
        pool = self._pools.pool(Pool(number, match["pool"]).name)
        if pool is None:
            raise _not_found()
        return pool

    def _provider(self, call: Call, match: Match[str], method: str) -> Provider:
        number = self._project_number(call, match, f"workloadIdentityPoolProviders.{method}")
        provider = self._pools.provider(f"{Pool(number, match['pool']).name}/providers/{match['provider']}")
        if provider is None:
            raise _not_found()
        return provider

    def _project_number(self, call: Call, match: Match[str], permission: str) -> str:
        project = self._administration.project(call, IAM, f"iam.{permission}", match["project"])
        project.require(IAM)
        return project.number

    def _start_operation(self, resource: Pool | Provider) -> Response:
        message = f"{_MESSAGES}.WorkloadIdentityPool{'Provider' if isinstance(resource, Provider) else ''}"
        started = self._administration.operations.start(
            f"{resource.name}/operations/",
            {"@type": f"{message}OperationMetadata"},
            {"@type": message, **document(resource)},
        )
        return Response(started)


def _new_id(call: Call, parameter: str) -> str:
    identifier = call.parameters().get(parameter, "")
    if not _ID.fullmatch(identifier):
        raise RpcError(
            400,
            f"Invalid {parameter}: {identifier!r}. It must have 4 to 32 characters of [a-z0-9-], and must not start with gcp-.",
        )
    return identifier


def _visible(call: Call, found: list[Pool] | list[Provider]) -> list[dict[str, Any]]:
    show_deleted = call.parameters().get("showDeleted", "").lower() == "true"
    return [document(each) for each in found if show_deleted or each.purge_time is None]


def _check_not_deleted(resource: Pool | Provider) -> None:
    if resource.purge_time is not None:
        raise _precondition_failed()


def _precondition_failed() -> RpcError:
    return RpcError(400, "Precondition check failed.", code="FAILED_PRECONDITION")


def _not_found() -> RpcError:
    return RpcError(404, "Requested entity was not found.")
