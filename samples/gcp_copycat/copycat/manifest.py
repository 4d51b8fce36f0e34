"""The manifest: what happened to each object, one JSON line each."""

from __future__ import annotations

import json
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from functools import partial
from typing import Any, BinaryIO, cast

from copycat.checkpoint import Position
from copycat.objects import Outcome, Result, SourceObject
from copycat.places import Place, Writer, place
from copycat.saving import Saver

# Lines are handed to the thread that writes when there are so many bytes of them, or when the run flushes.
_PIECE = 1 << 16
_IN_MEMORY = 8 << 20


def entry(source: SourceObject, result: Result, *, dry_run: bool = False) -> dict[str, Any]:
    """Return what the manifest and the log say about an object."""
    found = {
        "name": result.name,
        "key": result.key,
        "outcome": result.outcome.value,
        "reason": result.reason,
        "bytes": result.size,
        "sent": result.sent,
        "generation": result.generation,
        "crc32c": result.crc32c,
        # What was copied may be newer than what was listed.
        "md5": source.md5 if source.generation == result.generation else None,
        "etag": result.etag,
        "seconds": round(result.seconds, 3),
        "time": datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
    }
    return found | {"dry_run": True} if dry_run else found


class Earlier:
    """Lines of earlier runs about objects up to a position, which this run does not look at again.

    Attributes:
        counts: objects and bytes by outcome.
    """

    def __init__(self, target: Place, position: Position) -> None:
        self.counts: dict[Outcome, tuple[int, int]] = dict.fromkeys(Outcome, (0, 0))
        self._lines: BinaryIO = cast("BinaryIO", tempfile.SpooledTemporaryFile(_IN_MEMORY))  # noqa: SIM115 - `drain` closes it
        lines = 0
        for line in _lines(target):
            try:
                found = json.loads(line)
                outcome, size = Outcome(found["outcome"]), int(found["bytes"])
                kept = found["name"] <= position.after
            except (ValueError, TypeError, KeyError):
                continue  # cut off where a run was killed
            if kept:
                objects, total = self.counts[outcome]
                self.counts[outcome] = objects + 1, total + size
                self._lines.write(line + b"\n")
                lines += 1
        self.complete = lines == position.objects
        if not self.complete:  # nothing will drain it
            self._lines.close()

    def drain(self) -> Iterator[bytes]:
        """Yield the lines, once."""
        with self._lines as file:
            file.seek(0)
            while piece := file.read(1 << 20):
                yield piece


class Manifest:
    """Writes the manifest of a run.

    Args:
        target: where it is kept.
        saver: writes it.
        earlier: lines that stay.
    """

    def __init__(self, target: Place, saver: Saver, earlier: Earlier | None = None) -> None:
        self._saver = saver
        if earlier is None:
            # A run that may not write it says so now, and not at its end.
            target.write(b"")
        self._writer: Writer = target.open()
        self._buffer = bytearray()
        for piece in earlier.drain() if earlier else ():
            self._writer.write(piece)

    def add(self, found: Mapping[str, Any]) -> None:
        """Add the line of an object."""
        self._buffer += json.dumps(found).encode() + b"\n"
        if len(self._buffer) >= _PIECE:
            self.flush()

    def flush(self) -> None:
        """Hand over all lines so far to the thread that writes."""
        if self._buffer:
            self._saver.submit(partial(self._writer.write, bytes(self._buffer)))
            self._buffer.clear()

    def close(self) -> None:
        """Write the last lines."""
        self.flush()
        self._saver.submit(self._writer.close)


def manifest_place(text: str, owner: str | None) -> tuple[Place, bool]:
    """Return where the manifest goes, and whether it is a new one for each run: `text` ends in a slash."""
    if not text.endswith("/"):
        return place(text, owner), False
    now = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    return place(f"{text}gcp_copycat-{now}-{uuid.uuid4().hex[:8]}.jsonl", owner), True


def _lines(target: Place) -> Iterator[bytes]:
    rest = b""
    for piece in target.read():
        *lines, rest = (rest + piece).split(b"\n")
        yield from lines
