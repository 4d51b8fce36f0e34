"""`generateIdToken`, `signBlob` and `signJwt`: permissions and real signatures."""

from __future__ import annotations

import base64
import json
from typing import Any

import google.auth.exceptions
import google.auth.transport.requests
import google.oauth2.id_token
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from emulator import jose
from emulator.workload import FakeClock, Workload

USER = "roles/iam.workloadIdentityUser"
CREATOR = "roles/iam.serviceAccountTokenCreator"
OPEN_ID = "roles/iam.serviceAccountOpenIdTokenCreator"

AUDIENCE = "https://service.example"
BODIES: dict[str, dict[str, Any]] = {
    "generateAccessToken": {"scope": ["https://www.googleapis.com/auth/cloud-platform"]},
    "generateIdToken": {"audience": AUDIENCE},
    "signBlob": {"payload": base64.b64encode(b"blob").decode()},
    "signJwt": {"payload": "{}"},
}


@pytest.fixture(name="signer")
def _signer(workload: Workload) -> Workload:
    """A workload that may sign as its service account."""
    workload.google.grant(workload.account.email, CREATOR, workload.provider.principal_set())
    return workload


def page(workload: Workload, path: str) -> dict[str, Any]:
    """Return a page of public keys."""
    reply = workload.session.get(f"{workload.google.url}{path}")
    assert reply.status_code == 200, reply.text
    keys = reply.json()
    assert isinstance(keys, dict)
    return keys


@pytest.mark.parametrize(
    ("role", "allowed"),
    [
        (USER, {"generateAccessToken", "generateIdToken"}),
        (CREATOR, set(BODIES)),
        (OPEN_ID, {"generateIdToken"}),
        ("roles/iam.serviceAccountUser", set()),
    ],
)
def test_each_role_has_the_same_permissions_as_at_google(workload: Workload, role: str, allowed: set[str]) -> None:
    account = workload.google.add_service_account("other@my-project.iam.gserviceaccount.com")
    workload.google.grant(account.email, role, workload.provider.principal_set())

    replies = {method: workload.iam(method, body, account=account.email) for method, body in BODIES.items()}

    assert {method for method, reply in replies.items() if reply.status_code == 200} == allowed
    permissions = {
        "generateAccessToken": "getAccessToken",
        "generateIdToken": "getOpenIdToken",
        "signBlob": "signBlob",
        "signJwt": "signJwt",
    }
    for method in set(BODIES) - allowed:
        error = replies[method].json()["error"]
        assert (error["code"], error["status"]) == (403, "PERMISSION_DENIED")
        assert error["details"][0]["metadata"] == {"permission": f"iam.serviceAccounts.{permissions[method]}"}


@pytest.mark.parametrize("method", ["generateIdToken", "signBlob", "signJwt"])
def test_every_method_accepts_delegates(workload: Workload, method: str) -> None:
    google = workload.google
    middle, target = (
        google.add_service_account(f"{name}@my-project.iam.gserviceaccount.com") for name in ("middle", "target")
    )
    google.grant(middle.email, CREATOR, workload.provider.principal_set())
    google.grant(target.email, CREATOR, middle.member)
    delegates = [f"projects/-/serviceAccounts/{middle.email}"]

    assert workload.iam(method, BODIES[method], account=target.email).status_code == 403
    assert workload.iam(method, {**BODIES[method], "delegates": delegates}, account=target.email).status_code == 200


def test_google_auth_verifies_an_id_token(workload: Workload, clock: FakeClock) -> None:
    token = workload.iam("generateIdToken", {"audience": AUDIENCE}).json()["token"]
    certs_url = workload.google.certs_url
    request = google.auth.transport.requests.Request()

    claims = google.oauth2.id_token.verify_token(token, request, AUDIENCE, certs_url)
    assert claims == {
        "iss": workload.google.id_token_issuer,
        "aud": AUDIENCE,
        "sub": workload.account.unique_id,
        "azp": workload.account.unique_id,
        "iat": int(clock.now),
        "exp": int(clock.now) + 3600,
    }
    with pytest.raises(google.auth.exceptions.InvalidValue, match="audience"):
        google.oauth2.id_token.verify_token(token, request, "https://other.example", certs_url)


def test_an_id_token_verifies_against_the_key_set(workload: Workload) -> None:
    token = workload.iam("generateIdToken", {"audience": AUDIENCE}).json()["token"]
    reply = workload.session.get(workload.google.jwks_url)

    assert jose.verify(token, reply.json())["aud"] == AUDIENCE
    assert {key["alg"] for key in reply.json()["keys"]} == {"RS256"}


@pytest.mark.parametrize("true", [True, "true"])
def test_an_id_token_contains_the_e_mail_address_on_request(workload: Workload, true: object) -> None:
    """google-auth sends a string, although Google's reference says boolean."""
    body = {"audience": AUDIENCE, "includeEmail": true, "useEmailAzp": true}
    token = workload.iam("generateIdToken", body).json()["token"]

    claims = jose.verify(token, page(workload, "/oauth2/v3/certs"))
    email = workload.account.email
    assert (claims["email"], claims["email_verified"], claims["azp"]) == (email, True, email)


def public_key(certificate: str) -> rsa.RSAPublicKey:
    key = x509.load_pem_x509_certificate(certificate.encode()).public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    return key


def test_a_blob_s_signature_verifies_against_the_account_s_certificate(signer: Workload) -> None:
    message = b"any \x00 bytes"
    reply = signer.iam("signBlob", {"payload": base64.b64encode(message).decode()}).json()

    certificates = page(signer, f"/service_accounts/v1/metadata/x509/{signer.account.email}")
    key = public_key(certificates[reply["keyId"]])
    key.verify(base64.b64decode(reply["signedBlob"]), message, padding.PKCS1v15(), hashes.SHA256())


def test_each_account_has_one_key_of_its_own(signer: Workload) -> None:
    google = signer.google
    other = google.add_service_account("other@my-project.iam.gserviceaccount.com")
    google.grant(other.email, CREATOR, signer.provider.principal_set())

    first, second = (signer.iam("signBlob", BODIES["signBlob"]).json() for _ in range(2))
    assert first == second
    assert signer.iam("signBlob", BODIES["signBlob"], account=other.email).json()["keyId"] != first["keyId"]
    by_id = page(signer, f"/service_accounts/v1/metadata/x509/{signer.account.unique_id}")
    assert list(by_id) == [first["keyId"]]


def test_a_signed_jwt_has_the_unchanged_payload(signer: Workload, clock: FakeClock) -> None:
    payload = json.dumps({"sub": "ann@example.com", "exp": int(clock.now) + 60}, indent=3)
    reply = signer.iam("signJwt", {"payload": payload}).json()

    keys = page(signer, f"/service_accounts/v1/jwk/{signer.account.email}")
    assert jose.verify(reply["signedJwt"], keys) == json.loads(payload)
    header, signed, _ = reply["signedJwt"].split(".")
    assert json.loads(jose.decode(header))["kid"] == reply["keyId"]
    assert jose.decode(signed).decode() == payload


@pytest.mark.parametrize(
    ("method", "body"),
    [
        ("generateIdToken", {}),
        ("generateIdToken", {"audience": ""}),
        ("generateIdToken", {"audience": [AUDIENCE]}),
        ("signBlob", {}),
        ("signBlob", {"payload": "not base64"}),
        ("signBlob", {"payload": "ünïcode"}),
        ("signJwt", {"payload": "{"}),
        ("signJwt", {"payload": "[]"}),
        ("signJwt", {"payload": {"sub": "ann@example.com"}}),
        ("signJwt", {"payload": '{"exp": "soon"}'}),
        ("signJwt", {"payload": '{"exp": null}'}),
    ],
)
def test_arguments_are_checked(signer: Workload, method: str, body: dict[str, Any]) -> None:
    error = signer.iam(method, body).json()["error"]

    assert (error["code"], error["status"]) == (400, "INVALID_ARGUMENT")


@pytest.mark.parametrize(("seconds", "status"), [(-1, 400), (0, 200), (43_199, 200), (43_201, 400)])
def test_a_jwt_must_expire_within_twelve_hours(signer: Workload, clock: FakeClock, seconds: int, status: int) -> None:
    clock.now = float(int(clock.now))
    payload = json.dumps({"exp": int(clock.now) + seconds})

    assert signer.iam("signJwt", {"payload": payload}).status_code == status


def test_the_keys_of_an_unknown_account_are_not_found(workload: Workload) -> None:
    for kind in ("metadata/x509", "jwk"):
        url = f"{workload.google.url}/service_accounts/v1/{kind}/gone@my-project.iam.gserviceaccount.com"
        assert workload.session.get(url).status_code == 404
