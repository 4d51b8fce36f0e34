"""The sources of the region, and the endpoint that Google calls."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import boto3
import botocore.httpsession
import botocore.session
import pytest

from aws.conftest import Federation, Issue, Seen, Write, environment, ini, set_all
from google_auth_botocore import ConfigurationError, Credentials, FederationError
from google_auth_botocore.emulator.aws import ContainerCredentials, InstanceMetadata
from google_auth_botocore.emulator.aws.moto import Moto

GLOBAL = ("sts.amazonaws.com", "us-east-1")


@pytest.fixture(autouse=True)
def _keys(issue: Issue, monkeypatch: pytest.MonkeyPatch) -> None:
    set_all(monkeypatch, environment(issue("app")))


def endpoint(seen: Seen) -> tuple[str, str]:
    return seen.host, seen.region


def test_without_a_region_the_global_endpoint_is_called(federation: Federation) -> None:
    assert endpoint(federation.seen()) == GLOBAL


@pytest.mark.parametrize("empty", ["", "  "])
def test_empty_region_counts_as_missing(federation: Federation, monkeypatch: pytest.MonkeyPatch, empty: str) -> None:
    monkeypatch.setenv("AWS_REGION", empty)
    monkeypatch.setenv("AWS_DEFAULT_REGION", empty)
    assert endpoint(federation.seen()) == GLOBAL


def test_profiles_region_is_used_if_the_environments_is_empty(
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
    """Keys are valid only in their partition, as on AWS."""
    set_all(monkeypatch, {**environment(issue("app", partition)), "AWS_REGION": region})
    assert endpoint(federation.seen()) == (host, signed)


def test_invalid_region_in_code_is_rejected(federation: Federation) -> None:
    with pytest.raises(
        ConfigurationError, match=r"region must be an AWS region such as 'eu-central-1', not 'evil.com/'"
    ):
        federation.credentials(region="evil.com/")


def test_invalid_region_in_the_environment_is_named(federation: Federation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "evil.com/")
    credentials = federation.credentials()
    with pytest.raises(
        FederationError, match=r"The AWS region 'evil.com/' belongs to no partition that botocore knows\."
    ):
        credentials.get_token()
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    credentials.refresh(None)


class TestOnAnInstance:
    """If the keys come from instance metadata, the region can come from there, too."""

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

    def test_invalid_region_counts_as_missing(
        self, federation: Federation, issue: Issue, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Another server can answer in place of the metadata service, with the same text for every request."""
        with InstanceMetadata(lambda: issue("node"), region='{"SecretAccessKey": "secret"}') as imds:
            set_all(monkeypatch, imds.environment())
            assert endpoint(federation.seen()) == GLOBAL

    def test_metadata_is_not_called_if_the_keys_come_from_elsewhere(
        self, federation: Federation, issue: Issue, shared: Write, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        shared(ini("default", issue("file")))
        with InstanceMetadata(lambda: issue("node")) as imds:
            set_all(monkeypatch, imds.environment())
            assert endpoint(federation.seen()) == GLOBAL
            assert imds.calls == []


@pytest.mark.parametrize(
    "query", ["Action=GetCallerIdentity&Version=2011-06-15", "Version=2011-06-15&Action=GetCallerIdentity"]
)
@pytest.mark.parametrize(
    ("url", "host", "signed"),
    [
        ("https://sts.{region}.amazonaws.com", "sts.cn-north-1.amazonaws.com.cn", "cn-north-1"),
        ("https://STS.{region}.amazonaws.com:443/", "sts.cn-north-1.amazonaws.com.cn", "cn-north-1"),
        ("https://sts.amazonaws.com", "sts.amazonaws.com", "us-east-1"),
        ("https://sts-fips.us-east-2.amazonaws.com", "sts-fips.us-east-2.amazonaws.com", "us-east-2"),
        ("https://sts.{region}.amazonaws.com.cn", "sts.cn-north-1.amazonaws.com.cn", "cn-north-1"),
    ],
)
def test_verification_url_of_a_file(
    federation: Federation, issue: Issue, monkeypatch: pytest.MonkeyPatch, url: str, host: str, signed: str, query: str
) -> None:
    """gcloud's default URL means "the endpoint of the partition". Any other URL is used."""
    keys = issue("app", "aws-cn" if host.endswith(".cn") else "aws")
    set_all(monkeypatch, {**environment(keys), "AWS_REGION": "cn-north-1"})
    info = federation.credentials().info
    info["token_url"] = "https://sts.googleapis.com/v1/token"
    info["credential_source"]["regional_cred_verification_url"] = f"{url}?{query}"
    Credentials.from_info(info, token_url=federation.google.token_url).get_token()
    assert endpoint(federation.last_seen()) == (host, signed)


@pytest.mark.parametrize(
    "host",
    [
        "sts.zz-west-1.amazonaws.com",
        "sts.cn-north-1.amazonaws.com",
        "sts.eu-west-1.amazonaws.com.cn",
        "sts.eu-west-1.api.amazonwebservices.com.cn",
        "sts.amazonaws.com.cn",
        "sts.api.aws",
    ],
)
def test_verification_url_of_a_file_must_name_a_region_of_its_partition(federation: Federation, host: str) -> None:
    info = federation.credentials().info
    info["token_url"] = "https://sts.googleapis.com/v1/token"
    info["credential_source"]["regional_cred_verification_url"] = (
        f"https://{host}?Action=GetCallerIdentity&Version=2011-06-15"
    )
    with pytest.raises(ConfigurationError, match="is not GetCallerIdentity at an AWS STS endpoint"):
        Credentials.from_info(info)


@pytest.mark.parametrize("region", ["cn-north-1", "evil.test/x"])
def test_verification_url_of_a_file_is_filled_in_only_with_a_region_of_its_partition(
    federation: Federation, issue: Issue, monkeypatch: pytest.MonkeyPatch, region: str
) -> None:
    set_all(monkeypatch, {**environment(issue("app")), "AWS_REGION": region})
    info = federation.credentials().info
    info["token_url"] = "https://sts.googleapis.com/v1/token"
    info["credential_source"]["regional_cred_verification_url"] = (
        "https://sts-fips.{region}.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15"
    )
    credentials = Credentials.from_info(info, token_url=federation.google.token_url)
    with pytest.raises(
        FederationError, match=r"belongs to no partition that has sts-fips\.\{region\}\.amazonaws\.com\."
    ):
        credentials.get_token()
    assert federation.google.calls == []
    monkeypatch.setenv("AWS_REGION", "aws-global")
    credentials.refresh(None)
    assert endpoint(federation.last_seen()) == ("sts-fips.us-east-1.amazonaws.com", "us-east-1")


class TestAssumedRole:
    """AssumeRole must be called in the role's partition, so our session gets the region that was found."""

    ROLE = "arn:aws-cn:iam::123456789012:role/reader"

    @pytest.fixture(autouse=True)
    def _sts(self, moto: Moto, monkeypatch: pytest.MonkeyPatch) -> None:
        """Record the address of AssumeRole, and redirect the call to moto."""
        monkeypatch.delenv("AWS_ENDPOINT_URL_STS")
        self.hosts: list[str] = []
        send = botocore.httpsession.URLLib3Session.send

        def redirected(session: Any, request: Any) -> Any:
            url = urlsplit(request.url)
            if url.hostname is not None and url.hostname.startswith("sts."):
                self.hosts.append(url.hostname)
                request.url = f"{moto.url}/"
            return send(session, request)

        monkeypatch.setattr(botocore.httpsession.URLLib3Session, "send", redirected)

    @pytest.mark.parametrize(
        ("variables", "arguments"),
        [
            ({"AWS_REGION": "cn-north-1"}, {"assume_role": ROLE}),
            ({"AWS_DEFAULT_REGION": "cn-north-1"}, {"assume_role": ROLE}),
            ({}, {"assume_role": ROLE, "region": "cn-north-1"}),
            ({"AWS_REGION": "cn-north-1"}, {"profile": "team"}),
            ({}, {"profile": "team", "region": "cn-north-1"}),
            ({"AWS_REGION": "eu-west-1"}, {"profile": "team", "region": "cn-north-1"}),
        ],
    )
    def test_in_china(
        self,
        federation: Federation,
        issue: Issue,
        shared: Write,
        config: Write,
        monkeypatch: pytest.MonkeyPatch,
        variables: dict[str, str],
        arguments: dict[str, str],
    ) -> None:
        shared(ini("base", issue("app", "aws-cn")))
        config(ini("profile team", role_arn=self.ROLE, source_profile="base"))
        set_all(monkeypatch, variables)
        seen = federation.seen(**arguments)
        assert self.hosts == ["sts.cn-north-1.amazonaws.com.cn"]
        assert endpoint(seen) == ("sts.cn-north-1.amazonaws.com.cn", "cn-north-1")
        assert seen.arn.startswith("arn:aws-cn:sts::123456789012:assumed-role/reader/")

    def test_on_an_instance_in_china(
        self, federation: Federation, issue: Issue, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
            monkeypatch.delenv(name)
        with InstanceMetadata(lambda: issue("node", "aws-cn"), region="cn-northwest-1") as imds:
            set_all(monkeypatch, imds.environment())
            assert federation.seen(assume_role=self.ROLE).region == "cn-northwest-1"
        assert self.hosts == ["sts.cn-northwest-1.amazonaws.com.cn"]

    def test_without_a_region(self, federation: Federation) -> None:
        """AssumeRole requires some region. Google calls the global endpoint."""
        role = self.ROLE.replace("aws-cn", "aws")
        assert endpoint(federation.seen(assume_role=role)) == GLOBAL
        assert self.hosts == ["sts.us-east-1.amazonaws.com"]


def test_instance_metadata_is_not_called_for_the_region_of_a_container(
    federation: Federation, issue: Issue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The node's metadata is not that of the task, so it is not called."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name)
    with InstanceMetadata(lambda: issue("node")) as imds, ContainerCredentials(lambda: issue("task")) as container:
        set_all(monkeypatch, {**imds.environment(), **container.environment()})
        assert endpoint(federation.seen()) == GLOBAL
        assert imds.calls == []


@pytest.mark.parametrize("region", ["", None])
def test_empty_region_in_code_counts_as_missing(federation: Federation, region: str | None) -> None:
    assert endpoint(federation.seen(region=region)) == GLOBAL


def test_profile_of_an_explicit_session_uses_the_sessions_region(
    federation: Federation, issue: Issue, config: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The session's region, which defaults to that of the environment."""
    config(ini("profile team", issue("team"), region="eu-west-3") + ini("profile other", issue("other")))
    monkeypatch.setenv("AWS_REGION", "eu-west-2")
    for profile, region in (("team", "eu-west-3"), ("other", "eu-west-2")):
        assert federation.seen(session=boto3.Session(profile_name=profile)).region == region
        assert federation.seen(session=botocore.session.Session(profile=profile)).region == region


@pytest.mark.parametrize("empty", ["", "  "])
def test_empty_region_of_an_explicit_session_counts_as_missing(
    federation: Federation, config: Write, monkeypatch: pytest.MonkeyPatch, empty: str
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", empty)
    config(ini("default", region="eu-west-3"))
    assert federation.seen(session=boto3.Session()).region == "eu-west-3"
