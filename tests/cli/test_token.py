"""`token` and `id-token`: output, choice of the identity, exit codes."""

from __future__ import annotations

import inspect
import json
import os
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from emulator.workload import Workload
from google.auth.transport.requests import Request
from google.oauth2 import id_token as google_id_token
from kubernetes.client import ApiClient, Configuration
from kubernetes.config.kube_config import KubeConfigLoader
from variations import few

from cli.conftest import Run, command
from google_auth_botocore import Credentials, __version__
from google_auth_botocore.cli import _credentials_flags
from google_auth_botocore.emulator import Fault

AUDIENCE = "https://my-service.run.app"
PROVIDER = "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/providers/provider"


def principal(workload: Workload, token: str) -> str:
    """Return the principal of a token, as Google's APIs see it."""
    info = workload.google.check_access_token(token)
    assert info is not None
    return info.principal


class TestToken:
    def test_only_the_token_is_printed(self, run: Run, flags: list[str], workload: Workload) -> None:
        done = run("token", *flags)
        assert (done.code, done.error) == (0, "")
        assert principal(workload, done.out.removesuffix("\n")) == workload.account.email

    def test_json_contains_the_expiry(self, run: Run, flags: list[str], workload: Workload) -> None:
        found = json.loads(run("token", "--json", "--lifetime=600", *flags).out)
        assert set(found) == {"token", "expiry"}
        lifetime = datetime.fromisoformat(found["expiry"].replace("Z", "+00:00")) - datetime.now(timezone.utc)
        assert timedelta(minutes=9) < lifetime <= timedelta(minutes=10)
        assert principal(workload, found["token"]) == workload.account.email

    def test_header_for_curl(self, run: Run, flags: list[str], workload: Workload) -> None:
        name, _, value = run("token", "--header", *flags).out.partition(": Bearer ")
        assert name == "Authorization"
        assert principal(workload, value.strip()) == workload.account.email

    def test_a_kubernetes_client_accepts_the_exec_credential(self, flags: list[str], workload: Workload) -> None:
        """The Python client runs the plugin that a kubeconfig file names, as kubectl does."""
        plugin = {
            "apiVersion": "client.authentication.k8s.io/v1beta1",
            "command": sys.executable,
            "args": ["-m", "google_auth_botocore", "token", "--exec-credential", *flags],
            "interactiveMode": "Never",
        }
        config = {
            "current-context": "gke",
            "contexts": [{"name": "gke", "context": {"cluster": "gke", "user": "workload"}}],
            "clusters": [{"name": "gke", "cluster": {"server": "http://127.0.0.1:1"}}],
            "users": [{"name": "workload", "user": {"exec": plugin}}],
        }
        configuration = Configuration()
        KubeConfigLoader(config_dict=config).load_and_set(configuration)
        headers: dict[str, str] = {}
        ApiClient(configuration).update_params_for_auth(headers, [], ["BearerToken"], "/", "GET", None)
        assert principal(workload, headers["authorization"].removeprefix("Bearer ")) == workload.account.email

    @pytest.mark.parametrize(
        ("requested", "version"),
        [
            ('{"apiVersion": "client.authentication.k8s.io/v1beta1"}', "client.authentication.k8s.io/v1beta1"),
            ('{"apiVersion": "client.authentication.k8s.io/v9"}', "client.authentication.k8s.io/v1"),
            ("[]", "client.authentication.k8s.io/v1"),
            ("{", "client.authentication.k8s.io/v1"),
            (None, "client.authentication.k8s.io/v1"),
        ],
    )
    def test_kubectl_gets_the_requested_version(
        self, run: Run, flags: list[str], monkeypatch: pytest.MonkeyPatch, requested: str | None, version: str
    ) -> None:
        if requested is not None:
            monkeypatch.setenv("KUBERNETES_EXEC_INFO", requested)
        found = json.loads(run("token", "--exec-credential", *flags).out)
        assert (found["apiVersion"], found["kind"]) == (version, "ExecCredential")
        assert set(found["status"]) == {"token", "expirationTimestamp"}

    def test_formats_exclude_each_other(self, run: Run, flags: list[str]) -> None:
        assert run("token", "--json", "--header", *flags).code == 2


class TestIDToken:
    @pytest.mark.parametrize("with_email", [False, True])
    def test_google_auth_verifies_the_token(
        self, run: Run, flags: list[str], workload: Workload, with_email: bool
    ) -> None:
        more = ["--include-email"] if with_email else []
        done = run("id-token", AUDIENCE, *more, *flags)
        assert (done.code, done.error) == (0, "")
        claims = google_id_token.verify_token(
            done.out.strip(), Request(), AUDIENCE, certs_url=f"{workload.google.url}/oauth2/v3/certs"
        )
        assert (claims["aud"], claims.get("email")) == (AUDIENCE, workload.account.email if with_email else None)

    def test_an_id_token_requires_a_service_account(self, run: Run, workload: Workload) -> None:
        done = run("id-token", AUDIENCE, f"--audience={workload.provider.audience}")
        assert (done.code, done.out) == (2, "")
        assert "Set service_account_email" in done.error


class TestIdentity:
    def test_every_argument_of_credentials_has_a_flag(self) -> None:
        options = vars(_credentials_flags.parent_parser().parse_args([]))
        arguments = set(inspect.signature(Credentials).parameters) - {"session"}
        assert set(options) == arguments | {"config"}

    def test_flags_become_arguments(self) -> None:
        flags = (
            f"--audience={PROVIDER} "
            "--service-account-email=a@p.iam.gserviceaccount.com --scopes=a,b --lifetime=600 --region=eu-west-1 "
            "--delegates=d@p.iam.gserviceaccount.com --quota-project=q --project=p"
        )
        role = '--assume-role={"RoleArn": "arn:aws:iam::123456789012:role/r", "ExternalId": "x"}'
        made = _credentials_flags.credentials(_credentials_flags.parent_parser().parse_args([*flags.split(), role]))
        assert (made.scopes, made.quota_project_id, made.project_id) == (("a", "b"), "q", "p")
        shown = repr(made)
        for part in ("lifetime=600", "delegates=('d@p.iam.gserviceaccount.com',)", "region='eu-west-1'", "role/r'}"):
            assert part in shown

    @pytest.mark.parametrize("by", ["--config", "GOOGLE_APPLICATION_CREDENTIALS"])
    def test_a_flag_overrides_the_file(
        self, run: Run, flags: list[str], workload: Workload, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: str
    ) -> None:
        path = tmp_path / "config.json"
        path.write_text(json.dumps(Credentials(workload.provider.audience, "other@p.iam.gserviceaccount.com").info))
        if by == "--config":
            flags.append(f"--config={path}")
        else:
            monkeypatch.setenv(by, str(path))
        done = run("token", *[flag for flag in flags if not flag.startswith("--audience")])
        assert principal(workload, done.out.strip()) == workload.account.email

    def test_no_identity_is_one_clear_error(self, run: Run) -> None:
        assert run("token") == (
            2,
            "",
            (
                "google-auth-botocore: No identity is configured. Pass --config FILE or --audience NAME, "
                "or set GOOGLE_APPLICATION_CREDENTIALS.\n"
                "More: https://github.com/google-auth-botocore/google-auth-botocore/blob/main/.github/troubleshooting.md#no-identity-named\n"
            ),
        )


class TestExitCodes:
    def test_a_rejection_is_printed_with_its_fix(self, run: Run, flags: list[str]) -> None:
        done = run("token", *flags, "--service-account=nobody@p.iam.gserviceaccount.com")
        assert (done.code, done.out) == (1, "")
        assert done.error.startswith("google-auth-botocore: Google's IAM Credentials API ")
        assert "HTTP 403" in done.error
        assert "gcloud iam service-accounts add-iam-policy-binding" in done.error

    def test_a_temporary_failure_has_its_own_exit_code(self, run: Run, flags: list[str], workload: Workload) -> None:
        workload.google.fail("/v1/token", Fault(503, times=None, retry_after=60))
        done = run("token", *flags)
        assert (done.code, done.out) == (75, "")
        assert "HTTP 503" in done.error

    @pytest.mark.parametrize(
        "wrong",
        [["--audience=x"], ["--lifetime=ten"], ["--assume-role={"], ["--lifetime=0"], ["--config=/none.json"], ["-x"]],
        ids=str,
    )
    def test_an_invalid_flag(self, run: Run, flags: list[str], wrong: list[str]) -> None:
        done = run("token", *flags, *wrong)
        assert (done.code, done.out) == (2, "")
        assert "Traceback" not in done.error

    def test_a_terminal_without_utf_8(self, flags: list[str], workload: Workload) -> None:
        done = command("token", *flags, PYTHONIOENCODING="ascii")
        assert (done.returncode, done.stderr) == (0, "")
        assert principal(workload, done.stdout.strip()) == workload.account.email
        for arguments in (["--help"], ["token", "--help"], ["id-token", "--help"]):
            done = command(*arguments, PYTHONIOENCODING="ascii")
            assert done.returncode == 0
            assert "\\u" not in done.stdout

    @pytest.mark.parametrize(
        ("arguments", "unbuffered"),
        few(
            [
                (["config", "create", f"--audience={PROVIDER}"], ""),
                (["token", "--audience=x"], ""),
                (["--version"], ""),  # with 1, argparse of some Python versions hides the closed pipe
                (["config", "setup", "--help"], ""),
                (["config", "create", f"--audience={PROVIDER}"], "1"),
            ],
            2,
        ),
        ids=["file", "error", "version", "help", "file, unbuffered"],
    )
    def test_a_closed_pipe_ends_it_silently_with_code_141(self, arguments: list[str], unbuffered: str) -> None:
        """Also if standard error is the same pipe."""
        end, pipe = os.pipe()
        os.close(end)
        with os.fdopen(pipe, "wb") as unread:
            done = subprocess.run(
                [sys.executable, "-m", "google_auth_botocore", *arguments],
                stdout=unread,
                stderr=unread if arguments[0] == "token" else subprocess.PIPE,
                env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
                check=False,
                timeout=60,
            )
        assert (done.returncode, done.stderr or b"") == (141, b"")

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
    @pytest.mark.parametrize("unbuffered", few(["", "1"]))
    def test_a_full_disk_is_one_line_of_error(self, unbuffered: str) -> None:
        with Path("/dev/full").open("wb") as full:
            done = subprocess.run(
                [sys.executable, "-m", "google_auth_botocore", "config", "create", f"--audience={PROVIDER}"],
                stdout=full,
                stderr=subprocess.PIPE,
                env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
                check=False,
                timeout=60,
            )
        assert (done.returncode, done.stderr) == (
            74,
            b"google-auth-botocore: Cannot write the output: No space left on device.\n",
        )

    def test_version(self, run: Run) -> None:
        assert run("--version").out == f"google-auth-botocore {__version__}\n"
