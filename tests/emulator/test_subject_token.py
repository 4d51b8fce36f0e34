"""The form of an AWS subject token. It is parsed strictly, and its URL is never called."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

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
        {"headers": {}},
        {"headers": ["host"]},
        {"headers": [{"key": "host", "value": "x", "more": "y"}]},
        {"headers": []},
        {"body": "Action=GetCallerIdentity"},
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
    ],
)
def test_only_aws_sts_hosts_are_accepted(workload: Workload, host: str) -> None:
    subject_token = workload.signed(url=STS_URL.replace("sts.us-east-1.amazonaws.com", host))

    assert description(workload, subject_token).startswith("Invalid format of AWS credentials:the ")


@pytest.mark.parametrize("name", ["authorization", "host", "x-amz-date", "x-goog-cloud-target-resource"])
def test_each_required_header_must_occur_once(workload: Workload, name: str) -> None:
    subject_token = workload.signed()
    [header] = [h for h in subject_token["headers"] if h["key"].lower() == name]
    others = [h for h in subject_token["headers"] if h is not header]

    without = {**subject_token, "headers": others}
    assert description(workload, without) == (f"Invalid format of AWS credentials:the header {name} is missing")
    twice = {**subject_token, "headers": [header, {**header, "key": name.upper()}, *others]}
    assert "is there twice" in description(workload, twice)


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
