"""The pytest fixtures, as used in another project."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester"]

TESTS = """
import pytest
from google.auth.transport.requests import AuthorizedSession
from google_auth_botocore import FederationError
from google_auth_botocore.emulator import Fault


def test_request_gets_a_token(google_credentials, google_emulator, google_service_account):
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


def test_each_test_has_a_new_emulator(google_credentials, google_emulator):
    google_credentials.refresh(None)
    assert google_emulator.count("/v1/token") == 1
"""


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AWS_PROFILE", "someone"),
        ("AWS_DEFAULT_PROFILE", "someone"),
        ("AWS_SECURITY_TOKEN", "of other keys"),
        ("AWS_CONFIG_FILE", "test_it.py"),
        ("AWS_SHARED_CREDENTIALS_FILE", "test_it.py"),
        ("HTTP_PROXY", "http://127.0.0.1:1"),
        ("http_proxy", "http://127.0.0.1:1"),
    ],
)
def test_fixtures_work_in_another_project_with_any_environment(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    pytester.makeconftest('pytest_plugins = ["google_auth_botocore.pytest_plugin"]')
    pytester.makepyfile(test_it=TESTS)
    pytester.runpytest("-p", "no:cacheprovider").assert_outcomes(passed=4)


BESIDE_MOTO = """
import os

import boto3
import pytest
from moto import mock_aws

from google_auth_botocore import Credentials

ROLE = "arn:aws:iam::123456789012:role/app"


def check(credentials, emulator, account):
    '''Get a token from the emulator, and create a bucket in moto.'''
    token = credentials.get_token().value
    assert emulator.check_access_token(token).principal == account.email
    s3 = boto3.client("s3", region_name="us-east-1")
    s3.create_bucket(Bucket="bucket")
    assert [each["Name"] for each in s3.list_buckets()["Buckets"]] == ["bucket"]


def application_credentials(emulator, provider, account, **more):
    return Credentials(
        provider.audience, account.email, token_url=emulator.token_url,
        iam_credentials_endpoint=emulator.iam_credentials_endpoint, **more,
    )


@pytest.fixture
def mocked():
    with mock_aws():
        yield


@pytest.fixture(scope="module")
def mocked_for_the_module():
    with mock_aws():
        yield


@pytest.fixture
def testing_keys(monkeypatch):
    '''Set the keys that moto's documentation recommends.'''
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SECURITY_TOKEN", "SESSION_TOKEN"):
        monkeypatch.setenv(f"AWS_{name}", "testing")


@pytest.fixture(autouse=True)
def _environment_is_restored():
    '''Check that the AWS variables after each test are the same as before.'''
    before = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    yield
    assert {name: value for name, value in os.environ.items() if name.startswith("AWS_")} == before


@mock_aws
def test_decorator(google_credentials, google_emulator, google_service_account):
    check(google_credentials, google_emulator, google_service_account)


@mock_aws()
def test_decorator_with_parentheses(google_credentials, google_emulator, google_service_account):
    check(google_credentials, google_emulator, google_service_account)


def test_context_manager(google_credentials, google_emulator, google_service_account):
    with mock_aws():
        check(google_credentials, google_emulator, google_service_account)
    google_credentials.refresh(None)


def test_context_manager_after_a_token(google_credentials, google_emulator, google_service_account):
    google_credentials.refresh(None)
    with mock_aws():
        google_credentials.refresh(None)
        check(google_credentials, google_emulator, google_service_account)


def test_nested(google_credentials, google_emulator, google_service_account):
    with mock_aws(), mock_aws():
        check(google_credentials, google_emulator, google_service_account)


def test_fixture_before(mocked, google_credentials, google_emulator, google_service_account):
    check(google_credentials, google_emulator, google_service_account)


def test_fixture_after(google_credentials, mocked, google_emulator, google_service_account):
    check(google_credentials, google_emulator, google_service_account)


def test_fixture_between(google_emulator, mocked, google_credentials, google_service_account):
    check(google_credentials, google_emulator, google_service_account)


def test_fixture_before_and_monkeypatch_before_it(monkeypatch, mocked, google_credentials, google_emulator, google_service_account):
    check(google_credentials, google_emulator, google_service_account)


def test_documented_keys_first(testing_keys, mocked, google_credentials, google_emulator, google_service_account):
    check(google_credentials, google_emulator, google_service_account)


def test_documented_keys_last(google_credentials, mocked, testing_keys, google_emulator, google_service_account):
    check(google_credentials, google_emulator, google_service_account)


def test_documented_keys_then_mock(google_credentials, testing_keys, mocked, google_emulator, google_service_account):
    check(google_credentials, google_emulator, google_service_account)


@mock_aws
class TestClass:
    def test_decorated_class(self, google_credentials, google_emulator, google_service_account):
        check(google_credentials, google_emulator, google_service_account)

    def test_credentials_created_by_the_application(
        self, aws_keys, google_emulator, google_provider, google_service_account
    ):
        credentials = application_credentials(google_emulator, google_provider, google_service_account)
        check(credentials, google_emulator, google_service_account)


@mock_aws
def test_assumed_role(aws_keys, google_emulator, google_provider, google_service_account):
    credentials = application_credentials(google_emulator, google_provider, google_service_account, assume_role=ROLE)
    check(credentials, google_emulator, google_service_account)


@mock_aws(config={"core": {"mock_credentials": False}})
def test_mock_without_fake_keys(google_credentials, google_emulator, google_service_account):
    check(google_credentials, google_emulator, google_service_account)


@mock_aws
def test_it_signs(google_credentials, google_emulator):
    signature = google_credentials.sign_bytes(b"message")
    assert google_emulator.check_signature(google_credentials.signer_email, b"message", signature)


@mock_aws
def test_other_keys_are_still_rejected(google_credentials, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    with pytest.raises(Exception, match="InvalidClientTokenId"):
        google_credentials.refresh(None)


def test_module_fixture(mocked_for_the_module, google_credentials, google_emulator, google_service_account):
    check(google_credentials, google_emulator, google_service_account)


@mock_aws
def test_module_fixture_and_decorator(mocked_for_the_module, google_credentials, google_emulator, google_service_account):
    google_credentials.refresh(None)


def test_without_mock(google_credentials, aws_keys):
    assert os.environ["AWS_ACCESS_KEY_ID"] == aws_keys.access_key_id != "FOOBARKEY"
    google_credentials.refresh(None)
"""


@pytest.mark.slow
def test_fixtures_can_be_combined_with_mock_aws_in_any_order(pytester: pytest.Pytester) -> None:
    """This runs in its own process, because moto's state is global."""
    pytester.makeconftest('pytest_plugins = ["google_auth_botocore.pytest_plugin"]')
    pytester.makepyfile(test_it=BESIDE_MOTO)
    done = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-p", "no:xdist", timeout=300)
    done.assert_outcomes(passed=BESIDE_MOTO.count("def test_"))
