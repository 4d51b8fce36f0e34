"""ID tokens: their claims, verification, network calls and refresh."""

from __future__ import annotations

import copy
import logging
import pickle
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timezone
from typing import Any

import dask.base
import grpc
import jwt
import pytest
import requests
import seams
from core.copies import COPIES
from core.stand_in import FakeClock
from emulator.workload import ROLE_ARN, Workload
from google.auth import credentials as google_credentials
from google.auth import exceptions
from google.auth.transport import grpc as google_grpc
from google.auth.transport import requests as google_requests
from google.oauth2 import id_token
from refresh.threads import Threads

from google_auth_botocore import ConfigurationError, Credentials, IDTokenCredentials, Token, TransientFederationError
from google_auth_botocore.emulator import Emulator, Fault
from service_account.addresses import _google_hosts  # noqa: F401 - a fixture
from service_account.conftest import Make
from service_account.services import Service, over_grpc, over_http

AUDIENCE = "https://service.example"
OTHER = "https://other.example"
OPEN_ID = "roles/iam.serviceAccountOpenIdTokenCreator"
THREADS = 32


@pytest.fixture(name="credentials")
def _credentials(make: Make) -> Credentials:
    """Credentials that can impersonate their service account, but not sign as it."""
    return make()


@pytest.fixture(name="id_tokens")
def _id_tokens(credentials: Credentials) -> IDTokenCredentials:
    return IDTokenCredentials(credentials, AUDIENCE)


def counts(google: Emulator) -> tuple[int, int, int]:
    """Return how many federated tokens, access tokens and ID tokens were requested."""
    return google.count("/v1/token"), google.count(":generateAccessToken"), google.count(":generateIdToken")


def verified(token: str, audience: str, page: str) -> Mapping[str, Any]:
    """Verify the token with google-auth and Google's public keys; return its claims."""
    with requests.Session() as session:
        return id_token.verify_token(token, google_requests.Request(session), audience, page)


class TestToken:
    @pytest.mark.parametrize("page", ["certs_url", "jwks_url"])
    @pytest.mark.parametrize("audience", [AUDIENCE, "1234-abc.apps.googleusercontent.com"], ids=["run", "iap"])
    def test_googles_verifier_accepts_it(
        self, google: Emulator, workload: Workload, credentials: Credentials, audience: str, page: str
    ) -> None:
        token = IDTokenCredentials(credentials, audience).get_token().value

        claims = verified(token, audience, getattr(google, page))
        assert claims == {
            "iss": "https://accounts.google.com",
            "aud": audience,
            "sub": workload.account.unique_id,
            "azp": workload.account.unique_id,
            "iat": claims["iat"],
            "exp": claims["iat"] + 3600,
        }

    def test_a_service_with_only_googles_addresses_accepts_it(
        self, google_hosts: list[str], id_tokens: IDTokenCredentials
    ) -> None:
        """`verify_oauth2_token` reads the keys from Google's address and checks the issuer of the token."""
        token = id_tokens.get_token().value

        with requests.Session() as session:
            claims = id_token.verify_oauth2_token(token, google_requests.Request(session), AUDIENCE)
        assert claims["aud"] == AUDIENCE
        assert google_hosts == ["www.googleapis.com"]

    def test_a_service_with_another_audience_rejects_it(self, google: Emulator, id_tokens: IDTokenCredentials) -> None:
        token = id_tokens.get_token().value

        with pytest.raises(exceptions.InvalidValue, match="wrong audience"):
            verified(token, OTHER, google.certs_url)

    def test_it_contains_the_email_only_if_requested(
        self, google: Emulator, workload: Workload, credentials: Credentials
    ) -> None:
        token = IDTokenCredentials(credentials, AUDIENCE, include_email=True).get_token().value

        claims = verified(token, AUDIENCE, google.certs_url)
        assert (claims["email"], claims["email_verified"]) == (workload.account.email, True)

    def test_its_expiry_is_in_its_claims(self, id_tokens: IDTokenCredentials) -> None:
        token = id_tokens.get_token()

        claims = jwt.decode(token.value, options={"verify_signature": False})
        assert token.expiry.tzinfo is timezone.utc
        assert abs(token.expiry.timestamp() - claims["exp"]) < 5
        assert (id_tokens.token, id_tokens.expiry) == (token.value, token.expiry.replace(tzinfo=None))
        assert id_tokens.valid

    def test_a_workspace_user_does_not_change_it(self, google: Emulator, workload: Workload, make: Make) -> None:
        """Domain-wide delegation applies to access tokens. An ID token always belongs to the service account."""
        token = IDTokenCredentials(make(subject="ann@example.com"), AUDIENCE).get_token().value

        assert verified(token, AUDIENCE, google.certs_url)["sub"] == workload.account.unique_id


class TestNetworkCalls:
    def test_it_requires_a_federated_token_but_no_access_token(
        self, google: Emulator, workload: Workload, id_tokens: IDTokenCredentials
    ) -> None:
        id_tokens.refresh(None)

        assert counts(google) == (1, 0, 1)
        assert google.calls[-1].principal == workload.provider.principal(f"{ROLE_ARN}/i-0abc")

    @pytest.mark.parametrize("first", ["access token", "ID token"])
    def test_it_shares_the_federated_token_with_the_credentials(
        self, google: Emulator, credentials: Credentials, id_tokens: IDTokenCredentials, first: str
    ) -> None:
        both: list[Credentials | IDTokenCredentials] = [credentials, id_tokens]
        for each in both if first == "access token" else both[::-1]:
            each.refresh(None)
        id_tokens.with_target_audience(OTHER).refresh(None)

        assert counts(google) == (1, 1, 2)

    def test_refresh_needs_no_transport(
        self, google: Emulator, credentials: Credentials, id_tokens: IDTokenCredentials
    ) -> None:
        credentials.refresh()
        id_tokens.refresh()

        assert credentials.valid
        assert id_tokens.valid
        assert counts(google) == (1, 1, 1)

    def test_copies_for_the_same_audience_share_the_token(
        self, google: Emulator, credentials: Credentials, id_tokens: IDTokenCredentials
    ) -> None:
        same = [
            id_tokens,
            IDTokenCredentials(credentials, AUDIENCE),
            IDTokenCredentials(credentials.with_quota_project("q"), AUDIENCE),
            id_tokens.with_quota_project("q"),
            id_tokens.with_target_audience(OTHER).with_target_audience(AUDIENCE),
            copy.copy(id_tokens),
            copy.deepcopy(id_tokens),
        ]

        assert len({each.get_token().value for each in same}) == 1
        assert counts(google) == (1, 0, 1)
        assert IDTokenCredentials(credentials, AUDIENCE, include_email=True).token is None


class TestObject:
    """Behaviour that google-auth's ID token credentials also have."""

    def test_without_a_service_account_there_is_no_id_token(self, make: Make) -> None:
        with pytest.raises(ConfigurationError, match="Set service_account_email"):
            IDTokenCredentials(make(service_account_email=None), AUDIENCE)

    @pytest.mark.parametrize("audience", ["", " ", "line\nbreak", None, 7])
    def test_an_invalid_audience_is_rejected(self, credentials: Credentials, audience: Any) -> None:
        with pytest.raises(ConfigurationError, match="target_audience"):
            IDTokenCredentials(credentials, audience)

    def test_other_credentials_are_rejected(self) -> None:
        with pytest.raises(
            ConfigurationError, match=r"not an object of the type google\.auth\.credentials\.AnonymousCredentials\."
        ):
            IDTokenCredentials(google_credentials.AnonymousCredentials(), AUDIENCE)  # type: ignore[arg-type]  # wrong

    def test_it_does_not_support_scopes(self, id_tokens: IDTokenCredentials) -> None:
        """A client library would set scopes on credentials that support them."""
        assert isinstance(id_tokens, google_credentials.CredentialsWithQuotaProject)
        assert google_credentials.with_scopes_if_required(id_tokens, ["scope"]) is id_tokens

    def test_it_starts_without_a_token_and_makes_no_network_call(
        self, google: Emulator, id_tokens: IDTokenCredentials
    ) -> None:
        assert (id_tokens.token, id_tokens.expiry) == (None, None)
        assert id_tokens.token_state is google_credentials.TokenState.INVALID
        assert google.calls == []

    def test_it_has_the_account_and_the_universe_of_its_credentials(
        self, workload: Workload, credentials: Credentials
    ) -> None:
        id_tokens = IDTokenCredentials(credentials.with_universe_domain("apis.example"), AUDIENCE)
        assert (id_tokens.service_account_email, id_tokens.universe_domain) == (workload.account.email, "apis.example")

    def test_a_request_carries_the_token_and_the_quota_project(self, id_tokens: IDTokenCredentials) -> None:
        headers: dict[str, str] = {}
        id_tokens.with_quota_project("q").before_request(None, "GET", AUDIENCE, headers)
        assert headers == {"authorization": f"Bearer {id_tokens.token}", "x-goog-user-project": "q"}

    def test_the_quota_project_defaults_to_that_of_the_credentials(self, make: Make) -> None:
        id_tokens = IDTokenCredentials(make(quota_project_id="q"), AUDIENCE)
        assert id_tokens.quota_project_id == "q"
        assert id_tokens.with_quota_project("z").quota_project_id == "z"
        assert id_tokens.with_quota_project(None).with_target_audience(OTHER).quota_project_id is None

    @pytest.mark.parametrize("audience_first", [False, True])
    def test_each_copy_keeps_earlier_changes(self, credentials: Credentials, audience_first: bool) -> None:
        changed = IDTokenCredentials(credentials, AUDIENCE, include_email=True)
        before = repr(changed)
        if audience_first:
            copied = changed.with_target_audience(OTHER).with_quota_project("q")
        else:
            copied = changed.with_quota_project("q").with_target_audience(OTHER)

        claims = jwt.decode(copied.get_token().value, options={"verify_signature": False})
        assert (claims["aud"], claims["email"]) == (OTHER, credentials.service_account_email)
        assert copied.quota_project_id == "q"
        assert repr(changed) == before

    @pytest.mark.parametrize("act", COPIES.values(), ids=COPIES)
    def test_copies_and_pickles_keep_every_field(
        self, google: Emulator, credentials: Credentials, act: Callable[[IDTokenCredentials], IDTokenCredentials]
    ) -> None:
        original = IDTokenCredentials(credentials, AUDIENCE, include_email=True).with_quota_project("q")

        copied = act(original)

        assert repr(copied) == repr(original)
        assert copied.quota_project_id == "q"
        claims = verified(copied.get_token().value, AUDIENCE, google.certs_url)
        assert claims["email"] == copied.service_account_email == credentials.service_account_email

    def test_a_pickle_holds_neither_token_nor_key(self, workload: Workload, id_tokens: IDTokenCredentials) -> None:
        id_tokens.refresh(None)
        data = pickle.dumps(id_tokens)
        assert id_tokens.token is not None
        for secret in (id_tokens.token, workload.keys.secret_access_key, workload.keys.access_key_id):
            assert secret.encode() not in data
        assert seams.unpickled_elsewhere(data).token is None

    def test_two_that_differ_have_different_repr_and_are_immutable(
        self, credentials: Credentials, make: Make, id_tokens: IDTokenCredentials
    ) -> None:
        different = [
            id_tokens,
            IDTokenCredentials(credentials, AUDIENCE, include_email=True),
            IDTokenCredentials(credentials, OTHER),
            id_tokens.with_quota_project("q"),
            IDTokenCredentials(make(delegates=["hop@my-project.iam.gserviceaccount.com"]), AUDIENCE),
        ]
        before = [(repr(each), dask.base.tokenize(each)) for each in different]
        assert len(set(before)) == len(different)
        id_tokens.refresh(None)
        assert [(repr(each), dask.base.tokenize(each)) for each in different] == before
        assert dask.base.tokenize(credentials) not in {token for _, token in before}


@pytest.fixture(name="clock")
def _clock(workload: Workload, monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    """The clock of the package and the emulator. The AWS keys are valid longer than several Google tokens."""
    clock = FakeClock(now=time.time())
    seams.use_clock(monkeypatch, clock)
    workload.google.clock = clock.time
    keys = workload.google.aws_keys.issue(f"{ROLE_ARN}/i-0abc", lifetime=6 * 3600)
    assert keys.session_token is not None
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", keys.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", keys.secret_access_key)
    monkeypatch.setenv("AWS_SESSION_TOKEN", keys.session_token)
    return clock


class TestRefresh:
    """ID tokens are refreshed like access tokens; tested with a fake clock."""

    @pytest.fixture(name="background")
    def _background(self, monkeypatch: pytest.MonkeyPatch, clock: FakeClock) -> Threads:
        threads = Threads(clock)
        threads.install(monkeypatch)
        return threads

    def test_in_the_advisory_window_the_token_is_used_while_one_refresh_runs(
        self, google: Emulator, background: Threads, clock: FakeClock, id_tokens: IDTokenCredentials
    ) -> None:
        old = id_tokens.get_token()
        clock.advance(3600 - 400)

        assert {id_tokens.get_token() for _ in range(50)} == {old}
        assert (google.count(":generateIdToken"), len(background.paused)) == (1, 1)
        background.run()
        assert id_tokens.get_token() != old
        assert google.count(":generateIdToken") == 2

    def test_a_failure_in_the_advisory_window_is_logged_and_the_token_stays_in_use(
        self,
        google: Emulator,
        background: Threads,
        clock: FakeClock,
        id_tokens: IDTokenCredentials,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        old = id_tokens.get_token()
        clock.advance(3600 - 400)
        google.fail(":generateIdToken", Fault(status=403))

        assert id_tokens.get_token() == old
        background.run()

        [warning] = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
        assert "could not be refreshed in the background" in warning
        assert old.value not in warning
        assert id_tokens.get_token() == old

    def test_an_expired_token_in_many_threads_causes_one_exchange(
        self, google: Emulator, clock: FakeClock, id_tokens: IDTokenCredentials
    ) -> None:
        old = id_tokens.get_token()
        clock.advance(3600)
        barrier = threading.Barrier(THREADS)

        def request(number: int) -> Token:
            mine = copy.copy(id_tokens) if number % 2 else id_tokens
            barrier.wait(60)
            return mine.get_token()

        with ThreadPoolExecutor(THREADS) as pool:
            [new] = set(pool.map(request, range(THREADS)))
        assert new != old
        assert counts(google) == (2, 0, 2)

    @pytest.mark.usefixtures("clock")
    def test_one_failure_of_each_server_has_no_effect(self, google: Emulator, id_tokens: IDTokenCredentials) -> None:
        google.fail("/v1/token", Fault(status=503))
        google.fail(":generateIdToken", Fault(status=503))
        id_tokens.refresh(None)
        assert counts(google) == (2, 0, 2)

    @pytest.mark.usefixtures("clock")
    def test_a_lasting_failure_is_transient_and_names_its_step(
        self, google: Emulator, id_tokens: IDTokenCredentials
    ) -> None:
        google.fail(":generateIdToken", Fault(status=503, times=None))
        with pytest.raises(TransientFederationError) as caught:
            id_tokens.refresh(None)
        assert (caught.value.step, caught.value.status_code) == ("id_token", 503)

    @pytest.mark.parametrize(
        "token", ["", "no jwt", "a.b.c", "e30.e30.e30", jwt.encode({"iat": 2, "exp": 1}, "k" * 32), None, 7]
    )
    def test_a_reply_without_a_usable_token_is_rejected_and_not_quoted(
        self, google: Emulator, id_tokens: IDTokenCredentials, token: Any
    ) -> None:
        google.fail(":generateIdToken", Fault(body={"token": token}))
        with pytest.raises(TransientFederationError) as caught:
            id_tokens.refresh(None)
        assert caught.value.step == "id_token"
        assert "ID token" in str(caught.value)
        assert not isinstance(token, str) or not token or token not in str(caught.value)
        assert id_tokens.token is None

    def test_a_federated_token_that_iam_no_longer_accepts_is_replaced(
        self, google: Emulator, id_tokens: IDTokenCredentials
    ) -> None:
        id_tokens.refresh(None)
        google.fail(":generateIdToken", Fault(status=401))
        id_tokens.refresh(None)
        assert counts(google) == (2, 0, 3)

    def test_each_refresh_fetches_a_new_token(
        self, google: Emulator, clock: FakeClock, id_tokens: IDTokenCredentials
    ) -> None:
        id_tokens.refresh(None)
        first = id_tokens.token
        clock.advance(1)  # within the same second, RS256 produces an identical token
        id_tokens.refresh(None)
        assert id_tokens.token != first
        assert counts(google) == (1, 0, 2)


class TestService:
    """Requests to a running service, which verifies the token as Google does in front of a service."""

    @pytest.fixture(name="service")
    def _service(self, google: Emulator) -> Service:
        return Service(google.certs_url)

    def test_an_authorized_session_is_admitted(
        self, google: Emulator, workload: Workload, credentials: Credentials, service: Service
    ) -> None:
        with over_http(service) as url:
            id_tokens = IDTokenCredentials(credentials, url, include_email=True)
            with google_requests.AuthorizedSession(id_tokens) as session:
                assert [session.get(url).status_code for _ in range(3)] == [200] * 3

        assert service.callers == [workload.account.email] * 3
        assert counts(google) == (1, 0, 1)

    def test_a_token_that_the_service_rejects_is_replaced(
        self, google: Emulator, clock: FakeClock, credentials: Credentials, service: Service
    ) -> None:
        with over_http(service) as url:
            id_tokens = IDTokenCredentials(credentials, url, include_email=True)
            service.revoked.add(id_tokens.get_token().value)
            clock.advance(-1)  # another second, but not in the future of the service
            with google_requests.AuthorizedSession(id_tokens) as session:
                assert session.get(url).status_code == 200
        assert google.count(":generateIdToken") == 2

    def test_neither_an_access_token_nor_one_for_another_service_is_admitted(
        self, credentials: Credentials, service: Service
    ) -> None:
        wrong = [credentials, IDTokenCredentials(credentials, OTHER, include_email=True)]
        with over_http(service) as url:
            for each in wrong:
                with google_requests.AuthorizedSession(each) as session:
                    assert session.get(url).status_code == 401

    def test_a_secure_grpc_channel_sends_it_with_every_call(
        self, google: Emulator, workload: Workload, credentials: Credentials, service: Service
    ) -> None:
        """Over real TLS. Each call gets the token on a separate thread, and all of them share one exchange."""
        with over_grpc(service) as (target, trust), requests.Session() as session:
            id_tokens = IDTokenCredentials(credentials, service.audience, include_email=True)
            request = google_requests.Request(session)
            channel = google_grpc.secure_authorized_channel(id_tokens, request, target, ssl_credentials=trust)
            with channel, ThreadPoolExecutor(8) as pool:
                answers = list(pool.map(channel.unary_unary("/service/Method"), (b"%d" % n for n in range(16))))

        assert answers == [b"%d" % n for n in range(16)]
        assert service.callers == [workload.account.email] * 16
        assert counts(google) == (1, 0, 1)

    def test_a_call_without_a_token_is_rejected(self, service: Service) -> None:
        with over_grpc(service) as (target, trust), grpc.secure_channel(target, trust) as channel:
            with pytest.raises(grpc.RpcError) as caught:
                channel.unary_unary("/service/Method")(b"")
            assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED

    def test_the_error_of_a_call_names_the_missing_role(self, google: Emulator, make: Make, service: Service) -> None:
        """The text contains the complete error, because gRPC passes on nothing else. gRPC's retries do not reach Google."""
        account = google.add_service_account("nobody@my-project.iam.gserviceaccount.com")
        with over_grpc(service) as (target, trust), requests.Session() as session:
            id_tokens = IDTokenCredentials(make(service_account_email=account.email), service.audience)
            plugin = google_grpc.AuthMetadataPlugin(id_tokens, google_requests.Request(session))
            both = grpc.composite_channel_credentials(trust, grpc.metadata_call_credentials(plugin))
            with grpc.secure_channel(target, both) as channel:
                for _ in range(5):
                    with pytest.raises(grpc.RpcError, match=f"add-iam-policy-binding {account.email} --role={OPEN_ID}"):
                        channel.unary_unary("/service/Method")(b"")
        assert google.count(":generateIdToken") == 1
