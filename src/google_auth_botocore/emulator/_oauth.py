"""Google's OAuth endpoints: the JWT bearer grant, and the pages with public keys.

The grant has two paths: `oauth2.googleapis.com/token`, and `www.googleapis.com/oauth2/v4/token` in older clients.
Source: https://developers.google.com/identity/protocols/oauth2/service-account#httprest
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from re import Match
from typing import Any

from google_auth_botocore.emulator import _jwt
from google_auth_botocore.emulator._errors import OAuthError, RpcError
from google_auth_botocore.emulator._http import Call, Response, Route
from google_auth_botocore.emulator._scopes import unknown
from google_auth_botocore.emulator._service_accounts import ServiceAccount, ServiceAccounts
from google_auth_botocore.emulator._settings import Settings
from google_auth_botocore.emulator._signing_keys import KeyRing
from google_auth_botocore.emulator._tokens import Tokens

ID_TOKEN_ISSUER = "https://accounts.google.com"
# The owner of the certificate that signs ID tokens, with the same name as at Google.
ID_TOKEN_SIGNER = "federated-signon.system.gserviceaccount.com"

_GRANT_TYPE = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_AUDIENCE = "https://oauth2.googleapis.com/token"
_AUDIENCES = {_AUDIENCE, "https://www.googleapis.com/oauth2/v4/token"}
_HOUR = 3600
_SKEW = 300


class OAuth:
    """Exchanges assertions signed by service accounts, for themselves or for a Workspace user, and publishes keys."""

    def __init__(
        self,
        settings: Settings,
        accounts: ServiceAccounts,
        keys: KeyRing,
        tokens: Tokens,
        delegations: Mapping[str, frozenset[str]],
    ) -> None:
        self._settings = settings
        self._accounts = accounts
        self._keys = keys
        self._tokens = tokens
        self._delegations = delegations

    def routes(self) -> list[Route]:
        """Return the routes of this API."""
        return [
            Route("POST", re.compile("/token|/oauth2/v4/token"), self._token),
            Route("GET", re.compile("/oauth2/v1/certs"), self._id_token_certificates),
            Route("GET", re.compile("/oauth2/v3/certs"), self._id_token_jwks),
            Route("GET", re.compile("/service_accounts/v1/metadata/x509/([^/]+)"), self._certificates),
            Route("GET", re.compile("/service_accounts/v1/jwk/([^/]+)"), self._jwks),
        ]

    def _token(self, call: Call, _match: Match[str]) -> Response:
        form = call.form()
        if form.get("grant_type") != _GRANT_TYPE:
            raise OAuthError("unsupported_grant_type", f"Invalid grant_type: {form.get('grant_type', '')}")
        account, claims = self._verify_assertion(form.get("assertion", ""))
        now = self._settings.clock()
        # One of Google's URLs of this endpoint, or the URL that was called.
        called = f"{call.headers.get('host')}{call.path}"
        if str(claims.get("aud")) not in {*_AUDIENCES, f"http://{called}", f"https://{called}"}:
            raise _invalid(f"Invalid JWT: Failed audience check. The right audience is {_AUDIENCE}")
        issued, expires = claims.get("iat"), claims.get("exp")
        if (
            not isinstance(issued, int)
            or not isinstance(expires, int)
            or not issued - _SKEW <= now < expires <= issued + _HOUR
        ):
            raise _invalid(
                "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe."
                " Check your iat and exp values in the JWT claim."
            )
        scopes = str(claims.get("scope", "")).split()
        if not scopes or unknown(scopes):
            raise OAuthError("invalid_scope", "Invalid OAuth scope or ID token audience provided.")
        subject = str(claims.get("sub") or account.email)
        if subject == account.email:
            member = account.member
        else:
            self._check_delegation(account, subject, scopes)
            member = f"user:{subject}"
        call.principal = subject
        lifetime = min(_HOUR, int(expires - now))
        lifetime = min(lifetime, self._settings.max_access_token_lifetime or lifetime)
        value, _ = self._tokens.issue(subject, {member}, scopes, lifetime)
        return Response({"access_token": value, "expires_in": lifetime, "token_type": "Bearer"})

    def _verify_assertion(self, assertion: str) -> tuple[ServiceAccount, dict[str, Any]]:
        """Return the service account that signed an assertion, and the claims."""
        try:
            account = self._accounts.find(str(_jwt.claims(assertion).get("iss")))
            if account is None:
                raise _invalid("Invalid grant: account not found")
            if account.disabled:
                raise OAuthError("disabled_client", "The OAuth client was disabled.", 401)
            key = self._keys.key_for(account.email)
            return account, _jwt.verify(assertion, {"keys": [key.jwk]})
        except _jwt.JwtError as error:
            raise _invalid("Invalid JWT Signature.") from error

    def _check_delegation(self, account: ServiceAccount, subject: str, scopes: list[str]) -> None:
        if not set(scopes) <= self._delegations.get(account.email, frozenset()):
            raise OAuthError(
                "unauthorized_client",
                "Client is unauthorized to retrieve access tokens using this method, or client not authorized for any"
                " of the scopes requested.",
                401,
            )
        if "@" not in subject:
            raise _invalid("Invalid email or User ID")

    def _id_token_certificates(self, _call: Call, _match: Match[str]) -> Response:
        key = self._keys.key_for(ID_TOKEN_SIGNER)
        return Response({key.key_id: key.certificate})

    def _id_token_jwks(self, _call: Call, _match: Match[str]) -> Response:
        return Response({"keys": [self._keys.key_for(ID_TOKEN_SIGNER).jwk]})

    def _certificates(self, _call: Call, match: Match[str]) -> Response:
        key = self._keys.key_for(self._account(match[1]).email)
        return Response({key.key_id: key.certificate})

    def _jwks(self, _call: Call, match: Match[str]) -> Response:
        return Response({"keys": [self._keys.key_for(self._account(match[1]).email).jwk]})

    def _account(self, name: str) -> ServiceAccount:
        account = self._accounts.find(name)
        if account is None:
            raise RpcError(404, "Requested entity was not found.")
        return account


def _invalid(description: str) -> OAuthError:
    return OAuthError("invalid_grant", description)
