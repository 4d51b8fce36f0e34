"""Signing as the service account: `sign_bytes`, `signer` and what google-auth builds on it."""

from __future__ import annotations

import copy
import json
import pickle
import re
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import google.auth.credentials
import google.auth.crypt
import google.auth.jwt
import jwt
import pytest
from core.stand_in import FakeClock
from emulator.workload import Workload
from records import recording

from google_auth_botocore import Credentials, IDTokenCredentials
from google_auth_botocore.emulator import Emulator, Fault
from google_auth_botocore.exceptions import FederationError, TransientFederationError
from service_account.conftest import CREATOR, Make
from service_account.signed_urls import verify

MESSAGE = b"\x00 a message \xff"

pytestmark = pytest.mark.usefixtures("clock")


def test_the_signature_is_that_of_the_service_account(credentials: Credentials, certificates: dict[str, str]) -> None:
    verify(certificates, credentials.sign_bytes(MESSAGE), MESSAGE)


def test_the_signer_is_a_google_auth_signer(credentials: Credentials, certificates: dict[str, str]) -> None:
    signer = credentials.signer

    assert isinstance(credentials, google.auth.credentials.Signing)
    assert isinstance(signer, google.auth.crypt.Signer)
    assert signer.key_id is None
    verify(certificates, signer.sign(MESSAGE), MESSAGE)
    verify(certificates, signer.sign("tëxt"), "tëxt".encode())


def test_the_signer_email_is_that_of_the_service_account(credentials: Credentials, workload: Workload) -> None:
    assert credentials.signer_email == workload.account.email


def jwks(workload: Workload) -> jwt.PyJWKSet:
    page = f"{workload.google.url}/service_accounts/v1/jwk/{workload.account.email}"
    return jwt.PyJWKSet.from_dict(workload.session.get(page).json())


def verified(token: str | bytes, workload: Workload, **options: Any) -> dict[str, Any]:
    """Verify the token with PyJWT and the account's JSON Web Key Set; return its claims."""
    [key] = jwks(workload).keys
    claims: dict[str, Any] = jwt.decode(token, key, algorithms=["RS256"], **options)
    return claims


def test_a_jwt_encoded_by_google_auth_passes_pyjwt(credentials: Credentials, workload: Workload) -> None:
    claims = {"iss": credentials.signer_email, "aud": "https://service.example", "exp": int(time.time()) + 600}

    token = google.auth.jwt.encode(credentials.signer, claims)

    assert verified(token, workload, audience="https://service.example") == claims


def test_a_jwt_encoded_by_google_auth_passes_google_auth(
    credentials: Credentials, certificates: dict[str, str]
) -> None:
    now = int(time.time())
    claims = {"iss": credentials.signer_email, "aud": "a", "iat": now, "exp": now + 600}

    token = google.auth.jwt.encode(credentials.signer, claims)

    assert google.auth.jwt.decode(token, list(certificates.values()), audience="a") == claims


def test_google_auth_creates_self_signed_tokens_from_the_credentials(
    credentials: Credentials, workload: Workload
) -> None:
    """Google APIs accept them in place of access tokens."""
    made = google.auth.jwt.Credentials.from_signing_credentials(credentials, "https://pubsub.googleapis.com/")
    made.refresh(None)

    claims = verified(made.token, workload, audience="https://pubsub.googleapis.com/")
    assert claims["iss"] == claims["sub"] == workload.account.email


def test_many_signatures_share_one_exchange(credentials: Credentials, google: Emulator) -> None:
    for number in range(5):
        credentials.sign_bytes(b"%d" % number)

    assert (google.count("/v1/token"), google.count(":signBlob"), google.count(":generate")) == (1, 5, 0)


def test_an_access_token_and_signatures_share_the_exchange(credentials: Credentials, google: Emulator) -> None:
    credentials.get_token()
    credentials.sign_bytes(MESSAGE)

    assert google.count("/v1/token") == 1


CROWD = 32


def sign_in_many_threads(credentials: Credentials, google: Emulator, certificates: dict[str, str]) -> None:
    """Sign in many threads at the same time, during a slow exchange."""
    barrier = threading.Barrier(CROWD)
    google.fail("/v1/token", Fault(delay=0.2))

    def sign(number: int) -> bytes:
        barrier.wait(60)
        return credentials.sign_bytes(b"%d" % number)

    with ThreadPoolExecutor(CROWD) as pool:
        for number, signature in enumerate(pool.map(sign, range(CROWD))):
            verify(certificates, signature, b"%d" % number)


def test_threads_that_sign_after_the_token_has_expired_share_one_exchange(
    credentials: Credentials, google: Emulator, clock: FakeClock, certificates: dict[str, str]
) -> None:
    google.token_lifetime = 600  # the AWS keys are valid for longer
    credentials.sign_bytes(MESSAGE)
    clock.advance(600)

    sign_in_many_threads(credentials, google, certificates)

    assert (google.count("/v1/token"), google.count(":signBlob"), google.count(":generate")) == (2, 1 + CROWD, 0)


def test_threads_whose_token_iam_rejects_share_one_exchange(
    credentials: Credentials, google: Emulator, clock: FakeClock, certificates: dict[str, str]
) -> None:
    """Each one gets a 401, and one new exchange serves all of them."""
    google.token_lifetime = 200
    credentials.sign_bytes(MESSAGE)
    google.clock = lambda: clock.time() + 201  # expired for the emulator, but not for the package

    sign_in_many_threads(credentials, google, certificates)

    assert google.count("/v1/token") == 2
    assert 1 + CROWD < google.count(":signBlob") <= 1 + 2 * CROWD


@pytest.mark.parametrize(
    "fault",
    [Fault(503), Fault(429, retry_after=3), Fault(500, times=3), Fault(drop=True), Fault(408), Fault(504)],
    ids=repr,
)
@pytest.mark.parametrize("path", [":signBlob", "/v1/token"])
def test_a_temporary_failure_has_no_effect(
    credentials: Credentials,
    google: Emulator,
    clock: FakeClock,
    certificates: dict[str, str],
    fault: Fault,
    path: str,
) -> None:
    google.fail(path, fault)

    verify(certificates, credentials.sign_bytes(MESSAGE), MESSAGE)
    assert google.count(path) == (fault.times or 0) + 1
    assert len(clock.slept) == fault.times
    assert sum(clock.slept) >= float(fault.retry_after or 0)


@pytest.mark.parametrize("fault", [Fault(503, times=None), Fault(drop=True, times=None)], ids=["503", "drop"])
def test_a_lasting_failure_is_retried_until_the_deadline(
    credentials: Credentials, google: Emulator, clock: FakeClock, fault: Fault
) -> None:
    google.fail(":signBlob", fault)
    before = clock.elapsed

    with pytest.raises(TransientFederationError) as caught:
        credentials.sign_bytes(MESSAGE)

    assert (caught.value.step, caught.value.status_code) == ("signing", fault.status)
    assert 15 < clock.elapsed - before <= 30
    assert google.count("/v1/token") == 1


def test_a_reply_without_signed_blob_is_a_transient_error(credentials: Credentials, google: Emulator) -> None:
    google.fail(":signBlob", Fault(body={"keyId": "k", "signedBlob": "no base64!"}, times=None))

    with pytest.raises(TransientFederationError, match="no signature"):
        credentials.sign_bytes(MESSAGE)


def test_a_federated_token_that_iam_rejects_is_replaced_once(
    credentials: Credentials, google: Emulator, certificates: dict[str, str]
) -> None:
    credentials.sign_bytes(b"first")
    google.fail(":signBlob", Fault(401))

    verify(certificates, credentials.sign_bytes(MESSAGE), MESSAGE)
    assert (google.count("/v1/token"), google.count(":signBlob")) == (2, 3)


def test_a_federated_token_that_iam_rejects_twice_is_an_error(credentials: Credentials, google: Emulator) -> None:
    google.fail(":signBlob", Fault(401, times=None))

    with pytest.raises(FederationError) as caught:
        credentials.sign_bytes(MESSAGE)

    assert (caught.value.step, caught.value.status_code, caught.value.reason) == ("signing", 401, "UNAUTHENTICATED")
    assert (google.count("/v1/token"), google.count(":signBlob")) == (2, 2)


def test_an_expired_federated_token_is_refreshed(
    credentials: Credentials, google: Emulator, clock: FakeClock, certificates: dict[str, str]
) -> None:
    google.token_lifetime = 600  # the AWS keys are valid for longer
    credentials.sign_bytes(b"first")
    clock.advance(600)

    verify(certificates, credentials.sign_bytes(MESSAGE), MESSAGE)
    assert google.count("/v1/token") == 2


@pytest.mark.parametrize(
    "way",
    [
        copy.copy,
        copy.deepcopy,
        lambda credentials: pickle.loads(pickle.dumps(credentials)),
        lambda credentials: credentials.with_scopes(["https://www.googleapis.com/auth/devstorage.read_only"]),
        lambda credentials: credentials.with_quota_project("other"),
        lambda credentials: credentials.with_subject("ann@example.com"),
    ],
    ids=["copy", "deepcopy", "pickle", "with_scopes", "with_quota_project", "with_subject"],
)
def test_a_copy_signs_too(
    credentials: Credentials,
    google: Emulator,
    certificates: dict[str, str],
    way: Callable[[Credentials], Credentials],
) -> None:
    credentials.sign_bytes(b"first")
    made = way(credentials)

    verify(certificates, made.sign_bytes(MESSAGE), MESSAGE)
    verify(certificates, way(made).signer.sign(MESSAGE), MESSAGE)
    assert google.count("/v1/token") == 1


def test_a_signer_can_be_pickled(credentials: Credentials, certificates: dict[str, str]) -> None:
    signer = pickle.loads(pickle.dumps(credentials.signer))

    verify(certificates, signer.sign(MESSAGE), MESSAGE)


@pytest.mark.parametrize("hops", [1, 2, 3, 4])
def test_delegates_sign_for_the_workload(make: Make, workload: Workload, chain: list[str], hops: int) -> None:
    account, delegates = chain[hops], chain[:hops]
    credentials = make(service_account_email=account, delegates=delegates)

    signatures = [credentials.sign_bytes(MESSAGE), credentials.signer.sign(MESSAGE)]

    page = workload.session.get(f"{workload.google.url}/service_accounts/v1/metadata/x509/{account}").json()
    for signature in signatures:
        verify(page, signature, MESSAGE)
    asked = [json.loads(call.body)["delegates"] for call in workload.google.calls if call.path.endswith(":signBlob")]
    assert asked == [[f"projects/-/serviceAccounts/{each}" for each in delegates]] * 2


@pytest.mark.parametrize("delegates", [(), (0,), (1,), (1, 0), (0, 1, 1), (0, 1, 3, 2)])
def test_every_grant_of_a_chain_is_required(make: Make, chain: list[str], delegates: tuple[int, ...]) -> None:
    """Google does not say which grant is missing, so the hint contains all of them."""
    accounts = [*(chain[number] for number in delegates), chain[-1]]
    credentials = make(service_account_email=chain[-1], delegates=accounts[:-1])

    with pytest.raises(FederationError) as caught:
        credentials.sign_bytes(MESSAGE)

    error = caught.value
    assert (error.step, error.reason, error.status_code) == ("signing", "PERMISSION_DENIED", 403)
    assert error.hint is not None
    granted = re.findall(r"add-iam-policy-binding (\S+) --role=(\S+) --member=(\w+):", error.hint)
    kinds = ["principalSet", *["serviceAccount"] * len(delegates)]
    assert granted == [(account, CREATOR, kind) for account, kind in zip(accounts, kinds, strict=True)]


def test_without_the_role_the_error_says_how_to_grant_it(make: Make, workload: Workload) -> None:
    """The role that allows access tokens does not allow signatures."""
    credentials = make()
    credentials.get_token()

    with pytest.raises(FederationError) as caught:
        credentials.sign_bytes(MESSAGE)

    error = caught.value
    assert (error.step, error.reason, error.status_code) == ("signing", "PERMISSION_DENIED", 403)
    assert not error.retryable
    pool = workload.provider.audience.rsplit("/providers/", 1)[0]
    assert error.hint is not None
    assert error.hint in str(error)
    assert (
        f"gcloud iam service-accounts add-iam-policy-binding {workload.account.email} --role={CREATOR} "
        f"--member=principalSet:{pool}/attribute.aws_role/arn:aws:sts::"
    ) in error.hint


def test_a_role_granted_at_run_time_takes_effect(make: Make, workload: Workload, certificates: dict[str, str]) -> None:
    credentials = make()
    with pytest.raises(FederationError):
        credentials.sign_bytes(MESSAGE)

    workload.google.grant(workload.account.email, CREATOR, workload.provider.principal_set())

    verify(certificates, credentials.sign_bytes(MESSAGE), MESSAGE)


def test_nothing_secret_is_logged(credentials: Credentials, google: Emulator) -> None:
    with recording() as records:
        signature = credentials.sign_bytes(MESSAGE)
        google.fail(":signBlob", Fault(403))
        with pytest.raises(FederationError) as caught:
            credentials.sign_bytes(MESSAGE)

    tokens = [call.headers["authorization"] for call in google.calls if "signBlob" in call.path]
    for token in tokens:
        assert token.removeprefix("Bearer ") not in records
        assert token.removeprefix("Bearer ") not in str(caught.value)
    assert repr(signature) not in records


SIGNING: Mapping[str, Callable[[Credentials], object]] = {
    "sign_bytes": lambda credentials: credentials.sign_bytes(MESSAGE),
    "signer": lambda credentials: credentials.signer,
    "signer_email": lambda credentials: credentials.signer_email,
}


@pytest.mark.parametrize("name", SIGNING)
def test_a_federated_identity_says_why_it_cannot_sign(make: Make, google: Emulator, name: str) -> None:
    credentials = make(service_account_email=None)

    with pytest.raises(AttributeError) as caught:
        SIGNING[name](credentials)

    for words in ("cannot sign", "service_account_email", CREATOR):
        assert words in str(caught.value)
    assert not hasattr(credentials, "signer")
    assert google.calls == []


def test_id_token_credentials_do_not_sign(credentials: Credentials) -> None:
    """Like those of google.auth.impersonated_credentials. A caller that requires signatures uses the source credentials."""
    made = IDTokenCredentials(credentials, "https://service.example")

    assert not isinstance(made, google.auth.credentials.Signing)
    assert not hasattr(made, "signer")
