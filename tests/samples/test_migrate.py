"""The migration guides: the printed code before and after the migration does the same."""

from __future__ import annotations

import inspect
import json
import re
import subprocess
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import boto3
import google.auth.aws
import google.auth.credentials as google_credentials
import pytest
from cryptography.hazmat.primitives import serialization
from google.oauth2 import service_account

from google_auth_botocore import Credentials
from google_auth_botocore.emulator import TokenInfo
from google_auth_botocore.emulator.sandbox import Sandbox
from samples.conftest import SAMPLES, blocks, grant

PAGES = SAMPLES / "migrate"
DRIVE = "https://www.googleapis.com/auth/drive.readonly"


def pairs(page: str) -> list[tuple[str, str]]:
    """Return the pairs of code before and after the migration."""
    code = blocks(PAGES / page, "python")
    assert [each.split()[1].strip(":") for each in code] == ["before", "after"] * (len(code) // 2)
    return list(zip(code[::2], code[1::2], strict=True))


def outcome(code: str, **names: Any) -> dict[str, Any]:
    """Run code and return its global variables."""
    exec(compile(code, "page", "exec"), names)
    return names


def behind(sandbox: Sandbox, credentials: Any) -> TokenInfo:
    """Return what Google knows about the credentials' token."""
    headers: dict[str, str] = {}
    credentials.before_request(google.auth.transport.requests.Request(), "GET", "https://x.googleapis.com", headers)
    info = sandbox.google.check_access_token(headers["authorization"].removeprefix("Bearer "))
    assert info is not None
    return info


@pytest.fixture(name="world", autouse=True)
def _world(
    sandbox: Sandbox, redirects: dict[str, str], configured: None, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """An instance with a bucket to read. Requests to both clouds are redirected to the sandbox."""
    redirects["https://sts.googleapis.com/v1beta/"] = f"{sandbox.google.url}/v1/"  # TokenService calls this version
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "my-project")
    for name, value in sandbox.environment().items():
        monkeypatch.setenv(name, value)
    bucket = sandbox.storage_client().create_bucket("my-bucket")
    bucket.blob("object").upload_from_string(b"content")
    yield
    bucket.delete(force=True)


class TestFromKeys:
    @pytest.fixture(name="key", autouse=True)
    def _key(self, sandbox: Sandbox, tmp_path: Path) -> Path:
        """The file that `gcloud iam service-accounts keys create` writes."""
        signing = sandbox.google._keys.key_for(sandbox.service_account)
        pem = signing._private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        path = tmp_path / "key.json"
        path.write_text(
            json.dumps(
                {
                    "type": "service_account",
                    "project_id": "my-project",
                    "private_key_id": signing.key_id,
                    "private_key": pem.decode(),
                    "client_email": sandbox.service_account,
                    "client_id": "100000000000000000001",
                    "token_uri": "https://oauth2.googleapis.com/token",
                }
            )
        )
        return path

    def test_the_new_code_works_with_the_key_file_and_with_the_new_file(
        self, sandbox: Sandbox, key: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        [(before, after), _] = pairs("from_service_account_keys.md")
        assert outcome(before)["names"] == ["object"]
        without_a_key = outcome(after)
        assert without_a_key["names"] == ["object"]
        assert isinstance(without_a_key["credentials"], Credentials)
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(key))
        with_the_key = outcome(after)
        assert with_the_key["names"] == ["object"]
        assert isinstance(with_the_key["credentials"], service_account.Credentials)
        assert with_the_key["project_id"] == without_a_key["project_id"] == "my-project"
        assert set(sandbox.storage.principals) == {sandbox.service_account}

    def test_acting_for_a_user(self, sandbox: Sandbox) -> None:
        grant(sandbox, "roles/iam.serviceAccountTokenCreator")
        sandbox.google.allow_domain_wide_delegation(sandbox.service_account, [DRIVE])
        for code in pairs("from_service_account_keys.md")[1]:
            info = behind(sandbox, outcome(code)["credentials"])
            assert (info.principal, info.scopes) == ("ann@example.com", (DRIVE,))

    def test_every_feature_of_a_key_exists_or_is_on_the_page(self) -> None:
        key, ours = (
            {name for name in dir(kind) if not name.startswith("_")}
            for kind in (service_account.Credentials, Credentials)
        )
        inherited = {name for name in dir(google_credentials.Credentials) if not name.startswith("_")}
        table = (PAGES / "from_service_account_keys.md").read_text()
        on_the_page = set(re.findall(r"`(\w+)", table))
        # Names with trust_boundary and regional_access are internal to google-auth. No program uses them.
        assert {
            name
            for name in key - ours - inherited - on_the_page
            if "trust_boundary" not in name and "regional_access" not in name
        } == set()

    def test_the_shell_can_read_the_commands(self) -> None:
        [script] = blocks(PAGES / "from_service_account_keys.md", "sh")
        subprocess.run(["sh", "-n"], input=script, text=True, check=True, timeout=60)


class TestFromGoogleAuthAws:
    def test_the_same_file_works(self, sandbox: Sandbox) -> None:
        [(before, after), _] = pairs("from_google_auth_aws.md")
        theirs, ours = outcome(before), outcome(after)
        assert isinstance(theirs["credentials"], google.auth.aws.Credentials)
        assert isinstance(ours["credentials"], Credentials)
        assert theirs["names"] == ours["names"] == ["object"]
        assert theirs["project_id"] == ours["project_id"]
        assert theirs["credentials"].info.items() <= ours["credentials"].info.items()

    def test_a_supplier_is_no_longer_necessary(self, sandbox: Sandbox) -> None:
        made = [outcome(code)["credentials"] for code in pairs("from_google_auth_aws.md")[1]]
        theirs, ours = (behind(sandbox, each) for each in made)
        assert (theirs.principal, theirs.scopes) == (ours.principal, ours.scopes)
        arns = [call.assertion["arn"] for call in sandbox.google.calls if call.assertion]
        assert arns[-2:] == [sandbox.arn] * 2


class TestFromTokenService:
    ROLE = "arn:aws:sts::111122223333:assumed-role/gcp-copycat"

    @pytest.fixture(name="role", autouse=True)
    def _role(self, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        """The keys of an AWS account that has a role which Google trusts."""
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIATESTTESTTESTTEST")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-checked-by-moto")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
        provider = sandbox.google.add_aws_provider(account_id="111122223333")
        member = provider.principal_set("aws_role", self.ROLE)
        sandbox.google.grant(sandbox.service_account, "roles/iam.workloadIdentityUser", member)
        yield
        sandbox.google.add_aws_provider(account_id="123456789012")  # restores the default

    @pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning")  # TokenService's
    def test_the_old_and_the_new_code_get_equal_tokens_for_the_same_identity(self, sandbox: Sandbox) -> None:
        [(before, after), (before_token, after_token)] = pairs("from_token_service.md")
        calls = len(sandbox.google.calls)
        theirs, ours = outcome(before), outcome(after)
        assert theirs["names"] == ours["names"] == ["object"]
        arns = [call.assertion["arn"] for call in sandbox.google.calls[calls:] if call.assertion]
        assert arns == [f"{self.ROLE}/gcp-copycat"] * 2

        token, expiry = (outcome(before_token, service=theirs["service"])[name] for name in ("token", "expiry"))
        calls = len(sandbox.google.calls)
        our_token, our_expiry = (
            outcome(after_token, credentials=ours["credentials"])[name] for name in ("token", "expiry")
        )
        assert len(sandbox.google.calls) == calls
        infos = [sandbox.google.check_access_token(each) for each in (token, our_token)]
        assert infos[0] is not None
        assert infos[1] is not None
        assert (infos[0].principal, set(infos[0].scopes)) == (infos[1].principal, set(infos[1].scopes))
        moments = [datetime.strptime(each, "%Y-%m-%dT%H:%M:%SZ") for each in (expiry, our_expiry)]
        assert abs((moments[0] - moments[1]).total_seconds()) < 60

    def test_every_argument_has_a_replacement(self) -> None:
        from scalesec_gcp_workload_identity.main import TokenService

        table = re.findall(r"^\| `(\w+)", (PAGES / "from_token_service.md").read_text(), re.MULTILINE)
        assert table == list(inspect.signature(TokenService).parameters)
        assert len(table) == 9


def test_every_argument_on_the_pages_exists() -> None:
    """The pages print arguments of `Credentials` in italics."""
    for page in PAGES.glob("*.md"):
        named = re.findall(r"(?<!\*)\*([a-z_]+)\*(?!\*)", page.read_text())
        assert set(named) <= set(inspect.signature(Credentials).parameters), page.name
