"""`config setup`: print the six steps that let an AWS role use Google Cloud. Makes no network calls."""

from __future__ import annotations

import argparse
from typing import Any

from google_auth_botocore.cli.config import _setup_shell, _setup_terraform
from google_auth_botocore.cli.config._setup_plan import Plan, account_domain

_FORMATS = {"gcloud": _setup_shell.commands, "script": _setup_shell.script, "terraform": _setup_terraform.configuration}


def add_to(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "setup",
        help="print how to set up both clouds",
        description=(
            "Print the six steps that let an AWS role use Google Cloud: APIs, role, service account, pool, provider, "
            "binding. They give access to this role only, and only to what the flags name. The command runs none of them."
        ),
    )

    def add(flag: str, explanation: str, **settings: Any) -> None:
        parser.add_argument(flag, help=explanation, **settings)

    add("--aws-account", "AWS account id", metavar="ID", required=True)
    add("--aws-role", "name of the workload's AWS role", metavar="NAME", required=True)
    add("--project", "Google Cloud project id", metavar="ID", required=True)
    add("--project-number", "Google Cloud project number", metavar="NUMBER", required=True)
    add("--pool", "workload identity pool; default: %(default)s", metavar="ID", default="aws-pool")
    add("--provider", "provider in the pool; default: %(default)s", metavar="ID", default="aws-provider")
    access = parser.add_mutually_exclusive_group(required=True)
    access.add_argument(
        "--service-account",
        metavar="ID",
        help="service account to impersonate: its e-mail address, or the part before the @",
    )
    access.add_argument("--direct", action="store_true", help="use no service account; grant access to the role itself")
    repeatable: dict[str, Any] = {"action": "append", "default": []}
    add("--bucket", "Cloud Storage bucket to read; may be repeated", metavar="NAME", **repeatable)
    add("--grant", "role to grant on the project; may be repeated", metavar="ROLE", **repeatable)
    add("--s3-bucket", "S3 bucket to write to; may be repeated", metavar="NAME", **repeatable)
    add(
        "--trust",
        "AWS service, or ARN of the principal, that may assume the role; default: %(default)s",
        metavar="PRINCIPAL",
        default="ec2.amazonaws.com",
    )
    add(
        "--format",
        "gcloud and aws commands (default), a script that can be run repeatedly, or Terraform",
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
    print(_FORMATS[options.format](plan), end="")  # noqa: T201 - output of the command
    return 0
