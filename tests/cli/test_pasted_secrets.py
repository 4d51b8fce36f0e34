"""No command prints any part of a private key or token that was pasted instead of a path or a name."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet
from core.stand_in import PROVIDER
from core.test_external_account import info
from core.test_pasted_secrets import OURS, PASTED, parts
from core.test_secret_shapes import KEY_FILE, PEM, b64
from variations import few

from cli.conftest import Run

VARIABLE = "GOOGLE_APPLICATION_CREDENTIALS"
KEY = json.dumps(KEY_FILE)
COMMANDS = {
    "token": ["token"],
    "id-token": ["id-token", "https://service"],
    "doctor": ["doctor", "--offline"],
    "doctor --json": ["doctor", "--offline", "--json"],
    "config create": ["config", "create"],
    "executable": ["executable"],
    "serve": ["serve"],
    "config check": ["config", "check"],
    "config check --json": ["config", "check", "--json"],
}

SECRETS = {"JSON": KEY, "PEM": PEM, "base64": b64(KEY), "token": "ya29.c.b0Aaekm1K-abcdefghijklmnop"}


def assert_hidden(secret: str, printed: str) -> None:
    """Check that *printed* contains no part of *secret*, except our own words and the indentation of JSON."""
    shared = (parts(secret) & parts(printed)) - OURS
    assert not {part for part in shared if "\n" not in part and "  " not in part}


def each_with(commands: Mapping[str, list[str]]) -> list[ParameterSet]:
    """Return each command with each pasted secret. Most combinations are slow tests."""
    return [
        pytest.param(
            command,
            pasted,
            id=f"{name}-{kind}",
            marks=()
            if command is COMMANDS["token"] or kind in {"key, plain", "PEM", "access token"}
            else pytest.mark.slow,
        )
        for name, command in commands.items()
        for kind, pasted in PASTED.items()
    ]


@pytest.mark.parametrize(("command", "pasted"), each_with(COMMANDS))
def test_variable_without_a_path(run: Run, monkeypatch: pytest.MonkeyPatch, command: list[str], pasted: str) -> None:
    monkeypatch.setenv(VARIABLE, pasted)
    if command[0] == "executable":  # without --config and --audience, the library names the provider
        monkeypatch.delenv("GOOGLE_EXTERNAL_ACCOUNT_AUDIENCE", raising=False)
    done = run(*command)
    assert done.code == (0 if command[0] == "executable" else 2)
    assert f"{VARIABLE} holds" in " ".join((done.out + done.error).split())
    assert_hidden(pasted, done.out + done.error)


@pytest.mark.parametrize(("command", "pasted"), each_with(dict(list(COMMANDS.items())[:7])))
def test_flag_without_a_path(run: Run, command: list[str], pasted: str) -> None:
    done = run(*command, f"--config={pasted}")
    assert "--config holds" in " ".join((done.out + done.error).split())
    assert_hidden(pasted, done.out + done.error)


@pytest.mark.parametrize("pasted", PASTED.values(), ids=PASTED)
def test_argument_without_a_path(run: Run, pasted: str) -> None:
    done = run("config", "check", pasted)
    assert (done.code, done.out) == (2, "")
    assert "FILE holds" in done.error
    assert_hidden(pasted, done.error)


PLACES: dict[str, Callable[[str], list[str]]] = {
    "command": lambda text: [text],
    "words": lambda text: ["config", "check", *text.split()],
    "words of a shell": lambda text: ["token", "--config", *shlex.split(text.replace("\\n", "n"))],
    "more": lambda text: ["config", "check", "config.json", text],
    "number": lambda text: ["token", f"--lifetime={text}"],
    "number, apart": lambda text: ["token", "--lifetime", text],
    "unknown flag": lambda text: ["token", f"--key={text}"],
    "flag itself": lambda text: ["token", f"--{text}"],
    "role": lambda text: ["token", f"--audience={PROVIDER}", f"--assume-role={text}"],
    "port": lambda text: ["serve", f"--port={text}"],
    "command of serve": lambda text: ["serve", f"--audience={PROVIDER}", text],
    "words of the command of serve": lambda text: ["serve", f"--audience={PROVIDER}", "run", *text.split()],
    "URL": lambda text: ["doctor", f"--call={text}"],
    "STS endpoint": lambda text: ["doctor", f"--aws-sts-endpoint={text}"],
    "audience": lambda text: ["token", f"--audience={text}"],
    "scopes": lambda text: ["token", f"--audience={PROVIDER}", f"--scopes={text}"],
    "profile": lambda text: ["doctor", "--offline", f"--audience={PROVIDER}", f"--profile={text}"],
    "region": lambda text: ["doctor", "--offline", "--json", f"--audience={PROVIDER}", f"--region={text}"],
    "target": lambda text: [
        "id-token",
        f"--audience={PROVIDER}",
        "--service-account=a@p.iam.gserviceaccount.com",
        text,
    ],
    "output": lambda text: ["config", "create", f"--audience={PROVIDER}", f"--output={text}"],
    "role of AWS": lambda text: ["config", "setup", f"--aws-role={text}"],
}


@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS)
@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_secret_in_any_place_of_a_command_line(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, place: Callable[[str], list[str]], secret: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(info()))
    done = run(*place(secret))
    assert done.code == 2
    for each in (secret, PEM, PEM.replace("\n", "\\n"), PEM.replace("\n", "n")):
        assert_hidden(each, done.out + done.error)


@pytest.mark.parametrize("name", ["AWS_PROFILE", "AWS_REGION", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_ROLE_ARN",
                                  "GOOGLE_CLOUD_PROJECT", "AWS_EC2_METADATA_SERVICE_ENDPOINT", "AWS_WEB_IDENTITY_TOKEN_FILE"])  # fmt: skip
@pytest.mark.parametrize("kind", few(["JSON", "PEM", "base64", "token"]))
def test_secret_in_a_variable(run: Run, monkeypatch: pytest.MonkeyPatch, name: str, kind: str) -> None:
    secret = SECRETS[kind]
    monkeypatch.setenv("AWS_METADATA_SERVICE_NUM_ATTEMPTS", "1")
    monkeypatch.setenv("AWS_METADATA_SERVICE_TIMEOUT", "1")
    monkeypatch.setenv(name, secret)
    for command in (["doctor", "--offline"], ["doctor", "--offline", "--json"], ["config", "create"]):
        done = run(*command, f"--audience={PROVIDER}")
        for each in (secret, PEM, PEM.replace("\n", "\\n")):
            assert_hidden(each, done.out + done.error)


def test_user_part_of_a_url_is_not_shown(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "config.json"
    url = "https://user:hunter2@host/"
    for document in (
        info(token_url=url, token_info_url=url, service_account_impersonation_url=url, universe_domain=url),
        info(credential_source={"environment_id": "aws1", "url": url, "region_url": url, "imdsv2_session_token_url": url,
                                "regional_cred_verification_url": url}),
        info(audience=url, quota_project_id=url, subject_token_type=url),
        {"type": url},
    ):  # fmt: skip
        path.write_text(json.dumps(document))
        for flags in ([], ["--json"]):
            done = run("config", "check", str(path), *flags)
            assert "host" in done.out
            assert "hunter2" not in done.out + done.error
    for flag in ("token-url", "iam-credentials-endpoint", "oauth-token-url"):
        done = run("token", f"--audience={PROVIDER}", f"--{flag}={url}")
        assert done.code == 2
        assert "hunter2" not in done.error
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", url)
    done = run("doctor", "--offline", f"--audience={PROVIDER}", f"--call={url}")
    assert "hunter2" not in done.out + done.error


@pytest.mark.parametrize("field", ["audience", "token_url", "type", "universe_domain", "comment", "quota_project_id",
                                   "token_info_url", "service_account_impersonation"])  # fmt: skip
def test_a_key_in_a_field_is_not_shown_by_config_check(run: Run, tmp_path: Path, field: str) -> None:
    path = tmp_path / "config.json"
    for value in (PEM, KEY, KEY_FILE, [PEM], b64(KEY)):
        path.write_text(json.dumps({**info(), field: value, PEM: field}))
        for flags in ([], ["--json"]):
            done = run("config", "check", str(path), *flags)
            printed = done.out.replace("\n", "") + done.out + done.error
            for secret in (PEM, json.dumps(PEM)[1:-1], b64(KEY)):
                assert_hidden(secret, printed)
