"""The emulator's state as one JSON document: what was created at run time, and what was issued.

Everything that a client can still use after a restart is in it: projects, pools, providers, service accounts and their policies,
OAuth clients, temporary AWS keys, signing keys, access tokens that have not expired, and the certificate for TLS.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from google_auth_botocore.emulator._aws_keys import AwsKeys
from google_auth_botocore.emulator._certificates import ServerCertificate
from google_auth_botocore.emulator._emulator import Emulator
from google_auth_botocore.emulator._oidc import OidcProvider
from google_auth_botocore.emulator._pools import Pool
from google_auth_botocore.emulator._providers import AwsProvider, Provider
from google_auth_botocore.emulator._service_accounts import ServiceAccount
from google_auth_botocore.emulator._signing_keys import SigningKey
from google_auth_botocore.emulator._tokens import TokenInfo

_PROVIDERS = {"aws": AwsProvider, "oidc": OidcProvider}


def dump(google: Emulator) -> dict[str, Any]:
    """Return the state. Other threads may serve requests, so every collection is copied before it is read."""
    now = google.clock()
    return {
        "projects": [
            {"project_id": each.project_id, "number": each.number, "services": sorted(each.services)}
            for each in list(google._projects._by_id.values())
        ],
        "pools": [dataclasses.asdict(pool) for pool in list(google._pools._pools.values())],
        "providers": [_dump_provider(provider) for provider in list(google._pools._providers.values())],
        "accounts": [
            dataclasses.asdict(account) for name, account in list(google._accounts._accounts.items()) if "@" in name
        ],
        "deleted_accounts": [dataclasses.asdict(account) for account in list(google._accounts._deleted.values())],
        "policies": google._policies.snapshot(),
        "delegations": {name: sorted(scopes) for name, scopes in list(google._delegations.items())},
        "oauth_clients": dict(google._oauth_clients),
        # Keys that never expire are options of the emulator, which may change.
        "aws_keys": [
            _dump_times(keys)
            for keys in google.aws_keys.known()
            if keys.expiry is not None and not _has_expired(keys, now)
        ],
        "signing_keys": {
            owner: {"private_key": key.private_key, "certificate": key.certificate}
            for owner, key in list(google._keys._keys.items())
        },
        "tokens": {
            value: {**_dump_times(info), "members": sorted(info.members)}
            for value, info in list(google._tokens._infos.items())
            if not _has_expired(info, now)
        },
        "certificate": None if google.certificate is None else _dump_times(google.certificate),
    }


def load(google: Emulator, state: Mapping[str, Any]) -> None:
    """Replace the state of an emulator that is not running.

    The certificate is only used if the emulator serves TLS and the certificate has all the required names.

    Raises:
        KeyError, TypeError, ValueError: the document is not one that `dump` returned.
    """
    google._projects._by_id.clear()
    for project in state["projects"]:
        google.add_project(project["project_id"], project["number"], _texts(project["services"]))
    google._pools._pools = {pool.name: pool for pool in (Pool(**fields) for fields in state["pools"])}
    providers = [_load_provider(fields) for fields in state["providers"]]
    google._pools._providers = {provider.name: provider for provider in providers}
    for fields in state["accounts"]:
        google._accounts.put(ServiceAccount(**fields))
    deleted = [ServiceAccount(**fields) for fields in state["deleted_accounts"]]
    google._accounts._deleted = {account.unique_id: account for account in deleted}
    google._policies.restore(state["policies"])
    delegations = {name: frozenset(_texts(scopes)) for name, scopes in state["delegations"].items()}
    google._delegations.clear()
    google._delegations.update(delegations)
    clients = {name: _secret(secret) for name, secret in state["oauth_clients"].items()}
    google._oauth_clients.clear()
    google._oauth_clients.update(clients)
    for fields in state["aws_keys"]:
        google.aws_keys.add(AwsKeys(**_load_times(fields)))
    for owner, key in state["signing_keys"].items():
        google._keys._keys[owner] = SigningKey.from_pem(key["private_key"], key["certificate"])
    google._tokens._infos = {
        value: TokenInfo(
            **{
                **_load_times(info),
                "scopes": tuple(_texts(info["scopes"])),
                "members": frozenset(_texts(info["members"])),
            }
        )
        for value, info in state["tokens"].items()
    }
    if google.certificate is not None and state["certificate"] is not None:
        fields = _load_times(state["certificate"])
        saved = ServerCertificate(**{**fields, "names": tuple(fields["names"])})
        if saved.serves(google.certificate.names):
            google.certificate = saved


def _dump_provider(provider: Provider) -> dict[str, Any]:
    [kind] = [name for name, each in _PROVIDERS.items() if type(provider) is each]
    return {"kind": kind, **dataclasses.asdict(provider)}


def _load_provider(fields: Mapping[str, Any]) -> Provider:
    provider: Provider = _PROVIDERS[fields["kind"]](**{name: value for name, value in fields.items() if name != "kind"})
    return provider


def _texts(value: object) -> list[str]:
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return value
    raise TypeError("not a list of strings")


def _secret(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    raise TypeError("the secret of an OAuth client is not a string")


def _dump_times(record: Any) -> dict[str, Any]:
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in vars(record).items()}


def _load_times(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: datetime.fromisoformat(value) if name in {"issued", "expiry"} and value is not None else value
        for name, value in fields.items()
    }


def _has_expired(record: AwsKeys | TokenInfo, now: float) -> bool:
    return record.expiry is not None and record.expiry.timestamp() <= now
