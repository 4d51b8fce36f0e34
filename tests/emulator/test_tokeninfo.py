"""`/tokeninfo`: what access tokens and ID tokens stand for."""

from __future__ import annotations

import pytest

from emulator.workload import CLOUD_PLATFORM, FakeClock, Workload

EMAIL_SCOPE = "https://www.googleapis.com/auth/userinfo.email"
INVALID = {"error": "invalid_token", "error_description": "Invalid Value"}


def id_token(workload: Workload) -> str:
    token = workload.iam("generateIdToken", {"audience": "https://a.example.com", "includeEmail": True}).json()["token"]
    assert isinstance(token, str)
    return token


@pytest.mark.parametrize("path", ["/tokeninfo", "/oauth2/v3/tokeninfo"])
def test_an_access_token_is_described_by_strings(workload: Workload, clock: FakeClock, path: str) -> None:
    token = workload.account_token(CLOUD_PLATFORM, EMAIL_SCOPE)
    clock.now += 100

    reply = workload.session.get(f"{workload.google.url}{path}", params={"access_token": token})

    assert reply.status_code == 200
    unique_id = workload.account.unique_id
    assert reply.json() == {
        "azp": unique_id,
        "aud": unique_id,
        "scope": f"{CLOUD_PLATFORM} {EMAIL_SCOPE}",
        "exp": str(int(clock.now - 100 + 3600)),
        "expires_in": reply.json()["expires_in"],
        "email": workload.account.email,
        "email_verified": "true",
        "access_type": "online",
    }
    assert int(reply.json()["expires_in"]) in {3499, 3500}


def test_the_address_is_shown_only_with_a_scope_for_it(workload: Workload) -> None:
    parameters = {"access_token": workload.account_token()}

    reply = workload.session.get(workload.google.tokeninfo_url, params=parameters)

    assert "email" not in reply.json()


def test_parameters_may_be_in_a_form(workload: Workload) -> None:
    form = {"access_token": workload.account_token()}

    assert workload.session.post(workload.google.tokeninfo_url, data=form).status_code == 200


def test_an_id_token_is_described_by_its_claims(workload: Workload) -> None:
    reply = workload.session.get(workload.google.tokeninfo_url, params={"id_token": id_token(workload)})

    assert reply.status_code == 200
    claims = reply.json()
    assert all(isinstance(value, str) for value in claims.values())
    assert claims["aud"] == "https://a.example.com"
    assert claims["email"] == workload.account.email
    assert claims["email_verified"] == "true"
    assert claims["sub"] == workload.account.unique_id
    assert (claims["alg"], claims["typ"]) == ("RS256", "JWT")
    assert claims["kid"]


def test_unknown_expired_and_federated_tokens_are_invalid(workload: Workload, clock: FakeClock) -> None:
    """Only the Security Token Service knows federated tokens."""
    federated = workload.federated_token()
    expired, old_id_token = workload.account_token(), id_token(workload)
    clock.now += 3600

    for parameters in (
        {"access_token": "made up"},
        {"access_token": federated},
        {"access_token": expired},
        {"id_token": old_id_token},
        {"id_token": "made.up.token"},
    ):
        reply = workload.session.get(workload.google.tokeninfo_url, params=parameters)
        assert (reply.status_code, reply.json()) == (400, INVALID), parameters


def test_a_forged_id_token_is_invalid(workload: Workload) -> None:
    head, claims, _ = id_token(workload).split(".")

    reply = workload.session.get(workload.google.tokeninfo_url, params={"id_token": f"{head}.{claims}.{'A' * 342}"})

    assert (reply.status_code, reply.json()) == (400, INVALID)


@pytest.mark.parametrize("parameters", [{}, {"access_token": ""}, {"token": "x"}])
def test_a_token_is_required(workload: Workload, parameters: dict[str, str]) -> None:
    reply = workload.session.get(workload.google.tokeninfo_url, params=parameters)

    assert (reply.status_code, reply.json()["error"]) == (400, "invalid_request")
