"""`oauth2.googleapis.com/tokeninfo`, also at `www.googleapis.com/oauth2/v3/tokeninfo`: what a token stands for.

Sources: https://developers.google.com/identity/sign-in/web/backend-auth#calling-the-tokeninfo-endpoint (ID tokens) and
https://cloud.google.com/docs/authentication/token-types#access-contents (access tokens).
"""

from __future__ import annotations

import re
from re import Match
from typing import Any

from google_auth_botocore.emulator import _jwt
from google_auth_botocore.emulator._errors import OAuthError
from google_auth_botocore.emulator._http import Call, Response, Route
from google_auth_botocore.emulator._oauth import ID_TOKEN_ISSUER, ID_TOKEN_SIGNER
from google_auth_botocore.emulator._service_accounts import ServiceAccounts
from google_auth_botocore.emulator._settings import Settings
from google_auth_botocore.emulator._signing_keys import KeyRing
from google_auth_botocore.emulator._tokens import Tokens

_EMAIL_SCOPES = {"email", "https://www.googleapis.com/auth/userinfo.email"}


class TokenInfoEndpoint:
    """Describes access tokens of service accounts and users, and ID tokens. All values are strings, as at Google."""

    def __init__(self, settings: Settings, accounts: ServiceAccounts, keys: KeyRing, tokens: Tokens) -> None:
        self._settings = settings
        self._accounts = accounts
        self._keys = keys
        self._tokens = tokens

    def routes(self) -> list[Route]:
        """Return the routes of this API."""
        path = re.compile("/tokeninfo|/oauth2/v3/tokeninfo")
        return [Route(method, path, self._tokeninfo) for method in ("GET", "POST")]

    def _tokeninfo(self, call: Call, _match: Match[str]) -> Response:
        parameters = {**call.form(), **call.parameters()}
        if access_token := parameters.get("access_token"):
            return Response(self._access_token(call, access_token))
        if id_token := parameters.get("id_token"):
            return Response(self._id_token(id_token))
        raise OAuthError("invalid_request", "either access_token, id_token, or token_handle required")

    def _access_token(self, call: Call, value: str) -> dict[str, str]:
        info = self._tokens.check(value)
        # Only the Security Token Service knows federated tokens: https://cloud.google.com/iam/docs/reference/sts/rest
        if info is None or info.principal.startswith("principal://"):
            raise _invalid()
        call.principal = info.principal
        account = self._accounts.find(info.principal)
        client = info.principal if account is None else account.unique_id
        expiry = int(info.expiry.timestamp())
        email = {"email": info.principal, "email_verified": "true"}
        return {
            "azp": client,
            "aud": client,
            "scope": " ".join(info.scopes),
            "exp": str(expiry),
            "expires_in": str(expiry - int(self._settings.clock())),
            **(email if _EMAIL_SCOPES & set(info.scopes) else {}),
            "access_type": "online",
        }

    def _id_token(self, value: str) -> dict[str, str]:
        key = self._keys.key_for(ID_TOKEN_SIGNER)
        try:
            claims = _jwt.verify(value, {"keys": [key.jwk]})
        except _jwt.JwtError as error:
            raise _invalid() from error
        expires = claims.get("exp")
        if claims.get("iss") != ID_TOKEN_ISSUER or not isinstance(expires, int) or expires <= self._settings.clock():
            raise _invalid()
        return {
            **{name: _text(claim) for name, claim in claims.items()},
            "alg": "RS256",
            "kid": key.key_id,
            "typ": "JWT",
        }


def _text(claim: Any) -> str:
    return str(claim).lower() if isinstance(claim, bool) else str(claim)


def _invalid() -> OAuthError:
    return OAuthError("invalid_token", "Invalid Value")
