"""AWS's side of a token exchange: verify the signature with known keys, or by a call to an AWS STS endpoint."""

from __future__ import annotations

import hashlib
import hmac
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import NamedTuple

import requests

from google_auth_botocore.emulator._aws_keys import AwsKeyRegistry
from google_auth_botocore.emulator._subject_token import SignedRequest

_SKEW = timedelta(minutes=15)
_BASIC_FORMAT = "%Y%m%dT%H%M%SZ"
_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 +Credential=(?P<key>[^/,]+)/(?P<date>[0-9]{8})/(?P<region>[^/,]+)/(?P<service>[^/,]+)/aws4_request"
    r" *, *SignedHeaders=(?P<headers>[^, ]+) *, *Signature=(?P<signature>[0-9a-f]{64})"
)


class CallerIdentity(NamedTuple):
    """The result of GetCallerIdentity."""

    arn: str
    account: str
    user_id: str


class AwsError(Exception):
    """An error reply of AWS STS: its code and message."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message


SignatureVerifier = Callable[[SignedRequest], CallerIdentity]
"""Returns the identity that signed a request. Raises AwsError if the signature is invalid."""


class RegistryVerifier:
    """Recomputes the signature with the keys in a registry, as AWS does.

    Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html
    """

    def __init__(self, keys: AwsKeyRegistry, clock: Callable[[], float]) -> None:
        self._keys = keys
        self._clock = clock

    def __call__(self, request: SignedRequest) -> CallerIdentity:
        parts = _AUTHORIZATION.fullmatch(request.headers["authorization"])
        if parts is None:
            raise AwsError(
                "IncompleteSignature",
                "Authorization header requires 'Credential', 'SignedHeaders' and 'Signature' parameters.",
            )
        now = datetime.fromtimestamp(self._clock(), timezone.utc)
        keys = self._keys.find(parts["key"])
        token = request.headers.get("x-amz-security-token")
        if keys is None or keys.session_token != token or keys.arn.split(":")[1] != request.partition:
            raise AwsError("InvalidClientTokenId", "The security token included in the request is invalid.")
        if keys.expiry is not None and keys.expiry <= now:
            raise AwsError("ExpiredToken", "The security token included in the request is expired")
        _check_date(request.headers["x-amz-date"], parts["date"], now)
        _check_scope(request.region, parts["region"], parts["service"])
        _check_signature(request, parts, keys.secret_access_key)
        return CallerIdentity(keys.arn, keys.account, keys.user_id)


def _mismatch(message: str) -> AwsError:
    return AwsError("SignatureDoesNotMatch", message)


def _check_date(value: str, scope_date: str, now: datetime) -> None:
    try:
        signed = datetime.strptime(value, _BASIC_FORMAT).replace(tzinfo=timezone.utc)
    except ValueError:
        raise AwsError(
            "IncompleteSignature",
            f"Date must be in ISO-8601 'basic format'. Got '{value}'. See http://en.wikipedia.org/wiki/ISO_8601",
        ) from None
    if value[:8] != scope_date:
        raise _mismatch(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP:"
            f" '{scope_date}' != '{value[:8]}', from '{value}'."
        )
    clock = now.strftime(_BASIC_FORMAT)
    if signed < now - _SKEW:
        limit = (now - _SKEW).strftime(_BASIC_FORMAT)
        raise _mismatch(f"Signature expired: {value} is now earlier than {limit} ({clock} - 15 min.)")
    if signed > now + _SKEW:
        limit = (now + _SKEW).strftime(_BASIC_FORMAT)
        raise _mismatch(f"Signature not yet current: {value} is still later than {limit} ({clock} + 15 min.)")


def _check_scope(region: str, scope_region: str, scope_service: str) -> None:
    if scope_region != region:
        raise _mismatch(f"Credential should be scoped to a valid region, not '{scope_region}'. ")
    if scope_service != "sts":
        raise _mismatch("Credential should be scoped to correct service: 'sts'. ")


def _check_signature(request: SignedRequest, parts: re.Match[str], secret: str) -> None:
    signed = parts["headers"].split(";")
    if "host" not in signed or "x-amz-date" not in signed:
        raise _mismatch("'Host' and 'X-Amz-Date' must be 'SignedHeaders' in the AWS Authorization.")
    canonical_request = "\n".join(
        [
            "POST",
            "/",
            "&".join(sorted(request.query.split("&"))),
            # A signed header that was not forwarded counts as empty.
            *(f"{name}:{' '.join(request.headers.get(name, '').split())}" for name in sorted(signed)),
            "",
            ";".join(sorted(signed)),
            hashlib.sha256(b"").hexdigest(),
        ]
    )
    scope = [parts["date"], parts["region"], parts["service"], "aws4_request"]
    string_to_sign = "\n".join(
        [
            "AWS4-HMAC-SHA256",
            request.headers["x-amz-date"],
            "/".join(scope),
            hashlib.sha256(canonical_request.encode()).hexdigest(),
        ]
    )
    key = f"AWS4{secret}".encode()
    for part in [*scope, string_to_sign]:
        key = hmac.digest(key, part.encode(), "sha256")
    if not hmac.compare_digest(key.hex(), parts["signature"]):
        # AWS really echoes both texts, including the session token. Clients must not log them.
        raise _mismatch(
            "The request signature we calculated does not match the signature you provided."
            " Check your AWS Secret Access Key and signing method."
            " Consult the service documentation for details.\n\n"
            f"The Canonical String for this request should have been\n'{canonical_request}'\n\n"
            f"The String-to-Sign should have been\n'{string_to_sign}'\n"
        )


class EndpointVerifier:
    """Sends each signed request to one fixed AWS STS endpoint, never to the host in the request."""

    def __init__(self, url: str) -> None:
        """Set the URL of the endpoint, without a query: a moto or LocalStack server, or AWS."""
        self._url = url.rstrip("/") + "/"

    def __call__(self, request: SignedRequest) -> CallerIdentity:
        try:
            reply = requests.post(
                f"{self._url}?{request.query}",
                headers=dict(request.headers),
                auth=lambda prepared: prepared,  # otherwise requests replaces the signature with a netrc entry
                allow_redirects=False,
                timeout=10,
            )
        except requests.RequestException as error:
            raise AwsError("ServiceUnavailable", f"{self._url} does not reply ({type(error).__name__})") from error
        try:
            answer = ET.fromstring(reply.content)  # noqa: S314 - the endpoint is trusted: the user configured it
        except ET.ParseError:
            raise AwsError("InternalFailure", f"HTTP {reply.status_code}") from None
        if not reply.ok:
            raise AwsError(
                answer.findtext(".//{*}Code", "InternalFailure"),
                answer.findtext(".//{*}Message", f"HTTP {reply.status_code}"),
            )
        return CallerIdentity(
            answer.findtext(".//{*}Arn", ""),
            answer.findtext(".//{*}Account", ""),
            answer.findtext(".//{*}UserId", ""),
        )
