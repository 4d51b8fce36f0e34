"""AWS STS as an issuer of JWTs (GetWebIdentityToken), with the discovery document and keys to verify them.

https://docs.aws.amazon.com/STS/latest/APIReference/API_GetWebIdentityToken.html
"""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from re import Match

from google_auth_botocore.emulator import _jwt
from google_auth_botocore.emulator._aws_keys import AwsKeys
from google_auth_botocore.emulator._http import Call, Response, Route
from google_auth_botocore.emulator._signing_keys import SigningKey
from google_auth_botocore.emulator.aws._endpoint import AwsEndpoint

_ASSUMED_ROLE = re.compile(r"arn:(aws[a-z-]*):sts::([0-9]{12}):assumed-role/([^/]+)/.+")
_NAMESPACE = "https://sts.amazonaws.com/"


class WebIdentityIssuer(AwsEndpoint):
    """The issuer of one account. Its `url` is the `iss` of its tokens, for `Emulator.add_oidc_provider`.

    Args:
        find: returns the keys with an access key ID, usually `Emulator.aws_keys.find`.
        enabled: whether outbound identity federation is enabled for the account.
        origin_identity: the user or workload on whose behalf sessions act, for the subject mode OriginIdentity; None: requests
            for this mode are rejected.
    """

    def __init__(
        self, find: Callable[[str], AwsKeys | None], *, enabled: bool = True, origin_identity: str | None = None
    ) -> None:
        super().__init__()
        self.origin_identity = origin_identity
        self.enabled = enabled
        self._find = find
        self._key = SigningKey.create("AWS", datetime.now(timezone.utc))

    def environment(self) -> dict[str, str]:
        """Return the variables that point an AWS SDK at this endpoint."""
        return {"AWS_ENDPOINT_URL_STS": self.url}

    def routes(self) -> list[Route]:
        """Return the routes of this endpoint."""
        return [
            Route("POST", re.compile("/"), self._token),
            Route(
                "GET",
                re.compile(r"/\.well-known/openid-configuration"),
                lambda _, __: Response({"issuer": self.url, "jwks_uri": f"{self.url}/jwks.json"}),
            ),
            Route("GET", re.compile(r"/jwks\.json"), lambda _, __: Response({"keys": [self._key.jwk]})),
        ]

    def _token(self, call: Call, _: Match[str]) -> Response:
        form = call.form()
        credential = re.search(r"Credential=([^/=]+)/", call.headers.get("authorization", ""))
        keys = self._find(credential[1]) if credential else None
        if keys is None or keys.session_token != call.headers.get("x-amz-security-token"):
            return _error_response("InvalidClientTokenId", "The security token included in the request is invalid.")
        if not self.enabled:
            return _error_response(
                "OutboundWebIdentityFederationDisabled",
                "Outbound web identity federation is not enabled for this account.",
            )
        if form.get("Action") != "GetWebIdentityToken" or form.get("SigningAlgorithm") != "RS256":
            return _error_response("ValidationError", "The emulator does not support this request.")
        role = _ASSUMED_ROLE.sub(r"arn:\1:iam::\2:role/\3", keys.arn)
        subject: str | None = role
        if form.get("SubjectMode") == "OriginIdentity":
            subject = self.origin_identity
            if subject is None:
                return _error_response("ValidationError", "The session has no trusted identity propagation context.")
        now = int(time.time())
        end = now + int(form.get("DurationSeconds", "300"))
        claims = {
            "iss": self.url,
            "aud": form.get("Audience.member.1"),
            "sub": subject,
            "iat": now,
            "exp": end,
            "jti": str(uuid.uuid4()),
            _NAMESPACE: {
                "aws_account": keys.account,
                "principal_id": role,
                **({"request_tags": tags} if (tags := _tags(form)) else {}),
            },
        }
        token = _jwt.sign(json.dumps(claims).encode(), self._key)
        expiration = f"{datetime.fromtimestamp(end, timezone.utc):%Y-%m-%dT%H:%M:%SZ}"
        return Response(
            "<GetWebIdentityTokenResponse><GetWebIdentityTokenResult>"
            f"<WebIdentityToken>{token}</WebIdentityToken><Expiration>{expiration}</Expiration>"
            "</GetWebIdentityTokenResult></GetWebIdentityTokenResponse>"
        )


def _tags(form: Mapping[str, str]) -> dict[str, str]:
    """Return the tags of a request."""
    keys = (match for match in (re.fullmatch(r"(Tags\.member\.[0-9]+)\.Key", name) for name in form) if match)
    return {form[match[0]]: form.get(f"{match[1]}.Value", "") for match in keys}


def _error_response(code: str, message: str) -> Response:
    return Response(
        f"<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>", 403
    )
