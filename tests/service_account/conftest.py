"""A workload with AWS keys in the environment, and credentials that can do everything that its service account can."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
import requests
import seams
from core.stand_in import FakeClock
from emulator.workload import ROLE_ARN, Workload

from google_auth_botocore import Credentials
from google_auth_botocore.emulator import Emulator
from google_auth_botocore.emulator.storage import Storage
from service_account.buckets import BUCKET, CONTENT, NAME, open_client

CREATOR = "roles/iam.serviceAccountTokenCreator"
PROJECT = "my-project"

Make = Callable[..., Credentials]


@pytest.fixture(name="workload")
def _workload(google: Emulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workload]:
    """A workload that can impersonate its service account, and nothing else."""
    provider = google.add_aws_provider()
    account = google.add_service_account(f"copycat@{PROJECT}.iam.gserviceaccount.com")
    google.grant(account.email, "roles/iam.workloadIdentityUser", provider.principal_set("aws_role", ROLE_ARN))
    keys = google.aws_keys.issue(f"{ROLE_ARN}/i-0abc")
    assert keys.session_token is not None
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", keys.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", keys.secret_access_key)
    monkeypatch.setenv("AWS_SESSION_TOKEN", keys.session_token)
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    with requests.Session() as session:
        session.trust_env = False
        yield Workload(google, provider, account, keys, session)


@pytest.fixture(name="make")
def _make(workload: Workload) -> Make:
    """Return a function that creates credentials of the workload. Its arguments override those for `Credentials`."""

    def make(**arguments: object) -> Credentials:
        defaults = {
            "audience": workload.provider.audience,
            "service_account_email": workload.account.email,
            "token_url": workload.google.token_url,
            "iam_credentials_endpoint": workload.google.iam_credentials_endpoint,
            "oauth_token_url": workload.google.oauth_token_url,
            "project_id": PROJECT,
        }
        return Credentials(**{**defaults, **arguments})  # type: ignore[arg-type]  # tests pass any argument

    return make


@pytest.fixture(name="credentials")
def _credentials(workload: Workload, make: Make) -> Credentials:
    """Credentials of the workload's service account, which can also sign as the account."""
    workload.google.grant(workload.account.email, CREATOR, workload.provider.principal_set("aws_role", ROLE_ARN))
    return make()


@pytest.fixture(name="certificates")
def _certificates(workload: Workload) -> dict[str, str]:
    """The service account's public keys: key id to certificate."""
    page = f"{workload.google.url}/service_accounts/v1/metadata/x509/{workload.account.email}"
    certificates: dict[str, str] = workload.session.get(page).json()
    return certificates


@pytest.fixture(name="chain")
def _chain(workload: Workload) -> list[str]:
    """The e-mail addresses of five accounts. Each can create tokens for the next one, and the workload for the first one."""
    accounts = [workload.google.add_service_account(f"hop-{n}@{PROJECT}.iam.gserviceaccount.com") for n in range(5)]
    members = [workload.provider.principal_set(), *(account.member for account in accounts)]
    for account, member in zip(accounts, members, strict=False):
        workload.google.grant(account.email, CREATOR, member)
    return [account.email for account in accounts]


@pytest.fixture(name="clock")
def _clock(google: Emulator, monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    """The clock of the package and the emulator. It advances only by sleeps, and starts now because others use the real time."""
    clock = FakeClock(now=time.time())
    seams.use_clock(monkeypatch, clock)
    google.clock = clock.time
    return clock


@pytest.fixture(name="storage")
def _storage(google: Emulator, clock: FakeClock) -> Iterator[Storage]:
    """Cloud Storage with one object in one bucket."""
    with Storage(google.check_access_token, google.check_signature, clock.time) as storage:
        open_client(storage).create_bucket(BUCKET).blob(NAME).upload_from_string(CONTENT, "text/plain")
        storage.downloads.clear()
        yield storage
