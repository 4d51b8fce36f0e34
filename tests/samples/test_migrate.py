"""The migration guides: the printed code before and after the migration does the same."""

from __future__ import annotations

import contextlib
import inspect
import json
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import metadata
from pathlib import Path
from typing import Any

import boto3
import google.auth.aws
import google.auth.credentials as google_credentials
import pytest
from cryptography.hazmat.primitives import serialization
from google.oauth2 import service_account
from packaging.version import Version

import google_auth_botocore
from google_auth_botocore import Credentials
from google_auth_botocore.emulator import TokenInfo
from google_auth_botocore.emulator.sandbox import Sandbox
from samples.conftest import SAMPLES, blocks, grant, stand_in

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
def _world(sandbox: Sandbox, instance: None, redirects: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """An instance with a bucket to read. Requests to both clouds are redirected to the sandbox."""
    redirects["https://sts.googleapis.com/v1beta/"] = f"{sandbox.google.url}/v1/"  # TokenService calls this version
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "my-project")


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

    def test_the_commands_change_only_the_key_in_the_file(self, key: Path) -> None:
        """gcloud is a program that writes down its arguments."""
        record = key.with_name("record")
        stand_in(key.parent, "gcloud", f"printf '%s\\n' \"$*\" >> {record}")
        key_id = json.loads(key.read_text())["private_key_id"]
        account, project = "gcp-copycat@my-project.iam.gserviceaccount.com", "my-project"
        done = key_commands(key, PATH=f"{key.parent}{os.pathsep}{os.environ['PATH']}")
        assert (done.returncode, done.stderr) == (0, "")
        name = f"//iam.googleapis.com/projects/{project}/serviceAccounts/{account}/keys/{key_id}"
        activity = f"--activity-type=serviceAccountKeyLastAuthentication --project={project}"
        key_only = f'activities.full_resource_name="{name}"'
        assert record.read_text().splitlines() == [
            f"services enable policyanalyzer.googleapis.com --project={project}",
            f"policy-intelligence query-activity {activity} --query-filter={key_only}",
            *(
                f"iam service-accounts keys {verb} {key_id} --iam-account={account} --project={project}"
                for verb in ("disable", "enable", "delete")
            ),
        ]
        assert not key.exists()

    @pytest.mark.slow
    @pytest.mark.skipif(shutil.which("gcloud") is None, reason="gcloud is not installed")
    def test_the_real_gcloud_accepts_the_commands(self, sandbox: Sandbox, key: Path) -> None:
        key_id = json.loads(key.read_text())["private_key_id"]
        with google_api() as (url, requested):
            apis = ("IAM", "POLICYANALYZER", "SERVICEUSAGE")
            done = key_commands(
                key,
                **sandbox.google.gcloud_environment()
                | {f"CLOUDSDK_API_ENDPOINT_OVERRIDES_{api}": f"{url}/" for api in apis},
                CLOUDSDK_CONFIG=str(key.with_name("config")),
            )
        assert done.returncode == 0, done.stderr
        assert "lastAuthenticatedTime: '2026-11-01T08:00:00Z'" in done.stdout
        assert any("policyanalyzer.googleapis.com:enable" in each for each in requested)
        # gcloud writes the project of an account as `-` in some requests.
        keys = "projects/-/serviceAccounts/gcp-copycat@my-project.iam.gserviceaccount.com/keys"
        changed = [each for each in requested if "/keys/" in each and "activities" not in each]
        assert [each.replace("/my-project/", "/-/") for each in changed] == [
            f"POST /v1/{keys}/{key_id}:disable?alt=json",
            f"POST /v1/{keys}/{key_id}:enable?alt=json",
            f"DELETE /v1/{keys}/{key_id}?alt=json",
        ]


def key_commands(key: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the commands of the page in the folder of the key file."""
    scripts = blocks(PAGES / "from_service_account_keys.md", "sh")
    assert [each.splitlines()[0] for each in scripts] == ["# names", "# last use", "# disable", "# undo", "# delete"]
    return subprocess.run(
        ["sh", "-eu"],
        input="".join(scripts),
        cwd=key.parent,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@contextlib.contextmanager
def google_api() -> Iterator[tuple[str, list[str]]]:
    """Run a server that answers any request of these commands, and records it."""
    requested: list[str] = []
    reply = {
        "done": True,
        "name": "operations/noop.DONE_OPERATION",
        "activities": [{"activity": {"lastAuthenticatedTime": "2026-11-01T08:00:00Z"}}],
    }

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            requested.append(f"{self.command} {self.path}")
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            content = json.dumps(reply if "keys/" not in self.path or "activities" in self.path else {}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_DELETE = do_POST

        def log_message(self, *_: Any) -> None:
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", requested
        server.shutdown()
        thread.join(60)


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

    def test_the_errors_on_the_page_include_every_error(self, sandbox: Sandbox) -> None:
        """A request that failed, an argument that is invalid, and a file that is invalid."""
        [names] = re.findall(r"\| `except \(([\w, ]+)\)`: a", (PAGES / "from_google_auth_aws.md").read_text())
        ours = tuple(getattr(google_auth_botocore, name) for name in names.split(", "))
        with pytest.raises(ours):
            Credentials("not-a-provider")
        with pytest.raises(ours):
            Credentials.from_info({"type": "external_account"})
        assert issubclass(google_auth_botocore.ConfigurationError, ValueError)
        with pytest.raises(ours) as caught:
            Credentials(sandbox.provider.audience + "-other", token_url=sandbox.google.token_url).get_token()
        assert isinstance(caught.value, google.auth.exceptions.RefreshError)


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


class TestFromAwsGcpWifAuth:
    def test_the_old_and_the_new_code_read_as_the_same_identity(self, sandbox: Sandbox) -> None:
        [(before, after)] = pairs("from_aws_gcp_wif_auth.md")
        made = [outcome(code) for code in (before, after)]
        assert [each["names"] for each in made] == [["object"]] * 2
        theirs, ours = (behind(sandbox, each["credentials"]) for each in made)
        assert (theirs.principal, theirs.scopes) == (ours.principal, ours.scopes)
        arns = [call.assertion["arn"] for call in sandbox.google.calls if call.assertion]
        assert arns[-2:] == [sandbox.arn] * 2

    def test_every_function_and_argument_has_a_replacement(self) -> None:
        import aws_gcp_wif_auth

        page = (PAGES / "from_aws_gcp_wif_auth.md").read_text()
        replaced = set(re.findall(r"`(\w+)", " ".join(re.findall(r"^\| (`.*?) \|", page, re.MULTILINE))))
        functions = {getattr(aws_gcp_wif_auth, name) for name in aws_gcp_wif_auth.__all__}
        arguments = {name for function in functions for name in inspect.signature(function).parameters}
        assert replaced == {*aws_gcp_wif_auth.__all__, *arguments}


@pytest.mark.parametrize("page", sorted(PAGES.glob("*.md")), ids=lambda page: page.stem)
def test_the_page_names_the_version_with_which_it_was_checked(page: Path) -> None:
    """The other tests of this module run the page with the installed version. It is the named one, or a later one."""
    [(package, version)] = re.findall(r"^Checked with ([\w-]+) ([\d.]+\d)", page.read_text(), re.MULTILINE)
    assert Version(metadata.version(package)) >= Version(version)


def test_every_argument_on_the_pages_exists() -> None:
    """The pages print arguments of `Credentials` in italics."""
    for page in PAGES.glob("*.md"):
        named = re.findall(r"(?<!\*)\*([a-z_]+)\*(?!\*)", page.read_text())
        assert set(named) <= set(inspect.signature(Credentials).parameters), page.name
