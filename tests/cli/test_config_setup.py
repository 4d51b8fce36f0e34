"""`config setup` prints valid shell commands, scripts and Terraform configuration."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import hcl2
import pytest
from variations import few

from cli.conftest import Run
from google_auth_botocore._failures._entry import Block
from google_auth_botocore.cli._terraform_syntax import Call, document
from google_auth_botocore.cli.config._setup_names import FORMS

ACCOUNT, PROJECT, NUMBER = "123456789012", "copycat-project", "210987654321"
POOL = f"projects/{NUMBER}/locations/global/workloadIdentityPools/aws-pool"
PROVIDER = f"{POOL}/providers/aws-provider"
EMAIL = f"gcp-copycat@{PROJECT}.iam.gserviceaccount.com"
ROLE = f"arn:aws:sts::{ACCOUNT}:assumed-role/copycat-role"
EVERY_SESSION = f"principalSet://iam.googleapis.com/{POOL}/attribute.aws_role/{ROLE}"

NAMES = (
    f"--aws-account={ACCOUNT}",
    "--aws-role=copycat-role",
    f"--project={PROJECT}",
    f"--project-number={NUMBER}",
)
BUCKETS = ("--bucket=gcp-source", "--s3-bucket=aws-destination")
IMPERSONATING = (*NAMES, "--service-account=gcp-copycat", *BUCKETS, "--grant=roles/bigquery.dataViewer")
DIRECT = (*NAMES, "--direct", *BUCKETS, "--grant=roles/bigquery.dataViewer")
_KINDS: list[tuple[str, ...]] = [
    ("--partition=aws-cn",),
    ("--proof=jwt", "--tag=team", "--trust=lambda"),
    ("--trust=eks", "--namespace=copies", "--kubernetes-service-account=gcp-copycat"),
]
EVERY_FORM = [IMPERSONATING, DIRECT, (*NAMES, "--direct"), (*NAMES, "--service-account=gcp-copycat")]
EVERY_SETUP = [
    *EVERY_FORM,
    *((*IMPERSONATING, *kind, "--grant=roles/iam.serviceAccountTokenCreator") for kind in _KINDS),
    (*DIRECT, "--proof=jwt", "--partition=account"),
    (*NAMES, "--direct", "--existing-role", "--bucket=gcp-source"),
    (*NAMES, "--direct", "--existing-role", "--proof=jwt", "--partition=aws"),
    (*NAMES, "--direct", "--aws-role=/team/my-role", "--aws-region=us-gov-west-1"),
]


def printed(run: Run, *flags: str) -> str:
    done = run("config", "setup", *flags)
    assert (done.code, done.error) == (0, "")
    return done.out


def commands(text: str) -> list[list[str]]:
    """The words of each command, as a shell splits them."""
    lines = re.sub(r"\\\n", " ", text).splitlines()
    return [shlex.split(line) for line in lines if line and not line.startswith("#")]


def flags(words: list[str]) -> dict[str, str]:
    return {name: value for name, _, value in (word.partition("=") for word in words if word.startswith("--"))}


class TestCommands:
    def test_the_commands_are_the_six_steps(self, run: Run) -> None:
        text = printed(run, *IMPERSONATING)
        assert re.findall(r"^# (\d)\. ", text, re.MULTILINE) == ["1", "2", "3", "4", "5", "6"]
        verbs = [
            " ".join(word for word in words if re.fullmatch("[a-z0-9][a-z0-9-]*", word)) for words in commands(text)
        ]
        assert verbs == [
            "gcloud services enable",
            "aws iam create-role",
            "aws iam put-role-policy",
            "gcloud iam service-accounts create gcp-copycat",
            "gcloud storage buckets add-iam-policy-binding",
            "gcloud projects add-iam-policy-binding copycat-project",
            "gcloud iam workload-identity-pools create aws-pool",
            "gcloud iam workload-identity-pools providers create-aws aws-provider",
            "gcloud iam service-accounts add-iam-policy-binding",
            "gcloud iam workload-identity-pools create-cred-config",
        ]

    def test_the_provider_trusts_one_role_of_one_account(self, run: Run) -> None:
        [words] = [each for each in commands(printed(run, *IMPERSONATING)) if "create-aws" in each]
        found = flags(words)
        assert found["--account-id"] == ACCOUNT
        assert found["--attribute-condition"] == f"attribute.aws_role == '{ROLE}'"
        assert found["--attribute-mapping"].startswith("google.subject=assertion.arn,attribute.aws_role=")

    def test_a_subject_that_might_be_too_long_is_shortened(self, run: Run) -> None:
        """Google accepts 127 bytes. The start of the ARN would take 39 of them."""
        role = "r" * 24
        text = printed(run, *IMPERSONATING, f"--aws-role={role}")
        [words] = [each for each in commands(text) if "create-aws" in each]
        subject = flags(words)["--attribute-mapping"].partition(",")[0]
        assert subject == "google.subject=assertion.arn.extract('assumed-role/{role_and_session}')"

    def test_grants_are_minimal(self, run: Run) -> None:
        grants = [
            (*[word for word in words if PROJECT in word][:1], flags(words)["--role"], flags(words)["--member"])
            for words in commands(printed(run, *IMPERSONATING))
            if "add-iam-policy-binding" in words
        ]
        member = f"serviceAccount:{EMAIL}"
        assert grants == [
            (f"--member={member}", "roles/storage.objectViewer", member),
            (PROJECT, "roles/bigquery.dataViewer", member),
            (EMAIL, "roles/iam.workloadIdentityUser", EVERY_SESSION),
        ]

    def test_without_a_service_account_access_is_granted_to_the_role(self, run: Run) -> None:
        text = printed(run, *DIRECT)
        assert "service-accounts" not in text
        assert "iamcredentials" not in text
        members = {flags(words)["--member"] for words in commands(text) if "add-iam-policy-binding" in words}
        assert members == {EVERY_SESSION}
        assert "--service-account" not in flags(commands(text)[-1])

    def test_policies_are_json(self, run: Run) -> None:
        create, put = [words for words in commands(printed(run, *IMPERSONATING)) if words[0] == "aws"]
        [trust] = json.loads(flags(create)["--assume-role-policy-document"])["Statement"]
        assert trust["Principal"] == {"Service": "ec2.amazonaws.com"}
        bucket, objects = json.loads(flags(put)["--policy-document"])["Statement"]
        assert (bucket["Action"], bucket["Resource"]) == (["s3:ListBucket"], ["arn:aws:s3:::aws-destination"])
        assert objects["Resource"] == ["arn:aws:s3:::aws-destination/*"]

    def test_the_principal_that_may_assume_the_role_can_be_chosen(self, run: Run) -> None:
        text = printed(run, *NAMES, "--direct", f"--trust=arn:aws:iam::{ACCOUNT}:role/ci")
        [create] = [words for words in commands(text) if words[0] == "aws"]
        [trust] = json.loads(flags(create)["--assume-role-policy-document"])["Statement"]
        assert trust["Principal"] == {"AWS": f"arn:aws:iam::{ACCOUNT}:role/ci"}

    @pytest.mark.parametrize(
        ("grants", "apis"),
        [
            ([], ["iam", "sts", "iamcredentials"]),
            (["--grant=roles/bigquery.dataViewer"], ["iam", "sts", "iamcredentials", "cloudresourcemanager"]),
        ],
    )
    def test_only_the_necessary_apis_are_enabled(self, run: Run, grants: list[str], apis: list[str]) -> None:
        [first, *_] = commands(printed(run, *NAMES, "--service-account=gcp-copycat", *grants))
        assert first[3:-1] == [f"{name}.googleapis.com" for name in apis]

    def test_service_accounts_of_a_domain_scoped_project(self, run: Run) -> None:
        text = printed(run, *IMPERSONATING, "--project=example.com:my-project")
        assert "gcp-copycat@my-project.example.com.iam.gserviceaccount.com" in text

    def test_a_service_account_can_be_given_as_an_address(self, run: Run) -> None:
        by_id, by_address = (printed(run, *NAMES, f"--service-account={name}") for name in ("gcp-copycat", EMAIL))
        assert by_address == by_id


class TestNames:
    def test_all_invalid_values_are_reported_at_once(self, run: Run) -> None:
        wrong = {
            "--aws-account": "1234",
            "--aws-role": "arn:aws:iam::123456789012:role/r",
            "--project": "P",
            "--project-number": "my-project",
            "--pool": "aws",
            "--provider": "gcp-provider",
            "--service-account": EMAIL,
            "--bucket": "gs://b",
            "--grant": "roles/owner",
            "--s3-bucket": "s3://b",
            "--trust": "*",
        }
        done = run("config", "setup", *(f"{flag}={value}" for flag, value in wrong.items()))
        assert (done.code, done.out) == (2, "")
        for flag, value in wrong.items():
            assert re.search(rf"Invalid {flag} {re.escape(repr(value))}: must be .*\.\n", done.error), flag

    @pytest.mark.parametrize("form", ["gcloud", "script", "terraform"])
    @pytest.mark.parametrize("evil", few(["a\nb", "a$(id)", "a'b", 'a"b', "a;b", "a`b", "${a}b", "%{b}"], 2))
    def test_no_value_can_inject_code(self, run: Run, evil: str, form: str) -> None:
        """Not even a value that starts with a valid one."""
        right = [
            *IMPERSONATING,
            *("--pool=aws-pool", "--provider=aws-provider", "--tag=team", "--aws-region=eu-central-1"),
            *("--trust=eks", "--namespace=copies", "--kubernetes-service-account=gcp-copycat"),
        ]
        assert {flag.partition("=")[0] for flag in right} == {f"--{name.replace('_', '-')}" for name in FORMS}
        assert run("config", "setup", f"--format={form}", "--proof=jwt", *right).code == 0
        for flag in (*right, f"--trust=arn:aws:iam::{ACCOUNT}:role/ci", "--trust=batch.amazonaws.com"):
            done = run("config", "setup", f"--format={form}", "--proof=jwt", *right, f"{flag}{evil}")
            assert (done.code, done.out) == (2, "")
            assert done.error.startswith(f"google-auth-botocore: Invalid {flag.partition('=')[0]} ")

    def test_a_service_account_or_direct_is_required(self, run: Run) -> None:
        assert run("config", "setup", *NAMES).code == 2
        assert run("config", "setup", *NAMES, "--direct", "--service-account=gcp-copycat").code == 2


class TestScript:
    @pytest.mark.parametrize("command", ["setup", "teardown"])
    @pytest.mark.parametrize("form", EVERY_SETUP)
    def test_every_function_that_is_called_is_defined_and_no_other(
        self, run: Run, form: tuple[str, ...], command: str
    ) -> None:
        text = run("config", command, *form, "--format=script").out
        code = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
        defined = set(re.findall(r"^(\w+)\(\) ", code, re.MULTILINE))
        known = {"exists", "is", "note", "found", "bindings", "bound", "others", "for_role", "empty"}
        called = {name for name in known if re.search(rf"(^|[(|&]|\bif|\belif) *{name} ", code, re.MULTILINE)}
        assert called == defined

    @pytest.mark.parametrize("command", ["setup", "teardown"])
    @pytest.mark.parametrize("form", EVERY_SETUP)
    def test_bash_accepts_the_script_and_it_fits_a_terminal(
        self, run: Run, form: tuple[str, ...], command: str
    ) -> None:
        done = run("config", command, *form, "--format=script")
        assert (done.code, done.error) == (0, "")
        text = done.out
        assert text.isascii()
        assert text.startswith("#!/usr/bin/env bash\n")
        assert "\nset -euo pipefail\n" in text
        subprocess.run(["bash", "-n"], input=text, text=True, check=True, timeout=60)
        for line in text.splitlines():
            # Only a single word may be longer.
            assert len(line) < 80 or line.lstrip().startswith(("--", "projects/", "'principalSet:", "principalSet:")), (
                line
            )
        if shutil.which("shellcheck") is not None:
            checked = subprocess.run(
                ["shellcheck", "--severity=style", "-"],
                input=text,
                capture_output=True,
                text=True,
                check=False,
                timeout=60,
            )
            assert checked.stdout == ""


def unquoted(value: Any) -> Any:
    """Return the result of python-hcl2 without the quotes that it leaves around strings."""
    if isinstance(value, str):
        return json.loads(value) if value.startswith('"') else value
    if isinstance(value, list):
        return [unquoted(each) for each in value]
    if isinstance(value, dict):
        return {unquoted(name): unquoted(each) for name, each in value.items() if name != "__is_block__"}
    return value


def resources(text: str) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for each in unquoted(hcl2.loads(text))["resource"]:
        for kind, by_name in each.items():
            found.setdefault(kind, {}).update(by_name)
    return found


def terraform(home: Path, *arguments: str) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TF_")}
    done = subprocess.run(
        ["terraform", f"-chdir={home}", *arguments],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


has_terraform = pytest.mark.skipif(shutil.which("terraform") is None, reason="terraform is not installed")


class TestTerraform:
    def test_the_resources_are_the_six_steps(self, run: Run) -> None:
        found = resources(printed(run, *IMPERSONATING, "--partition=aws", "--format=terraform"))
        assert set(found) == {
            "google_project_service",
            "aws_iam_role",
            "aws_iam_role_policy",
            "google_service_account",
            "google_iam_workload_identity_pool",
            "google_iam_workload_identity_pool_provider",
            "google_service_account_iam_member",
            "google_storage_bucket_iam_member",
            "google_project_iam_member",
        }
        provider = found["google_iam_workload_identity_pool_provider"]["aws"]
        assert provider["attribute_condition"] == f"attribute.aws_role == '{ROLE}'"
        assert provider["aws"] == [{"account_id": ACCOUNT}]
        assert set(provider["attribute_mapping"]) == {"google.subject", "attribute.aws_role"}
        binding = found["google_service_account_iam_member"]["workload"]
        assert (binding["role"], binding["member"]) == ("roles/iam.workloadIdentityUser", "${local.role}")

    def test_without_a_service_account_access_is_granted_to_the_role(self, run: Run) -> None:
        text = printed(run, *DIRECT, "--partition=aws", "--format=terraform")
        found = resources(text)
        assert not any("service_account" in kind for kind in found)
        for kind in ("google_storage_bucket_iam_member", "google_project_iam_member"):
            assert found[kind]["workload"]["member"] == "${local.role}"
        pool = "${google_iam_workload_identity_pool.aws.name}"
        assert unquoted(hcl2.loads(text))["locals"] == [{"role": EVERY_SESSION.replace(POOL, pool)}]

    @has_terraform
    @pytest.mark.parametrize("form", EVERY_SETUP)
    def test_the_format_is_that_of_terraform_fmt(self, run: Run, form: tuple[str, ...], tmp_path: Path) -> None:
        (tmp_path / "main.tf").write_text(printed(run, *form, "--format=terraform"))
        terraform(tmp_path, "fmt", "-check", "-diff")

    @pytest.mark.parametrize("form", EVERY_SETUP)
    def test_every_variable_has_a_type_and_every_aws_provider_a_region(self, run: Run, form: tuple[str, ...]) -> None:
        """`terraform validate` needs the providers, which are not available without Hashicorp's registry."""
        text = printed(run, *form, "--format=terraform")
        found = unquoted(hcl2.loads(text))
        variables = {name: each for block in found.get("variable", []) for name, each in block.items()}
        assert {each["type"].strip("${}") for each in variables.values()} <= {"string"}
        assert {each.get("default", "us-gov-west-1") for each in variables.values()} <= {"us-gov-west-1"}
        providers = {name: each for block in found["provider"] for name, each in block.items()}
        assert ("aws" in providers) == bool(re.search('"aws_(iam|partition)', text))
        assert providers.get("aws", {"region": "${var.aws_region}"})["region"] == "${var.aws_region}"
        for reference in re.findall(r"\bvar\.(\w+)", text):
            assert reference in variables

    @has_terraform
    @pytest.mark.parametrize("form", [IMPERSONATING, DIRECT], ids=["account", "direct"])
    def test_the_output_is_the_configuration_file(self, run: Run, form: tuple[str, ...], tmp_path: Path) -> None:
        text = printed(run, *form, "--format=terraform")
        (tmp_path / "main.tf").write_text(text[text.index('output "external_account"') :])
        terraform(tmp_path, "init")
        terraform(tmp_path, "apply", "-auto-approve")
        flags = ["--service-account", EMAIL] if form is IMPERSONATING else []
        made = json.loads(terraform(tmp_path, "output", "-raw", "external_account"))
        assert made == json.loads(run("config", "create", "--audience", PROVIDER, *flags).out)

    @has_terraform
    def test_strings_are_not_interpreted_as_expressions(self, tmp_path: Path) -> None:
        value = {"a b": ["${x}", "%{ if x }", '"', "\\", "\n", "$${x}"], "c": [{"d": True}, {"e": 1}], "f": {}}
        (tmp_path / "main.tf").write_text(document([Block("output", ["x"], {"value": Call("jsonencode", value)})]))
        terraform(tmp_path, "init")
        terraform(tmp_path, "apply", "-auto-approve")
        assert json.loads(terraform(tmp_path, "output", "-raw", "x")) == value
