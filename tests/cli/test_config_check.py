"""`config check` reports all mistakes of a file at once, and explains each field."""

from __future__ import annotations

import copy
import io
import json
import sys
from pathlib import Path
from typing import Any, Protocol

import pytest
from variations import few

from cli.conftest import Run
from google_auth_botocore import ConfigurationError, Credentials
from google_auth_botocore.cli.config._field_checks import check_fields
from google_auth_botocore.cli.config._field_meanings import MEANINGS

AUDIENCE = "//iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/aws-pool/providers/prod"
ACCOUNT = "copycat@my-project.iam.gserviceaccount.com"
JWT = "urn:ietf:params:oauth:token-type:jwt"


VALUES: list[Any] = [
    *(None, "", "x", 0, 7, -1, 3600, 43201, True, 1.5, float("inf"), [], ["a"], {}, {"a": 1}),
    *("\ud800", "\n", "https://[::1", "aws1", "googleapis.com", "apis.example", {"executable": {}}),
    *("https://sts.googleapis.com/v1/token", "https://evil.example/v1/token"),
    "https://sts.us-east-1.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15",
]


VERIFICATION = "https://sts.{region}.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15"


class Check(Protocol):
    """Checks a document, and returns the output of `--json`."""

    def __call__(self, document: object, *flags: str) -> dict[str, Any]:
        """Also check that the exit code is 2 if the document is invalid."""


@pytest.fixture(name="check")
def _check(run: Run, tmp_path: Path) -> Check:
    path = tmp_path / "config.json"

    def check(document: object, *flags: str) -> dict[str, Any]:
        path.write_text(document if isinstance(document, str) else json.dumps(document))
        done = run("config", "check", str(path), "--json", *flags)
        assert done.error == ""
        found: dict[str, Any] = json.loads(done.out)
        assert done.code == (0 if found["valid"] else 2)
        return found

    return check


def valid(**changes: Any) -> dict[str, Any]:
    """Return a valid file with a service account, with changes. None removes a field."""
    info = {**Credentials(AUDIENCE, ACCOUNT, lifetime=1800).info, **changes}
    return {name: value for name, value in info.items() if value is not None}


def source(**changes: Any) -> dict[str, Any]:
    found = {**valid()["credential_source"], **changes}
    return valid(credential_source={name: value for name, value in found.items() if value is not None})


def executable(**changes: Any) -> dict[str, Any]:
    found = {"command": "/bin/google-auth-botocore executable", "timeout_millis": 60000, **changes}
    inner = {name: value for name, value in found.items() if value is not None}
    return valid(subject_token_type=JWT, credential_source={"executable": inner})


def texts(found: dict[str, Any], kind: str = "mistakes") -> dict[str, str]:
    return {each["name"]: " ".join(each[kind]) for each in found["fields"] if each[kind]}


class TestValidFiles:
    @pytest.mark.parametrize(
        "document",
        [valid(), valid(service_account_impersonation_url=None, service_account_impersonation=None), executable()],
        ids=["service account", "direct", "executable"],
    )
    def test_every_field_is_explained(self, check: Check, document: dict[str, Any]) -> None:
        found = check(document)
        assert found["valid"]
        assert texts(found) == {}
        for each in found["fields"]:
            assert each["meaning"] == MEANINGS[each["name"]]
        values = {each["name"]: json.loads(each["value"]) for each in found["fields"]}
        assert values["audience"] == AUDIENCE
        assert {name.partition(".")[0] for name in values} == set(document)

    def test_fields_that_botocore_replaces_are_explained(self, run: Run, tmp_path: Path) -> None:
        path = tmp_path / "config.json"
        path.write_text(json.dumps(valid()))
        done = run("config", "check", str(path))
        assert (done.code, done.error) == (0, "")
        assert done.out.startswith(f"{path}: no mistakes\n")
        for name in ("url", "region_url", "imdsv2_session_token_url"):
            paragraph = done.out.split(f"credential_source.{name}: ")[1].split("\n\n")[0]
            assert "here, botocore's chain" in paragraph

    def test_text_fits_a_terminal_except_long_values(self, run: Run, tmp_path: Path) -> None:
        path = tmp_path / "config.json"
        path.write_text(json.dumps(valid(token_url="https://evil.example/" + "x" * 100)))
        done = run("config", "check", str(path))
        assert done.out.isascii()
        assert "x" * 100 in done.out
        for line in done.out.splitlines()[1:]:  # the first names the file
            assert len(line) < 80 or len(line.split()) <= 2, line


class TestMistakes:
    def test_all_mistakes_are_reported_at_once(self, run: Run, tmp_path: Path) -> None:
        path = tmp_path / "config.json"
        document = source(environment_id="azure1", regional_cred_verification_url="https://evil.example")
        document |= {
            "audience": "//iam.googleapis.com/projects/my-project/locations/global/workloadIdentityPools/p/providers/q",
            "subject_token_type": "saml",
            "token_url": "https://evil.example/v1/token",
            "token_info_url": "https://evil.example/v1/introspect",
            "service_account_impersonation_url": "https://evil.example/v1/projects/-/serviceAccounts/a:generateAccessToken",
            "service_account_impersonation": {"token_lifetime_seconds": 86400},
            "client_secret": "hush-hush",
            "service_acount_impersonation_url": "x",
        }
        path.write_text(json.dumps(document))
        done = run("config", "check", str(path), "--json")
        assert done.code == 2
        assert set(texts(json.loads(done.out))) == {
            "audience",
            "subject_token_type",
            "token_url",
            "token_info_url",
            "service_account_impersonation_url",
            "service_account_impersonation.token_lifetime_seconds",
            "client_secret",
            "service_acount_impersonation_url",
            "credential_source.environment_id",
            "credential_source.regional_cred_verification_url",
        }
        text = run("config", "check", str(path))
        assert text.code == 2
        assert text.out.startswith(f"{path}: 10 mistakes\n")
        assert text.out.count("MISTAKE: ") == 10
        assert "hush-hush" not in done.out + text.out

    @pytest.mark.parametrize(
        ("document", "name", "words"),
        [
            (valid(audience=None), "audience", "''"),
            (valid(audience=7), "audience", "non-empty string, not 7"),
            (
                valid(audience=AUDIENCE.rpartition("/providers")[0]),
                "audience",
                "gcloud iam workload-identity-pools providers list",
            ),
            (valid(type="service_account"), "type", "'service_account', not 'external_account'"),
            (valid(type=None), "type", "None, not 'external_account'"),
            (valid(workforce_pool_user_project="1"), "workforce_pool_user_project", "workforce identity"),
            (valid(quota_project_id=7), "quota_project_id", "non-empty string"),
            (valid(credential_source=[]), "credential_source", "must be a JSON object"),
            (valid(credential_source={"file": "/x"}), "credential_source.environment_id", "None, not 'aws1'"),
            (valid(service_account_impersonation=7), "service_account_impersonation", "must be a JSON object"),
            (
                valid(universe_domain="apis.example", token_url=None, service_account_impersonation_url=None),
                "universe_domain",
                "must be set in code",
            ),
            (valid(Token_Url="x"), "Token_Url", "Did you mean token_url?"),
            (valid(token_info_url=7), "token_info_url", "is not the introspection endpoint"),
            (
                valid(token_info_url="https://sts.googleapis.com/v1/"),
                "token_info_url",
                "is not the introspection endpoint",
            ),
            (
                valid(token_info_url="https://sts.googleapis.com/v1/token"),
                "token_info_url",
                "is not the introspection endpoint",
            ),
            (
                valid(token_info_url="https://evil.example/v1/introspect"),
                "token_info_url",
                "is not the introspection endpoint",
            ),
            (
                source(imdsv2_token_url="x"),
                "credential_source.imdsv2_token_url",
                "Did you mean imdsv2_session_token_url?",
            ),
            (executable(command=None), "credential_source.executable.command", "absolute path"),
            (executable(command="google-auth-botocore"), "credential_source.executable.command", "absolute path"),
            (executable(command="/bin/x 'y"), "credential_source.executable.command", "absolute path"),
            (executable(timeout_millis=1000), "credential_source.executable.timeout_millis", "5000 to 120000"),
            (executable(timeout_millis="30000"), "credential_source.executable.timeout_millis", "5000 to 120000"),
            (executable(output_file=7), "credential_source.executable.output_file", "a path"),
            (valid(credential_source={"executable": "x"}), "credential_source.executable", "JSON object"),
        ],
    )
    def test_a_mistake_is_reported_at_its_field(
        self, check: Check, document: dict[str, Any], name: str, words: str
    ) -> None:
        found = texts(check(document))
        assert words in found.pop(name)
        # A change of the source can also make the type of the subject token invalid.
        assert set(found) <= {"subject_token_type"}

    def test_an_executable_must_return_a_jwt(self, check: Check) -> None:
        document = executable() | {"subject_token_type": valid()["subject_token_type"]}
        assert JWT in texts(check(document))["subject_token_type"]

    def test_other_fields_of_another_file_type_are_not_shown(self, check: Check) -> None:
        found = check({"type": "service_account", "private_key": "hush-hush", "client_id": "1"})
        assert [each["name"] for each in found["fields"]] == ["type"]
        assert "hush-hush" not in json.dumps(found)

    def test_a_universe_domain_given_in_code_is_accepted(self, check: Check) -> None:
        document = Credentials(AUDIENCE, ACCOUNT, universe_domain="apis.example").info
        assert set(texts(check(document))) == {"universe_domain"}
        assert check(document, "--universe-domain=apis.example")["valid"]
        # The universe domain in code overrides the one in the file.
        assert set(texts(check(valid(), "--universe-domain=apis.example"))) == {
            "token_url",
            "service_account_impersonation_url",
        }

    def test_an_invalid_universe_domain_is_reported_once(self, run: Run, tmp_path: Path) -> None:
        path = tmp_path / "config.json"
        path.write_text(json.dumps(valid()))
        done = run("config", "check", str(path), "--universe-domain=a b")
        assert (done.code, done.out) == (2, "")
        assert done.error.count("universe_domain") == 1

    @pytest.mark.parametrize("text", ["{", "[]", "7", "", "\x00"])
    def test_a_file_without_a_json_object(self, run: Run, tmp_path: Path, text: str) -> None:
        path = tmp_path / "config.json"
        path.write_text(text)
        done = run("config", "check", str(path))
        assert (done.code, done.out) == (2, "")
        assert done.error.startswith("google-auth-botocore: The configuration ")

    @pytest.mark.parametrize("universe", few([None, "apis.example"]))
    def test_a_file_is_valid_if_and_only_if_the_library_accepts_it(self, universe: str | None) -> None:
        """Try many values in each field of a valid file."""
        in_code = {} if universe is None else {"universe_domain": universe}
        for path in [(name,) for name in valid()] + [
            ("credential_source", name) for name in source()["credential_source"]
        ]:
            for value in VALUES:
                document = valid()
                outer = document if len(path) == 1 else document[path[0]]
                outer[path[-1]] = copy.deepcopy(value)
                try:
                    Credentials.from_info(document, **in_code)
                except ConfigurationError:
                    accepted = False
                else:
                    accepted = True
                fields = check_fields(document, universe)
                if isinstance(document["credential_source"], dict) and "executable" in document["credential_source"]:
                    continue  # only other libraries accept it
                assert accepted == (not any(each.mistakes for each in fields)), (path, value)


class TestNotes:
    @pytest.mark.parametrize(
        ("document", "name", "words"),
        [
            (valid(token_url=None), "token_url", "Google's libraries reject the file"),
            (valid(subject_token_type=None), "subject_token_type", "Google's libraries reject the file"),
            (valid(credential_source=None), "credential_source", "Google's libraries reject the file"),
            (
                source(regional_cred_verification_url=None),
                "credential_source.regional_cred_verification_url",
                "Google's libraries reject the file",
            ),
            (
                source(url="http://127.0.0.1:8080/keys"),
                "credential_source.url",
                "not the address of AWS instance metadata",
            ),
            (
                source(region_url="http://[::1"),
                "credential_source.region_url",
                "not the address of AWS instance metadata",
            ),
            (valid(subject_token_type=JWT), "subject_token_type", "config create --executable"),
            (
                valid(service_account_impersonation_url=None),
                "service_account_impersonation.token_lifetime_seconds",
                "no effect",
            ),
            (
                valid(service_account_impersonation={"token_lifetime_seconds": 7200}),
                "service_account_impersonation.token_lifetime_seconds",
                "allowServiceAccountCredentialLifetimeExtension",
            ),
            (executable(command="/bin/x '--y=a b'"), "credential_source.executable.command", "Go and Java"),
            (executable(timeout_millis=30000), "credential_source.executable.timeout_millis", "Set 60000"),
            (executable(timeout_millis=None), "credential_source.executable.timeout_millis", "Set 60000"),
            (
                valid(service_account_impersonation={"token_lifetime_seconds": 599}),
                "service_account_impersonation.token_lifetime_seconds",
                "Java rejects less than 600 s",
            ),
            (
                valid(service_account_impersonation={"token_lifetime_seconds": "300"}),
                "service_account_impersonation.token_lifetime_seconds",
                "Java rejects less than 600 s. Google's library for Go accepts only a whole number",
            ),
            (
                valid(service_account_impersonation={"token_lifetime_seconds": 3600.0}),
                "service_account_impersonation.token_lifetime_seconds",
                "Google's library for Go accepts only a whole number",
            ),
            (valid(audience=AUDIENCE.replace("global", "eu")), "audience", "The location is 'eu'."),
            (
                source(regional_cred_verification_url=VERIFICATION.replace("{region}", "us-east-9")),
                "credential_source.regional_cred_verification_url",
                "botocore does not know the AWS region us-east-9",
            ),
            (valid(aws_role_name="arn:aws:iam::123456789012:role/x"), "aws_role_name", "Pass assume_role=ARN"),
            (valid(aws_external_id="x"), "aws_external_id", '"ExternalId": ID'),
            (valid(aws_profile_name="x"), "aws_profile_name", "Pass profile=NAME"),
            (source(AWS_REGION_NAME="eu-west-1"), "credential_source.AWS_REGION_NAME", "Pass region=NAME"),
            (
                valid(aws_web_identity_token="/x"),
                "aws_web_identity_token",
                "Set the variable AWS_WEB_IDENTITY_TOKEN_FILE",
            ),
            (valid(aws_secret_access_key="x"), "aws_secret_access_key", "looks like a secret"),
            (
                source(x="-----BEGIN PRIVATE KEY-----\nMII\n-----END PRIVATE KEY-----"),
                "credential_source.x",
                "looks like a secret",
            ),
            (valid(comment={"a": [{"password": "x"}]}), "comment", "looks like a secret"),
            (valid(comment="AKIA" + "A" * 16), "comment", "looks like a secret"),
        ],
    )
    def test_unintended_values_are_notes_and_not_mistakes(
        self, check: Check, document: dict[str, Any], name: str, words: str
    ) -> None:
        found = check(document)
        assert found["valid"]
        assert words in texts(found, "notes")[name]

    def test_an_unknown_field_is_not_a_mistake(self, check: Check) -> None:
        found = check(valid(comment="made by hand"))
        assert found["valid"]
        [unknown] = [each for each in found["fields"] if each["name"] == "comment"]
        assert (unknown["value"], unknown["meaning"]) == (None, "Unknown field. It is ignored.")

    @pytest.mark.parametrize(
        "document",
        [
            valid(service_account_impersonation={"token_lifetime_seconds": 600}),
            source(regional_cred_verification_url=VERIFICATION.replace("{region}", "eu-central-1")),
            source(regional_cred_verification_url=VERIFICATION.replace("{region}", "us-gov-west-1")),
            source(
                regional_cred_verification_url=VERIFICATION.replace(
                    "{region}.amazonaws.com", "cn-north-1.amazonaws.com.cn"
                )
            ),
            source(
                regional_cred_verification_url="https://sts.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15"
            ),
            valid(access_token_lifetime="1800", secret_file="/run/x"),
            valid(token_url="https://sts.googleapis.com/v1beta/token", quota_project_id="", project_id=""),
        ],
    )
    def test_valid_values_have_no_notes(self, check: Check, document: dict[str, Any]) -> None:
        found = check(document)
        assert found["valid"]
        assert texts(found, "notes") == {}

    def test_no_secret_of_a_note_is_printed(self, check: Check) -> None:
        found = check(valid(aws_secret_access_key="hush-hush", comment={"password": "hush-hush"}))
        assert "hush-hush" not in json.dumps(found)

    def test_a_byte_order_mark_is_noted(self, check: Check) -> None:
        found = check("\ufeff" + json.dumps(valid()))
        assert "google-auth rejects it" in texts(found, "notes").pop("(file)")

    @pytest.mark.parametrize(
        ("before", "name"),
        [
            ('{"audience": "x", ', "audience"),
            ('{"comment": {"a": 1, "a": 2}, ', "comment"),
            ('{"credential_source": {}, ', "credential_source.environment_id"),
        ],
    )
    def test_keys_that_occur_twice_are_noted(self, check: Check, before: str, name: str) -> None:
        found = check(before + json.dumps(valid())[1:])
        assert "occurs more than once. The last one counts." in texts(found, "notes")[name]


class TestNesting:
    @pytest.mark.parametrize("levels", [40, 200, 900])
    def test_a_value_nested_too_deeply_is_a_mistake(self, check: Check, levels: int) -> None:
        deep: object = "x"
        for _ in range(levels):
            deep = [deep]
        for document in (valid(comment=deep), valid(audience=deep), source(url=deep), source(comment=deep)):
            found = check(document)
            assert not found["valid"]
            assert any("nested deeper" in text or "audience must be" in text for text in texts(found).values())


class TestWhichFile:
    def test_without_an_argument_the_environment_names_the_file(
        self, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = tmp_path / "config.json"
        path.write_text(json.dumps(valid()))
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(path))
        assert run("config", "check").out.startswith(f"{path}: no mistakes")

    def test_a_missing_file_argument_is_one_clear_error(self, run: Run) -> None:
        done = run("config", "check")
        assert (done.code, done.out) == (2, "")
        assert "No file is specified." in done.error

    def test_a_dash_is_standard_input(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        type_in(monkeypatch, json.dumps(valid()).encode("utf-8-sig"))
        done = run("config", "check", "-")
        assert (done.code, done.error) == (0, "")
        assert done.out.startswith("standard input: no mistakes\n")
        assert "(BOM)" in done.out
        type_in(monkeypatch, json.dumps(valid(audience="x")).encode())
        assert run("config", "check", "-").code == 2

    @pytest.mark.parametrize(
        "content", [b"", b"{", b"[]", b"\xff", b"[" * 100_000], ids=["empty", "cut", "list", "latin", "deep"]
    )
    @pytest.mark.parametrize("command", [["config", "check", "-"], ["token", "--config", "-"]])
    def test_standard_input_without_a_json_object_is_one_error(
        self, run: Run, monkeypatch: pytest.MonkeyPatch, content: bytes, command: list[str]
    ) -> None:
        type_in(monkeypatch, content)
        done = run(*command)
        assert (done.code, done.out) == (2, "")
        assert done.error.startswith(
            "google-auth-botocore: The configuration on standard input cannot be read as JSON: "
        )
        assert [line[:5] for line in done.error.splitlines()[1:]] in (["More:"], ["More:", "Run: "])

    def test_config_may_be_standard_input(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        type_in(monkeypatch, json.dumps(valid()).encode())
        done = run("config", "create", "--config=-", "--quota-project=q")
        assert (done.code, done.error) == (0, "")
        assert json.loads(done.out)["quota_project_id"] == "q"

    def test_a_tilde_that_no_shell_replaced_is_explained(self, run: Run) -> None:
        assert "Only a shell replaces ~" in run("config", "check", "~/none.json").error


def type_in(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
