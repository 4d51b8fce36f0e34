"""Configuration files: gcloud's files load unchanged, and hostile files are rejected."""

from __future__ import annotations

import copy
import json
import os
import pickle
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

import google.auth
import pytest
from google.auth import aws

from core.stand_in import ACCOUNT, IAM_URL, PROVIDER, STS_URL, FakeGoogle
from google_auth_botocore import ConfigurationError, Credentials

PATH = PROVIDER.removeprefix("//iam.googleapis.com/")
IMPERSONATION = f"https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/{ACCOUNT}:generateAccessToken"


def info(**changes: Any) -> dict[str, Any]:
    """Return the configuration that gcloud writes."""
    source = {
        "environment_id": "aws1",
        "region_url": "http://169.254.169.254/latest/meta-data/placement/availability-zone",
        "url": "http://169.254.169.254/latest/meta-data/iam/security-credentials",
        "regional_cred_verification_url": "https://sts.{region}.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15",
        "imdsv2_session_token_url": "http://169.254.169.254/latest/api/token",
    }
    found = {
        "universe_domain": "googleapis.com",
        "type": "external_account",
        "audience": PROVIDER,
        "subject_token_type": "urn:ietf:params:aws:token-type:aws4_request",
        "token_url": STS_URL,
        "credential_source": {**source, **changes.pop("source", {})},
        "service_account_impersonation_url": IMPERSONATION,
        **changes,
    }
    return {name: value for name, value in found.items() if value is not None}


@pytest.mark.skipif(shutil.which("gcloud") is None, reason="gcloud is not installed")
@pytest.mark.parametrize(
    "more", [(), ("--service-account=" + ACCOUNT, "--service-account-token-lifetime-seconds=1800")]
)
def test_file_that_gcloud_wrote_loads_unchanged(tmp_path: Path, request_: FakeGoogle, more: tuple[str, ...]) -> None:
    path = tmp_path / "config.json"
    command = ["gcloud", "iam", "workload-identity-pools", "create-cred-config", PATH, "--aws", "--enable-imdsv2"]
    done = subprocess.run(
        [*command, *more, f"--output-file={path}"], capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
    credentials = Credentials.from_file(path)
    assert credentials.info == json.loads(path.read_text())
    assert credentials.service_account_email == (ACCOUNT if more else None)
    credentials.refresh(request_)
    assert [sent.url for sent in request_.calls] == [STS_URL, f"{IAM_URL}:generateAccessToken"][: 2 if more else 1]
    if more:
        assert request_.calls[1].json["lifetime"] == "1800s"
    assert credentials.get_cred_info() == {
        "credential_source": str(path),
        "credential_type": "AWS workload identity federation credentials",
        "principal": ACCOUNT if more else PROVIDER,
    }


def test_info_is_a_configuration_that_google_auth_accepts_too(tmp_path: Path) -> None:
    made = Credentials(PROVIDER, ACCOUNT, lifetime=1800, quota_project_id="q")
    path = tmp_path / "config.json"
    path.write_text(json.dumps(made.info))
    theirs = google.auth.aws.Credentials.from_file(str(path))
    assert isinstance(theirs, aws.Credentials)
    assert theirs.service_account_email == ACCOUNT
    assert Credentials.from_file(path).info == made.info
    path.write_text(json.dumps(Credentials(PROVIDER).info))
    theirs = google.auth.aws.Credentials.from_file(str(path))
    assert theirs.token_info_url == "https://sts.googleapis.com/v1/introspect"


def test_mappings_of_any_kind_are_an_info() -> None:
    of_others = MappingProxyType(
        {name: MappingProxyType(value) if isinstance(value, dict) else value for name, value in info().items()}
    )
    credentials = Credentials.from_info(of_others)
    assert credentials.info == info()
    assert pickle.loads(pickle.dumps(credentials)).info == info()


def test_path_may_be_bytes(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(info()))
    credentials = Credentials.from_file(os.fsencode(path))
    assert credentials.get_cred_info()["credential_source"] == str(path)


def test_info_can_not_be_changed_from_outside() -> None:
    credentials = Credentials.from_info(info())
    credentials.info["credential_source"]["environment_id"] = "x"
    assert credentials.info == info()


def test_endpoint_in_code_wins_over_any_endpoint_in_the_file() -> None:
    """For an emulator, for example. Then the endpoints in the file are neither used nor validated."""
    elsewhere = info(
        token_url="http://127.0.0.1:8085/v1/token",
        service_account_impersonation_url=f"http://127.0.0.1:8085/v1/projects/-/serviceAccounts/{ACCOUNT}:generateAccessToken",
    )
    in_code = {"token_url": "https://sts.example.com/v1/token", "iam_credentials_endpoint": "https://iam.example.com"}
    credentials = Credentials.from_info(elsewhere, **in_code)
    assert credentials.service_account_email == ACCOUNT
    assert credentials.info["token_url"] == "https://sts.example.com/v1/token"
    assert credentials.info["service_account_impersonation_url"].startswith("https://iam.example.com/v1/")
    for lacking in in_code:
        others = {name: url for name, url in in_code.items() if name != lacking}
        with pytest.raises(ConfigurationError, match="is not an endpoint of Google's"):
            Credentials.from_info(elsewhere, **others)


def test_overrides_win_over_the_file() -> None:
    credentials = Credentials.from_info(info(), service_account_email=None, project_id="p", quota_project_id="q")
    assert (credentials.service_account_email, credentials.project_id) == (None, "p")
    assert credentials.info["quota_project_id"] == "q"


def test_copies_say_what_they_are() -> None:
    credentials = Credentials.from_info(info())
    assert credentials.with_scopes(["a"]).info == info()
    assert credentials.with_quota_project("q").info["quota_project_id"] == "q"


FOREIGN = [
    "https://sts.evil.com/v1/token",
    "http://sts.googleapis.com/v1/token",
    "https://sts.googleapis.com.evil.com/v1/token",
    "https://evilsts.googleapis.com/v1/token",
    "https://sts.googleapis.com@evil.com/v1/token",
    "https://sts.googleapis.com:444/v1/token",
    "https://sts.googleapis.com/v1/token#",
    "https://sts.googleapis.com/v1/token?x=y",
    "https://sts.googleapis.com/v1/token\n",
    "https://sts.googleapis.com\\.evil.com/v1/token",
    "https://stsxgoogleapis.com/v1/token",
    "https://sts.evil.com.rep.googleapis.com/v1/token",
    "https://STS.googleapis.com/v1/token",
    "http://127.0.0.1/v1/token",
    "file:///v1/token",
    7,
    "",
]


@pytest.mark.parametrize("url", FOREIGN)
def test_foreign_token_url_is_rejected(url: object) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Credentials.from_info(info(token_url=url))
    seen = repr(url).replace("//sts.googleapis.com@", "//[hidden]@")
    assert str(caught.value) == (
        f"The configuration's token_url {seen} is not an endpoint of Google's (sts.googleapis.com and its forms). "
        "Your own endpoint must be set in code, token_url=, or on the command line, --token-url."
    )


@pytest.mark.parametrize(
    "url",
    [
        IMPERSONATION.replace("googleapis.com", "evil.com"),
        IMPERSONATION.replace("https", "http"),
        IMPERSONATION.replace("generateAccessToken", "signBlob"),
        IMPERSONATION.replace(ACCOUNT, "a/../../x"),
        IMPERSONATION.replace("https://", "https://x@"),
        f"{IMPERSONATION}?x",
        {},
    ],
)
def test_foreign_impersonation_url_is_rejected(url: object) -> None:
    with pytest.raises(ConfigurationError, match="service_account_impersonation_url"):
        Credentials.from_info(info(service_account_impersonation_url=url))


@pytest.mark.parametrize(
    "url",
    [
        "https://sts.evil.com?Action=GetCallerIdentity&Version=2011-06-15",
        "http://sts.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15",
        "https://sts.{region}.amazonaws.com.evil.com?Action=GetCallerIdentity&Version=2011-06-15",
        "https://s3.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15",
        "https://sts.amazonaws.com?Action=AssumeRole&Version=2011-06-15",
        "https://{region}.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15",
        "https://sts.{region}.evil.{region}.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15",
    ],
)
def test_verification_url_that_is_not_aws_is_rejected(url: str) -> None:
    with pytest.raises(
        ConfigurationError, match=r"regional_cred_verification_url .* is not GetCallerIdentity at an AWS STS"
    ):
        Credentials.from_info(info(source={"regional_cred_verification_url": url}))


def test_another_aws_endpoint_is_verified_at_for_every_copy(request_: FakeGoogle) -> None:
    url = "https://sts.us-east-2.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15"
    credentials = Credentials.from_info(info(source={"regional_cred_verification_url": url}))
    for each in (credentials, credentials.with_scopes(["openid"]), credentials.with_quota_project("q")):
        each.refresh(request_)
        assert each.info["credential_source"]["regional_cred_verification_url"] == url
    asked = [sent.form["subject_token"] for sent in request_.calls if "subject_token" in sent.body.decode()]
    assert asked
    assert all(quote(f'"url":"{url}"', safe="") in subject_token for subject_token in asked)


@pytest.mark.parametrize(
    "host",
    [
        "sts.mtls.googleapis.com",
        "sts.us-east1.rep.googleapis.com",
        "sts-psc1.p.googleapis.com",
        "sts.googleapis.com:443",
    ],
)
def test_other_google_endpoints_are_accepted(host: str, request_: FakeGoogle) -> None:
    url = f"https://{host}/v1/token"
    credentials = Credentials.from_info(info(token_url=url, service_account_impersonation_url=None))
    credentials.refresh(request_)
    assert request_.calls[0].url == url


def test_address_in_a_url_may_be_escaped() -> None:
    url = IMPERSONATION.replace("@", "%40")
    assert "%40" in url
    assert Credentials.from_info(info(service_account_impersonation_url=url)).service_account_email == ACCOUNT


def test_universe_of_a_file_must_be_the_one_in_code() -> None:
    foreign = info(
        universe_domain="apis.example",
        token_url="https://sts.apis.example/v1/token",
        service_account_impersonation_url=None,
    )
    with pytest.raises(ConfigurationError) as caught:
        Credentials.from_info(foreign)
    assert str(caught.value) == (
        "The configuration names the universe domain 'apis.example'. A universe other than googleapis.com must be set in code: "
        "universe_domain='apis.example'."
    )
    assert Credentials.from_info(foreign, universe_domain="apis.example").universe_domain == "apis.example"
    with pytest.raises(ConfigurationError, match="not an endpoint of Google's"):
        Credentials.from_info(foreign | {"universe_domain": "googleapis.com"})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"type": "service_account"}, "The configuration has the type 'service_account', not 'external_account'."),
        ({"type": None}, "The configuration has the type None, not 'external_account'."),
        ({"audience": None}, "The configuration lacks 'audience'. Expected //iam.googleapis.com/projects/"),
        ({"client_secret": "x"}, "The configuration has client_secret, which is for workforce identity"),
        ({"credential_source": []}, "credential_source must be a JSON object."),
        ({"source": {"environment_id": "azure1"}}, "credential_source has the environment_id 'azure1', not 'aws1'"),
        ({"source": {"environment_id": "aws2"}}, "credential_source has the environment_id 'aws2', not 'aws1'"),
        ({"service_account_impersonation": 1}, "service_account_impersonation must be a JSON object."),
        (
            {"service_account_impersonation": {"token_lifetime_seconds": "x"}},
            "service_account_impersonation's token_lifetime_seconds must be a whole number of seconds from 1 to 43200, not 'x'.",
        ),
        ({"subject_token_type": "saml"}, "subject_token_type must be"),
    ],
)
def test_configuration_that_can_not_be_right(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Credentials.from_info(info(**changes))
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("bad", [None, [], "x", 7])
def test_configuration_must_be_a_mapping(bad: Any) -> None:
    with pytest.raises(
        ConfigurationError, match=f"^The configuration must be a JSON object, not {type(bad).__name__}\\.$"
    ):
        Credentials.from_info(bad)


@pytest.mark.parametrize("text", ['{"type": "external_acc', "", "\x00\xff", "[" * 100_000])
def test_truncated_file_is_one_error_that_names_it(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigurationError) as caught:
        Credentials.from_file(path)
    assert str(caught.value).startswith(f"The configuration file {str(path)!r} cannot be read as JSON: ")
    path.write_text(json.dumps(info()))
    assert Credentials.from_file(path).info == info()


@pytest.mark.parametrize(
    ("text", "seen"),
    [("null", "null"), ("[]", "an array"), ('"aws"', "a string"), ("NaN", "a number"), ("true", "true or false")],
)
def test_file_that_holds_no_object(tmp_path: Path, text: str, seen: str) -> None:
    path = tmp_path / "config.json"
    path.write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        Credentials.from_file(path)
    assert str(caught.value) == f"The configuration file {str(path)!r} must hold a JSON object, not {seen}."


def nested(levels: int) -> dict[str, Any]:
    """Return a configuration with this many levels in a field that is not used."""
    inner: Any = "x"
    for level in range(levels - 1):
        inner = [inner] if level % 2 else {"a": inner}
    return info(comment=inner)


@pytest.mark.parametrize("levels", [33, 200, 900])
def test_document_that_is_nested_deeply_is_one_error(tmp_path: Path, levels: int) -> None:
    """Even if the interpreter's recursion limit would allow it, because the caller can already be deep in the stack."""
    path = tmp_path / "config.json"
    path.write_text(json.dumps(nested(levels)))
    with pytest.raises(ConfigurationError) as caught:
        Credentials.from_file(path)
    assert str(caught.value) == (
        f"The configuration is nested deeper than 32 levels. The configuration file is {str(path)!r}."
    )
    with pytest.raises(ConfigurationError, match="nested deeper"):
        Credentials.from_info(nested(levels))


def test_document_of_32_levels_is_read_and_given_back() -> None:
    assert Credentials.from_info(nested(32)).info == nested(32)


def test_document_that_holds_itself_is_one_error() -> None:
    around = info()
    around["self"] = [around, around, [around]]
    with pytest.raises(ConfigurationError, match="nested deeper"):
        Credentials.from_info(around)


@pytest.mark.parametrize("name", ["", None, 7])
def test_file_without_a_name(name: Any) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Credentials.from_file(name)
    assert str(caught.value) == f"The configuration file must be a path, not {name!r}."


def test_file_in_which_something_is_wrong_is_named(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(info(quota_project_id="")))
    with pytest.raises(ConfigurationError) as caught:
        Credentials.from_file(path)
    assert str(caught.value) == (
        f"quota_project_id must be a non-empty string, not ''. The configuration file is {str(path)!r}."
    )


DIRECT = info(service_account_impersonation_url=None, service_account_impersonation={"token_lifetime_seconds": 1800})


def test_lifetime_of_a_file_without_a_service_account_has_no_effect(tmp_path: Path) -> None:
    """Like in google-auth. In code it is an error."""
    path = tmp_path / "config.json"
    path.write_text(json.dumps(DIRECT))
    credentials = Credentials.from_file(path)
    assert credentials.info == DIRECT
    assert repr(credentials.with_scopes(["a"])) == repr(Credentials(DIRECT["audience"], scopes=["a"]))
    with_account = Credentials.from_info(info(service_account_impersonation={"token_lifetime_seconds": 1800}))
    assert "lifetime=1800" in repr(with_account)
    # Without the account, which code removed, the file's lifetime has no effect.
    file = info(service_account_impersonation={"token_lifetime_seconds": 1800})
    assert "lifetime" not in repr(Credentials.from_info(file, service_account_email=None))


@pytest.mark.parametrize("lifetime", [3600, 1800])
def test_lifetime_in_code_without_a_service_account_is_a_mistake(lifetime: int) -> None:
    """Even if it is the default lifetime, because it was set explicitly."""
    message = r"^lifetime requires a service account: set service_account_email\."
    with pytest.raises(ConfigurationError, match=message):
        Credentials(PROVIDER, lifetime=lifetime)
    with pytest.raises(ConfigurationError, match=message):
        Credentials.from_info(DIRECT, lifetime=lifetime)
    with pytest.raises(ConfigurationError, match=message):
        Credentials.from_info(info(), service_account_email=None, lifetime=lifetime)
    account = "a@p.iam.gserviceaccount.com"
    assert (
        Credentials.from_info(DIRECT, service_account_email=account, lifetime=lifetime).service_account_email == account
    )


@pytest.mark.parametrize("act", [copy.copy, copy.deepcopy, lambda each: pickle.loads(pickle.dumps(each))])
def test_copies_without_a_service_account_need_no_lifetime(act: Callable[[Credentials], Credentials]) -> None:
    for credentials in (Credentials(PROVIDER), Credentials.from_info(DIRECT)):
        copied = act(credentials).with_quota_project("q").with_scopes(["a"]).with_universe_domain("apis.example")
        assert (copied.service_account_email, copied.quota_project_id, copied.scopes) == (None, "q", ("a",))


def test_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"There is no configuration file '.*none\.json'\."):
        Credentials.from_file(tmp_path / "none.json")
