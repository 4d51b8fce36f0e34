"""Fixtures for tests of one's own: a workload on AWS, Google's side on loopback, and credentials between them.

In the conftest.py of the tests::

    pytest_plugins = ["google_auth_botocore.pytest_plugin"]

It needs the extra `google-auth-botocore[emulator]`. The fixtures work beside moto's `mock_aws`, whichever comes first.
"""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from google_auth_botocore import Credentials
from google_auth_botocore.emulator import AwsKeys, AwsProvider, Emulator, ServiceAccount

_ROLE = "arn:aws:sts::123456789012:assumed-role/app"
_PROJECT = "my-project"
# `mock_aws` writes the first pair over the keys in the environment while it is active; moto's documentation tells its
# users to set the second.
_KEYS_OF_MOCKS = {"FOOBARKEY": "FOOBARSECRET", "testing": "testing"}


# Each fixture has a MonkeyPatch of its own. The `monkeypatch` fixture may be older than a fixture that starts `mock_aws`
# before ours; it would put moto's keys back after moto has removed them, and the next test would find them.
@pytest.fixture
def google_emulator() -> Iterator[Emulator]:
    """Google's Security Token Service and IAM Credentials API: what it was asked, and what it is to get wrong.

    It is asked directly: the environment's proxies are not there, as none of them reaches this machine's loopback.
    """
    with pytest.MonkeyPatch.context() as environment, Emulator() as emulator:
        for name in [name for name in os.environ if name.upper().endswith("_PROXY")]:
            environment.delenv(name)
        emulator.aws_keys.add_lookup(_issued_by_moto)
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
def aws_keys(google_emulator: Emulator, tmp_path: Path) -> Iterator[AwsKeys]:
    """Temporary keys of the role `app`, in the environment, with nothing else for AWS.

    The emulator accepts the fake keys of `mock_aws` as keys of the same role.
    """
    keys = google_emulator.aws_keys.issue(f"{_ROLE}/test")
    google_emulator.aws_keys.add_lookup(lambda access_key_id: _set_by_a_mock(access_key_id, keys))
    with pytest.MonkeyPatch.context() as environment:
        for name in [name for name in os.environ if name.upper().startswith("AWS_")]:
            environment.delenv(name)
        for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):  # without them it is the home directory's
            environment.setenv(name, str(tmp_path / "no-such-directory" / "config"))
        environment.setenv("AWS_ACCESS_KEY_ID", keys.access_key_id)
        environment.setenv("AWS_SECRET_ACCESS_KEY", keys.secret_access_key)
        environment.setenv("AWS_SESSION_TOKEN", keys.session_token or "")
        environment.setenv("AWS_REGION", "us-east-1")
        yield keys


def _set_by_a_mock(access_key_id: str, keys: AwsKeys) -> AwsKeys | None:
    """The same identity under a mock's keys, with the session token that the environment holds beside them."""
    if access_key_id not in _KEYS_OF_MOCKS:
        return None
    # In botocore's order.
    token = os.environ.get("AWS_SECURITY_TOKEN") or os.environ.get("AWS_SESSION_TOKEN") or None
    secret = _KEYS_OF_MOCKS[access_key_id]
    return dataclasses.replace(keys, access_key_id=access_key_id, secret_access_key=secret, session_token=token)


def _issued_by_moto(access_key_id: str) -> AwsKeys | None:
    """Keys that a test has from moto: it has assumed a role, or made an access key for a user."""
    if "moto.backends" not in sys.modules:
        return None
    from google_auth_botocore.emulator.aws._moto_keys import find  # noqa: PLC0415 - it imports moto

    return find(access_key_id)


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
