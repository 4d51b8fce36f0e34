"""`default` and `load_credentials_from_file`: like google-auth's, but with `Credentials` for the file of an AWS workload."""

from __future__ import annotations

import inspect
import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import google.auth
import pytest
import seams
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth import exceptions

import google_auth_botocore
from core.stand_in import ACCOUNT, FakeGoogle
from core.test_external_account import WRITE_FILE, info
from google_auth_botocore import ConfigurationError, Credentials

Put = Callable[[Any], Path]
Found = tuple[Any, str | None]


@pytest.fixture(name="put", params=["variable", "gcloud's own"])
def _put(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Put:
    """Write a file to a place where google-auth looks for it."""
    path = tmp_path / "config.json"
    if request.param == "variable":
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(path))
    else:
        monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
        path = tmp_path / "application_default_credentials.json"

    def put(document: Any) -> Path:
        path.write_text(document if isinstance(document, str) else json.dumps(document))
        return path

    return put


@pytest.fixture(autouse=True)
def _no_gcloud(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Hide gcloud, which google-auth starts for its project. A start takes half a second."""
    monkeypatch.setenv("PATH", str(tmp_path))


@pytest.fixture(name="offline")
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every attempt to open a connection fail."""

    def reject(*_: object) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", reject)


@pytest.mark.usefixtures("offline")
def test_file_of_an_aws_workload_is_loaded_as_our_credentials_without_a_network_call(put: Put) -> None:
    path = put(info())
    credentials, project_id = google_auth_botocore.default()
    assert isinstance(credentials, Credentials)
    assert (credentials.info, project_id, credentials.requires_scopes) == (info(), None, True)
    assert credentials.get_cred_info()["credential_source"] == str(path)


def test_every_argument_reaches_the_credentials(put: Put, request_: FakeGoogle) -> None:
    put(info())
    credentials, project_id = google_auth_botocore.default(
        ["a"], None, "q", ["b"], service_account_email=None, project_id="p", region="us-west-2"
    )
    assert isinstance(credentials, Credentials)
    assert (credentials.scopes, credentials.default_scopes, credentials.quota_project_id) == (("a",), ("b",), "q")
    assert (credentials.service_account_email, credentials.project_id, project_id) == (None, "p", "p")
    credentials.refresh(request_)
    assert [call.url for call in request_.calls] == ["https://sts.googleapis.com/v1/token"]


PROJECTS = {
    "argument": ("argument", "p", {"GOOGLE_CLOUD_PROJECT": "new", "GCLOUD_PROJECT": "old"}, "file"),
    "environment": ("new", None, {"GOOGLE_CLOUD_PROJECT": "new", "GCLOUD_PROJECT": "old"}, "file"),
    "older variable": ("old", None, {"GCLOUD_PROJECT": "old"}, "file"),
    "empty variable": ("file", None, {"GOOGLE_CLOUD_PROJECT": ""}, "file"),
    "file": ("file", None, {}, "file"),
    "nowhere": (None, None, {}, None),
}


@pytest.mark.parametrize("case", PROJECTS.values(), ids=PROJECTS)
@pytest.mark.parametrize("with_file", [False, True])
def test_project_comes_from_the_argument_the_environment_or_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: tuple[Any, ...], with_file: bool
) -> None:
    expected, argument, environment, in_file = case
    path = tmp_path / "config.json"
    path.write_text(json.dumps(info(project_id=in_file)))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(path))
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    overrides = {"project_id": "argument"} if argument else {}
    credentials, project_id = (
        google_auth_botocore.load_credentials_from_file(path, **overrides)
        if with_file
        else google_auth_botocore.default(**overrides)
    )
    assert (project_id, getattr(credentials, "project_id", None)) == (expected, expected)


@pytest.mark.parametrize(
    ("argument", "environment", "expected"),
    [("argument", "environment", "argument"), (None, "environment", "environment"), (None, "", "file")],
)
def test_quota_project_comes_from_the_argument_the_environment_or_the_file(
    put: Put, monkeypatch: pytest.MonkeyPatch, argument: str | None, environment: str, expected: str
) -> None:
    """The order is that of google-auth."""
    put(info(quota_project_id="file"))
    monkeypatch.setenv("GOOGLE_CLOUD_QUOTA_PROJECT", environment)
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "p")
    ours, _ = google_auth_botocore.default(quota_project_id=argument)
    theirs, _ = google.auth.default(quota_project_id=argument)
    assert ours.quota_project_id == theirs.quota_project_id == expected


@pytest.mark.parametrize(
    "changes",
    [
        {"audience": None},
        {"token_url": "https://sts.evil.com/v1/token"},
        {"client_id": "x"},
        {"source": {"environment_id": "aws2"}},
        {"subject_token_type": "urn:ietf:params:oauth:token-type:jwt", "audience": "x"},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_invalid_file_of_an_aws_workload_is_our_error(put: Put, changes: dict[str, Any]) -> None:
    """Callers can also catch it as google-auth's error."""
    put(info(**changes))
    with pytest.raises(exceptions.DefaultCredentialsError) as caught:
        google_auth_botocore.default()
    assert isinstance(caught.value, ConfigurationError)
    put(info())
    assert isinstance(google_auth_botocore.default()[0], Credentials)


KEY = rsa.generate_private_key(65537, 2048).private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
)
ELSEWHERE: dict[str, Any] = {
    "key": {
        "type": "service_account",
        "client_email": ACCOUNT,
        "private_key": KEY.decode(),
        "token_uri": "https://oauth2.googleapis.com/token",
        "project_id": "file",
    },
    "user": {"type": "authorized_user", "client_id": "i", "client_secret": "s", "refresh_token": "r"},
    "token from a file": info(
        subject_token_type="urn:ietf:params:oauth:token-type:jwt", credential_source={"file": "/token"}
    ),
    "unknown type": {"type": "external_acount"},
    "no type": {},
    "a broken source": info(subject_token_type="urn:ietf:params:oauth:token-type:jwt", credential_source=None),
}


def outcome(find: Callable[[], Found]) -> object:
    """Return the result or the error in a form that can be compared."""
    try:
        credentials, project_id = find()
    except Exception as error:
        return type(error), str(error)
    return type(credentials), project_id, credentials.quota_project_id, getattr(credentials, "scopes", None)


@pytest.mark.parametrize("document", ELSEWHERE.values(), ids=ELSEWHERE)
@pytest.mark.filterwarnings("ignore:The load_credentials_from_file method is deprecated:DeprecationWarning")
def test_everything_else_is_passed_to_google_auth(put: Put, monkeypatch: pytest.MonkeyPatch, document: Any) -> None:
    path = put(document)
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "p")
    arguments: dict[str, Any] = {"scopes": ["a"], "quota_project_id": "q"}
    theirs = outcome(lambda: google.auth.default(**arguments))
    assert outcome(lambda: google_auth_botocore.default(**arguments)) == theirs
    arguments["request"] = FakeGoogle()
    theirs = outcome(lambda: google.auth.load_credentials_from_file(str(path), **arguments))
    assert outcome(lambda: google_auth_botocore.load_credentials_from_file(str(path), **arguments)) == theirs


@pytest.mark.parametrize(
    "document",
    ["[]", '"aws"', "null", None, "{", json.dumps(ELSEWHERE["key"]).encode("utf-16")],
    ids=["a list", "a string", "null", "a directory", "not JSON", "UTF-16"],
)
@pytest.mark.filterwarnings("ignore:The load_credentials_from_file method is deprecated:DeprecationWarning")
def test_file_that_google_auth_cannot_read_is_a_clear_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, document: str | bytes | None
) -> None:
    """google-auth's own error would contain the bytes of a key file that is not in UTF-8."""
    path = tmp_path / "config.json"
    if document is None:
        path.mkdir()
    else:
        path.write_bytes(document.encode() if isinstance(document, str) else document)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(path))
    with pytest.raises(ConfigurationError, match=f"^The configuration file {str(path)!r} "):
        google_auth_botocore.default()
    with pytest.raises(ConfigurationError, match=f"^The configuration file {str(path)!r} "):
        google_auth_botocore.load_credentials_from_file(path)


def test_explicit_project_also_applies_to_other_credentials(put: Put) -> None:
    """Arguments that do not apply are ignored, so the same line works on AWS and on a developer's machine."""
    put(ELSEWHERE["key"])
    assert google_auth_botocore.default()[1] == "file"
    credentials, project_id = google_auth_botocore.default(project_id="argument", assume_role="arn:aws:iam::1:role/r")
    assert (project_id, isinstance(credentials, Credentials)) == ("argument", False)


@pytest.mark.parametrize("variable", ["none.json", None])
def test_missing_credentials_are_google_auths_error_with_a_fix(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str | None
) -> None:
    """google-auth's own text says neither what is set nor how to set it."""
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    if variable is not None:
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / variable))
    theirs = outcome(google.auth.default)
    assert isinstance(theirs, tuple)
    assert theirs[0] is exceptions.DefaultCredentialsError
    with pytest.raises(exceptions.DefaultCredentialsError) as caught:
        google_auth_botocore.default()
    assert str(caught.value.__cause__) == theirs[1]
    assert seams.sentences(caught.value) == (
        f"GOOGLE_APPLICATION_CREDENTIALS names {str(tmp_path / 'none.json')!r}, which does not exist. "
        f"Correct the path, or create the file.\n{WRITE_FILE}"
        if variable
        else "There are no Application Default Credentials: GOOGLE_APPLICATION_CREDENTIALS is not set, and "
        f"{str(tmp_path / 'home' / 'gcloud' / 'application_default_credentials.json')!r} does not exist. "
        "Set the variable to the path of an external_account file, or pass the provider in code: Credentials(AUDIENCE)."
    )


@pytest.mark.parametrize("name", ["default", "load_credentials_from_file"])
def test_positional_arguments_have_google_auths_order(name: str) -> None:
    theirs = list(inspect.signature(getattr(google.auth, name)).parameters)
    assert list(inspect.signature(getattr(google_auth_botocore, name)).parameters) == [*theirs, "overrides"]
