"""Format the report: text, or JSON for programs and tickets."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from google_auth_botocore import __version__
from google_auth_botocore._failures import _page
from google_auth_botocore._failures._entry import Diagnosis, Remedy
from google_auth_botocore.cli._terraform_syntax import document
from google_auth_botocore.cli.doctor import _surroundings
from google_auth_botocore.cli.doctor._evidence import Evidence
from google_auth_botocore.cli.doctor._steps import FAILED, NOT_REACHED, OK, UNKNOWN, WARNING, Result

_MARKS = {OK: "ok", WARNING: "warning", FAILED: "FAILED", UNKNOWN: "unknown", NOT_REACHED: "-"}
# The column in which the result of a step begins, after its mark and its name.
_MARGIN = 26
# Where it begins on a terminal that is too narrow for two columns: in the next line.
_NARROW_MARGIN, _NARROW = 4, 60
# Columns of the narrowest terminal that the report fits.
_LEAST = 20


class Text:
    """The report as text.

    Args:
        columns: Returns the columns of the terminal, which may change.
        verbose: Whether to print the requests of each step, and the fix of each warning.
    """

    def __init__(self, columns: Callable[[], int], *, verbose: bool = False) -> None:
        self._columns = columns
        self._verbose = verbose

    @property
    def _width(self) -> int:
        return max(self._columns(), _LEAST)

    def head(self) -> str:
        """Return the first lines."""
        lines = _surroundings.lines() if self._verbose else ()
        wrapped = [part for line in lines for part in self.wrapped(line, 2)]
        title = self.wrapped("Getting a token, step by step:", 0)
        return "\n".join([*wrapped, *([""] if wrapped else []), *title, ""])

    def row(self, result: Result) -> str:
        """Return the result of a step."""
        saw = result.saw or ("not reached" if result.state == NOT_REACHED else "")
        shown = [part for line in saw.splitlines() or [""] for part in self._column(line)]
        head = f"  {_MARKS[result.state]:<8}{result.step:<{_MARGIN - 10}}"
        first = [head + shown.pop(0).lstrip()] if self._width >= _NARROW else [head]
        requests = result.requests if self._verbose else ()
        return joined([*first, *shown, *(part for each in requests for part in self._column(f"> {each}"))])

    def causes(self, results: Sequence[Result]) -> str:
        """Return the cause of each failure and warning, and a summary."""
        lines: list[str] = []
        found = [(result.state, result.diagnosis) for result in results if result.diagnosis is not None]
        cause = next((diagnosis.failure.id for state, diagnosis in found if state == FAILED), None)
        for state, diagnosis in sorted(found, key=lambda each: each[0] != FAILED):
            if state == WARNING and diagnosis.failure.id == cause:
                continue
            # If there is also a failure, warnings are printed without evidence and fix.
            brief = cause and state == WARNING and not self._verbose
            kind = "Cause" if state == FAILED else "Warning"
            lines += ["", *(self._brief(diagnosis) if brief else self.diagnosis(kind, diagnosis))]
        return joined([*lines, "", *self.wrapped(_summary(results), 0)])

    def _brief(self, found: Diagnosis) -> Iterator[str]:
        yield f"Warning: {found.failure.id}"
        yield from self.wrapped(found.failure.meaning, 2)

    def diagnosis(self, kind: str, found: Diagnosis) -> Iterator[str]:
        """Yield the lines for a failure or a warning: its meaning, the evidence and the fix."""
        yield f"{kind}: {found.failure.id}"
        yield from self.wrapped(found.failure.meaning, 2)
        yield ""
        yield "  Evidence"
        for line in found.seen:
            first, *rest = self.wrapped(line, 6)
            yield f"    - {first.lstrip()}"
            yield from rest
        yield ""
        yield "  How to fix it"
        yield from self._remedy(found.remedy)
        yield ""
        yield from self.wrapped(f"More: {_page.link(found.failure.id)}", 2)

    def _remedy(self, remedy: Remedy) -> Iterator[str]:
        for sentence in (*remedy.sentences, *remedy.more):
            yield from self.wrapped(sentence, 4)
        for command in (*remedy.local, *remedy.gcloud, *remedy.aws):
            yield from self._command(command)
        if remedy.terraform:
            yield "    Terraform:"
            yield from (f"      {line}" for line in _terraform(remedy))

    def _column(self, line: str) -> list[str]:
        """Return the lines for one line of a result. A name that is too long for the column starts further left."""
        margin = _MARGIN if self._width >= _NARROW else _NARROW_MARGIN
        if " " not in line and len(line) > self._width - margin:
            return [f"    {line}"]
        return self.wrapped(line, margin)

    def wrapped(self, text: str, margin: int) -> list[str]:
        """Return a text as lines with a margin."""
        indent = " " * margin
        return textwrap.wrap(
            text,
            self._width - 1,
            initial_indent=indent,
            subsequent_indent=indent,
            break_long_words=False,
            break_on_hyphens=False,
        ) or [indent]

    def _command(self, command: str) -> Iterator[str]:
        """Yield a shell command. A long one continues on the next line at each flag."""
        if len(command) + 6 < self._width:
            yield f"    $ {command}"
            return
        parts: list[str] = []
        for part in command.split(" "):
            # Start a new line at a flag, but not inside a quoted value.
            if part.startswith(("--", "'--")) and not " ".join(parts).count("'") % 2:
                parts.append(f"\\\n        {part}")
            else:
                parts.append(part)
        yield f"    $ {' '.join(parts)}"


def joined(lines: Iterable[str]) -> str:
    """Return the lines as one text, without the white space at their ends."""
    return "\n".join(line.rstrip() for line in lines)


def _summary(results: Sequence[Result]) -> str:
    failed = next((result for result in results if result.state == FAILED), None)
    if failed is not None:
        return f"Failed at: {failed.step}."
    skipped = any(result.state == NOT_REACHED for result in results)
    return "All checks that work offline passed." if skipped else "All checks passed. A token was issued."


def _terraform(remedy: Remedy) -> list[str]:
    """Return the Terraform configuration without empty lines."""
    return [line for line in document(remedy.terraform).splitlines() if line]


def as_json(evidence: Evidence, results: Sequence[Result], code: int) -> str:
    """Return the same as JSON, for programs and tickets."""
    document: dict[str, Any] = {
        "version": __version__,
        "exit_code": code,
        "audience": evidence.audience if evidence.built else None,
        "caller": evidence.arn,
        "principal": evidence.principal,
        "cause": next((each.diagnosis.failure.id for each in results if each.state == FAILED and each.diagnosis), None),
        "warnings": [each.diagnosis.failure.id for each in results if each.state == WARNING and each.diagnosis],
        "steps": [_as_document(each, verbose=evidence.options.verbose) for each in results],
    }
    if evidence.options.verbose:
        document["surroundings"] = list(_surroundings.lines())
    return json.dumps(document, indent=2)


def _as_document(result: Result, *, verbose: bool) -> dict[str, Any]:
    document: dict[str, Any] = {"step": result.step, "state": result.state, "saw": result.saw.splitlines()}
    if verbose:
        document["requests"] = list(result.requests)
    if result.diagnosis is not None:
        document["cause"] = cause_document(result.diagnosis)
    return document


def cause_document(found: Diagnosis) -> dict[str, Any]:
    """Return a failure or a warning as a JSON object."""
    remedy = found.remedy
    fix = {
        "todo": [*remedy.sentences, *remedy.more],
        "local": list(remedy.local),
        "gcloud": list(remedy.gcloud),
        "aws": list(remedy.aws),
        "terraform": "\n".join(_terraform(remedy)),
    }
    return {
        "id": found.failure.id,
        # The entry that FederationError names. It has less evidence, so it may be a more general one.
        "general": found.general.id,
        "says": found.failure.meaning,
        "page": _page.link(found.failure.id),
        "evidence": list(found.seen),
        "fix": {name: value for name, value in fix.items() if value},
    }
