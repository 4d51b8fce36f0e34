"""The flags that `config setup` and `config teardown` share, and the plan that they describe."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from typing import Any

from google_auth_botocore import ConfigurationError
from google_auth_botocore.cli.config import _setup_partition as partitions
from google_auth_botocore.cli.config._setup_names import account_domain
from google_auth_botocore.cli.config._setup_plan import Plan
from google_auth_botocore.cli.config._setup_trust import WORDS

# The printers by the value of --format.
Formats = Mapping[str, Callable[[Plan], str]]

# The usage of both commands, with the required flags only.
USAGE = """\
%(prog)s --aws-account ID
       (--aws-role NAME | --existing-role NAME)
       --project ID --project-number NUMBER
       (--service-account ID | --direct) [flags]"""

_REPEATABLE: dict[str, Any] = {"action": "append", "default": []}


def add_to(parser: argparse.ArgumentParser, formats: Formats, format_help: str) -> None:
    """Add the flags."""
    _add_aws(parser.add_argument_group("AWS"))
    _add_google(parser.add_argument_group("Google Cloud"))
    parser.add_argument("--format", help=format_help, choices=formats, default="gcloud")


def _add_aws(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--aws-account", help="ID of the AWS account: 12 digits; required", metavar="ID", required=True)
    add(
        "--aws-role",
        help="name of the workload's AWS role, with its path if it has one; required, unless --existing-role has a NAME",
        metavar="NAME",
    )
    add(
        "--existing-role",
        help=(
            "use a role that exists, and do not change it; NAME replaces --aws-role. It is the default for the "
            "roles of IAM Identity Center (AWSReservedSSO_...) and service-linked roles (AWSServiceRoleFor...)"
        ),
        metavar="NAME",
        nargs="?",
        const="",
    )
    add(
        "--partition",
        help=(
            "AWS partition: aws, aws-us-gov (GovCloud), aws-cn (China), or account: the partition of the account that runs the output; "
            "default: the one that --trust or --aws-region names, and otherwise aws for gcloud and account for a script and Terraform"
        ),
        choices=(*partitions.PARTITIONS, partitions.OF_ACCOUNT),
    )
    add("--aws-region", help="region for Terraform's AWS provider; default: Terraform prompts for it", metavar="NAME")
    words = ", ".join(f"{word} ({description})" for word, (_, description) in WORDS.items())
    add(
        "--trust",
        help=(
            f"what may assume the role: {words}; or another AWS service, such as glue.amazonaws.com; the ARN of a cluster's OIDC "
            "provider, for IAM roles for service accounts (IRSA); an AWS account id; or the ARN of a principal; default: ec2"
        ),
        metavar="WORD|SERVICE|ARN",
    )
    add("--namespace", help="Kubernetes namespace of the workload, for EKS", metavar="NAME")
    add("--kubernetes-service-account", help="Kubernetes service account of the workload, for EKS", metavar="NAME")
    add("--s3-bucket", help="S3 bucket to write to; may be repeated", metavar="NAME", **_REPEATABLE)


def _add_google(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--project", help="ID of the Google Cloud project; required", metavar="ID", required=True)
    add(
        "--project-number",
        help="number of the Google Cloud project; required. `gcloud projects describe ID` prints it",
        metavar="NUMBER",
        required=True,
    )
    add("--pool", help="workload identity pool; default: %(default)s", metavar="ID", default="aws-pool")
    add("--provider", help="provider in the pool; default: %(default)s", metavar="ID", default="aws-provider")
    add(
        "--proof",
        help=(
            "what the workload sends to Google: a signed request (default), or a JWT from AWS's outbound web identity "
            "federation, which also lets gcloud and other languages use every AWS source of botocore"
        ),
        choices=("signed-request", "jwt"),
        default="signed-request",
    )
    add("--tag", help="key of a tag in the JWT to map to an attribute; may be repeated", metavar="KEY", **_REPEATABLE)
    access = group.add_mutually_exclusive_group(required=True)
    access.add_argument(
        "--service-account",
        metavar="ID",
        help="service account to impersonate: its e-mail address, or the part before the @; required, unless --direct is given",
    )
    access.add_argument("--direct", action="store_true", help="use no service account; grant access to the role itself")
    add("--bucket", help="Cloud Storage bucket to read; may be repeated", metavar="NAME", **_REPEATABLE)
    add(
        "--grant",
        help=(
            "role to grant on the project; a role that concerns a service account, such as "
            "roles/iam.serviceAccountTokenCreator, is granted on --service-account only; may be repeated"
        ),
        metavar="ROLE",
        **_REPEATABLE,
    )


def print_plan(options: argparse.Namespace, formats: Formats) -> Plan:
    """Print the plan that the flags describe, and return it.

    Raises:
        ConfigurationError: Some values are invalid, or there is no role.
    """
    plan = _plan(options)
    print(formats[options.format](plan), end="")  # noqa: T201 - output of the command
    return plan


def _named(options: argparse.Namespace) -> str | None:
    """Return the partition that another flag names."""
    named = partitions.of_principal(options.trust or "")
    if not named and options.aws_region:
        named = partitions.of_region(options.aws_region) or partitions.OF_ACCOUNT
    return named


def _plan(options: argparse.Namespace) -> Plan:
    role = options.aws_role or options.existing_role
    if not role:
        raise ConfigurationError("The name of the AWS role is missing. Pass --aws-role NAME or --existing-role NAME.")
    if options.aws_role and options.existing_role and options.aws_role != options.existing_role:
        raise ConfigurationError("--aws-role and --existing-role name two roles. Pass one of them.")
    account = options.service_account
    # Commands to paste are easier to read with a partition in them. The other formats read it from the account.
    unknown = partitions.PARTITIONS[0] if options.format == "gcloud" else partitions.OF_ACCOUNT
    return Plan(
        aws_account=options.aws_account,
        aws_role=role,
        partition=options.partition or _named(options) or unknown,
        aws_region=options.aws_region,
        existing_role=options.existing_role is not None,
        trust=options.trust,
        namespace=options.namespace,
        kubernetes_service_account=options.kubernetes_service_account,
        project=options.project,
        project_number=options.project_number,
        pool=options.pool,
        provider=options.provider,
        jwt=options.proof == "jwt",
        tag=tuple(dict.fromkeys(options.tag)),
        service_account=account and account.removesuffix(f"@{account_domain(options.project)}"),
        bucket=tuple(dict.fromkeys(options.bucket)),
        grant=tuple(dict.fromkeys(options.grant)),
        s3_bucket=tuple(dict.fromkeys(options.s3_bucket)),
    )
