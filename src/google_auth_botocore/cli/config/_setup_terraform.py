"""Write the six steps as Terraform configuration for the providers google and aws.

https://registry.terraform.io/providers/hashicorp/google/latest/docs/resources/iam_workload_identity_pool_provider
"""

from __future__ import annotations

from typing import Any

from google_auth_botocore import Credentials
from google_auth_botocore._failures._entry import Block, Raw
from google_auth_botocore._failures._names import USER
from google_auth_botocore.cli._terraform_syntax import Call, document
from google_auth_botocore.cli.config import _setup_partition as partitions
from google_auth_botocore.cli.config import _setup_requirements
from google_auth_botocore.cli.config._setup_attachment import attachment
from google_auth_botocore.cli.config._setup_plan import Plan
from google_auth_botocore.cli.config._setup_shell import comment

_POOL, _PROVIDER = "google_iam_workload_identity_pool", "google_iam_workload_identity_pool_provider"
_EXPRESSIONS = {
    partitions.PARTITION: "${data.aws_partition.current.partition}",
    partitions.DNS_SUFFIX: "${data.aws_partition.current.dns_suffix}",
}


def configuration(plan: Plan) -> str:
    """Return the text of one file for `terraform apply`."""
    about = [
        (
            f"Lets the AWS role {plan.role_name} of the account {plan.aws_account} use the Google Cloud project {plan.project}. "
            "After `terraform apply`, write the workload's configuration:"
        ),
        "terraform output -raw external_account > external_account.json",
        "Terraform forgets a pool that it destroys, but Google keeps its id for 30 days. To create it again, undelete it and import it.",
        *_setup_requirements.lines(plan),
    ]
    attached = attachment(plan)
    if attached is not None:
        about.append(f"{attached.explanation} This file does not attach the role to one.")
    if plan.jwt:
        about[1] = "the last step of `--format gcloud` writes it."
    resources = document(
        [_apis(plan), *_role(plan), *_account(plan), *_federation(plan), *_grants(plan), *_outputs(plan)]
    )
    for placeholder, expression in _EXPRESSIONS.items():
        resources = resources.replace(placeholder, expression)
    partition = "data.aws_partition" in resources
    aws = partition or plan.trust_policy is not None
    return f"{comment(about)}\n\n{document(_providers(plan, partition=partition, aws=aws))}\n{resources}"


def _providers(plan: Plan, *, aws: bool, partition: bool) -> list[Block]:
    """Return the providers, their variables, and the partition if the text refers to it."""
    sources = {
        name: {"source": f"hashicorp/{name}", "version": ">= 5.0"} for name in ("google", *(["aws"] if aws else []))
    }
    blocks = [
        Block("terraform", [], {}, [Block("required_providers", [], sources)]),
        *_variables(plan, aws=aws),
        Block("provider", ["google"], {"project": plan.project}),
    ]
    if aws:
        settings = {"region": Raw("var.aws_region"), "allowed_account_ids": [plan.aws_account]}
        blocks.append(Block("provider", ["aws"], settings))
    if partition:
        blocks.append(Block("data", ["aws_partition", "current"], {}))
    return blocks


def _variables(plan: Plan, *, aws: bool) -> list[Block]:
    blocks: list[Block] = []
    if aws:
        region: dict[str, Any] = {
            "description": "Region for AWS's provider. It also decides the partition.",
            "type": Raw("string"),
        }
        if plan.aws_region is not None:
            region["default"] = plan.aws_region
        blocks.append(Block("variable", ["aws_region"], region))
    if plan.jwt:
        # Not a resource: it would turn the setting off for the whole account when the workload is destroyed.
        issuer = {
            "description": (
                "IssuerIdentifier from `aws iam get-outbound-web-identity-federation-info`. "
                "`aws iam enable-outbound-web-identity-federation` enables it, once for each account."
            ),
            "type": Raw("string"),
        }
        https = {
            "condition": Raw('startswith(var.aws_issuer, "https://")'),
            "error_message": "The issuer is an https URL.",
        }
        blocks.append(Block("variable", ["aws_issuer"], issuer, [Block("validation", [], https)]))
    return blocks


def _apis(plan: Plan) -> Block:
    attributes = {
        "for_each": Call("toset", plan.apis),
        "service": Raw("each.key"),
        "disable_on_destroy": False,
    }
    return Block("resource", ["google_project_service", "api"], attributes)


def _role(plan: Plan) -> list[Block]:
    if plan.trust_policy is None:
        return []
    role = {
        "name": plan.role_name,
        **({} if plan.role_path is None else {"path": plan.role_path}),
        "assume_role_policy": Call("jsonencode", plan.trust_policy),
    }
    blocks = [Block("resource", ["aws_iam_role", "workload"], role)]
    for name, policy in plan.role_policies.items():
        attributes = {
            "name": name,
            "role": Raw("aws_iam_role.workload.name"),
            "policy": Call("jsonencode", policy),
        }
        blocks.append(Block("resource", ["aws_iam_role_policy", name.replace("-", "_")], attributes))
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
        "attribute_mapping": plan.identity.mapping,
        "attribute_condition": plan.condition,
    }
    blocks = [
        Block("resource", [_POOL, "aws"], pool),
        Block("resource", [_PROVIDER, "aws"], provider, [_trusted(plan)]),
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


def _trusted(plan: Plan) -> Block:
    if plan.jwt:
        return Block("oidc", [], {"issuer_uri": Raw("var.aws_issuer")})
    return Block("aws", [], {"account_id": plan.aws_account})


def _principal_set(plan: Plan) -> str:
    """Return the principal set, with a reference to the pool, so that Terraform creates the pool before the grants."""
    pool = f"${{{_POOL}.aws.name}}"
    return f'"{plan.principal_set.replace(plan.pool_name, pool)}"'


def _grants(plan: Plan) -> list[Block]:
    member = Raw("local.role" if plan.service_account is None else "google_service_account.workload.member")
    blocks: list[Block] = []
    if plan.bucket:
        bucket = {
            "for_each": Call("toset", plan.bucket),
            "bucket": Raw("each.key"),
            "role": "roles/storage.objectViewer",
            "member": member,
        }
        blocks.append(Block("resource", ["google_storage_bucket_iam_member", "workload"], bucket))
    if plan.account_grants:
        for name, each in (("other_roles", Raw("local.role")), ("on_itself", member)):
            account = {
                "for_each": Call("toset", plan.account_grants),
                "service_account_id": Raw("google_service_account.workload.name"),
                "role": Raw("each.key"),
                "member": each,
            }
            blocks.append(Block("resource", ["google_service_account_iam_member", name], account))
    if plan.project_grants:
        project = {
            "for_each": Call("toset", plan.project_grants),
            "project": plan.project,
            "role": Raw("each.key"),
            "member": member,
        }
        blocks.append(Block("resource", ["google_project_iam_member", "workload"], project))
    return blocks


def _outputs(plan: Plan) -> list[Block]:
    """Return the configuration file. With a JWT it names a program on the workload's machine, which Terraform does not know."""
    if plan.jwt:
        return [Block("output", ["audience"], {"value": f"//iam.googleapis.com/{plan.provider_name}"})]
    info = Credentials(plan.provider_name, plan.email).info
    return [Block("output", ["external_account"], {"value": Call("jsonencode", info)})]
