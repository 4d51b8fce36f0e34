"""Configuration files: gcloud's files load unchanged, and hostile files are rejected."""

from __future__ import annotations

import copy
import json
import os
import pickle
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

import google.auth
import pytest
import seams
from google.auth import aws
from variations import few

from core.stand_in import ACCOUNT, IAM_URL, PROVIDER, STS_URL, FakeGoogle
from google_auth_botocore import ConfigurationError, Credentials, default

PATH = PROVIDER.removeprefix("//iam.googleapis.com/")
IMPERSONATION = f"https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/{ACCOUNT}:generateAccessToken"

# The last line of an error about a file that must be written again.
WRITE_FILE = (
    "Run: gcloud iam workload-identity-pools create-cred-config projects/PROJECT_NUMBER/locations/global/workloadIdentityPools/POOL"
    "/providers/PROVIDER --aws --enable-imdsv2 --service-account=EMAIL --output-file=FILE"
)


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
    "more", few([["--service-account=" + ACCOUNT, "--service-account-token-lifetime-seconds=1800"], []])
)
def test_file_that_gcloud_wrote_loads_unchanged(tmp_path: Path, request_: FakeGoogle, more: list[str]) -> None:
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


def test_info_is_a_configuration_that_google_auth_also_accepts(tmp_path: Path) -> None:
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


def test_from_info_accepts_any_mapping() -> None:
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


def test_info_cannot_be_changed_from_outside() -> None:
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
        with pytest.raises(ConfigurationError, match="is not a Google endpoint"):
            Credentials.from_info(elsewhere, **others)


def test_overrides_win_over_the_file() -> None:
    credentials = Credentials.from_info(info(), service_account_email=None, project_id="p", quota_project_id="q")
    assert (credentials.service_account_email, credentials.project_id) == (None, "p")
    assert credentials.info["quota_project_id"] == "q"


def test_info_of_a_copy_has_the_changes_of_the_copy() -> None:
    credentials = Credentials.from_info(info())
    assert credentials.with_scopes(["a"]).info == info()
    assert credentials.with_quota_project("q").info["quota_project_id"] == "q"


FOREIGN = [
    "https://sts.evil.com/v1/token",
    "https://sts.googleapis.com.evil.com/v1/token",
    "https://sts.googleapis.com@evil.com/v1/token",
    "https://sts.googleapis.com\\.evil.com/v1/token",
    "https://evil.com\\.sts.googleapis.com/v1/token",
    "https://stsxgoogleapis.com/v1/token",
    "https://us-east1-sts.googleapis.com.evil.com/v1/token",
    "https://stſ.googleapis.com/v1/token",
    "https://sts.googleapis。com/v1/token",
    "https://sts.googleapis.com./v1/token",
    "https://sts%2egoogleapis.com/v1/token",
    "http://127.0.0.1/v1/token",
    "file:///v1/token",
    "https://[::1/v1/token",
    7,
    "",
]


@pytest.mark.parametrize("url", FOREIGN)
def test_foreign_token_url_is_rejected(url: object) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Credentials.from_info(info(token_url=url))
    seen = repr(url).replace("//sts.googleapis.com@", "//[hidden]@")
    assert seams.sentences(caught.value) == (
        f"The configuration's token_url {seen} is not a Google endpoint (sts.googleapis.com or one of its variants). "
        "Correct it. To use your own endpoint, set it in code (token_url=) or on the command line (--token-url)."
    )
    assert caught.value.failure == "foreign-endpoint"


START = "must begin with https://sts.googleapis.com/, without a user part and with no port other than 443."
SERVICE = (
    "is a Google host, but not the one of Google's Security Token Service (sts.googleapis.com or one of its variants)."
)
WRONG_PATH = (
    "has the wrong path for Google's Security Token Service. Replace it with https://sts.googleapis.com/v1/token."
)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://sts.googleapis.com/v1/token", START),
        ("https://sts.googleapis.com:444/v1/token", START),
        ("https://evil@sts.googleapis.com/v1/token", START),
        ("https://sts.googleapis.com?", START),
        ("https://evilsts.googleapis.com/v1/token", SERVICE),
        ("https://sts.evil.com.rep.googleapis.com/v1/token", SERVICE),
        ("https://sts.storage.googleapis.com/v1/token", SERVICE),
        ("https://bucket.sts.googleapis.com/v1/token", SERVICE),
        ("https://oauth2.googleapis.com/token", SERVICE),
        ("https://accounts.google.com/o/oauth2/token", SERVICE),
        ("https://sts.googleapis.com/v1/token\n", "has a space or a control character."),
        ("https://sts.googleapis.com/v1/token#", WRONG_PATH),
        ("https://sts.googleapis.com/v1/token?x=y", WRONG_PATH),
        ("https://sts.googleapis.com/v1/token/", WRONG_PATH),
        ("https://sts.googleapis.com/V1/TOKEN", WRONG_PATH),
        ("https://sts.googleapis.com/v2/token", WRONG_PATH),
        ("https://sts.googleapis.com/v1/%74oken", WRONG_PATH),
        ("https://sts.googleapis.com/v1/../v1/token", WRONG_PATH),
        ("https://sts.us-east1.rep.googleapis.com/token", WRONG_PATH),
    ],
)
def test_a_wrong_url_of_google_is_rejected_with_the_difference(url: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Credentials.from_info(info(token_url=url))
    assert message in str(caught.value)
    assert "is not a Google endpoint" not in str(caught.value)


def test_a_wrong_path_is_rejected_with_the_right_form_even_if_code_sets_the_endpoint() -> None:
    """Setting an endpoint in code would lead to the same error, so the message does not advise it."""
    for url in (IMPERSONATION.replace("/-/", "/my-project/"), IMPERSONATION.replace("generateAccessToken", "signBlob")):
        for in_code in ({}, {"iam_credentials_endpoint": "https://iam.example.com"}):
            with pytest.raises(ConfigurationError) as caught:
                Credentials.from_info(info(service_account_impersonation_url=url), **in_code)
            assert seams.sentences(caught.value).endswith(
                "has the wrong path for Google's IAM Credentials API. Replace it with https://iamcredentials.googleapis.com/v1/projects/-/"
                "serviceAccounts/EMAIL:generateAccessToken."
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
        "https://ſts.{region}.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15",
        "https://sts.us-east-١.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15",
        "https://x@sts.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15",
        "https://sts.amazonaws.com.?Action=GetCallerIdentity&Version=2011-06-15",
        "https://sts.amazonaws.com?action=getcalleridentity&version=2011-06-15",
    ],
)
def test_verification_url_that_is_not_aws_is_rejected(url: str) -> None:
    with pytest.raises(
        ConfigurationError, match=r"regional_cred_verification_url .* is not GetCallerIdentity at an AWS STS"
    ):
        Credentials.from_info(info(source={"regional_cred_verification_url": url}))


def test_every_copy_keeps_another_verification_url(request_: FakeGoogle) -> None:
    url = "https://sts.us-east-2.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15"
    credentials = Credentials.from_info(info(source={"regional_cred_verification_url": url}))
    for each in (credentials, credentials.with_scopes(["openid"]), credentials.with_quota_project("q")):
        each.refresh(request_)
        assert each.info["credential_source"]["regional_cred_verification_url"] == url
    asked = [sent.form["subject_token"] for sent in request_.calls if "subject_token" in sent.body.decode()]
    assert asked
    assert all(quote(f'"url":"{url}"', safe="") in subject_token for subject_token in asked)


def test_verification_url_in_upper_case_is_sent_in_lower_case(request_: FakeGoogle) -> None:
    url = "https://sts.us-east-2.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15"
    document = info(
        source={"regional_cred_verification_url": url.replace("https://sts", "HTTPS://STS").replace("ama", "AMA")}
    )
    credentials = Credentials.from_info(document)
    credentials.refresh(request_)
    assert quote(f'"url":"{url}"', safe="") in request_.calls[0].form["subject_token"]
    assert credentials.info == document


@pytest.mark.parametrize(
    "host",
    [
        "sts.mtls.googleapis.com",
        "sts.us-east1.rep.googleapis.com",
        "sts-psc1.p.googleapis.com",
        "sts.googleapis.com:443",
        "us-east1-sts.googleapis.com",
        "us-east1.sts.googleapis.com",
        "sts.europe-west12.googleapis.com",
    ],
)
def test_other_google_endpoints_are_accepted(host: str, request_: FakeGoogle) -> None:
    url = f"https://{host}/v1/token"
    credentials = Credentials.from_info(info(token_url=url, service_account_impersonation_url=None))
    credentials.refresh(request_)
    assert request_.calls[0].url == url


def test_forms_that_google_auth_accepts_are_accepted(request_: FakeGoogle) -> None:
    upper = IMPERSONATION.replace("iamcredentials.googleapis.com", "US-EAST1-IAMCREDENTIALS.GOOGLEAPIS.COM")
    document = info(
        token_url="HTTPS://STS.googleapis.com/v1beta/token",
        service_account_impersonation_url=upper,
        universe_domain="GoogleAPIs.com",
        quota_project_id="",
        project_id="",
    )
    credentials = Credentials.from_info(document)
    assert credentials.info == document
    assert (credentials.service_account_email, credentials.quota_project_id) == (ACCOUNT, None)
    assert not hasattr(credentials, "project_id")
    credentials.refresh(request_)
    assert [sent.url for sent in request_.calls] == [
        "https://sts.googleapis.com/v1beta/token",
        f"{IAM_URL}:generateAccessToken".replace("iamcredentials", "us-east1-iamcredentials"),
    ]
    assert Credentials.from_info(info(service_account_impersonation_url="")).service_account_email is None


@pytest.mark.parametrize(
    ("seconds", "lifetime"), [("1800", 1800), (1800.0, 1800), ("", 3600), (0, 3600), (None, 3600), ("43200", 43200)]
)
def test_lifetime_may_be_any_form_of_a_whole_number(seconds: object, lifetime: int, request_: FakeGoogle) -> None:
    document = info(service_account_impersonation={"token_lifetime_seconds": seconds})
    credentials = Credentials.from_info(document)
    credentials.refresh(request_)
    assert request_.calls[1].json["lifetime"] == f"{lifetime}s"
    assert credentials.info == document


@pytest.mark.parametrize(
    "seconds",
    ["١٨٠٠", "1_800", " 1800", "+1800", "1800s", 1800.5, "9" * 5000, float("inf"), float("nan"), False, [], "0"],
)
def test_lifetime_that_is_not_a_whole_number_is_rejected(seconds: object) -> None:
    with pytest.raises(ConfigurationError, match="must be a whole number of seconds from 1 to 43200"):
        Credentials.from_info(info(service_account_impersonation={"token_lifetime_seconds": seconds}))


def test_email_address_in_a_url_may_be_percent_encoded() -> None:
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
    assert seams.sentences(caught.value) == (
        "The configuration names the universe domain 'apis.example'. A universe other than googleapis.com must be set in code: "
        "universe_domain='apis.example'."
    )
    assert Credentials.from_info(foreign, universe_domain="apis.example").universe_domain == "apis.example"
    with pytest.raises(ConfigurationError, match="not a Google endpoint"):
        Credentials.from_info(foreign | {"universe_domain": "googleapis.com"})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"type": "service_account"}, "The configuration has the type 'service_account', not 'external_account'."),
        ({"type": None}, "The configuration lacks the field 'type', which must be 'external_account'."),
        ({"audience": None}, "The configuration lacks 'audience'. Add //iam.googleapis.com/projects/"),
        ({"client_secret": "x"}, "The configuration has client_secret, which is for workforce identity"),
        ({"credential_source": []}, "credential_source must be a JSON object."),
        (
            {"source": {"environment_id": "azure1"}},
            "credential_source has the environment_id 'azure1', not 'aws1'. AWS has only version 1: set environment_id to 'aws1'.",
        ),
        (
            {"source": {"environment_id": "aws2"}, "subject_token_type": "urn:ietf:params:oauth:token-type:jwt"},
            "credential_source has the environment_id 'aws2', not 'aws1'. AWS has only version 1: set environment_id to 'aws1'.",
        ),
        (
            {"source": {"environment_id": "azure1"}, "subject_token_type": "urn:ietf:params:oauth:token-type:jwt"},
            "credential_source has the environment_id 'azure1', not 'aws1'. The configuration is for a workload elsewhere.",
        ),
        ({"service_account_impersonation": 1}, "service_account_impersonation must be a JSON object."),
        (
            {"service_account_impersonation": {"token_lifetime_seconds": "x"}},
            "service_account_impersonation's token_lifetime_seconds must be a whole number of seconds from 1 to 43200, not 'x'.",
        ),
        ({"subject_token_type": "saml"}, "subject_token_type must be"),
    ],
)
def test_invalid_configuration_is_rejected(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Credentials.from_info(info(**changes))
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("bad", [None, [], "x", 7])
def test_configuration_must_be_a_mapping(bad: Any) -> None:
    with pytest.raises(
        ConfigurationError,
        match=f"^The configuration must be a JSON object, not {type(bad).__name__}\\. (Use|Pass) .*\\.\n",
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
    ("content", "mistake"),
    [
        (b"", "it is empty. Write it again.\nRun: gcloud iam workload-identity-pools create-cred-config projects/"),
        (b" \n", "it is empty. Write it again.\nRun: gcloud iam workload-identity-pools create-cred-config projects/"),
        (b"[" * 100_000, "it is nested too deeply. Write it again.\nRun: gcloud iam "),
        (
            '{"type": "external_account"}'.encode("utf-16"),
            "it is not UTF-8. Save it as UTF-8 without a byte-order mark.",
        ),
        (
            b"{'type': 'external_account'}",
            "double quotes: line 1 column 2 (char 1). Correct the file there, or write it again.",
        ),
        (b'{"type": "external_account",}', ". Correct the file there, or write it again."),
    ],
)
def test_a_file_that_is_not_json_is_explained_without_the_words_of_the_decoder(
    tmp_path: Path, content: bytes, mistake: str
) -> None:
    path = tmp_path / "config.json"
    path.write_bytes(content)

    with pytest.raises(ConfigurationError) as caught:
        Credentials.from_file(path)

    assert mistake in seams.sentences(caught.value)
    assert not re.search("codec|recursion|unicode", str(caught.value))


@pytest.mark.parametrize(
    "changes",
    [
        {"service_account_impersonation": {"token_lifetime_seconds": "3600.0"}},
        {"credential_source": {"environment_id": "aws01"}},
        {
            "credential_source": {
                "environment_id": "aws1",
                "regional_cred_verification_url": "https://sts.{region}.amazonaws.com?Version=2011-06-15&Action=GetCallerIdentity",
            }
        },
    ],
)
def test_other_forms_that_google_auth_accepts_are_accepted(changes: dict[str, Any]) -> None:
    Credentials.from_info(info(**changes))


def test_the_error_for_a_value_that_is_not_a_url_contains_the_url() -> None:
    with pytest.raises(ConfigurationError) as caught:
        Credentials.from_info(info(service_account_impersonation_url="app@my-project.iam.gserviceaccount.com"))

    assert seams.sentences(caught.value) == (
        "The configuration's service_account_impersonation_url 'app@my-project.iam.gserviceaccount.com' is not a URL. "
        "Replace it with https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/EMAIL:generateAccessToken."
    )


def test_a_fips_endpoint_without_a_region_is_rejected() -> None:
    url = "https://sts-fips.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15"
    with pytest.raises(ConfigurationError, match="is not GetCallerIdentity at an AWS STS endpoint"):
        Credentials.from_info(info(credential_source={"environment_id": "aws1", "regional_cred_verification_url": url}))


@pytest.mark.parametrize(
    ("text", "seen"),
    [("null", "null"), ("[]", "an array"), ('"aws"', "a string"), ("NaN", "a number"), ("true", "true or false")],
)
def test_file_without_a_json_object_is_rejected(tmp_path: Path, text: str, seen: str) -> None:
    path = tmp_path / "config.json"
    path.write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        Credentials.from_file(path)
    assert (
        seams.sentences(caught.value)
        == f"The configuration file {str(path)!r} must hold a JSON object, not {seen}. Write it again.\n{WRITE_FILE}"
    )


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
    assert seams.sentences(caught.value) == (
        f"The configuration is nested deeper than 32 levels. Write it again. The configuration file is {str(path)!r}.\n{WRITE_FILE}"
    )
    with pytest.raises(ConfigurationError, match="nested deeper"):
        Credentials.from_info(nested(levels))


def test_document_of_32_levels_is_read_and_returned_by_info() -> None:
    assert Credentials.from_info(nested(32)).info == nested(32)


def test_document_that_contains_itself_is_one_error() -> None:
    around = info()
    around["self"] = [around, around, [around]]
    with pytest.raises(ConfigurationError, match="nested deeper"):
        Credentials.from_info(around)


@pytest.mark.parametrize("name", ["", None, 7])
def test_value_that_is_not_a_path_is_rejected(name: Any) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Credentials.from_file(name)
    assert (
        seams.sentences(caught.value)
        == f"The configuration file must be a path, not {name!r}. Pass the path of the JSON file."
    )


def test_error_in_a_file_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(info(quota_project_id=" ")))
    with pytest.raises(ConfigurationError) as caught:
        Credentials.from_file(path)
    assert seams.sentences(caught.value) == (
        "quota_project_id must be a non-empty string, not ' '. Set quota_project_id, or leave it out. "
        f"The configuration file is {str(path)!r}."
    )


DIRECT = info(service_account_impersonation_url=None, service_account_impersonation={"token_lifetime_seconds": 1800})


def test_lifetime_of_a_file_without_a_service_account_has_no_effect(tmp_path: Path) -> None:
    """As in google-auth. In code it is an error."""
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
def test_lifetime_in_code_without_a_service_account_is_an_error(lifetime: int) -> None:
    """Even if it is the default lifetime, because it was set explicitly."""
    message = r"^lifetime requires a service account, and there is none\."
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


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"There is no configuration file '.*none\.json'\."):
        Credentials.from_file(tmp_path / "none.json")


def test_a_tilde_in_a_path_is_not_expanded_and_the_error_says_so() -> None:
    with pytest.raises(ConfigurationError) as caught:
        Credentials.from_file("~/none.json")
    assert seams.sentences(caught.value) == (
        "There is no configuration file '~/none.json'. Only a shell replaces ~ and variables. Write the whole path, or use "
        "os.path.expanduser() and os.path.expandvars()."
    )


def test_quotes_around_a_path_are_part_of_it_and_the_error_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", '"~/none.json"')  # as with Jupyter's %env
    with pytest.raises(ConfigurationError, match="Remove the quotes"):
        default()
