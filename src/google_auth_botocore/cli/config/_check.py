"""`config check`: find the mistakes in an `external_account` file, and explain its fields, without network calls."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from google_auth_botocore import ConfigurationError, Credentials
from google_auth_botocore._redaction import without_user_part
from google_auth_botocore.cli import _credentials_flags, _exit_codes
from google_auth_botocore.cli.config._field_checks import Field, check_fields


def add_to(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "check",
        help="find the mistakes in a configuration file, and explain its fields",
        description="Find the mistakes in an external_account file, and explain its fields. Makes no network calls.",
    )
    parser.add_argument(
        "file", nargs="?", metavar="FILE", help="the file; default: the one that GOOGLE_APPLICATION_CREDENTIALS names"
    )
    parser.add_argument(
        "--universe-domain", metavar="DOMAIN", help="universe domain that your code passes to Credentials"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    path = options.file or os.environ.get("GOOGLE_APPLICATION_CREDENTIALS")
    if not path:
        raise ConfigurationError("No file is named. Pass FILE, or set GOOGLE_APPLICATION_CREDENTIALS.")
    path = _credentials_flags.checked_path(path, "FILE")
    fields = check_fields(_read(path), options.universe_domain)
    mistakes = sum(len(field.mistakes) for field in fields)
    print(_as_json(path, fields) if options.json else _as_text(path, fields))  # noqa: T201 - output of the command
    return _exit_codes.INVALID if mistakes else 0


def _read(path: str) -> Mapping[str, Any]:
    """Return the JSON object in the file.

    Raises:
        ConfigurationError: The file cannot be read, or does not contain a JSON object.
    """
    try:
        info = json.loads(Path(path).read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        info = None
    if not isinstance(info, Mapping):
        Credentials.from_file(path)  # raises with the reason
        raise ConfigurationError(
            f"The configuration file {without_user_part(repr(path))} changed while it was being read."
        )
    return info


def _as_json(path: str, fields: Sequence[Field]) -> str:
    valid = not any(field.mistakes for field in fields)
    return json.dumps(
        {"file": path, "valid": valid, "fields": [dataclasses.asdict(field) for field in fields]}, indent=2
    )


def _as_text(path: str, fields: Sequence[Field]) -> str:
    mistakes = sum(len(field.mistakes) for field in fields)
    verdict = {0: "no mistakes", 1: "1 mistake"}.get(mistakes, f"{mistakes} mistakes")
    return "\n\n".join([f"{path}: {verdict}", *map(_paragraph, fields)])


def _paragraph(field: Field) -> str:
    lines = [f"{field.name}: {field.value}" if field.value is not None else field.name]
    lines += _wrapped("", field.meaning)
    for text in field.mistakes:
        lines += _wrapped("MISTAKE: ", text)
    for text in field.notes:
        lines += _wrapped("Note: ", text)
    return "\n".join(lines)


def _wrapped(label: str, text: str) -> list[str]:
    return textwrap.wrap(
        label + text, 79, initial_indent="  ", subsequent_indent="    ", break_long_words=False, break_on_hyphens=False
    )
