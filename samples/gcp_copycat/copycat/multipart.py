"""Copies large objects: parts at once, as many as there is memory for; what an earlier run has uploaded is used."""

from __future__ import annotations

import concurrent.futures
import contextlib
import threading
from collections.abc import Callable
from typing import Protocol

from copycat import checksums, metadata
from copycat.cloud_storage import CloudStorage
from copycat.compare import Head
from copycat.errors import CopyCatError, CopyError, OutageError, StoppedError
from copycat.memory import Budget
from copycat.objects import SourceObject
from copycat.s3 import S3, Part
from copycat.settings import Settings

_MIB = 1 << 20
LARGEST_WITHOUT_PARTS = 8 * _MIB
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
_MOST_PARTS = 10_000
_PART = 8 * _MIB
# How often the parts are read until together they have the object's checksum.
_PASSES = 3


class Progress(Protocol):
    """What this module reads and notes of a copy."""

    source: SourceObject
    sent: int


class LargeObjects:
    """Writes large objects, for all threads of a process.

    Args:
        google: reads.
        s3: writes.
        memory: is held for each part.
        pool: runs the parts.
        at_once: parts of one object.
        settings: of the run.
    """

    def __init__(
        self,
        google: CloudStorage,
        s3: S3,
        memory: Budget,
        pool: concurrent.futures.Executor,
        at_once: int,
        settings: Settings,
    ) -> None:
        self._google = google
        self._s3 = s3
        self._memory = memory
        self._pool = pool
        self._at_once = at_once
        self._storage_class = settings.storage_class or "STANDARD"

    def write(self, key: str, copied: Progress, etag: str | None, progress: Callable[[int], object]) -> Head:
        """Copy an object part by part.

        Args:
            key: its name in S3.
            copied: the object, with its CRC32C; the bytes sent are added to it.
            etag: of the object that it replaces; None: S3 must have none.
            progress: is told of bytes that S3 has.

        Returns:
            What S3 confirms, or what HEAD says of an upload that was resumed.

        Raises:
            ConditionError, MissingError: An object or the upload changed meanwhile.
            CopyError: The parts do not have the object's checksum; the upload was aborted.
            OutageError, StoppedError: The upload is left for the next run.
        """
        source = copied.source
        upload_id, parts = self._resumable(source, key)
        resumed = upload_id is not None
        if upload_id is None:
            upload_id = self._s3.create(key, metadata.describe(source))
        try:
            progress(sum(part.size for part in parts.values()))
            crc = self._upload_parts(_Upload(key, upload_id, parts, copied, progress))
            written = self._s3.complete(key, upload_id, parts, crc, etag)
        except (OutageError, StoppedError):
            raise
        except BaseException:
            with contextlib.suppress(CopyCatError):
                self._s3.abort(key, upload_id)
            raise
        # The upload may have been created for another generation, whose metadata it has.
        return Head(written.size, written.etag, None, None, written.kms_key) if resumed else written

    def discard(self, key: str) -> None:
        """Abort the uploads of an object that is given up, whatever trouble there is with it."""
        with contextlib.suppress(CopyCatError):
            for upload in self._s3.uploads(key):
                if upload.key == key:
                    self._s3.abort(key, upload.upload_id)

    def _resumable(self, source: SourceObject, key: str) -> tuple[str | None, dict[int, Part]]:
        """Return the newest upload that can be resumed, and its parts; abort what was begun for an older content."""
        best: tuple[str | None, dict[int, Part]] = (None, {})
        uploads = [upload for upload in self._s3.uploads(key) if upload.key == key]
        for upload in sorted(uploads, key=lambda upload: upload.initiated):
            parts = None
            if upload.initiated > source.updated and upload.storage_class == self._storage_class:
                parts = self._s3.parts(key, upload.upload_id)
            if parts is None or any(part.size != _length(source.size, number) for number, part in parts.items()):
                self._s3.abort(key, upload.upload_id)
            else:
                best = upload.upload_id, parts
        return best

    def _upload_parts(self, upload: _Upload) -> int:
        """Upload what S3 does not have yet; return the CRC32C of all parts, which is the object's.

        If it is not, a bit was flipped somewhere: all parts are read again, and those that differ are uploaded again.
        """
        numbers = range(1, count(upload.copied.source.size) + 1)
        pending: list[int] = [number for number in numbers if number not in upload.parts]
        for _ in range(_PASSES):
            self._run(upload, pending)
            crc = 0
            for number in numbers:
                crc = checksums.combine(crc, upload.parts[number].crc, upload.parts[number].size)
            if checksums.encode(crc) == upload.copied.source.crc32c:
                return crc
            pending = list(numbers)
        found = checksums.encode(crc)
        raise CopyError(f"what was read has the CRC32C {found}, and Cloud Storage says {upload.copied.source.crc32c}")

    def _run(self, upload: _Upload, numbers: list[int]) -> None:
        """Copy parts, several at once and never many ahead."""
        running: set[concurrent.futures.Future[None]] = set()
        try:
            for number in numbers:
                running.add(self._pool.submit(self._copy_part, upload, number))
                if len(running) >= self._at_once:
                    running = _next(running)
            while running:
                running = _next(running)
        finally:
            # After an error: S3 keeps parts that arrive after the upload was aborted.
            upload.ended = True
            for future in running:
                future.cancel()
            concurrent.futures.wait(running)
            upload.ended = False

    def _copy_part(self, upload: _Upload, number: int) -> None:
        source = upload.copied.source
        length = _length(source.size, number)
        with self._memory.lend(length) as room:
            if upload.ended:
                return
            content = self._google.read(source, (number - 1) * part_size(source.size), length, room)
            known = upload.parts.get(number)
            if known is not None and known.crc == content.crc:
                return
            part = self._s3.upload_part(upload.key, upload.upload_id, number, content.data, content.crc)
        with upload.lock:
            upload.parts[number] = part
            upload.copied.sent += length
        if known is None:
            upload.progress(length)


class _Upload:
    """One upload under way."""

    def __init__(
        self, key: str, upload_id: str, parts: dict[int, Part], copied: Progress, progress: Callable[[int], object]
    ) -> None:
        self.key = key
        self.upload_id = upload_id
        self.parts = parts
        self.copied = copied
        self.progress = progress
        self.lock = threading.Lock()
        self.ended = False


def part_size(size: int) -> int:
    """Return the length of all parts but the last. It depends on the object's size alone, so that a run can resume another's.

    8 MiB, and as many MiB as are necessary for S3's number of parts.
    """
    return max(_PART, -(-size // _MOST_PARTS // _MIB) * _MIB)


def count(size: int) -> int:
    """Return the number of parts."""
    return -(-size // part_size(size))


def _length(size: int, number: int) -> int:
    length = part_size(size)
    return min(length, size - (number - 1) * length)


def _next(running: set[concurrent.futures.Future[None]]) -> set[concurrent.futures.Future[None]]:
    """Wait until a part is there; raise what it raised."""
    done, left = concurrent.futures.wait(running, return_when=concurrent.futures.FIRST_COMPLETED)
    for future in done:
        future.result()
    return left
