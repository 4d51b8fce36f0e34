"""`config create` writes the same file as gcloud, and never overwrites another file."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from google.auth import aws, pluggable

from cli.conftest import Run
from google_auth_botocore import Credentials

PROVIDER = "projects/123456789012/locations/global/workloadIdentityPools/aws-pool/providers/prod"
AUDIENCE = f"//iam.googleapis.com/{PROVIDER}"
ACCOUNT = "copycat@my-project.iam.gserviceaccount.com"
AWS = "urn:ietf:params:aws:token-type:aws4_request"
JWT = "urn:ietf:params:oauth:token-type:jwt"


@pytest.mark.skipif(shutil.which("gcloud") is None, reason="gcloud is not installed")
class TestBesideGcloud:
    @pytest.mark.parametrize(
        ("flags", "gcloud_flags"),
        [
            ((), ()),
            ((f"--service-account={ACCOUNT}",), (f"--service-account={ACCOUNT}",)),
            (
                (f"--service-account={ACCOUNT}", "--lifetime=7200"),
                (f"--service-account={ACCOUNT}", "--service-account-token-lifetime-seconds=7200"),
            ),
            (
                (f"--service-account={ACCOUNT}", "--lifetime=3600"),
                (f"--service-account={ACCOUNT}", "--service-account-token-lifetime-seconds=3600"),
            ),
        ],
        ids=["direct", "service account", "lifetime", "default lifetime"],
    )
    def test_the_file_equals_the_one_from_gcloud(
        self, run: Run, tmp_path: Path, flags: tuple[str, ...], gcloud_flags: tuple[str, ...]
    ) -> None:
        path = tmp_path / "gcloud.json"
        create = ["gcloud", "iam", "workload-identity-pools", "create-cred-config", PROVIDER, "--aws"]
        subprocess.run(
            [*create, "--enable-imdsv2", f"--output-file={path}", *gcloud_flags],
            check=True,
            capture_output=True,
            timeout=60,
        )
        assert json.loads(run("config", "create", f"--audience={PROVIDER}", *flags).out) == json.loads(path.read_text())

    def test_without_imdsv2_the_file_of_gcloud_only_lacks_that_field(self, run: Run, tmp_path: Path) -> None:
        """gcloud has a flag for IMDSv2. All instances support it, and many allow nothing else."""
        path = tmp_path / "gcloud.json"
        create = ["gcloud", "iam", "workload-identity-pools", "create-cred-config", PROVIDER, "--aws"]
        subprocess.run([*create, f"--output-file={path}"], check=True, capture_output=True, timeout=60)
        ours = json.loads(run("config", "create", f"--audience={AUDIENCE}").out)
        assert ours["credential_source"].pop("imdsv2_session_token_url")
        assert ours == json.loads(path.read_text())

    def test_the_file_with_an_executable_equals_the_one_from_gcloud(self, run: Run, tmp_path: Path) -> None:
        path = tmp_path / "gcloud.json"
        create = ["gcloud", "iam", "workload-identity-pools", "create-cred-config", PROVIDER]
        command = "--executable-command=/opt/bin/google-auth-botocore executable"
        subprocess.run(
            [*create, command, "--executable-timeout-millis=60000", f"--output-file={path}"],
            check=True,
            capture_output=True,
            timeout=60,
        )
        done = run("config", "create", f"--audience={PROVIDER}", "--executable=/opt/bin/google-auth-botocore")
        assert json.loads(done.out) == json.loads(path.read_text())


class TestFile:
    def test_google_auth_and_this_library_accept_the_file(self, run: Run, tmp_path: Path) -> None:
        path = tmp_path / "config.json"
        flags = [f"--audience={AUDIENCE}", f"--service-account={ACCOUNT}", "--quota-project=billing"]
        done = run("config", "create", *flags, f"--output={path}")
        assert (done.code, done.out) == (0, "")
        assert done.error == (
            f"google-auth-botocore: Wrote '{path}', a configuration file for the service account {ACCOUNT}. "
            "To use it, set GOOGLE_APPLICATION_CREDENTIALS to this path.\n"
        )
        ours, googles = Credentials.from_file(path), aws.Credentials.from_file(str(path))
        assert ours.service_account_email == googles.service_account_email == ACCOUNT
        assert ours.quota_project_id == googles.quota_project_id == "billing"

    def test_an_existing_file_is_not_overwritten(self, run: Run, tmp_path: Path) -> None:
        path = tmp_path / "config.json"
        path.write_text("precious")
        flags = ["config", "create", f"--audience={AUDIENCE}", f"--output={path}"]
        done = run(*flags)
        assert (done.code, done.out) == (2, "")
        assert done.error.startswith(
            f"google-auth-botocore: {str(path)!r} already exists. Use --force to replace it.\nMore: "
        )
        assert path.read_text() == "precious"
        assert run(*flags, "--force").code == 0
        assert json.loads(path.read_text())["audience"] == AUDIENCE

    def test_a_path_that_cannot_be_written(self, run: Run, tmp_path: Path) -> None:
        done = run("config", "create", f"--audience={AUDIENCE}", f"--output={tmp_path / 'none' / 'config.json'}")
        assert done.code == 2
        assert re.search("Cannot write '.*': No such file or directory\\. Create the directory", done.error)

    @pytest.mark.parametrize("output", ["", "."])
    def test_a_path_that_is_not_a_file(self, run: Run, output: str) -> None:
        done = run("config", "create", f"--audience={AUDIENCE}", f"--output={output}", "--force")
        assert (done.code, done.out) == (2, "")
        assert f"--output must be the path of a file, not {output!r}" in done.error

    def test_a_relative_path_is_reported_in_full(
        self, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        error = run("config", "create", f"--audience={AUDIENCE}", "--output=config.json").error
        assert f"'{tmp_path / 'config.json'}', a configuration file without a service account" in error

    def test_nothing_is_reported_for_standard_output(self, run: Run) -> None:
        assert run("config", "create", f"--audience={AUDIENCE}").error == ""

    def test_another_file_can_be_the_starting_point(self, run: Run, tmp_path: Path) -> None:
        path = tmp_path / "config.json"
        path.write_text(run("config", "create", f"--audience={AUDIENCE}").out)
        made = json.loads(run("config", "create", f"--config={path}", f"--service-account={ACCOUNT}").out)
        assert made == Credentials(AUDIENCE, ACCOUNT).info
        assert run("config", "create", f"--config={path}").out == path.read_text()

    def test_missing_fields_stay_missing(self, run: Run, tmp_path: Path) -> None:
        """Google's libraries would reject the file. A note says so."""
        path = tmp_path / "config.json"
        path.write_text(json.dumps({"type": "external_account", "audience": AUDIENCE}))
        done = run("config", "create", f"--config={path}")
        assert json.loads(done.out) == json.loads(path.read_text())
        assert "token_url: The field is missing" in done.error

    @pytest.mark.parametrize("command", ["config", "config create", "config check", "config setup", "executable"])
    def test_help_is_ascii(self, run: Run, command: str) -> None:
        done = run(*command.split(), "--help")
        assert done.code == 0
        assert done.out.isascii()


class TestUnsupportedArguments:
    def test_arguments_that_the_format_does_not_support_are_rejected(self, run: Run) -> None:
        flags = [
            "--subject=ann@example.com",
            "--delegates=a@p.iam.gserviceaccount.com",
            "--scopes=a",
            "--default-scopes=b",
            "--profile=p",
            "--region=eu-west-1",
            "--assume-role=arn:aws:iam::123456789012:role/r",
            "--tags=team=data",
            "--subject-mode=AWSIdentity",
            "--oauth-token-url=https://oauth2.example/token",
        ]
        done = run("config", "create", f"--audience={AUDIENCE}", f"--service-account={ACCOUNT}", *flags)
        assert (done.code, done.out) == (2, "")
        for flag in flags:
            assert flag.partition("=")[0] in done.error

    @pytest.mark.parametrize(("more", "rejected"), [(["--scopes=a"], "--scopes"), ([], None)])
    def test_the_command_of_an_executable_contains_the_aws_arguments(
        self, run: Run, more: list[str], rejected: str | None
    ) -> None:
        role = '{"RoleArn": "arn:aws:iam::123456789012:role/r"}'
        flags = ["--profile=p", "--region=eu-west-1", f"--assume-role={role}", "--executable=/bin/x"]
        flags += ["--tags=team=a=b, stage=", "--subject-mode=OriginIdentity"]
        done = run("config", "create", f"--audience={AUDIENCE}", *flags, *more)
        if rejected is not None:
            assert (done.code, done.out) == (2, "")
            assert f"cannot contain {rejected}." in done.error
            return
        command = json.loads(done.out)["credential_source"]["executable"]["command"]
        assert command == (
            "/bin/x executable --profile=p --region=eu-west-1 --subject-mode=OriginIdentity --tags=team=a=b,stage= "
            """'--assume-role={"RoleArn":"arn:aws:iam::123456789012:role/r"}'"""
        )
        assert "Go and Java split the command at every space" in done.error

    def test_a_lifetime_requires_a_service_account(self, run: Run) -> None:
        done = run("config", "create", f"--audience={AUDIENCE}", "--lifetime=7200")
        assert (done.code, done.out) == (2, "")
        assert "lifetime requires a service account" in done.error

    @pytest.mark.parametrize(
        ("flag", "note"),
        [
            (
                "--token-url=https://sts.example/v1/token",
                "Correct it. To use your own endpoint, set it in code (token_url=) or on",
            ),
            ("--universe-domain=apis.example", "universe_domain='apis.example'"),
            (f"--subject-token-type={JWT}", "config create --executable"),
        ],
    )
    def test_limitations_of_the_file_are_printed(self, run: Run, flag: str, note: str) -> None:
        done = run("config", "create", f"--audience={AUDIENCE}", flag)
        assert done.code == 0
        assert json.loads(done.out)["type"] == "external_account"
        assert note in done.error

    def test_without_a_provider_there_is_no_file(self, run: Run) -> None:
        assert run("config", "create").code == 2
        assert "names no workload identity pool provider" in run("config", "create", "--audience=x").error


class TestExecutable:
    def test_it_is_this_command_with_its_absolute_path(self, run: Run) -> None:
        made = json.loads(run("config", "create", f"--audience={AUDIENCE}", "--executable").out)
        assert made["subject_token_type"] == JWT
        command = made["credential_source"]["executable"]["command"].split()
        assert Path(command[0]).is_absolute()
        assert command[-1] == "executable"
        done = subprocess.run([*command, "--help"], capture_output=True, text=True, check=True, timeout=60)
        assert "google-auth-botocore executable" in done.stdout
        assert isinstance(pluggable.Credentials.from_info(made), pluggable.Credentials)

    def test_the_only_subject_token_type_is_jwt(self, run: Run) -> None:
        flags = ["config", "create", f"--audience={AUDIENCE}", "--executable=/bin/x", "--subject-token-type"]
        assert json.loads(run(*flags, JWT).out)["subject_token_type"] == JWT
        done = run(*flags, AWS)
        assert (done.code, done.out) == (2, "")
        assert done.error.startswith(
            f"google-auth-botocore: An executable must return {JWT}, not '{AWS}'. Omit --subject-token-type.\n"
        )

    def test_a_file_with_another_subject_token_type_can_be_the_starting_point(self, run: Run, tmp_path: Path) -> None:
        path = tmp_path / "config.json"
        assert run("config", "create", f"--audience={AUDIENCE}", f"--output={path}").code == 0
        assert json.loads(path.read_text())["subject_token_type"] == AWS
        made = json.loads(run("config", "create", f"--config={path}", "--executable").out)
        assert made["subject_token_type"] == JWT

    def test_requirements_in_aws_are_printed(self, run: Run) -> None:
        done = run("config", "create", f"--audience={AUDIENCE}", "--executable")
        assert "aws iam enable-outbound-web-identity-federation" in done.error
        assert "sts:GetWebIdentityToken" in done.error
