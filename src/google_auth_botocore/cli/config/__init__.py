"""`config`: the `external_account` file, written and explained, and what both clouds need for it."""

from __future__ import annotations

from typing import Any

from google_auth_botocore.cli.config import _check, _create, _setup


def add_to(commands: Any) -> None:
    """Adds the command with its own commands."""
    parser = commands.add_parser(
        "config",
        help="write or check a configuration file, or print how to set both clouds up",
        description="The configuration file, and what both clouds need for it.",
    )
    parts = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for part in (_create, _check, _setup):
        part.add_to(parts)
