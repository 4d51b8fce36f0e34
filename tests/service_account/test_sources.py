"""google-auth's downscoped and impersonated credentials accept ours as their source."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

import pytest
import requests
import seams
from core.stand_in import FakeClock
from emulator.workload import CLOUD_PLATFORM, ROLE_ARN, Workload
from google.auth import downscoped, iam, impersonated_credentials
from google.auth import exceptions as google_exceptions
from google.auth.credentials import AnonymousCredentials
from google.auth.transport import requests as google_requests
from google.cloud.storage import Client
from google.oauth2 import credentials as oauth2_credentials
from google.oauth2 import id_token

from google_auth_botocore import Credentials, FederationError, TransientFederationError
from google_auth_botocore.emulator import Emulator, Fault, TokenInfo
from google_auth_botocore.emulator.storage import Storage
from service_account.addresses import _google_hosts  # noqa: F401 - a fixture
from service_account.conftest import CREATOR, Make

TARGET = "target@my-project.iam.gserviceaccount.com"
ANN = "ann@example.com"
DRIVE = "https://www.googleapis.com/auth/drive.readonly"
IAM = "https://www.googleapis.com/auth/iam"
STS_HOST, IAM_HOST = "sts.googleapis.com", "iamcredentials.googleapis.com"

BOUNDARY = downscoped.CredentialAccessBoundary(
    rules=[
        downscoped.AccessBoundaryRule(
            available_resource="//storage.googleapis.com/projects/_/buckets/public",
            available_permissions=["inRole:roles/storage.objectViewer"],
        )
    ]
)

pytestmark = pytest.mark.usefixtures("google_hosts")


@pytest.fixture(name="request_")
def _request() -> Iterator[google_requests.Request]:
    with requests.Session() as session:
        yield google_requests.Request(session)


@pytest.fixture(name="direct")
def _direct(make: Make) -> Credentials:
    """Credentials without a service account and without an endpoint, so they call Google's addresses."""
    return make(service_account_email=None, token_url=None, iam_credentials_endpoint=None, oauth_token_url=None)


@pytest.fixture(name="impersonating")
def _impersonating(make: Make) -> Credentials:
    return make(token_url=None, iam_credentials_endpoint=None, oauth_token_url=None)


@pytest.fixture(name="source", params=["direct", "impersonating"])
def _source(request: pytest.FixtureRequest) -> Credentials:
    source = request.getfixturevalue(request.param)
    assert isinstance(source, Credentials)
    return source


@pytest.fixture(name="own")
def _own(workload: Workload, source: Credentials) -> str:
    """The principal of the source."""
    return source.service_account_email or workload.provider.principal(f"{ROLE_ARN}/i-0abc")


def behind(google: Emulator, token: object) -> TokenInfo:
    info = google.check_access_token(str(token))
    assert info is not None
    return info


class TestDownscoped:
    def test_a_downscoped_token_has_the_principal_and_the_expiry_of_the_source(
        self, google: Emulator, source: Credentials, own: str, request_: google_requests.Request
    ) -> None:
        credentials = downscoped.Credentials(source, BOUNDARY)

        credentials.refresh(request_)

        assert behind(google, credentials.token).principal == own
        assert credentials.token != source.token
        assert (credentials.expiry, credentials.valid) == (source.expiry, True)

    def test_it_sends_the_token_and_the_boundary_to_google(
        self, google: Emulator, google_hosts: list[str], impersonating: Credentials, request_: google_requests.Request
    ) -> None:
        downscoped.Credentials(impersonating, BOUNDARY).refresh(request_)

        assert google_hosts == [STS_HOST, IAM_HOST, STS_HOST]
        form = google.calls[-1].form()
        assert form["subject_token"] == impersonating.token
        assert json.loads(unquote(form["options"])) == BOUNDARY.to_json()

    def test_each_refresh_fetches_a_new_token_and_keeps_the_federated_one(
        self, google: Emulator, impersonating: Credentials, request_: google_requests.Request
    ) -> None:
        credentials = downscoped.Credentials(impersonating, BOUNDARY)
        seen = set()
        for _ in range(3):
            credentials.refresh(request_)
            seen |= {credentials.token, impersonating.token}
        assert len(seen) == 6
        assert (google.count("/v1/token"), google.count(":generateAccessToken")) == (1 + 3, 3)

    def test_a_consumer_gets_downscoped_tokens_from_a_broker(
        self, google: Emulator, source: Credentials, own: str
    ) -> None:
        """Only the broker has the source. The consumer only has the broker's replies."""
        broker = downscoped.Credentials(source, BOUNDARY)

        def answer(request: Any, scopes: object) -> tuple[Any, Any]:
            broker.refresh(request)
            return broker.token, broker.expiry

        consumer = oauth2_credentials.Credentials(None, scopes=[CLOUD_PLATFORM], refresh_handler=answer)
        with google_requests.AuthorizedSession(consumer) as session:
            session.get(google.certs_url)

        sent = google.calls[-1].bearer()
        assert sent == broker.token
        assert behind(google, sent).principal == own

    @pytest.mark.parametrize(("status", "kind"), [(400, FederationError), (503, TransientFederationError)])
    def test_an_error_of_the_source_is_raised_unchanged(
        self,
        google: Emulator,
        make: Make,
        request_: google_requests.Request,
        monkeypatch: pytest.MonkeyPatch,
        status: int,
        kind: type[FederationError],
    ) -> None:
        seams.use_clock(monkeypatch, FakeClock(now=time.time()))
        google.fail("/v1/token", Fault(status, times=None))
        credentials = downscoped.Credentials(make(), BOUNDARY)
        with pytest.raises(FederationError) as caught:
            credentials.refresh(request_)
        assert type(caught.value) is kind
        assert (caught.value.step, caught.value.status_code) == ("exchange", status)
        assert credentials.token is None


class TestStorage:
    """The Cloud Storage client works with credentials derived from ours."""

    @pytest.fixture(name="storage")
    def _storage(self, google: Emulator) -> Iterator[Storage]:
        with Storage(google.check_access_token, google.check_signature) as storage:
            empty = Client("my-project", AnonymousCredentials(), client_options={"api_endpoint": storage.open_url})
            empty.create_bucket("public").blob("hello").upload_from_string("world")
            yield storage

    @pytest.mark.parametrize("kind", ["downscoped", "impersonated", "both"])
    def test_its_client_reads_with_derived_credentials(
        self, google: Emulator, workload: Workload, impersonating: Credentials, storage: Storage, kind: str
    ) -> None:
        target = google.add_service_account(TARGET)
        google.grant(TARGET, CREATOR, workload.account.member)
        made: Any = impersonating
        expected = workload.account.email
        if kind != "downscoped":
            made, expected = impersonated_credentials.Credentials(made, TARGET, [CLOUD_PLATFORM]), target.email
        if kind != "impersonated":
            made = downscoped.Credentials(made, BOUNDARY)

        client = Client("my-project", made, client_options={"api_endpoint": storage.url})

        assert client.bucket("public").blob("hello").download_as_bytes() == b"world"
        assert set(storage.principals) == {expected}


class TestImpersonated:
    @pytest.fixture(name="target", autouse=True)
    def _target(self, google: Emulator, source: Credentials, workload: Workload) -> None:
        """A service account that the source can impersonate in every way."""
        google.add_service_account(TARGET)
        google.allow_domain_wide_delegation(TARGET, [DRIVE])
        own = source.service_account_email
        google.grant(TARGET, CREATOR, f"serviceAccount:{own}" if own else workload.provider.principal_set())

    def test_the_source_requests_a_token_for_the_target(
        self, google: Emulator, source: Credentials, own: str, request_: google_requests.Request
    ) -> None:
        credentials = impersonated_credentials.Credentials(source, TARGET, [DRIVE], lifetime=600)

        credentials.refresh(request_)

        info = behind(google, credentials.token)
        assert (info.principal, info.scopes) == (TARGET, (DRIVE,))
        assert google.calls[-1].principal == own
        assert behind(google, google.calls[-1].bearer()).scopes == (IAM,)

    def test_the_source_is_not_changed(
        self, google: Emulator, source: Credentials, own: str, request_: google_requests.Request
    ) -> None:
        """google-auth sets the scopes for IAM on a copy."""
        before = repr(source)
        impersonated_credentials.Credentials(source, TARGET, [DRIVE]).refresh(request_)

        assert repr(source) == before
        info = behind(google, source.get_token().value)
        assert (info.principal, info.scopes) == (own, (CLOUD_PLATFORM,))

    def test_several_share_the_token_of_the_source(
        self, google: Emulator, source: Credentials, request_: google_requests.Request
    ) -> None:
        google.add_service_account("second@my-project.iam.gserviceaccount.com")
        for scope in (DRIVE, CLOUD_PLATFORM, IAM):
            impersonated_credentials.Credentials(source, TARGET, [scope]).refresh(request_)

        of_the_source = 0 if source.service_account_email is None else 1
        assert google.count("/v1/token") == 1
        assert google.count(":generateAccessToken") == of_the_source + 3

    def test_delegates_start_from_the_source(
        self, google: Emulator, source: Credentials, workload: Workload, request_: google_requests.Request
    ) -> None:
        hop, last = (
            google.add_service_account(f"{name}@my-project.iam.gserviceaccount.com") for name in ("hop", "last")
        )
        own = source.service_account_email
        google.grant(hop.email, CREATOR, f"serviceAccount:{own}" if own else workload.provider.principal_set())
        google.grant(last.email, CREATOR, hop.member)
        credentials = impersonated_credentials.Credentials(source, last.email, [DRIVE], delegates=[hop.email])

        credentials.refresh(request_)

        assert behind(google, credentials.token).principal == last.email

    def test_it_acts_for_a_workspace_user(
        self, google: Emulator, google_hosts: list[str], source: Credentials, request_: google_requests.Request
    ) -> None:
        credentials = impersonated_credentials.Credentials(source, TARGET, [DRIVE], subject=ANN)

        credentials.refresh(request_)

        assert behind(google, credentials.token).principal == ANN
        assert google_hosts[-2:] == [IAM_HOST, "oauth2.googleapis.com"]

    def test_it_signs(self, google: Emulator, source: Credentials) -> None:
        credentials = impersonated_credentials.Credentials(source, TARGET, [DRIVE])

        assert google.check_signature(TARGET, b"message", credentials.sign_bytes(b"message"))

    def test_its_id_tokens_belong_to_the_target(
        self, google: Emulator, source: Credentials, own: str, request_: google_requests.Request
    ) -> None:
        """google-auth uses an access token of the source for this. Our ID tokens require none."""
        target = impersonated_credentials.Credentials(source, TARGET, [DRIVE])
        credentials = impersonated_credentials.IDTokenCredentials(target, "https://service.example", include_email=True)

        credentials.refresh(request_)

        claims = id_token.verify_oauth2_token(credentials.token, request_, "https://service.example")
        assert claims["email"] == TARGET
        [asked] = [call for call in google.calls if call.path.endswith(":generateIdToken")]
        assert asked.principal == own

    def test_googles_iam_signer_works_with_it(
        self, google: Emulator, source: Credentials, request_: google_requests.Request
    ) -> None:
        signer = iam.Signer(request_, source, TARGET)

        assert google.check_signature(TARGET, b"message", signer.sign(b"message"))

    def test_a_session_also_refreshes_the_source(self, google: Emulator, source: Credentials) -> None:
        """A 401 makes google-auth request a new token of the target with the current token of the source."""
        credentials = impersonated_credentials.Credentials(source, TARGET, [DRIVE])
        google.fail("/oauth2/v1/certs", Fault(401))
        with google_requests.AuthorizedSession(credentials) as session:
            assert session.get(google.certs_url).status_code == 200

        assert google.count("/v1/token") == 1
        bearers = [call.bearer() for call in google.calls if call.path == "/oauth2/v1/certs"]
        assert len(set(bearers)) == 2
        assert {behind(google, each).principal for each in bearers} == {TARGET}

    def test_an_error_of_the_source_is_raised_unchanged(
        self, google: Emulator, source: Credentials, request_: google_requests.Request, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
        credentials = impersonated_credentials.Credentials(source, TARGET, [DRIVE])
        with pytest.raises(FederationError) as caught:
            credentials.refresh(request_)
        assert (caught.value.step, caught.value.aws_reason) == ("exchange", "SignatureDoesNotMatch")

    def test_an_error_of_the_target_is_raised_by_google_auth(
        self, source: Credentials, request_: google_requests.Request
    ) -> None:
        credentials = impersonated_credentials.Credentials(source, "gone@my-project.iam.gserviceaccount.com", [DRIVE])
        with pytest.raises(google_exceptions.RefreshError, match=r"iam\.serviceAccounts\.getAccessToken") as caught:
            credentials.refresh(request_)
        assert not isinstance(caught.value, FederationError)
