"""Parse an AWS subject token as strictly as Google documents it. The signature is not verified here.

Source: https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token (field `subjectToken`).

Two forms are accepted that the documentation does not mention, because released libraries of Google send them:

- Java lists `x-goog-cloud-target-resource` twice, with the same value (google-auth-library-java, `AwsCredentials`).
- C++ adds `"body": ""` (google-cloud-cpp, `ComputeSubjectToken`; tested on AWS: googleapis/google-cloud-cpp#10464).

Two forms are rejected, although reqsign (OpenDAL) sends them, because Google rejects them:

- JSON that is not URL-encoded, apart from the encoding of the form. Google's Java and C++ libraries sent it at first, and tests
  against Google showed that it must be encoded (googleapis/google-auth-library-java#506, googleapis/google-cloud-cpp#10464).
- A signature over `x-amz-content-sha256`. Google does not forward this header, so AWS rejects the signature
  (googleapis/google-auth-library-java#1792, aws/aws-sdk-java-v2#4550).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote_plus, urlsplit

from google_auth_botocore.emulator import _aws_sts_hosts, _json
from google_auth_botocore.emulator._errors import OAuthError

_TARGET = "x-goog-cloud-target-resource"
_REQUIRED = ("authorization", "host", "x-amz-date", _TARGET)
_NOT_THE_URL = "the url is not an https URL of GetCallerIdentity"


@dataclass(frozen=True)
class SignedRequest:
    """A signed GetCallerIdentity request.

    Attributes:
        host: the AWS STS host in its URL.
        region: the region that the signature must have for that host.
        partition: the AWS partition of that host.
        query: exactly the two parameters of GetCallerIdentity, as they were sent.
        headers: the headers that Google forwards, by lower-case name.
    """

    host: str
    region: str
    partition: str
    query: str
    headers: Mapping[str, str] = field(repr=False)


def parse(subject_token: str, audience: str) -> SignedRequest:
    """Parse a subject token for `audience`, a provider's full resource name.

    Raises:
        OAuthError: `invalid_request` if it is malformed, `invalid_grant` if it is for another audience.
    """
    fields = _fields(subject_token)
    headers = _headers(fields["headers"])
    missing = [name for name in _REQUIRED if name not in headers]
    if missing:
        raise _malformed(f"the header {missing[0]} is missing")
    if fields["method"] != "POST":
        raise _malformed("the method is not POST")
    # Google's documentation: the full resource name of the provider, with or without an `https:` prefix.
    if headers[_TARGET].removeprefix("https:") != audience:
        raise OAuthError("invalid_grant", f'The value of the header "{_TARGET}" does not match the audience.')
    host, query = _get_caller_identity(fields["url"])
    if headers["host"] != host:
        raise _malformed("the host header is not the host of the url")
    partition, region = _aws_sts(host)
    # Google forwards only the headers that its documentation lists, so a signature over others does not verify.
    forwarded = {*_REQUIRED, "x-amz-security-token"}
    return SignedRequest(
        host,
        region,
        partition,
        query,
        {name: value for name, value in headers.items() if name in forwarded},
    )


def _malformed(what: str) -> OAuthError:
    return OAuthError("invalid_request", f"Invalid format of AWS credentials:{what}")


def _fields(subject_token: str) -> dict[str, Any]:
    # Raw JSON is rejected: it must be URL-encoded before it is URL-encoded again as a form field.
    text = "" if subject_token.startswith("{") else unquote_plus(subject_token)
    if not text.startswith("{"):
        raise _malformed("Error at line 0:0: Unexpected end of stream : expected '{'")
    try:
        fields = _json.parse(text)
    except ValueError as error:
        raise _malformed(f"Error: {error}") from error
    if set(fields) - {"body"} != {"url", "method", "headers"}:
        raise _malformed("the fields are not url, method and headers")
    if fields.get("body", "") != "":  # Google forwards a request without a body
        raise _malformed("the body is not empty")
    return dict(fields)


def _headers(listed: object) -> dict[str, str]:
    if not isinstance(listed, list):
        raise _malformed("headers is not a list")
    headers: dict[str, str] = {}
    for item in listed:
        match item:
            case {"key": str(name), "value": str(value), **rest} if not rest:
                lower = name.lower()
                if lower in headers and not (lower == _TARGET and headers[lower] == value):
                    raise _malformed(f"the header {name} is repeated")
                headers[lower] = value
            case _:
                raise _malformed("a header is not an object of key and value")
    return headers


def _get_caller_identity(url: object) -> tuple[str, str]:
    """Return the host and the query of a GetCallerIdentity URL."""
    try:
        parts = urlsplit(url if isinstance(url, str) else "")
        query = sorted(parse_qsl(parts.query, strict_parsing=True))
    except ValueError:
        raise _malformed(_NOT_THE_URL) from None
    if (
        parts.scheme != "https"
        or parts.netloc not in {parts.hostname, f"{parts.hostname}:443"}
        or parts.path not in {"", "/"}
        or parts.fragment
        or query != [("Action", "GetCallerIdentity"), ("Version", "2011-06-15")]
    ):
        raise _malformed(_NOT_THE_URL)
    return parts.netloc, parts.query


def _aws_sts(host: str) -> tuple[str, str]:
    """Return the partition and the signing region of an AWS STS host."""
    endpoint = _aws_sts_hosts.endpoint(host.removesuffix(":443"))
    if endpoint is None:
        raise _malformed("the host of the url is not an AWS STS endpoint")
    return endpoint
