"""The IAM Service Account Credentials API: short-lived credentials of service accounts.

Source: https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from datetime import timezone
from re import Match
from typing import Any

from google_auth_botocore.emulator import _json, _jwt
from google_auth_botocore.emulator._authentication import authenticate, permission_denied
from google_auth_botocore.emulator._errors import RpcError
from google_auth_botocore.emulator._http import Call, Response, Route
from google_auth_botocore.emulator._iam_policies import Policies
from google_auth_botocore.emulator._oauth import ID_TOKEN_ISSUER, ID_TOKEN_SIGNER
from google_auth_botocore.emulator._projects import IAM_CREDENTIALS, Projects
from google_auth_botocore.emulator._scopes import unknown
from google_auth_botocore.emulator._service_accounts import ServiceAccount, ServiceAccounts
from google_auth_botocore.emulator._settings import Settings
from google_auth_botocore.emulator._signing_keys import KeyRing
from google_auth_botocore.emulator._tokens import Tokens

_INVALID_ARGUMENT = "Request contains an invalid argument."
_HOUR = 3600
_TWELVE_HOURS = 43_200


class IamCredentials:
    """Issues tokens and signatures of service accounts to authorized callers."""

    def __init__(
        self,
        settings: Settings,
        accounts: ServiceAccounts,
        policies: Policies,
        projects: Projects,
        keys: KeyRing,
        tokens: Tokens,
    ) -> None:
        self._settings = settings
        self._accounts = accounts
        self._policies = policies
        self._projects = projects
        self._keys = keys
        self._tokens = tokens

    def routes(self) -> list[Route]:
        """Return the routes of this API."""
        resource = r"/v1/projects/(?P<project>[^/]+)/serviceAccounts/(?P<account>[^/]+)"
        return [
            Route("POST", re.compile(f"{resource}:generateAccessToken"), self._generate_access_token),
            Route("POST", re.compile(f"{resource}:generateIdToken"), self._generate_id_token),
            Route("POST", re.compile(f"{resource}:signBlob"), self._sign_blob),
            Route("POST", re.compile(f"{resource}:signJwt"), self._sign_jwt),
        ]

    def _generate_access_token(self, call: Call, match: Match[str]) -> Response:
        body = call.fields({"delegates", "scope", "lifetime"})
        account = self._authorize(call, match, body, "getAccessToken")
        scopes = body.get("scope")
        if not isinstance(scopes, list) or not scopes or not all(isinstance(s, str) for s in scopes) or unknown(scopes):
            raise RpcError(400, _INVALID_ARGUMENT)
        lifetime = _seconds(body.get("lifetime", f"{_HOUR}s"))
        if lifetime > (_TWELVE_HOURS if account.lifetime_extension else _HOUR):
            raise RpcError(400, _too_long(account))
        lifetime = min(lifetime, self._settings.max_access_token_lifetime or lifetime)
        value, info = self._tokens.issue(account.email, {account.member}, scopes, lifetime)
        expiry = info.expiry.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        return Response({"accessToken": value, "expireTime": expiry})

    def _generate_id_token(self, call: Call, match: Match[str]) -> Response:
        body = call.fields({"delegates", "audience", "includeEmail", "useEmailAzp"})
        account = self._authorize(call, match, body, "getOpenIdToken")
        audience = _text(body, "audience")
        now = int(self._settings.clock())
        claims = {
            "aud": audience,
            "azp": account.email if _true(body, "useEmailAzp") else account.unique_id,
            "exp": now + _HOUR,
            "iat": now,
            "iss": ID_TOKEN_ISSUER,
            "sub": account.unique_id,
            **({"email": account.email, "email_verified": True} if _true(body, "includeEmail") else {}),
        }
        token = _jwt.sign(json.dumps(claims).encode(), self._keys.key_for(ID_TOKEN_SIGNER))
        return Response({"token": token})

    def _sign_blob(self, call: Call, match: Match[str]) -> Response:
        body = call.fields({"delegates", "payload"})
        account = self._authorize(call, match, body, "signBlob")
        try:
            message = base64.b64decode(_text(body, "payload"), validate=True)
        except ValueError as error:
            raise RpcError(400, "Invalid value at 'payload' (TYPE_BYTES), Base64 decoding failed") from error
        key = self._keys.key_for(account.email)
        signature = base64.b64encode(key.sign(message)).decode()
        return Response({"keyId": key.key_id, "signedBlob": signature})

    def _sign_jwt(self, call: Call, match: Match[str]) -> Response:
        body = call.fields({"delegates", "payload"})
        account = self._authorize(call, match, body, "signJwt")
        payload = _text(body, "payload")
        try:
            claims = _json.parse(payload)
        except ValueError as error:
            raise RpcError(400, _INVALID_ARGUMENT) from error
        if not isinstance(claims, dict):
            raise RpcError(400, _INVALID_ARGUMENT)
        now, expires = self._settings.clock(), claims.get("exp")
        in_time = isinstance(expires, int) and now <= expires <= now + _TWELVE_HOURS
        if "exp" in claims and not in_time:
            raise RpcError(400, _INVALID_ARGUMENT)
        key = self._keys.key_for(account.email)
        return Response({"keyId": key.key_id, "signedJwt": _jwt.sign(payload.encode(), key)})

    def _authorize(self, call: Call, match: Match[str], body: Mapping[str, Any], method: str) -> ServiceAccount:
        """Return the service account in the path, if the caller may use it, directly or through the delegates.

        The caller needs the permission to delegate on the first delegate, and each delegate on the next. The last one
        needs the permission of the method on the service account.
        Source: https://cloud.google.com/iam/docs/create-short-lived-credentials-delegated#sa-credentials-permissions
        """
        caller = authenticate(call, self._tokens, IAM_CREDENTIALS)
        consumer = self._projects.of_principal(caller.principal)
        if consumer is not None:
            consumer.require(IAM_CREDENTIALS)
        if match["project"] != "-":
            raise RpcError(400, _INVALID_ARGUMENT)  # the wildcard is mandatory
        delegates = body.get("delegates", [])
        if not isinstance(delegates, list):
            raise RpcError(400, _INVALID_ARGUMENT)
        members = caller.members
        for delegate in delegates:
            name = re.fullmatch("(?:projects/-/serviceAccounts/)?([^/]+)", str(delegate))
            if name is None:
                raise RpcError(400, _INVALID_ARGUMENT)
            account = self._permitted(name[1], "implicitDelegation", members)
            members = frozenset({account.member})
        return self._permitted(match["account"], method, members)

    def _permitted(self, name: str, method: str, members: frozenset[str]) -> ServiceAccount:
        if not re.fullmatch(r"[0-9]+|[^@/:]+@[^@/]+", name):
            raise RpcError(404, "Requested entity was not found.")
        permission = f"iam.serviceAccounts.{method}"
        account = self._accounts.find(name)
        # Without the permission, the error does not reveal whether the account exists.
        if account is None or not self._policies.allows(self._projects.policy_resources(account), permission, members):
            raise permission_denied(permission)
        if account.disabled:  # the words are assumed
            raise RpcError(400, f"Service account {account.email} is disabled.", code="FAILED_PRECONDITION")
        return account


def _text(body: Mapping[str, Any], field: str) -> str:
    value = body.get(field)
    if not isinstance(value, str) or not value:
        raise RpcError(400, _INVALID_ARGUMENT)
    return value


def _true(body: Mapping[str, Any], field: str) -> bool:
    value = body.get(field)
    return value is True or value == "true"  # google-auth sends a string


def _seconds(duration: object) -> float:
    """Parse a google.protobuf.Duration in its JSON form, such as `3600s`. It must be positive."""
    if not isinstance(duration, str) or not re.fullmatch(r"[0-9]+(\.[0-9]{1,9})?s", duration):
        raise RpcError(400, _INVALID_ARGUMENT)
    seconds = float(duration[:-1])
    if seconds <= 0:
        raise RpcError(400, _INVALID_ARGUMENT)
    return seconds


def _too_long(account: ServiceAccount) -> str:
    if account.lifetime_extension:
        return "The access token lifetime cannot exceed 43200 seconds."
    return (
        f"Access tokens for service account {account.email} can not have lifetimes of more than 1 hour."
        " Use the Org Policy Constraint constraints/iam.allowServiceAccountCredentialLifetimeExtension"
        " to allow up to 12 hours."
    )
