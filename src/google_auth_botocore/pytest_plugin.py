"""Fixtures for tests of one's own: a workload on AWS, Google's side on loopback, and credentials between them.

In the conftest.py of the tests::

    pytest_plugins = ["google_auth_botocore.pytest_plugin"]

It needs the extra `google-auth-botocore[emulator]`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from google_auth_botocore import Credentials
from google_auth_botocore.emulator import AwsKeys, AwsProvider, Emulator, ServiceAccount

_ROLE = "arn:aws:sts::123456789012:assumed-role/app"
_PROJECT = "my-project"


@pytest.fixture
def google_emulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    """Google's Security Token Service and IAM Credentials API: what it was asked, and what it is to get wrong.

    It is asked directly: the environment's proxies are not there, as none of them reaches this machine's loopback.
    """
    for name in [name for name in os.environ if name.upper().endswith("_PROXY")]:
        monkeypatch.delenv(name)
    with Emulator() as emulator:
        yield emulator


@pytest.fixture
def google_provider(google_emulator: Emulator) -> AwsProvider:
    """The provider of a workload identity pool that trusts the AWS account 123456789012."""
    return google_emulator.add_aws_provider()


@pytest.fixture
def google_service_account(google_emulator: Emulator, google_provider: AwsProvider) -> ServiceAccount:
    """A service account that the role `app` may have tokens of and sign as."""
    account = google_emulator.add_service_account(f"app@{_PROJECT}.iam.gserviceaccount.com")
    for role in ("roles/iam.workloadIdentityUser", "roles/iam.serviceAccountTokenCreator"):
        google_emulator.grant(account.email, role, google_provider.principal_set("aws_role", _ROLE))
    return account


@pytest.fixture
def aws_keys(google_emulator: Emulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> AwsKeys:
    """Temporary keys of the role `app`, in the environment; nothing else of AWS's is there."""
    keys = google_emulator.aws_keys.issue(f"{_ROLE}/test")
    for name in [name for name in os.environ if name.upper().startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):  # without them it is the home directory's
        monkeypatch.setenv(name, str(tmp_path / "no-such-directory" / "config"))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", keys.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", keys.secret_access_key)
    monkeypatch.setenv("AWS_SESSION_TOKEN", keys.session_token or "")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    return keys


@pytest.fixture
def google_credentials(
    google_emulator: Emulator,
    google_provider: AwsProvider,
    google_service_account: ServiceAccount,
    aws_keys: AwsKeys,  # noqa: ARG001 - in the environment
) -> Credentials:
    """Credentials of the service account, as an application makes them, but for the endpoints."""
    return Credentials(
        google_provider.audience,
        google_service_account.email,
        project_id=_PROJECT,
        token_url=google_emulator.token_url,
        iam_credentials_endpoint=google_emulator.iam_credentials_endpoint,
        oauth_token_url=google_emulator.oauth_token_url,
    )
