"""A step that fails does not stop those that do not need it, and a later step cannot pass without what it needs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from google_auth_botocore import FederationError
from live.report import FAILED, NOT_RUN, OK, Report
from live.steps import Step, Steps, UnexpectedError
from live.test_waiting import FakeClock
from live.throwaway import Throwaway
from live.waiting import Patience


class Planned(Steps):
    """Steps with another plan."""

    def __init__(self, resources: Throwaway, report: Report, plan: list[Step]) -> None:
        super().__init__(resources, report, Patience(FakeClock()))
        self._plan = plan

    def plan(self) -> list[Step]:
        return self._plan


def fail() -> str:
    raise FederationError("Google rejected it.", hint="Grant the role.", failure="condition-not-met")


def test_only_steps_that_need_a_failed_one_are_not_run(resources: Throwaway, tmp_path: Path) -> None:
    report = Report(tmp_path / "report.md")
    plan = [
        Step("first", fail),
        Step("second", lambda: "seen", ("first",)),
        Step("third", lambda: "seen", ("second",)),
        Step("fourth", lambda: "seen"),
    ]
    Planned(resources, report, plan).run()
    assert [each.state for each in report.results] == [FAILED, NOT_RUN, NOT_RUN, OK]
    assert report.failed
    text = report.path.read_text(encoding="utf-8")
    assert "FederationError: Google rejected it. Grant the role." in text
    assert "| third | not run | 0.0 | 1 | needs: second |" in text


@pytest.mark.parametrize("output", [json.dumps({"cause": "keys-expired"}), json.dumps({"cause": None}), "a traceback"])
def test_doctor_must_name_the_cause_that_was_made(
    resources: Throwaway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, output: str
) -> None:
    steps: Any = Planned(resources, Report(tmp_path / "report.md"), [])
    monkeypatch.setattr(steps, "_doctor", lambda *_: output)
    with pytest.raises(UnexpectedError):
        steps._missing_provider()


def test_every_step_needs_earlier_ones(resources: Throwaway, tmp_path: Path) -> None:
    seen: set[str] = set()
    for step in Steps(resources, Report(tmp_path / "report.md"), Patience(FakeClock())).plan():
        assert set(step.needs) <= seen
        assert step.title not in seen
        seen.add(step.title)
