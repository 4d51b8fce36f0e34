"""`config`: write and check `external_account` files, and print the setup of both clouds."""

from __future__ import annotations

from typing import Any

from google_auth_botocore.cli.config import _check, _create, _setup


def add_to(commands: Any) -> None:
    """Add the command and its subcommands."""
    parser = commands.add_parser(
        "config",
        help="write or check a configuration file, or print how to set up both clouds",
        description="Write or check a configuration file, or print how to set up both clouds.",
    )
    subcommands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for subcommand in (_create, _check, _setup):
        subcommand.add_to(subcommands)
