"""Counts the objects of a run by outcome."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from copycat.objects import Outcome, Result

# Failures in the exception of the Lambda function, which CloudWatch truncates.
_MAX_FAILURES = 10
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
_DRY_RUN_LABELS = {Outcome.COPIED: "to copy", Outcome.SKIPPED: "to skip", Outcome.FAILED: "failed"}


def size_text(count: int) -> str:
    """Return a number of bytes as text, for example `20.0 MiB`."""
    number, unit = float(count), _UNITS[0]
    for unit in _UNITS:
        if number < 1023.95 or unit == _UNITS[-1]:
            break
        number /= 1024
    return f"{count} B" if unit == "B" else f"{number:.1f} {unit}"


class Summary:
    """Counts the objects of a run.

    Args:
        earlier: objects and bytes by outcome, of the earlier runs that this one continues.

    Attributes:
        objects: number of objects by outcome.
        bytes: number of bytes in these objects by outcome.
        sent: bytes sent to S3 in this run.
        earlier: number of objects from earlier runs.
        failures: names and reasons of the first failures.
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
        if result.outcome is Outcome.FAILED and len(self.failures) < _MAX_FAILURES:
            self.failures.append((result.name, result.reason or ""))

    @property
    def counts(self) -> dict[str, dict[str, int]]:
        """Objects and bytes by outcome, for JSON."""
        return {outcome.value: {"objects": self.objects[outcome], "bytes": self.bytes[outcome]} for outcome in Outcome}

    def line(self) -> str:
        """Return one line, for the progress of a run."""
        counted = ", ".join(f"{self.objects[outcome]:,} {outcome.value}" for outcome in Outcome)
        return f"{counted}, {size_text(self.sent)} sent"

    def text(self, seconds: float, *, dry_run: bool = False) -> str:
        """Return a few lines, for the end of a run."""
        lines = [
            f"  {_DRY_RUN_LABELS[outcome] if dry_run else outcome.value:9}{self.objects[outcome]:8} objects"
            f" {size_text(self.bytes[outcome]):>10}"
            for outcome in Outcome
        ]
        if self.earlier:
            lines.append(f"  {self.earlier} of them copied or skipped by earlier runs")
        return "\n".join([*lines, f"  in {seconds:.1f} s"])

    def machine_readable(self, code: int, seconds: float, *, dry_run: bool = False) -> dict[str, Any]:
        """Return the summary for the JSON log."""
        ended = {"exit_code": code, "seconds": round(seconds, 3), "sent": self.sent, "dry_run": dry_run}
        return {**self.counts, **ended, "earlier_objects": self.earlier}
