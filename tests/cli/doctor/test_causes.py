"""doctor names the cause of each simulated failure, and prints the commands that fix it."""

from __future__ import annotations

import re
from pathlib import Path

import hcl2
import pytest
from failures.reported_texts import TEXTS

from cli.doctor.all_cases import CASES
from cli.doctor.cases import Case
from cli.doctor.reported_failures import FAILURES, ONLY_BY_TEXT
from cli.doctor.sandbox import Sandbox

PAGE = Path(__file__).parents[3] / "src" / "google_auth_botocore" / "cli" / "README.md"


# The first case of each cause, except one for which botocore retries requests for 12 seconds.
USUAL = {each.cause: name for name, each in reversed(CASES.items()) if name != "a container with a wrong token"}


@pytest.mark.parametrize(
    "each",
    [
        pytest.param(each, id=name, marks=() if USUAL.get(each.cause) == name else pytest.mark.slow)
        for name, each in CASES.items()
    ],
)
def test_doctor_names_the_cause_and_the_fix(sandbox: Sandbox, each: Case) -> None:
    each.simulate(sandbox)

    report = sandbox.diagnose()

    found = report.cause(each.cause)
    if each.code and each.step != "call":
        error = sandbox.error()
        # Some cases simulate a rejection only in the call that doctor itself makes to AWS.
        assert error is None or error.failure == found["general"]
        assert error is not None or each.step == "AWS caller"
    assert report.code == each.code
    assert report.states[each.step] == ("failed" if each.code else "warning")
    assert report.document["cause"] == (each.cause if each.code else None)
    assert f"{'Cause' if each.code else 'Warning'}: {each.cause}\n" in report.text
    hcl2.loads(found["fix"].get("terraform", "") + "\n")
    fixes = [command for commands in found["fix"].values() for command in commands]
    assert any(each.command in command for command in fixes), fixes
    assert found["evidence"]
    assert squeezed(each.command) in squeezed(report.text)


def squeezed(text: str) -> str:
    """Return the text without line breaks."""
    return re.sub(r"[\s\\]+", " ", text)


def test_the_page_of_the_command_states_how_many_reported_failures_doctor_identifies() -> None:
    identified = {each.failure for each in CASES.values()} - {""}
    assert identified == FAILURES.keys() - ONLY_BY_TEXT.keys()
    by_text = {name for name, texts in TEXTS.items() if texts}
    assert ONLY_BY_TEXT.keys() <= by_text
    text = PAGE.read_text(encoding="utf-8")
    assert f"{len(identified)} of {len(FAILURES)}" in text
    assert f"all {len(identified | by_text)} by" in text
