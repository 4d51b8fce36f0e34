"""The fixtures for users' own tests, in a project that is not this one."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester"]

TESTS = """
import pytest
from google.auth.transport.requests import AuthorizedSession
from google_auth_botocore import FederationError
from google_auth_botocore.emulator import Fault


def test_a_request_has_a_token(google_credentials, google_emulator, google_service_account):
    headers = {}
    google_credentials.before_request(None, "GET", "https://storage.googleapis.com", headers)
    token = headers["authorization"].removeprefix("Bearer ")
    assert google_emulator.check_access_token(token).principal == google_service_account.email


def test_it_signs(google_credentials, google_emulator):
    signature = google_credentials.sign_bytes(b"message")
    assert google_emulator.check_signature(google_credentials.signer_email, b"message", signature)


def test_google_is_down(google_credentials, google_emulator):
    google_emulator.fail("/v1/token", Fault(status=400))
    with pytest.raises(FederationError):
        google_credentials.refresh(None)


def test_nothing_of_another_test_is_left(google_credentials, google_emulator):
    google_credentials.refresh(None)
    assert google_emulator.count("/v1/token") == 1
"""


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AWS_PROFILE", "somebody"),
        ("AWS_DEFAULT_PROFILE", "somebody"),
        ("AWS_SECURITY_TOKEN", "of other keys"),
        ("AWS_CONFIG_FILE", "test_it.py"),
        ("AWS_SHARED_CREDENTIALS_FILE", "test_it.py"),
        ("HTTP_PROXY", "http://127.0.0.1:1"),
        ("http_proxy", "http://127.0.0.1:1"),
    ],
)
def test_fixtures_serve_a_project_that_names_them_in_its_conftest_whatever_is_in_the_environment(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    pytester.makeconftest('pytest_plugins = ["google_auth_botocore.pytest_plugin"]')
    pytester.makepyfile(test_it=TESTS)
    pytester.runpytest("-p", "no:cacheprovider").assert_outcomes(passed=4)
