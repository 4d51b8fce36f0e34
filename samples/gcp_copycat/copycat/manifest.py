"""The manifest: a JSON line for each object that says what happened to it."""

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
from copycat.record_files import RecordFile, Writer, record_file
from copycat.saving import Saver

# Bytes of lines that are collected before they are passed to the writing thread.
_FLUSH_SIZE = 1 << 16
_MAX_IN_MEMORY = 8 << 20


def entry(source: SourceObject, result: Result, *, dry_run: bool = False) -> dict[str, Any]:
    """Return the fields about an object for the manifest and the log."""
    found = {
        "name": result.name,
        "key": result.key,
        "outcome": result.outcome.value,
        "reason": result.reason,
        "bytes": result.size,
        "sent": result.sent,
        "generation": result.generation,
        "crc32c": result.crc32c,
        # The MD5 is that of the listed generation, and a newer one may have been copied.
        "md5": source.md5 if source.generation == result.generation else None,
        "etag": result.etag,
        "seconds": round(result.seconds, 3),
        "time": datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
    }
    return found | {"dry_run": True} if dry_run else found


class EarlierEntries:
    """The manifest lines of earlier runs for the objects up to a position, which this run does not list again.

    Args:
        target: manifest of the earlier runs.
        position: position where this run continues.

    Attributes:
        counts: objects and bytes by outcome.
        complete: whether there is a line for each object up to the position.
    """

    def __init__(self, target: RecordFile, position: Position) -> None:
        self.counts: dict[Outcome, tuple[int, int]] = dict.fromkeys(Outcome, (0, 0))
        self._lines: BinaryIO = cast("BinaryIO", tempfile.SpooledTemporaryFile(_MAX_IN_MEMORY))  # noqa: SIM115 - `drain` closes it
        lines = 0
        for line in _lines(target):
            try:
                found = json.loads(line)
                outcome, size = Outcome(found["outcome"]), int(found["bytes"])
                kept = found["name"] <= position.after
            except (ValueError, TypeError, KeyError, RecursionError):
                continue  # a run was killed while it wrote this line
            if kept:
                objects, total = self.counts[outcome]
                self.counts[outcome] = objects + 1, total + size
                self._lines.write(line + b"\n")
                lines += 1
        self.complete = lines == position.objects
        if not self.complete:  # `drain` will not be called
            self._lines.close()

    def drain(self) -> Iterator[bytes]:
        """Yield the lines in chunks. This can be called once."""
        with self._lines as file:
            file.seek(0)
            while piece := file.read(1 << 20):
                yield piece


class Manifest:
    """Writes the manifest of a run.

    Args:
        target: file to write.
        saver: thread that writes.
        earlier: lines of earlier runs to keep.
    """

    def __init__(self, target: RecordFile, saver: Saver, earlier: EarlierEntries | None = None) -> None:
        self._saver = saver
        if earlier is None:
            # If the manifest cannot be written, fail now instead of at the end of the run.
            target.clear()
        self._writer: Writer = target.open()
        self._buffer = bytearray()
        for piece in earlier.drain() if earlier else ():
            self._writer.write(piece)

    def add(self, found: Mapping[str, Any]) -> None:
        """Add the line of an object."""
        self._buffer += json.dumps(found).encode() + b"\n"
        if len(self._buffer) >= _FLUSH_SIZE:
            self.flush()

    def flush(self) -> None:
        """Pass the collected lines to the writing thread."""
        if self._buffer:
            self._saver.submit(partial(self._writer.write, bytes(self._buffer)))
            self._buffer.clear()

    def close(self) -> None:
        """Write the last lines."""
        self.flush()
        self._saver.submit(self._writer.close)


def manifest_file(text: str, owner: str | None) -> tuple[RecordFile, bool]:
    """Return the file of the manifest, and whether each run writes a new one, which a slash at the end of *text* requests."""
    if not text.endswith("/"):
        return record_file(text, owner), False
    now = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    return record_file(f"{text}gcp_copycat-{now}-{uuid.uuid4().hex[:8]}.jsonl", owner), True


def _lines(target: RecordFile) -> Iterator[bytes]:
    rest = b""
    for piece in target.read():
        *lines, rest = (rest + piece).split(b"\n")
        yield from lines
