"""The records of a run: the manifest for people, and the checkpoint for the next run."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from copycat.checkpoint import Checkpoint, Position
from copycat.manifest import EarlierEntries, Manifest, manifest_file
from copycat.objects import Outcome
from copycat.progress import Log
from copycat.record_files import RecordFileError, record_file
from copycat.saving import Saver
from copycat.settings import Options, Settings
from google_auth_botocore import ConfigurationError


class Records:
    """The manifest and the checkpoint of a run, if they are configured.

    Args:
        settings: settings of the run.
        options: options of the run.
        log: log for a message if a checkpoint is ignored.
        out_of_time: returns whether the run must end now and cannot wait for a slow S3.

    Attributes:
        start: position where the run starts.
        earlier: objects and bytes by outcome, from the manifest of the runs that this one continues.

    Raises:
        RecordFileError: A record file cannot be read or written.
        ConfigurationError: The name of a record file is invalid.
    """

    def __init__(self, settings: Settings, options: Options, log: Log, out_of_time: Callable[[], bool]) -> None:
        self.start = Position()
        self.earlier: Mapping[Outcome, tuple[int, int]] = {}
        self._saver = Saver(out_of_time)
        self._checkpoint: Checkpoint | None = None
        self._manifest: Manifest | None = None
        self._saved = Position()
        self._is_stored = False
        owner = settings.expected_bucket_owner
        if options.checkpoint and options.checkpoint == options.manifest:
            raise ConfigurationError("The manifest and the checkpoint are the same file. Use different ones.")
        # A dry run copies nothing, so it has no position.
        if options.checkpoint and not settings.dry_run:
            self._checkpoint = Checkpoint(record_file(options.checkpoint, owner), settings, options)
            self.start, problem = self._checkpoint.load()
            self._is_stored = problem is not None or self.start != Position()
            if problem:
                log.write(logging.WARNING, "checkpoint", f"gcp_copycat: {problem}")
        if options.manifest:
            self._open_manifest(options.manifest, owner, log)
        self._saved = self.start
        if self.start.after:
            text = f"gcp_copycat: continuing after {self.start.after!r}; {self.start.objects} objects are done"
            log.write(logging.INFO, "checkpoint", text)

    @property
    def has_manifest(self) -> bool:
        """Whether there is a manifest."""
        return self._manifest is not None

    @property
    def error(self) -> RecordFileError | None:
        """The reason why a record could not be written. None: all were written."""
        return self._saver.error

    def add(self, found: Mapping[str, Any]) -> None:
        """Add an object to the manifest."""
        if self._manifest is not None:
            self._manifest.add(found)

    def save(self, position: Position) -> None:
        """Store the position of the run. The manifest is written first, so that it has all objects up to the position."""
        if self._manifest is not None:
            self._manifest.flush()
        if self._checkpoint is not None and position not in {self._saved, Position()}:
            self._saver.submit(partial(self._checkpoint.save, position))
            self._saved = position
            self._is_stored = True

    def close(self, position: Position, seconds: float, *, complete: bool) -> None:
        """Write what is left.

        Args:
            position: position of the run.
            seconds: time limit.
            complete: whether the run reached the end of the listing. Then the next run starts from the beginning.
        """
        self._saver.limit(seconds)
        if self._manifest is not None:
            self._manifest.close()
        if self._checkpoint is not None:
            if not complete and position != Position():
                self.save(position)
            elif self._is_stored:
                self._saver.submit(self._checkpoint.remove)
        self._saver.close()

    def _open_manifest(self, text: str, owner: str | None, log: Log) -> None:
        target, new = manifest_file(text, owner)
        earlier = None
        if self.start.after and not new:
            earlier = EarlierEntries(target, self.start)
            if earlier.complete:
                self.earlier = earlier.counts
            else:
                text = "The manifest lacks objects before the checkpoint. The run starts from the beginning."
                log.write(logging.WARNING, "checkpoint", f"gcp_copycat: {text}")
                self.start, earlier = Position(), None
        self._manifest = Manifest(target, self._saver, earlier)
