"""`config setup` with roles that exist, roles with long names, and Google roles that are dangerous."""

from __future__ import annotations

import re

import pytest

from cli.conftest import Run
from cli.test_config_setup import (
    ACCOUNT,
    EMAIL,
    EVERY_FORM,
    IMPERSONATING,
    NAMES,
    PROJECT,
    commands,
    flags,
    printed,
    resources,
)
from google_auth_botocore.emulator._cel import evaluate

_CREATOR, _OPEN_ID = "roles/iam.serviceAccountTokenCreator", "roles/iam.serviceAccountOpenIdTokenCreator"
_SSO = "AWSReservedSSO_" + "P" * 32 + "_0123456789abcdef"
_SESSION = "s" * 64


def mapped(run: Run, role: str, *more: str, partition: str = "aws") -> dict[str, str]:
    """What Google gets from a session of the role with a name of 64 characters: attribute to value; and the condition."""
    arn = f"arn:{partition}:sts::{ACCOUNT}:assumed-role/{role.rpartition('/')[2]}/{_SESSION}"
    assertion = {"arn": arn, "account": ACCOUNT, "userid": f"AROA{'X' * 17}:{_SESSION}"}
    text = printed(run, *NAMES, "--direct", f"--aws-role={role}", f"--partition={partition}", *more)
    [create] = [words for words in commands(text) if "create-aws" in words]
    mapping = dict(each.split("=", 1) for each in flags(create)["--attribute-mapping"].split(","))
    values = {name: str(evaluate(expression, {"assertion": assertion})) for name, expression in mapping.items()}
    attributes = {name.partition(".")[2]: value for name, value in values.items()}
    accepted = evaluate(flags(create)["--attribute-condition"], {"assertion": assertion, "attribute": attributes})
    return {**values, "accepted": str(bool(accepted))}


class TestSubject:
    @pytest.mark.parametrize("partition", ["aws", "aws-us-gov", "aws-cn"])
    @pytest.mark.parametrize(
        "role", ["r", "r" * 16, "r" * 17, "r" * 23, "r" * 24, "r" * 62, "r" * 63, "r" * 64, "/team/a/" + "r" * 64, _SSO]
    )
    def test_is_short_enough_and_the_condition_holds(self, run: Run, role: str, partition: str) -> None:
        found = mapped(run, role, partition=partition)
        assert 0 < len(found["google.subject"].encode()) <= 127
        assert found["google.subject"].endswith(_SESSION)
        assert found["accepted"] == "True"

    def test_is_explained_if_it_is_not_the_arn(self, run: Run) -> None:
        assert "google.subject is" not in printed(run, *NAMES, "--direct")
        assert "# google.subject is assertion.userid, because" in printed(run, *NAMES, "--direct", f"--aws-role={_SSO}")

    def test_is_short_enough_in_whatever_partition_the_script_runs(self, run: Run) -> None:
        text = printed(run, *NAMES, "--direct", f"--aws-role={'r' * 17}", "--format=script")
        assert "google.subject=assertion.arn," not in text


class TestPath:
    def test_is_in_the_role_and_not_in_what_google_sees(self, run: Run) -> None:
        text = printed(run, *NAMES, "--direct", "--aws-role=/team/a/my-role")
        [create] = [flags(words) for words in commands(text) if "create-role" in words]
        assert (create["--role-name"], create["--path"]) == ("my-role", "/team/a/")
        assert f"'arn:aws:sts::{ACCOUNT}:assumed-role/my-role'" in text
        role = resources(printed(run, *NAMES, "--direct", "--aws-role=team/my-role", "--format=terraform"))
        assert role["aws_iam_role"]["workload"]["path"] == "/team/"


class TestExistingRole:
    @pytest.mark.parametrize("form", ["gcloud", "script", "terraform"])
    @pytest.mark.parametrize(
        "role",
        [
            ("--aws-role=mine", "--existing-role"),
            ("--existing-role=mine",),
            (f"--aws-role={_SSO}",),
            (f"--aws-role=/aws-reserved/sso.amazonaws.com/eu-west-1/{_SSO}",),
            ("--aws-role=AWSServiceRoleForBatch",),
        ],
    )
    def test_is_bound_and_left_alone(self, run: Run, role: tuple[str, ...], form: str) -> None:
        names = [name for name in NAMES if not name.startswith("--aws-role")]
        for command in ("setup", *(["teardown"] if form != "terraform" else [])):
            done = run("config", command, *names, *role, "--direct", f"--format={form}")
            assert (done.code, done.error) == (0, "")
            assert not re.search(r"aws iam|aws_iam_role", done.out)
            assert "left alone" in done.out.replace("\n# ", " ")
            assert "attribute.aws_role" in done.out or command == "teardown"

    @pytest.mark.parametrize("more", ["--s3-bucket=aws-destination", "--trust=lambda"])
    def test_flags_that_would_change_it_are_rejected(self, run: Run, more: str) -> None:
        done = run("config", "setup", *NAMES, "--direct", "--existing-role", more)
        assert (done.code, done.out) == (2, "")
        assert f"{more.partition('=')[0]} would change the role copycat-role" in done.error

    def test_a_role_is_required_and_only_one(self, run: Run) -> None:
        names = [name for name in NAMES if not name.startswith("--aws-role")]
        assert "The name of the AWS role is missing." in run("config", "setup", *names, "--direct").error
        assert "name two roles" in run("config", "setup", *NAMES, "--existing-role=other", "--direct").error


class TestGrants:
    @pytest.mark.parametrize(
        "role", [_CREATOR, _OPEN_ID, "roles/iam.serviceAccountUser", "roles/iam.serviceAccountKeyAdmin"]
    )
    def test_a_role_about_service_accounts_is_granted_on_one_only(self, run: Run, role: str) -> None:
        done = run("config", "setup", *NAMES, "--service-account=gcp-copycat", f"--grant={role}")
        bindings = [words for words in commands(done.out) if f"--role={role}" in words]
        add = ["gcloud", "iam", "service-accounts", "add-iam-policy-binding"]
        assert [words[:5] for words in bindings] == [[*add, EMAIL], [*add, EMAIL]]
        # This package signs with the token of the AWS role, and Google's libraries sign with the token of the account.
        role_member, account = (flags(words)["--member"] for words in bindings)
        assert role_member.startswith("principalSet://")
        assert account == f"serviceAccount:{EMAIL}"
        found = resources(
            run("config", "setup", *NAMES, "--service-account=gcp-copycat", f"--grant={role}", "--format=terraform").out
        )
        assert "google_project_iam_member" not in found
        for name, member in (("other_roles", "local.role"), ("on_itself", "google_service_account.workload.member")):
            grant = found["google_service_account_iam_member"][name]
            assert (grant["for_each"], grant["member"]) == (f'${{toset(["{role}"])}}', f"${{{member}}}")

    def test_without_a_service_account_there_is_nothing_to_grant_it_on(self, run: Run) -> None:
        done = run("config", "setup", *NAMES, "--direct", f"--grant={_CREATOR}")
        assert (done.code, done.out) == (2, "")
        assert f"{_CREATOR} is granted on a service account, and --direct uses none." in done.error

    @pytest.mark.parametrize(
        "role",
        [
            "roles/iam.serviceAccountKeyAdmin",
            "roles/iam.serviceAccountCreator",
            "roles/iam.workloadIdentityPoolAdmin",
            "roles/iam.securityAdmin",
            "roles/resourcemanager.projectIamAdmin",
            "roles/secretmanager.secretAccessor",
            "roles/storage.objectViewer",
            "roles/bigquery.admin",
            "roles/cloudfunctions.developer",
            f"projects/{PROJECT}/roles/mine",
        ],
    )
    def test_a_dangerous_role_is_granted_with_a_warning(self, run: Run, role: str) -> None:
        for form in ("gcloud", "script", "terraform"):
            done = run(
                "config", "setup", *NAMES, "--service-account=gcp-copycat", f"--grant={role}", f"--format={form}"
            )
            assert done.code == 0
            assert done.error.startswith(f"google-auth-botocore: Warning: {role} ")
            assert f"# WARNING: {role} " in done.out

    @pytest.mark.parametrize(
        "role",
        ["roles/cloudbuild.serviceAgent", "roles/firebase.sdkAdminServiceAgent", "roles/cloudbuild.builds.builder"],
    )
    def test_a_role_of_googles_services_is_granted_with_a_warning(self, run: Run, role: str) -> None:
        done = run("config", "setup", *NAMES, "--service-account=gcp-copycat", f"--grant={role}")
        assert f"Warning: {role} " in done.error

    @pytest.mark.parametrize("role", ["roles/admin", "roles/writer", "roles/reader", "projects/another-one/roles/mine"])
    def test_a_basic_role_or_another_projects_role_is_rejected(self, run: Run, role: str) -> None:
        done = run("config", "setup", *NAMES, "--service-account=gcp-copycat", f"--grant={role}")
        assert (done.code, done.out) == (2, "")
        assert role in done.error

    @pytest.mark.parametrize("role", ["roles/bigquery.dataViewer", "roles/pubsub.publisher", _CREATOR])
    def test_other_roles_are_granted_without_one(self, run: Run, role: str) -> None:
        printed(run, *NAMES, "--service-account=gcp-copycat", f"--grant={role}")


class TestRequirements:
    @pytest.mark.parametrize("form", ["gcloud", "script", "terraform"])
    def test_the_output_says_what_its_runner_and_the_workload_need(self, run: Run, form: str) -> None:
        text = " ".join(printed(run, *IMPERSONATING, f"--format={form}").replace("\n# ", " ").split())
        for part in (
            "roles/iam.workloadIdentityPoolAdmin, roles/iam.serviceAccountAdmin, roles/resourcemanager.projectIamAdmin",
            "iam:UpdateAssumeRolePolicy, iam:CreateRole, iam:PutRolePolicy.",
            "The workload must reach sts.googleapis.com, iamcredentials.googleapis.com, storage.googleapis.com.",
            "It does not have to reach AWS STS",
        ):
            assert part in text

    def test_teardown_says_what_its_runner_needs(self, run: Run) -> None:
        text = " ".join(run("config", "teardown", *IMPERSONATING).out.replace("\n# ", " ").split())
        assert "roles/iam.workloadIdentityPoolAdmin, roles/iam.serviceAccountAdmin" in text
        assert "iam:GetRolePolicy, iam:DeleteRolePolicy, iam:GetRole, iam:DeleteRole." in text

    @pytest.mark.parametrize("form", EVERY_FORM, ids=["account", "direct", "nothing", "account alone"])
    def test_only_impersonation_needs_iam_credentials(self, run: Run, form: tuple[str, ...]) -> None:
        text = printed(run, *form)
        assert ("iamcredentials.googleapis.com" in text) == ("--direct" not in form)
        assert ("roles/iam.serviceAccountAdmin" in text) == ("--direct" not in form)
