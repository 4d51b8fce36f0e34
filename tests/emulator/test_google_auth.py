"""google-auth's own credentials work with the emulator: it is not tailored to this project."""

from __future__ import annotations

from typing import Any

import google.auth.aws
import google.auth.downscoped
import google.auth.exceptions
import google.auth.iam
import google.auth.impersonated_credentials
import google.auth.transport.requests
import google.oauth2.id_token
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from emulator.workload import CLOUD_PLATFORM, ROLE_ARN, Workload


@pytest.fixture(name="info")
def _info(workload: Workload, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A configuration as gcloud writes it, with the emulator's endpoints. The AWS keys are in the environment."""
    assert workload.keys.session_token is not None
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", workload.keys.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", workload.keys.secret_access_key)
    monkeypatch.setenv("AWS_SESSION_TOKEN", workload.keys.session_token)
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    return {
        "audience": workload.provider.audience,
        "subject_token_type": "urn:ietf:params:aws:token-type:aws4_request",
        "token_url": workload.google.token_url,
        "credential_source": {
            "environment_id": "aws1",
            "region_url": "http://169.254.169.254/latest/meta-data/placement/availability-zone",
            "url": "http://169.254.169.254/latest/meta-data/iam/security-credentials",
            "regional_cred_verification_url": (
                "https://sts.{region}.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15"
            ),
        },
    }


def impersonating(info: dict[str, Any], workload: Workload) -> dict[str, Any]:
    return {
        **info,
        "service_account_impersonation_url": (
            f"{workload.google.url}/v1/projects/-/serviceAccounts/{workload.account.email}:generateAccessToken"
        ),
    }


def credentials_of(info: dict[str, Any]) -> Any:
    return google.auth.aws.Credentials.from_info(info, scopes=[CLOUD_PLATFORM])


def test_direct_access_works(info: dict[str, Any], workload: Workload) -> None:
    credentials = credentials_of(info)
    credentials.refresh(google.auth.transport.requests.Request())

    info_of_token = workload.google.check_access_token(str(credentials.token))
    assert info_of_token is not None
    assert info_of_token.principal == workload.provider.principal(f"{ROLE_ARN}/i-0abc")


def test_impersonation_works(info: dict[str, Any], workload: Workload) -> None:
    credentials = credentials_of(impersonating(info, workload))
    credentials.refresh(google.auth.transport.requests.Request())

    info_of_token = workload.google.check_access_token(str(credentials.token))
    assert info_of_token is not None
    assert info_of_token.principal == workload.account.email
    assert info_of_token.scopes == (CLOUD_PLATFORM,)
    assert [call.principal for call in workload.google.calls] == [workload.provider.principal(f"{ROLE_ARN}/i-0abc")] * 2


def test_a_second_impersonation_with_delegates_works(info: dict[str, Any], workload: Workload) -> None:
    google_, source = workload.google, credentials_of(info)
    middle = google_.add_service_account("middle@my-project.iam.gserviceaccount.com")
    creator = "roles/iam.serviceAccountTokenCreator"
    google_.grant(middle.email, creator, workload.provider.principal_set())
    google_.grant(workload.account.email, creator, middle.member)
    credentials = google.auth.impersonated_credentials.Credentials(
        source,
        workload.account.email,
        [CLOUD_PLATFORM],
        delegates=[middle.email],
        iam_endpoint_override=(
            f"{google_.url}/v1/projects/-/serviceAccounts/{workload.account.email}:generateAccessToken"
        ),
    )
    credentials.refresh(google.auth.transport.requests.Request())

    info_of_token = google_.check_access_token(str(credentials.token))
    assert info_of_token is not None
    assert info_of_token.principal == workload.account.email


@pytest.fixture(name="signer")
def _signer(info: dict[str, Any], workload: Workload, monkeypatch: pytest.MonkeyPatch) -> Any:
    """google-auth's impersonated credentials. Their fixed endpoints are replaced by the emulator's."""
    creator = "roles/iam.serviceAccountTokenCreator"
    workload.google.grant(workload.account.email, creator, workload.provider.principal_set())
    base = f"{workload.google.iam_credentials_endpoint}/v1/projects/-/serviceAccounts/{{}}"
    for name, method in (("SIGN", "signBlob"), ("SIGNJWT", "signJwt"), ("IDTOKEN", "generateIdToken")):
        monkeypatch.setattr(google.auth.iam, f"_IAM_{name}_ENDPOINT", f"{base}:{method}")
    module = google.auth.impersonated_credentials
    monkeypatch.setattr(module, "_GOOGLE_OAUTH2_TOKEN_ENDPOINT", workload.google.oauth_token_url)
    return module.Credentials(credentials_of(info), workload.account.email, [CLOUD_PLATFORM], subject="ann@example.com")


def test_id_tokens_of_impersonated_credentials_are_valid(signer: Any, workload: Workload) -> None:
    request = google.auth.transport.requests.Request()
    credentials = google.auth.impersonated_credentials.IDTokenCredentials(
        signer, target_audience="https://service.example", include_email=True
    )
    credentials.refresh(request)

    claims = google.oauth2.id_token.verify_token(
        str(credentials.token), request, "https://service.example", workload.google.certs_url
    )
    assert claims["email"] == workload.account.email


def test_signatures_of_impersonated_credentials_are_valid(signer: Any, workload: Workload) -> None:
    signature = signer.sign_bytes(b"message")

    page = f"{workload.google.url}/service_accounts/v1/metadata/x509/{workload.account.email}"
    [certificate] = workload.session.get(page).json().values()
    key = x509.load_pem_x509_certificate(certificate.encode()).public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    key.verify(signature, b"message", padding.PKCS1v15(), hashes.SHA256())


def test_impersonated_credentials_act_as_a_user_after_delegation(signer: Any, workload: Workload) -> None:
    request = google.auth.transport.requests.Request()
    with pytest.raises(google.auth.exceptions.RefreshError, match="unauthorized_client"):
        signer.refresh(request)
    workload.google.allow_domain_wide_delegation(workload.account.email, [CLOUD_PLATFORM])
    signer.refresh(request)

    info_of_token = workload.google.check_access_token(str(signer.token))
    assert info_of_token is not None
    assert info_of_token.principal == "ann@example.com"


def test_a_wrong_secret_is_an_oauth_error(info: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")

    with pytest.raises(google.auth.exceptions.OAuthError, match="SignatureDoesNotMatch"):
        credentials_of(info).refresh(google.auth.transport.requests.Request())


def test_downscoped_tokens_expire_with_their_source(
    info: dict[str, Any], workload: Workload, monkeypatch: pytest.MonkeyPatch
) -> None:
    """google-auth's downscoped credentials have a fixed endpoint, which is replaced by the emulator's."""
    monkeypatch.setattr(google.auth.downscoped, "_STS_TOKEN_URL_PATTERN", workload.google.token_url + "?{}")
    boundary = google.auth.downscoped.CredentialAccessBoundary(
        rules=[
            google.auth.downscoped.AccessBoundaryRule(
                available_resource="//storage.googleapis.com/projects/_/buckets/b",
                available_permissions=["inRole:roles/storage.objectViewer"],
            )
        ]
    )
    source = credentials_of(info)
    credentials = google.auth.downscoped.Credentials(source, boundary)
    credentials.refresh(google.auth.transport.requests.Request())

    assert credentials.token != source.token
    assert credentials.expiry == source.expiry
    info_of_token = workload.google.check_access_token(str(credentials.token))
    assert info_of_token is not None
    assert info_of_token.principal == workload.provider.principal(f"{ROLE_ARN}/i-0abc")
