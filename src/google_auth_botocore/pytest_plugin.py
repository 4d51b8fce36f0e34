"""Fixtures for your own tests: AWS keys, an emulator of Google's side on loopback, and credentials that connect them.

In the conftest.py of your tests::

    pytest_plugins = ["google_auth_botocore.pytest_plugin"]

The plugin requires the extra `google-auth-botocore[emulator]`. The fixtures can be combined with moto's `mock_aws`, in any
order.
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
# While `mock_aws` is active, it sets the first pair in the environment. moto's documentation recommends to set the second.
_MOTO_FAKE_KEYS = {"FOOBARKEY": "FOOBARSECRET", "testing": "testing"}


# Each fixture has its own MonkeyPatch. The shared `monkeypatch` fixture may be set up before a fixture that starts
# `mock_aws`. It would then restore moto's keys after moto has removed them, and the next test would see them.
@pytest.fixture
def google_emulator() -> Iterator[Emulator]:
    """An emulator of Google's Security Token Service and IAM Credentials API. It records requests and simulates failures.

    The environment's proxy settings are removed, because a proxy cannot reach this machine's loopback.
    """
    with pytest.MonkeyPatch.context() as environment, Emulator() as emulator:
        for name in [name for name in os.environ if name.upper().endswith("_PROXY")]:
            environment.delenv(name)
        emulator.aws_keys.add_lookup(_find_moto_keys)
        yield emulator


@pytest.fixture
def google_provider(google_emulator: Emulator) -> AwsProvider:
    """The provider of a workload identity pool that trusts the AWS account 123456789012."""
    return google_emulator.add_aws_provider()


@pytest.fixture
def google_service_account(google_emulator: Emulator, google_provider: AwsProvider) -> ServiceAccount:
    """A service account that the AWS role `app` may impersonate and sign as."""
    account = google_emulator.add_service_account(f"app@{_PROJECT}.iam.gserviceaccount.com")
    for role in ("roles/iam.workloadIdentityUser", "roles/iam.serviceAccountTokenCreator"):
        google_emulator.grant(account.email, role, google_provider.principal_set("aws_role", _ROLE))
    return account


@pytest.fixture
def aws_keys(google_emulator: Emulator, tmp_path: Path) -> Iterator[AwsKeys]:
    """Temporary keys of the AWS role `app`, set in the environment. All other AWS settings are removed.

    The emulator also accepts the fake keys of `mock_aws`, as keys of the same role.
    """
    keys = google_emulator.aws_keys.issue(f"{_ROLE}/test")
    google_emulator.aws_keys.add_lookup(lambda access_key_id: _find_fake_keys(access_key_id, keys))
    with pytest.MonkeyPatch.context() as environment:
        for name in [name for name in os.environ if name.upper().startswith("AWS_")]:
            environment.delenv(name)
        for name in (
            "AWS_CONFIG_FILE",
            "AWS_SHARED_CREDENTIALS_FILE",
        ):  # otherwise those in the home directory are used
            environment.setenv(name, str(tmp_path / "no-such-directory" / "config"))
        environment.setenv("AWS_ACCESS_KEY_ID", keys.access_key_id)
        environment.setenv("AWS_SECRET_ACCESS_KEY", keys.secret_access_key)
        environment.setenv("AWS_SESSION_TOKEN", keys.session_token or "")
        environment.setenv("AWS_REGION", "us-east-1")
        yield keys


def _find_fake_keys(access_key_id: str, keys: AwsKeys) -> AwsKeys | None:
    """Return moto's fake keys for the same identity, with the session token from the environment. None: other keys."""
    if access_key_id not in _MOTO_FAKE_KEYS:
        return None
    # The order is botocore's.
    token = os.environ.get("AWS_SECURITY_TOKEN") or os.environ.get("AWS_SESSION_TOKEN") or None
    secret = _MOTO_FAKE_KEYS[access_key_id]
    return dataclasses.replace(keys, access_key_id=access_key_id, secret_access_key=secret, session_token=token)


def _find_moto_keys(access_key_id: str) -> AwsKeys | None:
    """Return keys that moto has issued, for an assumed role or a user. None: other keys."""
    if "moto.backends" not in sys.modules:
        return None
    from google_auth_botocore.emulator.aws._moto_keys import find  # noqa: PLC0415 - it imports moto

    return find(access_key_id)


@pytest.fixture
def google_credentials(
    google_emulator: Emulator,
    google_provider: AwsProvider,
    google_service_account: ServiceAccount,
    aws_keys: AwsKeys,  # noqa: ARG001 - it sets the environment
) -> Credentials:
    """Credentials for the service account, as in an application, but with the emulator's endpoints."""
    return Credentials(
        google_provider.audience,
        google_service_account.email,
        project_id=_PROJECT,
        token_url=google_emulator.token_url,
        iam_credentials_endpoint=google_emulator.iam_credentials_endpoint,
        oauth_token_url=google_emulator.oauth_token_url,
    )
