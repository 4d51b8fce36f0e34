"""The subject token: a signed GetCallerIdentity request that Google sends to AWS to find out who signed it.

This module makes no network call: the request follows from the keys, the region, the audience and the time. The format is
documented at https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token (subject_token), the signature at
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html.
"""

import json
import string
from datetime import datetime, timezone
from typing import TYPE_CHECKING, NamedTuple, cast

from botocore.auth import EMPTY_SHA256_HASH, SigV4Auth
from botocore.awsrequest import AWSRequest

from google_auth_botocore._aws.keys import AwsKeys

if TYPE_CHECKING:
    from botocore.credentials import ReadOnlyCredentials  # AwsKeys has the attributes of it that are used

# Characters that need no quoting in a URL, and the percent sign, which is quoted first.
_SAFE = frozenset(f"{string.ascii_letters}{string.digits}_.-~%")


class Signer(NamedTuple):
    """AWS keys, and the region and host that a request is signed for.

    Attributes:
        keys: Access key, secret key and session token, read together.
        region: Region of the signature's scope.
        host: The AWS STS endpoint to which Google sends the request.
    """

    keys: AwsKeys
    region: str
    host: str

    def __repr__(self) -> str:
        return f"Signer(keys=<hidden>, region={self.region!r}, host={self.host!r})"


class SubjectToken(NamedTuple):
    """A subject token, and the secrets in it."""

    value: str
    secrets: tuple[str, ...]

    def __repr__(self) -> str:
        return "SubjectToken(<hidden>)"


class _Auth(SigV4Auth):
    """Signs a request that has no body. The inherited method would prepare the whole request to find that out."""

    def payload(self, request: AWSRequest) -> str:  # noqa: ARG002 - botocore's signature
        return EMPTY_SHA256_HASH


def sign(signer: Signer, audience: str, timestamp: float) -> SubjectToken:
    """Sign a GetCallerIdentity request, which only Google sends.

    Args:
        signer: The keys, their region and the host.
        audience: Full resource name of the provider. It is signed too, so that a captured token cannot
            be used with another pool.
        timestamp: Date of the signature, in seconds since the epoch. AWS accepts it for 15 minutes.
    """
    request = AWSRequest(method="POST", url=f"https://{signer.host}?Action=GetCallerIdentity&Version=2011-06-15")
    amz_date = datetime.fromtimestamp(timestamp, timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    request.context["timestamp"] = amz_date  # where SigV4Auth's steps look for the date
    request.headers["host"] = signer.host
    request.headers["x-amz-date"] = amz_date
    request.headers["x-goog-cloud-target-resource"] = audience
    if signer.keys.token:
        request.headers["x-amz-security-token"] = signer.keys.token

    # `add_auth` does these steps too, but it reads its own clock and logs the request.
    auth = _Auth(cast("ReadOnlyCredentials", signer.keys), "sts", signer.region)
    signed_headers = auth.headers_to_sign(request)
    signature = auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)
    request.headers["Authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={auth.scope(request)}, "
        f"SignedHeaders={auth.signed_headers(signed_headers)}, Signature={signature}"
    )
    document = {
        "url": request.url,
        "method": request.method,
        "headers": [{"key": name, "value": value} for name, value in sorted(request.headers.items())],
    }
    value = _quoted(json.dumps(document, separators=(",", ":"), sort_keys=True))
    keys = signer.keys
    return SubjectToken(value, tuple(filter(None, (keys.secret_key, keys.token, signature))))


def _quoted(text: str) -> str:
    """Return what `urllib.parse.quote(text, safe="")` returns for ASCII text, in a third of the time.

    `quote` handles each of the 1,500 characters separately, which takes a twentieth of the time of a refresh.
    """
    text = text.replace("%", "%25")
    for each in set(text) - _SAFE:
        text = text.replace(each, f"%{ord(each):02X}")
    return text
