"""`config teardown`: print how to undo `config setup`. Makes no network calls."""

from __future__ import annotations

import argparse
from typing import Any

from google_auth_botocore.cli.config import _setup_flags, _teardown_shell

_FORMATS = {"gcloud": _teardown_shell.commands, "script": _teardown_shell.script}


def add_to(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "teardown",
        help="print how to undo the set-up",
        usage=_setup_flags.USAGE,
        examples="""
        # Print the commands, read them, and run them
        google-auth-botocore config teardown \\
          --aws-account 111122223333 --aws-role my-role \\
          --project my-project --project-number 123456789012 \\
          --service-account my-app --bucket my-bucket
        """,
        description=(
            "Print how to undo `config setup` with the same flags: remove the bindings, the service account, the provider, "
            "the pool if it is empty, and the role unless it existed before. The commands are not run. "
            "The APIs stay enabled. After Terraform, use `terraform destroy` instead."
        ),
    )
    _setup_flags.add_to(parser, _FORMATS, "gcloud and aws commands (default), or a script that can be run repeatedly")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    _setup_flags.print_plan(options, _FORMATS)
    return 0
