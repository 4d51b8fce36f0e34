"""Write the six steps as Terraform configuration for the providers google and aws.

https://registry.terraform.io/providers/hashicorp/google/latest/docs/resources/iam_workload_identity_pool_provider
"""

from __future__ import annotations

from google_auth_botocore._failures._entry import Block, Raw
from google_auth_botocore._failures._names import USER
from google_auth_botocore.cli._terraform_syntax import Call, document
from google_auth_botocore.cli.config._setup_plan import Plan

_HEAD = """\
# Lets the AWS role {role} of the account {account} use the Google Cloud
# project {project}. After `terraform apply`, write the workload's configuration:
# terraform output -raw external_account > external_account.json

"""
_POOL, _PROVIDER = "google_iam_workload_identity_pool", "google_iam_workload_identity_pool_provider"


def configuration(plan: Plan) -> str:
    """Return the text of one file for `terraform apply`."""
    head = _HEAD.format(role=plan.aws_role, account=plan.aws_account, project=plan.project)
    blocks = [*_providers(plan), _apis(plan), *_role(plan), *_account(plan), *_federation(plan), *_grants(plan)]
    return head + document([*blocks, _output(plan)])


def _providers(plan: Plan) -> list[Block]:
    sources = {name: {"source": f"hashicorp/{name}", "version": ">= 5.0"} for name in ("google", "aws")}
    return [
        Block("terraform", [], {}, [Block("required_providers", [], sources)]),
        Block("provider", ["google"], {"project": plan.project}),
        Block("provider", ["aws"], {"allowed_account_ids": [plan.aws_account]}),
    ]


def _apis(plan: Plan) -> Block:
    attributes = {
        "for_each": Call("toset", plan.apis),
        "service": Raw("each.key"),
        "disable_on_destroy": False,
    }
    return Block("resource", ["google_project_service", "api"], attributes)


def _role(plan: Plan) -> list[Block]:
    role = {"name": plan.aws_role, "assume_role_policy": Call("jsonencode", plan.trust_policy)}
    blocks = [Block("resource", ["aws_iam_role", "workload"], role)]
    if plan.role_policy is not None:
        policy = {
            "name": "write-to-s3",
            "role": Raw("aws_iam_role.workload.name"),
            "policy": Call("jsonencode", plan.role_policy),
        }
        blocks.append(Block("resource", ["aws_iam_role_policy", "workload"], policy))
    return blocks


def _account(plan: Plan) -> list[Block]:
    if plan.service_account is None:
        return []
    account = {"account_id": plan.service_account, "depends_on": [Raw("google_project_service.api")]}
    return [Block("resource", ["google_service_account", "workload"], account)]


def _federation(plan: Plan) -> list[Block]:
    pool = {"workload_identity_pool_id": plan.pool, "depends_on": [Raw("google_project_service.api")]}
    provider = {
        "workload_identity_pool_id": Raw(f"{_POOL}.aws.workload_identity_pool_id"),
        "workload_identity_pool_provider_id": plan.provider,
        "attribute_mapping": plan.mapping,
        "attribute_condition": plan.condition,
    }
    blocks = [
        Block("resource", [_POOL, "aws"], pool),
        Block("resource", [_PROVIDER, "aws"], provider, [Block("aws", [], {"account_id": plan.aws_account})]),
        Block("locals", [], {"role": Raw(_principal_set(plan))}),
    ]
    if plan.service_account is not None:
        binding = {
            "service_account_id": Raw("google_service_account.workload.name"),
            "role": USER,
            "member": Raw("local.role"),
        }
        blocks.append(Block("resource", ["google_service_account_iam_member", "workload"], binding))
    return blocks


def _principal_set(plan: Plan) -> str:
    """Return the principal set, with a reference to the pool, so that Terraform creates the pool before the grants."""
    pool = f"${{{_POOL}.aws.name}}"
    return f'"{plan.principal_set.replace(plan.pool_name, pool)}"'


def _grants(plan: Plan) -> list[Block]:
    member = Raw("local.role" if plan.service_account is None else "google_service_account.workload.member")
    blocks = []
    if plan.bucket:
        bucket = {
            "for_each": Call("toset", plan.bucket),
            "bucket": Raw("each.key"),
            "role": "roles/storage.objectViewer",
            "member": member,
        }
        blocks.append(Block("resource", ["google_storage_bucket_iam_member", "workload"], bucket))
    if plan.grant:
        project = {
            "for_each": Call("toset", plan.grant),
            "project": plan.project,
            "role": Raw("each.key"),
            "member": member,
        }
        blocks.append(Block("resource", ["google_project_iam_member", "workload"], project))
    return blocks


def _output(plan: Plan) -> Block:
    return Block("output", ["external_account"], {"value": Call("jsonencode", plan.credentials.info)})
