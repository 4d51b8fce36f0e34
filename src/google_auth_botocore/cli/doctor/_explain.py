"""`doctor --explain`: name the failures that an error message or a log is about. It makes no network call."""

from __future__ import annotations

import argparse
import json
import sys

from google_auth_botocore import ConfigurationError, __version__
from google_auth_botocore._failures import _texts
from google_auth_botocore._failures._entry import Diagnosis
from google_auth_botocore.cli import _credentials_flags, _exit_codes
from google_auth_botocore.cli.doctor import _report, _screen

# Characters that are searched at once. In a longer log, the end comes first: the last error is there.
_PART = 1 << 20
# Characters that two parts share, so that no message is divided.
_OVERLAP = 1 << 12
# Bytes of a log that are kept. A log on standard input may never end.
_KEPT = 8 * _PART


def run(options: argparse.Namespace) -> int:
    """Explain the text of the options, and return the exit code: 0 if it is about a known failure, otherwise 1.

    Raises:
        ConfigurationError: There is no text.
    """
    text = options.explain
    if text == _credentials_flags.STANDARD_INPUT:
        text = _read()
    if not text.strip():
        raise ConfigurationError(
            "There is no text to explain. Pass a message to --explain, or - and a log on standard input."
        )
    found = [_completed(options, each) for each in _explanations(text)]
    code = 0 if found else _exit_codes.REJECTED
    output = _as_json(found, code) if options.json else _as_text(found)
    print(_screen.printable(output))  # noqa: T201 - output of the command
    return code


def _read() -> str:
    """Return the end of standard input."""
    kept = b""
    while sys.stdin is not None and (block := sys.stdin.buffer.read(_PART)):
        kept = (kept + block)[-_KEPT:]
    return kept.decode("utf-8", "replace")


def _explanations(text: str) -> list[Diagnosis]:
    """Return the failures in the last part of a text that is about a failure."""
    end = len(text)
    found: list[Diagnosis] = []
    while end > 0 and not found:
        start = max(0, end - _PART)
        found = list(_texts.explanations(text[start:end]))
        end = start + _OVERLAP if start else 0
    return found


def _completed(options: argparse.Namespace, found: Diagnosis) -> Diagnosis:
    """Return the diagnosis with the provider and the service account of the flags, which come before those in the text."""
    settings = found.facts.settings
    if settings is None:
        return found
    if options.service_account_email:
        settings = settings._replace(service_account=options.service_account_email)
    if options.audience:
        settings = settings._replace(audience=options.audience)
    return found._replace(facts=found.facts._replace(settings=settings))


def _as_text(found: list[Diagnosis]) -> str:
    text = _report.Text(lambda: _screen.columns(sys.stdout))
    if not found:
        return "\n".join(
            text.wrapped(
                "The text is not about a failure that doctor knows by its words. Run doctor without --explain in the place where the "
                "error occurs: it gets a token step by step, and names the cause of the first failure.",
                0,
            )
        )
    first, *others = found
    lines = [*text.diagnosis("Cause", first)]
    if others:
        lines += ["", "The text also mentions:"]
        for each in others:
            lines += text.wrapped(f"{each.failure.id}: {each.failure.meaning}", 2)
    return _report.joined(lines)


def _as_json(found: list[Diagnosis], code: int) -> str:
    causes = [_report.cause_document(each) for each in found]
    document = {
        "version": __version__,
        "exit_code": code,
        "cause": found[0].failure.id if found else None,
        "explanations": causes,
    }
    return json.dumps(document, indent=2)
