"""The contract with client libraries: everything that they do with a credentials object."""

from __future__ import annotations

import functools
import json
import pickle
import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from typing import Any, ClassVar

import google.auth.credentials as base
import google.auth.transport.requests
import pytest
import requests.structures
import seams
from google.auth import exceptions

from core.conftest import Make
from core.copies import COPIES
from core.stand_in import (
    ACCOUNT,
    IAM_URL,
    PROVIDER,
    STS_URL,
    Answer,
    FakeClock,
    FakeGoogle,
    message_without_hint,
    wait_until,
)
from google_auth_botocore import ConfigurationError, Credentials, FederationError, TransientFederationError

CLOUD_PLATFORM = "https://www.googleapis.com/auth/cloud-platform"


class TestType:
    def test_it_is_an_instance_of_the_classes_that_libraries_check_for(self, make: Make) -> None:
        for kind in (
            base.Credentials,
            base.Scoped,
            base.CredentialsWithQuotaProject,
            base.CredentialsWithTokenUri,
            base.CredentialsWithUniverseDomain,
            base.Signing,
        ):
            assert isinstance(make(), kind)

    def test_it_is_never_falsy_and_defines_nothing_that_has_another_meaning(self, make: Make) -> None:
        """A falsy object is silently replaced by application default credentials."""
        credentials = make()
        assert bool(credentials) is True
        assert "oauth2client" not in type(credentials).__module__
        for name in ("with_gdch_audience", "_create_self_signed_jwt", "_always_use_jwt_access", "id_token", "__len__"):
            assert not hasattr(credentials, name)

    def test_equality_is_identity_and_accepts_any_other_type(self, make: Make) -> None:
        credentials = make()
        other: object = "google_default"
        assert credentials != other
        assert credentials != make()
        assert len({credentials, credentials, make()}) == 2


class TestScopes:
    def test_the_default_scope_is_cloud_platform(self, make: Make, request_: FakeGoogle) -> None:
        make().refresh(request_)
        assert request_.calls[0].form["scope"] == CLOUD_PLATFORM

    def test_it_requires_scopes_until_they_are_set(self, make: Make) -> None:
        credentials = make()
        assert credentials.requires_scopes
        assert not credentials.with_scopes(["a"]).requires_scopes
        assert not credentials.with_scopes(None, ["a"]).requires_scopes
        assert not make(scopes=["a"]).requires_scopes
        assert base.with_scopes_if_required(make(scopes=["a"]), ["b"]).scopes == ("a",)
        assert base.with_scopes_if_required(make(), ["b"]).scopes == ("b",)

    @pytest.mark.parametrize("scopes", [["a", "b"], ("a", "b"), {"a": 1, "b": 2}.keys()])
    def test_exactly_the_configured_scopes_are_requested(self, make: Make, request_: FakeGoogle, scopes: Any) -> None:
        make(scopes=[CLOUD_PLATFORM]).with_scopes(scopes).refresh(request_)
        assert request_.calls[0].form["scope"] == "a b"

    def test_default_scopes_are_used_only_if_no_scopes_are_set(self, make: Make, request_: FakeGoogle) -> None:
        make().with_scopes(scopes=["a"], default_scopes=["b"]).refresh(request_)
        make().with_scopes(None, default_scopes=["b"]).refresh(request_)
        make().with_scopes([], ["b"]).refresh(request_)
        assert [sent.form["scope"] for sent in request_.calls] == ["a", "b", "b"]

    def test_with_impersonation_the_federated_token_is_valid_only_for_iam(
        self, make: Make, request_: FakeGoogle
    ) -> None:
        make(ACCOUNT, scopes=["a"]).refresh(request_)
        assert request_.calls[0].form["scope"] == "https://www.googleapis.com/auth/iam"
        assert request_.calls[1].json["scope"] == ["a"]


class TestProjectUniverseAndInfo:
    def test_project_id_is_absent_if_it_is_unknown(self, make: Make) -> None:
        """pandas-gbq and langchain use `hasattr`, and would use None as the value."""
        assert not hasattr(make(), "project_id")
        assert getattr(make(), "project_id", None) is None
        assert make(project_id="p").project_id == "p"
        assert make(project_id="p").with_scopes(["a"]).with_quota_project("q").project_id == "p"

    def test_quota_project_attribute_always_exists(self, make: Make) -> None:
        assert make().quota_project_id is None
        assert make(quota_project_id="q").with_scopes(["a"]).quota_project_id == "q"
        assert make().with_quota_project("q").quota_project_id == "q"
        assert make(quota_project_id="q").with_quota_project(None).quota_project_id is None
        with pytest.raises(ConfigurationError):
            make().with_quota_project("")

    def test_universe_changes_every_endpoint(self, make: Make, request_: FakeGoogle) -> None:
        credentials = make(ACCOUNT)
        assert credentials.universe_domain == "googleapis.com"
        moved = credentials.with_universe_domain("apis.example")
        assert moved.universe_domain == "apis.example"
        moved.refresh(request_)
        assert [sent.url.split("/")[2] for sent in request_.calls] == [
            "sts.apis.example",
            "iamcredentials.apis.example",
        ]

    def test_with_token_uri_changes_where_the_exchange_is_sent(self, make: Make, request_: FakeGoogle) -> None:
        credentials = make().with_token_uri("https://sts.example.com/v1/token")
        credentials.refresh(request_)
        assert request_.calls[0].url == "https://sts.example.com/v1/token"
        assert credentials.info["token_url"] == "https://sts.example.com/v1/token"

    @pytest.mark.parametrize("account", [None, ACCOUNT])
    def test_cred_info_can_be_serialized_as_json(self, make: Make, account: str | None) -> None:
        assert json.loads(json.dumps(make(account).get_cred_info())) == {
            "credential_source": "google_auth_botocore.Credentials",
            "credential_type": "AWS workload identity federation credentials",
            "principal": account or PROVIDER,
        }

    def test_service_account_is_none_for_direct_access(self, make: Make) -> None:
        assert make().service_account_email is None
        assert make(ACCOUNT).service_account_email == ACCOUNT

    def test_signing_without_a_service_account_says_what_to_set(self, make: Make) -> None:
        acts: list[Callable[[Credentials], object]] = [
            lambda c: c.signer_email,
            lambda c: c.signer,
            lambda c: c.sign_bytes(b""),
        ]
        for act in acts:
            with pytest.raises(AttributeError, match="Set service_account_email"):
                act(make())


class TestHeaders:
    @pytest.mark.parametrize("kind", [dict, requests.structures.CaseInsensitiveDict])
    def test_there_are_at_most_two_and_their_names_are_lower_case(
        self, make: Make, request_: FakeGoogle, kind: Any
    ) -> None:
        headers = kind()
        make(quota_project_id="q").before_request(request_, "GET", "https://x", headers)
        assert dict(headers) == {"authorization": "Bearer federated-1", "x-goog-user-project": "q"}

    def test_without_a_quota_project_there_is_only_one(self, make: Make, request_: FakeGoogle) -> None:
        headers: dict[str, str] = {}
        make().before_request(request_, "GET", "https://x", headers)
        assert headers == {"authorization": "Bearer federated-1"}

    def test_apply_accepts_a_token_from_elsewhere(self, make: Make) -> None:
        headers: dict[str, str] = {}
        make().apply(headers, token="other")
        assert headers == {"authorization": "Bearer other"}


class TestTokens:
    def test_get_token_is_a_pair_with_an_aware_expiry(self, make: Make, request_: FakeGoogle) -> None:
        credentials = make()
        credentials.refresh(request_)
        token = credentials.get_token()
        value, expiry = token
        assert (
            (value, expiry)
            == (token.value, token.expiry)
            == ("federated-1", datetime(2027, 1, 15, 9, tzinfo=timezone.utc))
        )
        assert "federated" not in repr(token)

    def test_expiry_is_naive_and_in_utc_as_in_google_auth(
        self, make: Make, request_: FakeGoogle, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        credentials = make()
        assert (credentials.token, credentials.expiry, credentials.valid) == (None, None, False)
        assert credentials.token_state is base.TokenState.INVALID
        credentials.refresh(request_)
        assert credentials.expiry == datetime(2027, 1, 15, 9)
        seen = []
        for minutes in (0, 57, 60):
            moment = datetime(2027, 1, 15, 8) + timedelta(minutes=minutes)
            monkeypatch.setattr("google.auth._helpers.utcnow", lambda moment=moment: moment)
            seen.append((credentials.token_state, credentials.valid, credentials.expired))
        states = base.TokenState
        assert seen == [(states.FRESH, True, False), (states.STALE, False, True), (states.INVALID, False, True)]

    def test_refresh_always_fetches_a_new_token(self, make: Make, request_: FakeGoogle) -> None:
        credentials = make(ACCOUNT)
        seen = set()
        for _ in range(3):
            credentials.refresh(request_)
            seen.add(credentials.token)
        assert len(seen) == 3

    def test_clients_that_scope_their_own_copies_share_tokens(self, make: Make, request_: FakeGoogle) -> None:
        credentials = make(ACCOUNT)
        for _ in range(10):
            credentials.with_scopes(["a"]).with_quota_project("q").before_request(request_, "GET", "https://x", {})
        credentials.with_scopes(["b"]).before_request(request_, "GET", "https://x", {})
        assert (request_.count("/token"), request_.count(":generateAccessToken")) == (1, 2)

    @pytest.mark.parametrize("threads", [64])
    @pytest.mark.parametrize("act", ["before_request", "refresh"])
    def test_any_number_of_threads_share_one_exchange(
        self, make: Make, request_: FakeGoogle, threads: int, act: str
    ) -> None:
        credentials = make(ACCOUNT)
        together, sent = threading.Barrier(threads), threading.Event()
        request_.script.append(lambda call: sent.wait(20) and request_.default_answer(call))

        def work(_: int) -> str | None:
            together.wait(20)
            if act == "refresh":
                credentials.refresh(request_)
                return credentials.token
            headers: dict[str, str] = {}
            credentials.before_request(request_, "GET", "https://x", headers)
            return headers["authorization"]

        with ThreadPoolExecutor(threads) as pool:
            results = pool.map(work, range(threads))
            wait_until(lambda: seams.callers_waiting(credentials) == threads)
            sent.set()
            assert len(set(results)) == 1
        assert (request_.count("/token"), request_.count(":generateAccessToken")) == (1, 1)

    def test_every_waiting_caller_gets_a_separate_exception(self, make: Make, request_: FakeGoogle) -> None:
        credentials = make()
        together, sent = threading.Barrier(8), threading.Event()
        request_.script.append(lambda _: sent.wait(20) and Answer({"error": "invalid_target"}, 400))

        def work(_: int) -> Exception:
            together.wait(20)
            with pytest.raises(FederationError) as caught:
                credentials.refresh(request_)
            return caught.value

        with ThreadPoolExecutor(8) as pool:
            results = pool.map(work, range(8))
            wait_until(lambda: seams.callers_waiting(credentials) == 8)
            sent.set()
            errors = list(results)
        assert len({id(error) for error in errors}) == 8
        assert len({str(error) for error in errors}) == 1
        assert len(request_.calls) == 1


class TestTransport:
    def test_a_partial_of_the_transport_is_accepted_as_from_authorized_session(
        self, make: Make, request_: FakeGoogle
    ) -> None:
        make().refresh(functools.partial(request_, timeout=(3.0, 120)))
        assert request_.calls[0].timeout == (3.0, 10.0)

    @pytest.mark.usefixtures("clock")
    def test_an_address_that_does_not_answer_leaves_time_to_try_the_next_one(
        self, make: Make, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """requests tries each address of a name, and a firewall may drop packets to some."""
        seen: list[object] = []

        def send(*_: object, timeout: object, **__: object) -> None:
            seen.append(timeout)
            raise requests.exceptions.ConnectTimeout

        monkeypatch.setattr(requests.Session, "send", send)
        with requests.Session() as session, pytest.raises(FederationError):
            make().refresh(google.auth.transport.requests.Request(session))
        assert seen[0] == (3.05, 10.0)

    def test_processes_that_fail_together_do_not_retry_together(
        self, make: Make, request_: FakeGoogle, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(random, "uniform", lambda low, high: low + (high - low) / 4)
        request_.script.extend([Answer(b"", 503)] * 3)
        make().refresh(request_)
        assert clock.slept == [0.25 * 0.625, 0.5 * 0.625, 1.0 * 0.625]

    def test_callable_without_a_timeout_gets_google_auths_four_arguments(
        self, make: Make, request_: FakeGoogle
    ) -> None:
        def plain(url: str, method: str, body: bytes, headers: dict[str, str]) -> Answer:
            return request_(url, method, body, headers)

        make().refresh(plain)
        assert len(request_.calls) == 1

    def test_a_transport_authorized_by_the_same_credentials_works(self, make: Make, request_: FakeGoogle) -> None:
        """gspread's login refreshes with a session that is authorized by the same object."""
        credentials = make()

        def reentrant(url: str, method: str, body: bytes, headers: dict[str, str]) -> Answer:
            credentials.before_request(None, method, url, headers)
            credentials.refresh(None)
            assert "authorization" not in headers
            return request_(url, method, body, headers)

        credentials.refresh(reentrant)
        assert credentials.token == "federated-1"

    @pytest.mark.parametrize("error", [ConnectionRefusedError("no"), TimeoutError("slow"), OSError("x")])
    def test_exceptions_of_the_transport_are_translated(
        self, make: Make, request_: FakeGoogle, clock: FakeClock, error: OSError
    ) -> None:
        request_.script.extend([error] * 100)
        credentials = make()
        start = clock.monotonic()
        with pytest.raises(TransientFederationError) as caught:
            credentials.refresh(request_)
        assert isinstance(caught.value, exceptions.RefreshError)
        assert isinstance(caught.value, exceptions.TransportError)
        assert isinstance(caught.value.args[0], ConnectionError)
        assert caught.value.retryable
        assert (caught.value.step, caught.value.failure) == ("exchange", "unreachable")
        assert message_without_hint(caught.value) == (
            f"Google's Security Token Service could not be reached at {STS_URL}: {error}."
        )
        assert clock.monotonic() - start <= 30
        request_.script.clear()
        credentials.refresh(request_)

    def test_a_single_failure_is_retried(self, make: Make, request_: FakeGoogle, clock: FakeClock) -> None:
        request_.script.extend([Answer({}, 503), ConnectionResetError(), Answer({}, 429, {"Retry-After": "7"})])
        make(ACCOUNT).refresh(request_)
        assert len(request_.calls) == 5
        assert clock.slept[-1] >= 7

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_redirect_is_not_followed(self, make: Make, request_: FakeGoogle, status: int) -> None:
        request_.script.append(Answer(b"", status, {"Location": "https://evil.example/"}))
        with pytest.raises(FederationError) as caught:
            make().refresh(request_)
        assert (caught.value.step, caught.value.failure) == ("exchange", "redirected")
        assert (caught.value.status_code, caught.value.retryable) == (status, False)
        assert message_without_hint(caught.value) == (
            f"Google's Security Token Service answered with a redirect (HTTP {status}), which is not followed because it would "
            "send the AWS identity to another server."
        )
        assert STS_URL in str(caught.value.hint)
        assert len(request_.calls) == 1

    def test_service_account_is_percent_encoded_in_the_url(self, make: Make, request_: FakeGoogle) -> None:
        make(ACCOUNT).refresh(request_)
        assert request_.calls[1].url == f"{IAM_URL}:generateAccessToken"


class TestCopies:
    FULL: ClassVar[dict[str, Any]] = {
        "scopes": ["a"],
        "default_scopes": ["b"],
        "lifetime": 1800,
        "delegates": ["d@my-project.iam.gserviceaccount.com"],
        "subject": "user@example.com",
        "quota_project_id": "q",
        "project_id": "p",
        "region": "eu-west-1",
        "assume_role": {"RoleArn": "arn:aws:iam::123456789012:role/r", "ExternalId": "hidden-from-view"},
    }

    @pytest.mark.parametrize("act", COPIES.values(), ids=COPIES)
    def test_they_keep_every_field(self, make: Make, act: Any) -> None:
        credentials = make(ACCOUNT, **self.FULL)
        copied = act(credentials)
        assert repr(copied) == repr(credentials)
        assert copied.info == credentials.info
        assert copied.project_id == "p"

    @pytest.mark.parametrize(
        ("act", "changed"),
        [
            (lambda c: c.with_scopes(["z"]), "scopes"),
            (lambda c: c.with_quota_project("z"), "quota_project_id"),
            (lambda c: c.with_token_uri("https://z.example/"), "token_url"),
            (lambda c: c.with_subject("z@example.com"), "subject"),
        ],
        ids=["scopes", "quota", "token_uri", "subject"],
    )
    def test_each_with_method_changes_only_its_own_field(self, make: Make, act: Any, changed: str) -> None:
        credentials = make(ACCOUNT, **self.FULL)
        before, after = repr(credentials), repr(act(credentials))
        assert before != after
        for name in ("lifetime", "delegates", "subject", "quota_project_id", "project_id", "region", "assume_role"):
            if name != changed:
                part = before[before.index(f", {name}=") :].split(", ")[1]
                assert part in after

    def test_pickle_holds_neither_token_nor_key(self, make: Make, request_: FakeGoogle) -> None:
        credentials = make()
        credentials.refresh(request_)
        data = pickle.dumps(credentials)
        assert not any(secret in data for secret in (b"federated-", b"SECRET", b"SESSION", b"AKID"))
        assert seams.unpickled_elsewhere(data).token is None

    def test_repr_distinguishes_configurations_and_does_not_change_in_a_refresh(
        self, make: Make, request_: FakeGoogle
    ) -> None:
        plain = make()
        different = [
            plain,
            make(ACCOUNT),
            make(scopes=["a"]),
            make(quota_project_id="q"),
            make(region="eu-west-1"),
            make(profile="p"),
            make(ACCOUNT, subject="u@example.com"),
            make(ACCOUNT, delegates=["d@my-project.iam.gserviceaccount.com"]),
            make(assume_role="arn:aws:iam::123456789012:role/r"),
            make(assume_role={"RoleArn": "arn:aws:iam::123456789012:role/r", "ExternalId": "x"}),
        ]
        assert len({repr(each) for each in different}) == len(different)
        before = repr(plain), plain.__dask_tokenize__()
        plain.refresh(request_)
        assert (repr(plain), plain.__dask_tokenize__()) == before
        assert "hidden-from-view" not in repr(make(ACCOUNT, **self.FULL))
