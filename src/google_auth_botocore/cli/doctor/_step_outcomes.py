"""Outcomes of a step other than success."""

from __future__ import annotations

from google_auth_botocore._failures._facts import Facts


class Unknown(str):
    """The result of a step that could not find out what it looked for."""

    __slots__ = ()


class StepFailed(Exception):  # noqa: N818 - an outcome of a step, not an error in the program
    """A failure that doctor itself found, without an error of the library.

    Args:
        saw: What the step saw.
        facts: The facts to look up in the table of failures.
    """

    def __init__(self, saw: str, facts: Facts) -> None:
        super().__init__(saw)
        self.facts: Facts = facts
