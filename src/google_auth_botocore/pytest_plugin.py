"""Fixtures for your own tests: AWS keys, and an emulator of Google's side on loopback.

`google_cloud` tests an unmodified application: its `google_auth_botocore.default()`, `google.auth.default()` or
`Credentials(AUDIENCE)` get their tokens from the emulator, and `storage.Client()` uses an emulated Cloud Storage::

    @pytest.fixture(scope="session")
    def google_cloud_settings():
        return {"audience": my_application.AUDIENCE, "service_account_email": my_application.SERVICE_ACCOUNT}

    def test_backup(google_cloud):
        google_cloud.storage.create_bucket("backups")
        my_application.backup("monday")
        assert google_cloud.storage.resource("backups", "monday") is not None

pytest loads the plugin by itself. If its loading of plugins is disabled (`PYTEST_DISABLE_PLUGIN_AUTOLOAD`), pass
`-p google_auth_botocore.pytest_plugin`, or add it to `addopts`. Below pytest's rootdir, too, no `pytest_plugins` is needed.

The fixtures require the extra `google-auth-botocore[emulator]`, and for Cloud Storage `google-auth-botocore[sandbox]`. They can
be combined with moto's `mock_aws`, in any order. Each worker of pytest-xdist has its own emulator.
"""

# pytest loads this module in each run of an environment, so it imports the emulator only when a fixture is used.
from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from google_auth_botocore import Credentials
    from google_auth_botocore.emulator import AwsKeys, AwsProvider, Emulator, GoogleCloud, ServiceAccount

_ROLE = "arn:aws:sts::123456789012:assumed-role/app"
_PROJECT = "my-project"


@pytest.fixture(scope="session")
def google_cloud_settings() -> Mapping[str, Any]:
    """The arguments of `GoogleCloud` for `google_cloud` and its variants. Override it with your application's constants."""
    return {}


@pytest.fixture
def google_cloud(google_emulator: Emulator, google_cloud_settings: Mapping[str, Any]) -> Iterator[GoogleCloud]:
    """Both clouds, as an unmodified application sees them, new for each test; see `GoogleCloud`.

    It has the same emulator as the other fixtures.
    """
    yield from _google_cloud({"emulator": google_emulator, **google_cloud_settings})


@pytest.fixture(scope="module")
def google_cloud_module(google_cloud_settings: Mapping[str, Any]) -> Iterator[GoogleCloud]:
    """`google_cloud`, shared by the tests of a module."""
    yield from _google_cloud(google_cloud_settings)


@pytest.fixture(scope="session")
def google_cloud_session(google_cloud_settings: Mapping[str, Any]) -> Iterator[GoogleCloud]:
    """`google_cloud`, shared by all tests of a process. For applications that create credentials when they are imported."""
    yield from _google_cloud(google_cloud_settings)


def _google_cloud(settings: Mapping[str, Any]) -> Iterator[GoogleCloud]:
    from google_auth_botocore.emulator import GoogleCloud  # noqa: PLC0415 - see above

    with GoogleCloud(**settings) as cloud:
        yield cloud


# Each fixture changes the environment by itself. The shared `monkeypatch` fixture may be set up before a fixture that starts
# `mock_aws`. It would then restore moto's keys after moto has removed them, and the next test would see them.
@pytest.fixture
def google_emulator() -> Iterator[Emulator]:
    """An emulator of Google's Security Token Service and IAM Credentials API. It records requests and simulates failures.

    The environment's proxy settings are removed, because a proxy cannot reach this machine's loopback.
    """
    from google_auth_botocore.emulator import Emulator  # noqa: PLC0415 - see above
    from google_auth_botocore.emulator._environment import changed, find_moto_keys  # noqa: PLC0415 - see above

    with changed(lambda name: name.endswith("_PROXY"), {}), Emulator() as emulator:
        emulator.aws_keys.add_lookup(find_moto_keys)
        yield emulator


@pytest.fixture
def google_provider(google_emulator: Emulator) -> AwsProvider:
    """The provider of a workload identity pool that trusts the AWS account 123456789012."""
    return google_emulator.add_aws_provider()


@pytest.fixture
def google_service_account(google_emulator: Emulator, google_provider: AwsProvider) -> ServiceAccount:
    """A service account that the AWS role `app` may impersonate, and with whose key it may sign."""
    account = google_emulator.add_service_account(f"app@{_PROJECT}.iam.gserviceaccount.com")
    for role in ("roles/iam.workloadIdentityUser", "roles/iam.serviceAccountTokenCreator"):
        google_emulator.grant(account.email, role, google_provider.principal_set("aws_role", _ROLE))
    return account


@pytest.fixture
def aws_keys(google_emulator: Emulator, tmp_path: Path) -> Iterator[AwsKeys]:
    """Temporary keys of the AWS role `app`, set in the environment. All other AWS settings are removed.

    The emulator also accepts the fake keys of `mock_aws`, as keys of the same role.
    """
    from google_auth_botocore.emulator._environment import aws_environment  # noqa: PLC0415 - see above

    with aws_environment(google_emulator, f"{_ROLE}/test", "us-east-1", tmp_path) as keys:
        yield keys


@pytest.fixture
def google_credentials(
    google_emulator: Emulator,
    google_provider: AwsProvider,
    google_service_account: ServiceAccount,
    aws_keys: AwsKeys,  # noqa: ARG001 - it sets the environment
) -> Credentials:
    """Credentials for the service account, as in an application, but with the emulator's endpoints."""
    from google_auth_botocore import Credentials  # noqa: PLC0415 - see above

    return Credentials(
        google_provider.audience,
        google_service_account.email,
        project_id=_PROJECT,
        token_url=google_emulator.token_url,
        iam_credentials_endpoint=google_emulator.iam_credentials_endpoint,
        oauth_token_url=google_emulator.oauth_token_url,
    )
