"""What a run leaves for people and for the next run: the manifest and the checkpoint."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from copycat.checkpoint import Checkpoint, Position
from copycat.manifest import Earlier, Manifest, manifest_place
from copycat.objects import Outcome
from copycat.places import PlaceError, place
from copycat.progress import Log
from copycat.saving import Saver
from copycat.settings import Options, Settings
from google_auth_botocore import ConfigurationError


class Records:
    """The manifest and the checkpoint of a run, if it has them.

    Args:
        settings: of the run.
        options: of the run.
        log: is told if a checkpoint is not used.
        hurry: tells that the run must end, and cannot wait for a slow S3.

    Attributes:
        start: where the run begins.
        earlier: objects and bytes by outcome in the manifest of the runs that this one continues.

    Raises:
        PlaceError: A place cannot be read or written.
        ConfigurationError: A place's name is invalid.
    """

    def __init__(self, settings: Settings, options: Options, log: Log, hurry: Callable[[], bool]) -> None:
        self.start = Position()
        self.earlier: Mapping[Outcome, tuple[int, int]] = {}
        self._saver = Saver(hurry)
        self._checkpoint: Checkpoint | None = None
        self._manifest: Manifest | None = None
        self._saved = Position()
        self._kept = False
        owner = settings.expected_bucket_owner
        if options.checkpoint and options.checkpoint == options.manifest:
            raise ConfigurationError("The manifest and the checkpoint are the same file. Give each its own.")
        # A dry run copies nothing, so nothing is there afterwards.
        if options.checkpoint and not settings.dry_run:
            self._checkpoint = Checkpoint(place(options.checkpoint, owner), settings, options)
            self.start, problem = self._checkpoint.load()
            self._kept = problem is not None or self.start != Position()
            if problem:
                log.write(logging.WARNING, "checkpoint", f"gcp_copycat: {problem}")
        if options.manifest:
            self._open_manifest(options.manifest, owner, log)
        self._saved = self.start
        if self.start.after:
            text = (
                f"gcp_copycat: going on after {self.start.after!r}, before which {self.start.objects} objects are done"
            )
            log.write(logging.INFO, "checkpoint", text)

    @property
    def has_manifest(self) -> bool:
        """Whether objects are noted."""
        return self._manifest is not None

    @property
    def error(self) -> PlaceError | None:
        """Why something could not be written."""
        return self._saver.error

    def add(self, found: Mapping[str, Any]) -> None:
        """Note an object in the manifest."""
        if self._manifest is not None:
            self._manifest.add(found)

    def save(self, position: Position) -> None:
        """Note how far the run is. The manifest is written before, so that it is never behind."""
        if self._manifest is not None:
            self._manifest.flush()
        if self._checkpoint is not None and position not in {self._saved, Position()}:
            self._saver.submit(partial(self._checkpoint.save, position))
            self._saved = position
            self._kept = True

    def close(self, position: Position, seconds: float, *, complete: bool) -> None:
        """Write the rest, within this time.

        Args:
            position: how far the run is.
            seconds: how long it may take.
            complete: the run has come to the end of the listing, so the next one begins at the start.
        """
        self._saver.limit(seconds)
        if self._manifest is not None:
            self._manifest.close()
        if self._checkpoint is not None:
            if not complete and position != Position():
                self.save(position)
            elif self._kept:
                self._saver.submit(self._checkpoint.remove)
        self._saver.close()

    def _open_manifest(self, text: str, owner: str | None, log: Log) -> None:
        target, new = manifest_place(text, owner)
        earlier = None
        if self.start.after and not new:
            earlier = Earlier(target, self.start)
            if earlier.complete:
                self.earlier = earlier.counts
            else:
                text = "The manifest lacks objects from before the checkpoint. The run begins at the start."
                log.write(logging.WARNING, "checkpoint", f"gcp_copycat: {text}")
                self.start, earlier = Position(), None
        self._manifest = Manifest(target, self._saver, earlier)
