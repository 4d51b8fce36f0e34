"""The command as a service: its address, its settings, the files that it writes, and its state."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import requests
from variations import few

from emulator.service import ACCOUNT, MODULE, command, serving
from emulator.workload import CLOUD_PLATFORM
from google_auth_botocore import Credentials
from google_auth_botocore.emulator import Emulator, _state
from google_auth_botocore.emulator.__main__ import main
from google_auth_botocore.emulator._oauth import ID_TOKEN_SIGNER
from google_auth_botocore.emulator._service_options import parse
from google_auth_botocore.emulator._state_file import StateFile

WARNING = "Warning: the emulator listens on {}. Every machine that can reach it can get tokens and change its state.\n"


@pytest.mark.parametrize(("host", "url"), few([("0.0.0.0", "http://127.0.0.1:"), ("::", "http://[::1]:")]))
def test_it_warns_if_other_machines_can_reach_it(host: str, url: str) -> None:
    with serving("--port=0", f"--host={host}") as service:
        assert service.url.startswith(url)
        assert requests.get(f"{service.url}/healthz", timeout=60).text == "ok\n"
    assert service.errors == WARNING.format(host)


@pytest.mark.parametrize("host", few(["::1", "127.0.0.1", "localhost", "127.0.0.99", "127.1"]))
def test_it_does_not_warn_on_loopback(host: str) -> None:
    with serving("--port=0", f"--host={host}") as service:
        pass
    assert service.errors == ""


def test_a_host_without_an_address_is_reported_in_one_line() -> None:
    result = command("-m", MODULE, "--port=0", "--host=name.invalid")
    assert (result.returncode, result.stdout) == (1, "")
    assert re.fullmatch(r"Cannot start the emulator: the host 'name\.invalid' has no address \(.+\)\.\n", result.stderr)


def test_it_writes_files_for_clients_that_only_their_owner_can_read(tmp_path: Path) -> None:
    directory = tmp_path / "a b" / "files"
    with serving("--port=0", "--tls", f"--write={directory}", "--url=https://emulator:8443/") as service:
        files = {path.name: path for path in directory.iterdir()}
        assert set(files) == {"ca.pem", "ca-bundle.pem", "emulator.env", "external_account.json"}
        assert {path.stat().st_mode & 0o777 for path in files.values()} == {0o600}
        assert directory.stat().st_mode & 0o777 == 0o700
        assert json.loads(files["external_account.json"].read_text())["token_url"] == "https://emulator:8443/v1/token"
        assert files["ca-bundle.pem"].read_text().endswith(files["ca.pem"].read_text())
        script = 'set -a; . "$1"; set +a; exec "$2" -c "import json, os; print(json.dumps(dict(os.environ)))"'
        result = subprocess.run(
            ["sh", "-ec", script, "sh", str(files["emulator.env"]), sys.executable],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        variables = json.loads(result.stdout)
        assert requests.get(f"{service.url}/healthz", verify=variables["REQUESTS_CA_BUNDLE"], timeout=60).ok
    assert variables["GOOGLE_APPLICATION_CREDENTIALS"] == str(files["external_account.json"])
    assert variables["GOOGLE_CLOUD_PROJECT"] == "my-project"
    assert variables["AWS_ACCESS_KEY_ID"].startswith("ASIA")
    assert variables["NODE_EXTRA_CA_CERTS"] == str(files["ca.pem"])
    assert variables["SSL_CERT_FILE"] == str(files["ca-bundle.pem"])


def test_without_tls_no_ca_is_written(tmp_path: Path) -> None:
    with serving("--port=0", f"--write={tmp_path}/files") as service:
        assert {path.name for path in (tmp_path / "files").iterdir()} == {"emulator.env", "external_account.json"}
        assert service.url in (tmp_path / "files" / "external_account.json").read_text()


def test_files_are_replaced_as_a_whole(tmp_path: Path) -> None:
    (tmp_path / "emulator.env").write_text("old")
    (tmp_path / "emulator.env").chmod(0o644)
    with serving("--port=0", f"--write={tmp_path}"), (tmp_path / "emulator.env").open() as opened:
        assert "AWS_ACCESS_KEY_ID" in opened.read()
        assert os.fstat(opened.fileno()).st_mode & 0o777 == 0o600


def test_a_directory_that_cannot_be_written_is_reported_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """This runs the command in the process of the tests: three processes would take two seconds."""
    monkeypatch.setattr(signal, "signal", lambda *_: None)  # the handlers of the tests stay
    file = tmp_path / "file"
    file.touch()
    for option in ("--write=/proc/emulator", f"--write={file}", f"--state={file}/s"):
        code = main(["--port=0", option])
        printed = capsys.readouterr()
        assert (code, printed.out) == (1, ""), option
        assert re.fullmatch(r"Cannot start the emulator: .+\.\n", printed.err), printed.err


def test_settings_come_from_a_file_and_flags_take_precedence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = tmp_path / "settings.json"
    settings.write_text(
        json.dumps(
            {
                "port": 0,
                "pool": "from-file",
                "provider": "from-file",
                "service_account": [ACCOUNT],
                "aws_keys": "FIXEDACCESSKEYID:a/secret+1:a-token",
                "arn": "arn:aws:sts::123456789012:assumed-role/fixed/i-0abc",
            }
        )
    )
    with serving(f"--settings={settings}", "--provider=from-flag") as service:
        assert service.audience.endswith("/workloadIdentityPools/from-file/providers/from-flag")
        assert service.aws["AWS_ACCESS_KEY_ID"] == "FIXEDACCESSKEYID"
        assert service.aws["AWS_SECRET_ACCESS_KEY"] == "a/secret+1"
        assert service.aws["AWS_SESSION_TOKEN"] == "a-token"
        assert "which never expire, of\n# arn:aws:sts::123456789012:assumed-role/fixed/i-0abc:" in service.printed
        assert service.knows(service.token(monkeypatch))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not JSON"),
        ("[]", "is not a JSON object"),
        ('{"prot": 1}', "has an unknown setting 'prot': use one of account, "),
        ('{"help": true}', "has an unknown setting 'help'"),
        ('{"port": "80"}', "the setting 'port' in .* must be a number"),
        ('{"port": true}', "must be a number"),
        ('{"port": 65536}', "the setting 'port' in .*: invalid port '65536': must be 0-65535"),
        ('{"tls": "yes"}', "the setting 'tls' in .* must be true or false"),
        ('{"service_account": "x"}', "the setting 'service_account' in .* must be a list of strings"),
        ('{"project": null}', "the setting 'project' in .* must be a string"),
        ('{"aws_keys": "x"}', "invalid AWS keys: must be ID:SECRET"),
        ('{"url": "emulator"}', "invalid URL 'emulator'"),
        ('{"url": "http://user:password@emulator"}', "invalid URL "),
        ('{"url": "http://emulator:99999"}', "invalid URL "),
        ('{"url": "http://emulator/path"}', "invalid URL "),
    ],
)
def test_an_invalid_settings_file_is_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, message: str
) -> None:
    settings = tmp_path / "settings.json"
    settings.write_text(text)
    with pytest.raises(SystemExit, match=r"^2$"):
        parse([f"--settings={settings}"])
    assert re.search(f"error: argument --settings: .*{message}", capsys.readouterr().err)


def test_a_settings_file_that_is_missing_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match=r"^2$"):
        parse([f"--settings={tmp_path}/none"])
    assert "error: argument --settings: [Errno 2]" in capsys.readouterr().err


def test_options_that_contradict_each_other_are_rejected() -> None:
    for arguments in (
        ["--google-hosts"],
        ["--google-hosts", "--tls", "--url=https://emulator"],
        ["--aws-keys=FIXEDACCESSKEYID:secret", "--sts-verdict-url=http://127.0.0.1:9"],
    ):
        with pytest.raises(SystemExit, match=r"^2$"):
            parse(arguments)


def test_the_state_survives_a_restart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was created with Google's APIs, and what was issued."""
    state = tmp_path / "state.json"
    pools = "/v1/projects/123456789012/locations/global/workloadIdentityPools"
    account = {"accountId": "at-run-time", "serviceAccount": {"displayName": "At run time"}}
    binding = {"role": "roles/iam.serviceAccountTokenCreator", "members": ["user:ann@example.com"]}
    with serving("--port=0", f"--state={state}") as first:
        token = first.token(monkeypatch)
        first.api("POST", "/v1/projects/my-project/serviceAccounts", account)
        resource = "/v1/projects/my-project/serviceAccounts/at-run-time@my-project.iam.gserviceaccount.com"
        policy = first.api("POST", f"{resource}:setIamPolicy", {"policy": {"bindings": [binding]}})
        first.api("POST", f"{pools}?workloadIdentityPoolId=second", {"displayName": "Second"})
        oidc = {
            "oidc": {"issuerUri": "https://issuer.example.com"},
            "attributeMapping": {"google.subject": "assertion.sub"},
        }
        first.api("POST", f"{pools}/second/providers?workloadIdentityPoolProviderId=oidc", oidc)
        condition = {"attributeCondition": "attribute.aws_role != 'x'"}
        first.api("PATCH", f"{pools}/aws-pool/providers/prod?updateMask=attributeCondition", condition)
        first.api("DELETE", f"/v1/projects/my-project/serviceAccounts/{ACCOUNT}")
        keys = requests.get(f"{first.url}/oauth2/v3/certs", timeout=60).json()
    assert state.stat().st_mode & 0o777 == 0o600
    with serving("--port=0", f"--state={state}") as second:
        assert second.aws == first.aws
        assert second.knows(token)
        assert second.api("GET", resource)["displayName"] == "At run time"
        assert second.api("POST", f"{resource}:getIamPolicy") == policy
        assert second.api("GET", f"{pools}/second")["displayName"] == "Second"
        assert second.api("GET", f"{pools}/second/providers/oidc")["oidc"]["issuerUri"] == "https://issuer.example.com"
        provider = second.api("GET", f"{pools}/aws-pool/providers/prod")
        assert provider["attributeCondition"] == condition["attributeCondition"]
        names = [each["email"] for each in second.api("GET", "/v1/projects/my-project/serviceAccounts")["accounts"]]
        assert names == ["at-run-time@my-project.iam.gserviceaccount.com"]
        assert requests.get(f"{second.url}/oauth2/v3/certs", timeout=60).json() == keys
        second.api("DELETE", resource)
    with serving(
        "--port=0", f"--state={state}", "--service-account", ACCOUNT, "new@my-project.iam.gserviceaccount.com"
    ) as third:
        names = [each["email"] for each in third.api("GET", "/v1/projects/my-project/serviceAccounts")["accounts"]]
        assert sorted(names) == [ACCOUNT, "new@my-project.iam.gserviceaccount.com"]  # the flags changed


@pytest.mark.slow
def test_the_state_survives_a_kill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = tmp_path / "state.json"
    with serving("--port=0", f"--state={state}", end=signal.SIGKILL, code=-signal.SIGKILL) as first:
        token = first.token(monkeypatch)
        while token not in state.read_text():
            assert first.process.poll() is None
    with serving("--port=0", f"--state={state}") as second:
        assert second.knows(token)


@pytest.mark.slow
def test_the_ca_survives_a_restart_as_long_as_the_names_are_the_same(tmp_path: Path) -> None:
    def ca(*arguments: str) -> str:
        with serving("--port=0", "--tls", f"--state={tmp_path}/state", f"--write={tmp_path}/files", *arguments):
            return (tmp_path / "files" / "ca.pem").read_text()

    first = ca()
    assert ca() == first
    assert ca("--tls-name", "emulator") != first
    assert "PRIVATE KEY" in (tmp_path / "state").read_text()  # of the server, not of the CA


def test_a_damaged_state_file_is_reported_in_one_line_and_kept(tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    state.write_text("{")
    result = command("-m", MODULE, "--port=0", f"--state={state}")
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == (
        f"Cannot start the emulator: the state file {state} is damaged or from another version (JSONDecodeError)."
        " Delete it to start with an empty state.\n"
    )
    assert state.read_text() == "{"


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "null",
        "{}",
        '{"version": 2, "setup": {}, "state": {}}',
        '{"version": 1, "setup": {}, "state": {}}',
        '{"version": 1, "setup": {}, "state": []}',
        "[" * 100_000,
        "\x00\x00",
        "\udcff",
    ],
)
def test_what_is_not_a_state_is_not_loaded(tmp_path: Path, text: str) -> None:
    state = tmp_path / "state.json"
    state.write_text(text, errors="surrogateescape")
    with pytest.raises(ValueError, match="is damaged or from another version"):
        StateFile(state).load(Emulator())


def test_each_part_of_a_damaged_state_is_noticed(tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    google = Emulator(tls=True)
    google.add_aws_provider()
    google.add_oidc_provider("https://issuer.example.com", jwks={"keys": []}, allowed_audiences=("a", "b"))
    account = google.add_service_account(ACCOUNT)
    google.grant(account.email, "roles/iam.workloadIdentityUser", "user:ann@example.com")
    google.allow_domain_wide_delegation(account.email, [CLOUD_PLATFORM])
    google.add_oauth_client("client", "secret")
    google.aws_keys.issue()
    google.administrator_token()
    google._keys.key_for(ID_TOKEN_SIGNER)
    google._accounts.delete(google.add_service_account("deleted@my-project.iam.gserviceaccount.com"))
    StateFile(state).save(google, {})
    saved = json.loads(state.read_text())

    loaded = Emulator(tls=True)
    StateFile(state).load(loaded)
    assert json.loads(json.dumps(_state.dump(loaded))) == saved["state"]
    for name, value in saved["state"].items():
        assert value, name
        for damaged in (1, [1], {"x": 1}, [{"x": 1}], "x", {"x": {"x": 1}}):
            document = {**saved, "state": {**saved["state"], name: damaged}}
            state.write_text(json.dumps(document))
            with pytest.raises(ValueError, match="is damaged or from another version"):
                StateFile(state).load(Emulator(tls=True))


@pytest.mark.slow
def test_two_emulators_cannot_use_one_state_file(tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    with serving("--port=0", f"--state={state}"):
        result = command("-m", MODULE, "--port=0", f"--state={state}")
    assert result.returncode == 1
    assert result.stderr == f"Cannot start the emulator: another emulator uses the state file {state}.\n"
    with serving("--port=0", f"--state={state}"):
        pass


def test_an_empty_state_file_is_a_new_state(tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    state.touch()
    with serving("--port=0", f"--state={state}"):
        pass
    assert json.loads(state.read_text())["version"] == 1


@pytest.mark.slow
def test_a_state_that_cannot_be_saved_is_reported_once(tmp_path: Path) -> None:
    directory = tmp_path / "deleted"
    directory.mkdir()
    with serving("--port=0", f"--state={directory}/state.json", code=1) as service:
        shutil.rmtree(directory)
        service.api("POST", "/v1/projects/my-project/serviceAccounts", {"accountId": "at-run-time"})
        assert service.process.stderr is not None
        warning = service.process.stderr.readline()
        assert warning.startswith("Warning: cannot save the state: ")
        assert service.api("GET", "/v1/projects/my-project/serviceAccounts")["accounts"]
    assert service.errors.startswith("Cannot save the state: ")
    assert len(service.errors.splitlines()) == 1


def test_it_stops_with_a_signal_while_clients_are_connected(tmp_path: Path) -> None:
    with serving("--port=0", f"--state={tmp_path}/state") as service, requests.Session() as session:
        session.get(f"{service.url}/healthz", timeout=60)
        service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(timeout=60) == 0


@pytest.mark.slow
def test_fixed_keys_that_were_removed_are_not_accepted_after_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = f"--state={tmp_path}/state"
    with serving("--port=0", state, "--aws-keys=FIXEDACCESSKEYID:secret") as first:
        assert first.knows(first.token(monkeypatch))
    with serving("--port=0", state) as second:
        for name, value in first.aws.items():
            monkeypatch.setenv(name, value)
        credentials = Credentials(second.audience, token_url=f"{second.url}/v1/token", scopes=[CLOUD_PLATFORM])
        with pytest.raises(Exception, match="InvalidClientTokenId"):
            credentials.get_token()
