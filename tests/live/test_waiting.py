"""A run waits for changes to take effect, and for nothing else."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from google.api_core import exceptions as api_errors

from google_auth_botocore import FederationError, TransientFederationError
from google_auth_botocore._failures._table import TABLE
from live.shell import ShellError
from live.waiting import DELAYS, Clock, Patience, is_delay

NOT_YET = FederationError("denied", failure="not-bound")


class FakeClock(Clock):
    """Stands still, except in pauses."""

    def __init__(self) -> None:
        self.time = 0.0

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds


def failing(times: int, error: Exception) -> Callable[[], str]:
    """Return an action that fails some times."""
    left = [error] * times

    def action() -> str:
        if left:
            raise left.pop()
        return "done"

    return action


def test_an_action_is_repeated_until_the_change_has_taken_effect() -> None:
    clock = FakeClock()
    patience = Patience(clock, pause=10)
    assert patience.repeat(failing(5, NOT_YET)) == "done"
    assert (clock.time, patience.attempts) == (50, 6)


def test_another_failure_is_raised_at_once() -> None:
    clock = FakeClock()
    with pytest.raises(FederationError):
        Patience(clock).repeat(failing(1, FederationError("wrong", failure="condition-not-met")))
    assert clock.time == 0


def test_it_gives_up_when_the_change_must_have_taken_effect() -> None:
    clock = FakeClock()
    with pytest.raises(FederationError):
        Patience(clock, pause=10, longest=45).repeat(failing(99, NOT_YET))
    assert clock.time == 40


def test_all_actions_together_leave_time_for_the_teardown() -> None:
    clock = FakeClock()
    patience = Patience(clock, pause=10, longest=100, total=150)
    for _ in range(9):
        with pytest.raises(FederationError):
            patience.repeat(failing(99, NOT_YET))
    assert clock.time == 150


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (NOT_YET, True),
        (TransientFederationError("busy"), True),
        (FederationError("wrong", failure="subject-too-long"), False),
        (api_errors.Forbidden("no storage.objects.get access"), True),  # type: ignore[no-untyped-call]
        (api_errors.NotFound("no such object"), False),  # type: ignore[no-untyped-call]
        (ShellError("failed", "ERROR: NOT_FOUND: Unknown service account"), True),
        (ShellError("failed", "Service account x@y.iam.gserviceaccount.com does not exist."), True),
        (ShellError("failed", "(NoSuchEntity) when calling the PutRolePolicy operation"), True),
        (ShellError("failed", "ABORTED: There were concurrent policy changes."), True),
        (ShellError("failed", "API has not been used in project 1 before or it is disabled."), True),
        (ShellError("failed", "PERMISSION_DENIED: Permission 'x' denied (or it may not exist)."), False),
        (ShellError("failed", "(AccessDenied) when calling the CreateRole operation"), False),
        (ValueError("a fault in the program"), False),
    ],
)
def test_only_failures_that_pass_by_themselves_are_delays(error: Exception, *, expected: bool) -> None:
    assert is_delay(error) is expected


def test_the_delays_are_failures_that_doctor_names() -> None:
    assert {each.id for each in TABLE} >= DELAYS
