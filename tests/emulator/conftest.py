"""A running emulator with a fake clock, and a workload that uses it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from emulator.workload import ROLE_ARN, FakeClock, Workload
from google_auth_botocore.emulator import Emulator


@pytest.fixture(name="clock")
def _clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(name="google")
def _google(clock: FakeClock) -> Iterator[Emulator]:
    with Emulator(clock=clock) as google:
        yield google


@pytest.fixture(name="workload")
def _workload(google: Emulator) -> Iterator[Workload]:
    """A workload that may impersonate its service account."""
    provider = google.add_aws_provider()
    account = google.add_service_account("copycat@my-project.iam.gserviceaccount.com")
    member = provider.principal_set("aws_role", ROLE_ARN)
    google.grant(account.email, "roles/iam.workloadIdentityUser", member)
    keys = google.aws_keys.issue(f"{ROLE_ARN}/i-0abc")
    with requests.Session() as session:
        session.trust_env = False
        yield Workload(google, provider, account, keys, session)
