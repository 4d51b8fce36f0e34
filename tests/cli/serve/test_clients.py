"""Real clients that use Application Default Credentials, run by `serve -- COMMAND`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from emulator.workload import Workload
from google.auth.transport.requests import Request
from google.oauth2 import id_token

from cli.serve.conftest import run
from google_auth_botocore.emulator.storage import Storage

AUDIENCE = "https://my-service.run.app"
NODE = Path(__file__).parent / "node"
CLOUD_PLATFORM = "https://www.googleapis.com/auth/cloud-platform"


@pytest.fixture(name="storage")
def _storage(workload: Workload) -> Iterator[Storage]:
    """Cloud Storage with one object in a bucket."""
    google = workload.google
    with Storage(google.check_access_token, google.check_signature, google._now) as storage:
        post, url = workload.session.post, storage.open_url
        post(f"{url}/storage/v1/b", json={"name": "bucket"}).raise_for_status()
        upload = f"{url}/upload/storage/v1/b/bucket/o?uploadType=media&name=hello.txt"
        post(upload, data="hello", headers={"Content-Type": "text/plain"}).raise_for_status()
        yield storage


def output(flags: list[str], *command: str, **environment: str) -> str:
    """Run a command, check that it succeeds, and return its output."""
    found = run(*flags, "--", *command, env={**os.environ, **environment})
    assert found.returncode == 0, found.stderr
    return str(found.stdout)


def program(flags: list[str], text: str, *arguments: str) -> Any:
    """Run a Python program, and return the JSON that it prints."""
    return json.loads(output(flags, sys.executable, "-c", text, *arguments))


def check_access_token(workload: Workload, value: str, *scopes: str) -> None:
    info = workload.google.check_access_token(value)
    assert info is not None
    assert (info.principal, info.scopes) == (workload.account.email, scopes)


def check_id_token(workload: Workload, value: str) -> None:
    claims = id_token.verify_token(value, Request(), AUDIENCE, certs_url=f"{workload.google.url}/oauth2/v3/certs")
    assert claims["email"] == workload.account.email


class TestPython:
    def test_google_auth(self, flags: list[str], workload: Workload) -> None:
        found = program(
            flags,
            "import google.auth, json, sys\n"
            "from google.auth.transport.requests import Request\n"
            "from google.oauth2 import id_token\n"
            "read = 'https://www.googleapis.com/auth/devstorage.read_only'\n"
            "anything, project = google.auth.default()\n"
            "scoped, _ = google.auth.default(scopes=[read])\n"
            "for each in (anything, scoped): each.refresh(Request())\n"
            "print(json.dumps({'class': type(scoped).__module__, 'project': project, 'universe': scoped.universe_domain,\n"
            "                  'email': scoped.service_account_email, 'tokens': [anything.token, scoped.token],\n"
            "                  'valid': [anything.valid, scoped.valid], 'id': id_token.fetch_id_token(Request(), sys.argv[1])}))\n",
            AUDIENCE,
        )
        assert (found["class"], found["project"]) == ("google.auth.compute_engine.credentials", "my-project")
        assert (found["universe"], found["email"]) == ("googleapis.com", workload.account.email)
        assert found["valid"] == [True, True]
        check_access_token(workload, found["tokens"][0], CLOUD_PLATFORM)
        check_access_token(workload, found["tokens"][1], "https://www.googleapis.com/auth/devstorage.read_only")
        check_id_token(workload, found["id"])

    def test_google_auth_without_a_service_account(self, flags: list[str], workload: Workload) -> None:
        found = program(
            [flag for flag in flags if not flag.startswith("--service-account")],
            "import google.auth, json\n"
            "from google.auth.transport.requests import Request\n"
            "credentials, project = google.auth.default()\n"
            "credentials.refresh(Request())\n"
            "print(json.dumps([project, credentials.token]))\n",
        )
        info = workload.google.check_access_token(found[1])
        assert info is not None
        assert info.principal.startswith("principal://iam.googleapis.com/projects/123456789012/")
        assert found[0] == "123456789012"

    def test_google_auth_shows_the_error_from_google(self, flags: list[str]) -> None:
        text = (
            "import google.auth\n"
            "from google.auth.transport.requests import Request\n"
            "google.auth.default()[0].refresh(Request())\n"
        )
        found = run(*flags, "--service-account=nobody@p.iam.gserviceaccount.com", "--", sys.executable, "-c", text)
        assert found.returncode == 1
        assert "google.auth.exceptions.RefreshError" in found.stderr
        assert "gcloud iam service-accounts add-iam-policy-binding" in found.stderr

    def test_google_cloud_storage(self, flags: list[str], workload: Workload, storage: Storage) -> None:
        found = program(
            flags,
            "import json, sys\n"
            "from google.cloud import storage\n"
            "client = storage.Client(client_options={'api_endpoint': sys.argv[1]})\n"
            "print(json.dumps([client.project, client.bucket('bucket').blob('hello.txt').download_as_text()]))\n",
            storage.url,
        )
        assert found == ["my-project", "hello"]
        assert set(storage.principals) == {workload.account.email}

    def test_gcloud_aio(
        self, flags: list[str], workload: Workload, storage: Storage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # gcloud-aio-auth 5.5.1, the last version for Python below 3.11.3, raises if this directory holds no
        # application default credentials. HOME, its next choice, is empty too.
        monkeypatch.delenv("CLOUDSDK_CONFIG")
        found = program(
            flags,
            "import asyncio, json, sys\n"
            "from gcloud.aio.auth import IapToken, Token\n"
            "from gcloud.aio.storage import Storage\n"
            "async def main():\n"
            "    async with Storage(api_root=sys.argv[1], api_is_dev=False) as storage:\n"
            "        content = await storage.download('bucket', 'hello.txt')\n"
            "    async with Token() as token:\n"
            "        return content.decode(), await token.get_project()\n"
            "print(json.dumps(asyncio.run(main())))\n",
            storage.url,
        )
        assert found == ["hello", "my-project"]
        assert storage.principals == [workload.account.email]


class TestRust:
    def test_obstore(self, flags: list[str], storage: Storage) -> None:
        found = program(
            flags,
            "import json, obstore, sys\n"
            "from obstore.store import GCSStore\n"
            "store = GCSStore('bucket', base_url=sys.argv[1], client_options={'allow_http': True})\n"
            "obstore.put(store, 'a', b'content')\n"
            "print(json.dumps(bytes(obstore.get(store, 'a').bytes()).decode()))\n",
            storage.url,
        )
        assert found == "content"
        assert storage.resource("bucket", "a") is not None
        assert (len(storage.principals), len(storage.tokens), storage.refused) == (2, 1, 0)

    @pytest.mark.parametrize("provider", ["auto", None])
    def test_polars(self, flags: list[str], storage: Storage, provider: str | None) -> None:
        """With google-auth, which is the default, and with its own implementation."""
        found = program(
            flags,
            "import json, polars, sys\n"
            "options = {'google_base_url': sys.argv[1], 'allow_http': 'true'}\n"
            "more = {'credential_provider': json.loads(sys.argv[2]), 'storage_options': options}\n"
            "polars.DataFrame({'number': [1, 2]}).write_parquet('gs://bucket/a.parquet', **more)\n"
            "print(json.dumps(polars.scan_parquet('gs://bucket/*.parquet', **more).collect().rows()))\n",
            storage.url,
            json.dumps(provider),
        )
        assert found == [[1], [2]]
        assert storage.resource("bucket", "a.parquet") is not None
        assert (len(storage.tokens), storage.refused) == (1, 0)


PLUGIN = "gke-gcloud-auth-plugin"


@pytest.mark.skipif(shutil.which(PLUGIN) is None, reason=f"{PLUGIN} is not installed")
def test_go(flags: list[str], workload: Workload) -> None:
    """The plugin that kubectl runs for GKE uses Google's library for Go."""
    found = json.loads(output(flags, PLUGIN, "--use_application_default_credentials"))
    scopes = (CLOUD_PLATFORM, "https://www.googleapis.com/auth/userinfo.email")
    check_access_token(workload, found["status"]["token"], *scopes)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("gcloud") is None, reason="gcloud is not installed")
class TestGcloud:
    def test_print_access_token(self, flags: list[str], workload: Workload) -> None:
        check_access_token(workload, output(flags, "gcloud", "auth", "print-access-token").strip(), CLOUD_PLATFORM)

    def test_print_identity_token(self, flags: list[str], workload: Workload) -> None:
        command = ("gcloud", "auth", "print-identity-token", f"--audiences={AUDIENCE}", "--token-format=full")
        check_id_token(workload, output(flags, *command).strip())

    @pytest.mark.parametrize("direct", [False, True], ids=["service account", "direct access"])
    def test_storage(self, flags: list[str], workload: Workload, storage: Storage, direct: bool) -> None:
        if direct:
            flags = [flag for flag in flags if not flag.startswith("--service-account")]
        overrides = {"CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE": f"{storage.url}/storage/v1/"}
        listed = output(flags, "gcloud", "storage", "ls", "gs://bucket", **overrides)
        assert listed == "gs://bucket/hello.txt\n"
        assert output(flags, "gcloud", "storage", "cat", "gs://bucket/hello.txt", **overrides) == "hello"
        assert None not in storage.principals
        assert workload.account.email in storage.principals or direct

    def test_config_helper_with_direct_access_prints_no_complaint(self, flags: list[str], workload: Workload) -> None:
        """gcloud also requests an ID token here, which requires a service account."""
        direct = [flag for flag in flags if not flag.startswith("--service-account")]
        done = run(*direct, "--", "gcloud", "config", "config-helper", "--format=value(credential.access_token)")
        assert (done.returncode, done.stderr) == (0, "")
        assert workload.google.check_access_token(done.stdout.strip()) is not None

    def test_after_gcloud_has_cached_that_there_is_no_metadata_server(
        self, flags: list[str], workload: Workload
    ) -> None:
        """gcloud caches this for ten minutes."""
        Path(os.environ["CLOUDSDK_CONFIG"]).mkdir(parents=True)
        Path(os.environ["CLOUDSDK_CONFIG"], "gce").write_text("False")
        check_access_token(workload, output(flags, "gcloud", "auth", "print-access-token").strip(), CLOUD_PLATFORM)

    def test_the_server_overrides_a_logged_in_account(self, flags: list[str], workload: Workload) -> None:
        subprocess.run(
            ["gcloud", "config", "set", "account", "developer@example.com"], check=True, capture_output=True, timeout=60
        )
        check_access_token(workload, output(flags, "gcloud", "auth", "print-access-token").strip(), CLOUD_PLATFORM)


def no_node() -> str | None:
    """Return why Node.js cannot be used, or None."""
    if shutil.which("node") is None:
        return "node is not installed"
    found = subprocess.run(
        ["node", "-e", "require('google-auth-library')"], cwd=NODE, capture_output=True, check=False, timeout=60
    )
    return None if found.returncode == 0 else f"npm install --prefix {NODE} has not been run"


@pytest.mark.slow
def test_node(flags: list[str], workload: Workload, storage: Storage) -> None:
    reason = no_node()
    if reason is not None:
        pytest.skip(reason)
    found = json.loads(output(flags, "node", str(NODE / "client.js"), storage.url, AUDIENCE))
    check_access_token(workload, found.pop("token"), "https://www.googleapis.com/auth/devstorage.read_only")
    check_id_token(workload, found.pop("idToken"))
    assert found == {
        "kind": "Compute",
        "project": "my-project",
        "universe": "googleapis.com",
        "email": workload.account.email,
        "names": ["hello.txt"],
    }
    assert storage.principals == [workload.account.email]
