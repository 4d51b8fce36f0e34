"""The part of the IAM API that makes workload identity pools, and the AWS and OIDC providers in them.

Source: https://cloud.google.com/iam/docs/reference/rest/v1/projects.locations.workloadIdentityPools
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import datetime, timezone
from re import Match
from typing import Any

from google_auth_botocore.emulator._administration import Administration, masked, page
from google_auth_botocore.emulator._errors import RpcError
from google_auth_botocore.emulator._http import Call, Response, Route
from google_auth_botocore.emulator._oidc import OidcProvider
from google_auth_botocore.emulator._pools import Pool, Pools
from google_auth_botocore.emulator._projects import IAM
from google_auth_botocore.emulator._providers import AWS_ATTRIBUTE_MAPPING, AwsProvider, Provider

_MESSAGES = "type.googleapis.com/google.iam.v1"
_ID = re.compile(r"(?!gcp-)[a-z0-9-]{4,32}")
_OF_POOLS = {"displayName", "description", "disabled"}
_OF_PROVIDERS = {*_OF_POOLS, "attributeMapping", "attributeCondition", "aws", "oidc"}
_OUTPUT_ONLY = {"name", "state", "expireTime"}
_MAX_CHARACTERS = {"displayName": 32, "description": 256}


class PoolsApi:
    """Makes, shows, changes, deletes and undeletes pools and providers: those that the exchange judges by."""

    def __init__(self, administration: Administration, pools: Pools) -> None:
        self._administration = administration
        self._pools = pools

    def routes(self) -> list[Route]:
        """Gives what it serves."""
        # gcloud's older tracks, which older articles use, have v1beta; nothing in it is different here.
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
                for route in self._routes_of_one(path, get, patch)
            ),
        ]

    def _routes_of_one(
        self,
        path: str,
        get: Callable[[Call, Match[str], str], Pool | Provider],
        patch: Callable[[Call, Match[str]], Response],
    ) -> list[Route]:
        """Gives what can be done with a pool as with a provider."""

        def show(call: Call, match: Match[str]) -> Response:
            return Response(_document(get(call, match, "get")))

        def delete(call: Call, match: Match[str]) -> Response:
            each = get(call, match, "delete")
            _check_not_deleted(each)
            self._pools.delete(each)
            return self._started(each)

        def undelete(call: Call, match: Match[str]) -> Response:
            each = get(call, match, "undelete")
            if each.purge_time is None:
                raise _precondition_failed()
            each.purge_time = None
            return self._started(each)

        def operation(call: Call, match: Match[str]) -> Response:
            each = get(call, match, "get")
            return Response(self._administration.operations.get(f"{each.name}/operations/{match['operation']}"))

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
        _change_pool(pool, call.fields(_OF_POOLS | _OUTPUT_ONLY))
        if self._pools.pool(pool.name) is not None:
            raise RpcError(409, "Requested entity already exists")
        self._pools.add_pool(pool)
        return self._started(pool)

    def _list_pools(self, call: Call, match: Match[str]) -> Response:
        number = self._project_number(call, match, "workloadIdentityPools.list")
        return Response(page(call, "workloadIdentityPools", _listed(call, self._pools.pools(number))))

    def _patch_pool(self, call: Call, match: Match[str]) -> Response:
        pool = self._pool(call, match, "update")
        _check_not_deleted(pool)
        mask = call.parameters().get("updateMask", "")
        _change_pool(pool, masked(mask, _document(pool), call.fields(_OF_POOLS | _OUTPUT_ONLY), _OF_POOLS))
        return self._started(pool)

    def _create_provider(self, call: Call, match: Match[str]) -> Response:
        number = self._project_number(call, match, "workloadIdentityPoolProviders.create")
        pool = self._found_pool(number, match)
        _check_not_deleted(pool)
        identifier = _new_id(call, "workloadIdentityPoolProviderId")
        provider = _provider(pool, identifier, _provider_fields(call))
        if self._pools.provider(provider.name) is not None:
            raise RpcError(409, "Requested entity already exists")
        self._pools.add(provider)
        return self._started(provider)

    def _list_providers(self, call: Call, match: Match[str]) -> Response:
        number = self._project_number(call, match, "workloadIdentityPoolProviders.list")
        providers = self._pools.providers(self._found_pool(number, match))
        return Response(page(call, "workloadIdentityPoolProviders", _listed(call, providers)))

    def _patch_provider(self, call: Call, match: Match[str]) -> Response:
        provider = self._provider(call, match, "update")
        _check_not_deleted(provider)
        mask = call.parameters().get("updateMask", "")
        changed = masked(mask, _document(provider), _provider_fields(call), _OF_PROVIDERS)
        made = _provider(self._found_pool(provider.project_number, match), provider.provider, changed)
        if type(made) is not type(provider):
            raise RpcError(400, "The type of a provider can't be changed.")
        vars(provider).update(vars(made))  # whoever holds it sees the change
        return self._started(provider)

    def _pool(self, call: Call, match: Match[str], method: str) -> Pool:
        return self._found_pool(self._project_number(call, match, f"workloadIdentityPools.{method}"), match)

    def _found_pool(self, number: str, match: Match[str]) -> Pool:
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

    def _started(self, each: Pool | Provider) -> Response:
        message = f"{_MESSAGES}.WorkloadIdentityPool{'Provider' if isinstance(each, Provider) else ''}"
        started = self._administration.operations.start(
            f"{each.name}/operations/",
            {"@type": f"{message}OperationMetadata"},
            {"@type": message, **_document(each)},
        )
        return Response(started)


def _document(each: Pool | Provider) -> dict[str, Any]:
    """Gives a pool or a provider as the API shows it: what is empty or false is left out."""
    deleted = each.purge_time is not None
    fields: dict[str, Any] = {
        "name": each.name,
        "displayName": each.display_name,
        "description": each.description,
        "state": "DELETED" if deleted else "ACTIVE",
        "disabled": each.disabled,
    }
    if each.purge_time is not None:
        moment = datetime.fromtimestamp(each.purge_time, timezone.utc)
        fields["expireTime"] = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(each, Provider):
        fields["attributeMapping"] = dict(each.attribute_mapping)
        fields["attributeCondition"] = each.attribute_condition
    if isinstance(each, AwsProvider):
        fields["aws"] = {"accountId": each.account_id}
    if isinstance(each, OidcProvider):
        jwks = None if each.jwks is None else json.dumps(each.jwks)
        oidc = {"issuerUri": each.issuer, "allowedAudiences": list(each.allowed_audiences), "jwksJson": jwks}
        fields["oidc"] = {name: value for name, value in oidc.items() if value}
    return {name: value for name, value in fields.items() if value}


def _change_pool(pool: Pool, fields: dict[str, Any]) -> None:
    described = _described(fields)
    pool.display_name, pool.description, pool.disabled = described


def _provider_fields(call: Call) -> dict[str, Any]:
    if call.json().keys() & {"saml", "x509"}:
        raise RpcError(501, "The emulator has providers for AWS and OIDC alone.")
    return call.fields(_OF_PROVIDERS | _OUTPUT_ONLY)


def _provider(pool: Pool, identifier: str, fields: dict[str, Any]) -> Provider:
    """Makes a provider of what the API was given."""
    display_name, description, disabled = _described(fields)
    mapping = _value(fields, "attributeMapping", dict) or {}
    condition = _value(fields, "attributeCondition", str)
    aws, oidc = _value(fields, "aws", dict), _value(fields, "oidc", dict)
    if (aws is None) == (oidc is None):
        raise RpcError(400, "A provider is either for AWS or for OIDC.")
    names = (pool.project_number, pool.pool, identifier)
    try:
        provider: Provider
        if aws is not None:
            account = _value(aws, "accountId", str) or ""
            provider = AwsProvider(*names, mapping or AWS_ATTRIBUTE_MAPPING, condition, disabled, account)
        else:
            issuer, audiences = _value(oidc, "issuerUri", str) or "", _value(oidc, "allowedAudiences", list) or []
            jwks = _value(oidc, "jwksJson", str)
            keys = json.loads(jwks) if jwks else None
            if not isinstance(keys, dict | None):
                raise ValueError("the keys of the issuer are no JSON Web Key Set")
            provider = OidcProvider(*names, mapping, condition, disabled, issuer, audiences, keys)
    except (TypeError, ValueError) as error:  # of mapping, condition, account, issuer or keys
        raise RpcError(400, f"Invalid argument: {error}") from error
    provider.display_name, provider.description = display_name, description
    return provider


def _described(fields: dict[str, Any]) -> tuple[str, str, bool]:
    for field, longest in _MAX_CHARACTERS.items():
        if len(_value(fields, field, str) or "") > longest:
            raise RpcError(400, f"The {field} has at most {longest} characters.")
    return fields.get("displayName", ""), fields.get("description", ""), bool(_value(fields, "disabled", bool))


def _value(fields: dict[str, Any] | None, name: str, kind: type) -> Any:
    """Gives the value of a field, None where it is absent."""
    value = (fields or {}).get(name)
    if value is not None and not isinstance(value, kind):
        raise RpcError(400, f"Invalid value at '{name}'.")
    return value


def _new_id(call: Call, parameter: str) -> str:
    identifier = call.parameters().get(parameter, "")
    if not _ID.fullmatch(identifier):
        raise RpcError(
            400, f"Invalid {parameter}: {identifier!r}. It has 4 to 32 characters of [a-z0-9-] and no prefix gcp-."
        )
    return identifier


def _listed(call: Call, found: list[Pool] | list[Provider]) -> list[dict[str, Any]]:
    everything = call.parameters().get("showDeleted", "").lower() == "true"
    return [_document(each) for each in found if everything or each.purge_time is None]


def _check_not_deleted(each: Pool | Provider) -> None:
    if each.purge_time is not None:
        raise _precondition_failed()


def _precondition_failed() -> RpcError:
    return RpcError(400, "Precondition check failed.", code="FAILED_PRECONDITION")


def _not_found() -> RpcError:
    return RpcError(404, "Requested entity was not found.")
