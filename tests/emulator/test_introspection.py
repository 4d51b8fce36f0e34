"""`/v1/introspect`: the principal of a federated token."""

from __future__ import annotations

import pytest

from emulator.workload import CLOUD_PLATFORM, ROLE_ARN, FakeClock, Workload

CLIENT = ("client", "secret")


def test_a_registered_client_gets_the_principal(workload: Workload, clock: FakeClock) -> None:
    workload.google.add_oauth_client(*CLIENT)
    form = {
        "token": workload.federated_token(),
        "token_type_hint": "urn:ietf:params:oauth:token-type:access_token",
    }

    reply = workload.session.post(workload.google.introspect_url, data=form, auth=CLIENT)

    assert reply.status_code == 200
    assert reply.json() == {
        "active": True,
        "client_id": "client",
        "exp": int(clock.now + 3600),
        "iat": int(clock.now),
        "iss": "https://sts.googleapis.com/",
        "scope": CLOUD_PLATFORM,
        "sub": f"{ROLE_ARN}/i-0abc",
        "username": workload.provider.principal(f"{ROLE_ARN}/i-0abc"),
    }


def test_the_body_may_be_json(workload: Workload) -> None:
    workload.google.add_oauth_client(*CLIENT)
    body = {"token": workload.federated_token(), "tokenTypeHint": ""}

    reply = workload.session.post(workload.google.introspect_url, json=body, auth=CLIENT)

    assert reply.json()["active"] is True


def test_unknown_expired_and_other_tokens_are_inactive(workload: Workload, clock: FakeClock) -> None:
    """The Security Token Service does not know the access token of a service account."""
    workload.google.add_oauth_client("client")
    federated = workload.federated_token()
    impersonated = workload.account_token()
    clock.now += 3600

    for token in ("made up", federated, impersonated):
        reply = workload.session.post(workload.google.introspect_url, data={"token": token}, auth=("client", "any"))
        assert (reply.status_code, reply.json()) == (200, {"active": False})


@pytest.mark.parametrize("auth", [None, ("unknown", "secret"), ("client", "wrong")])
def test_missing_or_wrong_client_authentication_is_a_401(workload: Workload, auth: tuple[str, str] | None) -> None:
    workload.google.add_oauth_client(*CLIENT)

    reply = workload.session.post(workload.google.introspect_url, data={"token": workload.federated_token()}, auth=auth)

    assert (reply.status_code, reply.json()["error"]) == (401, "invalid_client")


def test_malformed_client_authentication_is_a_401(workload: Workload) -> None:
    reply = workload.session.post(workload.google.introspect_url, data={}, headers={"Authorization": "Basic %%%"})

    assert (reply.status_code, reply.json()["error"]) == (401, "invalid_client")


def test_a_bearer_token_is_rejected(workload: Workload) -> None:
    token = workload.federated_token()
    reply = workload.session.post(
        workload.google.introspect_url, data={"token": token}, headers={"Authorization": f"Bearer {token}"}
    )

    assert (reply.status_code, reply.json()["error"]) == (400, "invalid_request")


def test_an_exchange_accepts_client_authentication(workload: Workload) -> None:
    """gcloud sends it for direct resource access."""
    workload.google.add_oauth_client(*CLIENT)
    for client, status in ((CLIENT, 200), (("unknown", "x"), 401)):
        workload.session.auth = client
        assert workload.exchange().status_code == status
