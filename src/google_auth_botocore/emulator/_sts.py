"""The Security Token Service: `/v1/token` and `/v1/introspect`. `/v1beta` serves the same methods.

Source: https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from re import Match
from typing import Any
from urllib.parse import unquote

from google_auth_botocore.emulator import _json, _scopes, _subject_token
from google_auth_botocore.emulator._aws_sts import AwsError, SignatureVerifier
from google_auth_botocore.emulator._errors import ApiError, OAuthError
from google_auth_botocore.emulator._http import Call, Response, Route
from google_auth_botocore.emulator._oidc import OidcProvider
from google_auth_botocore.emulator._pools import Pools
from google_auth_botocore.emulator._providers import AwsProvider
from google_auth_botocore.emulator._settings import Settings
from google_auth_botocore.emulator._tokens import Tokens

_GRANT_TYPE = "urn:ietf:params:oauth:grant-type:token-exchange"
_ACCESS_TOKEN_TYPE = "urn:ietf:params:oauth:token-type:access_token"
_AWS_TYPE = "urn:ietf:params:aws:token-type:aws4_request"
_JWT_TYPES = {
    "urn:ietf:params:oauth:token-type:jwt",
    "urn:ietf:params:oauth:token-type:id_token",
}
# Fields of a form. A JSON body has them in camel case.
_FIELDS = (
    "grant_type",
    "audience",
    "scope",
    "requested_token_type",
    "subject_token",
    "subject_token_type",
    "options",
)


class SecurityTokenService:
    """Exchanges a subject token for a federated access token, and introspects federated tokens."""

    def __init__(
        self,
        settings: Settings,
        pools: Pools,
        tokens: Tokens,
        oauth_clients: Mapping[str, str | None],
        verify_aws: SignatureVerifier,
    ) -> None:
        self._settings = settings
        self._pools = pools
        self._tokens = tokens
        self._verify_aws = verify_aws
        self._oauth_clients = oauth_clients

    def routes(self) -> list[Route]:
        """Return the routes of this API."""
        return [
            Route("POST", re.compile("/v1(?:beta)?/token"), self._token),
            Route("POST", re.compile("/v1(?:beta)?/introspect"), self._introspect),
        ]

    def _token(self, call: Call, _match: Match[str]) -> Response:
        if "authorization" in call.headers:
            self._authenticate_client(call)
        request = _parameters(call, _FIELDS)
        if request["grant_type"] != _GRANT_TYPE:
            raise OAuthError("unsupported_grant_type", 'Invalid value for "grant_type".')
        if request["requested_token_type"] != _ACCESS_TOKEN_TYPE:
            raise OAuthError("invalid_request", 'Invalid value for "requested_token_type".')
        options = _options(request["options"])
        if request["subject_token_type"] == _ACCESS_TOKEN_TYPE:
            return self._downscope(call, request, options)
        provider = self._pools.for_audience(request["audience"])
        scopes = request["scope"].split()
        if not scopes:
            raise OAuthError("invalid_request", "Scope(s) must be provided.")
        unknown = _scopes.unknown(scopes)
        if unknown:
            raise OAuthError("invalid_scope", _scopes.UNKNOWN_SCOPES.format(scopes=", ".join(unknown)))
        if isinstance(provider, AwsProvider) and request["subject_token_type"] == _AWS_TYPE:
            assertion = self._aws_assertion(provider, request["subject_token"])
        elif isinstance(provider, OidcProvider) and request["subject_token_type"] in _JWT_TYPES:
            assertion = provider.verify(request["subject_token"], self._settings.clock())
        else:
            raise OAuthError("invalid_request", 'Invalid value for "subject_token_type" for this provider.')
        call.assertion = assertion
        identity = provider.identify(assertion)
        call.principal = identity.principal
        lifetime = self._settings.token_lifetime
        value, _ = self._tokens.issue(identity.principal, identity.members, scopes, lifetime)
        return _issued(value, lifetime)

    def _aws_assertion(self, provider: AwsProvider, subject_token: str) -> Mapping[str, Any]:
        request = _subject_token.parse(subject_token, provider.audience)
        try:
            caller = self._verify_aws(request)
        except AwsError as error:
            raise OAuthError(
                "invalid_grant",
                f"Received invalid AWS response of type {error.code} with error message: {error.message}",
            ) from error
        if caller.account != provider.account_id:
            raise OAuthError(
                "invalid_grant",
                f"The AWS account {caller.account} of the credential is not the one that the provider trusts.",
            )
        return {"arn": caller.arn, "account": caller.account, "userid": caller.user_id}

    def _downscope(self, call: Call, request: Mapping[str, str], options: Mapping[str, Any]) -> Response:
        """Exchange an issued access token for one with a Credential Access Boundary.

        The boundary itself is not enforced: that is up to the API that receives the token.
        Source: https://cloud.google.com/iam/docs/downscoping-short-lived-credentials
        """
        info = self._tokens.check(request["subject_token"])
        if info is None:
            raise OAuthError("invalid_grant", "The subject token is invalid or expired.")
        if "accessBoundary" not in options:
            raise OAuthError("invalid_request", 'Invalid value for "options".')
        call.principal = info.principal
        remaining = info.expiry.timestamp() - self._settings.clock()
        value, _ = self._tokens.issue(info.principal, (), info.scopes, remaining)
        return _issued(value, None)  # Google omits the lifetime: it is the source token's

    def _introspect(self, call: Call, _match: Match[str]) -> Response:
        client_id = self._authenticate_client(call)
        value = _parameters(call, ("token", "token_type_hint"))["token"]
        info = self._tokens.check(value)
        if info is None or not info.principal.startswith("principal://"):
            return Response({"active": False})
        call.principal = info.principal
        return Response(
            {
                "active": True,
                "client_id": client_id,
                "exp": int(info.expiry.timestamp()),
                "iat": int(info.issued.timestamp()),
                "iss": "https://sts.googleapis.com/",
                "scope": " ".join(info.scopes),
                "sub": info.principal.rpartition("/subject/")[2],
                "username": info.principal,
            }
        )

    def _authenticate_client(self, call: Call) -> str:
        """Check the OAuth client's credentials, and return its ID."""
        if call.bearer() is not None:
            # Google: an Authorization header "can cause the request to fail".
            raise OAuthError("invalid_request", "The Authorization header must not contain a token.")
        client_id, secret = call.basic() or ("", "")
        if client_id not in self._oauth_clients:
            raise OAuthError("invalid_client", "The OAuth client was not found.", 401)
        if self._oauth_clients[client_id] not in {None, secret}:
            raise OAuthError("invalid_client", "The OAuth client secret is wrong.", 401)
        return client_id


def _issued(value: str, lifetime: float | None) -> Response:
    expires_in = {} if lifetime is None else {"expires_in": lifetime}
    return Response(
        {
            "access_token": value,
            "issued_token_type": _ACCESS_TOKEN_TYPE,
            "token_type": "Bearer",
            **expires_in,
        }
    )


def _parameters(call: Call, names: tuple[str, ...]) -> dict[str, str]:
    """Return the parameters of a form or, in camel case, of a JSON body. An absent one is empty."""
    if not call.is_json:
        form = call.form()
        return {name: form.get(name, "") for name in names}
    try:
        body = call.json()
    except ApiError as error:
        raise OAuthError("invalid_request", error.body["error"]["message"]) from error
    keys = {re.sub(r"_([a-z])", lambda letter: letter[1].upper(), name): name for name in names}
    for key, value in body.items():
        if key not in keys or not isinstance(value, str):
            raise OAuthError("invalid_request", f'Invalid JSON payload received. Unknown name "{key}".')
    return {name: body.get(key, "") for key, name in keys.items()}


def _options(text: str) -> dict[str, Any]:
    """Return the JSON object in `options`, which clients may URL-encode an extra time."""
    if not text:
        return {}
    try:
        options = _json.parse(text if text.startswith("{") else unquote(text))
    except ValueError:
        options = None
    if not isinstance(options, dict) or not set(options) <= {"userProject", "accessBoundary"}:
        raise OAuthError("invalid_request", 'Invalid value for "options".')
    return options
