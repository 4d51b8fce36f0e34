"""Each failure happens in the sandbox; doctor names its cause and the commands that fix it."""

from __future__ import annotations

import re
from pathlib import Path

import hcl2
import pytest

from cli.doctor.all_cases import CASES
from cli.doctor.cases import Case
from cli.doctor.failures import ELSEWHERE, FAILURES
from cli.doctor.sandbox import Sandbox

README = Path(__file__).parents[3] / "README.md"


@pytest.mark.parametrize(
    "each",
    # botocore tries a container for twelve seconds.
    [
        pytest.param(each, id=name, marks=pytest.mark.slow if name == "a container that gets no keys" else ())
        for name, each in CASES.items()
    ],
)
def test_doctor_names_the_cause_and_the_fix(sandbox: Sandbox, each: Case) -> None:
    each.happens(sandbox)

    visit = sandbox.visit()

    found = visit.cause(each.cause)
    if each.code and each.step != "call":
        error = sandbox.error()
        # Some rejections by AWS are made up for doctor's own call only.
        assert error is None or error.failure == found["general"]
        assert error is not None or each.step == "AWS caller"
    assert visit.code == each.code
    assert visit.states[each.step] == ("failed" if each.code else "warning")
    assert visit.document["cause"] == (each.cause if each.code else None)
    assert f"{'Cause' if each.code else 'Warning'}: {each.cause}\n" in visit.text
    hcl2.loads(found["mend"].get("terraform", "") + "\n")
    fixes = [command for commands in found["mend"].values() for command in commands]
    assert any(each.command in command for command in fixes), fixes
    assert found["evidence"]
    assert squeezed(each.command) in squeezed(visit.text)


def squeezed(text: str) -> str:
    """Text without the breaks of its lines."""
    return re.sub(r"[\s\\]+", " ", text)


def test_readme_says_how_many_of_the_known_failures_doctor_names() -> None:
    named = {each.failure for each in CASES.values()} - {""}
    assert named == FAILURES.keys() - ELSEWHERE.keys()
    assert f"{len(named)} of {len(FAILURES)}" in README.read_text(encoding="utf-8")
