"""The form of an AWS subject token. It is parsed strictly, and its URL is never called."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from emulator.workload import STS_URL, Workload


def description(workload: Workload, subject_token: object) -> str:
    reply = workload.exchange(subject_token)
    assert reply.status_code == 400
    text = reply.json()["error_description"]
    assert isinstance(text, str)
    return text


def test_a_subject_token_must_be_url_encoded_json(workload: Workload) -> None:
    fields = json.dumps(workload.signed())

    for text in ("", "garbage", fields, quote(quote(fields)), quote(json.dumps([]))):
        assert description(workload, text) == (
            "Invalid format of AWS credentials:Error at line 0:0: Unexpected end of stream : expected '{'"
        )
    assert description(workload, quote(fields[:-1])).startswith("Invalid format of AWS credentials:Error")


def test_both_url_encodings_of_a_space_are_accepted(workload: Workload) -> None:
    """Go and Java write a plus sign, Python writes `%20`."""
    text = json.dumps(workload.signed())

    assert workload.exchange(quote(text).replace("%20", "+")).status_code == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"method": "GET"},
        {"method": "post"},
        {"url": None},
        {"url": STS_URL.replace("https", "http")},
        {"url": STS_URL.replace("?", "/path?")},
        {"url": STS_URL + "#fragment"},
        {"url": STS_URL + "&Extra=1"},
        {"url": STS_URL.replace("GetCallerIdentity", "GetSessionToken")},
        {"url": STS_URL.partition("?")[0]},
        {"url": STS_URL.replace("https://", "https://user@")},
        {"url": "https://[broken"},
        {"url": STS_URL + "\ud800"},
        {"headers": {}},
        {"headers": ["host"]},
        {"headers": [{"key": "host", "value": "x", "more": "y"}]},
        {"headers": []},
        {"headers": [{"key": "host", "value": "\udc00"}]},
        {"body": "Action=GetCallerIdentity"},
        {"body": None},
        {"body": {}},
        {"extra": ""},
    ],
)
def test_the_fields_must_be_those_of_a_get_caller_identity_request(workload: Workload, changes: dict[str, Any]) -> None:
    subject_token = {**workload.signed(), **changes}

    assert description(workload, subject_token).startswith("Invalid format of AWS credentials:")


@pytest.mark.parametrize(
    "host",
    [
        "sts.amazonaws.com.example.com",
        "example.com",
        "127.0.0.1",
        "iam.amazonaws.com",
        "sts..amazonaws.com",
        "sts.us-west-2-lax-1.amazonaws.com",
        "sts.cn-north-1.amazonaws.com",
        "STS.amazonaws.com",
        "sts.amazonaws.com:8443",
        "sts.zz-west-1.amazonaws.com",
        "sts.zz-west-1.api.aws",
        "sts.us-east-1.api.amazonwebservices.com.cn",
        "sts.api.aws",
        "sts.aws-global.amazonaws.com",
        "sts-fips.amazonaws.com",
        "sts-fips.eu-central-1.amazonaws.com",
        "sts-fips.ap-southeast-2.api.aws",
        "sts-fips.us-gov-west-1.amazonaws.com",
    ],
)
def test_only_aws_sts_hosts_are_accepted(workload: Workload, host: str) -> None:
    subject_token = workload.signed(url=STS_URL.replace("sts.us-east-1.amazonaws.com", host))

    assert description(workload, subject_token).startswith("Invalid format of AWS credentials:the ")


@pytest.mark.parametrize(
    ("host", "region", "partition"),
    [
        ("sts.amazonaws.com", "us-east-1", "aws"),
        ("sts.eu-central-1.amazonaws.com", "eu-central-1", "aws"),
        ("sts.eu-central-1.api.aws", "eu-central-1", "aws"),
        ("sts-fips.us-west-2.amazonaws.com", "us-west-2", "aws"),
        ("sts-fips.us-west-2.api.aws", "us-west-2", "aws"),
        ("sts-fips.ca-central-1.amazonaws.com", "ca-central-1", "aws"),
        ("sts.us-gov-west-1.amazonaws.com", "us-gov-west-1", "aws-us-gov"),
        ("sts.us-gov-west-1.api.aws", "us-gov-west-1", "aws-us-gov"),
        ("sts.cn-north-1.amazonaws.com.cn", "cn-north-1", "aws-cn"),
        ("sts.cn-north-1.api.amazonwebservices.com.cn", "cn-north-1", "aws-cn"),
    ],
)
def test_the_hosts_of_aws_sts_are_accepted(workload: Workload, host: str, region: str, partition: str) -> None:
    keys = workload.google.aws_keys.issue(f"arn:{partition}:sts::123456789012:assumed-role/app/i-0abc")
    url = STS_URL.replace("sts.us-east-1.amazonaws.com", host)

    reply = workload.exchange(workload.signed(keys=keys, url=url, region=region))

    assert reply.status_code == 200, reply.text


@pytest.mark.parametrize("name", ["authorization", "host", "x-amz-date", "x-goog-cloud-target-resource"])
def test_each_required_header_must_occur(workload: Workload, name: str) -> None:
    subject_token = workload.signed()
    others = [header for header in subject_token["headers"] if header["key"].lower() != name]

    without = {**subject_token, "headers": others}
    assert description(workload, without) == f"Invalid format of AWS credentials:the header {name} is missing"


@pytest.mark.parametrize("name", ["authorization", "host", "x-amz-date", "x-amz-security-token"])
def test_other_headers_must_not_be_repeated(workload: Workload, name: str) -> None:
    subject_token = workload.signed()
    [header] = [h for h in subject_token["headers"] if h["key"].lower() == name]
    others = [h for h in subject_token["headers"] if h is not header]

    twice = {**subject_token, "headers": [header, {**header, "key": name.upper()}, *others]}
    assert "is repeated" in description(workload, twice)


def java_subject_token(workload: Workload, *, repeated: str | None = None) -> str:
    """Return the subject token as google-auth-library-java 1.x writes it: AwsCredentials.buildSubjectToken."""
    headers = {header["key"].lower(): header["value"] for header in workload.signed()["headers"]}
    target = headers["x-goog-cloud-target-resource"]
    authorization = headers.pop("authorization")
    listed = [
        *({"key": name, "value": value} for name, value in headers.items()),
        {"key": "Authorization", "value": authorization},
        {"key": "x-goog-cloud-target-resource", "value": target if repeated is None else repeated},
    ]
    text = json.dumps({"headers": listed, "method": "POST", "url": STS_URL}, separators=(",", ":"))
    return quote_plus(text, safe="*").replace("~", "%7E")


def cpp_subject_token(workload: Workload, body: str = "") -> str:
    """Return the subject token as google-cloud-cpp 2.37 writes it. It was recorded with pyarrow 26."""
    headers = {header["key"].lower(): header["value"] for header in workload.signed()["headers"]}
    headers["authorization"] = headers["authorization"].replace(", ", ",")
    listed = [{"key": name, "value": headers[name]} for name in sorted(headers)]
    fields = {"body": body, "headers": listed, "method": "POST", "url": STS_URL}
    return quote(json.dumps(fields, separators=(",", ":")), safe="")


def test_the_subject_token_of_google_s_java_library_is_accepted(workload: Workload) -> None:
    """It lists the header x-goog-cloud-target-resource twice, with the same value."""
    assert workload.exchange(java_subject_token(workload)).status_code == 200


def test_the_repeated_header_of_the_java_library_must_have_the_same_value(workload: Workload) -> None:
    for repeated in (f"https:{workload.provider.audience}", workload.provider.audience + "x", ""):
        assert "is repeated" in description(workload, java_subject_token(workload, repeated=repeated))


def test_the_subject_token_of_google_s_cpp_library_is_accepted(workload: Workload) -> None:
    """It has a field `body` with an empty text."""
    assert workload.exchange(cpp_subject_token(workload)).status_code == 200


def test_a_body_is_rejected(workload: Workload) -> None:
    assert description(workload, cpp_subject_token(workload, " ")).endswith("the body is not empty")


@pytest.mark.parametrize("form", [java_subject_token, cpp_subject_token])
def test_the_signature_of_each_form_is_verified(workload: Workload, form: Callable[[Workload], str]) -> None:
    text = form(workload)
    position = text.index("Signature%3D") + len("Signature%3D")
    forged = text[:position] + ("0" if text[position] != "0" else "1") + text[position + 1 :]

    assert "of type SignatureDoesNotMatch" in description(workload, forged)


def test_json_that_is_encoded_only_by_the_form_is_rejected(workload: Workload) -> None:
    """Reqsign sends it. Google's Java and C++ libraries did at first, until tests against Google failed."""
    assert "expected '{'" in description(workload, json.dumps(workload.signed()))


def test_a_signature_over_the_hash_of_the_body_is_rejected(workload: Workload) -> None:
    """Reqsign signs x-amz-content-sha256. Google does not forward this header to AWS."""
    signed = workload.signed(extra={"x-amz-content-sha256": hashlib.sha256(b"").hexdigest()})

    assert "x-amz-content-sha256" in json.dumps(signed)
    assert "of type SignatureDoesNotMatch" in description(workload, signed)


def test_the_host_header_must_match_the_url(workload: Workload) -> None:
    subject_token = workload.signed()
    subject_token["url"] = STS_URL.replace("us-east-1", "us-west-2")

    assert description(workload, subject_token) == (
        "Invalid format of AWS credentials:the host header is not the host of the url"
    )


def test_the_target_resource_must_be_the_audience_with_or_without_https(workload: Workload) -> None:
    audience = workload.provider.audience

    assert workload.exchange(workload.signed(target=f"https:{audience}")).status_code == 200
    assert "x-goog-cloud-target-resource" in description(
        workload, workload.signed(target=audience.replace("prod", "other"))
    )


@pytest.mark.parametrize("value", ["", "Basic x", "AWS4-HMAC-SHA256 Credential=AKIA/20260101"])
def test_a_malformed_authorization_header_is_an_incomplete_signature(workload: Workload, value: str) -> None:
    subject_token = workload.signed()
    for header in subject_token["headers"]:
        if header["key"] == "Authorization":
            header["value"] = value

    assert "of type IncompleteSignature" in description(workload, subject_token)


@pytest.mark.parametrize("value", ["20260101", "2026-01-01T00:00:00Z"])
def test_a_malformed_date_is_an_incomplete_signature(workload: Workload, value: str) -> None:
    subject_token = workload.signed()
    for header in subject_token["headers"]:
        if header["key"] == "X-Amz-Date":
            header["value"] = value

    assert "of type IncompleteSignature" in description(workload, subject_token)


@pytest.mark.parametrize("name", ["x-amz-date", "host"])
def test_date_and_host_must_be_signed(workload: Workload, name: str) -> None:
    subject_token = workload.signed()
    for header in subject_token["headers"]:
        if header["key"] == "Authorization":
            names = header["value"].replace(f";{name}", "").replace(f"{name};", "")
            header["value"] = names

    assert "of type SignatureDoesNotMatch" in description(workload, subject_token)


def test_the_date_must_match_the_credential_scope(workload: Workload) -> None:
    subject_token = workload.signed()
    for header in subject_token["headers"]:
        if header["key"] == "X-Amz-Date":
            header["value"] = "20200101T000000Z"

    assert "Date in Credential scope does not match" in description(workload, subject_token)
