"""The subject token, compared with two other implementations of the signature and with a golden file."""

from __future__ import annotations

import json
import time
from datetime import datetime, timezone
from pathlib import Path
from urllib.parse import quote, unquote

import pytest
from google.auth import _helpers, aws
from hypothesis import assume, given
from hypothesis import strategies as st
from seams import AwsKeys, Signer, form_of, sign

from core.conftest import Make
from core.stand_in import PROVIDER, FakeClock, FakeGoogle, federated, verify_subject_token
from google_auth_botocore import FederationError

GOLDEN = Path(__file__).parent / "golden" / "subject_token.txt"
MOMENT = datetime(2027, 1, 15, 8, 0, 0, tzinfo=timezone.utc)
SIGNER = Signer(AwsKeys("AKID", "SECRET", "SESSION"), "eu-central-1", "sts.eu-central-1.amazonaws.com")

printable = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=80)
signers = st.builds(
    Signer,
    st.builds(AwsKeys, st.from_regex(r"(AKIA|ASIA)[A-Z2-7]{16}", fullmatch=True), printable, st.none() | printable),
    st.sampled_from(["us-east-1", "cn-north-1", "us-gov-west-1"]),
    st.sampled_from(["sts.amazonaws.com", "sts.cn-north-1.amazonaws.com.cn", "sts-fips.us-gov-west-1.amazonaws.com"]),
)
audiences = st.from_regex(
    r"//iam\.googleapis\.com/projects/[0-9]{1,20}/locations/global/workloadIdentityPools/[a-z0-9-]{4,32}/providers/[a-z0-9-]{4,32}",
    fullmatch=True,
)
timestamps = st.floats(0, 4e9)


@given(signers, audiences, timestamps)
def test_an_independent_implementation_computes_the_same_signature(
    signer: Signer, audience: str, timestamp: float
) -> None:
    token = sign(signer, audience, timestamp)
    headers = verify_subject_token(token.value, audience, lambda _: signer.keys.secret_key or "")
    assert headers.get("x-amz-security-token") == signer.keys.token
    moment = datetime.fromtimestamp(int(timestamp), timezone.utc)
    assert headers["x-amz-date"] == f"{moment:%Y%m%dT%H%M%SZ}"
    assert headers["host"] == signer.host


@given(signers, audiences, st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)))
def test_google_auths_signer_computes_the_same_signature(signer: Signer, audience: str, moment: datetime) -> None:
    """google-auth's signer signs the target resource only if it gets that header, which google-auth itself never passes."""
    moment = moment.replace(microsecond=0)
    keys = aws.AwsSecurityCredentials(signer.keys.access_key or "", signer.keys.secret_key or "", signer.keys.token)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_helpers, "utcnow", lambda: moment)
        expected = aws.RequestSigner(signer.region).get_request_options(
            keys,
            f"https://{signer.host}?Action=GetCallerIdentity&Version=2011-06-15",
            "POST",
            additional_headers={"x-goog-cloud-target-resource": audience},
        )
    token = sign(signer, audience, moment.replace(tzinfo=timezone.utc).timestamp())
    document = json.loads(unquote(token.value))
    ours = {each["key"].lower(): each["value"] for each in document["headers"]}
    theirs = {name.lower(): value for name, value in expected["headers"].items()}
    # google-auth reads the service and the scope from the first labels of the host.
    if signer.host.startswith("sts."):
        assert ours["authorization"].split("Signature=")[1] == theirs["authorization"].split("Signature=")[1]
    assert ours["x-amz-date"] == theirs["x-amz-date"]
    assert document["url"] == expected["url"]


@given(signers, audiences, audiences, timestamps)
def test_token_for_one_audience_cannot_be_used_for_another(
    signer: Signer, audience: str, other: str, timestamp: float
) -> None:
    assume(audience != other)
    captured = sign(signer, audience, timestamp).value
    aimed = captured.replace(quote(audience, safe=""), quote(other, safe=""))
    assert aimed != captured
    with pytest.raises(AssertionError, match="wrong signature"):
        verify_subject_token(aimed, other, lambda _: signer.keys.secret_key or "")


def test_token_equals_the_golden_file() -> None:
    assert sign(SIGNER, PROVIDER, MOMENT.timestamp()).value == GOLDEN.read_text().strip()


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="Windows reads no time zone from the environment")
def test_date_is_in_utc_in_any_time_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        token = sign(SIGNER, PROVIDER, MOMENT.timestamp())
    finally:
        monkeypatch.undo()
        time.tzset()
    assert token.value == GOLDEN.read_text().strip()


def test_secrets_are_listed_and_not_shown() -> None:
    token = sign(SIGNER, PROVIDER, MOMENT.timestamp())
    signature = unquote(token.value).split("Signature=")[1][:64]
    assert set(token.secrets) == {"SECRET", "SESSION", signature}
    shown = repr(token) + repr(SIGNER)
    assert not any(secret in shown for secret in (*token.secrets, "AKID"))
    assert repr(token) == "SubjectToken(<hidden>)"


@given(st.text(max_size=80) | st.builds(lambda signer: sign(signer, PROVIDER, 0.0).value, signers))
def test_any_subject_token_reaches_google_unchanged(subject_token: str) -> None:
    request = FakeGoogle()
    request.script.append(federated())
    assert form_of(subject_token, request, FakeClock())["subject_token"] == subject_token
    assert request.calls[0].body.isascii()


def test_retrieved_subject_token_is_signed_for_the_audience_and_makes_no_call_to_google(
    make: Make, request_: FakeGoogle, clock: FakeClock
) -> None:
    token = make().retrieve_subject_token(request_)
    headers = verify_subject_token(token, PROVIDER, lambda _: "SECRET")
    assert headers["x-amz-security-token"] == "SESSION"
    assert headers["x-amz-date"] == f"{datetime.fromtimestamp(clock.now, timezone.utc):%Y%m%dT%H%M%SZ}"
    assert request_.calls == []


def test_retrieved_subject_token_is_the_one_that_google_auth_retrieves(make: Make) -> None:
    """The two classes are interchangeable: both return a percent-encoded JSON object."""
    document = json.loads(unquote(make().retrieve_subject_token()))
    assert sorted(document) == ["headers", "method", "url"]
    assert document["method"] == "POST"


def test_retrieving_a_subject_token_without_keys_names_the_step(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(FederationError, match="AWS_SECRET_ACCESS_KEY") as caught:
        make().retrieve_subject_token()
    assert caught.value.step == "aws"


def test_retrieving_a_subject_token_changes_no_cached_token(make: Make, request_: FakeGoogle) -> None:
    credentials = make()
    credentials.refresh(request_)
    before = credentials.token
    credentials.retrieve_subject_token()
    assert credentials.token == before
