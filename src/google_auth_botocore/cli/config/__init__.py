"""`config`: write and check `external_account` files, and print the setup of both clouds."""

from __future__ import annotations

from typing import Any

from google_auth_botocore.cli.config import _check, _create, _setup, _teardown


def add_to(commands: Any) -> None:
    """Add the command and its subcommands."""
    parser = commands.add_parser(
        "config",
        help="write or check a configuration file, or print how to set up both clouds",
        usage="%(prog)s COMMAND [flags]",
        description=(
            "Write or check a configuration file, or print how to set up both clouds. Start with `setup`: its output creates "
            "everything in both clouds, and ends with the configuration file."
        ),
    )
    subcommands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True, prog=parser.prog)
    for subcommand in (_create, _check, _setup, _teardown):
        subcommand.add_to(subcommands)
