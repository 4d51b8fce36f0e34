"""The OAuth token endpoint: assertions of service accounts, for themselves and for users of a Workspace domain."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import rsa

from emulator import jose
from emulator.workload import CLOUD_PLATFORM, FakeClock, Workload

CREATOR = "roles/iam.serviceAccountTokenCreator"
DRIVE = "https://www.googleapis.com/auth/drive.readonly"
ANN = "ann@example.com"
GRANT_TYPE = "urn:ietf:params:oauth:grant-type:jwt-bearer"


@pytest.fixture(name="signer")
def _signer(workload: Workload) -> Workload:
    """A workload that may sign as its service account."""
    workload.google.grant(workload.account.email, CREATOR, workload.provider.principal_set())
    return workload


def claims_of(workload: Workload, **changes: Any) -> dict[str, Any]:
    """Return the claims of a valid assertion for Ann, with changes. A claim that is None is omitted."""
    now = int(workload.google.clock())
    claims = {
        "iss": workload.account.email,
        "sub": ANN,
        "scope": DRIVE,
        "aud": "https://oauth2.googleapis.com/token",
        "iat": now,
        "exp": now + 3600,
        **changes,
    }
    return {name: value for name, value in claims.items() if value is not None}


def signed(workload: Workload, **changes: Any) -> str:
    """Return an assertion signed with signJwt."""
    reply = workload.iam("signJwt", {"payload": json.dumps(claims_of(workload, **changes))})
    assert reply.status_code == 200, reply.text
    return str(reply.json()["signedJwt"])


def grant(workload: Workload, assertion: str, grant_type: str = GRANT_TYPE) -> requests.Response:
    form = {"grant_type": grant_type, "assertion": assertion}
    return workload.session.post(workload.google.oauth_token_url, data=form)


def test_with_domain_wide_delegation_the_token_belongs_to_the_user(signer: Workload, clock: FakeClock) -> None:
    signer.google.allow_domain_wide_delegation(signer.account.email, [DRIVE, CLOUD_PLATFORM])

    reply = grant(signer, signed(signer))

    assert reply.status_code == 200
    body = reply.json()
    info = signer.google.check_access_token(body.pop("access_token"))
    assert body["token_type"] == "Bearer"
    assert body["expires_in"] == pytest.approx(3600, abs=1)
    assert info is not None
    assert (info.principal, info.scopes) == (ANN, (DRIVE,))
    assert info.expiry.timestamp() == pytest.approx(clock.now + 3600, abs=1)
    assert signer.google.calls[-1].principal == ANN


@pytest.mark.parametrize("scopes", [None, [CLOUD_PLATFORM]])
def test_without_delegation_of_all_scopes_the_request_is_denied(signer: Workload, scopes: list[str] | None) -> None:
    if scopes is not None:
        signer.google.allow_domain_wide_delegation(signer.account.unique_id, scopes)

    reply = grant(signer, signed(signer, scope=f"{CLOUD_PLATFORM} {DRIVE}"))

    assert (reply.status_code, reply.json()) == (
        401,
        {
            "error": "unauthorized_client",
            "error_description": (
                "Client is unauthorized to retrieve access tokens using this method, or client not authorized for any"
                " of the scopes requested."
            ),
        },
    )


@pytest.mark.parametrize("subject", [None, "the account itself"])
def test_an_account_needs_no_delegation_for_itself(signer: Workload, subject: str | None) -> None:
    account = signer.account
    reply = grant(signer, signed(signer, sub=subject and account.email, scope=CLOUD_PLATFORM))

    info = signer.google.check_access_token(reply.json()["access_token"])
    assert info is not None
    assert info.principal == account.email


def test_the_url_of_the_request_is_also_a_valid_audience(signer: Workload) -> None:
    assertion = signed(signer, sub=None, aud=signer.google.oauth_token_url)

    assert grant(signer, assertion).status_code == 200


def test_the_token_expires_no_later_than_its_assertion(signer: Workload, clock: FakeClock) -> None:
    clock.now = float(int(clock.now))
    assertion = signed(signer, sub=None, exp=int(clock.now) + 100)

    clock.now += 40
    assert grant(signer, assertion).json()["expires_in"] == 60
    signer.google.max_access_token_lifetime = 5
    assert grant(signer, assertion).json()["expires_in"] == 5
    clock.now += 60
    assert grant(signer, assertion).json()["error"] == "invalid_grant"


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"iss": "gone@my-project.iam.gserviceaccount.com"}, "invalid_grant", "account not found"),
        ({"aud": "https://example.com/token"}, "invalid_grant", "audience"),
        ({"aud": ["https://oauth2.googleapis.com/token"]}, "invalid_grant", "audience"),
        ({"scope": None}, "invalid_scope", "scope"),
        ({"iat": None}, "invalid_grant", "iat and exp"),
        ({"exp": None}, "invalid_grant", "iat and exp"),
        ({"sub": "ann"}, "invalid_grant", "Invalid email"),
    ],
)
def test_claims_of_an_assertion_are_checked(signer: Workload, changes: dict[str, Any], error: str, words: str) -> None:
    signer.google.allow_domain_wide_delegation(signer.account.email, [DRIVE])

    reply = grant(signer, signed(signer, **changes))

    assert (reply.status_code, reply.json()["error"]) == (400, error)
    assert words in reply.json()["error_description"]


@pytest.mark.parametrize(("issued", "expires"), [(0, 3601), (301, 3600)])
def test_an_assertion_is_valid_for_an_hour_from_about_now(signer: Workload, issued: int, expires: int) -> None:
    now = int(signer.google.clock())
    reply = grant(signer, signed(signer, iat=now + issued + 1, exp=now + issued + 1 + expires))

    assert reply.json()["error"] == "invalid_grant"
    assert "short-lived token (60 minutes)" in reply.json()["error_description"]


def test_a_signature_with_another_key_is_rejected(signer: Workload) -> None:
    other_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    for assertion in (jose.sign(claims_of(signer), other_key), "not a jwt", ""):
        reply = grant(signer, assertion)
        assert (reply.status_code, reply.json()) == (
            400,
            {"error": "invalid_grant", "error_description": "Invalid JWT Signature."},
        )


def test_another_grant_type_is_rejected(signer: Workload) -> None:
    reply = grant(signer, "", "password")

    assert (reply.status_code, reply.json()["error"]) == (400, "unsupported_grant_type")


def test_delegation_requires_an_existing_account(signer: Workload) -> None:
    with pytest.raises(ValueError, match="no service account"):
        signer.google.allow_domain_wide_delegation("gone@my-project.iam.gserviceaccount.com", [DRIVE])


@pytest.mark.parametrize("path", ["/token", "/oauth2/v4/token"])
@pytest.mark.parametrize(
    "audience", ["https://oauth2.googleapis.com/token", "https://www.googleapis.com/oauth2/v4/token", ""]
)
def test_both_paths_accept_the_audiences_of_both_and_their_own_url(signer: Workload, path: str, audience: str) -> None:
    url = f"{signer.google.url}{path}"
    form = {"grant_type": GRANT_TYPE, "assertion": signed(signer, sub=None, aud=audience or url)}

    assert signer.session.post(url, data=form).status_code == 200
