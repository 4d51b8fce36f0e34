"""The output of a run: a log as text or JSON, and a progress bar on a terminal or else a progress line per minute."""

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
    """Print a line. Ignore a stream that is closed, full or has no reader."""
    if stream is None:  # it was closed when the process started
        return
    # A name can have characters that the terminal's encoding lacks.
    encoding = getattr(stream, "encoding", None) or "utf-8"
    with contextlib.suppress(OSError, ValueError):
        print(line.encode(encoding, "backslashreplace").decode(encoding), file=stream, flush=True)


class Log:
    """Writes the log.

    Args:
        options: options of the run, which set the format and the level.
        stream: stream to write to. None: standard error.

    Attributes:
        bar: progress bar to redraw after each line. None: no bar.
    """

    def __init__(self, options: Options, stream: TextIO | None = None) -> None:
        self._json = options.log_format == "json"
        self._level: int = getattr(logging, options.log_level.upper())
        self._stream = stream
        self._lock = threading.Lock()
        self.bar: Any = None

    def is_enabled(self, level: int) -> bool:
        """Return whether lines of this level are written."""
        return level >= self._level

    def object(self, found: Mapping[str, Any], level: int) -> None:
        """Log the result for an object.

        Args:
            found: fields that the manifest has about the object.
            level: level as in `logging`.
        """
        if not self.is_enabled(level):
            return
        outcome = found["outcome"]
        about = found["reason"] or f"{size_text(found['bytes'])}, {found['seconds']} s"
        self.write(level, outcome, f"{outcome}: {found['name']}: {about}", found)

    def write(self, level: int, event: str, text: str, more: Mapping[str, Any] | None = None) -> None:
        """Log a line.

        Args:
            level: level as in `logging`.
            event: name of the event in the JSON log.
            text: line in the text log.
            more: fields in the JSON log. None: the text as `message`.
        """
        if not self.is_enabled(level):
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
    """Shows the progress of a run.

    Args:
        options: options of the run, which can disable it.
        log: log for the progress lines.
        clock: returns the time in seconds. Tests replace it.
    """

    def __init__(self, options: Options, log: Log, clock: Callable[[], float] = time.monotonic) -> None:
        self._log = log
        self._clock = clock
        self._lines = options.progress
        self._due = clock() + _MINUTE
        self._lock = threading.Lock()
        self._sent = 0
        if options.progress and sys.stderr is not None and sys.stderr.isatty():
            from tqdm import tqdm  # noqa: PLC0415 - only needed on a terminal

            log.bar = tqdm(unit="iB", unit_scale=True, unit_divisor=1024, desc="copying", file=sys.stderr)
            self._lines = False

    def add(self, count: int) -> None:
        """Count bytes that S3 has received. This is thread-safe."""
        with self._lock:
            self._sent += count
            if self._log.bar is not None:
                self._log.bar.update(count)

    def show(self, summary: Summary) -> None:
        """Update the progress bar, or log a progress line if a minute has passed."""
        if self._log.bar is not None:
            counted = ", ".join(f"{summary.objects[outcome]} {outcome.value}" for outcome in Outcome)
            self._log.bar.set_postfix_str(counted, refresh=False)
        elif self._lines and self._clock() >= self._due:
            self._due = self._clock() + _MINUTE
            more = {**summary.counts, "bytes_received_by_s3": self._sent}
            self._log.write(logging.INFO, "progress", f"progress: {summary.line()}", more)

    def close(self) -> None:
        """Remove the progress bar."""
        if self._log.bar is not None:
            self._log.bar.close()
            self._log.bar = None
