"""An emulator that trusts one AWS account, and the identity that it saw."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import boto3
import botocore.credentials
import botocore.tokens
import pytest
import seams
from core.stand_in import HurriedClock
from records import recording

from google_auth_botocore import Credentials
from google_auth_botocore.emulator import AwsKeys, Emulator
from google_auth_botocore.emulator.aws.moto import Moto

ACCOUNT = "123456789012"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/team/reader"

Issue = Callable[..., AwsKeys]
Write = Callable[[str], None]


@dataclass
class Seen:
    """The identity in a subject token that Google accepted."""

    arn: str
    host: str
    region: str


@dataclass
class Federation:
    """The emulator, and credentials for it."""

    google: Emulator
    audience: str

    def credentials(self, **arguments: Any) -> Credentials:
        return Credentials(self.audience, token_url=self.google.token_url, **arguments)

    def seen(self, **arguments: Any) -> Seen:
        """Exchange the subject token and return what Google saw. With every logger at DEBUG, no secret is logged."""
        with recording() as records:
            token = self.credentials(**arguments).get_token()
        subject_token = self.google.calls[-1].form()["subject_token"]
        headers = {each["key"].lower(): each["value"] for each in json.loads(unquote(subject_token))["headers"]}
        key_id = headers["authorization"].split("Credential=")[1].split("/")[0]
        keys = self.google.aws_keys.find(key_id)
        assert keys is not None
        assert records.text
        signature = headers["authorization"].split("Signature=")[1]
        for secret in (keys.secret_access_key, keys.session_token, signature, subject_token, token.value):
            assert secret is None or secret not in records
        return self.last_seen()

    def last_seen(self) -> Seen:
        call = self.google.calls[-1]
        assert call.assertion is not None
        token = json.loads(unquote(call.form()["subject_token"]))
        headers = {each["key"].lower(): each["value"] for each in token["headers"]}
        scope = headers["authorization"].split("Credential=")[1].split(",")[0].split("/")
        host = urlsplit(token["url"]).netloc
        assert headers["host"] == host
        return Seen(call.assertion["arn"], host, scope[2])


@pytest.fixture(name="clock")
def _clock(monkeypatch: pytest.MonkeyPatch) -> HurriedClock:
    """The clock of all credentials that the test creates."""
    clock = HurriedClock()
    seams.use_clock(monkeypatch, clock)
    return clock


@pytest.fixture(name="federation")
def _federation(google: Emulator) -> Federation:
    return Federation(google, google.add_aws_provider(account_id=ACCOUNT).audience)


@pytest.fixture(name="issue")
def _issue(google: Emulator) -> Issue:
    """Return keys of a role with this name, like those that AWS issues."""
    return lambda role="app", partition="aws", **more: google.aws_keys.issue(
        f"arn:{partition}:sts::{ACCOUNT}:assumed-role/{role}/session", **more
    )


@pytest.fixture(name="moto")
def _moto(google: Emulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[Moto]:
    """AWS STS and IAM, whose keys the emulator accepts."""
    with Moto() as moto:
        google.aws_keys.add_lookup(moto.lookup)
        set_all(monkeypatch, moto.environment())
        yield moto


@pytest.fixture(name="user")
def _user(moto: Moto) -> AwsKeys:
    """Long-term keys of an IAM user."""
    iam = boto3.client(
        "iam", endpoint_url=moto.url, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x"
    )
    iam.create_user(UserName="deployer")
    key = iam.create_access_key(UserName="deployer")["AccessKey"]
    keys = moto.lookup(key["AccessKeyId"])
    assert keys is not None
    return keys


@pytest.fixture(autouse=True)
def _sso_cache_at_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Set the one path for which botocore reads the home directory at import time, before the test has set a home."""
    cache = str(tmp_path / "home" / ".aws" / "sso" / "cache")
    for provider in (botocore.credentials.SSOProvider, botocore.tokens.SSOTokenProvider):
        monkeypatch.setattr(provider, "_SSO_TOKEN_CACHE_DIR", cache)


def arn(role: str, session: str = "session") -> str:
    """Return the ARN that GetCallerIdentity returns for a role's keys."""
    return f"arn:aws:sts::{ACCOUNT}:assumed-role/{role}/{session}"


def set_all(monkeypatch: pytest.MonkeyPatch, variables: Mapping[str, str]) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


def environment(keys: AwsKeys) -> dict[str, str]:
    """Return the environment variables with keys."""
    found = {"AWS_ACCESS_KEY_ID": keys.access_key_id, "AWS_SECRET_ACCESS_KEY": keys.secret_access_key}
    return found if keys.session_token is None else {**found, "AWS_SESSION_TOKEN": keys.session_token}


def ini(section: str, keys: AwsKeys | None = None, **settings: str) -> str:
    """Return a section of an AWS file."""
    held = {} if keys is None else {name.lower(): value for name, value in environment(keys).items()}
    return "\n".join([f"[{section}]", *(f"{name} = {value}" for name, value in {**held, **settings}.items()), ""])


def process_answer(keys: AwsKeys) -> dict[str, object]:
    """Return the output of a `credential_process`."""
    return {
        "Version": 1,
        "AccessKeyId": keys.access_key_id,
        "SecretAccessKey": keys.secret_access_key,
        "SessionToken": keys.session_token,
        "Expiration": f"{keys.expiry:%Y-%m-%dT%H:%M:%SZ}",
    }


@pytest.fixture(name="config")
def _config(tmp_path: Path) -> Write:
    """Append to `~/.aws/config`."""
    return lambda text: _append(tmp_path / "home" / ".aws" / "config", text)


@pytest.fixture(name="shared")
def _shared(tmp_path: Path) -> Write:
    """Append to `~/.aws/credentials`."""
    return lambda text: _append(tmp_path / "home" / ".aws" / "credentials", text)


def _append(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    with path.open("a") as file:
        file.write(text + "\n")
