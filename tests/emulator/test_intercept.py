"""Applications without any code for the emulator: their requests to Google's own URLs go to it."""

from __future__ import annotations

import asyncio
import datetime as dt
import http.client
import os
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from concurrent import futures
from typing import Any

import google.auth
import grpc
import httplib2
import httpx
import pytest
import requests
import responses
import urllib3
from google.auth import impersonated_credentials
from google.auth.transport.requests import AuthorizedSession, Request
from google.auth.transport.urllib3 import AuthorizedHttp
from google.cloud import bigquery, secretmanager, storage
from google.oauth2 import id_token
from google_auth_httplib2 import Request as Httplib2Request
from moto import mock_aws
from urllib3.connectionpool import HTTPConnectionPool
from variations import few

import google_auth_botocore
from google_auth_botocore import Credentials, IDTokenCredentials
from google_auth_botocore.emulator import Emulator, Fault, GoogleCloud, NotEmulatedError
from google_auth_botocore.emulator._intercept import redirected
from google_auth_botocore.emulator.sandbox import Sandbox

# The application's constants.
AUDIENCE = "//iam.googleapis.com/projects/4711/locations/global/workloadIdentityPools/workers/providers/aws-eu"
SERVICE_ACCOUNT = "backup@acme-prod.iam.gserviceaccount.com"
KEYS = "https://www.googleapis.com/oauth2/v3/certs"
SCOPES = ["https://www.googleapis.com/auth/cloud-platform"]


@pytest.fixture(name="cloud")
def _cloud() -> Iterator[GoogleCloud]:
    with GoogleCloud(audience=AUDIENCE, service_account_email=SERVICE_ACCOUNT, buckets=["backups"]) as cloud:
        yield cloud


def key_id(session: Any = requests) -> str:
    """Return the ID of the key that Google publishes, which is different for each emulator."""
    return str(session.get(KEYS).json()["keys"][0]["kid"])


def principal(cloud: GoogleCloud, token: str | None) -> str:
    found = cloud.emulator.check_access_token(token or "")
    assert found is not None
    return found.principal


@pytest.mark.parametrize(
    "load",
    [
        lambda: Credentials(AUDIENCE, SERVICE_ACCOUNT),
        lambda: google_auth_botocore.default()[0],
        lambda: google.auth.default(scopes=SCOPES)[0],
    ],
    ids=["Credentials", "default", "google.auth.default"],
)
def test_credentials_with_googles_urls_get_a_token_of_the_emulator(cloud: GoogleCloud, load: Callable[[], Any]) -> None:
    credentials = load()
    credentials.refresh(Request())
    assert principal(cloud, credentials.token) == SERVICE_ACCOUNT
    assert [call.headers["host"] for call in cloud.emulator.calls] == [
        "sts.googleapis.com",
        "iamcredentials.googleapis.com",
    ]


def test_both_kinds_of_default_find_the_project(cloud: GoogleCloud) -> None:
    assert google_auth_botocore.default()[1] == google.auth.default()[1] == "acme-prod"


def test_an_application_without_a_service_account_gets_a_federated_token() -> None:
    with GoogleCloud(
        audience=AUDIENCE, service_account_email=None, aws_arn="arn:aws:iam::111122223333:user/a"
    ) as cloud:
        credentials, project = google_auth_botocore.default()
        credentials.refresh(Request())
        assert principal(cloud, credentials.token).endswith("/subject/arn:aws:iam::111122223333:user/a")
        assert project == "my-project"


def test_another_audience_than_that_of_the_settings_is_rejected(cloud: GoogleCloud) -> None:
    with pytest.raises(google_auth_botocore.FederationError, match="invalid_target"):
        Credentials(AUDIENCE.replace("aws-eu", "aws-us")).refresh(Request())


def test_clients_of_googles_libraries_use_the_emulator(cloud: GoogleCloud) -> None:
    other = cloud.emulator.add_service_account("other@acme-prod.iam.gserviceaccount.com")
    cloud.emulator.grant(other.email, "roles/iam.serviceAccountTokenCreator", f"serviceAccount:{SERVICE_ACCOUNT}")
    source = Credentials(AUDIENCE, SERVICE_ACCOUNT)
    impersonated = impersonated_credentials.Credentials(source, other.email, SCOPES)
    impersonated.refresh(Request())
    assert principal(cloud, impersonated.token) == other.email
    project = "https://cloudresourcemanager.googleapis.com/v1/projects/acme-prod"
    assert AuthorizedSession(source).get(project).status_code == 403
    assert AuthorizedHttp(source).request("GET", project).status == 403
    Credentials(AUDIENCE, SERVICE_ACCOUNT).refresh(Httplib2Request(httplib2.Http()))


def test_an_id_token_is_verified_with_googles_public_keys(cloud: GoogleCloud) -> None:
    credentials = IDTokenCredentials(
        Credentials(AUDIENCE, SERVICE_ACCOUNT), "https://service.run.app", include_email=True
    )
    credentials.refresh(Request())
    assert (
        id_token.verify_oauth2_token(credentials.token, Request(), "https://service.run.app")["email"]
        == SERVICE_ACCOUNT
    )


def test_storage_client_uploads_downloads_and_signs(cloud: GoogleCloud) -> None:
    credentials, project = google_auth_botocore.default()
    blob = (
        storage.Client(project=project, credentials=credentials)
        .bucket("backups")
        .blob("a folder/ä", chunk_size=1 << 18)
    )
    blob.upload_from_string(b"x" * 600_000)  # in three requests
    assert blob.download_as_bytes() == b"x" * 600_000
    found = cloud.storage.resource("backups", "a folder/ä")
    assert found is not None
    assert int(found["size"]) == 600_000
    url = blob.generate_signed_url(version="v4", expiration=dt.timedelta(minutes=5))
    assert url.startswith("https://storage.googleapis.com/backups/")
    assert requests.get(url).content == urllib3.PoolManager().request("GET", url).data == b"x" * 600_000
    assert requests.get(url.replace("X-Goog-Expires=300", "X-Goog-Expires=301")).status_code == 403
    assert set(cloud.storage.principals) == {SERVICE_ACCOUNT, None}


def test_storage_client_of_an_application_that_passes_no_credentials(cloud: GoogleCloud) -> None:
    blob = storage.Client().bucket("backups").blob("name")
    blob.upload_from_string(b"content")
    assert blob.download_as_bytes() == b"content"


@pytest.mark.parametrize(
    "url",
    [
        "https://sts.googleapis.com/v1/introspect",
        "https://STS.googleapis.com/v1/introspect",
        "https://sts.googleapis.com.:443/v1/introspect",
        "https://sts.mtls.googleapis.com/v1/introspect",
        "https://sts.europe-west3.rep.googleapis.com/v1/introspect",
        "https://sts-endpoint1.p.googleapis.com/v1/introspect",
        "http://sts.googleapis.com/v1/introspect",
    ],
)
def test_every_form_of_a_host_is_redirected_and_stays_in_the_request(google: Emulator, url: str) -> None:
    with google.intercept():
        reply = requests.post(url, timeout=30)
    assert reply.url == requests.Request("POST", url).prepare().url
    call = google.calls[-1]
    assert (call.path, call.status) == ("/v1/introspect", reply.status_code)
    assert call.headers["host"] == url.split("/")[2].lower().removesuffix(".:443")


def test_a_host_header_of_the_application_is_kept(google: Emulator) -> None:
    with google.intercept():
        requests.get(KEYS, headers={"hOst": "other.example"}, timeout=30)
    assert google.calls[-1].headers["host"] == "other.example"


@pytest.mark.parametrize(
    "url",
    [
        "https://bigquery.googleapis.com/bigquery/v2/projects",
        "https://www.googleapis.com/drive/v3/files",
        "https://www.googleapis.com/storage/v1/b",
        "https://storage.googleapis.com/bucket/name",
        "https://bucket.storage.googleapis.com/name",
        "https://europe-west3-aiplatform.googleapis.com/v1",
        "https://sts.googleapis.com:8443/v1/token",
        "https://accounts.google.com/o/oauth2/token",
    ],
)
def test_other_hosts_of_google_are_an_error_that_names_them(google: Emulator, url: str) -> None:
    with google.intercept(), pytest.raises(NotEmulatedError) as caught:
        requests.get(url, timeout=30)
    assert url.split("/")[2].partition(":")[0] in str(caught.value)
    assert not isinstance(caught.value, OSError)
    assert google.calls == []
    assert ("Sandbox" in str(caught.value)) == ("storage" in url)


@pytest.mark.parametrize(
    "host",
    [
        "www.googleapis.com",
        "storage.mtls.googleapis.com",
        "storage.europe-west3.rep.googleapis.com",
        "storage-a.p.googleapis.com",
    ],
)
def test_every_endpoint_of_cloud_storage_is_redirected(cloud: GoogleCloud, host: str) -> None:
    session = AuthorizedSession(Credentials(AUDIENCE, SERVICE_ACCOUNT))
    assert session.get(f"https://{host}/storage/v1/b/backups", timeout=30).json()["name"] == "backups"
    assert requests.get("https://backups.storage.googleapis.com/name", timeout=30).status_code in {401, 403, 404}
    assert cloud.storage.principals == [SERVICE_ACCOUNT, None]


def test_bigquery_is_rejected_without_retries(cloud: GoogleCloud) -> None:
    credentials, project = google_auth_botocore.default()
    client = bigquery.Client(project=project, credentials=credentials)
    with pytest.raises(NotEmulatedError, match=r"bigquery\.googleapis\.com/bigquery/v2/projects/acme-prod/jobs"):
        client.query("SELECT 1")


@pytest.mark.parametrize(
    "send",
    [
        httpx.get,
        urllib.request.urlopen,
        lambda url: http.client.HTTPSConnection(url.split("/")[2]).request("GET", "/"),
        lambda url: socket.create_connection((url.split("/")[2].encode(), 443)),
    ],
    ids=["httpx", "urllib.request", "http.client", "socket"],
)
def test_other_clients_are_an_error_that_says_why(google: Emulator, send: Callable[[str], Any]) -> None:
    with google.intercept(), pytest.raises(NotEmulatedError, match="redirects requests, urllib3"):
        send(KEYS)


def test_grpc_is_an_error_when_a_method_is_called(cloud: GoogleCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    credentials, _ = google_auth_botocore.default()
    client = secretmanager.SecretManagerServiceClient(credentials=credentials)
    with pytest.raises(NotEmulatedError, match=r"real secretmanager\.googleapis\.com"):
        client.access_secret_version(name="projects/p/secrets/s/versions/1")
    with pytest.raises(NotEmulatedError, match="secretmanager"):
        list(client.list_secrets(parent="projects/p"))
    monkeypatch.setattr(client, "access_secret_version", lambda name: name)
    assert client.access_secret_version(name="mocked") == "mocked"


LATE_IMPORT = """
import sys
from google_auth_botocore.emulator import Emulator, NotEmulatedError

assert "grpc" not in sys.modules
finders = list(sys.meta_path)
with Emulator().intercept():
    import grpc

    original = grpc.secure_channel.__wrapped__
    channel = grpc.secure_channel("pubsub.googleapis.com:443", grpc.ssl_channel_credentials())
    try:
        channel.unary_unary("/google.pubsub.v1.Publisher/GetTopic")(b"", timeout=30)
    except NotEmulatedError:
        print("rejected")
assert grpc.secure_channel is original
assert sys.meta_path == finders
"""


def test_grpc_that_is_imported_inside_a_block_is_an_error_when_a_method_is_called() -> None:
    done = subprocess.run([sys.executable, "-c", LATE_IMPORT], capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == ("rejected\n", "")


def test_asynchronous_grpc_is_an_error_when_a_method_is_called(cloud: GoogleCloud) -> None:
    credentials, _ = google_auth_botocore.default()

    async def call() -> None:
        client = secretmanager.SecretManagerServiceAsyncClient(credentials=credentials)
        await client.access_secret_version(name="projects/p/secrets/s/versions/1")

    with pytest.raises(NotEmulatedError, match="secretmanager"):
        asyncio.run(call())


def test_other_targets_of_grpc_are_unchanged(google: Emulator) -> None:
    def answer(request: bytes, _: Any) -> bytes:
        return request * 2

    with futures.ThreadPoolExecutor(1) as pool, google.intercept():
        server = grpc.server(pool)
        handler = grpc.unary_unary_rpc_method_handler(answer)
        server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("test", {"Double": handler})])
        port = server.add_secure_port("127.0.0.1:0", grpc.local_server_credentials())
        server.start()
        with grpc.secure_channel(f"127.0.0.1:{port}", grpc.local_channel_credentials()) as channel:
            assert channel.unary_unary("/test/Double")(b"ab", timeout=30) == b"abab"
        server.stop(None).wait(30)


def test_other_hosts_are_unchanged() -> None:
    with Emulator() as other, Emulator().intercept() as google:
        assert requests.get(other.jwks_url, timeout=30).status_code == 200
        assert google.calls == []


def test_it_applies_to_sessions_and_threads_that_exist_already(google: Emulator) -> None:
    started = threading.Event()
    results: list[int] = []

    def work(session: requests.Session) -> None:
        started.wait(30)
        results.append(session.get(KEYS, timeout=30).status_code)

    threads = [threading.Thread(target=work, args=(requests.Session(),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    with google.intercept():
        started.set()
        for thread in threads:
            thread.join(30)
    assert results == [200] * 4


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_is_not_used(google: Emulator, monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    monkeypatch.setenv(f"{scheme}_proxy", "http://127.0.0.1:1")
    with google.intercept():
        assert requests.get(KEYS.replace("https", scheme), timeout=30).status_code == 200


def test_timeouts_and_retries_of_a_pool_apply(google: Emulator) -> None:
    google.fail("/oauth2", Fault(delay=30, times=2))
    pool = urllib3.HTTPSConnectionPool("www.googleapis.com", timeout=0.1, retries=urllib3.Retry(1))
    with google.intercept(), pytest.raises(urllib3.exceptions.MaxRetryError):
        pool.request("GET", "/oauth2/v3/certs")
    assert google.count("/oauth2") == 2


def test_the_innermost_block_applies_and_the_others_again_after_it() -> None:
    session = requests.Session()
    client = httplib2.Http()

    def seen() -> set[str]:
        return {key_id(session), client.request(KEYS)[1].decode().split('"kid": "')[1].split('"')[0]}

    with Emulator().intercept() as outer:
        first = seen()
        assert len(first) == 1
        with Emulator().intercept():
            assert seen().isdisjoint(first)
            with outer.intercept():
                assert seen() == first
            assert seen().isdisjoint(first)
        with pytest.raises(ZeroDivisionError), Emulator().intercept():
            raise ZeroDivisionError
        assert seen() == first


def test_nothing_is_redirected_after_the_block() -> None:
    """Also not over a connection that a client has kept."""
    attributes = [
        (HTTPConnectionPool, "urlopen"),
        (socket, "getaddrinfo"),
        (httplib2.HTTPSConnectionWithTimeout, "connect"),
    ]
    before = [getattr(owner, name) for owner, name in attributes]
    session, client = requests.Session(), httplib2.Http()
    with Emulator() as google:
        with google.intercept():
            session.get(KEYS, timeout=30)
            client.request(KEYS)
        assert [getattr(owner, name) for owner, name in attributes] == before
        count = len(google.calls)

        def unreachable(*_: Any, **__: Any) -> Any:
            raise socket.gaierror("unreachable")

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(socket, "getaddrinfo", unreachable)
            with pytest.raises(requests.ConnectionError):
                session.get(KEYS, timeout=30)
            with pytest.raises(httplib2.ServerNotFoundError):
                client.request(KEYS)
        assert len(google.calls) == count


def test_a_patch_of_other_code_that_ends_later_leaves_no_redirection(monkeypatch: pytest.MonkeyPatch) -> None:
    """For example a tracer that wraps urllib3."""
    original = HTTPConnectionPool.urlopen
    with pytest.MonkeyPatch.context() as patch, Emulator() as google:
        with google.intercept():
            inner = HTTPConnectionPool.urlopen

            def traced(*arguments: Any, **options: Any) -> Any:
                return inner(*arguments, **options)

            patch.setattr(HTTPConnectionPool, "urlopen", traced)
            assert requests.get(KEYS, timeout=30).status_code == 200
        count = len(google.calls)
        assert requests.get(google.jwks_url, timeout=30).status_code == 200
        patch.setattr(socket, "getaddrinfo", lambda *_, **__: pytest.fail("unexpected"))
        with pytest.raises(BaseException, match="unexpected"):
            requests.get(KEYS, timeout=30)
        assert len(google.calls) == count + 1
    monkeypatch.setattr(HTTPConnectionPool, "urlopen", original)


def test_it_starts_the_emulator_once_and_stops_it_after_the_last_block() -> None:
    emulator = Emulator()
    failures: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(10):
                with emulator.intercept():
                    assert requests.get(KEYS, timeout=30).status_code == 200
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    with pytest.raises(RuntimeError, match="not running"):
        _ = emulator.url


def test_an_emulator_that_was_running_continues(google: Emulator) -> None:
    with google.intercept():
        pass
    assert requests.get(google.jwks_url, timeout=30).status_code == 200


def test_an_emulator_with_tls_is_rejected() -> None:
    with pytest.raises(ValueError, match="without TLS"), redirected({"sts": "https://127.0.0.1:1"}):
        pass


def test_it_is_a_decorator() -> None:
    @Emulator().intercept()
    def load() -> int:
        return requests.get(KEYS, timeout=30).status_code

    assert load() == load() == 200


FORKS = """
import multiprocessing
import requests
from google_auth_botocore.emulator import Emulator

def key(_=None):
    return requests.get("https://www.googleapis.com/oauth2/v3/certs", timeout=30).text

with Emulator().intercept():
    expected = key()
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.map_async(key, range(4)).get(timeout=60) == [expected] * 4
    assert key() == expected
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="requires fork")
def test_forked_processes_use_their_own_connections() -> None:
    """This runs in its own process, because gRPC's threads, which other tests have started, may block a forked one."""
    done = subprocess.run([sys.executable, "-c", FORKS], check=False, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")


def test_mocks_of_requests_answer_first(google: Emulator) -> None:
    with google.intercept(), responses.RequestsMock(assert_all_requests_are_fired=False) as mocked:
        mocked.get("https://bigquery.googleapis.com/x", json={"mocked": True})
        mocked.add_passthru("https://www.googleapis.com")
        assert requests.get("https://bigquery.googleapis.com/x", timeout=30).json() == {"mocked": True}
        assert requests.get(KEYS, timeout=30).status_code == 200
        with pytest.raises(requests.ConnectionError, match="Connection refused by Responses"):
            requests.get("https://sts.googleapis.com", timeout=30)


@pytest.mark.parametrize("first", ["moto", "google"])
def test_moto_may_start_before_or_after(first: str) -> None:
    blocks: list[Any] = [mock_aws(), GoogleCloud(audience=AUDIENCE, service_account_email=SERVICE_ACCOUNT)]
    outer, inner = blocks if first == "moto" else reversed(blocks)
    with outer, inner:
        token = google_auth_botocore.default()[0]
        token.refresh(Request())
        assert principal(blocks[1], token.token) == SERVICE_ACCOUNT


def test_the_environment_is_restored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "mine")
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://127.0.0.1:1")
    before = dict(os.environ)
    with GoogleCloud() as cloud:
        assert {"AWS_PROFILE", "STORAGE_EMULATOR_HOST"}.isdisjoint(os.environ)
        os.environ["SET_BY_THE_TEST"] = "kept"
    assert dict(os.environ) == {**before, "SET_BY_THE_TEST": "kept"}
    monkeypatch.delenv("SET_BY_THE_TEST")
    assert not cloud.configuration_file.exists()


def test_credentials_that_exist_already_get_a_new_token_from_the_next_emulator() -> None:
    """Such as credentials that an application creates when it is imported."""
    session = AuthorizedSession(Credentials(AUDIENCE, SERVICE_ACCOUNT))
    for _ in range(2):
        with GoogleCloud(audience=AUDIENCE, service_account_email=SERVICE_ACCOUNT, buckets=["backups"]) as cloud:
            assert session.get("https://storage.googleapis.com/storage/v1/b/backups").status_code == 200
            assert cloud.storage.principals[-1] == SERVICE_ACCOUNT


FROZEN = """
import datetime as dt
import sys
import google.auth
import google_auth_botocore
from freezegun import freeze_time
from google.auth import impersonated_credentials
from google.auth.transport.requests import Request
from google_auth_botocore.emulator.google_cloud import GoogleCloud

SCOPES = ["https://www.googleapis.com/auth/cloud-platform"]
start = sys.argv[1]
with GoogleCloud() as cloud:
    def principal(token):
        return cloud.emulator.check_access_token(token).principal

    with freeze_time(start) as clock:
        credentials = google_auth_botocore.default()[0]
        first = credentials.get_token()
        other, _ = google.auth.default(scopes=SCOPES)
        other.refresh(Request())
        assert principal(first.value) == principal(other.token)
        assert first.expiry - dt.datetime.fromisoformat(f"{start}T00:00:00+00:00") == dt.timedelta(hours=1)
        clock.tick(7200)
        assert cloud.emulator.check_access_token(first.value) is None
        assert principal(credentials.get_token().value) == "app@my-project.iam.gserviceaccount.com"
        credentials.sign_bytes(b"message")
    # A key that is created after the block.
    other_account = cloud.emulator.add_service_account("other@my-project.iam.gserviceaccount.com")
    cloud.emulator.grant(other_account.email, "roles/iam.serviceAccountTokenCreator", cloud.service_account.member)
    source, _ = google_auth_botocore.default()
    assert impersonated_credentials.Credentials(source, other_account.email, SCOPES).sign_bytes(b"message")
"""


@pytest.mark.parametrize("start", few(["2031-12-31", "2020-02-29"]))
def test_the_emulator_and_the_credentials_follow_the_clock_of_freezegun(start: str) -> None:
    """This runs in its own process, because modules that are imported while the time is frozen keep freezegun's clock."""
    done = subprocess.run(
        [sys.executable, "-c", FROZEN, start], check=False, capture_output=True, text=True, timeout=120
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p"}, "audience"),
        ({"service_account_email": "someone@example.com"}, "service account"),
        ({"aws_arn": "arn:aws:iam::123456789012:role/app"}, "is a role"),
    ],
)
def test_invalid_settings_are_rejected(arguments: dict[str, Any], message: str) -> None:
    before = dict(os.environ)
    with pytest.raises(ValueError, match=message), GoogleCloud(**arguments):
        pass
    assert dict(os.environ) == before


@pytest.mark.slow
def test_a_sandbox_is_an_instance_with_a_role_and_cloud_storage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_EC2_METADATA_DISABLED")
    with Sandbox().intercept() as sandbox:
        sandbox.storage.create_bucket("backups")
        credentials = Credentials(sandbox.provider.audience, sandbox.service_account)
        blob = storage.Client(project="p", credentials=credentials).bucket("backups").blob("name")
        blob.upload_from_string(b"content")
        assert blob.download_as_bytes() == b"content"
        assert sandbox.storage.principals[-1] == sandbox.service_account
        [call] = [each for each in sandbox.google.calls if each.path == "/v1/token"]
        assert call.assertion is not None
        assert call.assertion["arn"] == sandbox.arn
