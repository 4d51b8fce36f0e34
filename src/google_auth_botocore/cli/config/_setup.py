"""`config setup`: print the six steps that let an AWS role use Google Cloud. Makes no network calls."""

from __future__ import annotations

import argparse
from typing import Any

from google_auth_botocore.cli import _standard_streams
from google_auth_botocore.cli.config import _setup_flags, _setup_shell, _setup_terraform

_FORMATS = {"gcloud": _setup_shell.commands, "script": _setup_shell.script, "terraform": _setup_terraform.configuration}


def add_to(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "setup",
        help="print how to set up both clouds",
        usage=_setup_flags.USAGE,
        examples="""
        # Allow an EC2 role to read a bucket as a service account
        google-auth-botocore config setup \\
          --aws-account 111122223333 --aws-role my-role \\
          --project my-project --project-number 123456789012 \\
          --service-account my-app --bucket my-bucket
        # The same with Terraform, for a Lambda function and without a service account
        google-auth-botocore config setup --format terraform --trust lambda \\
          --aws-account 111122223333 --aws-role my-role \\
          --project my-project --project-number 123456789012 \\
          --direct --bucket my-bucket >main.tf
        """,
        description=(
            "Print the six steps that let an AWS role use Google Cloud: APIs, role, service account, pool, provider, "
            "binding. They grant access only to this role, and only to the resources that the flags name. They are not run. "
            "The output starts with the roles that it requires. `config teardown` with the same flags prints how to undo it."
        ),
    )
    _setup_flags.add_to(
        parser, _FORMATS, "gcloud and aws commands (default), a script that can be run repeatedly, or Terraform"
    )
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    for warning in _setup_flags.print_plan(options, _FORMATS).warnings:
        _standard_streams.print_message(f"Warning: {warning}")
    return 0
