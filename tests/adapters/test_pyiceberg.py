"""pyiceberg's REST catalogs send the tokens of credentials."""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
import google.auth
import google.auth.credentials
import pytest
import seams
import yaml
from pyiceberg.catalog import Catalog, load_catalog
from pyiceberg.exceptions import UnauthorizedError

from adapters.token_checking_servers import Reply, Sent, TokenChecker
from google_auth_botocore import ConfigurationError, Credentials, FederationError
from google_auth_botocore.adapters.pyiceberg import AuthManager
from google_auth_botocore.emulator import Emulator

IMPLEMENTATION = f"{AuthManager.__module__}.{AuthManager.__qualname__}"
Load = Callable[[Mapping[str, Any]], Catalog]


@pytest.fixture(name="account")
def _account(google: Emulator) -> str:
    """A service account that the workload may impersonate."""
    everyone = google.add_aws_provider().principal_set("aws_role", "arn:aws:sts::123456789012:assumed-role/app")
    email = google.add_service_account("app@my-project.iam.gserviceaccount.com").email
    google.grant(email, "roles/iam.workloadIdentityUser", everyone)
    return email


@pytest.fixture(name="impersonating")
def _impersonating(google: Emulator, credentials: Credentials, account: str) -> dict[str, Any]:
    """The arguments of credentials for the service account."""
    return {
        "audience": credentials.info["audience"],
        "service_account_email": account,
        "token_url": google.token_url,
        "iam_credentials_endpoint": google.iam_credentials_endpoint,
        "project_id": "my-project",
    }


@pytest.fixture(name="catalog_url")
def _catalog_url(checker: TokenChecker) -> Iterator[str]:
    """The URL of a REST catalog with the namespace `sales`.

    https://github.com/apache/iceberg/blob/main/open-api/rest-catalog-open-api.yaml
    """
    documents = {"/v1/config": {"defaults": {}, "overrides": {}}, "/v1/namespaces": {"namespaces": [["sales"]]}}

    def respond(sent: Sent) -> Reply:
        return Reply(json.dumps(documents[sent.path]).encode(), headers={"Content-Type": "application/json"})

    with checker.serve(respond) as url:
        yield url


@pytest.fixture(name="load")
def _load(catalog_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    """Load the catalog with the properties of the manager."""
    monkeypatch.setenv("PYICEBERG_HOME", str(tmp_path))
    monkeypatch.setenv("NO_PROXY", "*")

    def load(custom: Mapping[str, Any]) -> Catalog:
        auth: Any = {"type": "custom", "impl": IMPLEMENTATION, "custom": {**custom}}
        return load_catalog("test", type="rest", uri=catalog_url, auth=auth)

    return load


def test_eleven_requests_share_one_token(
    load: Load, google: Emulator, checker: TokenChecker, impersonating: dict[str, Any]
) -> None:
    catalog = load(impersonating)
    assert {tuple(catalog.list_namespaces()) for _ in range(10)} == {(("sales",),)}
    assert len(checker.tokens) == 11
    assert (google.count("/v1/token"), google.count(":generateAccessToken"), checker.rejected) == (1, 1, 0)


def test_a_catalog_with_a_session_of_boto3_authenticates(
    load: Load, checker: TokenChecker, impersonating: dict[str, Any]
) -> None:
    """The session has keys that were set in code, so the two managers that pyiceberg creates cannot share tokens."""
    keys = {name: os.environ[f"AWS_{name.upper()}"] for name in ("access_key_id", "secret_access_key", "session_token")}
    session = boto3.Session(**{f"aws_{name}": value for name, value in keys.items()})
    assert load({**impersonating, "session": session}).list_namespaces() == [("sales",)]
    assert checker.rejected == 0


def test_catalogs_of_different_accounts_share_no_token(
    load: Load, google: Emulator, checker: TokenChecker, impersonating: dict[str, Any]
) -> None:
    load(impersonating)
    load({**impersonating, "service_account_email": None})
    principals = {info.principal for token in checker.tokens if (info := google.check_access_token(token))}
    assert len(principals) == 2


def test_it_accepts_a_credentials_object(load: Load, checker: TokenChecker, credentials: Credentials) -> None:
    catalog = load({"credentials": credentials})
    assert catalog.list_namespaces() == [("sales",)]
    assert set(checker.tokens) == {credentials.token}
    credentials.token = None
    catalog.list_namespaces()
    assert checker.tokens[-1] == credentials.token


def test_properties_may_be_in_a_file(
    google: Emulator,
    catalog_url: str,
    checker: TokenChecker,
    impersonating: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All values in the file are text, also the lifetime."""
    custom = {**impersonating, "lifetime": 1800, "scopes": ["https://www.googleapis.com/auth/devstorage.read_only"]}
    auth = {"type": "custom", "impl": IMPLEMENTATION, "custom": custom}
    document = {"catalog": {"prod": {"type": "rest", "uri": catalog_url, "auth": auth}}}
    (tmp_path / ".pyiceberg.yaml").write_text(yaml.safe_dump(document))
    monkeypatch.setattr("pyiceberg.catalog._ENV_CONFIG", _configuration(tmp_path, monkeypatch))
    assert load_catalog("prod").list_namespaces() == [("sales",)]
    info = google.check_access_token(checker.tokens[-1])
    assert info is not None
    assert (info.scopes, checker.rejected) == (tuple(custom["scopes"]), 0)


def _configuration(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return pyiceberg's configuration, which it reads once, when it is imported."""
    from pyiceberg.utils.config import Config

    monkeypatch.setenv("PYICEBERG_HOME", str(folder))
    return Config()


@pytest.mark.usefixtures("credentials")
@pytest.mark.parametrize("by", ["environment", "credentials_path"])
def test_it_reads_a_configuration_file(
    load: Load, google: Emulator, account: str, by: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without arguments, it uses the file of GOOGLE_APPLICATION_CREDENTIALS. Other arguments override the file."""
    info = {
        "type": "external_account",
        "audience": google.add_aws_provider().audience,
        "subject_token_type": "urn:ietf:params:aws:token-type:aws4_request",
        "token_url": "https://sts.googleapis.com/v1/token",
        "credential_source": {
            "environment_id": "aws1",
            "regional_cred_verification_url": "https://sts.{region}.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15",
        },
    }
    path = tmp_path / "external_account.json"
    path.write_text(json.dumps(info))
    custom: dict[str, Any] = {"token_url": google.token_url}
    if by == "environment":
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(path))
    else:
        custom["credentials_path"] = str(path)
    assert load(custom).list_namespaces() == [("sales",)]
    assert google.count("/v1/token") == 1


def test_it_uses_the_credentials_of_a_developer(
    load: Load, checker: TokenChecker, credentials: Credentials, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Google's own credentials, which refresh with the request that they are passed."""

    class Developer(google.auth.credentials.Credentials):
        def refresh(self, request: Any) -> None:
            assert callable(request)
            self.token = credentials.get_token().value

    developer = Developer()  # type: ignore[no-untyped-call]  # google-auth has no types
    monkeypatch.setattr(google.auth, "default", lambda **_: (developer, None))
    monkeypatch.setenv("CLOUDSDK_CONFIG", "/nonexistent")
    assert load({}).list_namespaces() == [("sales",)]
    assert set(checker.tokens) == {credentials.token}


def test_a_rejected_token_is_replaced_after_a_refresh(
    load: Load, checker: TokenChecker, credentials: Credentials
) -> None:
    catalog = load({"credentials": credentials})
    checker.revoked.update(checker.tokens)
    with pytest.raises(UnauthorizedError):
        catalog.list_namespaces()
    credentials.refresh(None)
    assert catalog.list_namespaces() == [("sales",)]


def test_a_rejection_by_google_reaches_the_user(load: Load, credentials: Credentials, rejection: str) -> None:
    with pytest.raises(FederationError, match=rejection):
        load({"credentials": credentials})


@pytest.mark.parametrize("extra", [{"audience": "a"}, {"credentials_path": "b"}])
def test_credentials_exclude_other_arguments(load: Load, credentials: Credentials, extra: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match="not both"):
        load({"credentials": credentials, **extra})


def test_credentials_that_are_text_are_an_error_that_does_not_show_them(load: Load) -> None:
    with pytest.raises(TypeError, match="credentials object, not str") as caught:
        load({"credentials": "secret"})
    assert "secret" not in str(caught.value)


def test_a_wrong_argument_is_a_configuration_error(load: Load) -> None:
    with pytest.raises(ConfigurationError, match="audience"):
        load({"audience": "prod"})


def test_a_pickled_manager_fetches_its_own_token_in_another_process(credentials: Credentials, google: Emulator) -> None:
    manager = AuthManager(credentials)
    manager.auth_header()
    pickled = pickle.dumps(manager)
    assert str(credentials.token).encode() not in pickled
    header = seams.unpickled_elsewhere(pickled).auth_header()
    assert header.startswith("Bearer ")
    assert header != manager.auth_header()
    assert google.count("/v1/token") == 2
