"""The pytest fixtures, as used in another project."""

from __future__ import annotations

import sys
from importlib.metadata import entry_points

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


# Three applications and their tests. The applications have no code for the emulator.
REPORTS = """
import requests
from google.auth.transport.requests import AuthorizedSession
from google_auth_botocore import Credentials

AUDIENCE = "//iam.googleapis.com/projects/4711/locations/global/workloadIdentityPools/workers/providers/aws-eu"
SERVICE_ACCOUNT = "reports@acme-prod.iam.gserviceaccount.com"
session = AuthorizedSession(Credentials(AUDIENCE, SERVICE_ACCOUNT))


def publish(name, content):
    url = "https://storage.googleapis.com/upload/storage/v1/b/reports/o"
    reply = session.post(url, params={"uploadType": "media", "name": name}, data=content)
    reply.raise_for_status()
    return reply.json()


def is_public(name):
    return requests.get(f"https://storage.googleapis.com/reports/{name}").ok
"""
TEST_REPORTS = """
import pytest
import reports


@pytest.fixture(scope="session")
def google_cloud_settings():
    return {"audience": reports.AUDIENCE, "service_account_email": reports.SERVICE_ACCOUNT, "buckets": ["reports"]}


@pytest.mark.parametrize("name", ["first", "second"])
def test_publish(google_cloud, name):
    assert reports.publish(name, b"content")["size"] == "7"
    assert google_cloud.storage.principals[-1] == reports.SERVICE_ACCOUNT
    assert not reports.is_public(name)
"""
SHARING = """
import datetime
from google.cloud import storage
from google_auth_botocore import default


def share(name, content):
    credentials, project = default()
    blob = storage.Client(project=project, credentials=credentials).bucket("shared").blob(name)
    blob.upload_from_string(content)
    return blob.generate_signed_url(version="v4", expiration=datetime.timedelta(hours=1))


def fetch(name):
    return storage.Client().bucket("shared").blob(name).download_as_bytes()
"""
TEST_SHARING = """
import os

import pytest
import requests
import sharing

URLS = []


@pytest.fixture(scope="module", autouse=True)
def _bucket(google_cloud_module):
    google_cloud_module.storage.create_bucket("shared")


def test_share():
    URLS.append(sharing.share("a b", b"content"))
    assert requests.get(URLS[0]).content == b"content"


def test_objects_and_urls_are_valid_for_the_module():
    assert sharing.fetch("a b") == requests.get(URLS[0]).content == b"content"


def test_innermost(google_cloud, google_cloud_module):
    outer, inner = google_cloud_module.configuration_file, google_cloud.configuration_file
    assert os.environ["GOOGLE_APPLICATION_CREDENTIALS"] == str(inner) != str(outer)
    assert requests.get(URLS[0]).status_code in (403, 404)
"""
CALLER = """
from google.auth.transport.requests import AuthorizedSession, Request
from google.oauth2 import id_token
from google_auth_botocore import Credentials, IDTokenCredentials, default

AUDIENCE = "https://orders.run.app"
credentials = None


def call():
    global credentials
    credentials = credentials or IDTokenCredentials(default()[0], AUDIENCE, include_email=True)
    return AuthorizedSession(credentials).get(AUDIENCE)


def authenticate(authorization):
    return id_token.verify_oauth2_token(authorization.removeprefix("Bearer "), Request(), AUDIENCE)["email"]
"""
TEST_CALLER = """
import caller
import pytest
import responses
from google.cloud import bigquery
from google_auth_botocore.emulator import NotEmulatedError


@pytest.fixture
def orders():
    with responses.RequestsMock() as mocked:
        for service in ("www", "sts", "iamcredentials"):
            mocked.add_passthru(f"https://{service}.googleapis.com")
        mocked.get(caller.AUDIENCE)
        yield mocked


# The application keeps its credentials, so both tests must use the same emulator.
@pytest.mark.parametrize("time", [1, 2])
def test_call(google_cloud_session, orders, time):
    assert caller.call().ok
    account = google_cloud_session.service_account
    sent = [call.request for call in orders.calls if call.request.url.startswith(caller.AUDIENCE)]
    assert caller.authenticate(sent[0].headers["Authorization"]) == account.email
    assert google_cloud_session.emulator.count(":generateIdToken") == 1


def test_bigquery(google_cloud):
    with pytest.raises(NotEmulatedError, match="bigquery.googleapis.com"):
        bigquery.Client(credentials=caller.default()[0]).query("SELECT 1")
"""
APPLICATIONS = {
    "reports": (REPORTS, TEST_REPORTS, 2),
    "sharing": (SHARING, TEST_SHARING, 3),
    "caller": (CALLER, TEST_CALLER, 3),
}
PLUGIN = ("-p", "google_auth_botocore.pytest_plugin")


@pytest.mark.parametrize("name", APPLICATIONS)
def test_an_unmodified_application_is_tested(pytester: pytest.Pytester, name: str) -> None:
    pytest.importorskip("google_auth_botocore.emulator.storage")  # not in the dependency group `core`
    application, tests, count = APPLICATIONS[name]
    pytester.makepyfile(**{name: application, f"test_{name}": tests})
    pytester.syspathinsert()
    pytester.runpytest("-p", "no:cacheprovider", *PLUGIN).assert_outcomes(passed=count)


UNRELATED = """
import sys


def test_unrelated():
    assert "google_auth_botocore.pytest_plugin" in sys.modules
    assert not {"botocore", "requests", "google_auth_botocore.emulator"} & set(sys.modules)
"""


def test_pytest_loads_the_plugin_by_itself(pytester: pytest.Pytester) -> None:
    """Also below the root, where pytest rejects `pytest_plugins`. It loads no more than the package itself."""
    [found] = [each for each in entry_points(group="pytest11") if each.value == "google_auth_botocore.pytest_plugin"]
    assert found.name == found.value  # otherwise pytest rejects the same plugin in `pytest_plugins`
    for package in ("billing", "orders"):
        (pytester.mkdir(package) / f"test_{package}.py").write_text(UNRELATED, encoding="utf-8")
    # The options disable the plugins of other libraries, which import requests.
    others = {each.name for each in entry_points(group="pytest11")} - {found.name}
    options = [option for name in sorted(others) for option in ("-p", f"no:{name}")]
    done = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-Werror", *options, timeout=60)
    done.assert_outcomes(passed=2)


@pytest.mark.parametrize(
    ("before", "arguments"),
    [
        ("import google_auth_botocore", []),
        ("import os; os.environ['PYTEST_DISABLE_PLUGIN_AUTOLOAD'] = '1'", [*PLUGIN]),
        ("pass", [*PLUGIN]),
    ],
    ids=["imported by sitecustomize", "-p without autoload", "-p"],
)
@pytest.mark.slow
def test_the_plugin_causes_no_warning(pytester: pytest.Pytester, before: str, arguments: list[str]) -> None:
    pytester.makepyfile(test_it="def test_it(google_provider): pass")
    program = f"{before}; import pytest; raise SystemExit(pytest.main({['-Werror', *arguments]}))"
    done = pytester.run(sys.executable, "-c", program, timeout=60)
    done.assert_outcomes(passed=1)


@pytest.mark.slow
def test_without_the_extra_only_the_fixtures_fail(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_it="def test_it(): pass\ndef test_emulator(google_cloud): pass\n")
    program = (
        "import importlib.util, pytest; find = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name, *more: None if name == 'celpy' else find(name, *more)\n"
        f"raise SystemExit(pytest.main({['-p', 'no:cacheprovider', *PLUGIN]}))"
    )
    done = pytester.run(sys.executable, "-c", program, timeout=60)
    done.assert_outcomes(passed=1, errors=1)
    done.stdout.fnmatch_lines(["*pip install 'google-auth-botocore[[]emulator]'*"])


WITHOUT_STORAGE = r"""
import pytest
import requests
from google_auth_botocore import default


def test_token(google_cloud):
    assert default()[0].get_token().value
    for use in (lambda: google_cloud.storage, lambda: requests.get("https://storage.googleapis.com")):
        with pytest.raises(RuntimeError, match=r"pip install 'google-auth-botocore\[sandbox\]'"):
            use()
"""


@pytest.mark.slow
def test_without_the_extra_for_cloud_storage_the_rest_works(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_it=WITHOUT_STORAGE)
    program = (
        "import sys, pytest; sys.modules['google_auth_botocore.emulator.storage'] = None\n"
        f"raise SystemExit(pytest.main({['-p', 'no:cacheprovider', *PLUGIN]}))"
    )
    pytester.run(sys.executable, "-c", program, timeout=60).assert_outcomes(passed=1)


@pytest.mark.slow
def test_each_worker_of_xdist_has_its_own_emulator(pytester: pytest.Pytester) -> None:
    pytest.importorskip("google_auth_botocore.emulator.storage")  # not in the dependency group `core`
    for name, (application, tests, _) in APPLICATIONS.items():
        pytester.makepyfile(**{name: application, f"test_{name}": tests})
    done = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-n2", "--dist=loadfile", *PLUGIN, timeout=120)
    done.assert_outcomes(passed=8)


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
