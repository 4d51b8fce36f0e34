"""What happened to the objects of a run, counted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from copycat.objects import Outcome, Result

# For the exception of the function in Lambda, which CloudWatch cuts off.
_FAILURES_NAMED = 10
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
_DRY = {Outcome.COPIED: "to copy", Outcome.SKIPPED: "to skip", Outcome.FAILED: "failed"}


def size_text(count: int) -> str:
    """Return bytes as text: `20.0 MiB`."""
    number, unit = float(count), _UNITS[0]
    for unit in _UNITS:
        if number < 1023.95 or unit == _UNITS[-1]:
            break
        number /= 1024
    return f"{count} B" if unit == "B" else f"{number:.1f} {unit}"


class Summary:
    """Counts objects.

    Args:
        earlier: objects and bytes, by outcome, of earlier runs that this one continues.

    Attributes:
        objects: how many, by outcome.
        bytes: how many in them, by outcome.
        sent: bytes sent to S3 by this run.
        earlier: how many of the objects are of earlier runs.
        failures: the first ones: name and reason.
    """

    def __init__(self, earlier: Mapping[Outcome, tuple[int, int]] | None = None) -> None:
        counts = earlier or {}
        self.objects = {outcome: counts.get(outcome, (0, 0))[0] for outcome in Outcome}
        self.bytes = {outcome: counts.get(outcome, (0, 0))[1] for outcome in Outcome}
        self.sent = 0
        self.earlier = sum(self.objects.values())
        self.failures: list[tuple[str, str]] = []

    def add(self, result: Result) -> None:
        """Count an object."""
        self.objects[result.outcome] += 1
        self.bytes[result.outcome] += result.size
        self.sent += result.sent
        if result.outcome is Outcome.FAILED and len(self.failures) < _FAILURES_NAMED:
            self.failures.append((result.name, result.reason or ""))

    @property
    def counts(self) -> dict[str, dict[str, int]]:
        """Objects and bytes by outcome, as JSON has them."""
        return {outcome.value: {"objects": self.objects[outcome], "bytes": self.bytes[outcome]} for outcome in Outcome}

    def line(self) -> str:
        """All in one line, for a run that goes on."""
        counted = ", ".join(f"{self.objects[outcome]:,} {outcome.value}" for outcome in Outcome)
        return f"{counted}, {size_text(self.sent)} sent"

    def text(self, seconds: float, *, dry_run: bool = False) -> str:
        """All in a few lines, for a run that has ended."""
        lines = [
            f"  {_DRY[outcome] if dry_run else outcome.value:9}{self.objects[outcome]:8} objects"
            f" {size_text(self.bytes[outcome]):>10}"
            for outcome in Outcome
        ]
        if self.earlier:
            lines.append(f"  {self.earlier} of them in earlier runs")
        return "\n".join([*lines, f"  in {seconds:.1f} s"])

    def machine_readable(self, code: int, seconds: float, *, dry_run: bool = False) -> dict[str, Any]:
        """All for a machine."""
        ended = {"exit_code": code, "seconds": round(seconds, 3), "sent": self.sent, "dry_run": dry_run}
        return {**self.counts, **ended, "earlier_objects": self.earlier}
