"""`config setup --proof jwt`: AWS's JWT, an OIDC provider, and the mapping of the role and of tags."""

from __future__ import annotations

import json

import hcl2
import pytest

from cli.conftest import Run
from cli.test_config_setup import ACCOUNT, IMPERSONATING, NAMES, PROVIDER, commands, flags, printed, resources, unquoted
from google_auth_botocore.emulator._cel import evaluate

_JWT = ("--proof=jwt", "--trust=lambda")


def provider(run: Run, *more: str) -> dict[str, str]:
    [create] = [
        words for words in commands(printed(run, *NAMES, "--direct", "--proof=jwt", *more)) if "create-oidc" in words
    ]
    return flags(create)


def mapping(run: Run, *more: str) -> dict[str, str]:
    return dict(each.split("=", 1) for each in provider(run, *more)["--attribute-mapping"].split(","))


class TestCommands:
    def test_the_issuer_is_enabled_and_then_read(self, run: Run) -> None:
        text = printed(run, *NAMES, "--direct", *_JWT)
        enable, ask, create = (
            text.index(part)
            for part in ("aws iam enable-outbound-web-identity-federation", "issuer=$(aws iam get-", "create-oidc")
        )
        assert enable < ask < create
        assert '--issuer-uri="${issuer}"' in text

    @pytest.mark.parametrize("partition", ["aws", "aws-us-gov", "aws-cn"])
    @pytest.mark.parametrize("role", ["my-role", "r" * 64, "/team/my-role", "a/" * 40 + "r" * 64])
    def test_the_condition_accepts_only_the_role_with_or_without_its_path(
        self, run: Run, role: str, partition: str
    ) -> None:
        found = provider(run, f"--partition={partition}", f"--aws-role={role}")
        prefix = f"arn:{partition}:iam::{ACCOUNT}:role/"
        name = role.rpartition("/")[2]
        for subject, expected in (
            (prefix + role.lstrip("/"), True),
            (prefix + name, True),
            (f"{prefix}{name}2", False),
            (f"{prefix}other/{name}", False),
        ):
            mapped = {
                each: str(evaluate(expression, {"assertion": {"sub": subject}}))
                for each, expression in mapping(run, f"--partition={partition}", f"--aws-role={role}").items()
            }
            attributes = {"aws_role": mapped["attribute.aws_role"]}
            accepted = evaluate(found["--attribute-condition"], {"attribute": attributes, "assertion": {}})
            assert bool(accepted) is expected
            if expected:
                assert mapped["google.subject"] == prefix + name
                assert len(mapped["google.subject"]) <= 127

    def test_a_comma_in_the_path_does_not_separate_mappings(self, run: Run) -> None:
        """gcloud splits the mapping at commas unless it starts with another delimiter."""
        found = provider(run, "--aws-role=/a,b=c/my-role")["--attribute-mapping"]
        assert found.startswith("^;^")
        pairs = dict(each.split("=", 1) for each in found.removeprefix("^;^").split(";"))
        assert set(pairs) == {"google.subject", "attribute.aws_role"}
        subject = {"sub": f"arn:aws:iam::{ACCOUNT}:role/a,b=c/my-role"}
        assert str(evaluate(pairs["google.subject"], {"assertion": subject})).endswith(":role/my-role")

    def test_the_output_requests_the_path_of_an_existing_role(self, run: Run) -> None:
        names = [name for name in NAMES if not name.startswith("--aws-role")]
        for role, expected in (("AWSReservedSSO_x_0123456789abcdef", True), ("/team/my-role", False)):
            text = printed(run, *names, "--direct", "--proof=jwt", f"--existing-role={role}")
            assert ("If the role has a path" in text) is expected

    def test_config_create_points_here(self, run: Run) -> None:
        done = run("config", "create", f"--audience={PROVIDER}", "--executable=/usr/bin/google-auth-botocore")
        assert "`google-auth-botocore config setup --proof jwt`" in done.error

    def test_tags_are_mapped_and_the_file_sends_them(self, run: Run) -> None:
        text = printed(run, *NAMES, "--direct", *_JWT, "--tag=Cost-Center", "--tag=team")
        found = mapping(run, "--tag=Cost-Center", "--tag=team")
        tags = {"Cost-Center": "1", "team": "copies"}
        claims = {"https://sts.amazonaws.com/": {"request_tags": tags}}
        values = {
            name: str(evaluate(expression, {"assertion": claims}))
            for name, expression in found.items()
            if "tags" in expression
        }
        assert values == {"attribute.cost_center": "1", "attribute.team": "copies"}
        assert flags(commands(text)[-1])["--tags"] == "Cost-Center=VALUE,team=VALUE"

    @pytest.mark.parametrize(
        ("wrong", "words"),
        [
            (("--tag=team",), "--tag requires --proof jwt"),
            (("--proof=jwt", "--tag=a-b", "--tag=a_b"), "need different attributes"),
            (("--proof=jwt", "--tag=aws_role"), "need different attributes"),
            (("--proof=jwt", "--tag=a'b"), "Invalid --tag"),
        ],
    )
    def test_tags_that_cannot_be_mapped_are_rejected(self, run: Run, wrong: tuple[str, ...], words: str) -> None:
        done = run("config", "setup", *NAMES, "--direct", *wrong)
        assert (done.code, done.out) == (2, "")
        assert words in done.error

    def test_the_role_gets_jwts_for_the_provider_only(self, run: Run) -> None:
        for more, actions in (
            ((), ["sts:GetWebIdentityToken"]),
            (("--tag=team",), ["sts:GetWebIdentityToken", "sts:TagGetWebIdentityToken"]),
        ):
            text = printed(run, *NAMES, "--direct", "--proof=jwt", *more)
            [put] = [flags(words) for words in commands(text) if "put-role-policy" in words]
            [statement] = json.loads(put["--policy-document"])["Statement"]
            assert statement["Action"] == actions
            audience = statement["Condition"]["ForAllValues:StringEquals"]["sts:IdentityTokenAudience"]
            assert audience == f"https://iam.googleapis.com/{PROVIDER}"

    def test_the_owner_of_an_existing_role_must_add_the_permission(self, run: Run) -> None:
        text = printed(run, *NAMES, "--direct", "--proof=jwt", "--existing-role")
        assert "put-role-policy" not in text
        assert "permission sts:GetWebIdentityToken" in text.replace("\n# ", " ")


class TestTerraform:
    def test_the_issuer_is_a_typed_variable_without_default(self, run: Run) -> None:
        text = printed(run, *IMPERSONATING, *_JWT, "--tag=team", "--partition=aws", "--format=terraform")
        variables = {name: each for block in unquoted(hcl2.loads(text))["variable"] for name, each in block.items()}
        assert set(variables) == {"aws_region", "aws_issuer"}
        for each in variables.values():
            assert each["type"] == "${string}" or each["type"] == "string"
            assert "default" not in each
        found = resources(text)["google_iam_workload_identity_pool_provider"]["aws"]
        assert found["oidc"] == [{"issuer_uri": "${var.aws_issuer}"}]
        assert "aws" not in found
        assert set(found["attribute_mapping"]) == {"google.subject", "attribute.aws_role", "attribute.team"}
        policy = resources(text)["aws_iam_role_policy"]
        assert set(policy) == {"write_to_s3", "write_log", "get_google_jwt"}
