"""Looking up a failure never replaces it: whatever is in the environment, the caller gets the error of the failure."""

from __future__ import annotations

import pwd

import pytest

from google_auth_botocore import Credentials, FederationError
from google_auth_botocore._failures import _table, error
from google_auth_botocore._failures._facts import Facts

AUDIENCE = "//iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/aws/providers/prod"


@pytest.fixture(name="nothing", autouse=True)
def _nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """There are no AWS keys."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.mark.parametrize(
    "name",
    [
        "AWS_METADATA_SERVICE_TIMEOUT",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_ENDPOINT_URL",
        "AWS_ENDPOINT_URL_STS",
        "AWS_EC2_METADATA_SERVICE_ENDPOINT",
        "HTTPS_PROXY",
    ],
)
@pytest.mark.parametrize("url", ["//[1", "http://[::1", "http://host:port", "http://host:99999", "\u2100//\u2100"])
def test_malformed_urls_in_the_environment(monkeypatch: pytest.MonkeyPatch, name: str, url: str) -> None:
    monkeypatch.setenv(name, url)
    with pytest.raises(FederationError):
        Credentials(AUDIENCE).refresh(None)


def test_a_user_without_a_home_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a container with any user id, which no entry in /etc/passwd describes."""

    def unknown(user: int) -> None:
        raise KeyError(f"getpwuid(): uid not found: {user}")

    for name in ("HOME", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    with pytest.raises(FederationError) as caught:
        Credentials(AUDIENCE, profile="team").refresh(None)
    assert caught.value.failure == "profile-missing"


def test_a_mistake_in_the_table_does_not_replace_the_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(facts: Facts) -> None:
        raise KeyError(facts.reason)

    monkeypatch.setattr(_table, "find", broken)
    assert str(error("AWS rejected the keys.", Facts("aws", reason="x"))) == "AWS rejected the keys."
