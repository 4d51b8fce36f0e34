"""The second kind of subject token: a JWT with which AWS proves the caller's identity."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from typing import Any

import botocore.session
import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import EndpointConnectionError
from core.stand_in import HurriedClock

from aws.conftest import Federation, Issue, environment, set_all
from google_auth_botocore import FederationError
from google_auth_botocore.emulator.aws import WebIdentityIssuer

JWT = "urn:ietf:params:oauth:token-type:jwt"


@pytest.fixture(name="issuer")
def _issuer(federation: Federation, issue: Issue, monkeypatch: pytest.MonkeyPatch) -> Iterator[WebIdentityIssuer]:
    """AWS STS with discovery documents, which Google trusts as an OIDC issuer."""
    with WebIdentityIssuer(federation.google.aws_keys.find) as issuer:
        set_all(monkeypatch, {**environment(issue("app")), **issuer.environment(), "AWS_REGION": "eu-west-1"})
        federation.audience = federation.google.add_oidc_provider(issuer.url).audience
        yield issuer


@pytest.mark.usefixtures("issuer")
def test_google_sees_the_role(federation: Federation) -> None:
    federation.credentials(subject_token_type=JWT).get_token()
    assertion = federation.google.calls[-1].assertion
    assert assertion is not None
    assert assertion["sub"] == "arn:aws:iam::123456789012:role/app"


def test_retrieved_subject_token_is_the_jwt(federation: Federation, issuer: WebIdentityIssuer) -> None:
    token = federation.credentials(subject_token_type=JWT).retrieve_subject_token()
    payload = token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    assert (claims["iss"], claims["sub"]) == (issuer.url, "arn:aws:iam::123456789012:role/app")
    assert federation.google.calls == []


def test_a_new_one_is_requested_for_each_exchange(federation: Federation, issuer: WebIdentityIssuer) -> None:
    credentials = federation.credentials(subject_token_type=JWT)
    for _ in range(2):
        credentials.refresh(None)
    assert [call.form()["Action"] for call in issuer.calls if call.method == "POST"] == ["GetWebIdentityToken"] * 2


@pytest.mark.parametrize("region", [None, "aws-global"])
def test_missing_region_is_an_error_of_this_form_alone(
    federation: Federation, issuer: WebIdentityIssuer, monkeypatch: pytest.MonkeyPatch, region: str | None
) -> None:
    if region is None:
        monkeypatch.delenv("AWS_REGION")
    else:
        monkeypatch.setenv("AWS_REGION", region)
    credentials = federation.credentials(subject_token_type=JWT)
    with pytest.raises(FederationError) as caught:
        credentials.refresh(None)
    assert str(caught.value).startswith("GetWebIdentityToken has regional endpoints only, and no AWS region is set. ")
    assert caught.value.failure == "no-region"
    assert (caught.value.step, issuer.calls) == ("aws", [])
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    credentials.refresh(None)


@pytest.mark.usefixtures("issuer")
def test_keys_that_aws_finds_expired_are_resolved_again_once(federation: Federation) -> None:
    session = botocore.session.Session()
    rejections = [
        b"<ErrorResponse><Error><Code>ExpiredTokenException</Code><Message>over</Message></Error></ErrorResponse>"
    ]

    def answer(request: Any, **_: Any) -> Any:
        no_headers: Any = {}
        return AWSResponse(request.url, 400, no_headers, _Raw(rejections.pop())) if rejections else None

    handler: Any = answer
    session.register("before-send.sts", handler)
    federation.credentials(subject_token_type=JWT, session=session).refresh(None)
    assert rejections == []


class _Raw(io.BytesIO):
    def stream(self) -> Iterator[bytes]:
        yield self.read()


def test_account_that_has_it_switched_off(federation: Federation, issuer: WebIdentityIssuer) -> None:
    issuer.enabled = False
    credentials = federation.credentials(subject_token_type=JWT)
    with pytest.raises(FederationError) as caught:
        credentials.refresh(None)
    assert caught.value.reason == "OutboundWebIdentityFederationDisabled"
    assert caught.value.failure == "outbound-identity-off"
    issuer.enabled = True
    credentials.refresh(None)


def test_white_space_in_a_key_is_an_error_before_any_network_call(
    federation: Federation, issuer: WebIdentityIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "to ken\n")
    with pytest.raises(FederationError, match=r"The AWS session token from env contains white space\."):
        federation.credentials(subject_token_type=JWT).refresh(None)
    assert issuer.calls == []


def test_the_regional_endpoint_is_called_whatever_the_setting_for_others(
    federation: Federation, issuer: WebIdentityIssuer, monkeypatch: pytest.MonkeyPatch, clock: HurriedClock
) -> None:
    """With `legacy`, botocore calls sts.amazonaws.com, which does not support this operation."""
    monkeypatch.setenv("AWS_STS_REGIONAL_ENDPOINTS", "legacy")
    for name in issuer.environment():
        monkeypatch.delenv(name, raising=False)
    session = botocore.session.Session()
    asked: list[str] = []

    def answer(**event: Any) -> None:
        asked.append(event["request"].url)
        raise EndpointConnectionError(endpoint_url=event["request"].url)

    session.register("before-send.sts", answer)
    with pytest.raises(FederationError):
        federation.credentials(subject_token_type=JWT, session=session).refresh(None)
    assert asked[0] == "https://sts.eu-west-1.amazonaws.com/"
