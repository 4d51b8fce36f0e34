"""Keys that are rotated while a process runs: AWS rejects the old keys, and the new ones are found."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import boto3
import botocore.session
import pytest
import seams
from core.stand_in import HurriedClock
from variations import few

from aws.conftest import ACCOUNT, ROLE, Federation, Issue, arn, environment, ini, set_all
from aws.role_server import RoleServer
from aws.servers import known_keys
from google_auth_botocore import Credentials, FederationError
from google_auth_botocore.emulator import AwsKeys, Emulator, Fault
from google_auth_botocore.emulator.aws import WebIdentityIssuer

JWT = "urn:ietf:params:oauth:token-type:jwt"
_REJECTIONS = [
    "AuthFailure",
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
]
_SESSIONS: dict[str, Callable[[], Any]] = {
    "own": lambda: None,
    "botocore": botocore.session.Session,
    "boto3": boto3.Session,
}

each_session = pytest.mark.parametrize("session", _SESSIONS.values(), ids=list(_SESSIONS))


def _reject(google: Emulator, keys: AwsKeys, how: str) -> None:
    """Let AWS reject keys, in the form in which Google reports it."""
    if how == "deleted":
        del known_keys(google)[keys.access_key_id]
    elif how == "changed":
        google.aws_keys.add(dataclasses.replace(keys, secret_access_key="another"))
    else:
        google.aws_keys.add(dataclasses.replace(keys, expiry=datetime(2020, 1, 1, tzinfo=timezone.utc)))


def _file(tmp_path: Path, text: str, name: str = "credentials") -> None:
    """Replace a file atomically, as rotation jobs do."""
    path = tmp_path / "home" / ".aws" / name
    path.parent.mkdir(exist_ok=True)
    new = path.with_suffix(".new")
    new.write_text(text)
    new.replace(path)


@each_session
@pytest.mark.parametrize("how", ["deleted", "changed", "expired"])
def test_rewritten_credentials_file_is_read_again(
    federation: Federation, issue: Issue, tmp_path: Path, session: Callable[[], Any], how: str
) -> None:
    old = issue("old")
    _file(tmp_path, ini("default", old))
    credentials = federation.credentials(session=session())
    credentials.refresh(None)
    _file(tmp_path, ini("default", issue("new")))
    credentials.refresh(None)
    assert federation.last_seen().arn == arn("old")  # as long as AWS accepts them
    _reject(federation.google, old, how)
    credentials.refresh(None)
    assert federation.last_seen().arn == arn("new")
    assert [call.status for call in federation.google.calls] == [200, 200, 400, 200]


@each_session
@pytest.mark.parametrize("code", _REJECTIONS)
def test_after_each_error_code_for_rejected_keys_the_keys_are_resolved_exactly_once_more(
    federation: Federation, issue: Issue, tmp_path: Path, session: Callable[[], Any], code: str
) -> None:
    _file(tmp_path, ini("default", issue("app")))
    body = {
        "error": "invalid_grant",
        "error_description": f"Received invalid AWS response of type {code} with error message: no",
    }
    federation.google.fail("/v1/token", Fault(400, times=None, body=body))
    credentials = federation.credentials(session=session())
    with pytest.raises(FederationError) as caught:
        credentials.refresh(None)
    assert caught.value.aws_reason == code
    assert len(federation.google.calls) == 2
    federation.google.clear_faults()
    credentials.refresh(None)


@pytest.mark.parametrize("code", ["AccessDenied", "SignatureDoesNotMatch"])
def test_other_rejections_are_not_repeated(federation: Federation, issue: Issue, tmp_path: Path, code: str) -> None:
    """A rejected date does not count as rejected keys, although the error code is the same."""
    _file(tmp_path, ini("default", issue("app")))
    text = "Signature expired: 20260101T000000Z is now earlier than 20260101T001000Z"
    body = {
        "error": "invalid_grant",
        "error_description": f"Received invalid AWS response of type {code} with error message: {text}",
    }
    credentials = federation.credentials()
    credentials.refresh(None)
    _file(tmp_path, ini("default", issue("another")))
    federation.google.fail("/v1/token", Fault(400, times=None, body=body))
    with pytest.raises(FederationError):
        credentials.refresh(None)
    federation.google.clear_faults()
    credentials.refresh(None)
    assert federation.last_seen().arn == arn("app"), "the file was read again"


def test_keys_that_were_set_in_code_are_not_tried_twice(federation: Federation, issue: Issue) -> None:
    keys = issue("app")
    session = boto3.Session(keys.access_key_id, keys.secret_access_key, keys.session_token)
    _reject(federation.google, keys, "deleted")
    with pytest.raises(FederationError, match="InvalidClientTokenId"):
        federation.credentials(session=session).refresh(None)
    assert len(federation.google.calls) == 1


def test_session_with_explicit_keys_never_becomes_another_identity(
    federation: Federation, issue: Issue, tmp_path: Path
) -> None:
    _file(tmp_path, ini("default", issue("of-the-file")))
    keys = issue("of-the-code")
    session = botocore.session.Session()
    session.set_credentials(keys.access_key_id, keys.secret_access_key, keys.session_token)
    _reject(federation.google, keys, "deleted")
    credentials = federation.credentials(session=session)
    for _ in range(2):
        with pytest.raises(FederationError, match="InvalidClientTokenId"):
            credentials.refresh(None)


def test_the_users_own_provider_is_never_skipped(federation: Federation, issue: Issue, tmp_path: Path) -> None:
    _file(tmp_path, ini("default", issue("of-the-file")))
    keys = issue("of-the-provider")

    class Vault(botocore.credentials.CredentialProvider):
        METHOD = "vault"

        def load(self) -> Any:
            return botocore.credentials.Credentials(keys.access_key_id, keys.secret_access_key, keys.session_token)

    session = botocore.session.Session()
    session.get_component("credential_provider").insert_before("env", Vault())
    _reject(federation.google, keys, "deleted")
    credentials = federation.credentials(session=session)
    for _ in range(2):
        with pytest.raises(FederationError, match="InvalidClientTokenId"):
            credentials.refresh(None)


@each_session
def test_environment_that_changed_is_read_again(
    federation: Federation, issue: Issue, monkeypatch: pytest.MonkeyPatch, session: Callable[[], Any]
) -> None:
    old = issue("old")
    set_all(monkeypatch, environment(old))
    credentials = federation.credentials(session=session())
    credentials.refresh(None)
    set_all(monkeypatch, environment(issue("new")))
    _reject(federation.google, old, "deleted")
    credentials.refresh(None)
    assert federation.last_seen().arn == arn("new")


def test_keys_in_the_environment_still_win_over_a_profile(
    federation: Federation, issue: Issue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A profile from the environment does not override keys there. A profile in code does."""
    _file(tmp_path, ini("team", issue("of-the-file")))
    old = issue("old")
    set_all(monkeypatch, {**environment(old), "AWS_PROFILE": "team"})
    credentials = federation.credentials(session=botocore.session.Session())
    credentials.refresh(None)
    set_all(monkeypatch, environment(issue("new")))
    _reject(federation.google, old, "deleted")
    credentials.refresh(None)
    assert federation.last_seen().arn == arn("new")


@each_session
def test_file_whose_keys_are_replaced_by_a_role_is_read_again(
    federation: Federation,
    issue: Issue,
    user: AwsKeys,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    session: Callable[[], Any],
) -> None:
    old = issue("old")
    _file(tmp_path, ini("team", old))
    set_all(monkeypatch, {"AWS_PROFILE": "team", "AWS_DEFAULT_REGION": "eu-west-1"})
    credentials = federation.credentials(session=session())
    credentials.refresh(None)
    _file(tmp_path, ini("base", user))
    _file(tmp_path, ini("profile team", role_arn=ROLE, source_profile="base", role_session_name="me"), "config")
    _reject(federation.google, old, "deleted")
    credentials.refresh(None)
    assert federation.last_seen().arn == arn("reader", "me")


@each_session
@pytest.mark.parametrize("code", few(_REJECTIONS, 2))
def test_keys_that_a_role_is_assumed_with_are_read_again(
    federation: Federation,
    issue: Issue,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    clock: HurriedClock,
    session: Callable[[], Any],
    code: str,
) -> None:
    """In this case AWS STS rejects the keys. It is called again without a pause."""
    old, new = issue("old"), issue("new")
    _file(tmp_path, ini("default", old))
    with RoleServer(issue, code, known={old.access_key_id}) as sts:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", sts.url)
        credentials = federation.credentials(session=session(), assume_role=ROLE)
        credentials.refresh(None)
        _file(tmp_path, ini("default", new))
        sts.known = {new.access_key_id}
        # The role's own keys are revoked, too: now the base identity's are needed again.
        _reject_all(federation.google, "reader")
        credentials.refresh(None)
        assert len(sts.calls) == 2
        assert federation.last_seen().arn == arn("reader")
        sts.known = set()
        _reject_all(federation.google, "reader")
        before = len(sts.calls)
        with pytest.raises(FederationError) as caught:
            credentials.refresh(None)
        assert caught.value.reason == code
        assert len(sts.calls) - before <= 2
    assert clock.pauses == []


def _reject_all(google: Emulator, role: str) -> None:
    for keys in list(known_keys(google).values()):
        if f"/{role}/" in keys.arn:
            _reject(google, keys, "deleted")


def test_first_assumption_of_a_role_with_old_keys_is_retried(
    federation: Federation, issue: Issue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The session has read the file before the rotation, and requires the keys after it."""
    old, new = issue("old"), issue("new")
    _file(tmp_path, ini("default", old))
    session = botocore.session.Session()
    session.get_credentials()
    _file(tmp_path, ini("default", new))
    with RoleServer(issue, known={new.access_key_id}) as sts:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", sts.url)
        federation.credentials(session=session, assume_role=ROLE).refresh(None)
        assert [call.status for call in sts.calls] == [403, 200]


def test_role_of_keys_that_were_set_in_code_is_assumed_again(
    federation: Federation, issue: Issue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The role's keys were revoked, but not the keys with which it is assumed."""
    base = issue("base")
    with RoleServer(issue, known={base.access_key_id}) as sts:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", sts.url)
        session = boto3.Session(base.access_key_id, base.secret_access_key, base.session_token)
        credentials = federation.credentials(session=session, assume_role=ROLE)
        credentials.refresh(None)
        _reject_all(federation.google, "reader")
        credentials.refresh(None)
        assert len(sts.calls) == 2


@each_session
def test_web_identity_token_is_requested_again_with_new_keys(
    federation: Federation, issue: Issue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, session: Callable[[], Any]
) -> None:
    old = issue("old")
    _file(tmp_path, ini("default", old))
    with WebIdentityIssuer(federation.google.aws_keys.find) as issuer:
        set_all(monkeypatch, {**issuer.environment(), "AWS_REGION": "eu-west-1"})
        federation.audience = federation.google.add_oidc_provider(issuer.url).audience
        credentials = federation.credentials(session=session(), subject_token_type=JWT)
        credentials.refresh(None)
        _file(tmp_path, ini("default", issue("new")))
        _reject(federation.google, old, "deleted")
        credentials.refresh(None)
        subject = f"arn:aws:iam::{ACCOUNT}:role/new"
        assert federation.google.calls[-1].assertion is not None
        assert federation.google.calls[-1].assertion["sub"] == subject


def test_new_session_has_the_configuration_of_the_original_one(
    federation: Federation, issue: Issue, tmp_path: Path
) -> None:
    """It keeps the region, the files and the client configuration."""
    old, elsewhere = issue("old"), tmp_path / "elsewhere"
    elsewhere.write_text(ini("team", old))
    session = botocore.session.Session(profile="team")
    session.set_config_variable("credentials_file", str(elsewhere))
    session.set_config_variable("region", "eu-west-3")
    session.set_default_client_config(botocore.config.Config(proxies={"https": "http://proxy.example"}))
    credentials: Credentials = federation.credentials(session=session)
    credentials.refresh(None)
    elsewhere.write_text(ini("team", issue("new")))
    _reject(federation.google, old, "deleted")
    credentials.refresh(None)
    seen = federation.last_seen()
    assert (seen.arn, seen.region) == (arn("new"), "eu-west-3")
    replaced: Any = seams.session_of(credentials)
    assert replaced is not session
    assert replaced.get_default_client_config().proxies == {"https": "http://proxy.example"}
