"""Parse an AWS subject token as strictly as Google documents it. The signature is not verified here.

Source: https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token (field `subjectToken`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote_plus, urlsplit

from google_auth_botocore.emulator._errors import OAuthError

_TARGET = "x-goog-cloud-target-resource"
_REQUIRED = ("authorization", "host", "x-amz-date", _TARGET)
_NOT_THE_URL = "the url is not an https URL of GetCallerIdentity"

# By DNS suffix: the partition and the regions in it.
# https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/partitions.html
_PARTITIONS = (
    ("aws", "amazonaws.com", r"(?!cn-|us-gov-)[a-z]{2}-[a-z]+-\d"),
    ("aws-us-gov", "amazonaws.com", r"us-gov-[a-z]+-\d"),
    ("aws-cn", "amazonaws.com.cn", r"cn-[a-z]+-\d"),
    ("aws-eusc", "amazonaws.eu", r"eusc-[a-z]+-[a-z]+-\d"),
    ("aws-iso", "c2s.ic.gov", r"us-iso-[a-z]+-\d"),
    ("aws-iso-b", "sc2s.sgov.gov", r"us-isob-[a-z]+-\d"),
    ("aws-iso-e", "cloud.adc-e.uk", r"eu-isoe-[a-z]+-\d"),
    ("aws-iso-f", "csp.hci.ic.gov", r"us-isof-[a-z]+-\d"),
)


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
        fields = json.loads(text)
    except ValueError as error:
        raise _malformed(f"Error: {error}") from error
    if set(fields) != {"url", "method", "headers"}:
        raise _malformed("the fields are not url, method and headers")
    return dict(fields)


def _headers(listed: object) -> dict[str, str]:
    if not isinstance(listed, list):
        raise _malformed("headers is not a list")
    headers: dict[str, str] = {}
    for item in listed:
        match item:
            case {"key": str(name), "value": str(value), **rest} if not rest:
                if name.lower() in headers:
                    raise _malformed(f"the header {name} is there twice")
                headers[name.lower()] = value
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
    name = host.removesuffix(":443")
    if name == "sts.amazonaws.com":  # the global endpoint
        return "aws", "us-east-1"
    for partition, suffix, region in _PARTITIONS:
        match = re.fullmatch(rf"sts(?:-fips)?\.({region})\.{re.escape(suffix)}", name)
        if match:
            return partition, match[1]
    raise _malformed("the host of the url is not an AWS STS endpoint")
