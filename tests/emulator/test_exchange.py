"""`/v1/token`: what Google's Security Token Service accepts and rejects."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import quote

import pytest
import requests

from emulator.workload import CLOUD_PLATFORM, ROLE_ARN, FakeClock, Workload
from google_auth_botocore.emulator import AwsKeys

AUDIENCE = "//iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/aws-pool/providers/prod"


def error_of(reply: requests.Response) -> tuple[int, str, str]:
    body = reply.json()
    return reply.status_code, body["error"], body["error_description"]


def test_an_exchange_returns_a_federated_token(workload: Workload, clock: FakeClock) -> None:
    reply = workload.exchange()

    assert reply.status_code == 200
    body = reply.json()
    token = body.pop("access_token")
    assert body == {
        "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
        "token_type": "Bearer",
        "expires_in": 3600,
    }
    info = workload.google.check_access_token(token)
    assert info is not None
    assert info.principal == workload.provider.principal(f"{ROLE_ARN}/i-0abc")
    assert info.scopes == (CLOUD_PLATFORM,)
    assert info.expiry.timestamp() == pytest.approx(clock.now + 3600)


def test_a_token_is_valid_until_it_expires(workload: Workload, clock: FakeClock) -> None:
    workload.google.token_lifetime = 60
    token = workload.federated_token()

    clock.now += 59
    assert workload.google.check_access_token(token) is not None
    clock.now += 1
    assert workload.google.check_access_token(token) is None
    assert workload.google.check_access_token("made up") is None


def test_the_body_may_be_json_in_camel_case(workload: Workload) -> None:
    body = {
        "grantType": "urn:ietf:params:oauth:grant-type:token-exchange",
        "audience": AUDIENCE,
        "scope": CLOUD_PLATFORM,
        "requestedTokenType": "urn:ietf:params:oauth:token-type:access_token",
        "subjectToken": quote(json.dumps(workload.signed())),
        "subjectTokenType": "urn:ietf:params:aws:token-type:aws4_request",
        "options": json.dumps({"userProject": "my-project"}),
    }

    assert workload.session.post(workload.google.token_url, json=body).status_code == 200
    snake = {"grant_type": "urn:ietf:params:oauth:grant-type:token-exchange"}
    reply = workload.session.post(workload.google.token_url, json=snake)
    assert error_of(reply)[:2] == (400, "invalid_request")
    reply = workload.session.post(workload.google.token_url, data=b"{", headers={"Content-Type": "application/json"})
    assert error_of(reply)[:2] == (400, "invalid_request")


@pytest.mark.parametrize(
    "audience",
    [
        None,
        AUDIENCE.removeprefix("//"),
        f"https:{AUDIENCE}",
        AUDIENCE.rpartition("/providers")[0],
        AUDIENCE.replace("123456789012", "my-project"),
        AUDIENCE + "/attribute.aws_role/app",
        AUDIENCE.replace("//iam.googleapis.com", "//iam.example.com"),
    ],
)
def test_the_audience_must_be_the_full_name_of_a_provider(workload: Workload, audience: str | None) -> None:
    assert error_of(workload.exchange(audience=audience)) == (
        400,
        "invalid_request",
        (
            'Invalid value for "audience". This value should be the full resource name of the Identity Provider.'
            " See https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token"
            " for the list of possible formats."
        ),
    )


@pytest.mark.parametrize("disabled", [False, True])
def test_an_unknown_or_disabled_provider_is_an_invalid_target(workload: Workload, disabled: bool) -> None:
    if disabled:
        workload.provider.disabled = True
        reply = workload.exchange()
    else:
        reply = workload.exchange(audience=AUDIENCE.replace("prod", "other"))

    assert error_of(reply) == (
        400,
        "invalid_target",
        (
            'The target service indicated by the "audience" parameters is invalid. This might either be because'
            " the pool or provider is disabled or deleted or because it doesn't exist."
        ),
    )


@pytest.mark.parametrize(
    ("fields", "error", "description"),
    [
        ({"scope": None}, "invalid_request", "Scope(s) must be provided."),
        ({"scope": " "}, "invalid_request", "Scope(s) must be provided."),
        *(
            ({"scope": scope}, "invalid_scope", f"Some requested scopes were invalid. {{invalid=[{unknown}]}}")
            for scope, unknown in (
                ("cloud-platform", "cloud-platform"),
                (f"{CLOUD_PLATFORM} storage", "storage"),
                (f"{CLOUD_PLATFORM},openid", f"{CLOUD_PLATFORM},openid"),
                (CLOUD_PLATFORM.replace("https", "http"), CLOUD_PLATFORM.replace("https", "http")),
                (CLOUD_PLATFORM.upper(), CLOUD_PLATFORM.upper()),
                ("https://example.com/auth/cloud-platform", "https://example.com/auth/cloud-platform"),
                ("https://www.googleapis.com/auth/", "https://www.googleapis.com/auth/"),
            )
        ),
        (
            {"grant_type": "password"},
            "unsupported_grant_type",
            'Invalid value for "grant_type".',
        ),
        (
            {"requested_token_type": None},
            "invalid_request",
            'Invalid value for "requested_token_type".',
        ),
        (
            {"subject_token_type": "urn:ietf:params:oauth:token-type:jwt"},
            "invalid_request",
            'Invalid value for "subject_token_type" for this provider.',
        ),
        ({"options": "{"}, "invalid_request", 'Invalid value for "options".'),
        ({"options": '{"other": 1}'}, "invalid_request", 'Invalid value for "options".'),
    ],
)
def test_the_other_fields_are_checked(
    workload: Workload, fields: dict[str, str | None], error: str, description: str
) -> None:
    assert error_of(workload.exchange(**fields)) == (400, error, description)


def test_an_authorization_header_with_a_token_is_rejected(workload: Workload) -> None:
    reply = workload.session.post(workload.google.token_url, data={}, headers={"Authorization": "Bearer x"})

    assert error_of(reply)[:2] == (400, "invalid_request")


def test_another_aws_account_is_rejected(workload: Workload) -> None:
    keys = workload.google.aws_keys.issue("arn:aws:iam::210987654321:user/eve", temporary=False)

    status, error, description = error_of(workload.exchange(workload.signed(keys=keys)))

    assert (status, error) == (400, "invalid_grant")
    assert "210987654321" in description


def test_long_term_keys_work(workload: Workload) -> None:
    keys = workload.google.aws_keys.issue("arn:aws:iam::123456789012:user/ann", temporary=False)

    assert workload.exchange(workload.signed(keys=keys)).status_code == 200
    assert workload.google.calls[-1].assertion == {
        "arn": "arn:aws:iam::123456789012:user/ann",
        "account": "123456789012",
        "userid": keys.user_id,
    }


def test_keys_created_elsewhere_can_be_added_or_looked_up(workload: Workload) -> None:
    arn = "arn:aws:iam::123456789012:user/bob"
    added = AwsKeys("AKIAADDED", "secret", None, None, "123456789012", arn, "AIDABOB")
    found = replace(added, access_key_id="AKIAFOUND")
    workload.google.aws_keys.add(added)
    workload.google.aws_keys.add_lookup(lambda _: None)
    workload.google.aws_keys.add_lookup({"AKIAFOUND": found}.get)

    assert workload.exchange(workload.signed(keys=added)).status_code == 200
    assert workload.exchange(workload.signed(keys=found)).status_code == 200


def test_user_ids_have_the_same_form_as_at_aws(workload: Workload) -> None:
    issue = workload.google.aws_keys.issue

    assert issue("arn:aws:iam::123456789012:root").user_id == "123456789012"
    assert issue("arn:aws:iam::123456789012:user/ann").user_id.startswith("AIDA")
    role, session = issue(f"{ROLE_ARN}/i-0abc").user_id.split(":")
    assert role.startswith("AROA")
    assert session == "i-0abc"
    assert issue(f"{ROLE_ARN}/i-0xyz").user_id == f"{role}:i-0xyz"


@pytest.mark.parametrize(("token", "error"), [("made up", "invalid_grant"), (None, "invalid_request")])
def test_a_google_token_is_exchanged_only_with_an_access_boundary(
    workload: Workload, token: str | None, error: str
) -> None:
    reply = workload.exchange(
        token or workload.federated_token(), subject_token_type="urn:ietf:params:oauth:token-type:access_token"
    )

    assert error_of(reply)[:2] == (400, error)


@pytest.mark.parametrize("arn", ["", "app", "arn:aws:iam::1234:user/ann", "arn:aws:s3:::bucket"])
def test_keys_are_issued_only_for_the_arn_of_an_identity(workload: Workload, arn: str) -> None:
    with pytest.raises(ValueError, match="not the ARN of an AWS identity"):
        workload.google.aws_keys.issue(arn)


def test_keys_are_not_issued_for_a_role_without_a_session(workload: Workload) -> None:
    with pytest.raises(ValueError, match=r"is a role\. Pass the ARN of a session of it: arn:aws:sts::ACCOUNT:"):
        workload.google.aws_keys.issue("arn:aws:iam::123456789012:role/app")


def test_arguments_of_grants_are_checked(workload: Workload) -> None:
    provider = workload.google.add_aws_provider()
    with pytest.raises(ValueError, match="'workloadIdentityUser' is not the name of a role, such as roles/"):
        workload.google.grant(workload.account.email, "workloadIdentityUser", provider.principal_set())
    for arguments in (("aws_role",), (None, "arn:aws:sts::123456789012:assumed-role/app")):
        with pytest.raises(ValueError, match="pass both an attribute and its value"):
            provider.principal_set(*arguments)


def test_the_repr_of_keys_has_no_secret(workload: Workload) -> None:
    keys = workload.keys

    assert keys.secret_access_key not in repr(keys)
    assert keys.session_token is not None
    assert keys.session_token not in repr(keys)
    assert keys.access_key_id in repr(keys)


def aws_error(reply: requests.Response) -> tuple[str, str]:
    """Return AWS's error code and message from Google's error."""
    status, error, description = error_of(reply)
    assert (status, error) == (400, "invalid_grant")
    code, _, message = description.removeprefix("Received invalid AWS response of type ").partition(
        " with error message: "
    )
    return code, message


INVALID_TOKEN = (
    "InvalidClientTokenId",
    "The security token included in the request is invalid.",
)


def test_unknown_keys_and_wrong_session_tokens_are_rejected(workload: Workload) -> None:
    """AWS returns the same error for an unknown key ID, a missing session token and a wrong one."""
    for keys in (
        replace(workload.keys, access_key_id="ASIAUNKNOWN"),
        replace(workload.keys, session_token=None),
        replace(workload.keys, session_token="another"),
    ):
        assert aws_error(workload.exchange(workload.signed(keys=keys))) == INVALID_TOKEN


def test_expired_keys_are_rejected(workload: Workload, clock: FakeClock) -> None:
    keys = workload.google.aws_keys.issue(f"{ROLE_ARN}/i-0abc", lifetime=10)
    subject_token = workload.signed(keys=keys)
    assert workload.exchange(subject_token).status_code == 200

    clock.now += 10

    assert aws_error(workload.exchange(subject_token)) == (
        "ExpiredToken",
        "The security token included in the request is expired",
    )


def test_the_error_for_a_wrong_secret_echoes_the_canonical_request(
    workload: Workload,
) -> None:
    """It includes the session token, as at AWS, so clients must not show it."""
    keys = replace(workload.keys, secret_access_key="wrong")

    code, message = aws_error(workload.exchange(workload.signed(keys=keys)))

    assert code == "SignatureDoesNotMatch"
    assert message.startswith(
        "The request signature we calculated does not match the signature you provided."
        " Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
    )
    assert "The Canonical String for this request should have been\n'POST\n/\nAction=" in message
    assert f"x-amz-security-token:{keys.session_token}\n" in message
    assert "The String-to-Sign should have been\n'AWS4-HMAC-SHA256\n" in message


def test_a_signature_is_valid_for_fifteen_minutes_before_and_after_its_date(
    workload: Workload, clock: FakeClock
) -> None:
    keys = workload.google.aws_keys.issue(f"{ROLE_ARN}/i-0abc", lifetime=7200)
    subject_token = workload.signed(keys=keys)
    [date] = [h["value"] for h in subject_token["headers"] if h["key"] == "X-Amz-Date"]
    signed = datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=timezone.utc)

    def stamp(**offset: float) -> str:
        return (signed + timedelta(**offset)).strftime("%Y%m%dT%H%M%SZ")

    for minutes in (15, -15):
        clock.now = signed.timestamp() + 60 * minutes
        assert workload.exchange(subject_token).status_code == 200
    clock.now = signed.timestamp() + 901
    assert aws_error(workload.exchange(subject_token)) == (
        "SignatureDoesNotMatch",
        f"Signature expired: {date} is now earlier than {stamp(seconds=1)} ({stamp(seconds=901)} - 15 min.)",
    )
    clock.now = signed.timestamp() - 901
    assert aws_error(workload.exchange(subject_token)) == (
        "SignatureDoesNotMatch",
        f"Signature not yet current: {date} is still later than {stamp(seconds=-1)} ({stamp(seconds=-901)} + 15 min.)",
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"region": "eu-west-1"}, "valid region, not 'eu-west-1'"),
        ({"service": "iam"}, "correct service: 'sts'"),
        ({"extra": {"content-type": "text/plain"}}, "signature we calculated"),
    ],
)
def test_a_signature_with_another_scope_or_other_headers_is_rejected(
    workload: Workload, changes: dict[str, Any], words: str
) -> None:
    """Google forwards only the headers that it documents, so a signature over others never verifies."""
    code, message = aws_error(workload.exchange(workload.signed(**changes)))

    assert code == "SignatureDoesNotMatch"
    assert words in message


def test_hosts_of_all_partitions_are_accepted(workload: Workload) -> None:
    query = "Action=GetCallerIdentity&Version=2011-06-15"
    for partition, region, host in (
        ("aws", "us-east-1", "sts.amazonaws.com"),
        ("aws", "eu-central-1", "sts.eu-central-1.amazonaws.com"),
        ("aws-cn", "cn-north-1", "sts.cn-north-1.amazonaws.com.cn"),
        ("aws-us-gov", "us-gov-west-1", "sts.us-gov-west-1.amazonaws.com"),
    ):
        keys = workload.google.aws_keys.issue(f"arn:{partition}:sts::123456789012:assumed-role/app/i-0abc")
        subject_token = workload.signed(keys=keys, url=f"https://{host}?{query}", region=region)
        assert workload.exchange(subject_token).status_code == 200, host
    # Keys of one partition are unknown in another.
    url = f"https://sts.cn-north-1.amazonaws.com.cn?{query}"
    assert aws_error(workload.exchange(workload.signed(url=url, region="cn-north-1"))) == INVALID_TOKEN


@pytest.mark.parametrize(
    "scope",
    [
        CLOUD_PLATFORM,
        "https://www.googleapis.com/auth/devstorage.read_only openid email profile",
        "https://www.googleapis.com/auth/drive https://mail.google.com/",
    ],
)
def test_the_scopes_of_google_are_accepted(workload: Workload, scope: str) -> None:
    assert workload.exchange(scope=scope).status_code == 200


def test_v1beta_issues_tokens_too(workload: Workload) -> None:
    form = {"grant_type": "password"}
    reply = workload.session.post(f"{workload.google.url}/v1beta/token", data=form)

    assert error_of(reply) == (400, "unsupported_grant_type", 'Invalid value for "grant_type".')
