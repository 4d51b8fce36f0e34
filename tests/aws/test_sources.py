"""Every source that botocore has, each by its own provider, to a token that Google gives for the right identity."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import boto3
import botocore.session
import pytest

from aws.conftest import ACCOUNT, ROLE, Federation, Issue, Write, arn, environment, ini, process_answer, set_all
from google_auth_botocore import FederationError
from google_auth_botocore.emulator import AwsKeys, Emulator
from google_auth_botocore.emulator.aws import ContainerCredentials, InstanceMetadata, SsoPortal


def test_environment(federation: Federation, issue: Issue, monkeypatch: pytest.MonkeyPatch) -> None:
    set_all(monkeypatch, environment(issue("app")))
    assert federation.seen().arn == arn("app")


def test_environment_with_a_region_takes_the_short_way_to_the_same_end(
    federation: Federation, issue: Issue, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_all(monkeypatch, {**environment(issue("app")), "AWS_REGION": "eu-west-1"})
    assert federation.seen().arn == arn("app")


def test_new_keys_in_the_environment_are_seen_at_the_next_refresh(
    federation: Federation, issue: Issue, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_all(monkeypatch, {**environment(issue("first")), "AWS_REGION": "eu-west-1"})
    credentials = federation.credentials()
    credentials.refresh(None)
    set_all(monkeypatch, environment(issue("second")))
    credentials.refresh(None)
    assert federation.last_seen().arn == arn("second")


def test_long_term_keys_of_a_user(federation: Federation, user: AwsKeys, monkeypatch: pytest.MonkeyPatch) -> None:
    set_all(monkeypatch, environment(user))
    assert federation.seen().arn == f"arn:aws:iam::{ACCOUNT}:user/deployer"


def test_shared_credentials_file(federation: Federation, issue: Issue, shared: Write) -> None:
    shared(ini("default", issue("from-file")))
    assert federation.seen().arn == arn("from-file")


def test_profile_in_the_config_file(federation: Federation, issue: Issue, config: Write) -> None:
    config(ini("profile team", issue("from-config")))
    assert federation.seen(profile="team").arn == arn("from-config")


def test_profile_named_in_the_environment(
    federation: Federation, issue: Issue, config: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    config(ini("profile team", issue("team")) + ini("default", issue("default")))
    monkeypatch.setenv("AWS_PROFILE", "team")
    assert federation.seen().arn == arn("team")


def test_role_arn_with_a_source_profile(federation: Federation, user: AwsKeys, config: Write, shared: Write) -> None:
    shared(ini("base", user))
    config(ini("profile team", role_arn=ROLE, source_profile="base", role_session_name="me", region="eu-west-1"))
    assert federation.seen(profile="team").arn == arn("reader", "me")


def test_role_arn_with_a_credential_source(
    federation: Federation, user: AwsKeys, config: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_all(monkeypatch, environment(user))
    config(ini("profile team", role_arn=ROLE, credential_source="Environment", role_session_name="me"))
    assert federation.seen(profile="team").arn == arn("reader", "me")


def test_web_identity_as_in_a_pod_with_irsa(
    federation: Federation, moto: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = tmp_path / "token"
    token.write_text("a.b.c")
    set_all(
        monkeypatch,
        {
            "AWS_WEB_IDENTITY_TOKEN_FILE": str(token),
            "AWS_ROLE_ARN": ROLE,
            "AWS_ROLE_SESSION_NAME": "pod",
            "AWS_REGION": "eu-west-1",
        },
    )
    assert federation.seen().arn == arn("reader", "pod")


def test_single_sign_on(federation: Federation, issue: Issue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with SsoPortal(lambda: issue("AWSReservedSSO_Reader")) as portal:
        portal.sign_in(tmp_path / "home", profile="corp")
        set_all(monkeypatch, portal.environment())
        assert federation.seen(profile="corp").arn == arn("AWSReservedSSO_Reader")


def test_credential_process(federation: Federation, issue: Issue, config: Write, tmp_path: Path) -> None:
    keys = issue("from-process")
    program = tmp_path / "program.py"
    program.write_text(f"print({json.dumps(json.dumps(process_answer(keys)))})")
    config(ini("default", credential_process=f"{sys.executable} {program}"))
    assert federation.seen().arn == arn("from-process")


def test_container_with_a_full_uri_and_a_token_file_as_in_pod_identity(
    federation: Federation, issue: Issue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = tmp_path / "token"
    token.write_text("pod-identity-token")
    with ContainerCredentials(lambda: issue("pod"), token=token) as container:
        set_all(monkeypatch, container.environment())
        credentials = federation.credentials()
        credentials.get_token()
        assert federation.last_seen().arn == arn("pod")


def test_container_that_refuses_is_an_error_that_names_it_and_is_over_when_the_cause_is_gone(
    federation: Federation, issue: Issue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token, wrong = tmp_path / "token", tmp_path / "wrong"
    token.write_text("right")
    wrong.write_text("wrong")
    with ContainerCredentials(lambda: issue("pod"), token=token) as container:
        set_all(monkeypatch, {**container.environment(), "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(wrong)})
        monkeypatch.setattr("botocore.utils.ContainerMetadataFetcher.SLEEP_TIME", 0)
        credentials = federation.credentials()
        with pytest.raises(FederationError, match="container") as caught:
            credentials.refresh(None)
        assert caught.value.step == "aws"
        wrong.write_text("right")
        credentials.refresh(None)
        assert federation.last_seen().arn == arn("pod")


def test_instance_metadata_of_version_2(federation: Federation, issue: Issue, monkeypatch: pytest.MonkeyPatch) -> None:
    with InstanceMetadata(lambda: issue("node")) as imds:
        set_all(monkeypatch, imds.environment())
        assert federation.seen().arn == arn("node")


def test_no_call_to_aws_for_a_refresh_while_the_keys_are_fresh(
    federation: Federation, issue: Issue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five calls for ten refreshes, three where the region is known."""
    with InstanceMetadata(lambda: issue("node")) as imds:
        set_all(monkeypatch, imds.environment())
        for region, calls in ((None, 5), ("eu-west-1", 3)):
            before = len(imds.calls)
            credentials = federation.credentials(region=region)
            for _ in range(10):
                credentials.refresh(None)
            assert len(imds.calls) - before == calls


@pytest.mark.parametrize("make", [botocore.session.Session, boto3.Session], ids=["botocore", "boto3"])
def test_explicit_session(federation: Federation, issue: Issue, shared: Write, make: Callable[..., object]) -> None:
    shared(ini("team", issue("team")))
    session = make(profile="team") if make is botocore.session.Session else make(profile_name="team")
    assert federation.seen(session=session).arn == arn("team")


def test_boto3_session_with_keys_set_in_code(federation: Federation, issue: Issue) -> None:
    keys = issue("in-code")
    session = boto3.Session(keys.access_key_id, keys.secret_access_key, keys.session_token, region_name="eu-west-1")
    assert federation.seen(session=session).arn == arn("in-code")


def test_assumed_role_has_a_fixed_session_name(
    federation: Federation, user: AwsKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_all(monkeypatch, environment(user))
    assert federation.seen(assume_role=ROLE).arn == arn("reader", "google-auth-botocore")


def test_assumed_role_takes_assume_roles_own_arguments(
    federation: Federation, user: AwsKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_all(monkeypatch, environment(user))
    role = {"RoleArn": ROLE, "RoleSessionName": "copycat", "ExternalId": "42", "DurationSeconds": 900}
    assert federation.seen(assume_role=role).arn == arn("reader", "copycat")


def test_environment_wins_over_the_shared_file_as_in_botocore(
    federation: Federation, issue: Issue, shared: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared(ini("default", issue("file")))
    set_all(monkeypatch, environment(issue("environment")))
    assert federation.seen().arn == arn("environment")


def test_profile_in_code_wins_over_the_environment_as_in_botocore(
    federation: Federation, issue: Issue, shared: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared(ini("team", issue("team")))
    set_all(monkeypatch, {**environment(issue("environment")), "AWS_REGION": "eu-west-1"})
    assert federation.seen(profile="team").arn == arn("team")


def test_keys_that_aws_finds_expired_are_resolved_once_more(
    federation: Federation, issue: Issue, monkeypatch: pytest.MonkeyPatch
) -> None:
    with InstanceMetadata(lambda: issue("node")) as imds:
        set_all(monkeypatch, imds.environment())
        credentials = federation.credentials(region="eu-west-1")
        credentials.refresh(None)
        _expire(federation.google, imds.keys)
        imds.rotate()
        credentials.refresh(None)
        assert [call.status for call in federation.google.calls] == [200, 400, 200]


@pytest.mark.parametrize("make", [botocore.session.Session, boto3.Session], ids=["botocore", "boto3"])
def test_keys_of_an_explicit_session_that_aws_finds_expired_are_resolved_once_more(
    federation: Federation, issue: Issue, monkeypatch: pytest.MonkeyPatch, make: Callable[[], object]
) -> None:
    with InstanceMetadata(lambda: issue("node")) as imds:
        set_all(monkeypatch, imds.environment())
        credentials = federation.credentials(session=make())
        credentials.refresh(None)
        _expire(federation.google, imds.keys)
        imds.rotate()
        credentials.refresh(None)
        assert [call.status for call in federation.google.calls] == [200, 400, 200]


def _expire(google: Emulator, keys: AwsKeys) -> None:
    """Lets AWS find keys expired, whatever the workload thinks."""
    import dataclasses
    from datetime import datetime, timezone

    google.aws_keys.add(dataclasses.replace(keys, expiry=datetime(2020, 1, 1, tzinfo=timezone.utc)))
