"""The six steps as gcloud and aws commands."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple

from google_auth_botocore._failures._names import USER
from google_auth_botocore.cli.config._setup_plan import Plan

# A deleted pool or provider keeps its name for 30 days. It exists if it can be undeleted or described.
_EXISTS = ("undelete", "describe")
_UNCONDITIONAL = "--condition=None"


class Command(NamedTuple):
    """One command.

    Attributes:
        words: Program and arguments.
        existence_checks: One of these commands succeeds if the resource already exists.
        update: The command to run instead if the resource exists, or None.
    """

    words: Sequence[str]
    existence_checks: Sequence[Sequence[str]] = ()
    update: Sequence[str] | None = None


class Step(NamedTuple):
    """One step: its title, an explanation, and its commands."""

    title: str
    explanation: str
    commands: Sequence[Command]


def steps(plan: Plan) -> list[Step]:
    """Return the steps in order, and then the step that writes the configuration file."""
    return [_apis(plan), _role(plan), _account(plan), _pool(plan), _provider(plan), _binding(plan), _file(plan)]


def _apis(plan: Plan) -> Step:
    words = ["gcloud", "services", "enable", *plan.apis, f"--project={plan.project}"]
    return Step("1. The APIs", "Token exchanges need these.", [Command(words)])


def _role(plan: Plan) -> Step:
    name = f"--role-name={plan.aws_role}"
    create = Command(
        ["aws", "iam", "create-role", name, f"--assume-role-policy-document={_json(plan.trust_policy)}"],
        existence_checks=[["aws", "iam", "get-role", name]],
    )
    explanation = "Federation needs no AWS permission."
    if plan.trust == "ec2.amazonaws.com":
        explanation += " To use the role on an instance, attach it with an instance profile."
    if plan.role_policy is None:
        return Step("2. The AWS role", explanation, [create])
    policy = f"--policy-document={_json(plan.role_policy)}"
    put = Command(["aws", "iam", "put-role-policy", name, "--policy-name=write-to-s3", policy])
    return Step("2. The AWS role", explanation, [create, put])


def _account(plan: Plan) -> Step:
    if plan.email is None:
        return Step("3. No service account", "Step 6 grants access to the role itself.", [])
    create = Command(
        ["gcloud", "iam", "service-accounts", "create", str(plan.service_account), f"--project={plan.project}"],
        existence_checks=[["gcloud", "iam", "service-accounts", "describe", plan.email, f"--project={plan.project}"]],
    )
    explanation = f"It has no key. If a command cannot find it yet, wait a few seconds and run the command again. {_about_grants(plan)}"
    return Step("3. The service account and its roles", explanation, [create, *_grants(plan)])


def _about_grants(plan: Plan) -> str:
    if plan.bucket or plan.grant:
        return "A grant takes up to 5 minutes to take effect."
    return "No roles are granted yet: use --bucket and --grant."


def _grants(plan: Plan) -> list[Command]:
    member = f"--member={plan.member}"
    on_buckets = [
        [
            "gcloud",
            "storage",
            "buckets",
            "add-iam-policy-binding",
            f"gs://{name}",
            "--role=roles/storage.objectViewer",
            _UNCONDITIONAL,
        ]
        for name in plan.bucket
    ]
    on_project = [
        ["gcloud", "projects", "add-iam-policy-binding", plan.project, f"--role={role}", _UNCONDITIONAL]
        for role in plan.grant
    ]
    return [Command([*words, member]) for words in (*on_buckets, *on_project)]


def _pool(plan: Plan) -> Step:
    pool = ["gcloud", "iam", "workload-identity-pools"]
    where = ["--location=global", f"--project={plan.project}"]
    create = Command(
        [*pool, "create", plan.pool, *where], existence_checks=[[*pool, verb, plan.pool, *where] for verb in _EXISTS]
    )
    return Step(
        "4. The workload identity pool",
        "Use a separate pool for each environment, to keep their identities apart.",
        [create],
    )


def _provider(plan: Plan) -> Step:
    group = ["gcloud", "iam", "workload-identity-pools", "providers"]
    which = [plan.provider, f"--workload-identity-pool={plan.pool}", "--location=global", f"--project={plan.project}"]
    mapping = ",".join(f"{name}={expression}" for name, expression in plan.mapping.items())
    settings = [
        f"--account-id={plan.aws_account}",
        f"--attribute-mapping={mapping}",
        f"--attribute-condition={plan.condition}",
    ]
    create = Command(
        [*group, "create-aws", *which, *settings],
        existence_checks=[[*group, verb, *which] for verb in _EXISTS],
        update=[*group, "update-aws", *which, *settings],
    )
    return Step("5. The provider", "It trusts the AWS account. Its condition accepts only the role.", [create])


def _binding(plan: Plan) -> Step:
    if plan.email is None:
        return Step(
            "6. The roles granted to the AWS role",
            f"{_about_grants(plan)} The bucket must have uniform bucket-level access.",
            _grants(plan),
        )
    words = ["gcloud", "iam", "service-accounts", "add-iam-policy-binding", plan.email, f"--project={plan.project}"]
    bind = Command([*words, f"--role={USER}", _UNCONDITIONAL, f"--member={plan.principal_set}"])
    return Step(
        "6. The role may impersonate the service account", "This also takes up to 5 minutes to take effect.", [bind]
    )


def _file(plan: Plan) -> Step:
    words = ["gcloud", "iam", "workload-identity-pools", "create-cred-config", plan.provider_name, "--aws"]
    account = [] if plan.email is None else [f"--service-account={plan.email}"]
    create = Command([*words, "--enable-imdsv2", *account, "--output-file=external_account.json"])
    return Step(
        "The configuration file for the workload",
        "It contains no secret. To test it on the workload's machine, run `google-auth-botocore doctor --config external_account.json` there.",
        [create],
    )


def _json(document: object) -> str:
    return json.dumps(document, separators=(",", ":"))
