"""Pools and providers in the JSON form of the IAM API: read from requests, written to replies.

Source: https://cloud.google.com/iam/docs/reference/rest/v1/projects.locations.workloadIdentityPools
"""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

from google_auth_botocore.emulator import _json
from google_auth_botocore.emulator._errors import RpcError
from google_auth_botocore.emulator._http import Call
from google_auth_botocore.emulator._oidc import OidcProvider
from google_auth_botocore.emulator._pools import Pool
from google_auth_botocore.emulator._providers import AWS_ATTRIBUTE_MAPPING, AwsProvider, Provider

POOL_FIELDS = frozenset({"displayName", "description", "disabled"})
"""The fields of a pool that can be updated."""

PROVIDER_FIELDS = POOL_FIELDS | {"attributeMapping", "attributeCondition", "aws", "oidc"}
"""The fields of a provider that can be updated."""

_OUTPUT_ONLY = {"name", "state", "expireTime"}
_MAX_CHARACTERS = {"displayName": 32, "description": 256}


def document(resource: Pool | Provider) -> dict[str, Any]:
    """Return a pool or a provider in JSON form. Empty and false fields are omitted."""
    fields: dict[str, Any] = {
        "name": resource.name,
        "displayName": resource.display_name,
        "description": resource.description,
        "state": "ACTIVE" if resource.purge_time is None else "DELETED",
        "disabled": resource.disabled,
    }
    if resource.purge_time is not None:
        moment = datetime.fromtimestamp(resource.purge_time, timezone.utc)
        fields["expireTime"] = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(resource, Provider):
        fields["attributeMapping"] = dict(resource.attribute_mapping)
        fields["attributeCondition"] = resource.attribute_condition
    if isinstance(resource, AwsProvider):
        fields["aws"] = {"accountId": resource.account_id}
    if isinstance(resource, OidcProvider):
        jwks = None if resource.jwks is None else json.dumps(resource.jwks)
        oidc = {"issuerUri": resource.issuer, "allowedAudiences": list(resource.allowed_audiences), "jwksJson": jwks}
        fields["oidc"] = {name: value for name, value in oidc.items() if value}
    return {name: value for name, value in fields.items() if value}


def pool_fields(call: Call) -> dict[str, Any]:
    """Return the fields of a pool in the body of a request.

    Raises:
        RpcError: 400 if the body is not a JSON object or has an unknown field.
    """
    return call.fields(POOL_FIELDS | _OUTPUT_ONLY)


def provider_fields(call: Call) -> dict[str, Any]:
    """Return the fields of a provider in the body of a request.

    Raises:
        RpcError: 400 if the body is not a JSON object or has an unknown field; 501 for SAML and X.509.
    """
    if call.json().keys() & {"saml", "x509"}:
        raise RpcError(501, "The emulator supports only AWS and OIDC providers.")
    return call.fields(PROVIDER_FIELDS | _OUTPUT_ONLY)


def update_pool(pool: Pool, fields: dict[str, Any]) -> None:
    """Set the fields of a pool.

    Raises:
        RpcError: 400 if a field is invalid.
    """
    pool.display_name, pool.description, pool.disabled = _common_fields(fields)


def create_provider(pool: Pool, identifier: str, fields: dict[str, Any]) -> Provider:
    """Create a provider from its fields.

    Raises:
        RpcError: 400 if a field is invalid.
    """
    display_name, description, disabled = _common_fields(fields)
    mapping = _value(fields, "attributeMapping", dict) or {}
    condition = _value(fields, "attributeCondition", str)
    aws, oidc = _value(fields, "aws", dict), _value(fields, "oidc", dict)
    if (aws is None) == (oidc is None):
        raise RpcError(400, "A provider must be either for AWS or for OIDC.")
    names = (pool.project_number, pool.pool, identifier)
    try:
        provider: Provider
        if aws is not None:
            account = _value(aws, "accountId", str) or ""
            provider = AwsProvider(*names, mapping or AWS_ATTRIBUTE_MAPPING, condition, disabled, account)
        else:
            issuer, audiences = _value(oidc, "issuerUri", str) or "", _value(oidc, "allowedAudiences", list) or []
            jwks = _value(oidc, "jwksJson", str)
            keys = _json.parse(jwks) if jwks else None
            if not isinstance(keys, dict | None):
                raise ValueError("the keys of the issuer are not a JSON Web Key Set")
            provider = OidcProvider(*names, mapping, condition, disabled, issuer, audiences, keys)
    except (TypeError, ValueError) as error:  # an invalid mapping, condition, account, issuer or key set
        raise RpcError(400, str(error)) from error
    provider.display_name, provider.description = display_name, description
    return provider


def _common_fields(fields: dict[str, Any]) -> tuple[str, str, bool]:
    for field, maximum in _MAX_CHARACTERS.items():
        if len(_value(fields, field, str) or "") > maximum:
            raise RpcError(400, f"The {field} must have at most {maximum} characters.")
    return fields.get("displayName", ""), fields.get("description", ""), bool(_value(fields, "disabled", bool))


def _value(fields: dict[str, Any] | None, name: str, kind: type) -> Any:
    """Return the value of a field; None: it is absent."""
    value = (fields or {}).get(name)
    if value is not None and not isinstance(value, kind):
        raise RpcError(400, f"Invalid value at '{name}'.")
    return value
