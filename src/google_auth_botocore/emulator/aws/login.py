"""The files that `aws login` writes, and the sign-in endpoint that refreshes their keys: OAuth 2.0 with DPoP proofs.

Sources: https://docs.aws.amazon.com/signin/latest/APIReference/API_CreateOAuth2Token.html and, for DPoP,
https://datatracker.ietf.org/doc/html/rfc9449.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import secrets
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from re import Match
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from google_auth_botocore.emulator import _jwt
from google_auth_botocore.emulator._aws_keys import AwsKeys
from google_auth_botocore.emulator._http import Call, Response, Route
from google_auth_botocore.emulator.aws._endpoint import AwsEndpoint

_CLIENT = "arn:aws:signin:::devtools/same-device"
_SESSION = "arn:aws:iam::123456789012:user/deployer"
# Seconds that the time of a proof may differ from ours.
_PROOF_LIFETIME = 300


class SignIn(AwsEndpoint):
    """The sign-in endpoint, for one user who has signed in.

    Args:
        issue: creates the user's keys.
    """

    def __init__(self, issue: Callable[[], AwsKeys]) -> None:
        super().__init__()
        self._issue = issue
        self._private = ec.generate_private_key(ec.SECP256R1())
        self._refresh_token = secrets.token_urlsafe(40)
        self._proofs: set[str] = set()

    def environment(self) -> dict[str, str]:
        """Return the variables that point an AWS SDK at this endpoint."""
        return {"AWS_ENDPOINT_URL_SIGNIN": self.url}

    def sign_in(self, home: Path, *, since: timedelta = timedelta(0), region: str = "eu-central-1") -> None:
        """Write the files that `aws login` writes for the default profile.

        Args:
            home: the user's home directory.
            since: time since the sign-in. The keys are valid for 15 minutes.
            region: region of the profile.
        """
        config = home / ".aws" / "config"
        config.parent.mkdir(parents=True, exist_ok=True)
        with config.open("a+") as file:
            file.seek(0)
            if _SESSION not in file.read():
                file.write(f"[default]\nlogin_session = {_SESSION}\nregion = {region}\n")
        keys = self._issue()
        end = datetime.now(timezone.utc) + timedelta(minutes=15) - since
        pem = self._private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        )
        cache = home / ".aws" / "login" / "cache" / f"{hashlib.sha256(_SESSION.encode()).hexdigest()}.json"
        cache.parent.mkdir(parents=True, exist_ok=True)
        cache.write_text(
            json.dumps(
                {
                    "accessToken": {
                        **_fields(keys),
                        "accountId": keys.account,
                        "expiresAt": f"{end:%Y-%m-%dT%H:%M:%SZ}",
                    },
                    "tokenType": "aws_sigv4",
                    "clientId": _CLIENT,
                    "refreshToken": self._refresh_token,
                    "dpopKey": pem.decode(),
                }
            )
        )

    def sign_out(self) -> None:
        """End the session. The files that `sign_in` wrote are useless from now on."""
        self._refresh_token = secrets.token_urlsafe(40)

    def routes(self) -> list[Route]:
        """Return the routes of this endpoint."""
        return [Route("POST", re.compile("/v1/token"), self._token)]

    def _token(self, call: Call, _: Match[str]) -> Response:
        form = call.json()
        if not self._has_valid_proof(call):
            return _error_response("INVALID_REQUEST", "The DPoP proof is not valid.")
        if (form.get("grantType"), form.get("clientId")) != ("refresh_token", _CLIENT):
            return _error_response("INVALID_REQUEST", "The client or the grant is not known.")
        if form.get("refreshToken") != self._refresh_token:
            return _error_response("TOKEN_EXPIRED", "The refresh token is expired or revoked.")
        self._refresh_token = secrets.token_urlsafe(40)  # a refresh token is valid once
        return Response(
            {
                "accessToken": _fields(self._issue()),
                "tokenType": "aws_sigv4",
                "expiresIn": 900,
                "refreshToken": self._refresh_token,
            }
        )

    def _has_valid_proof(self, call: Call) -> bool:
        """Return whether the request has a new, recent proof, signed with the key of the session."""
        numbers = self._private.public_key().public_numbers()
        jwk = {"kty": "EC", "crv": "P-256", "x": _coordinate(numbers.x), "y": _coordinate(numbers.y)}
        try:
            claims = _jwt.verify(call.headers.get("dpop", ""), {"keys": [jwk]})
        except _jwt.JwtError:
            return False
        fresh = abs(time.time() - claims.get("iat", 0)) < _PROOF_LIFETIME and claims.get("jti") not in self._proofs
        self._proofs.add(str(claims.get("jti")))
        return fresh and (claims.get("htm"), claims.get("htu")) == (call.method, f"{self.url}{call.path}")


def _fields(keys: AwsKeys) -> dict[str, Any]:
    return {
        "accessKeyId": keys.access_key_id,
        "secretAccessKey": keys.secret_access_key,
        "sessionToken": keys.session_token,
    }


def _coordinate(number: int) -> str:
    return base64.urlsafe_b64encode(number.to_bytes(32, "big")).rstrip(b"=").decode()


def _error_response(error: str, message: str) -> Response:
    return Response({"error": error, "message": message}, 400, {"x-amzn-ErrorType": "AccessDeniedException"})
