"""Getting a token is short enough to follow: the calls inside the package are counted."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import google.auth.transport.requests
import pytest
import requests

import google_auth_botocore
from google_auth_botocore import Credentials
from google_auth_botocore.emulator import Emulator

OBJECT = "https://storage.googleapis.com/storage/v1/b/bucket/o/object"
ROLE = "arn:aws:sts::123456789012:assumed-role/worker"
PACKAGE = Path(google_auth_botocore.__file__).parent


@contextmanager
def _recorded_calls() -> Iterator[list[str]]:
    """Record every call of a function of the package, on all threads, except those of the emulator."""
    calls: list[str] = []

    def record(frame: FrameType, event: str, _: object) -> None:
        file = Path(frame.f_code.co_filename)
        if event == "call" and file.is_relative_to(PACKAGE) and not file.is_relative_to(PACKAGE / "emulator"):
            calls.append(f"{file.relative_to(PACKAGE)}:{frame.f_lineno} {frame.f_code.co_name}")

    threading.setprofile(record)
    sys.setprofile(record)
    try:
        yield calls
    finally:
        sys.setprofile(None)
        threading.setprofile(None)


@pytest.fixture(name="transport")
def _transport() -> Iterator[google.auth.transport.requests.Request]:
    with requests.Session() as session:
        session.trust_env = False
        yield google.auth.transport.requests.Request(session)


@pytest.fixture(name="make_fresh")
def _make_fresh(google: Emulator, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Credentials]:
    provider, account = (
        google.add_aws_provider(),
        google.add_service_account("copycat@my-project.iam.gserviceaccount.com"),
    )
    google.grant(account.email, "roles/iam.workloadIdentityUser", provider.principal_set("aws_role", ROLE))
    keys = google.aws_keys.issue(f"{ROLE}/i-0abc")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", keys.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", keys.secret_access_key)
    monkeypatch.setenv("AWS_SESSION_TOKEN", keys.session_token or "")

    def make() -> Credentials:
        return Credentials(
            provider.audience,
            account.email,
            token_url=google.token_url,
            iam_credentials_endpoint=google.iam_credentials_endpoint,
        )

    return make


def test_first_impersonated_token_takes_at_most_90_calls(
    make_fresh: Callable[[], Credentials], transport: google.auth.transport.requests.Request
) -> None:
    """Count from the first request of credentials with AWS keys in the environment to the header with the token."""
    with _recorded_calls() as calls:  # also record the thread that the first exchange starts and the second one reuses
        make_fresh().before_request(transport, "GET", OBJECT, {})  # leaves out what a process does only once
        credentials, headers = make_fresh(), dict[str, str]()
        calls.clear()
        credentials.before_request(transport, "GET", OBJECT, headers)
    assert headers["authorization"].startswith("Bearer ")
    # A waiting caller calls these every 100 ms, so their number depends on the machine. `filter` sees each record that
    # urllib3 logs, if another test has left its logger at the level DEBUG.
    uncounted = ("begun", "overdue", "_register", "_time_suspended", "filter")
    calls = [call for call in calls if call.split()[-1] not in uncounted]
    assert len(calls) <= 90, "\n".join(calls)


def test_request_with_fresh_token_takes_two_calls(
    make_fresh: Callable[[], Credentials], transport: google.auth.transport.requests.Request
) -> None:
    """It compares two moments and writes the header."""
    credentials = make_fresh()
    credentials.refresh(transport)
    with _recorded_calls() as calls:
        credentials.before_request(transport, "GET", OBJECT, {})
    assert [call.partition(" ")[2] for call in calls] == ["before_request", "apply"]
