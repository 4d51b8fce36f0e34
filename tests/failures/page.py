"""Write the troubleshooting page from the table of failures."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from failures import public_texts
from failures.messages import MESSAGES
from failures.reported_texts import TEXTS
from google_auth_botocore._failures._entry import Failure, Remedy
from google_auth_botocore._failures._facts import Facts
from google_auth_botocore._failures._libraries import ENTRIES as LIBRARIES
from google_auth_botocore._failures._table import TABLE, WARNINGS
from google_auth_botocore.cli._terraform_syntax import document

PATH = Path(__file__).parents[2] / ".github" / "troubleshooting.md"
# All ids that the page has ever had. Errors of released versions link to them, so none may be removed.
IDS = Path(__file__).with_name("ids.txt")
# An id that is no longer in the table, and the one that replaced it.
RENAMED: dict[str, str] = {}
# Messages of one failure, and characters of one message.
_AT_MOST, _LONGEST = 6, 260
# Columns of a command in the column of text on a page of GitHub.
_WIDTH = 96
_HEAD = """\
<!-- Written from the table of failures. To update this page: WRITE_TABLE=1 pytest tests/failures -m "not slow" -->
# Troubleshooting

Search this page for a part of your error message without its names and numbers, such as `denied on resource`.

- `google-auth-botocore doctor` gets a token step by step, and names the failure with the commands for your workload.
- `google-auth-botocore doctor --explain "MESSAGE"` names the failure that a message is about. It makes no network call.
- `FederationError.failure` and `ConfigurationError.failure` contain the name of the failure, which is its heading here.

Replace words in capitals in a command, such as `POOL`, with your own values. `doctor` and the errors fill in what they know.

## Contents
"""
_GROUPS = {
    "configuration": "Arguments and configuration files",
    "aws": "AWS: keys, roles and regions",
    "any": "Any step: network, proxies and this machine",
    "exchange": "Exchange with Google's Security Token Service",
    "impersonation": "Service accounts",
    "delegation": "Domain-wide delegation",
    "call": "Google API calls",
    "warning": "Warnings of doctor",
    "library": "Other libraries and tools",
}
_MANY = 4


class Section(NamedTuple):
    """The section of one failure.

    Attributes:
        group: The key of its group.
        failure: The entry.
        general: The entry that an error names without `doctor`'s evidence, if it is another one.
    """

    group: str
    failure: Failure
    general: Failure | None


def ids() -> set[str]:
    """Return the ids that the page has a heading for."""
    return set(re.findall("(?m)^### (.*)$", PATH.read_text(encoding="utf-8")))


def sections() -> Iterator[Section]:
    """Yield a section for each id, in the order of the table."""
    seen = set()
    entries: list[tuple[str | None, Failure, Failure | None]] = []
    for entry in TABLE:
        entries.append((None, entry, None))
        entries += [(None, variant, entry) for variant in entry.variants]
    entries += [("warning", entry, None) for entry in WARNINGS]
    entries += [("library", entry, None) for entry in LIBRARIES]
    # A failure that has its own error comes before the same failure as a variant.
    for group, entry, general in sorted(entries, key=lambda each: each[2] is not None):
        if entry.id not in seen:
            seen.add(entry.id)
            yield Section(group or _group(general or entry), entry, general)


def _group(entry: Failure) -> str:
    first = entry.steps[0]
    return "any" if len(entry.steps) > _MANY else first if first in _GROUPS else "impersonation"


def messages(failure: str) -> list[str]:
    """Return messages of a failure as users see them, each in one line."""
    reported = [text for cases in TEXTS.values() for expected, text in cases if expected == failure]
    others = sorted([*reported, *public_texts.KNOWN.get(failure, ())], key=len)
    found: list[str] = []
    for text in (*MESSAGES.get(failure, ()), *others):
        line = re.sub(r"\s+", " ", text.replace("\\n", " ").replace("\\t", " ")).strip()
        line = f"{line[: _LONGEST - 4].rpartition(' ')[0]} ..." if len(line) > _LONGEST else line
        if not any(line.rstrip(".") in each or each.rstrip(".") in line for each in found):
            found.append(line)
    return found[:_AT_MOST]


def written() -> str:
    """Return the page."""
    found = list(sections())
    lines = [_HEAD]
    for key, title in _GROUPS.items():
        lines.append(f"- **[{title}](#{_anchor(title)})**")
        lines += [
            f"  - [`{each.failure.id}`](#{each.failure.id}): {each.failure.meaning}"
            for each in found
            if each.group == key
        ]
    for key, title in _GROUPS.items():
        lines += ["", f"## {title}", ""]
        for each in found:
            if each.group == key:
                lines += _section(each)
    for old, new in RENAMED.items():
        lines += [f"### {old}", "", f"This failure is now called [`{new}`](#{new}).", ""]
    return "\n".join(lines).rstrip() + "\n"


def _anchor(title: str) -> str:
    """Return the anchor that GitHub gives a heading."""
    return re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")


def _section(section: Section) -> Iterator[str]:
    entry, general = section.failure, section.general
    yield from (f"### {entry.id}", "", _text(entry.meaning), "")
    if general is not None:
        yield f"Errors name it [`{general.id}`](#{general.id}), because only `doctor` can tell the two apart."
        yield ""
    shown = messages(entry.id)
    if shown:
        # Not in a code block, which does not wrap.
        yield from ("Messages:" if len(shown) > 1 else "Message:", "", *(f"- {_code(each)}" for each in shown), "")
    yield from _remedy(entry.remedy(Facts(entry.steps[0], url="https://sts.googleapis.com/v1/token")))


def _remedy(remedy: Remedy) -> Iterator[str]:
    text = " ".join([*remedy.sentences, *remedy.more])
    yield from (f"**How to fix it**: {_text(text)}" if text else "**How to fix it**:", "")
    commands = [_in_lines(each) for each in (*remedy.local, *remedy.gcloud, *remedy.aws)]
    if commands:
        yield from ("```sh", *commands, "```", "")
    if remedy.terraform:
        yield from (
            "<details><summary>Terraform</summary>",
            "",
            "```hcl",
            document(remedy.terraform).strip(),
            "```",
            "",
        )
        yield from ("</details>", "")


def _in_lines(command: str) -> str:
    """Return a shell command, in which each flag and resource name of a long one has a line."""
    if len(command) <= _WIDTH:
        return command
    parts = re.split(r" (?='?--|projects/)", command)
    try:
        words = [word for part in parts for word in shlex.split(part)]
    except ValueError:  # a flag within quotes
        return command
    return " \\\n  ".join(parts) if words == shlex.split(command) else command


def _code(text: str) -> str:
    """Return a text as code in Markdown. More backticks than it contains are around it."""
    ticks = "`" * (max(map(len, re.findall("`+", text)), default=0) + 1)
    return f"{ticks}{text}{ticks}" if len(ticks) == 1 else f"{ticks} {text} {ticks}"


def _text(sentences: str) -> str:
    """Return sentences as Markdown, in which an asterisk or a bracket is a character."""
    parts = re.split(r"(`[^`]*`)", sentences)
    return "".join(each if each.startswith("`") else re.sub(r"([*<>\[\]])", r"\\\1", each) for each in parts)
