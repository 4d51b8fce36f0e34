"""Copies large objects as multipart uploads, several parts at a time. It resumes uploads of earlier runs."""

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
from copycat.memory import MemoryBudget
from copycat.objects import SourceObject
from copycat.s3 import S3, Part
from copycat.settings import Settings

_MIB = 1 << 20
MAX_SINGLE_PUT = 8 * _MIB
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
_MAX_PARTS = 10_000
_MIN_PART_SIZE = 8 * _MIB
# How often all parts are read if together they do not have the object's checksum.
_PASSES = 3


class CopyState(Protocol):
    """The state of a copy that this module reads and updates."""

    source: SourceObject
    sent: int


class LargeObjects:
    """Copies large objects. It is thread-safe.

    Args:
        google: bucket to read from.
        s3: bucket to write to.
        memory: limits the content in memory.
        pool: executor that copies the parts.
        concurrency: number of parts of one object that are copied concurrently.
        settings: settings of the run.
    """

    def __init__(
        self,
        google: CloudStorage,
        s3: S3,
        memory: MemoryBudget,
        pool: concurrent.futures.Executor,
        concurrency: int,
        settings: Settings,
    ) -> None:
        self._google = google
        self._s3 = s3
        self._memory = memory
        self._pool = pool
        self._concurrency = concurrency
        self._storage_class = settings.storage_class or "STANDARD"

    def write(self, key: str, copied: CopyState, etag: str | None, progress: Callable[[int], object]) -> Head:
        """Copy an object part by part.

        Args:
            key: key of the object in S3.
            copied: the object, including its CRC32C. The number of bytes sent is added to it.
            etag: ETag of the object to replace. None: S3 must not have one.
            progress: called with the number of bytes that S3 has received.

        Returns:
            What S3 confirms. For a resumed upload, *crc32c* is None, and a HEAD request is required to confirm the copy.

        Raises:
            ConditionError, MissingError: The object in S3 or the upload was changed by another writer.
            CopyError: The parts do not have the object's checksum. The upload was aborted.
            OutageError, StoppedError: The upload was kept for the next run.
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
        # The upload may have been created for another generation, and have its metadata.
        return Head(written.size, written.etag, None, None, written.kms_key) if resumed else written

    def discard(self, key: str) -> None:
        """Abort the uploads of an object that has failed. Errors are ignored."""
        with contextlib.suppress(CopyCatError):
            for upload in self._s3.uploads(key):
                if upload.key == key:
                    self._s3.abort(key, upload.upload_id)

    def _resumable(self, source: SourceObject, key: str) -> tuple[str | None, dict[int, Part]]:
        """Return the newest upload that can be resumed, and its parts. Abort uploads that were created for older content."""
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
        """Upload the missing parts. Return the CRC32C of all parts, which equals that of the object.

        If it does not, the content was damaged on the way. Then read all parts again, and upload those that differ.
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
        raise CopyError(f"the content read has CRC32C {found}, but Cloud Storage states {upload.copied.source.crc32c}")

    def _run(self, upload: _Upload, numbers: list[int]) -> None:
        """Copy parts concurrently. Submit only as many as can run."""
        running: set[concurrent.futures.Future[None]] = set()
        try:
            for number in numbers:
                running.add(self._pool.submit(self._copy_part, upload, number))
                if len(running) >= self._concurrency:
                    running = _wait_for_one(running)
            while running:
                running = _wait_for_one(running)
        finally:
            # After an error, wait for the running parts: S3 would keep a part that arrives after the upload was aborted.
            upload.ended = True
            for future in running:
                future.cancel()
            concurrent.futures.wait(running)
            upload.ended = False

    def _copy_part(self, upload: _Upload, number: int) -> None:
        source = upload.copied.source
        length = _length(source.size, number)
        with self._memory.borrow(length) as buffer:
            if upload.ended:
                return
            content = self._google.read(source, (number - 1) * part_size(source.size), length, buffer)
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
    """An upload in progress."""

    def __init__(
        self, key: str, upload_id: str, parts: dict[int, Part], copied: CopyState, progress: Callable[[int], object]
    ) -> None:
        self.key = key
        self.upload_id = upload_id
        self.parts = parts
        self.copied = copied
        self.progress = progress
        self.lock = threading.Lock()
        self.ended = False


def part_size(size: int) -> int:
    """Return the size of each part but the last: 8 MiB, or more if the object would have more parts than S3 accepts.

    It depends only on the size of the object, so that a run can resume the upload of another.
    """
    return max(_MIN_PART_SIZE, -(-size // _MAX_PARTS // _MIB) * _MIB)


def count(size: int) -> int:
    """Return the number of parts."""
    return -(-size // part_size(size))


def _length(size: int, number: int) -> int:
    length = part_size(size)
    return min(length, size - (number - 1) * length)


def _wait_for_one(running: set[concurrent.futures.Future[None]]) -> set[concurrent.futures.Future[None]]:
    """Wait until at least one part is done, and raise its exception. Return the parts that are still running."""
    done, left = concurrent.futures.wait(running, return_when=concurrent.futures.FIRST_COMPLETED)
    for future in done:
        future.result()
    return left
