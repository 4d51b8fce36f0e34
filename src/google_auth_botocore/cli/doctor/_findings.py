"""How a step ends, if not with "ok"."""

from __future__ import annotations

from google_auth_botocore._failures._facts import Facts


class Unknown(str):
    """What a step saw, if it could not see what it looked for."""

    __slots__ = ()


class StepFailed(Exception):  # noqa: N818 - a step of the command, not an error of a library
    """A failure that doctor itself has met.

    Args:
        saw: What it saw.
        facts: The facts, for the table.
    """

    def __init__(self, saw: str, facts: Facts) -> None:
        super().__init__(saw)
        self.facts: Facts = facts
