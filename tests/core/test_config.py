"""Invalid arguments: building the object raises one clear error with the value and the fix."""

from __future__ import annotations

from enum import Enum
from typing import Any

import botocore.session
import pytest
import seams
from google.auth import exceptions
from hypothesis import given
from hypothesis import strategies as st

from core.conftest import Make
from core.stand_in import ACCOUNT, PROVIDER
from google_auth_botocore import ConfigurationError, Credentials

AUDIENCE_FORM = (
    "//iam.googleapis.com/projects/PROJECT_NUMBER/locations/global/workloadIdentityPools/POOL/providers/PROVIDER"
)
PATH = PROVIDER.removeprefix("//iam.googleapis.com/")
POOL = PROVIDER.rsplit("/providers/", 1)[0]


@pytest.mark.parametrize("form", [PROVIDER, PATH, f"https:{PROVIDER}", f"{PROVIDER}/", f" {PROVIDER}\n"])
def test_audience_is_accepted_in_every_form_that_google_tools_print(form: str) -> None:
    assert Credentials(form).info["audience"] == PROVIDER


NO_PROVIDER = "The audience {!r} names no workload identity pool provider. {}"
FORM = "//iam.googleapis.com/projects/PROJECT_NUMBER/locations/global/workloadIdentityPools/POOL/providers/PROVIDER"
START = "Begin it with '//iam.googleapis.com/projects/' instead of '{}iam.{}/projects/'."
ID = "the id of a {} has only lower-case letters, digits and hyphens."


@pytest.mark.parametrize(
    ("audience", "message"),
    [
        (
            POOL,
            (
                f"The audience {POOL!r} is a pool, not a provider. Add /providers/PROVIDER.\n"
                "Run: gcloud iam workload-identity-pools providers list --location=global --workload-identity-pool=aws"
            ),
        ),
        (
            PROVIDER.replace("123456789012", "my-project"),
            (
                f"The audience {PROVIDER.replace('123456789012', 'my-project')!r} has the project id 'my-project' in the "
                "place of the project number. Replace it with the number.\nRun: gcloud projects describe my-project --format='value(projectNumber)'"
            ),
        ),
        (
            PROVIDER.replace("123456789012", "１２"),
            (
                f"The audience {PROVIDER.replace('123456789012', '１２')!r} has the project id '１２' in the place of the project number. "
                "Replace it with the number.\nRun: gcloud projects describe '１２' --format='value(projectNumber)'"
            ),
        ),
        *(
            (bad, NO_PROVIDER.format(bad.strip(), fix))
            for bad, fix in (
                (PROVIDER.removeprefix("//"), START.format("", "googleapis.com")),
                (PROVIDER.removeprefix("/"), START.format("/", "googleapis.com")),
                (f"http:{PROVIDER}", START.format("http://", "googleapis.com")),
                (PROVIDER.replace("//iam.googleapis.com", "//iam.evil.com"), START.format("//", "evil.com")),
                (PROVIDER.replace("/aws/", "/Aws/"), f"Correct 'Aws': {ID.format('pool')}"),
                (PROVIDER.replace("/prod", "/pröd"), f"Correct 'pröd': {ID.format('provider')}"),
                (PROVIDER.replace("/prod", "/PROVIDER"), "Replace 'PROVIDER' with the id of your provider."),
                (PROVIDER.replace("/prod", "/${PROVIDER}"), "Replace '${PROVIDER}' with the id of your provider."),
                (f"'{PROVIDER}'", f"Remove the quotes around it: {PROVIDER}."),
                (
                    f"principalSet:{POOL}/attribute.aws_role/x",
                    f"It is a member for IAM policies. Pass the provider: {FORM}.",
                ),
                (f"{POOL}/attribute.aws_role/x", f"Compare it with the form {FORM}."),
                (f"{PROVIDER}/../../x", f"Compare it with the form {FORM}."),
                (
                    "//iam.googleapis.com/locations/global/workforcePools/w",
                    f"It is of a workforce pool, which is for people. Pass {FORM}.",
                ),
                ("prod", f"Pass {FORM}."),
                ("/etc/config", "To use a configuration file, call Credentials.from_file()."),
            )
        ),
        ("", f"audience must be a non-empty string, not ''. Pass {AUDIENCE_FORM}."),
        (None, f"audience must be a non-empty string, not None. Pass {AUDIENCE_FORM}."),
    ],
)
def test_invalid_audience_is_rejected(audience: Any, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Credentials(audience)
    assert seams.sentences(caught.value) == message


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"service_account_email": ""},
            "service_account_email must be a non-empty string, not ''. Set service_account_email, or leave it out.",
        ),
        (
            {"service_account_email": "a b@c.d"},
            (
                "The service_account_email 'a b@c.d' is not a service account. Pass its e-mail address "
                "(NAME@PROJECT.iam.gserviceaccount.com) or its unique id (digits)."
            ),
        ),
        (
            {"service_account_email": ACCOUNT, "delegates": ["x;rm/"]},
            (
                "The delegate 'x;rm/' is not a service account. Pass its e-mail address "
                "(NAME@PROJECT.iam.gserviceaccount.com) or its unique id (digits)."
            ),
        ),
        (
            {"service_account_email": ACCOUNT, "delegates": ACCOUNT},
            f"delegates must be a sequence of strings, not {ACCOUNT!r}. Pass a list: delegates=[{ACCOUNT!r}].",
        ),
        (
            {"delegates": [ACCOUNT]},
            "delegates and subject require a service account, and there is none. Set service_account_email (--service-account).",
        ),
        (
            {"subject": "u@example.com"},
            "delegates and subject require a service account, and there is none. Set service_account_email (--service-account).",
        ),
        (
            {"service_account_email": ACCOUNT, "subject": ""},
            "subject must be a non-empty string, not ''. Set subject, or leave it out.",
        ),
        (
            {"service_account_email": ACCOUNT, "subject": "u@example.com", "lifetime": 3601},
            "A token that acts for a subject is valid for at most 3600 s, not lifetime=3601. Set lifetime=3600.",
        ),
        (
            {"service_account_email": ACCOUNT, "subject": "u@example.com", "universe_domain": "apis.example"},
            "subject (domain-wide delegation) is not available in the universe 'apis.example'. Leave subject out.",
        ),
        (
            {"universe_domain": ""},
            "universe_domain must be a non-empty string, not ''. Set universe_domain, or leave it out.",
        ),
        ({"scopes": "a b"}, "scopes must be a sequence of strings, not 'a b'. Pass a list: scopes=['a', 'b']."),
        ({"scopes": [1]}, "Each item of scopes must be a non-empty string, not 1. Pass it in quotes: '1'."),
        (
            {"lifetime": 0},
            "lifetime must be a whole number of seconds from 1 to 43200, not 0. Use 3600 for an hour.",
        ),
        (
            {"lifetime": 43201},
            "lifetime must be a whole number of seconds from 1 to 43200, not 43201. Use 3600 for an hour.",
        ),
        (
            {"lifetime": True},
            "lifetime must be a whole number of seconds from 1 to 43200, not True. Use 3600 for an hour.",
        ),
        # More digits than Python converts to text.
        (
            {"lifetime": 10**5000},
            "lifetime must be a whole number of seconds from 1 to 43200, not <int>. Use 3600 for an hour.",
        ),
        (
            {"quota_project_id": "\n" + 1000 * "x"},
            f"quota_project_id must be a single line of text, not '\\n{177 * 'x'}…. Remove line breaks and other control characters.",
        ),
        (
            {"lifetime": "3600s"},
            "lifetime must be a whole number of seconds from 1 to 43200, not '3600s'. Use 3600 for an hour, without quotes.",
        ),
        (
            {"token_url": "http://sts.example.com/v1/token"},
            (
                "token_url must be an https URL, or http on loopback, without a user part or a fragment, "
                "not 'http://sts.example.com/v1/token'. Google's own is https://sts.googleapis.com/v1/token: leave token_url out to use it."
            ),
        ),
        (
            {"token_url": "https://u:p@example.com/"},
            "token_url must be an https URL, or http on loopback, without a user part or a fragment, not 'https://[hidden]@example.com/'. Google's own is https://sts.googleapis.com/v1/token: leave token_url out to use it.",
        ),
        (
            {"iam_credentials_endpoint": "https://iamcredentials.googleapis.com/v1"},
            (
                "iam_credentials_endpoint must be a scheme and a host without a path, such as https://iamcredentials.googleapis.com, "
                "not 'https://iamcredentials.googleapis.com/v1'. Remove the path."
            ),
        ),
        (
            {"universe_domain": "https://apis.example"},
            "universe_domain must be a host name such as 'googleapis.com', not 'https://apis.example'. Pass it without a scheme and a path.",
        ),
        (
            {"subject_token_type": "urn:x"},
            (
                "subject_token_type must be 'urn:ietf:params:aws:token-type:aws4_request' or "
                "'urn:ietf:params:oauth:token-type:jwt', not 'urn:x'. Use the first for a provider of the type AWS, the second for OIDC."
            ),
        ),
        (
            {"quota_project_id": "a\r\nx: y"},
            "quota_project_id must be a single line of text, not 'a\\r\\nx: y'. Remove line breaks and other control characters.",
        ),
        (
            {"scopes": ["a\nb"]},
            "Each item of scopes must be a single line of text, not 'a\\nb'. Remove line breaks and other control characters.",
        ),
        (
            {"quota_project_id": "日本"},
            "quota_project_id must be the id or number of a project, not '日本'. Correct it.",
        ),
        (
            {"quota_project_id": ""},
            "quota_project_id must be a non-empty string, not ''. Set quota_project_id, or leave it out.",
        ),
        ({"project_id": 42}, "project_id must be a non-empty string, not 42. Pass it in quotes: '42'."),
        (
            {"session": object()},
            "session must be a botocore or boto3 Session, not an object of the type object. Pass boto3.Session(), or leave it out to use botocore's default chain.",
        ),
        (
            {"session": botocore.session.Session},
            "session must be a botocore or boto3 Session, not the class botocore.session.Session. Call the class, such as boto3.Session().",
        ),
        (
            {"assume_role": {"RoleArn": "arn:aws:iam::123456789012:role/r", 7: "x"}},
            (
                "assume_role must be a role's ARN, or a mapping of AssumeRole's arguments with a RoleArn, "
                "not {'RoleArn': 'arn:aws:iam::123456789012:role/r', 7: '…'}. "
                "Pass an ARN of the form arn:aws:iam::123456789012:role/NAME."
            ),
        ),
        (
            {"assume_role": "reader"},
            (
                "assume_role must be a role's ARN, or a mapping of AssumeRole's arguments with a RoleArn, not 'reader'. "
                "Pass an ARN of the form arn:aws:iam::123456789012:role/NAME."
            ),
        ),
    ],
)
def test_invalid_argument_is_rejected(make: Make, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        make(**arguments)
    assert seams.sentences(caught.value) == message
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, exceptions.GoogleAuthError)


@pytest.mark.parametrize(
    "url",
    [
        "https://sts.example.com/v1/token",
        "https://sts.example.com:1/v1/token?a=b",
        "http://localhost:8080/v1/token",
        "http://127.0.0.1/v1/token",
        "http://[::1]:1/v1/token",
    ],
)
def test_secure_endpoint_is_called_unchanged(make: Make, url: str) -> None:
    assert make(token_url=url).info["token_url"] == url


@pytest.mark.parametrize(
    "url",
    [
        "https://[bad",
        "https://sts.example.com:99999/",
        "https://sts.example.com:port/",
        "https://sts.example.com:0/",
        "https:///v1/token",
        "https://sts.example.com/#x",
        "https://sts.example.com/ä",
        "https://%00sts.example.com/",
        "https://sts.example.com%2e/",
        "ftp://localhost/",
        "HTTP:/localhost/",
        "localhost",
    ],
)
@pytest.mark.parametrize("name", ["token_url", "iam_credentials_endpoint", "oauth_token_url"])
def test_invalid_or_insecure_endpoint_is_rejected(make: Make, name: str, url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        make(**{name: url})
    own = {
        "token_url": "https://sts.googleapis.com/v1/token",
        "iam_credentials_endpoint": "https://iamcredentials.googleapis.com",
        "oauth_token_url": "https://oauth2.googleapis.com/token",
    }
    assert seams.sentences(caught.value) == (
        f"{name} must be an https URL, or http on loopback, without a user part or a fragment, not {url!r}. "
        f"Google's own is {own[name]}: leave {name} out to use it."
    )


def test_enumeration_member_is_used_as_its_value(make: Make) -> None:
    class Name(str, Enum):
        ACCOUNT = ACCOUNT
        SCOPE = "https://www.googleapis.com/auth/devstorage.read_only"
        PROOF = "urn:ietf:params:oauth:token-type:jwt"

    class Hours(int, Enum):
        HALF = 1800

    credentials = make(
        Name.ACCOUNT, scopes=[Name.SCOPE], lifetime=Hours.HALF, subject_token_type=Name.PROOF, region="eu-west-1"
    )
    info = credentials.info
    [scope], seconds = credentials.scopes, info["service_account_impersonation"]["token_lifetime_seconds"]
    for value in (credentials.service_account_email, scope, seconds, info["subject_token_type"]):
        assert type(value) in (str, int)
    assert f"{scope} {seconds}" == "https://www.googleapis.com/auth/devstorage.read_only 1800"
    assert info["subject_token_type"] == "urn:ietf:params:oauth:token-type:jwt"


@pytest.mark.parametrize("seconds", [1, 43200])
def test_lifetime_that_google_accepts_is_accepted(make: Make, seconds: int) -> None:
    assert make(ACCOUNT, lifetime=seconds).info["service_account_impersonation"] == {"token_lifetime_seconds": seconds}


ENDPOINTS = ("token_url", "iam_credentials_endpoint", "oauth_token_url")


def test_universe_changes_default_endpoints_but_not_explicit_ones(make: Make) -> None:
    own = ("https://sts.{}/v1/token", "https://iamcredentials.{}", "https://oauth2.{}/token")
    here, elsewhere = (
        dict(zip(ENDPOINTS, (url.format(domain) for url in own), strict=True))
        for domain in ("googleapis.com", "apis.example")
    )
    assert repr(make(ACCOUNT, **here)) == repr(make(ACCOUNT))
    moved = make(ACCOUNT, **here).with_universe_domain("apis.example")
    assert repr(moved) == repr(make(ACCOUNT, universe_domain="apis.example"))
    assert repr(moved) == repr(make(ACCOUNT, universe_domain="apis.example", **elsewhere))
    for name, url in elsewhere.items():
        assert f"{name}={url!r}" in repr(make(ACCOUNT, **elsewhere))
        assert f"{name}={url!r}" in repr(make(ACCOUNT, **elsewhere).with_universe_domain("apis.test"))


def test_empty_endpoint_is_rejected_by_name(make: Make) -> None:
    with pytest.raises(
        ConfigurationError, match=r"^token_url must be a non-empty string, not ''\. Set token_url, or leave it out\.\n"
    ):
        make(token_url="")


def test_iam_endpoint_may_end_with_a_slash(make: Make) -> None:
    credentials = make(ACCOUNT, iam_credentials_endpoint="https://iam.example.com/")
    assert credentials.info["service_account_impersonation_url"].startswith("https://iam.example.com/v1/projects/")
    assert make(ACCOUNT, iam_credentials_endpoint="https://iamcredentials.googleapis.com/").info == make(ACCOUNT).info


@pytest.mark.parametrize("end", ["?x=y", "/v1", "/?", "//x"])
def test_iam_endpoint_with_a_path_is_rejected(make: Make, end: str) -> None:
    with pytest.raises(ConfigurationError, match="must be a scheme and a host without a path"):
        make(iam_credentials_endpoint=f"https://iam.example.com{end}")


@given(st.text())
def test_any_text_is_a_valid_audience_or_one_clear_error(text: str) -> None:
    error = None
    try:
        Credentials(text)
    except ConfigurationError as raised:
        error = raised
    assert error is None or "audience" in str(error)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"tags": {"team": "data"}},
            "tags and subject_mode require AWS's JWT, and subject_token_type is another one. Set it to 'urn:ietf:params:oauth",
        ),
        ({"subject_mode": "AWSIdentity"}, "tags and subject_mode require AWS's JWT"),
        ({"tags": [("team", "data")]}, "tags must be a mapping of names to values, not "),
        ({"tags": {"team": 1}}, "The tag team must be a non-empty string, not 1"),
        ({"tags": {"": "data"}}, "A name in tags must be a non-empty string, not ''"),
        ({"tags": {1: "data"}}, "A name in tags must be a non-empty string, not 1"),
        ({"tags": {"team": "a\nb"}}, "The tag team must be a single line of text"),
        (
            {"subject_mode": "Originidentity"},
            "subject_mode must be 'AWSIdentity' or 'OriginIdentity', not 'Originidentity'.",
        ),
        ({"subject_mode": []}, "subject_mode must be "),
        ({"subject_mode": ""}, "subject_mode must be "),
    ],
)
def test_invalid_tags_and_subject_modes_are_rejected(make: Make, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        make(**arguments)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    "arguments",
    [
        {"audience": PROVIDER.replace("123456789012", "١٢٣٤٥٦٧٨٩٠١٢")},
        {"service_account_email": "١٢٣٤٥٦٧٨٩٠١٢"},
        {"assume_role": "arn:aws:iam::١٢٣٤٥٦٧٨٩٠١٢:role/x"},
        {"region": "us-east-١"},
    ],
    ids=lambda each: next(iter(each)),
)
def test_digits_of_other_scripts_are_rejected(arguments: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        Credentials(**{"audience": PROVIDER, **arguments})
