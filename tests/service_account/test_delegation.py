"""Acting for a Workspace user, delegation through other service accounts, and tokens of more than an hour."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import google.auth.credentials as google_credentials
import jwt
import pytest
import seams
from core.copies import COPIES
from core.stand_in import FakeClock
from emulator.workload import CLOUD_PLATFORM, ROLE_ARN, Workload

from google_auth_botocore import ConfigurationError, Credentials, FederationError, IDTokenCredentials
from google_auth_botocore.emulator import Emulator, Fault, TokenInfo
from service_account.conftest import CREATOR, Make

ANN = "ann@example.com"
BOB = "bob@example.com"
DRIVE = "https://www.googleapis.com/auth/drive.readonly"
OAUTH = "?token"  # the OAuth token endpoint, not the Security Token Service

Change = Callable[[Credentials], Credentials]


def behind(google: Emulator, credentials: Credentials) -> TokenInfo:
    """Return what Google knows about the credentials' token."""
    info = google.check_access_token(credentials.get_token().value)
    assert info is not None
    return info


def calls(google: Emulator) -> list[str]:
    """Return the requests to Google, in order."""
    return [call.path.rpartition(":")[2].rpartition("/v1")[2] for call in google.calls]


@pytest.mark.usefixtures("credentials")  # can sign
class TestSubject:
    @pytest.fixture(name="delegated", autouse=True)
    def _delegated(self, google: Emulator, workload: Workload) -> None:
        """Allow the service account to act for Workspace users."""
        google.allow_domain_wide_delegation(workload.account.email, [CLOUD_PLATFORM, DRIVE])

    @pytest.mark.parametrize("way", ["argument", "with_subject"])
    def test_the_token_belongs_to_the_user(
        self, google: Emulator, credentials: Credentials, make: Make, way: str
    ) -> None:
        acting = make(subject=ANN) if way == "argument" else credentials.with_subject(ANN)

        info = behind(google, acting)

        assert (info.principal, info.scopes) == (ANN, (CLOUD_PLATFORM,))
        assert calls(google) == ["/token", "signJwt", "/token"]

    def test_without_a_subject_the_token_belongs_to_the_service_account(
        self, google: Emulator, workload: Workload, credentials: Credentials
    ) -> None:
        acting = credentials.with_subject(ANN)
        assert behind(google, acting.with_subject(None)).principal == workload.account.email
        assert behind(google, acting).principal == ANN

    def test_each_user_has_a_separate_token_and_all_share_the_federated_one(
        self, google: Emulator, workload: Workload, credentials: Credentials
    ) -> None:
        users = [credentials, credentials.with_subject(ANN), credentials.with_subject(BOB)]

        for _ in range(2):
            assert [behind(google, each).principal for each in users] == [workload.account.email, ANN, BOB]
        assert sorted(calls(google)) == sorted(["/token", "generateAccessToken", *["signJwt", "/token"] * 2])

    COPIES: dict[str, Change] = {  # noqa: RUF012 - a table
        "with_scopes": lambda c: c.with_scopes([DRIVE]),
        "with_scopes: default": lambda c: c.with_scopes(None, default_scopes=[DRIVE]),
        "with_scopes_if_required": lambda c: google_credentials.with_scopes_if_required(c, [DRIVE]),
        "with_quota_project": lambda c: c.with_quota_project("q"),
        "with_universe_domain": lambda c: c.with_universe_domain("googleapis.com"),
        "with_token_uri": lambda c: c.with_token_uri(str(c.info["token_url"])),
        **COPIES,
    }

    @pytest.mark.parametrize("name", COPIES)
    def test_every_copy_acts_for_the_same_user(self, google: Emulator, make: Make, name: str) -> None:
        """A copy that lost its user would silently act as the service account."""
        original = make(subject=ANN)
        made = self.COPIES[name](original)

        assert made is not original
        assert behind(google, made).principal == ANN
        assert google.count(":generateAccessToken") == 0

    def test_a_chain_of_all_copies_acts_for_the_same_user(self, google: Emulator, make: Make) -> None:
        made = make(subject=ANN)
        for change in self.COPIES.values():
            made = change(made)

        info = behind(google, made)
        assert (info.principal, info.scopes, made.quota_project_id) == (ANN, (DRIVE,), "q")

    def test_the_token_has_the_configured_lifetime_below_an_hour(self, google: Emulator, make: Make) -> None:
        token = make(subject=ANN, lifetime=600).get_token()
        assert token.expiry.timestamp() == pytest.approx(time.time() + 600, abs=20)

    def test_clock_offset_measured_for_aws_applies_to_the_assertion_too(
        self, google: Emulator, make: Make, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Google accepts an assertion only if it was issued within the last hour."""
        seams.use_clock(monkeypatch, FakeClock(now=time.time() + 3 * 3600))
        assert behind(google, make(subject=ANN)).principal == ANN

    def test_an_assertion_that_google_rejects_for_its_date_is_dated_by_googles_clock(
        self, google: Emulator, make: Make, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The clock is ten minutes ahead: AWS accepts that (up to 15), but Google rejects an assertion from the future."""
        seams.use_clock(monkeypatch, FakeClock(now=time.time() + 600))
        made = make(subject=ANN)
        assert behind(google, made).principal == ANN
        made.refresh(None)
        assert calls(google) == ["/token", *["signJwt", "/token"] * 3]

    def test_one_failure_of_each_server_has_no_effect(
        self, google: Emulator, make: Make, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        seams.use_clock(monkeypatch, FakeClock(now=time.time()))
        made = make(subject=ANN)
        for path in ("/v1/token", ":signJwt", OAUTH):
            google.fail(path, Fault(status=503))

        assert behind(google, made).principal == ANN
        assert calls(google) == ["/token", "/token", "signJwt", "signJwt", "/token", "/token"]

    @pytest.mark.parametrize(
        ("arguments", "change", "words"),
        [
            ({}, lambda c: c.with_subject(" "), "subject must be a non-empty string"),
            (
                {"lifetime": 3601},
                lambda c: c.with_subject(ANN),
                "acts for a subject is valid for at most 3600 s, not lifetime=3601",
            ),
            ({"service_account_email": None}, lambda c: c.with_subject(ANN), "Set service_account_email"),
            (
                {"subject": ANN},
                lambda c: c.with_universe_domain("apis.example"),
                "domain-wide delegation) is not available in the universe 'apis.example'",
            ),
        ],
        ids=["blank", "too long", "no service account", "another universe"],
    )
    def test_invalid_arguments_are_rejected_before_any_network_call(
        self, google: Emulator, make: Make, arguments: dict[str, Any], change: Change, words: str
    ) -> None:
        credentials = make(**arguments)
        with pytest.raises(ConfigurationError) as caught:
            change(credentials)
        assert words in str(caught.value)
        assert google.calls == []


@pytest.mark.usefixtures("credentials")
class TestRejection:
    """The errors of Google's token endpoint, and their hints."""

    @pytest.mark.parametrize("allowed", [[], [CLOUD_PLATFORM]], ids=["not at all", "for one scope of two"])
    def test_a_service_account_without_domain_wide_delegation(
        self, google: Emulator, workload: Workload, credentials: Credentials, allowed: list[str]
    ) -> None:
        google.allow_domain_wide_delegation(workload.account.email, allowed)
        acting = credentials.with_subject(ANN).with_scopes([CLOUD_PLATFORM, DRIVE])

        with pytest.raises(FederationError) as caught:
            acting.refresh(None)

        error = caught.value
        assert (error.step, error.reason, error.status_code) == ("delegation", "unauthorized_client", 401)
        assert not error.retryable
        # The federated token is not the cause, so it is not refreshed.
        assert calls(google) == ["/token", "signJwt", "/token"]
        assert str(error) == (
            f"Google's OAuth token endpoint rejected the request for a token for {workload.account.email} to act for {ANN} "
            f"(HTTP 401): Client is unauthorized to retrieve access tokens using… {error.hint}"
        )
        assert error.failure == "delegation-not-allowed"
        assert f"{CLOUD_PLATFORM},{DRIVE}. " in str(error.hint)
        assert str(error.hint).endswith(f"describe {workload.account.email} --format='value(uniqueId)'")
        # As the hint says, the client id is the account's unique id.
        google.allow_domain_wide_delegation(workload.account.unique_id, [CLOUD_PLATFORM, DRIVE])
        acting.refresh(None)
        assert behind(google, acting).principal == ANN

    def test_a_user_who_does_not_exist(self, google: Emulator, workload: Workload, credentials: Credentials) -> None:
        google.allow_domain_wide_delegation(workload.account.email, [CLOUD_PLATFORM])

        with pytest.raises(FederationError) as caught:
            credentials.with_subject("ann").refresh(None)

        error = caught.value
        assert (error.step, error.reason, error.status_code) == ("delegation", "invalid_grant", 400)
        assert "(HTTP 400, invalid_grant): Invalid email or User ID. " in str(error)
        assert error.failure == "user-unknown"
        assert "ann" in str(error.hint)

    def test_an_assertion_that_google_rejects_for_its_date(self, google: Emulator, credentials: Credentials) -> None:
        words = "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe."
        google.fail(OAUTH, Fault(400, times=2, body={"error": "invalid_grant", "error_description": words}))

        with pytest.raises(FederationError) as caught:
            credentials.with_subject(ANN).refresh(None)

        assert calls(google) == ["/token", *["signJwt", "/token"] * 2]
        assert (caught.value.reason, caught.value.failure) == ("invalid_grant", "clock-skew")

    def test_no_error_quotes_the_assertion(self, google: Emulator, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
        """An assertion is a secret like a token, and a server can send it back."""
        seams.use_clock(monkeypatch, FakeClock(now=time.time()))
        acting = make(subject=ANN)
        with pytest.raises(FederationError):
            acting.refresh(None)
        assertion = google.calls[-1].form()["assertion"]  # identical within the same second
        google.fail(OAUTH, Fault(400, body={"error": "invalid_grant", "error_description": f"What is {assertion}?"}))

        with pytest.raises(FederationError, match=r"What is \S+\?") as caught:
            acting.refresh(None)

        assert google.calls[-1].form()["assertion"] == assertion
        assert assertion not in str(caught.value)


class TestDelegates:
    """Chains of service accounts, each of which trusts the previous one."""

    @pytest.fixture(name="hops")
    def _hops(self, google: Emulator) -> list[str]:
        return [google.add_service_account(f"hop{n}@my-project.iam.gserviceaccount.com").email for n in range(5)]

    @pytest.fixture(name="target")
    def _target(self, google: Emulator) -> str:
        target = google.add_service_account("target@my-project.iam.gserviceaccount.com").email
        google.allow_domain_wide_delegation(target, [CLOUD_PLATFORM])
        return target

    @pytest.mark.parametrize("length", range(6))
    def test_a_chain_of_any_length_works_for_every_kind_of_token(
        self, google: Emulator, workload: Workload, make: Make, hops: list[str], target: str, length: int
    ) -> None:
        """An access token, a user's token, an ID token and a signature, each with one call to IAM."""
        chain = [*hops[:length], target]
        trust(workload, chain)
        credentials = make(service_account_email=target, delegates=chain[:-1])

        assert behind(google, credentials).principal == target
        assert behind(google, credentials.with_subject(ANN)).principal == ANN
        id_token = IDTokenCredentials(credentials, "https://service.example", include_email=True).get_token().value
        assert jwt.decode(id_token, options={"verify_signature": False})["email"] == target
        assert google.check_signature(target, b"message", credentials.sign_bytes(b"message"))

        methods = ["generateAccessToken", "signJwt", "/token", "generateIdToken", "signBlob"]
        assert calls(google) == ["/token", *methods]

    def test_delegates_can_be_named_by_their_unique_ids(
        self, google: Emulator, workload: Workload, make: Make, hops: list[str], target: str
    ) -> None:
        trust(workload, [*hops, target])
        numbers = [google.add_service_account(each).unique_id for each in [*hops, target]]

        credentials = make(service_account_email=numbers[-1], delegates=numbers[:-1])

        assert behind(google, credentials).principal == target

    @pytest.mark.parametrize("gap", range(6))
    def test_the_hint_contains_the_missing_grant_at_any_position(
        self, workload: Workload, make: Make, hops: list[str], target: str, gap: int
    ) -> None:
        """Google only says whether the missing grant precedes the last account. The hint has a command for each candidate."""
        chain = [*hops, target]
        trust(workload, chain, gap=gap)
        with pytest.raises(FederationError) as caught:
            make(service_account_email=target, delegates=hops).refresh(None)

        denied = "getAccessToken" if chain[gap] == target else "implicitDelegation"
        assert f"Permission 'iam.serviceAccounts.{denied}' denied" in str(caught.value)
        member = f"serviceAccount:{chain[gap - 1]}" if gap else "principalSet:"
        command = f"gcloud iam service-accounts add-iam-policy-binding {chain[gap]} --role={CREATOR} --member={member}"
        assert command in str(caught.value.hint).replace("'", "")

    def test_the_order_of_delegates_matters(self, workload: Workload, make: Make, hops: list[str], target: str) -> None:
        """The AWS identity impersonates the first delegate."""
        trust(workload, [*hops, target])
        with pytest.raises(FederationError, match=f"lacks {CREATOR} on {hops[-1]}"):
            make(service_account_email=target, delegates=hops[::-1]).refresh(None)


def trust(workload: Workload, chain: list[str], gap: int | None = None) -> None:
    """Let each account be impersonated by the previous one, and the first by the AWS identity."""
    members = [workload.provider.principal_set("aws_role", ROLE_ARN), *(f"serviceAccount:{each}" for each in chain)]
    for number, account in enumerate(chain):
        if number != gap:
            workload.google.grant(account, CREATOR, members[number])


class TestLifetime:
    @pytest.fixture(name="listed")
    def _listed(self, google: Emulator, workload: Workload) -> str:
        """The e-mail address of a service account in the organization policy."""
        listed = google.add_service_account("listed@my-project.iam.gserviceaccount.com", lifetime_extension=True).email
        google.grant(listed, "roles/iam.workloadIdentityUser", workload.provider.principal_set("aws_role", ROLE_ARN))
        return listed

    @pytest.mark.parametrize("lifetime", [60, 3600, 3601, 43200])
    def test_a_token_is_valid_for_up_to_twelve_hours_if_the_policy_allows_it(
        self, make: Make, listed: str, lifetime: int
    ) -> None:
        token = make(service_account_email=listed, lifetime=lifetime).get_token()
        assert token.expiry.timestamp() == pytest.approx(time.time() + lifetime, abs=20)

    @pytest.mark.parametrize("lifetime", [3601, 43200])
    def test_the_error_names_the_policy_if_it_does_not_allow_the_lifetime(
        self, workload: Workload, make: Make, lifetime: int
    ) -> None:
        with pytest.raises(FederationError) as caught:
            make(lifetime=lifetime).refresh(None)

        error = caught.value
        assert (error.step, error.reason, error.status_code) == ("impersonation", "INVALID_ARGUMENT", 400)
        assert error.failure == "lifetime-too-long"
        assert f"an access token of {workload.account.email}" in str(error)

    def test_an_expired_federated_token_does_not_affect_a_longer_access_token(
        self, google: Emulator, make: Make, listed: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Hours after the federated token has expired, requests still get the token without a call to Google."""
        clock = FakeClock(now=time.time())
        seams.use_clock(monkeypatch, clock)
        google.clock = clock.time
        credentials = make(service_account_email=listed, lifetime=43200)
        first = credentials.get_token()
        clock.advance(11 * 3600)

        assert credentials.get_token() == first
        assert google.check_access_token(first.value) is not None
        assert calls(google) == ["/token", "generateAccessToken"]

    @pytest.mark.parametrize("lifetime", [0, -1, 43201, 3600.0, None])
    def test_an_invalid_lifetime_is_rejected_immediately(self, google: Emulator, make: Make, lifetime: Any) -> None:
        with pytest.raises(ConfigurationError, match="whole number of seconds from 1 to 43200"):
            make(lifetime=lifetime)
        assert google.calls == []
