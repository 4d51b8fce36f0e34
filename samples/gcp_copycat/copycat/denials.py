"""Tells a permission that is missing for the whole bucket from one that single objects lack. Pure."""

from __future__ import annotations

from collections import Counter

from copycat.objects import Outcome, Result

# So many objects with permissions of their own, before the first one that can be copied, are not likely; and reading as
# many objects that cannot be written costs little.
_ENOUGH = 100


class Denials:
    """Follows the results of a run.

    Cloud Storage and S3 answer 403 in both cases: an object may have an ACL or a KMS key of its own.
    """

    def __init__(self) -> None:
        self._outcomes: Counter[Outcome] = Counter()
        self._denied: Counter[str] = Counter()
        self._reason: str | None = None

    @property
    def undecided(self) -> bool:
        """Whether objects were denied, and none was copied."""
        return bool(self._denied) and not self._outcomes[Outcome.COPIED]

    def note(self, result: Result) -> None:
        """Take a result."""
        self._outcomes[result.outcome] += 1
        if result.denied is not None:
            self._denied[result.denied] += 1
            self._reason = self._reason or result.reason

    def verdict(self, *, complete: bool) -> str | None:
        """Return why no object can be copied; None: nothing shows that.

        Args:
            complete: there are no more results. Then one object is enough, if nothing but this happened.
        """
        if not self.undecided:
            return None
        count = max(self._denied.values())
        alone = count == self._outcomes[Outcome.FAILED] and not self._outcomes[Outcome.SKIPPED]
        return self._reason if count >= _ENOUGH or (complete and alone) else None
