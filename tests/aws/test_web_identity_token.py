"""The second kind of subject token: a JWT with which AWS proves the caller's identity."""

from __future__ import annotations

import base64
import io
import json
import pickle
import re
from collections.abc import Iterator
from typing import Any

import botocore.session
import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import EndpointConnectionError
from core.stand_in import HurriedClock

from aws.conftest import Federation, Issue, environment, set_all
from google_auth_botocore import Credentials, FederationError
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


def _claims(federation: Federation, **arguments: Any) -> dict[str, Any]:
    """Return the claims that Google sees."""
    federation.credentials(subject_token_type=JWT, **arguments).get_token()
    assertion = federation.google.calls[-1].assertion
    assert assertion is not None
    return dict(assertion)


@pytest.mark.usefixtures("issuer")
def test_tags_are_claims_of_the_jwt(federation: Federation) -> None:
    names = {"team": "data", "cost:center/1": "a=b@c", "empty": ""}
    assert _claims(federation, tags=names)["https://sts.amazonaws.com/"]["request_tags"] == names
    assert "request_tags" not in _claims(federation)["https://sts.amazonaws.com/"]


def test_tags_can_be_mapped_to_attributes(federation: Federation, issuer: WebIdentityIssuer) -> None:
    """With the mapping in the docstring of `Credentials`."""
    [team] = re.findall(r"`attribute\.team=(.*?)`", str(Credentials.__doc__))
    mapping = {"google.subject": "assertion.sub", "attribute.team": team}
    condition = "attribute.team == 'data'"
    google = federation.google
    federation.audience = google.add_oidc_provider(
        issuer.url, attribute_mapping=mapping, attribute_condition=condition
    ).audience
    federation.credentials(subject_token_type=JWT, tags={"team": "data"}).get_token()
    with pytest.raises(FederationError, match="attribute condition"):
        federation.credentials(subject_token_type=JWT, tags={"team": "sales"}).get_token()


def test_subject_mode_chooses_the_identity(federation: Federation, issuer: WebIdentityIssuer) -> None:
    role = "arn:aws:iam::123456789012:role/app"
    assert _claims(federation, subject_mode="AWSIdentity")["sub"] == role
    with pytest.raises(FederationError, match="trusted identity propagation") as caught:
        _claims(federation, subject_mode="OriginIdentity")
    assert caught.value.step == "aws"
    issuer.origin_identity = "user@example.com"
    claims = _claims(federation, subject_mode="OriginIdentity")
    assert (claims["sub"], claims["https://sts.amazonaws.com/"]["principal_id"]) == ("user@example.com", role)


def test_copies_and_pickles_keep_tags_and_subject_mode(federation: Federation, issuer: WebIdentityIssuer) -> None:
    issuer.origin_identity = "user@example.com"
    made = federation.credentials(subject_token_type=JWT, tags={"team": "data"}, subject_mode="OriginIdentity")
    for each in (made.with_scopes(["https://www.googleapis.com/auth/drive"]), pickle.loads(pickle.dumps(made))):
        each.refresh(None)
        assertion = federation.google.calls[-1].assertion
        assert assertion is not None
        assert assertion["sub"] == "user@example.com"
        assert assertion["https://sts.amazonaws.com/"]["request_tags"] == {"team": "data"}
        assert "tags={'team': 'data'}, subject_mode='OriginIdentity'" in repr(each)


@pytest.mark.usefixtures("issuer")
def test_a_botocore_that_does_not_know_subject_mode_is_an_error(federation: Federation) -> None:
    session = botocore.session.Session()
    loader = session.get_component("data_loader")
    load = loader.load_service_model

    def load_older(*arguments: Any, **more: Any) -> Any:
        model = load(*arguments, **more)
        shape = model.get("shapes", {}).get("GetWebIdentityTokenRequest")
        if shape:
            shape["members"].pop("SubjectMode", None)
        return model

    loader.load_service_model = load_older
    with pytest.raises(FederationError, match=r"does not know SubjectMode of GetWebIdentityToken") as caught:
        federation.credentials(subject_token_type=JWT, session=session, subject_mode="AWSIdentity").get_token()
    assert "pip install --upgrade botocore" in str(caught.value.hint)


@pytest.mark.parametrize("region", [None, "aws-global"])
def test_missing_region_is_an_error_only_for_this_kind(
    federation: Federation, issuer: WebIdentityIssuer, monkeypatch: pytest.MonkeyPatch, region: str | None
) -> None:
    if region is None:
        monkeypatch.delenv("AWS_REGION")
    else:
        monkeypatch.setenv("AWS_REGION", region)
    credentials = federation.credentials(subject_token_type=JWT)
    with pytest.raises(FederationError) as caught:
        credentials.refresh(None)
    assert str(caught.value).startswith("GetWebIdentityToken has only regional endpoints, and no AWS region is set. ")
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


def test_account_without_the_feature(federation: Federation, issuer: WebIdentityIssuer) -> None:
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
