"""The report: text for a terminal of 80 columns, or JSON for a ticket."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

from google_auth_botocore import __version__
from google_auth_botocore._failures._entry import Diagnosis, Remedy
from google_auth_botocore.cli._terraform_syntax import document
from google_auth_botocore.cli.doctor._evidence import Evidence
from google_auth_botocore.cli.doctor._walk import FAILED, NOT_REACHED, OK, UNKNOWN, WARNING, Step

_WIDTH = 80
_MARKS = {OK: "ok", WARNING: "warning", FAILED: "FAILED", UNKNOWN: "unknown", NOT_REACHED: "-"}
# The column in which what was seen begins, after the mark and the name of a step.
_MARGIN = 26


def as_text(steps: Sequence[Step]) -> str:
    """Return the steps, then the cause of each warning and failure."""
    lines = ["Getting a token, step by step:", ""]
    for step in steps:
        saw = step.saw or ("not reached" if step.state == NOT_REACHED else "")
        head = f"  {_MARKS[step.state]:<8}{step.name:<{_MARGIN - 10}}"
        shown = [part for line in saw.splitlines() or [""] for part in _column(line)]
        lines += [head + shown[0].lstrip(), *shown[1:]]
    found = [(step.state, step.diagnosis) for step in steps if step.diagnosis is not None]
    cause = next((diagnosis.failure.id for state, diagnosis in found if state == FAILED), None)
    for state, diagnosis in sorted(found, key=lambda each: each[0] != FAILED):
        if state == WARNING and diagnosis.failure.id == cause:
            continue
        # A warning beside a failure is only named.
        lines += ["", *(_brief(diagnosis) if cause and state == WARNING else _diagnosis(state, diagnosis))]
    return "\n".join(line.rstrip() for line in [*lines, "", _end(steps)])


def _column(line: str) -> list[str]:
    """Return a line of what was seen. A name that is too long for the column gets its own line."""
    if " " not in line and len(line) > _WIDTH - _MARGIN:
        return [f"    {line}"]
    return _wrapped(line, _MARGIN)


def _end(steps: Sequence[Step]) -> str:
    failed = next((step for step in steps if step.state == FAILED), None)
    if failed is not None:
        return f"Failed at: {failed.name}."
    missing = any(step.state == NOT_REACHED for step in steps)
    return "All checks that work offline passed." if missing else "All checks passed. A token was issued."


def _brief(found: Diagnosis) -> Iterator[str]:
    yield f"Warning: {found.failure.id}"
    yield from _wrapped(found.failure.meaning, 2)


def _diagnosis(state: str, found: Diagnosis) -> Iterator[str]:
    kind = "Cause" if state == FAILED else "Warning"
    yield f"{kind}: {found.failure.id}"
    yield from _wrapped(found.failure.meaning, 2)
    yield ""
    yield "  What was seen"
    for line in found.seen:
        first, *rest = _wrapped(line, 6)
        yield f"    - {first.lstrip()}"
        yield from rest
    yield ""
    yield "  How to fix it"
    yield from _remedy(found.remedy)


def _remedy(remedy: Remedy) -> Iterator[str]:
    for sentence in (*remedy.sentences, *remedy.more):
        yield from _wrapped(sentence, 4)
    for command in (*remedy.local, *remedy.gcloud, *remedy.aws):
        yield from _command(command)
    if remedy.terraform:
        yield "    Terraform:"
        yield from (f"      {line}" for line in _terraform(remedy))


def _terraform(remedy: Remedy) -> list[str]:
    """Return the lines of Terraform that are not empty."""
    return [line for line in document(remedy.terraform).splitlines() if line]


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
    """Return a shell command, broken into lines."""
    if len(command) + 6 < _WIDTH:
        yield f"    $ {command}"
        return
    parts: list[str] = []
    for part in command.split(" "):
        # A flag begins a line, but not inside of a quoted value.
        if part.startswith(("--", "'--")) and not " ".join(parts).count("'") % 2:
            parts.append(f"\\\n        {part}")
        else:
            parts.append(part)
    yield f"    $ {' '.join(parts)}"


def as_json(evidence: Evidence, steps: Sequence[Step], code: int) -> str:
    """Return the same for programs and tickets."""
    document: dict[str, Any] = {
        "version": __version__,
        "exit_code": code,
        "audience": evidence.audience if evidence.built else None,
        "caller": evidence.arn,
        "principal": evidence.principal,
        "cause": next((each.diagnosis.failure.id for each in steps if each.state == FAILED and each.diagnosis), None),
        "warnings": [each.diagnosis.failure.id for each in steps if each.state == WARNING and each.diagnosis],
        "steps": [_as_document(each) for each in steps],
    }
    return json.dumps(document, indent=2)


def _as_document(step: Step) -> dict[str, Any]:
    document: dict[str, Any] = {"step": step.name, "state": step.state, "saw": step.saw.splitlines()}
    if step.diagnosis is not None:
        found, remedy = step.diagnosis, step.diagnosis.remedy
        fix = {
            "todo": [*remedy.sentences, *remedy.more],
            "local": list(remedy.local),
            "gcloud": list(remedy.gcloud),
            "aws": list(remedy.aws),
            "terraform": "\n".join(_terraform(remedy)),
        }
        document["cause"] = {
            "id": found.failure.id,
            # The entry that the error of a program names, which has less evidence.
            "general": found.general.id,
            "says": found.failure.meaning,
            "evidence": list(found.seen),
            "mend": {name: value for name, value in fix.items() if value},
        }
    return document


def printable(text: str) -> str:
    """Return the text in ASCII and without control characters, whatever a server wrote."""
    kept = re.sub(r"[^\n -~]", lambda found: found[0].encode("unicode_escape").decode(), text.replace("…", "..."))
    return kept.encode("ascii", "backslashreplace").decode()
