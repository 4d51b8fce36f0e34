"""Workload identity pool providers that trust an OpenID Connect issuer.

Source: https://cloud.google.com/iam/docs/workload-identity-federation-with-other-providers#oidc
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests

from google_auth_botocore.emulator import _cel, _jwt
from google_auth_botocore.emulator._errors import OAuthError
from google_auth_botocore.emulator._provider_texts import CONDITION_REQUIRED
from google_auth_botocore.emulator._providers import Provider

_TIMEOUT = 10
# Every customer of these services has the same issuer, so a provider without a condition would trust all of them:
# https://cloud.google.com/iam/docs/workload-identity-federation-with-deployment-pipelines#conditions
_SHARED_ISSUERS = {"https://token.actions.githubusercontent.com", "https://gitlab.com", "https://app.terraform.io"}
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


@dataclass
class OidcProvider(Provider):
    """A provider that trusts the tokens of one issuer.

    Attributes:
        issuer: the `iss` of its tokens: an https URL, or http on loopback.
        allowed_audiences: allowed values of `aud`; empty: the provider's full resource name, with or without `https:`.
        jwks: the issuer's JSON Web Key Set; None: fetch it through the discovery document for each exchange.
    """

    issuer: str = ""
    allowed_audiences: Sequence[str] = ()
    jwks: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        """Check the issuer, too.

        Raises:
            ValueError: it is neither an https URL nor an http URL on loopback, or it requires a condition.
        """
        super().__post_init__()
        condition = self.attribute_condition  # a valid one: each of its variables depends on the claims
        if self.issuer.rstrip("/") in _SHARED_ISSUERS and not (condition and _cel.names(condition)):
            raise ValueError(CONDITION_REQUIRED)
        if not _is_allowed(self.issuer):
            raise ValueError(f"the issuer {self.issuer!r} is neither an https URL nor an http URL on loopback")

    def verify(self, token: str, now: float) -> dict[str, Any]:
        """Verify a token and return its claims.

        Args:
            token: the JWT.
            now: the time, in seconds since the epoch.

        Raises:
            OAuthError: `invalid_grant`.
        """
        try:
            claims = _jwt.claims(token)
            if claims.get("iss") != self.issuer:
                raise _invalid(
                    f"The issuer in ID Token {claims.get('iss')} does not match the expected ones: {self.issuer}."
                )
            claims = _jwt.verify(token, self.jwks if self.jwks is not None else self._fetch_jwks())
        except _jwt.JwtError as error:
            raise _invalid(f"Invalid ID Token: {error}.") from error
        self._check_times(claims, now)
        audiences = claims.get("aud")
        actual = audiences if isinstance(audiences, list) else [audiences]
        expected = self.allowed_audiences or (self.audience, f"https:{self.audience}")
        if not any(audience in expected for audience in actual):
            raise _invalid(f"The audience in ID Token {actual} does not match the expected audience {expected[0]}.")
        return claims

    def _check_times(self, claims: Mapping[str, Any], now: float) -> None:
        issued, expires = claims.get("iat"), claims.get("exp")
        if not isinstance(issued, int) or not isinstance(expires, int):
            raise _invalid("Invalid ID Token: iat or exp is missing.")
        if not issued - 60 <= now < expires or expires - issued > 24 * 3600:
            raise _invalid(f"ID Token issued at {issued} is stale to sign-in.")

    def _fetch_jwks(self) -> Mapping[str, Any]:
        try:
            with requests.Session() as session:
                url = f"{self.issuer.rstrip('/')}/.well-known/openid-configuration"
                discovered = _get(session, url)
                if discovered.get("issuer") != self.issuer:
                    raise ValueError("the discovery document belongs to another issuer")
                return _get(session, str(discovered.get("jwks_uri")))
        except (requests.RequestException, ValueError) as error:
            raise _invalid("Error connecting to the given credential's issuer.") from error


def _get(session: requests.Session, url: str) -> Mapping[str, Any]:
    if not _is_allowed(url):
        raise ValueError(f"{url!r} is not an https URL")
    reply = session.get(url, timeout=_TIMEOUT, allow_redirects=False, auth=lambda prepared: prepared)  # ignore netrc
    document = reply.json()
    if reply.status_code != 200 or not isinstance(document, dict):
        raise ValueError(f"{url!r} did not return a JSON object")
    return document


def _is_allowed(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)


def _invalid(description: str) -> OAuthError:
    return OAuthError("invalid_grant", description)
