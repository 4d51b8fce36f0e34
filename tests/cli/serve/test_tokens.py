"""The tokens that the server issues: scopes, audiences, lifetimes, and the number of exchanges."""

from __future__ import annotations

import json
import threading
from datetime import datetime, timezone

import pytest
from core.stand_in import FakeClock
from emulator.workload import Workload
from google.auth import jwt
from service_account.conftest import Make

from google_auth_botocore import Credentials, Token
from google_auth_botocore.cli.serve import _tokens
from google_auth_botocore.cli.serve._http import Reply
from google_auth_botocore.cli.serve._metadata import AccessTokenRequest, IDTokenRequest, TokenRequest
from google_auth_botocore.cli.serve._tokens import Tokens
from google_auth_botocore.emulator import Fault

ANY = AccessTokenRequest(())
GENERATED = "generateAccessToken"


def remaining(tokens: Tokens, request: TokenRequest = ANY) -> int:
    """Return the remaining lifetime of the token that is issued."""
    return int(token_document(tokens.reply(request))["expires_in"])


def token_document(reply: Reply) -> dict[str, str]:
    assert (reply.status, reply.content_type) == (200, "application/json"), reply
    found: dict[str, str] = json.loads(reply.body)
    assert set(found) == {"access_token", "expires_in", "token_type"}
    assert found["token_type"] == "Bearer"
    return found


class TestLifetime:
    def test_a_token_is_refreshed_before_its_last_five_minutes(
        self, make: Make, workload: Workload, clock: FakeClock
    ) -> None:
        """Even if no client requested it during its advisory window."""
        tokens = Tokens(make(), print, clock.time)
        assert remaining(tokens) >= 3599
        clock.advance(3600 - 250)
        assert remaining(tokens) >= 3599
        assert workload.google.count(GENERATED) == 2

    @pytest.mark.parametrize("lifetime", [600, 700, 1000])
    def test_a_short_token_always_has_over_five_minutes(
        self, make: Make, workload: Workload, clock: FakeClock, lifetime: int
    ) -> None:
        tokens = Tokens(make(lifetime=lifetime), print, clock.time)
        for _ in range(100):
            assert remaining(tokens) > 300
            clock.advance(20)
        assert workload.google.count(GENERATED) <= 2000 / (lifetime - 310) + 2

    @pytest.mark.parametrize("lifetime", [60, 300, 305, 330])
    def test_shorter_tokens_do_not_cause_an_exchange_for_each_request(
        self, make: Make, workload: Workload, clock: FakeClock, lifetime: int
    ) -> None:
        tokens = Tokens(make(lifetime=lifetime), print, clock.time)
        for _ in range(100):
            assert remaining(tokens) >= lifetime // 2 - 1
        assert workload.google.count(GENERATED) == 1
        for _ in range(100):
            clock.advance(lifetime / 100)
            assert remaining(tokens) > lifetime / 4
        assert workload.google.count(GENERATED) <= 4

    def test_a_short_federated_token_always_has_over_five_minutes(
        self, make: Make, workload: Workload, clock: FakeClock
    ) -> None:
        workload.google.token_lifetime = 600
        tokens = Tokens(make(service_account_email=None), print, clock.time)
        for _ in range(60):
            assert remaining(tokens) > 300
            clock.advance(20)
        assert workload.google.count("/v1/token") <= 5

    def test_a_failed_refresh_keeps_the_current_token(self, make: Make, workload: Workload, clock: FakeClock) -> None:
        tokens = Tokens(make(lifetime=600), print, clock.time)
        first = token_document(tokens.reply(ANY))
        clock.advance(320)
        workload.google.fail(GENERATED, Fault(503, times=None, retry_after=60))
        assert token_document(tokens.reply(ANY))["access_token"] == first["access_token"]
        attempts = workload.google.count(GENERATED)
        for _ in range(20):
            assert token_document(tokens.reply(ANY))["access_token"] == first["access_token"]
        assert workload.google.count(GENERATED) == attempts
        workload.google.clear_faults()
        clock.advance(10)
        assert remaining(tokens) >= 599

    def test_a_client_does_not_wait_long_for_a_refresh(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Most clients give up after three seconds."""
        monkeypatch.setattr(_tokens, "_MAX_WAIT", 0.01)
        paused = PausedCredentials()
        source = _tokens._TokenSource(paused, lambda: 0.0)  # type: ignore[arg-type]
        source._no_refresh_before = -1
        assert [source.token().value for _ in range(5)] == ["old"] * 5
        paused.go_on.set()
        assert source._refresh_thread is not None
        source._refresh_thread.join()
        assert source.token().value == "new"
        assert paused.refreshed == 1


class PausedCredentials:
    """Credentials whose refresh waits until it is told to continue."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.refreshed = 0
        self.token = "old"

    def get_token(self) -> Token:
        end = 200 if self.token == "old" else 3600
        return Token(self.token, datetime.fromtimestamp(end, timezone.utc))

    def refresh(self, request: None) -> None:
        self.refreshed += 1
        assert self.go_on.wait(60)
        self.token = "new"


class TestScopes:
    def test_each_set_of_scopes_has_its_own_token_from_one_federated_token(
        self, make: Make, workload: Workload, clock: FakeClock
    ) -> None:
        tokens = Tokens(make(), print, clock.time)
        scoped = {
            scopes: {token_document(tokens.reply(AccessTokenRequest(scopes)))["access_token"] for _ in range(3)}
            for scopes in [("openid", "email"), ("openid",), ()]
        }
        for scopes, (value,) in scoped.items():
            info = workload.google.check_access_token(value)
            assert info is not None
            assert info.scopes == (scopes or ("https://www.googleapis.com/auth/cloud-platform",))
        assert (workload.google.count("/v1/token"), workload.google.count(GENERATED)) == (1, 3)

    def test_the_default_scopes_share_the_default_token(self, make: Make, workload: Workload, clock: FakeClock) -> None:
        """google-auth reads the scopes from the server, and then requests them."""
        tokens = Tokens(make(scopes=["https://a"]), print, clock.time)
        assert tokens.reply(ANY) == tokens.reply(AccessTokenRequest(("https://a",)))
        assert workload.google.count(GENERATED) == 1

    def test_the_cache_is_bounded(self, make: Make, workload: Workload, clock: FakeClock) -> None:
        tokens = Tokens(make(service_account_email=None), print, clock.time)
        for number in range(80):
            token_document(tokens.reply(AccessTokenRequest((f"https://www.googleapis.com/auth/{number}",))))
        assert tokens._source.cache_info().currsize == 64


class TestIDTokens:
    def test_each_audience_has_its_own_token(self, make: Make, workload: Workload, clock: FakeClock) -> None:
        tokens = Tokens(make(), print, clock.time)
        for request in (IDTokenRequest("https://a", True), IDTokenRequest("https://b", False)):
            bodies = {tokens.reply(request).body for _ in range(3)}
            assert len(bodies) == 1
            claims = jwt.decode(bodies.pop(), verify=False)
            assert claims["aud"] == request.audience
            assert claims.get("email") == (workload.account.email if request.include_email else None)
        assert (workload.google.count("generateIdToken"), workload.google.count("/v1/token")) == (2, 1)


class TestErrors:
    """The client gets the error from Google. Clients only retry a 503."""

    def test_a_rejection(self, make: Make, clock: FakeClock) -> None:
        reply = Tokens(make(service_account_email="nobody@p.iam.gserviceaccount.com"), print, clock.time).reply(ANY)
        assert reply.status == 403
        assert reply.body.startswith(b"Google's IAM Credentials API ")
        assert b"HTTP 403" in reply.body
        assert b"gcloud iam service-accounts add-iam-policy-binding" in reply.body

    def test_each_error_is_printed_once(self, make: Make, workload: Workload, clock: FakeClock) -> None:
        """Some clients, such as gcloud, do not show the server's error."""
        printed: list[str] = []
        tokens = Tokens(make(), printed.append, clock.time)
        workload.google.fail(GENERATED, Fault(404, times=None))
        bodies = {tokens.reply(ANY).body for _ in range(3)}
        assert printed == [body.decode() for body in bodies]
        without_account = Tokens(make(service_account_email=None), printed.append, clock.time)
        # gcloud also requests an ID token when it only needs an access token.
        assert without_account.reply(IDTokenRequest("https://a", False)).status == 404
        assert len(printed) == 1

    def test_a_service_account_that_does_not_exist(self, make: Make, workload: Workload, clock: FakeClock) -> None:
        workload.google.fail(GENERATED, Fault(404))
        assert Tokens(make(), print, clock.time).reply(ANY).status == 404

    def test_no_aws_identity(self, make: Make, clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
        tokens = Tokens(make(), print, clock.time)
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
            monkeypatch.delenv(name)
        reply = tokens.reply(ANY)
        assert reply.status == 403
        assert b"AWS" in reply.body

    def test_a_temporary_failure(self, make: Make, workload: Workload, clock: FakeClock) -> None:
        workload.google.fail("/v1/token", Fault(503, times=None))
        reply = Tokens(make(), print, clock.time).reply(ANY)
        assert reply.status == 503
        assert b"HTTP 503" in reply.body

    def test_an_unexpected_error_shows_no_text(
        self, make: Make, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken(credentials: Credentials) -> Token:
            raise KeyError("secret")

        monkeypatch.setattr(Credentials, "get_token", broken)
        reply = Tokens(make(), print, clock.time).reply(ANY)
        assert (reply.status, reply.body) == (500, b"This metadata server failed: KeyError.")

    def test_an_error_contains_no_secret(self, make: Make, workload: Workload, clock: FakeClock) -> None:
        """Even if Google's reply quotes the secrets that it received."""
        quoted = f"{workload.keys.secret_access_key} {workload.keys.session_token}"
        workload.google.fail("/v1/token", Fault(400, body={"error": "invalid_grant", "error_description": quoted}))
        reply = Tokens(make(), print, clock.time).reply(ANY)
        assert reply.status == 403
        for secret in quoted.split():
            assert secret.encode() not in reply.body
