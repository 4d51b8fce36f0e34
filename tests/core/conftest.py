"""Credentials with AWS keys in the environment, and a fake Google."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import hypothesis
import pytest
import seams

from core.stand_in import PROVIDER, FakeClock, FakeGoogle
from google_auth_botocore import Credentials

Make = Callable[..., Credentials]

# For `nox -s fuzz`: different examples in each run, about a million in all tests of core.test_fuzz*.
hypothesis.settings.register_profile(
    "fuzz",
    max_examples=106_000,
    derandomize=False,
    deadline=None,
    database=None,
    print_blob=True,
    suppress_health_check=list(hypothesis.HealthCheck),
)


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKID")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "SECRET")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "SESSION")
    monkeypatch.setenv("AWS_REGION", "eu-central-1")


@pytest.fixture(name="clock")
def _clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    clock = FakeClock()
    seams.use_clock(monkeypatch, clock)
    return clock


@pytest.fixture(name="request_")
def _request(clock: FakeClock) -> FakeGoogle:
    """The transport to the fake Google."""
    return FakeGoogle()


@pytest.fixture(name="make")
def _make() -> Make:
    def make(*arguments: Any, **more: Any) -> Credentials:
        return Credentials(PROVIDER, *arguments, **more)

    return make
