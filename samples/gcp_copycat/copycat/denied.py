"""Distinguishes a permission that all objects lack from one that single objects lack."""

from __future__ import annotations

from collections import Counter

from copycat.objects import Outcome, Result

# It is unlikely that so many objects have their own permissions before the first one that can be copied. Reading this many
# objects that cannot be written costs little.
_ENOUGH = 100


class Denials:
    """Collects the denied objects of a run.

    Cloud Storage and S3 respond with 403 in both cases: a single object can have its own ACL or KMS key.
    """

    def __init__(self) -> None:
        self._outcomes: Counter[Outcome] = Counter()
        self._denied: Counter[str] = Counter()
        self._reason: str | None = None

    @property
    def undecided(self) -> bool:
        """Whether objects were denied and none has been copied yet."""
        return bool(self._denied) and not self._outcomes[Outcome.COPIED]

    def add(self, result: Result) -> None:
        """Add a result."""
        self._outcomes[result.outcome] += 1
        if result.denied is not None:
            self._denied[result.denied] += 1
            self._reason = self._reason or result.reason

    def common_cause(self, *, complete: bool) -> str | None:
        """Return the reason if all objects lack the same permission, else None.

        Args:
            complete: whether there are no more results. Then one denied object is enough if no object succeeded or failed
                for another reason.
        """
        if not self.undecided:
            return None
        count = max(self._denied.values())
        only_this = count == self._outcomes[Outcome.FAILED] and not self._outcomes[Outcome.SKIPPED]
        return self._reason if count >= _ENOUGH or (complete and only_this) else None
