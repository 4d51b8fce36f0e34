"""`config setup`: the six steps that let an AWS role use Google Cloud, with this account's own names. Asks nobody."""

from __future__ import annotations

import argparse
from typing import Any

from google_auth_botocore.cli.config import _shell, _terraform
from google_auth_botocore.cli.config._plan import Plan, account_domain

_FORMATS = {"gcloud": _shell.commands, "script": _shell.script, "terraform": _terraform.configuration}


def add_to(commands: Any) -> None:
    """Adds the command."""
    parser = commands.add_parser(
        "setup",
        help="print how to set both clouds up",
        description=(
            "Prints the six steps that let an AWS role use Google Cloud: APIs, role, service account, pool, provider, "
            "binding. Nobody but the role gets in, and it may do no more than is named here. Nothing is run."
        ),
    )

    def add(flag: str, explanation: str, **settings: Any) -> None:
        parser.add_argument(flag, help=explanation, **settings)

    add("--aws-account", "AWS account id", metavar="ID", required=True)
    add("--aws-role", "AWS role of the workload", metavar="NAME", required=True)
    add("--project", "Google Cloud project", metavar="ID", required=True)
    add("--project-number", "its number", metavar="NUMBER", required=True)
    add("--pool", "workload identity pool; %(default)s if not given", metavar="ID", default="aws-pool")
    add("--provider", "provider in the pool; %(default)s if not given", metavar="ID", default="aws-provider")
    whom = parser.add_mutually_exclusive_group(required=True)
    whom.add_argument(
        "--service-account", metavar="ID", help="service account to impersonate: its address, or what is before the @"
    )
    whom.add_argument(
        "--direct", action="store_true", help="no service account: the role itself is granted access to resources"
    )
    many: dict[str, Any] = {"action": "append", "default": []}
    add("--bucket", "Cloud Storage bucket to read; may be repeated", metavar="NAME", **many)
    add("--grant", "role on the project; may be repeated", metavar="ROLE", **many)
    add("--s3-bucket", "S3 bucket to write to; may be repeated", metavar="NAME", **many)
    add(
        "--trust",
        "who may assume the AWS role: a service, or an ARN; %(default)s if not given",
        metavar="WHO",
        default="ec2.amazonaws.com",
    )
    add(
        "--format",
        "commands of gcloud and aws (the default), a script that can be run again, or Terraform",
        choices=_FORMATS,
        default="gcloud",
    )
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    account = options.service_account
    plan = Plan(
        aws_account=options.aws_account,
        aws_role=options.aws_role,
        project=options.project,
        project_number=options.project_number,
        pool=options.pool,
        provider=options.provider,
        service_account=account and account.removesuffix(f"@{account_domain(options.project)}"),
        bucket=tuple(options.bucket),
        grant=tuple(options.grant),
        s3_bucket=tuple(options.s3_bucket),
        trust=options.trust,
    )
    print(_FORMATS[options.format](plan), end="")  # noqa: T201 - a command speaks
    return 0
