"""The six steps as commands of gcloud and aws."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple

from google_auth_botocore._failures._names import USER
from google_auth_botocore.cli.config._plan import Plan

# Pools and providers are kept for 30 days after they are deleted, and no other can have their name.
_THERE = ("undelete", "describe")
_UNCONDITIONAL = "--condition=None"


class Command(NamedTuple):
    """One command.

    Attributes:
        words: Program and arguments.
        there: Commands of which one succeeds where this one's work is done already.
        update: What to run in its place then; None: nothing.
    """

    words: Sequence[str]
    there: Sequence[Sequence[str]] = ()
    update: Sequence[str] | None = None


class Step(NamedTuple):
    """One step: what it does, and why so."""

    title: str
    reason: str
    commands: Sequence[Command]


def steps(plan: Plan) -> list[Step]:
    """The steps in their order, and then the file that the workload is given."""
    return [_apis(plan), _role(plan), _account(plan), _pool(plan), _provider(plan), _binding(plan), _file(plan)]


def _apis(plan: Plan) -> Step:
    words = ["gcloud", "services", "enable", *plan.apis, f"--project={plan.project}"]
    return Step("1. The APIs", "Those that an exchange of tokens takes.", [Command(words)])


def _role(plan: Plan) -> Step:
    name = f"--role-name={plan.aws_role}"
    create = Command(
        ["aws", "iam", "create-role", name, f"--assume-role-policy-document={_json(plan.trust_policy)}"],
        there=[["aws", "iam", "get-role", name]],
    )
    reason = "Google needs no permission of it."
    if plan.trust == "ec2.amazonaws.com":
        reason += " An instance gets it in an instance profile."
    if plan.role_policy is None:
        return Step("2. The AWS role", reason, [create])
    policy = f"--policy-document={_json(plan.role_policy)}"
    put = Command(["aws", "iam", "put-role-policy", name, "--policy-name=write-to-s3", policy])
    return Step("2. The AWS role", reason, [create, put])


def _account(plan: Plan) -> Step:
    if plan.email is None:
        return Step("3. No service account", "The role itself is granted access, in step 6.", [])
    create = Command(
        ["gcloud", "iam", "service-accounts", "create", str(plan.service_account), f"--project={plan.project}"],
        there=[["gcloud", "iam", "service-accounts", "describe", plan.email, f"--project={plan.project}"]],
    )
    reason = f"It has no key. If it is not found yet, wait some seconds and run it again. {_granted(plan)}"
    return Step("3. The service account, and what it may do", reason, [create, *_grants(plan)])


def _granted(plan: Plan) -> str:
    if plan.bucket or plan.grant:
        return "A grant takes up to 5 minutes to hold."
    return "It is granted nothing so far: --bucket and --grant say what."


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
    create = Command([*pool, "create", plan.pool, *where], there=[[*pool, verb, plan.pool, *where] for verb in _THERE])
    return Step("4. The workload identity pool", "One for each environment keeps their identities apart.", [create])


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
        there=[[*group, verb, *which] for verb in _THERE],
        update=[*group, "update-aws", *which, *settings],
    )
    return Step("5. The provider", "It trusts the AWS account, and by its condition the role alone.", [create])


def _binding(plan: Plan) -> Step:
    if plan.email is None:
        return Step(
            "6. What the role may do",
            f"{_granted(plan)} A bucket needs uniform bucket-level access for this.",
            _grants(plan),
        )
    words = ["gcloud", "iam", "service-accounts", "add-iam-policy-binding", plan.email, f"--project={plan.project}"]
    bind = Command([*words, f"--role={USER}", _UNCONDITIONAL, f"--member={plan.principal_set}"])
    return Step("6. The role may impersonate the service account", "This takes up to 5 minutes to hold, too.", [bind])


def _file(plan: Plan) -> Step:
    words = ["gcloud", "iam", "workload-identity-pools", "create-cred-config", plan.provider_name, "--aws"]
    account = [] if plan.email is None else [f"--service-account={plan.email}"]
    create = Command([*words, "--enable-imdsv2", *account, "--output-file=external_account.json"])
    return Step(
        "The file for the workload",
        "It holds no secret. To see whether it works there: google-auth-botocore doctor --config external_account.json",
        [create],
    )


def _json(document: object) -> str:
    return json.dumps(document, separators=(",", ":"))
