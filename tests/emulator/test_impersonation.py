"""`generateAccessToken`: permissions, lifetimes and delegates."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest

from emulator.workload import CLOUD_PLATFORM, ROLE_ARN, FakeClock, Workload

USER = "roles/iam.workloadIdentityUser"
CREATOR = "roles/iam.serviceAccountTokenCreator"
SCOPE = {"scope": [CLOUD_PLATFORM]}


def denied(permission: str) -> dict[str, Any]:
    return {
        "error": {
            "code": 403,
            "message": f"Permission '{permission}' denied on resource (or it may not exist).",
            "status": "PERMISSION_DENIED",
            "details": [
                {
                    "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                    "reason": "IAM_PERMISSION_DENIED",
                    "domain": "iam.googleapis.com",
                    "metadata": {"permission": permission},
                }
            ],
        }
    }


INVALID = {
    "error": {
        "code": 400,
        "message": "Request contains an invalid argument.",
        "status": "INVALID_ARGUMENT",
    }
}


def test_a_federated_principal_gets_an_access_token(workload: Workload, clock: FakeClock) -> None:
    reply = workload.iam("generateAccessToken", {**SCOPE, "lifetime": "600s"})

    assert reply.status_code == 200
    expiry = datetime.fromtimestamp(int(clock.now) + 600, timezone.utc)
    assert reply.json()["expireTime"] == expiry.strftime("%Y-%m-%dT%H:%M:%SZ")
    info = workload.google.check_access_token(reply.json()["accessToken"])
    assert info is not None
    assert (info.principal, info.scopes) == (workload.account.email, (CLOUD_PLATFORM,))
    assert workload.google.calls[-1].principal == workload.provider.principal(f"{ROLE_ARN}/i-0abc")


def test_a_service_account_can_be_named_by_its_unique_id(workload: Workload) -> None:
    reply = workload.iam("generateAccessToken", SCOPE, account=workload.account.unique_id)

    assert reply.status_code == 200
    assert len(workload.account.unique_id) == 21


@pytest.mark.parametrize(
    "member",
    ["principal", "pool", "aws_role", "other subject", "other role", "service account itself"],
)
def test_only_a_matching_binding_permits_impersonation(workload: Workload, member: str) -> None:
    provider, google = workload.provider, workload.google
    account = google.add_service_account("other@my-project.iam.gserviceaccount.com")
    names = {
        "principal": (provider.principal(f"{ROLE_ARN}/i-0abc"), 200),
        "pool": (provider.principal_set(), 200),
        "aws_role": (provider.principal_set("aws_role", ROLE_ARN), 200),
        "other subject": (provider.principal(f"{ROLE_ARN}/i-0xyz"), 403),
        "other role": (
            provider.principal_set("aws_role", "arn:aws:iam::123456789012:role/app"),
            403,
        ),
        "service account itself": (account.member, 403),
    }
    name, status = names[member]
    google.grant(account.email, USER, name)

    reply = workload.iam("generateAccessToken", SCOPE, account=account.email)

    assert reply.status_code == status
    if status == 403:
        assert reply.json() == denied("iam.serviceAccounts.getAccessToken")


def test_a_role_without_the_permission_is_not_enough(workload: Workload) -> None:
    account = workload.google.add_service_account("other@my-project.iam.gserviceaccount.com")
    for role in ("roles/iam.serviceAccountOpenIdTokenCreator", "roles/owner"):
        workload.google.grant(account.email, role, workload.provider.principal_set())

    reply = workload.iam("generateAccessToken", SCOPE, account=account.email)

    assert reply.json() == denied("iam.serviceAccounts.getAccessToken")


def test_an_unknown_account_looks_like_one_without_a_binding(workload: Workload) -> None:
    reply = workload.iam("generateAccessToken", SCOPE, account="gone@my-project.iam.gserviceaccount.com")

    assert (reply.status_code, reply.json()) == (403, denied("iam.serviceAccounts.getAccessToken"))


def test_a_principal_is_not_a_service_account(workload: Workload) -> None:
    assert workload.iam("generateAccessToken", SCOPE, account="principal:x").status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"scope": []},
        {"scope": CLOUD_PLATFORM},
        {"scope": [""]},
        {"scope": ["cloud-platform"]},
        {"scope": [f"{CLOUD_PLATFORM} {CLOUD_PLATFORM}"]},
        {**SCOPE, "lifetime": "0s"},
        {**SCOPE, "lifetime": "-1s"},
        {**SCOPE, "lifetime": 3600},
        {**SCOPE, "lifetime": "3600"},
        {**SCOPE, "delegates": "x"},
        {**SCOPE, "delegates": ["projects/p/serviceAccounts/middle@p.iam.gserviceaccount.com"]},
    ],
)
def test_arguments_are_checked(workload: Workload, body: dict[str, Any]) -> None:
    reply = workload.iam("generateAccessToken", body)

    assert (reply.status_code, reply.json()) == (400, INVALID)


def test_an_unknown_field_is_rejected(workload: Workload) -> None:
    reply = workload.iam("generateAccessToken", {**SCOPE, "scopes": []})

    assert reply.status_code == 400
    assert 'Unknown name "scopes"' in reply.json()["error"]["message"]


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b'"text"',
        rb'{"payload": "\ud800"}',
        rb'{"\udc00": 1}',
        b'{"payload": "\xed\xa0\x80"}',
        b"[" * 100_000,
    ],
    ids=["cut", "list", "text", "half of a surrogate pair", "the other half", "in bytes", "deeply nested"],
)
def test_a_body_that_is_not_a_json_object_is_rejected(workload: Workload, body: bytes) -> None:
    reply = workload.session.post(
        f"{workload.google.url}/v1/projects/-/serviceAccounts/{workload.account.email}:generateAccessToken",
        data=body,
        headers={"Authorization": f"Bearer {workload.federated_token()}"},
    )

    assert reply.status_code == 400
    assert reply.json()["error"]["message"].startswith("Invalid JSON payload received.")


def test_the_project_must_be_a_wildcard(workload: Workload) -> None:
    reply = workload.session.post(
        f"{workload.google.url}/v1/projects/my-project/serviceAccounts/{workload.account.email}:generateAccessToken",
        json=SCOPE,
        headers={"Authorization": f"Bearer {workload.federated_token()}"},
    )

    assert (reply.status_code, reply.json()) == (400, INVALID)


def test_the_maximum_lifetime_is_an_hour(workload: Workload) -> None:
    assert workload.iam("generateAccessToken", {**SCOPE, "lifetime": "3600s"}).status_code == 200
    reply = workload.iam("generateAccessToken", {**SCOPE, "lifetime": "3601s"})

    assert reply.status_code == 400
    assert reply.json()["error"]["status"] == "INVALID_ARGUMENT"
    assert "constraints/iam.allowServiceAccountCredentialLifetimeExtension" in reply.json()["error"]["message"]


def test_the_maximum_lifetime_is_twelve_hours_if_the_organization_allows_it(workload: Workload) -> None:
    account = workload.google.add_service_account("long@my-project.iam.gserviceaccount.com", lifetime_extension=True)
    workload.google.grant(account.email, USER, workload.provider.principal_set())

    for lifetime, status in (("43200s", 200), ("43201s", 400)):
        body = {**SCOPE, "lifetime": lifetime}
        reply = workload.iam("generateAccessToken", body, account=account.email)
        assert reply.status_code == status


def test_the_lifetime_can_be_capped(workload: Workload, clock: FakeClock) -> None:
    workload.google.max_access_token_lifetime = 5
    token = workload.iam("generateAccessToken", SCOPE).json()["accessToken"]

    clock.now += 4.9
    assert workload.google.check_access_token(token) is not None
    clock.now += 0.1
    assert workload.google.check_access_token(token) is None


def test_a_missing_or_invalid_token_is_a_401(workload: Workload, clock: FakeClock) -> None:
    url = f"{workload.google.url}/v1/projects/-/serviceAccounts/{workload.account.email}:generateAccessToken"
    token = workload.federated_token()
    clock.now += 3600

    for headers, reason in (
        ({}, "CREDENTIALS_MISSING"),
        ({"Authorization": "Bearer made-up"}, "ACCESS_TOKEN_TYPE_UNSUPPORTED"),
        ({"Authorization": f"Bearer {token}"}, "ACCESS_TOKEN_TYPE_UNSUPPORTED"),
    ):
        reply = workload.session.post(url, json=SCOPE, headers=headers)
        error = reply.json()["error"]
        assert (reply.status_code, error["status"]) == (401, "UNAUTHENTICATED")
        assert "Expected OAuth 2 access token" in error["message"]
        assert error["details"][0]["reason"] == reason


def test_the_federated_token_needs_a_scope_for_iam(workload: Workload) -> None:
    for scope, status in (
        ("https://www.googleapis.com/auth/iam", 200),
        ("https://www.googleapis.com/auth/devstorage.read_only", 403),
    ):
        token = workload.federated_token(scope=scope)
        assert workload.iam("generateAccessToken", SCOPE, token=token).status_code == status


def test_each_caller_in_the_chain_needs_the_token_creator_role_on_the_next_account(workload: Workload) -> None:
    """workloadIdentityUser lacks the permission to delegate, so it does not start a chain."""
    google, pool = workload.google, workload.provider.principal_set()
    first, second, target = (
        google.add_service_account(f"{name}@my-project.iam.gserviceaccount.com")
        for name in ("first", "second", "target")
    )
    body = {
        **SCOPE,
        "delegates": [
            f"projects/-/serviceAccounts/{first.email}",
            second.unique_id,  # google-auth and gcloud send only the name
        ],
    }

    def status() -> int:
        return workload.iam("generateAccessToken", body, account=target.email).status_code

    google.grant(second.email, CREATOR, first.member)
    google.grant(target.email, CREATOR, second.member)
    google.grant(target.email, USER, pool)
    google.grant(first.email, USER, pool)
    assert workload.iam("generateAccessToken", body, account=target.email).json() == denied(
        "iam.serviceAccounts.implicitDelegation"
    )
    google.grant(first.email, CREATOR, pool)
    assert status() == 200
    body["delegates"] = [f"projects/-/serviceAccounts/{first.email}"]
    assert status() == 403


def test_grants_are_checked(workload: Workload) -> None:
    with pytest.raises(ValueError, match="no service account"):
        workload.google.grant("gone@my-project.iam.gserviceaccount.com", USER, "user:a@b.c")
    with pytest.raises(ValueError, match="is of an unknown type"):
        workload.google.grant(workload.account.email, USER, "a@b.c")
    with pytest.raises(ValueError, match="e-mail address"):
        workload.google.add_service_account("a@b.c")
