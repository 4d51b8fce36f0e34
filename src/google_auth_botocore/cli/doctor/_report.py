"""The findings, as text for a terminal of 80 columns and as JSON for a ticket."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

from google_auth_botocore import __version__
from google_auth_botocore.cli._terraform_syntax import document
from google_auth_botocore.cli.doctor._cause import Diagnosis, Mend
from google_auth_botocore.cli.doctor._seen import Seen
from google_auth_botocore.cli.doctor._walk import FAILED, NOT_REACHED, OK, WARNING, Step

_WIDTH = 80
_MARKS = {OK: "ok", WARNING: "warning", FAILED: "FAILED", NOT_REACHED: "-"}
# Where what was seen begins, behind the mark and the name of a step.
_MARGIN = 26


def as_text(steps: Sequence[Step]) -> str:
    """The steps, then the cause of each warning and failure."""
    lines = ["The way of a token, step by step:", ""]
    for step in steps:
        saw = step.saw or ("not reached" if step.state == NOT_REACHED else "")
        head = f"  {_MARKS[step.state]:<8}{step.name:<{_MARGIN - 10}}"
        shown = [part for line in saw.splitlines() or [""] for part in _column(line)]
        lines += [head + shown[0].lstrip(), *shown[1:]]
    found = [(step.state, step.diagnosis) for step in steps if step.diagnosis is not None]
    cause = next((diagnosis.cause.id for state, diagnosis in found if state == FAILED), None)
    for state, diagnosis in sorted(found, key=lambda each: each[0] != FAILED):
        if state == WARNING and diagnosis.cause.id == cause:
            continue
        # What is no more than a warning is mended when the cause is.
        lines += ["", *(_brief(diagnosis) if cause and state == WARNING else _diagnosis(state, diagnosis))]
    return "\n".join(line.rstrip() for line in [*lines, "", _end(steps)])


def _column(line: str) -> list[str]:
    """A line of what was seen; a name that is too long for the column gets a line of its own."""
    if " " not in line and len(line) > _WIDTH - _MARGIN:
        return [f"    {line}"]
    return _wrapped(line, _MARGIN)


def _end(steps: Sequence[Step]) -> str:
    failed = next((step for step in steps if step.state == FAILED), None)
    if failed is not None:
        return f"The way ends at: {failed.name}."
    missing = any(step.state == NOT_REACHED for step in steps)
    return "Good as far as was looked, offline." if missing else "All is good: there is a token at the end of the way."


def _brief(found: Diagnosis) -> Iterator[str]:
    yield f"Warning: {found.cause.id}"
    yield from _wrapped(found.cause.says, 2)


def _diagnosis(state: str, found: Diagnosis) -> Iterator[str]:
    kind = "Cause" if state == FAILED else "Warning"
    yield f"{kind}: {found.cause.id}"
    yield from _wrapped(found.cause.says, 2)
    yield ""
    yield "  What was seen"
    for line in found.evidence:
        first, *rest = _wrapped(line, 6)
        yield f"    - {first.lstrip()}"
        yield from rest
    yield ""
    yield "  What mends it"
    yield from _mend(found.mend)


def _mend(mend: Mend) -> Iterator[str]:
    for todo in mend.todo:
        yield from _wrapped(todo, 4)
    for command in (*mend.local, *mend.gcloud, *mend.aws):
        yield from _command(command)
    if mend.terraform:
        yield "    Terraform:"
        yield from (f"      {line}" for line in _terraform(mend))


def _terraform(mend: Mend) -> list[str]:
    """Lines of Terraform's; without those that are empty, for it's not much."""
    return [line for line in document(mend.terraform).splitlines() if line]


def _wrapped(text: str, margin: int) -> list[str]:
    indent = " " * margin
    return textwrap.wrap(
        text,
        _WIDTH - 1,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    ) or [indent]


def _command(command: str) -> Iterator[str]:
    """A command for a shell, on as many lines as it takes."""
    if len(command) + 6 < _WIDTH:
        yield f"    $ {command}"
        return
    parts: list[str] = []
    for part in command.split(" "):
        # A flag begins a line, unless a quoted value is not over yet.
        if part.startswith(("--", "'--")) and not " ".join(parts).count("'") % 2:
            parts.append(f"\\\n        {part}")
        else:
            parts.append(part)
    yield f"    $ {' '.join(parts)}"


def as_json(seen: Seen, steps: Sequence[Step], code: int) -> str:
    """The same for programs and tickets."""
    document: dict[str, Any] = {
        "version": __version__,
        "exit_code": code,
        "audience": seen.audience if hasattr(seen, "credentials") else None,
        "caller": seen.arn,
        "principal": seen.principal,
        "cause": next((each.diagnosis.cause.id for each in steps if each.state == FAILED and each.diagnosis), None),
        "warnings": [each.diagnosis.cause.id for each in steps if each.state == WARNING and each.diagnosis],
        "steps": [_as_document(each) for each in steps],
    }
    return json.dumps(document, indent=2)


def _as_document(step: Step) -> dict[str, Any]:
    document: dict[str, Any] = {"step": step.name, "state": step.state, "saw": step.saw.splitlines()}
    if step.diagnosis is not None:
        found, mend = step.diagnosis, step.diagnosis.mend
        document["cause"] = {
            "id": found.cause.id,
            "says": found.cause.says,
            "evidence": list(found.evidence),
            "mend": {
                **{name: value for name, value in vars(mend).items() if value},
                **({"terraform": "\n".join(_terraform(mend))} if mend.terraform else {}),
            },
        }
    return document


def printable(text: str) -> str:
    """ASCII without control characters, whatever a server wrote."""
    kept = re.sub(r"[^\n -~]", lambda found: found[0].encode("unicode_escape").decode(), text.replace("…", "..."))
    return kept.encode("ascii", "backslashreplace").decode()
