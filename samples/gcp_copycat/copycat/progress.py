"""What a run shows: a log for people or for machines, a progress bar on a terminal, and a line per minute elsewhere."""

from __future__ import annotations

import contextlib
import json
import logging
import sys
import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from typing import Any, TextIO

from copycat.errors import escaped
from copycat.objects import Outcome
from copycat.settings import Options
from copycat.summary import Summary, size_text

_MINUTE = 60.0


def show(line: str, stream: TextIO | None) -> None:
    """Print a line. A stream that is closed, full or without a reader must not end a run."""
    if stream is None:  # it was closed when the process began
        return
    # A name may have characters that the terminal's encoding lacks.
    encoding = getattr(stream, "encoding", None) or "utf-8"
    with contextlib.suppress(OSError, ValueError):
        print(line.encode(encoding, "backslashreplace").decode(encoding), file=stream, flush=True)


class Log:
    """Writes lines to standard error.

    Args:
        options: say how, and from which level on.
        stream: where to; None: standard error.
    """

    def __init__(self, options: Options, stream: TextIO | None = None) -> None:
        self._json = options.log_format == "json"
        self._level: int = getattr(logging, options.log_level.upper())
        self._stream = stream
        self._lock = threading.Lock()
        self.bar: Any = None

    def has(self, level: int) -> bool:
        """Tell whether lines of a level are written."""
        return level >= self._level

    def object(self, found: Mapping[str, Any], level: int) -> None:
        """Log an object, by what the manifest says of it."""
        if not self.has(level):
            return
        outcome = found["outcome"]
        about = found["reason"] or f"{size_text(found['bytes'])}, {found['seconds']} s"
        self.write(level, outcome, f"{outcome}: {found['name']}: {about}", found)

    def write(self, level: int, event: str, text: str, more: Mapping[str, Any] | None = None) -> None:
        """Log a line.

        Args:
            level: as in `logging`.
            event: what it is about, for a machine.
            text: the line, for people.
            more: what a machine gets besides.
        """
        if not self.has(level):
            return
        if self._json:
            now = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
            head = {"time": now, "level": logging.getLevelName(level), "event": event}
            line = json.dumps(head | (dict(more) if more is not None else {"message": text}))
        else:
            line = escaped(text)
        with self._lock:
            if self.bar is not None:
                self.bar.clear()
            show(line, self._stream or sys.stderr)
            if self.bar is not None:
                self.bar.refresh()


class Progress:
    """Shows how far a run is.

    Args:
        options: say whether.
        log: takes the line per minute.
        clock: returns seconds.
    """

    def __init__(self, options: Options, log: Log, clock: Callable[[], float] = time.monotonic) -> None:
        self._log = log
        self._clock = clock
        self._lines = options.progress
        self._due = clock() + _MINUTE
        self._lock = threading.Lock()
        self._sent = 0
        if options.progress and sys.stderr is not None and sys.stderr.isatty():
            from tqdm import tqdm  # noqa: PLC0415 - needed on a terminal alone

            log.bar = tqdm(unit="iB", unit_scale=True, unit_divisor=1024, desc="copying", file=sys.stderr)
            self._lines = False

    def add(self, count: int) -> None:
        """Count bytes that S3 has received. May be called by several threads."""
        with self._lock:
            self._sent += count
            if self._log.bar is not None:
                self._log.bar.update(count)

    def show(self, summary: Summary) -> None:
        """Show the state of the run, if it is time."""
        if self._log.bar is not None:
            counted = ", ".join(f"{summary.objects[outcome]} {outcome.value}" for outcome in Outcome)
            self._log.bar.set_postfix_str(counted, refresh=False)
        elif self._lines and self._clock() >= self._due:
            self._due = self._clock() + _MINUTE
            more = {**summary.counts, "bytes_received_by_s3": self._sent}
            self._log.write(logging.INFO, "progress", f"progress: {summary.line()}", more)

    def close(self) -> None:
        """Remove the bar."""
        if self._log.bar is not None:
            self._log.bar.close()
            self._log.bar = None
