"""`executable`, run by Google's libraries, with an OIDC provider that trusts the issuer of AWS."""

from __future__ import annotations

import json
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from emulator.workload import CLOUD_PLATFORM, Workload
from google.auth import pluggable
from google.auth.exceptions import RefreshError
from google.auth.transport.requests import Request

from cli.conftest import Run, command
from google_auth_botocore.cli import _subject_token
from google_auth_botocore.emulator import OidcProvider
from google_auth_botocore.emulator.aws import WebIdentityIssuer

JWT = "urn:ietf:params:oauth:token-type:jwt"
AWS = "urn:ietf:params:aws:token-type:aws4_request"
ROLE = "arn:aws:iam::123456789012:role/app"


@pytest.fixture(name="issuer")
def _issuer(workload: Workload, monkeypatch: pytest.MonkeyPatch) -> Iterator[WebIdentityIssuer]:
    """AWS STS of the workload's account, with the discovery documents of an issuer."""
    with WebIdentityIssuer(workload.google.aws_keys.find) as issuer:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", issuer.url)
        yield issuer


@pytest.fixture(name="provider")
def _provider(workload: Workload, issuer: WebIdentityIssuer) -> OidcProvider:
    provider = workload.google.add_oidc_provider(issuer.url)
    workload.google.grant(workload.account.email, "roles/iam.workloadIdentityUser", provider.principal(ROLE))
    return provider


@pytest.fixture(name="config")
def _config(
    run: Run, flags: list[str], provider: OidcProvider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """The file that `config create --executable` writes, with permission to run its command."""
    path = tmp_path / "config.json"
    done = run("config", "create", *flags, f"--audience={provider.audience}", "--executable", f"--output={path}")
    assert done.code == 0, done.error
    monkeypatch.setenv("GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES", "1")
    return path


def change(path: Path, **executable: Any) -> None:
    info = json.loads(path.read_text())
    info["credential_source"]["executable"].update(executable)
    path.write_text(json.dumps(info))


class TestGoogleAuth:
    def test_google_auth_gets_a_token_of_the_service_account(
        self, workload: Workload, issuer: WebIdentityIssuer, config: Path
    ) -> None:
        """google-auth runs the command."""
        credentials = pluggable.Credentials.from_file(str(config), scopes=[CLOUD_PLATFORM])
        credentials.refresh(Request())
        info = workload.google.check_access_token(str(credentials.token))
        assert info is not None
        assert info.principal == workload.account.email
        assert [call.form()["Action"] for call in issuer.calls if call.method == "POST"] == ["GetWebIdentityToken"]

    def test_the_response_is_cached_in_the_output_file(
        self, workload: Workload, issuer: WebIdentityIssuer, config: Path, tmp_path: Path
    ) -> None:
        """google-auth reads it from there until it expires."""
        cached = tmp_path / "cached.json"
        change(config, output_file=str(cached))
        for _ in range(2):
            pluggable.Credentials.from_file(str(config), scopes=[CLOUD_PLATFORM]).refresh(Request())
        assert len([call for call in issuer.calls if call.method == "POST"]) == 1
        response = json.loads(cached.read_text())
        assert (response["success"], response["token_type"]) == (True, JWT)
        assert 200 < response["expiration_time"] - time.time() <= 300
        assert stat.S_IMODE(cached.stat().st_mode) == 0o600
        assert [path.name for path in tmp_path.glob("*cached*")] == ["cached.json"]

    @pytest.mark.parametrize("output_file", [None, "cached.json"])
    def test_a_rejection_arrives_with_its_reason_and_fix(
        self, issuer: WebIdentityIssuer, config: Path, tmp_path: Path, output_file: str | None
    ) -> None:
        issuer.enabled = False
        if output_file is not None:
            change(config, output_file=str(tmp_path / output_file))
        with pytest.raises(RefreshError) as caught:
            pluggable.Credentials.from_file(str(config)).refresh(Request())
        assert "unsuccessful response: code: OutboundWebIdentityFederationDisabled, message: " in str(caught.value)
        assert "aws iam enable-outbound-web-identity-federation" in str(caught.value)
        assert not (tmp_path / "cached.json").exists()

    @pytest.mark.slow
    @pytest.mark.timeout(120)
    def test_the_reason_arrives_before_the_library_ends_the_command(
        self, config: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """AWS STS accepts connections and never answers. The library stops waiting after the time in the file."""
        with socket.create_server(("127.0.0.1", 0)) as server:
            monkeypatch.setenv("AWS_ENDPOINT_URL_STS", f"http://127.0.0.1:{server.getsockname()[1]}")
            with pytest.raises(RefreshError, match="Executable returned unsuccessful response") as caught:
                pluggable.Credentials.from_file(str(config)).refresh(Request())
        assert "code: ReadTimeoutError" in str(caught.value)
        assert "AWS STS requires a VPC endpoint" in str(caught.value)


class TestResponse:
    def test_the_token_is_for_the_provider_that_the_library_names(
        self, run: Run, provider: OidcProvider, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("GOOGLE_EXTERNAL_ACCOUNT_AUDIENCE", provider.audience)
        done = run("executable")
        assert (done.code, done.error) == (0, "")
        assert set(json.loads(done.out)) == {"version", "success", "token_type", "id_token", "expiration_time"}

    def test_the_token_contains_the_tags(self, run: Run, provider: OidcProvider) -> None:
        flags = ["--tags=team=data, stage=", "--subject-mode=AWSIdentity"]
        done = run("executable", f"--audience={provider.audience}", *flags)
        claims = _subject_token.claims(json.loads(done.out)["id_token"])
        assert claims["https://sts.amazonaws.com/"]["request_tags"] == {"team": "data", "stage": ""}

    def test_a_tag_without_a_value_is_a_usage_error(self, run: Run, provider: OidcProvider) -> None:
        done = run("executable", f"--audience={provider.audience}", "--tags=team")
        assert done.code == 2
        assert "each tag must have the form NAME=VALUE" in done.error

    def test_the_token_type_is_the_one_in_the_file(
        self, run: Run, provider: OidcProvider, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        kind = "urn:ietf:params:oauth:token-type:id_token"
        monkeypatch.setenv("GOOGLE_EXTERNAL_ACCOUNT_TOKEN_TYPE", kind)
        response = json.loads(run("executable", f"--audience={provider.audience}").out)
        assert response["token_type"] == kind

    @pytest.mark.parametrize(
        ("environment", "code", "message"),
        [
            ({"GOOGLE_EXTERNAL_ACCOUNT_AUDIENCE": "x"}, "ConfigurationError", "names no workload identity pool"),
            ({}, "ConfigurationError", "No identity is configured."),
            (
                {"GOOGLE_EXTERNAL_ACCOUNT_TOKEN_TYPE": "urn:ietf:params:oauth:token-type:saml2"},
                "ConfigurationError",
                "not 'urn:ietf:params:oauth:token-type:saml2'",
            ),
        ],
        ids=["audience", "none", "type"],
    )
    def test_an_error_is_a_response_that_libraries_show(
        self, run: Run, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], code: str, message: str
    ) -> None:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        done = run("executable")
        assert (done.code, done.error) == (0, "")
        response = json.loads(done.out)
        assert (response["version"], response["success"], response["code"]) == (1, False, code)
        assert message in response["message"]

    def test_nothing_else_is_printed_on_either_stream(self, provider: OidcProvider) -> None:
        """Even if the response cannot be cached, and GOOGLE_APPLICATION_CREDENTIALS is set."""
        done = command(
            "executable",
            GOOGLE_EXTERNAL_ACCOUNT_AUDIENCE=provider.audience,
            GOOGLE_EXTERNAL_ACCOUNT_OUTPUT_FILE="/none/cached.json",
            GOOGLE_APPLICATION_CREDENTIALS="/none.json",
            PYTHONIOENCODING="ascii",
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert json.loads(done.stdout)["success"] is True

    def test_the_only_subject_token_type_is_jwt(self, run: Run, provider: OidcProvider) -> None:
        flags = [f"--audience={provider.audience}", "--subject-token-type"]
        assert json.loads(run("executable", *flags, JWT).out)["success"] is True
        response = json.loads(run("executable", *flags, AWS).out)
        assert (response["success"], response["code"]) == (False, "ConfigurationError")
        assert f"{JWT}, not '{AWS}'. Omit --subject-token-type.\nMore: " in response["message"]

    def test_a_response_that_cannot_be_cached_leaves_no_file(
        self, run: Run, provider: OidcProvider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The output file is a directory."""
        (tmp_path / "cached" / "directory").mkdir(parents=True)
        monkeypatch.setenv("GOOGLE_EXTERNAL_ACCOUNT_OUTPUT_FILE", str(tmp_path / "cached" / "directory"))
        done = run("executable", f"--audience={provider.audience}")
        assert (done.code, json.loads(done.out)["success"]) == (0, True)
        assert [path.name for path in (tmp_path / "cached").rglob("*")] == ["directory"]

    def test_missing_aws_keys_are_an_error_response(
        self, run: Run, provider: OidcProvider, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
            monkeypatch.delenv(name)
        done = run("executable", f"--audience={provider.audience}")
        response = json.loads(done.out)
        assert (done.code, response["success"]) == (0, False)
        assert "aws sts get-caller-identity" in response["message"]

    @pytest.mark.skipif(sys.platform == "win32", reason="Windows has no timer signal")
    def test_a_prompt_that_no_user_answers_is_an_error_response(
        self, provider: OidcProvider, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        """An MFA code has no other time limit."""
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
            monkeypatch.delenv(name)
        config = tmp_path / "aws-config"
        config.write_text(
            "[profile mfa]\nrole_arn = arn:aws:iam::123456789012:role/x\nmfa_serial = arn:aws:iam::123456789012:mfa/x\n"
            "source_profile = base\n[profile base]\naws_access_key_id = AKIDEXAMPLE\naws_secret_access_key = x\n"
        )
        monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
        program = (
            "from google_auth_botocore.cli import _executable, main\n"
            "_executable._TIME_LIMIT = 1.0\n"
            f"main(['executable', '--audience={provider.audience}', '--profile=mfa'])\n"
        )
        with subprocess.Popen(
            [sys.executable, "-c", program],
            stdin=subprocess.PIPE,  # stays open, and the prompt waits for it
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        ) as process:
            assert process.stdout is not None
            try:
                response = json.loads(process.stdout.read())
            finally:
                process.kill()
        assert (response["success"], response["code"]) == (False, "TimeLimitExceeded")
        assert "MFA code" in response["message"]
