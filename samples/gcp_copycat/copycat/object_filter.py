"""Selects the objects to copy by name and age: `--include`, `--exclude` and `--max-age`."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable
from datetime import datetime, timezone

from copycat.objects import SourceObject
from copycat.settings import Options


class Filter:
    """Selects objects.

    Args:
        include: glob patterns, one of which must match the name. Empty: every name matches.
        exclude: glob patterns, none of which may match the name.
        oldest: objects that were last updated before this time are not selected. None: no limit.
    """

    def __init__(
        self, include: Iterable[str] = (), exclude: Iterable[str] = (), oldest: datetime | None = None
    ) -> None:
        self._include = _pattern(include)
        self._exclude = _pattern(exclude)
        self._oldest = oldest

    @property
    def has_patterns(self) -> bool:
        """Whether there are patterns for names."""
        return self._include is not None or self._exclude is not None

    @classmethod
    def from_options(cls, options: Options, now: datetime | None = None) -> Filter:
        """Return the filter for the options of a run."""
        oldest = None
        if options.max_age is not None:
            oldest = (now or datetime.now(timezone.utc)) - options.max_age
        return cls(options.include, options.exclude, oldest)

    def matches_name(self, name: str) -> bool:
        """Return whether the patterns select a name."""
        included = self._include is None or self._include.match(name) is not None
        return included and (self._exclude is None or self._exclude.match(name) is None)

    def is_recent(self, source: SourceObject) -> bool:
        """Return whether an object was updated recently enough."""
        return self._oldest is None or source.updated >= self._oldest


def _pattern(globs: Iterable[str]) -> re.Pattern[str] | None:
    patterns = [fnmatch.translate(each) for each in globs]
    return re.compile("|".join(f"(?:{each})" for each in patterns)) if patterns else None
