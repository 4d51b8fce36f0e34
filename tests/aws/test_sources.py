"""Every botocore source of keys: Google issues a token for the right identity."""

from __future__ import annotations

import dataclasses
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

import boto3
import botocore.session
import pytest
import urllib3

from aws.conftest import ACCOUNT, ROLE, Federation, Issue, Write, arn, environment, ini, process_answer, set_all
from google_auth_botocore import FederationError
from google_auth_botocore.emulator import AwsKeys, Emulator
from google_auth_botocore.emulator.aws import ContainerCredentials, InstanceMetadata, SignIn, SsoPortal
from google_auth_botocore.emulator.aws.moto import Moto


def test_environment(federation: Federation, issue: Issue, monkeypatch: pytest.MonkeyPatch) -> None:
    set_all(monkeypatch, environment(issue("app")))
    assert federation.seen().arn == arn("app")


def test_environment_with_a_region_gives_the_same_result_without_a_session(
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


def test_container_that_denies_access_is_an_error_that_names_it_until_the_cause_is_gone(
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
    """Five calls for ten refreshes, or three if the region is known."""
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


def test_assumed_role_accepts_the_arguments_of_assume_role(
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
    """Let AWS treat keys as expired, whatever expiry the workload knows."""
    google.aws_keys.add(dataclasses.replace(keys, expiry=datetime(2020, 1, 1, tzinfo=timezone.utc)))


def test_fixed_addresses_of_an_ecs_task_and_of_an_instance() -> None:
    """The relative URI has a fixed host, so the test assigns the address in a separate network namespace."""
    namespace = ["unshare", "--map-root-user", "--net", "sh", "-c"]
    addresses = "ip link set lo up && ip addr add 169.254.170.2/32 dev lo && ip addr add 169.254.169.254/32 dev lo"
    try:
        subprocess.run([*namespace, addresses], check=True, capture_output=True, timeout=60)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"this machine does not allow a network namespace: {error}")
    program = Path(__file__).with_name("fixed_addresses.py")
    variables = {name: value for name, value in os.environ.items() if name != "AWS_EC2_METADATA_DISABLED"}
    done = subprocess.run(
        [*namespace, f"{addresses} && exec {shlex.join([sys.executable, str(program)])}"],
        check=True,
        capture_output=True,
        text=True,
        env=variables,
        timeout=60,
    )
    assert done.stdout.split() == [arn("task"), arn("node")]


def test_container_with_its_token_in_the_environment(
    federation: Federation, issue: Issue, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ContainerCredentials(lambda: issue("pod"), token="in-the-environment") as container:
        set_all(monkeypatch, container.environment())
        assert federation.seen().arn == arn("pod")
        assert container.calls[-1].headers["authorization"] == "in-the-environment"


def test_instance_metadata_of_version_1_is_rejected(issue: Issue) -> None:
    """A request without an IMDSv2 token is rejected, which proves that the keys above came from IMDSv2."""
    with InstanceMetadata(lambda: issue("node")) as imds:
        for path in ("iam/security-credentials/", f"iam/security-credentials/{imds.role}", "placement/region"):
            assert urllib3.request("GET", f"{imds.url}/latest/meta-data/{path}").status == 401


def test_login_is_used_without_a_refresh_while_it_is_fresh(
    federation: Federation, issue: Issue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with SignIn(lambda: issue("deployer", lifetime=900)) as endpoint:
        endpoint.sign_in(tmp_path / "home", since=timedelta(minutes=-10))
        set_all(monkeypatch, endpoint.environment())
        assert federation.seen().arn == arn("deployer")
        assert endpoint.calls == []


def test_expired_login_is_refreshed_once(
    federation: Federation, issue: Issue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The new refresh token is saved."""
    with SignIn(lambda: issue("deployer")) as endpoint:
        endpoint.sign_in(tmp_path / "home", since=timedelta(hours=1))
        set_all(monkeypatch, endpoint.environment())
        assert federation.seen().arn == arn("deployer")
        assert [call.status for call in endpoint.calls] == [200]
        assert federation.seen().arn == arn("deployer")
        assert len(endpoint.calls) == 1


def test_login_is_refreshed_only_with_its_key(
    federation: Federation, issue: Issue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The refresh token is useless without its key."""
    with SignIn(lambda: issue("thief")) as other, SignIn(lambda: issue("deployer")) as endpoint:
        other.sign_in(tmp_path / "elsewhere")
        endpoint.sign_in(tmp_path / "home", since=timedelta(hours=1))
        set_all(monkeypatch, endpoint.environment())
        mine, theirs = (next((tmp_path / home / ".aws/login/cache").iterdir()) for home in ("home", "elsewhere"))
        stolen = {**json.loads(mine.read_text()), "dpopKey": json.loads(theirs.read_text())["dpopKey"]}
        mine.write_text(json.dumps(stolen))
        with pytest.raises(FederationError, match="LoginError"):
            federation.seen()


def test_web_identity_in_a_profile(federation: Federation, moto: Moto, config: Write, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("a.b.c")
    config(ini("profile pod", role_arn=ROLE, web_identity_token_file=str(token), role_session_name="pod"))
    assert federation.seen(profile="pod").arn == arn("reader", "pod")


@pytest.mark.parametrize("source", ["Ec2InstanceMetadata", "EcsContainer"])
def test_role_arn_with_a_credential_source_over_http(
    federation: Federation, issue: Issue, moto: Moto, config: Write, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    config(ini("profile team", role_arn=ROLE, credential_source=source, role_session_name="me"))
    with InstanceMetadata(lambda: issue("node")) as imds, ContainerCredentials(lambda: issue("task")) as container:
        set_all(monkeypatch, {**imds.environment(), **container.environment()})
        assert federation.seen(profile="team").arn == arn("reader", "me")
        assert (len(imds.calls) > 0, len(container.calls) > 0) == (source[:3] == "Ec2", source[:3] == "Ecs")


def test_assumed_role_with_the_keys_of_an_instance(
    federation: Federation, issue: Issue, moto: Moto, monkeypatch: pytest.MonkeyPatch
) -> None:
    with InstanceMetadata(lambda: issue("node"), region="eu-west-3") as imds:
        set_all(monkeypatch, imds.environment())
        seen = federation.seen(assume_role=ROLE)
        assert (seen.arn, seen.region) == (arn("reader", "google-auth-botocore"), "eu-west-3")
        assert imds.count("placement/region") == 1


def test_assumed_role_with_the_keys_of_a_chain_of_profiles(
    federation: Federation, user: AwsKeys, config: Write, shared: Write
) -> None:
    shared(ini("base", user))
    config(
        ini("profile hub", role_arn=ROLE.replace("reader", "hub"), source_profile="base")
        + ini("profile spoke", role_arn=ROLE.replace("reader", "spoke"), source_profile="hub")
    )
    assert federation.seen(profile="spoke", assume_role=ROLE).arn == arn("reader", "google-auth-botocore")
