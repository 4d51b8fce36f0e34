"""How far a run has come: the name up to which every object is in S3."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from copycat.places import Place
from copycat.settings import Options, Settings

_VERSION = 1


@dataclass(frozen=True)
class Position:
    """A place in the order of names.

    Attributes:
        after: every object up to this name is in S3; empty: nothing is known.
        objects: how many these are.
    """

    after: str = ""
    objects: int = 0


class Frontier:
    """Follows objects that begin in order and end in any order. Pure.

    Args:
        start: where the run begins.
    """

    def __init__(self, start: Position) -> None:
        self._last = start
        # By number, in order: the position before each object that has not ended.
        self._open: dict[int, Position] = {}
        self._failed: tuple[int, Position] | None = None

    def begin(self, name: str) -> int:
        """Take the next object of the listing; return its number."""
        number = self._last.objects
        if name <= self._last.after and number:
            # The listing is not in order, so no position in it says what is before it.
            self._failed = (-1, Position())
        self._open[number] = self._last
        self._last = Position(name, number + 1)
        return number

    def end(self, number: int, *, there: bool) -> None:
        """Note that an object is in S3, or has failed: no position passes a failed one."""
        before = self._open.pop(number)
        if not there and (self._failed is None or number < self._failed[0]):
            self._failed = (number, before)

    @property
    def position(self) -> Position:
        """Up to where everything is in S3."""
        found = [self._failed] if self._failed else []
        number = next(iter(self._open), None)
        if number is not None:
            found.append((number, self._open[number]))
        return min(found)[1] if found else self._last


class Checkpoint:
    """A position that outlives a run.

    Args:
        place: where it is kept.
        settings: of the run; a position of another job is not used.
        options: see *settings*.
    """

    def __init__(self, place: Place, settings: Settings, options: Options) -> None:
        self._place = place
        self._job = _job(settings, options)

    def load(self) -> tuple[Position, str | None]:
        """Return the position, and why one that is there is not used.

        Raises:
            PlaceError: It cannot be read.
        """
        text = b"".join(self._place.read())
        if not text.strip():
            return Position(), None
        try:
            found = json.loads(text)
            after, objects = found["after"], found["objects"]
            same = (found["version"], found["job"]) == (_VERSION, self._job)
            after.encode()  # half a character would fail each listing
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return Position(), "The checkpoint is not one of gcp_copycat's. The run begins at the start."
        if not (isinstance(after, str) and type(objects) is int and bool(after) == (objects > 0)):
            return Position(), "The checkpoint is damaged. The run begins at the start."
        if not same:
            return Position(), "The checkpoint is one of another job. The run begins at the start."
        return Position(after, objects), None

    def save(self, position: Position) -> None:
        """Keep a position.

        Raises:
            PlaceError: It cannot be written.
        """
        now = datetime.now(timezone.utc).isoformat(timespec="seconds")
        content = {"version": _VERSION, "job": self._job, "after": position.after, "objects": position.objects}
        self._place.write(json.dumps(content | {"saved": now}, indent=1).encode() + b"\n")

    def remove(self) -> None:
        """Forget the position: the run has come to the end of the listing.

        Raises:
            PlaceError: It cannot be removed.
        """
        self._place.remove()


def _job(settings: Settings, options: Options) -> dict[str, Any]:
    """What has to be the same for a position to mean the same."""
    return {
        "source": settings.source,
        "destination": settings.destination,
        "prefix": settings.prefix,
        "destination_prefix": settings.destination_prefix,
        "include": list(options.include),
        "exclude": list(options.exclude),
        "max_age": options.max_age.total_seconds() if options.max_age else None,
        "check_metadata": settings.check_metadata,
        "storage_class": settings.storage_class,
        "kms_key_id": settings.kms_key_id,
    }
