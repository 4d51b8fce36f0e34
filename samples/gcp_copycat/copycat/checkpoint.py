"""Tracks and stores the position of a run: the name up to which every object is in S3."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from copycat.record_files import RecordFile
from copycat.settings import Options, Settings

_VERSION = 1


@dataclass(frozen=True)
class Position:
    """A position in the listing, which is sorted by name.

    Attributes:
        after: every object up to and including this name is in S3. Empty: the start of the listing.
        objects: number of objects up to this name.
    """

    after: str = ""
    objects: int = 0


class Frontier:
    """Tracks objects that start in the order of the listing and finish in any order.

    Args:
        start: position where the run starts.
    """

    def __init__(self, start: Position) -> None:
        self._last = start
        # By number, in order: the position before each unfinished object.
        self._unfinished: dict[int, Position] = {}
        self._failed: tuple[int, Position] | None = None

    def begin(self, name: str) -> int:
        """Start the next object of the listing. Return its number."""
        number = self._last.objects
        if name <= self._last.after and number:
            # The listing is not sorted, so a position does not show which objects come before it.
            self._failed = (-1, Position())
        self._unfinished[number] = self._last
        self._last = Position(name, number + 1)
        return number

    def finish(self, number: int, *, copied: bool) -> None:
        """Record that an object is in S3, or has failed. The position never moves past a failed object."""
        before = self._unfinished.pop(number)
        if not copied and (self._failed is None or number < self._failed[0]):
            self._failed = (number, before)

    @property
    def position(self) -> Position:
        """The position up to which every object is in S3."""
        found = [self._failed] if self._failed else []
        number = next(iter(self._unfinished), None)
        if number is not None:
            found.append((number, self._unfinished[number]))
        return min(found)[1] if found else self._last


class Checkpoint:
    """A position that is stored for the next run.

    Args:
        file: where it is stored.
        settings: settings of the run. A position of a job with other settings is ignored.
        options: options of the run, which are also compared.
    """

    def __init__(self, file: RecordFile, settings: Settings, options: Options) -> None:
        self._file = file
        self._job = _job(settings, options)

    def load(self) -> tuple[Position, str | None]:
        """Return the stored position, and the reason if a stored position is ignored.

        Raises:
            RecordFileError: The file cannot be read.
        """
        text = b"".join(self._file.read())
        if not text.strip():
            return Position(), None
        try:
            found = json.loads(text)
            after, objects = found["after"], found["objects"]
            same = (found["version"], found["job"]) == (_VERSION, self._job)
            after.encode()  # half of a surrogate pair would fail every listing
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return Position(), "The checkpoint was not written by gcp_copycat. The run starts from the beginning."
        if not (isinstance(after, str) and type(objects) is int and bool(after) == (objects > 0)):
            return Position(), "The checkpoint is damaged. The run starts from the beginning."
        if not same:
            return Position(), "The checkpoint belongs to another job. The run starts from the beginning."
        return Position(after, objects), None

    def save(self, position: Position) -> None:
        """Store a position.

        Raises:
            RecordFileError: The file cannot be written.
        """
        now = datetime.now(timezone.utc).isoformat(timespec="seconds")
        content = {"version": _VERSION, "job": self._job, "after": position.after, "objects": position.objects}
        self._file.write(json.dumps(content | {"saved": now}, indent=1).encode() + b"\n")

    def remove(self) -> None:
        """Remove the stored position after a run that reached the end of the listing.

        Raises:
            RecordFileError: The file cannot be removed.
        """
        self._file.remove()


def _job(settings: Settings, options: Options) -> dict[str, Any]:
    """Return the settings that must be the same for a position to apply."""
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
