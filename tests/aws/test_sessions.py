"""Sessions: which are accepted, how their keys are read, and which calls are never made."""

from __future__ import annotations

import getpass
import math
import pickle
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from functools import partialmethod
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import botocore.credentials
import botocore.session
import google.auth.transport.requests
import pytest
import seams
from botocore.credentials import AssumeRoleProvider, RefreshableCredentials
from core.stand_in import HurriedClock
from refresh.threads import finish

from aws.conftest import ACCOUNT, ROLE, Federation, Issue, Write, arn, environment, ini, set_all
from google_auth_botocore import ConfigurationError, Credentials, FederationError
from google_auth_botocore.emulator import AwsKeys, Emulator
from google_auth_botocore.emulator.aws import InstanceMetadata
from google_auth_botocore.emulator.aws.moto import Moto
from google_auth_botocore.exceptions import TransientFederationError

MFA = f"arn:aws:iam::{ACCOUNT}:mfa/me"


class _OfAiobotocore(botocore.session.Session):
    """Like aiobotocore's session: a botocore session whose credentials are awaitable."""


_OfAiobotocore.__module__ = "aiobotocore.session"


class _MadeFromIt(_OfAiobotocore):
    """A user's subclass of it."""


@pytest.mark.parametrize(
    "session",
    [_OfAiobotocore(), _MadeFromIt(), SimpleNamespace(_session=_OfAiobotocore())],
    ids=["own", "made", "aioboto3"],
)
def test_session_of_aiobotocore_is_rejected(federation: Federation, session: object) -> None:
    with pytest.raises(ConfigurationError) as caught:
        federation.credentials(session=session)
    assert seams.sentences(caught.value) == (
        "session is an aiobotocore session, whose credentials can only be awaited. Pass a botocore or boto3 Session."
    )


@pytest.mark.parametrize("session", ["team", boto3, {}, object()], ids=["text", "module", "mapping", "object"])
def test_object_that_is_not_a_session_is_rejected(federation: Federation, session: object) -> None:
    with pytest.raises(ConfigurationError) as caught:
        federation.credentials(session=session)
    how = (
        "For the name of an AWS profile, use profile=."
        if session == "team"
        else "Pass boto3.Session(), or leave it out to use botocore's default chain."
    )
    what = "the module boto3" if session is boto3 else f"an object of the type {type(session).__name__}"
    assert seams.sentences(caught.value) == f"session must be a botocore or boto3 Session, not {what}. {how}"


def test_profile_beside_a_session_is_rejected(federation: Federation) -> None:
    with pytest.raises(ConfigurationError) as caught:
        federation.credentials(session=boto3.Session(), profile="team")
    assert seams.sentences(caught.value) == (
        "profile cannot be combined with session, which has its own profile. Pass one of the two."
    )


@pytest.mark.parametrize("role", ["reader", "arn:aws:iam::1:role/reader", {"RoleSessionName": "me"}, 42])
def test_invalid_role_is_rejected(federation: Federation, role: object) -> None:
    with pytest.raises(
        ConfigurationError,
        match=r"assume_role must be a role's ARN, .*Pass an ARN of the form arn:aws:iam::123456789012:role/NAME\.",
    ):
        federation.credentials(assume_role=role)


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"AWS_REGION": "eu-west-1"},
        {"AWS_REGION": "", "AWS_DEFAULT_REGION": "eu-west-2"},
        {"AWS_SESSION_TOKEN": "", "AWS_SECURITY_TOKEN": "TOKEN"},
        {"AWS_CREDENTIAL_EXPIRATION": ""},
        {"AWS_CREDENTIAL_EXPIRATION": "2100-01-01T00:00:00Z"},
        {"AWS_EC2_METADATA_DISABLED": "false"},
        {"AWS_PROFILE": "default"},
    ],
    ids=str,
)
def test_environment_is_read_like_botocores_whole_chain_reads_it(
    federation: Federation, issue: Issue, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]
) -> None:
    """If only keys and a region are set, a shortcut is used. Its result is the same."""
    keys = environment(issue("app"))
    set_all(monkeypatch, {**keys, **{k: v.replace("TOKEN", keys["AWS_SESSION_TOKEN"]) for k, v in variables.items()}})
    whole = botocore.session.Session()
    identity = seams.aws_identity()
    try:
        found = whole.get_credentials()
        assert found is not None
        expected = found.get_frozen_credentials()
    except Exception as error:
        with pytest.raises(FederationError, match=type(error).__name__):
            identity.signer(None, seams.ExchangeContext(background=False, deadline=math.inf))
    else:
        assert identity.signer(None, seams.ExchangeContext(background=False, deadline=math.inf)).keys == expected[:3]
        assert federation.seen().arn == arn("app")


@pytest.mark.parametrize("legacy", ["AWS_SECURITY_TOKEN", "AWS_SESSION_TOKEN"])
def test_session_token_by_its_old_name_too(
    federation: Federation, issue: Issue, monkeypatch: pytest.MonkeyPatch, legacy: str
) -> None:
    keys = environment(issue("app"))
    set_all(monkeypatch, {**keys, legacy: keys.pop("AWS_SESSION_TOKEN")})
    assert federation.seen().arn == arn("app")


def test_keys_are_read_as_one_set_while_they_change() -> None:
    """All three values of a key set are the same number, so a signer with two numbers has read a torn set."""
    renewals = iter(range(1, 1_000_000))
    lock = threading.Lock()

    def renew() -> dict[str, str]:
        with lock:
            number = str(next(renewals))
        return {"access_key": number, "secret_key": number, "token": number, "expiry_time": soon}

    soon = (datetime.now(timezone.utc) + timedelta(minutes=12)).isoformat()  # always due, never expired
    session = botocore.session.Session()
    session._credentials = RefreshableCredentials.create_from_metadata(renew(), renew, "counter")  # type: ignore[attr-defined]
    identity = seams.aws_identity(region="eu-west-1", session=session)
    barrier = threading.Barrier(8)

    def read(_: int) -> set[str | None]:
        barrier.wait(60)
        seen: set[str | None] = set()
        for _ in range(100):
            keys = identity.signer(None, seams.ExchangeContext(background=False, deadline=math.inf)).keys
            assert keys.access_key == keys.secret_key == keys.token
            seen.add(keys.access_key)
        return seen

    with ThreadPoolExecutor(8) as pool:
        numbers = set[str | None]().union(*pool.map(read, range(8)))
    assert len(numbers) > 100  # they did change


class TestMfa:
    """The caller that waits for the keys prompts for a code at the terminal."""

    @pytest.fixture(autouse=True)
    def _asked(self, user: AwsKeys, shared: Write, config: Write, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[str] = []
        self.while_typing: Callable[[], None] = lambda: None
        monkeypatch.setattr(getpass, "getpass", self._answer)
        # The provider has bound the original `getpass` as a default value.
        resolve = AssumeRoleProvider.__init__
        monkeypatch.setattr(AssumeRoleProvider, "__init__", partialmethod(resolve, prompter=self._answer))
        shared(ini("base", user))
        config(ini("profile team", role_arn=ROLE, source_profile="base", mfa_serial=MFA, region="eu-west-1"))

    def _answer(self, prompt: str) -> str:
        self.asked.append(prompt)
        self.while_typing()
        return "123456"

    @pytest.mark.parametrize(
        "arguments",
        [{"profile": "team"}, {"profile": "base", "assume_role": {"RoleArn": ROLE, "SerialNumber": MFA}}],
        ids=["profile", "argument"],
    )
    def test_it_is_requested_only_in_the_foreground(self, arguments: dict[str, Any]) -> None:
        identity = seams.aws_identity(clock=HurriedClock(), **arguments)
        with pytest.raises(FederationError) as caught:
            identity.signer(None, seams.ExchangeContext(background=True, deadline=math.inf))
        assert str(caught.value).startswith(
            "The AWS role requires an MFA code, and a background refresh does not prompt "
        )
        assert caught.value.failure == "mfa-required"
        with pytest.raises(seams.PromptRequired):
            identity.signer(None, seams.ExchangeContext(background=False, deadline=math.inf))
        assert self.asked == []
        identity.signer(None, seams.ExchangeContext(background=False, deadline=math.inf, may_prompt=True))
        assert self.asked == [f"Enter MFA code for {MFA}: "]
        # The role's keys are fresh.
        identity.signer(None, seams.ExchangeContext(background=True, deadline=math.inf))
        identity.signer(None, seams.ExchangeContext(background=False, deadline=math.inf))
        assert len(self.asked) == 1

    @pytest.mark.parametrize(
        "arguments",
        [{"profile": "team"}, {"profile": "base", "assume_role": {"RoleArn": ROLE, "SerialNumber": MFA}}],
        ids=["profile", "argument"],
    )
    def test_the_time_for_typing_does_not_count(self, arguments: dict[str, Any]) -> None:
        """Other threads wait only until their deadline. Their error says what they waited for."""
        clock = HurriedClock()
        identity = seams.aws_identity(clock=clock, **arguments)
        waiters: list[Any] = []

        def type_slowly() -> None:
            context = seams.ExchangeContext(background=False, deadline=clock.monotonic())
            with ThreadPoolExecutor(1) as pool:
                waiters.append(pool.submit(identity.signer, None, context).exception(60))
            clock.pauses.append(120)

        self.while_typing = type_slowly
        context = seams.ExchangeContext(background=False, deadline=clock.monotonic() + 30, may_prompt=True)
        identity.signer(None, context)
        assert 25 < context.deadline - clock.monotonic() <= 30
        [error] = waiters
        assert error.failure == "keys-awaited"
        assert "and waiting for an MFA code at the terminal" in str(error)

    def test_interrupt_at_the_prompt_leaves_nothing_behind(self) -> None:
        def interrupt() -> None:
            raise KeyboardInterrupt

        identity = seams.aws_identity("team")
        self.while_typing = interrupt
        with pytest.raises(KeyboardInterrupt):
            identity.signer(None, seams.ExchangeContext(background=False, deadline=math.inf, may_prompt=True))
        self.while_typing = lambda: None
        with ThreadPoolExecutor(1) as pool:  # another thread gets the lock
            context = seams.ExchangeContext(background=False, deadline=math.inf, may_prompt=True)
            assert pool.submit(identity.signer, None, context).result(60).keys.access_key

    def test_code_is_requested_once_even_if_sts_fails(self, moto: Moto, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:1")
        clock = HurriedClock()
        identity = seams.aws_identity("team", clock=clock)
        context = seams.ExchangeContext(background=False, deadline=clock.monotonic() + 30, may_prompt=True)
        with pytest.raises(TransientFederationError):
            identity.signer(None, context)
        assert len(self.asked) == 1

    def test_in_a_background_refresh_it_is_a_warning(
        self, federation: Federation, config: Write, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Meanwhile, the request uses the current token."""
        config("duration_seconds = 900")  # the role's keys are always due
        clock = _Running()
        seams.use_clock(monkeypatch, clock)
        credentials = federation.credentials(profile="team")
        request = google.auth.transport.requests.Request()
        credentials.refresh(request)
        assert len(self.asked) == 1
        clock.skipped = 59 * 60
        headers: dict[str, str] = {}
        credentials.before_request(request, "GET", "https://storage.googleapis.com/", headers)
        finish()
        assert headers["authorization"] == f"Bearer {credentials.token}"
        assert "MFA code" in caplog.text
        assert len(self.asked) == 1


class _Running(seams.SystemClock):
    """Elapsed time that can be advanced."""

    skipped = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.skipped


def test_clients_made_here_time_out_after_ten_seconds(
    federation: Federation, user: AwsKeys, config: Write, shared: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This applies to clients of the profile's chain and to clients that assume a role with the caller's session."""
    made: list[Any] = []
    create = botocore.session.Session.create_client

    def recording(self: Any, *arguments: Any, **options: Any) -> Any:
        client = create(self, *arguments, **options)
        made.append(client.meta.config)
        return client

    monkeypatch.setattr(botocore.session.Session, "create_client", recording)
    shared(ini("base", user))
    config(ini("profile team", role_arn=ROLE, source_profile="base"))
    federation.seen(profile="team", assume_role=ROLE)
    federation.seen(session=botocore.session.Session(profile="base"), assume_role=ROLE)
    assert len(made) == 3
    assert {(each.connect_timeout, each.read_timeout) for each in made} == {(10, 10)}


@pytest.mark.parametrize("source", ["profile", "argument", "web identity", "web identity in a profile", "instance"])
def test_hint_names_the_role_if_the_configuration_does(
    google: Emulator,
    federation: Federation,
    issue: Issue,
    user: AwsKeys,
    config: Write,
    shared: Write,
    tmp_path: Any,
    monkeypatch: pytest.MonkeyPatch,
    source: str,
) -> None:
    """This way the command that grants access can be run unchanged."""
    google.add_service_account("app@my-project.iam.gserviceaccount.com")
    (tmp_path / "token").write_text("a.b.c")
    arguments: dict[str, Any] = {}
    shared(ini("base", user))
    if source == "profile":
        config(ini("profile team", role_arn=ROLE, source_profile="base"))
        arguments = {"profile": "team"}
    elif source == "argument":
        arguments = {"profile": "base", "assume_role": ROLE}
    elif source == "web identity":
        config(ini("default", role_arn=ROLE.replace("reader", "another"), source_profile="nobody"))
        config(f"web_identity_token_file = {tmp_path / 'token'}")
        set_all(monkeypatch, {"AWS_ROLE_ARN": ROLE, "AWS_WEB_IDENTITY_TOKEN_FILE": str(tmp_path / "token")})
    elif source == "web identity in a profile":
        config(ini("profile pod", role_arn=ROLE, web_identity_token_file=str(tmp_path / "token")))
        monkeypatch.setenv("AWS_ROLE_ARN", ROLE.replace("reader", "another"))
        arguments = {"profile": "pod"}
    with InstanceMetadata(lambda: issue("node")) as imds:
        if source == "instance":
            set_all(monkeypatch, imds.environment())
        credentials = Credentials(
            federation.audience,
            "app@my-project.iam.gserviceaccount.com",
            token_url=google.token_url,
            iam_credentials_endpoint=google.iam_credentials_endpoint,
            **arguments,
        )
        with pytest.raises(FederationError) as caught:
            credentials.refresh(None)
    named = "ACCOUNT_ID:assumed-role/ROLE_NAME" if source == "instance" else f"{ACCOUNT}:assumed-role/reader"
    assert f"attribute.aws_role/arn:aws:sts::{named}" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("key", "secret", "missing"),
    [
        ("AKX", None, "secret access key"),
        ("AKX", "", "secret access key"),
        (None, "s", "access key id"),
        ("", "s", "access key id"),
    ],
)
def test_half_a_set_of_keys_in_a_session_is_an_error_before_anything_is_sent(
    federation: Federation, key: Any, secret: Any, missing: str
) -> None:
    session = botocore.session.Session()
    session.set_credentials(key, secret)
    with pytest.raises(FederationError) as caught:
        federation.credentials(session=session).refresh(None)
    assert str(caught.value).startswith(
        f"The AWS keys from explicit are incomplete: the {missing} is missing. Set both"
    )
    assert federation.google.calls == []


def test_session_with_a_missing_profile_works_once_the_profile_exists(
    federation: Federation, issue: Issue, shared: Write
) -> None:
    credentials = federation.credentials(session=botocore.session.Session(profile="team"))
    described = repr(credentials)
    with pytest.raises(FederationError, match="ProfileNotFound"):
        credentials.refresh(None)
    assert repr(credentials) == described
    shared(ini("team", issue("team")))
    credentials.refresh(None)
    assert federation.last_seen().arn == arn("team")


def test_session_with_explicit_keys_is_never_another_identity(
    federation: Federation, issue: Issue, shared: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that is temporarily broken does not affect them."""
    config = tmp_path / "broken"
    config.write_text("no section")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    shared(ini("default", issue("of-the-file")))
    session, keys = botocore.session.Session(), issue("of-the-code")
    session.set_credentials(keys.access_key_id, keys.secret_access_key, keys.session_token)
    credentials = federation.credentials(session=session)
    with pytest.raises(FederationError, match="ConfigParseError"):
        credentials.refresh(None)
    config.write_text("")
    credentials.refresh(None)
    assert federation.last_seen().arn == arn("of-the-code")


def test_pickle_depends_only_on_the_sessions_own_profile(
    federation: Federation, issue: Issue, shared: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared(ini("team", issue("team")))
    credentials = federation.credentials(session=botocore.session.Session(profile="team"))
    monkeypatch.setenv("AWS_PROFILE", "typo")
    pickle.loads(pickle.dumps(credentials)).refresh(None)
    assert federation.last_seen().arn == arn("team")


def test_pickle_of_a_session_with_a_missing_profile_names_the_profile(federation: Federation) -> None:
    credentials = federation.credentials(session=botocore.session.Session(profile="none"))
    with pytest.raises(pickle.PicklingError, match=r"Pass profile=, region= or assume_role=.*\(ProfileNotFound\)"):
        pickle.dumps(credentials)


def test_keys_are_not_dropped_while_another_thread_reads_them(federation: Federation, issue: Issue) -> None:
    """AWS rejects the keys on one thread while another thread is resolving them."""
    reading, dropped = threading.Event(), threading.Event()
    keys = issue("app")

    class Slow(botocore.credentials.CredentialProvider):
        METHOD = "slow"

        def load(self) -> Any:
            reading.set()
            assert not dropped.wait(0.1)
            return botocore.credentials.Credentials(keys.access_key_id, keys.secret_access_key, keys.session_token)

    session = botocore.session.Session()
    session.get_component("credential_provider").insert_before("env", Slow())
    credentials = federation.credentials(session=session)
    with ThreadPoolExecutor(2) as pool:
        token = pool.submit(credentials.get_token)
        assert reading.wait(60)
        forgotten = pool.submit(seams.identity_of(credentials).forget)
        forgotten.add_done_callback(lambda _: dropped.set())
        assert token.result(60).value
        forgotten.result(60)
