"""Where the region comes from, and the endpoint that Google is to ask."""

from __future__ import annotations

import boto3
import pytest

from aws.conftest import Federation, Issue, Seen, Write, environment, ini, set_all
from google_auth_botocore import ConfigurationError, Credentials, FederationError
from google_auth_botocore.emulator.aws import InstanceMetadata

GLOBAL = ("sts.amazonaws.com", "us-east-1")


@pytest.fixture(autouse=True)
def _keys(issue: Issue, monkeypatch: pytest.MonkeyPatch) -> None:
    set_all(monkeypatch, environment(issue("app")))


def endpoint(seen: Seen) -> tuple[str, str]:
    return seen.host, seen.region


def test_no_region_is_the_global_endpoint(federation: Federation) -> None:
    assert endpoint(federation.seen()) == GLOBAL


@pytest.mark.parametrize("empty", ["", "  "])
def test_empty_region_is_a_missing_one(federation: Federation, monkeypatch: pytest.MonkeyPatch, empty: str) -> None:
    monkeypatch.setenv("AWS_REGION", empty)
    monkeypatch.setenv("AWS_DEFAULT_REGION", empty)
    assert endpoint(federation.seen()) == GLOBAL


def test_empty_region_in_the_environment_leaves_the_profiles(
    federation: Federation, config: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "")
    config(ini("default", region="eu-west-3"))
    assert federation.seen().host == "sts.eu-west-3.amazonaws.com"


def test_each_source_wins_over_the_next(
    federation: Federation, issue: Issue, config: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    config(ini("default", region="eu-west-4"))
    assert federation.seen().region == "eu-west-4"
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-3")
    assert federation.seen().region == "eu-west-3"
    monkeypatch.setenv("AWS_REGION", "eu-west-2")
    assert federation.seen().region == "eu-west-2"
    keys = issue("app")
    session = boto3.Session(keys.access_key_id, keys.secret_access_key, keys.session_token, region_name="eu-west-1")
    assert federation.seen(session=session).region == "eu-west-1"
    assert federation.seen(session=session, region="eu-central-1").region == "eu-central-1"


@pytest.mark.parametrize(
    ("region", "host", "signed", "partition"),
    [
        ("eu-central-1", "sts.eu-central-1.amazonaws.com", "eu-central-1", "aws"),
        ("us-west-2-lax-1a", "sts.us-west-2.amazonaws.com", "us-west-2", "aws"),
        ("us-west-2-lax-1", "sts.us-west-2.amazonaws.com", "us-west-2", "aws"),
        ("us-east-1-wl1-bos-wlz-1", "sts.us-east-1.amazonaws.com", "us-east-1", "aws"),
        ("ap-southeast-2b", "sts.ap-southeast-2.amazonaws.com", "ap-southeast-2", "aws"),
        ("cn-north-1", "sts.cn-north-1.amazonaws.com.cn", "cn-north-1", "aws-cn"),
        ("us-gov-west-1", "sts.us-gov-west-1.amazonaws.com", "us-gov-west-1", "aws-us-gov"),
        ("eusc-de-east-1", "sts.eusc-de-east-1.amazonaws.eu", "eusc-de-east-1", "aws-eusc"),
        ("aws-global", "sts.amazonaws.com", "us-east-1", "aws"),
        ("il-central-9", "sts.il-central-9.amazonaws.com", "il-central-9", "aws"),
    ],
)
def test_host_by_partition(
    federation: Federation,
    issue: Issue,
    monkeypatch: pytest.MonkeyPatch,
    region: str,
    host: str,
    signed: str,
    partition: str,
) -> None:
    """Keys are taken in their own partition alone, as AWS has it."""
    set_all(monkeypatch, {**environment(issue("app", partition)), "AWS_REGION": region})
    assert endpoint(federation.seen()) == (host, signed)


def test_region_that_is_none_is_refused_when_it_is_given_in_code(federation: Federation) -> None:
    with pytest.raises(
        ConfigurationError, match=r"region must be an AWS region such as 'eu-central-1', not 'evil.com/'"
    ):
        federation.credentials(region="evil.com/")


def test_region_that_is_none_in_the_environment_says_so(
    federation: Federation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_REGION", "evil.com/")
    credentials = federation.credentials()
    with pytest.raises(
        FederationError, match=r"The AWS region 'evil.com/' belongs to no partition that botocore knows\."
    ):
        credentials.get_token()
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    credentials.refresh(None)


class TestOnAnInstance:
    """Where the keys come from instance metadata, so may the region."""

    @pytest.fixture(autouse=True)
    def _no_keys(self, _keys: None, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
            monkeypatch.delenv(name)

    def test_region_of_the_instance(
        self, federation: Federation, issue: Issue, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with InstanceMetadata(lambda: issue("node"), region="us-west-2", zone="us-west-2-lax-1a") as imds:
            set_all(monkeypatch, imds.environment())
            assert federation.seen().region == "us-west-2"
            assert imds.count("placement/region") == 1

    def test_metadata_is_not_asked_where_the_keys_come_from_elsewhere(
        self, federation: Federation, issue: Issue, shared: Write, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        shared(ini("default", issue("file")))
        with InstanceMetadata(lambda: issue("node")) as imds:
            set_all(monkeypatch, imds.environment())
            assert endpoint(federation.seen()) == GLOBAL
            assert imds.calls == []


@pytest.mark.parametrize(
    ("url", "host", "signed"),
    [
        ("https://sts.{region}.amazonaws.com", "sts.cn-north-1.amazonaws.com.cn", "cn-north-1"),
        ("https://sts.amazonaws.com", "sts.amazonaws.com", "us-east-1"),
        ("https://sts-fips.us-east-2.amazonaws.com", "sts-fips.us-east-2.amazonaws.com", "us-east-2"),
        ("https://sts.{region}.amazonaws.com.cn", "sts.cn-north-1.amazonaws.com.cn", "cn-north-1"),
    ],
)
def test_verification_url_of_a_file(
    federation: Federation, issue: Issue, monkeypatch: pytest.MonkeyPatch, url: str, host: str, signed: str
) -> None:
    """What gcloud writes for every partition alike means "by partition"; another one is honoured."""
    keys = issue("app", "aws-cn" if host.endswith(".cn") else "aws")
    set_all(monkeypatch, {**environment(keys), "AWS_REGION": "cn-north-1"})
    info = federation.credentials().info
    info["token_url"] = "https://sts.googleapis.com/v1/token"
    info["credential_source"]["regional_cred_verification_url"] = f"{url}?Action=GetCallerIdentity&Version=2011-06-15"
    Credentials.from_info(info, token_url=federation.google.token_url).get_token()
    assert endpoint(federation.last_seen()) == (host, signed)
