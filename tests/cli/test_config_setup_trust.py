"""Which service or principal may assume the role that `config setup` creates, in each AWS partition."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
from samples.deploy.aws_commands import request

from cli.conftest import Run
from cli.test_config_setup import ACCOUNT, IMPERSONATING, NAMES, commands, flags, printed, resources

_ISSUER = "oidc.eks.eu-central-1.amazonaws.com/id/EXAMPLED539D4633E53DE1B71EXAMPLE"
_OIDC = f"arn:aws:iam::{ACCOUNT}:oidc-provider/{_ISSUER}"
_POD = ("--namespace=copies", "--kubernetes-service-account=gcp-copycat")


def statement(run: Run, *more: str) -> dict[str, Any]:
    """The statement of the trust policy."""
    [create] = [words for words in commands(printed(run, *NAMES, "--direct", *more)) if "create-role" in words]
    [found] = json.loads(flags(create)["--assume-role-policy-document"])["Statement"]
    return dict(found)


class TestServices:
    @pytest.mark.parametrize(
        ("word", "principal"),
        [
            ("ec2", "ec2.amazonaws.com"),
            ("ecs", "ecs-tasks.amazonaws.com"),
            ("lambda", "lambda.amazonaws.com"),
            ("eks", "pods.eks.amazonaws.com"),
        ],
    )
    def test_a_word_is_the_same_as_the_principal_and_the_help_lists_it(
        self, run: Run, word: str, principal: str
    ) -> None:
        by_word = statement(run, f"--trust={word}")
        assert by_word == statement(run, f"--trust={principal}")
        assert by_word["Principal"] == {"Service": principal}
        assert f"{word} (" in " ".join(run("config", "setup", "--help").out.split())

    @pytest.mark.parametrize("trust", ["ec2", "lambda", "batch.amazonaws.com"])
    def test_other_services_only_assume_the_role(self, run: Run, trust: str) -> None:
        found = statement(run, f"--trust={trust}")
        assert (found["Action"], set(found)) == ("sts:AssumeRole", {"Effect", "Principal", "Action"})

    def test_pod_identity_also_tags_the_session(self, run: Run) -> None:
        found = statement(run, "--trust=pods.eks.amazonaws.com")
        assert found["Action"] == ["sts:AssumeRole", "sts:TagSession"]
        assert found["Condition"] == {"StringEquals": {"aws:SourceAccount": ACCOUNT}}

    def test_pod_identity_can_be_limited_to_a_pod(self, run: Run) -> None:
        found = statement(run, "--trust=eks", *_POD)["Condition"]["StringEquals"]
        assert found["aws:RequestTag/kubernetes-namespace"] == "copies"
        assert found["aws:RequestTag/kubernetes-service-account"] == "gcp-copycat"

    def test_only_tasks_of_the_account_get_the_role(self, run: Run) -> None:
        assert statement(run, "--trust=ecs")["Condition"] == {
            "ArnLike": {"aws:SourceArn": f"arn:aws:ecs:*:{ACCOUNT}:*"},
            "StringEquals": {"aws:SourceAccount": ACCOUNT},
        }

    def test_a_function_can_write_its_log_and_no_other(self, run: Run) -> None:
        text = printed(run, *NAMES, "--direct", "--trust=lambda")
        [put] = [words for words in commands(text) if "put-role-policy" in words]
        _, write = json.loads(flags(put)["--policy-document"])["Statement"]
        assert write["Resource"] == f"arn:aws:logs:*:{ACCOUNT}:log-group:/aws/lambda/*"

    def test_roles_anywhere_also_sets_the_source_identity(self, run: Run) -> None:
        found = statement(run, "--trust=rolesanywhere.amazonaws.com")
        assert found["Action"] == ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]
        anchors = f"arn:aws:rolesanywhere:*:{ACCOUNT}:trust-anchor/*"
        assert found["Condition"] == {"ArnLike": {"aws:SourceArn": anchors}}

    @pytest.mark.parametrize(
        ("trust", "words"),
        [
            ("ecs.amazonaws.com", "Pass --trust ecs."),
            ("eks.amazonaws.com", "Pass --trust eks, or the provider's ARN."),
            ("eks-fargate-pods.amazonaws.com", "Pass --trust with the provider's ARN."),
            ("cognito-identity.amazonaws.com", "pass --existing-role."),
            ("sts.amazonaws.com", "the principal that calls it."),
        ],
    )
    def test_a_service_that_runs_no_workload_is_rejected(self, run: Run, trust: str, words: str) -> None:
        done = run("config", "setup", *NAMES, "--direct", f"--trust={trust}")
        assert (done.code, done.out) == (2, "")
        assert f"{trust} does not run workloads." in done.error
        assert words in done.error


class TestPrincipal:
    @pytest.mark.parametrize("partition", ["aws", "aws-us-gov", "aws-cn"])
    def test_an_account_id_is_the_account(self, run: Run, partition: str) -> None:
        found = statement(run, "--trust=111122223333", f"--partition={partition}")
        assert found["Principal"] == {"AWS": f"arn:{partition}:iam::111122223333:root"}

    @pytest.mark.parametrize(
        "principal",
        [
            "iam::111122223333:role/aws-reserved/sso.amazonaws.com/eu-west-1/AWSReservedSSO_Ops_0123456789abcdef",
            f"iam::{ACCOUNT}:user/team/someone@example.com",
            f"iam::{ACCOUNT}:role/{'r' * 64}",
            f"iam::{ACCOUNT}:role/copycat-role-2",
            f"sts::{ACCOUNT}:assumed-role/ci/session",
            f"sts::{ACCOUNT}:federated-user/someone",
        ],
    )
    def test_an_arn_is_the_principal_and_its_session_comes_from_sts(self, run: Run, principal: str) -> None:
        found = statement(run, f"--trust=arn:aws-us-gov:{principal}")
        assert found["Principal"] == {"AWS": f"arn:aws-us-gov:{principal}"}
        text = printed(run, *NAMES, "--direct", f"--trust=arn:aws-us-gov:{principal}").replace("\n# ", " ")
        assert "For its AWS keys, it must also reach AWS STS" in text

    @pytest.mark.parametrize(
        "principal",
        [
            "iam::123456789012:role/*",
            "iam::123456789012:role/a//b",
            f"iam::123456789012:role/{'r' * 65}",
            "iam::12345678901:root",
            "sts::123456789012:assumed-role/ci",
            "sts::123456789012:assumed-role/ci/*",
            "iam::123456789012:group/admins",
            "iam::123456789012:saml-provider/okta",
        ],
    )
    def test_what_cannot_be_a_principal_is_rejected_with_a_fix(self, run: Run, principal: str) -> None:
        done = run("config", "setup", *NAMES, "--direct", f"--trust=arn:aws:{principal}")
        assert (done.code, done.out) == (2, "")
        assert "create the role yourself and pass --existing-role" in done.error

    @pytest.mark.parametrize(
        "itself", ["iam::{}:role/copycat-role", "iam::{}:role/x/copycat-role", "sts::{}:assumed-role/copycat-role/s"]
    )
    def test_the_role_cannot_trust_itself(self, run: Run, itself: str) -> None:
        done = run("config", "setup", *NAMES, "--direct", f"--trust=arn:aws:{itself.format(ACCOUNT)}")
        assert (done.code, done.out) == (2, "")
        assert "--trust names the role itself" in done.error


class TestOidcProvider:
    def test_one_pod_of_the_cluster_gets_the_role(self, run: Run) -> None:
        assert statement(run, f"--trust={_OIDC}", *_POD) == {
            "Effect": "Allow",
            "Principal": {"Federated": _OIDC},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {
                "StringEquals": {
                    f"{_ISSUER}:aud": "sts.amazonaws.com",
                    f"{_ISSUER}:sub": "system:serviceaccount:copies:gcp-copycat",
                }
            },
        }

    @pytest.mark.parametrize(
        ("wrong", "words"),
        [
            ((f"--trust={_OIDC}",), "vouches for every pod of its cluster"),
            ((f"--trust={_OIDC}", _POD[0]), "vouches for every pod of its cluster"),
            ((f"--trust={_OIDC.replace(ACCOUNT, '111122223333')}", *_POD), "must be in the account of the role"),
            (("--trust=eks", _POD[1]), "belong together"),
            (("--trust=lambda", *_POD), "require --trust eks"),
            ((f"--trust={_OIDC}", *_POD, "--partition=aws-cn"), "They must be equal."),
            ((f"--trust={_OIDC.replace('eu-central-1', 'us-gov-west-1')}", *_POD), "in the partition aws-us-gov"),
            ((f"--trust={_OIDC.replace('amazonaws.com', 'amazonaws.com.cn')}", *_POD), "in the partition aws-cn"),
            ((f"--trust={_OIDC.partition('/')[0]}/token.actions.githubusercontent.com", *_POD), "are not for pods"),
            ((f"--trust={_OIDC.partition('/')[0]}/gitlab.example.com/x'", *_POD), "Invalid --trust"),
            (("--trust=arn:aws:iam::123456789012:saml-provider/x",), "Invalid --trust"),
            (("--trust=arn:aws-xx:iam::123456789012:root",), "Invalid --trust"),
            (("--trust=arn:aws:iam::١٢٣٤٥٦٧٨٩٠١٢:root",), "Invalid --trust"),
        ],
    )
    def test_a_trust_that_is_too_wide_or_impossible_is_rejected(
        self, run: Run, wrong: tuple[str, ...], words: str
    ) -> None:
        done = run("config", "setup", *NAMES, "--direct", *wrong)
        assert (done.code, done.out) == (2, "")
        assert words in done.error


class TestPartitions:
    @pytest.mark.parametrize("partition", ["aws", "aws-us-gov", "aws-cn"])
    @pytest.mark.parametrize("form", ["gcloud", "script", "terraform"])
    def test_every_arn_is_in_the_partition(self, run: Run, partition: str, form: str) -> None:
        for trust in ("ecs", "lambda"):
            text = printed(run, *IMPERSONATING, f"--partition={partition}", f"--trust={trust}", f"--format={form}")
            arns = {part.split(":")[0] for part in text.replace("{account_arn}", "").split("arn:")[1:]}
            assert arns == {partition}

    def test_the_partition_follows_from_the_arn_in_trust(self, run: Run) -> None:
        text = printed(run, *NAMES, "--direct", f"--trust=arn:aws-us-gov:iam::{ACCOUNT}:role/ci")
        assert f"attribute.aws_role == 'arn:aws-us-gov:sts::{ACCOUNT}:assumed-role/" in text

    @pytest.mark.parametrize("form", ["gcloud", "script"])
    @pytest.mark.parametrize(
        ("flag", "partition"),
        [
            ("--trust=ec2.amazonaws.com.cn", "aws-cn"),
            ("--trust=states.cn-north-1.amazonaws.com.cn", "aws-cn"),
            ("--trust=states.us-gov-west-1.amazonaws.com", "aws-us-gov"),
            ("--trust=states.eu-central-1.amazonaws.com", "aws"),
            ("--aws-region=us-gov-east-1", "aws-us-gov"),
            ("--aws-region=cn-northwest-1", "aws-cn"),
            ("--aws-region=mx-central-1", "aws"),
        ],
    )
    def test_the_partition_follows_from_a_service_or_a_region(
        self, run: Run, flag: str, partition: str, form: str
    ) -> None:
        text = printed(run, *NAMES, "--direct", flag, f"--format={form}")
        assert f"arn:{partition}:sts::" in text
        assert "${partition}" not in text

    @pytest.mark.parametrize(
        "flags",
        [("--partition=aws", "--trust=ec2.amazonaws.com.cn"), ("--partition=aws", "--aws-region=us-gov-west-1")],
    )
    def test_flags_that_name_two_partitions_are_rejected(self, run: Run, flags: tuple[str, ...]) -> None:
        done = run("config", "setup", *NAMES, "--direct", *flags)
        assert (done.code, done.out) == (2, "")
        assert "They must be equal." in done.error

    def test_ec2_has_its_own_principal_in_china(self, run: Run) -> None:
        assert statement(run, "--partition=aws-cn")["Principal"] == {"Service": "ec2.amazonaws.com.cn"}
        assert statement(run, "--partition=aws-cn", "--trust=lambda")["Principal"] == {
            "Service": "lambda.amazonaws.com"
        }

    def test_terraform_reads_the_partition_unless_a_flag_names_it(self, run: Run) -> None:
        text = printed(run, *IMPERSONATING, "--format=terraform")
        provider = resources(text)["google_iam_workload_identity_pool_provider"]["aws"]
        assert "arn:${data.aws_partition.current.partition}:sts::" in provider["attribute_condition"]
        assert "data.aws_partition" not in printed(run, *IMPERSONATING, "--format=terraform", "--partition=aws-cn")

    @pytest.mark.parametrize("command", ["setup", "teardown"])
    def test_pasted_commands_can_also_read_the_partition(self, run: Run, command: str) -> None:
        text = run("config", command, *IMPERSONATING, "--partition=account").out
        assert text.index("partition=$(aws sts get-caller-identity") < text.index("${partition}")
        assert "arn:aws:" not in text


class TestAttachment:
    """How a workload gets the role: comments, because `config setup` does not know the workload."""

    @pytest.mark.parametrize("form", ["gcloud", "script"])
    @pytest.mark.parametrize(
        ("more", "names", "attached"),
        [
            ((), {"INSTANCE_ID": "i-0a1b2c3d4e5f60718"}, "IamInstanceProfile"),
            (("--trust=lambda",), {"FUNCTION": "copy", "PARTITION": "aws"}, "Role"),
            (
                ("--trust=eks",),
                {"CLUSTER": "my-cluster", "NAMESPACE": "n", "SERVICE_ACCOUNT": "s", "PARTITION": "aws"},
                "roleArn",
            ),
            (("--trust=eks", *_POD), {"CLUSTER": "my-cluster", "PARTITION": "aws"}, "roleArn"),
        ],
        ids=["instance", "function", "any pod", "pod"],
    )
    def test_the_commands_attach_the_role_after_their_names_are_replaced(
        self, run: Run, form: str, more: tuple[str, ...], names: dict[str, str], attached: str
    ) -> None:
        text, todo = attachment(printed(run, *NAMES, "--direct", "--format", form, *more))
        assert {name for name in names if name in text} == {name for name in names if name in " ".join(todo)}
        for name, value in names.items():
            todo = [each.replace(name, value) for each in todo]
        *_, (_, _, parameters) = [request(separated(each), Path()) for each in todo]
        assert parameters[attached] in ({"Name": "copycat-role"}, f"arn:aws:iam::{ACCOUNT}:role/copycat-role")

    def test_irsa_annotates_the_service_account(self, run: Run) -> None:
        [command] = attachment(printed(run, *NAMES, "--direct", f"--trust={_OIDC}", *_POD))[1]
        assert shlex.split(command) == [
            *("kubectl", "annotate", "serviceaccount", "--namespace=copies", "gcp-copycat"),
            f"eks.amazonaws.com/role-arn=arn:aws:iam::{ACCOUNT}:role/copycat-role",
        ]

    def test_no_command_attaches_a_role_that_exists(self, run: Run) -> None:
        assert "gets the role" not in printed(run, *NAMES, "--direct", "--existing-role")


def attachment(text: str) -> tuple[str, list[str]]:
    """Return the comment about the attachment in one line, and the commands in it."""
    lines = text.partition("\n# 2.")[2].partition("\n# 3.")[0].splitlines()
    start = next(number for number, line in enumerate(lines) if " gets the role " in line)
    comment = [line for line in lines[start:] if line]
    sentences = " ".join(line.removeprefix("# ") for line in comment if not line.startswith("#   "))
    code = "\n".join(line.removeprefix("#   ") for line in comment if line.startswith("#   "))
    return sentences, code.replace(" \\\n", " ").splitlines()


def separated(command: str) -> list[str]:
    """Return the words of a command, with each flag and its value apart."""
    return [part for word in shlex.split(command) for part in (word.split("=", 1) if word[:2] == "--" else [word])]
