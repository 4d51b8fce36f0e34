"""Which tokens are handed out: by scope, by audience, with how long to live, and at the price of how many exchanges."""

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
from google_auth_botocore.cli.serve._metadata import AccessToken, IDToken, Wanted
from google_auth_botocore.cli.serve._tokens import Tokens
from google_auth_botocore.emulator import Fault

ANY = AccessToken(())
GENERATED = "generateAccessToken"


def left(tokens: Tokens, wanted: Wanted = ANY) -> int:
    """How long the token that is handed out has to live."""
    return int(document(tokens.reply(wanted))["expires_in"])


def document(reply: Reply) -> dict[str, str]:
    assert (reply.status, reply.content_type) == (200, "application/json"), reply
    found: dict[str, str] = json.loads(reply.body)
    assert set(found) == {"access_token", "expires_in", "token_type"}
    assert found["token_type"] == "Bearer"
    return found


class TestLife:
    def test_an_hours_token_is_replaced_before_its_last_five_minutes(
        self, make: Make, workload: Workload, clock: FakeClock
    ) -> None:
        """Nobody asks while its advisory window goes by; whoever asks then still gets a good one."""
        tokens = Tokens(make(), print, clock.time)
        assert left(tokens) >= 3599
        clock.advance(3600 - 250)
        assert left(tokens) >= 3599
        assert workload.google.count(GENERATED) == 2

    @pytest.mark.parametrize("life", [600, 700, 1000])
    def test_a_short_token_always_has_over_five_minutes(
        self, make: Make, workload: Workload, clock: FakeClock, life: int
    ) -> None:
        tokens = Tokens(make(lifetime=life), print, clock.time)
        for _ in range(100):
            assert left(tokens) > 300
            clock.advance(20)
        assert workload.google.count(GENERATED) <= 2000 / (life - 310) + 2

    @pytest.mark.parametrize("life", [60, 300, 305, 330])
    def test_where_none_lives_so_long_there_is_no_exchange_for_each_request(
        self, make: Make, workload: Workload, clock: FakeClock, life: int
    ) -> None:
        tokens = Tokens(make(lifetime=life), print, clock.time)
        for _ in range(100):
            assert left(tokens) >= life // 2 - 1
        assert workload.google.count(GENERATED) == 1
        for _ in range(100):
            clock.advance(life / 100)
            assert left(tokens) > life / 4
        assert workload.google.count(GENERATED) <= 4

    def test_the_federated_token_of_direct_access_too(self, make: Make, workload: Workload, clock: FakeClock) -> None:
        workload.google.token_lifetime = 600
        tokens = Tokens(make(service_account_email=None), print, clock.time)
        for _ in range(60):
            assert left(tokens) > 300
            clock.advance(20)
        assert workload.google.count("/v1/token") <= 5

    def test_while_none_can_be_had_the_one_in_hand_goes_on(
        self, make: Make, workload: Workload, clock: FakeClock
    ) -> None:
        tokens = Tokens(make(lifetime=600), print, clock.time)
        first = document(tokens.reply(ANY))
        clock.advance(320)
        workload.google.fail(GENERATED, Fault(503, times=None, retry_after=60))
        assert document(tokens.reply(ANY))["access_token"] == first["access_token"]
        tried = workload.google.count(GENERATED)
        for _ in range(20):
            assert document(tokens.reply(ANY))["access_token"] == first["access_token"]
        assert workload.google.count(GENERATED) == tried
        workload.google.clear_faults()
        clock.advance(10)
        assert left(tokens) >= 599

    def test_a_client_does_not_wait_long_for_a_better_one(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Most clients give up after three seconds."""
        monkeypatch.setattr(_tokens, "_PATIENCE", 0.01)
        held = Standing()
        source = _tokens._Source(held, lambda: 0.0)  # type: ignore[arg-type]
        source._not_before = -1
        assert [source.token().value for _ in range(5)] == ["old"] * 5
        held.go_on.set()
        assert source._renewal is not None
        source._renewal.join()
        assert source.token().value == "new"
        assert held.refreshed == 1


class Standing:
    """Credentials whose refresh takes as long as it is let."""

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
    def test_each_set_of_scopes_has_a_token_of_its_own_from_one_federated_token(
        self, make: Make, workload: Workload, clock: FakeClock
    ) -> None:
        tokens = Tokens(make(), print, clock.time)
        scoped = {
            scopes: {document(tokens.reply(AccessToken(scopes)))["access_token"] for _ in range(3)}
            for scopes in [("https://a", "https://b"), ("https://a",), ()]
        }
        for scopes, (value,) in scoped.items():
            info = workload.google.check_access_token(value)
            assert info is not None
            assert info.scopes == (scopes or ("https://www.googleapis.com/auth/cloud-platform",))
        assert (workload.google.count("/v1/token"), workload.google.count(GENERATED)) == (1, 3)

    def test_the_scopes_that_credentials_have_anyway_are_no_set_of_their_own(
        self, make: Make, workload: Workload, clock: FakeClock
    ) -> None:
        """google-auth reads them from the server, and asks for them."""
        tokens = Tokens(make(scopes=["https://a"]), print, clock.time)
        assert tokens.reply(ANY) == tokens.reply(AccessToken(("https://a",)))
        assert workload.google.count(GENERATED) == 1

    def test_what_is_kept_has_a_bound(self, make: Make, workload: Workload, clock: FakeClock) -> None:
        tokens = Tokens(make(service_account_email=None), print, clock.time)
        for number in range(80):
            document(tokens.reply(AccessToken((f"https://{number}",))))
        assert tokens._source.cache_info().currsize == 64


class TestIDTokens:
    def test_each_audience_has_one(self, make: Make, workload: Workload, clock: FakeClock) -> None:
        tokens = Tokens(make(), print, clock.time)
        for wanted in (IDToken("https://a", True), IDToken("https://b", False)):
            bodies = {tokens.reply(wanted).body for _ in range(3)}
            assert len(bodies) == 1
            claims = jwt.decode(bodies.pop(), verify=False)
            assert claims["aud"] == wanted.audience
            assert claims.get("email") == (workload.account.email if wanted.include_email else None)
        assert (workload.google.count("generateIdToken"), workload.google.count("/v1/token")) == (2, 1)


class TestErrors:
    """What Google says is what the client gets; it retries a 503 alone."""

    def test_a_refusal(self, make: Make, clock: FakeClock) -> None:
        reply = Tokens(make(service_account_email="nobody@p.iam.gserviceaccount.com"), print, clock.time).reply(ANY)
        assert reply.status == 403
        assert b"Google's IAM Credentials API rejected the request" in reply.body
        assert b"gcloud iam service-accounts add-iam-policy-binding" in reply.body

    def test_why_there_is_no_token_is_told_once(self, make: Make, workload: Workload, clock: FakeClock) -> None:
        """gcloud, for one, keeps what the server says to itself."""
        told: list[str] = []
        tokens = Tokens(make(), told.append, clock.time)
        workload.google.fail(GENERATED, Fault(404, times=None))
        bodies = {tokens.reply(ANY).body for _ in range(3)}
        assert told == [body.decode() for body in bodies]
        without_account = Tokens(make(service_account_email=None), told.append, clock.time)
        assert without_account.reply(IDToken("https://a", False)).body.decode() == told[1]

    def test_an_account_that_is_not_there(self, make: Make, workload: Workload, clock: FakeClock) -> None:
        workload.google.fail(GENERATED, Fault(404))
        assert Tokens(make(), print, clock.time).reply(ANY).status == 404

    def test_no_aws_identity(self, make: Make, clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
        tokens = Tokens(make(), print, clock.time)
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
            monkeypatch.delenv(name)
        reply = tokens.reply(ANY)
        assert reply.status == 403
        assert b"AWS" in reply.body

    def test_what_may_work_later(self, make: Make, workload: Workload, clock: FakeClock) -> None:
        workload.google.fail("/v1/token", Fault(503, times=None))
        reply = Tokens(make(), print, clock.time).reply(ANY)
        assert reply.status == 503
        assert b"HTTP 503" in reply.body

    def test_a_mistake_of_ours_shows_nothing(
        self, make: Make, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken(credentials: Credentials) -> Token:
            raise KeyError("secret")

        monkeypatch.setattr(Credentials, "get_token", broken)
        reply = Tokens(make(), print, clock.time).reply(ANY)
        assert (reply.status, reply.body) == (500, b"This metadata server failed: KeyError.")

    def test_no_secret_is_in_an_error(self, make: Make, workload: Workload, clock: FakeClock) -> None:
        """A server that quotes what it was sent."""
        quoted = f"{workload.keys.secret_access_key} {workload.keys.session_token}"
        workload.google.fail("/v1/token", Fault(400, body={"error": "invalid_grant", "error_description": quoted}))
        reply = Tokens(make(), print, clock.time).reply(ANY)
        assert reply.status == 403
        for secret in quoted.split():
            assert secret.encode() not in reply.body
