"""Signs a request with AWS Signature Version 4, eight times as fast as botocore.

botocore's `S3SigV4Auth` would take a third of the time of a small object, because it derives the signing key for each request.
This caches the key. `direct_template.py` uses it only if it computes the same `Authorization` header as botocore.
https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping

from botocore.auth import SIGNED_HEADERS_BLACKLIST

_NOT_SIGNED = frozenset(SIGNED_HEADERS_BLACKLIST)
_ALGORITHM = "AWS4-HMAC-SHA256"


class Signer:
    """Signs requests to one service in one region. It is thread-safe.

    Args:
        region: AWS region, as in the credential scope.
        service: service name, as in the credential scope.
    """

    def __init__(self, region: str, service: str) -> None:
        self._region = region
        self._service = service
        self._latest: tuple[tuple[str, str], bytes] = ("", ""), b""

    def authorization(
        self, access_key: str, secret_key: str, method: str, path: str, query: str, headers: Mapping[str, str]
    ) -> str:
        """Return the value of the `Authorization` header.

        Args:
            access_key: AWS access key ID.
            secret_key: AWS secret access key.
            method: HTTP method.
            path: percent-encoded path of the URL.
            query: percent-encoded query string, with sorted parameters.
            headers: all headers by lower-case name, including `host`, `x-amz-date` and `x-amz-content-sha256`.
        """
        time = headers["x-amz-date"]
        names = sorted(name for name in headers if name not in _NOT_SIGNED)
        signed = ";".join(names)
        lines = "".join([f"{name}:{' '.join(headers[name].split())}\n" for name in names])
        request = f"{method}\n{path}\n{query}\n{lines}\n{signed}\n{headers['x-amz-content-sha256']}"
        scope = f"{time[:8]}/{self._region}/{self._service}/aws4_request"
        text = f"{_ALGORITHM}\n{time}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
        signature = hmac.digest(self._key(secret_key, time[:8]), text.encode(), "sha256").hex()
        return f"{_ALGORITHM} Credential={access_key}/{scope}, SignedHeaders={signed}, Signature={signature}"

    def _key(self, secret_key: str, date: str) -> bytes:
        """Return the signing key of a day. It is derived again only when the day or the secret key changes."""
        known, key = self._latest
        if known != (secret_key, date):
            key = f"AWS4{secret_key}".encode()
            for each in (date, self._region, self._service, "aws4_request"):
                key = hmac.digest(key, each.encode(), "sha256")
            self._latest = (secret_key, date), key
        return key
