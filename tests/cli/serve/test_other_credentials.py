"""Credentials that clients would prefer to the metadata server are unset or reported."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from emulator.workload import Workload
from variations import few

from cli.serve.conftest import arguments, run
from google_auth_botocore.cli.serve import _environment, _other_credentials

SHOW = (sys.executable, "-c", "import json, os; print(json.dumps(dict(os.environ)))")
NAMES = [
    "CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE",
    "CLOUDSDK_AUTH_ACCESS_TOKEN",
    "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE",
    "CLOUDSDK_AUTH_IMPERSONATE_SERVICE_ACCOUNT",
    "CLOUDSDK_AUTH_DISABLE_CREDENTIALS",
    "CLOUDSDK_AUTH_AUTHORIZATION_TOKEN_FILE",
    "CLOUDSDK_CORE_API_KEY",
    "google_application_credentials",
    "GOOGLE_CREDENTIALS",
    "GOOGLE_CLOUD_KEYFILE_JSON",
    "GCLOUD_KEYFILE_JSON",
    "GOOGLE_OAUTH_ACCESS_TOKEN",
    "GOOGLE_IMPERSONATE_SERVICE_ACCOUNT",
    "GOOGLE_BACKEND_CREDENTIALS",
    "GOOGLE_BACKEND_IMPERSONATE_SERVICE_ACCOUNT",
    "GOOGLE_CLOUD_CREDENTIALS",
    "GOOGLE_CLOUD_CREDENTIALS_JSON",
    "GOOGLE_CLOUD_KEYFILE",
    "GCLOUD_KEYFILE",
    "STORAGE_CREDENTIALS",
    "BIGQUERY_KEYFILE_JSON",
    "PUBSUB_KEYFILE",
    "GOOGLE_SERVICE_ACCOUNT",
    "GOOGLE_SERVICE_ACCOUNT_PATH",
    "GOOGLE_SERVICE_ACCOUNT_KEY",
    "FSSPEC_GCS_TOKEN",
    "CSQL_PROXY_TOKEN",
    "CSQL_PROXY_JSON_CREDENTIALS",
    "ALLOYDB_PROXY_CREDENTIALS_FILE",
]
KEPT = (
    "GOOGLE_CLOUD_PROJECT",
    "CLOUDSDK_CONFIG",
    "AWS_ACCESS_KEY_ID",
    "STORAGE_EMULATOR_HOST",
    "CLOUDSDK_CORE_PROJECT",
)


class TestVariables:
    def test_variables_are_unset_and_listed_in_one_line(self, flags: list[str]) -> None:
        environment = {**os.environ, **dict.fromkeys((*NAMES, *KEPT), "other")}
        environment["AWS_ACCESS_KEY_ID"] = os.environ["AWS_ACCESS_KEY_ID"]
        done = run(*flags, "--", *SHOW, env=environment)
        found = json.loads(done.stdout)
        assert not found.keys() & set(NAMES)
        assert found.keys() >= set(KEPT)
        (line,) = done.stderr.splitlines()
        start, _, names = line.rpartition(": ")
        assert start.startswith("google-auth-botocore: unset for the command")
        assert names.split(", ") == sorted(NAMES)

    def test_no_value_is_printed(self, flags: list[str]) -> None:
        done = run(*flags, "--", "true", env={**os.environ, "GOOGLE_CREDENTIALS": '{"private_key": "secret"}'})
        assert "GOOGLE_CREDENTIALS" in done.stderr
        assert "secret" not in done.stderr

    def test_empty_variables_are_not_listed(self, flags: list[str]) -> None:
        done = run(
            *flags, "--", *SHOW, env={**os.environ, "GOOGLE_CREDENTIALS": "", "GOOGLE_APPLICATION_CREDENTIALS": "/x"}
        )
        assert done.stderr == ""
        assert not json.loads(done.stdout).keys() & {"GOOGLE_CREDENTIALS", "GOOGLE_APPLICATION_CREDENTIALS"}

    def test_a_shell_also_unsets_them(self) -> None:
        lines = _environment.for_shell({}, {"SPANNER_KEYFILE": "x"})
        script = (
            f"{lines}\nexec "
            + subprocess.list2cmdline([sys.executable, "-c"])
            + " 'import os; print(sorted(os.environ))'"
        )
        done = subprocess.run(
            ["sh", "-c", script],
            env={**os.environ, **dict.fromkeys((*NAMES, "SPANNER_KEYFILE"), "x")},
            capture_output=True,
            text=True,
            check=True,
        )
        assert not [
            name for name in (*NAMES, "SPANNER_KEYFILE") if f"'{name}'" in done.stdout and name not in _ruby_variables()
        ]

    def test_other_variables_are_kept(self) -> None:
        assert (
            _other_credentials.variables(
                dict.fromkeys((*KEPT, "MY_STORAGE_CREDENTIALS", "STORAGE_CREDENTIALS_FILE", "SERVICE_ACCOUNT"), "x")
            )
            == ()
        )


def _ruby_variables() -> set[str]:
    """Return the variables that are unset only if they are set when `serve` starts."""
    return {"STORAGE_CREDENTIALS", "BIGQUERY_KEYFILE_JSON", "PUBSUB_KEYFILE"}


class TestFiles:
    def configuration(self, name: str = "default") -> Path:
        path = Path(os.environ["CLOUDSDK_CONFIG"], "configurations", f"config_{name}")
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    @pytest.mark.parametrize(
        ("text", "named"),
        few(
            [
                ("[auth]\nimpersonate_service_account = x\n", "auth/impersonate_service_account"),
                ("[auth]\naccess_token_file=/x\n", "auth/access_token_file"),
                ("[auth]\ncredential_file_override=/x\n", "auth/credential_file_override"),
                ("[auth]\ndisable_credentials = True\n", "auth/disable_credentials"),
                ("[core]\napi_key = x\n", "core/api_key"),
            ]
        ),
    )
    def test_a_gcloud_property_that_changes_the_credentials_is_reported(
        self, flags: list[str], text: str, named: str
    ) -> None:
        self.configuration().write_text(text)
        done = run(*flags, "--", "true")
        assert done.returncode == 0
        assert f"the gcloud configuration sets {named}" in done.stderr

    @pytest.mark.parametrize(
        "text",
        [
            "[core]\naccount = me@example.com\nproject = %(p)s\n",
            "[auth]\ndisable_credentials = false\n",
            "no sections",
            "[auth]\n\n",
            "\0",
        ],
    )
    def test_other_properties_are_not_reported(self, text: str) -> None:
        self.configuration().write_text(text)
        assert _other_credentials.warnings(os.environ) == []

    def test_the_active_configuration_is_checked(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.configuration("other").write_text("[auth]\naccess_token_file = /x\n")
        assert _other_credentials.warnings(os.environ) == []
        Path(os.environ["CLOUDSDK_CONFIG"], "active_config").write_text("other")
        assert len(_other_credentials.warnings(os.environ)) == 1
        monkeypatch.setenv("CLOUDSDK_ACTIVE_CONFIG_NAME", "default")
        assert _other_credentials.warnings(os.environ) == []


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("gcloud") is None, reason="no gcloud is installed")
@pytest.mark.parametrize(
    "variable",
    ["CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE", "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE", "CLOUDSDK_AUTH_DISABLE_CREDENTIALS"],
)
@pytest.mark.parametrize("by_shell", [False, True], ids=["a command", "a shell"])
def test_gcloud_uses_the_metadata_server(
    flags: list[str], workload: Workload, tmp_path: Path, variable: str, by_shell: bool
) -> None:
    path = tmp_path / "token"
    path.write_text("ya29.of-another-identity")
    environment = {**os.environ, variable: "true" if "DISABLE" in variable else str(path)}
    command = ["gcloud", "auth", "print-access-token"]
    if by_shell:
        script = 'eval "$("$@")" && gcloud auth print-access-token'
        command = ["sh", "-c", script, "sh", *arguments(*flags, "--background")]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
    else:
        done = run(*flags, "--", *command, env=environment, timeout=120)
    assert done.returncode == 0, done.stderr
    info = workload.google.check_access_token(done.stdout.strip())
    assert info is not None
    assert info.principal == workload.account.email
