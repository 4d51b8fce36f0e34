"""`config check`: find the mistakes in an `external_account` file, and explain its fields, without network calls."""

from __future__ import annotations

import argparse
import codecs
import dataclasses
import json
import os
import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from google_auth_botocore import ConfigurationError, Credentials
from google_auth_botocore._redaction import quoted, shown, without_user_part
from google_auth_botocore.cli import _credentials_flags, _exit_codes
from google_auth_botocore.cli.config._field_checks import Field, check_fields


def add_to(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "check",
        help="find the mistakes in a configuration file, and explain its fields",
        usage="%(prog)s [FILE] [flags]",
        examples="""
        google-auth-botocore config check config.json
        # From standard input, for a program
        google-auth-botocore config check - --json <config.json
        """,
        description="Find the mistakes in an external_account file, and explain its fields. Makes no network calls.",
    )
    parser.add_argument(
        "file",
        nargs="?",
        metavar="FILE",
        help="the file, or - for standard input; default: the one that GOOGLE_APPLICATION_CREDENTIALS names",
    )
    parser.add_argument(
        "--universe-domain", metavar="DOMAIN", help="universe domain that your code passes to Credentials"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    path = options.file or os.environ.get("GOOGLE_APPLICATION_CREDENTIALS")
    if not path:
        raise ConfigurationError(
            "No file is specified. Pass FILE, or set GOOGLE_APPLICATION_CREDENTIALS.", failure="no-identity-named"
        )
    if options.file == _credentials_flags.STANDARD_INPUT:
        content = _credentials_flags.standard_input()
        info = _credentials_flags.json_object(content, object_pairs_hook=_Object)
        path = "standard input"
    else:
        path = _credentials_flags.checked_path(path, "FILE")
        content, info = _read(path)
    fields = check_fields(info, options.universe_domain)
    if fields[0].name != "type" or len(fields) > 1:  # otherwise the file is of another type
        _note_duplicates(info, fields)
    if content.startswith(codecs.BOM_UTF8):
        note = (
            "The file begins with a byte-order mark (BOM). google-auth rejects it. Save the file as UTF-8 without BOM."
        )
        fields.insert(0, Field("(file)", None, "The file itself.", notes=[note]))
    mistakes = sum(len(field.mistakes) for field in fields)
    print(_as_json(path, fields) if options.json else _as_text(path, fields))  # noqa: T201 - output of the command
    return _exit_codes.INVALID if mistakes else 0


class _Object(dict[str, Any]):
    """A JSON object that records which of its keys are in the text more than once. The last value counts."""

    def __init__(self, pairs: Sequence[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        counts = Counter(name for name, _ in pairs)
        self.duplicates = {name for name, count in counts.items() if count > 1}


def _note_duplicates(info: object, fields: Sequence[Field], prefix: str = "", levels: int = 32) -> None:
    """Add a note to each field that is in the text more than once, or that contains such a key."""
    if not isinstance(info, _Object) or not levels:
        return
    for name, value in info.items():
        if name in info.duplicates:
            full = shown(f"{prefix}{name}")
            # The closest enclosing object that is listed.
            known = [each for each in fields if full == each.name or full.startswith(f"{each.name}.")]
            inside = [each for each in fields if each.name.startswith(f"{full}.")]
            for each in known[-1:] or inside[:1]:
                each.notes.append(f"The key {quoted(name)} occurs more than once. The last one counts.")
        _note_duplicates(value, fields, f"{prefix}{name}.", levels - 1)


def _read(path: str) -> tuple[bytes, Mapping[str, Any]]:
    """Return the content of the file, and the JSON object in it.

    Raises:
        ConfigurationError: The file cannot be read, or does not contain a JSON object.
    """
    content, info = b"", None
    try:
        content = Path(path).read_bytes()
        info = json.loads(content.decode("utf-8-sig"), object_pairs_hook=_Object)
    except (OSError, ValueError, RecursionError):
        info = None
    if not isinstance(info, Mapping):
        Credentials.from_file(path)  # raises with the reason
        raise ConfigurationError(
            f"The configuration file {without_user_part(repr(path))} changed while it was being read. Check it again."
        )
    return content, info


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
    # A command stays on its own line, so that it can be copied.
    sentences, *commands = text.split("\n")
    lines = textwrap.wrap(
        label + sentences,
        79,
        initial_indent="  ",
        subsequent_indent="    ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [*lines, *(f"    {command}" for command in commands)]
