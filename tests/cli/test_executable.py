"""`executable`, as Google's own libraries run it: against AWS's issuer, and an OIDC provider that trusts it."""

from __future__ import annotations

import json
import stat
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
from google_auth_botocore.emulator import OidcProvider
from google_auth_botocore.emulator.aws import WebIdentityIssuer

JWT = "urn:ietf:params:oauth:token-type:jwt"
AWS = "urn:ietf:params:aws:token-type:aws4_request"
ROLE = "arn:aws:iam::123456789012:role/app"


@pytest.fixture(name="issuer")
def _issuer(workload: Workload, monkeypatch: pytest.MonkeyPatch) -> Iterator[WebIdentityIssuer]:
    """AWS STS of the workload's account, with an issuer's pages."""
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
    """The file that `config create --executable` writes, and leave to run what it names."""
    path = tmp_path / "config.json"
    done = run("config", "create", *flags, f"--audience={provider.audience}", "--executable", f"--output={path}")
    assert done.code == 0, done.error
    monkeypatch.setenv("GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES", "1")
    return path


def changed(path: Path, **executable: Any) -> None:
    info = json.loads(path.read_text())
    info["credential_source"]["executable"].update(executable)
    path.write_text(json.dumps(info))


class TestGoogleAuth:
    def test_its_token_is_the_service_accounts(
        self, workload: Workload, issuer: WebIdentityIssuer, config: Path
    ) -> None:
        """It runs the command itself."""
        credentials = pluggable.Credentials.from_file(str(config), scopes=[CLOUD_PLATFORM])
        credentials.refresh(Request())
        info = workload.google.check_access_token(str(credentials.token))
        assert info is not None
        assert info.principal == workload.account.email
        assert [call.form()["Action"] for call in issuer.calls if call.method == "POST"] == ["GetWebIdentityToken"]

    def test_the_answer_is_kept_where_the_file_says(
        self, workload: Workload, issuer: WebIdentityIssuer, config: Path, tmp_path: Path
    ) -> None:
        """And taken from there, until it ends."""
        kept = tmp_path / "kept.json"
        changed(config, output_file=str(kept))
        for _ in range(2):
            pluggable.Credentials.from_file(str(config), scopes=[CLOUD_PLATFORM]).refresh(Request())
        assert len([call for call in issuer.calls if call.method == "POST"]) == 1
        response = json.loads(kept.read_text())
        assert (response["success"], response["token_type"]) == (True, JWT)
        assert 200 < response["expiration_time"] - time.time() <= 300
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600
        assert [path.name for path in tmp_path.glob("*kept*")] == ["kept.json"]

    @pytest.mark.parametrize("output_file", [None, "kept.json"])
    def test_a_refusal_arrives_with_its_reason_and_remedy(
        self, issuer: WebIdentityIssuer, config: Path, tmp_path: Path, output_file: str | None
    ) -> None:
        issuer.enabled = False
        if output_file is not None:
            changed(config, output_file=str(tmp_path / output_file))
        with pytest.raises(RefreshError) as caught:
            pluggable.Credentials.from_file(str(config)).refresh(Request())
        assert "unsuccessful response: code: OutboundWebIdentityFederationDisabled, message: " in str(caught.value)
        assert "aws iam enable-outbound-web-identity-federation" in str(caught.value)
        assert not (tmp_path / "kept.json").exists()


class TestResponse:
    def test_it_is_for_the_provider_that_the_library_names(
        self, run: Run, provider: OidcProvider, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("GOOGLE_EXTERNAL_ACCOUNT_AUDIENCE", provider.audience)
        done = run("executable")
        assert (done.code, done.error) == (0, "")
        assert set(json.loads(done.out)) == {"version", "success", "token_type", "id_token", "expiration_time"}

    def test_it_calls_the_token_what_the_file_calls_it(
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
            ({}, "ConfigurationError", "No identity is named."),
            (
                {"GOOGLE_EXTERNAL_ACCOUNT_TOKEN_TYPE": "urn:ietf:params:oauth:token-type:saml2"},
                "ConfigurationError",
                "not 'urn:ietf:params:oauth:token-type:saml2'",
            ),
        ],
        ids=["audience", "none", "type"],
    )
    def test_what_goes_wrong_is_a_response_too_for_the_libraries_to_show(
        self, run: Run, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], code: str, message: str
    ) -> None:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        done = run("executable")
        assert (done.code, done.error) == (0, "")
        response = json.loads(done.out)
        assert (response["version"], response["success"], response["code"]) == (1, False, code)
        assert message in response["message"]

    def test_nothing_else_is_on_either_stream(self, provider: OidcProvider) -> None:
        """Though the answer can't be kept, and the library's own file is in the environment."""
        done = command(
            "executable",
            GOOGLE_EXTERNAL_ACCOUNT_AUDIENCE=provider.audience,
            GOOGLE_EXTERNAL_ACCOUNT_OUTPUT_FILE="/none/kept.json",
            GOOGLE_APPLICATION_CREDENTIALS="/none.json",
            PYTHONIOENCODING="ascii",
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert json.loads(done.stdout)["success"] is True

    def test_a_flag_may_say_the_proof_and_no_other(self, run: Run, provider: OidcProvider) -> None:
        flags = [f"--audience={provider.audience}", "--subject-token-type"]
        assert json.loads(run("executable", *flags, JWT).out)["success"] is True
        response = json.loads(run("executable", *flags, AWS).out)
        assert (response["success"], response["code"]) == (False, "ConfigurationError")
        assert response["message"].endswith(f"{JWT}, not '{AWS}': leave --subject-token-type out.")

    def test_an_answer_that_can_not_be_kept_is_left_nowhere(
        self, run: Run, provider: OidcProvider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A directory has its name."""
        (tmp_path / "kept" / "directory").mkdir(parents=True)
        monkeypatch.setenv("GOOGLE_EXTERNAL_ACCOUNT_OUTPUT_FILE", str(tmp_path / "kept" / "directory"))
        done = run("executable", f"--audience={provider.audience}")
        assert (done.code, json.loads(done.out)["success"]) == (0, True)
        assert [path.name for path in (tmp_path / "kept").rglob("*")] == ["directory"]

    def test_without_keys_it_is_an_error_of_aws_side(
        self, run: Run, provider: OidcProvider, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
            monkeypatch.delenv(name)
        done = run("executable", f"--audience={provider.audience}")
        response = json.loads(done.out)
        assert (done.code, response["success"]) == (0, False)
        assert "aws sts get-caller-identity" in response["message"]
