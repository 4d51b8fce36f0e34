"""Copies one object: compares both sides, reads, verifies, writes, and verifies again."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import logging
import threading
import time
from collections.abc import Callable

from copycat import checksums, metadata
from copycat.cloud_storage import CloudStorage
from copycat.compare import Decision, Head, decide, decide_with_head, is_copy
from copycat.content import Content
from copycat.errors import (
    ConditionError,
    CopyCatError,
    CopyError,
    DeniedError,
    MissingError,
    OutageError,
    SetupError,
    StoppedError,
    sentence,
)
from copycat.memory import MemoryBudget
from copycat.multipart import MAX_SINGLE_PUT, LargeObjects
from copycat.objects import Outcome, Result, SourceObject, Task
from copycat.retrying import OUTAGE_LIMIT
from copycat.s3 import S3
from copycat.settings import Settings

_logger = logging.getLogger(__name__)
# Bytes: https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
_MAX_KEY_LENGTH = 1024
# How often an object is read if its content does not match its checksum, and how often a copy is tried if another writer
# changes one of the sides.
_MAX_READS = 3
_MAX_ROUNDS = 5
# Parts that are copied concurrently, even with a single worker.
_MIN_CONCURRENT_PARTS = 4


@dataclasses.dataclass(slots=True)
class _CopyState:
    """What is known about an object while it is copied."""

    source: SourceObject
    outcome: Outcome = Outcome.FAILED
    attempted: int | None = None  # the generation that was last sent to S3
    sent: int = 0
    etag: str | None = None
    crc32c: str | None = None


class Copier:
    """Copies objects. Each process has one, which is thread-safe.

    Args:
        settings: settings of the run.
        stop: once this is set, copies in progress are abandoned.
        progress: called by several threads with the number of bytes that S3 has received.
        outage_limit: seconds after which an outage fails a request.

    Raises:
        ConfigurationError: The settings of the Google identity are invalid.
    """

    def __init__(
        self,
        settings: Settings,
        stop: threading.Event,
        progress: Callable[[int], object] = lambda _: None,
        *,
        outage_limit: float = OUTAGE_LIMIT,
    ) -> None:
        threads = -(-settings.workers // settings.processes)
        parts = max(_MIN_CONCURRENT_PARTS, threads)
        self._settings = settings
        self._stop = stop
        self._progress = progress
        self._google = CloudStorage(settings, stop, threads + parts, outage_limit)
        self._s3 = S3(settings, stop, threads + parts, outage_limit)
        self._memory = MemoryBudget(settings.memory // settings.processes, stop)
        self._pool = concurrent.futures.ThreadPoolExecutor(parts, thread_name_prefix="part")
        self._large = LargeObjects(self._google, self._s3, self._memory, self._pool, parts, settings)

    def copy(self, task: Task) -> Result:
        """Compare an object with the one in S3, and copy it unless they are equal.

        Every exception becomes a failed result, except those that end a process, such as KeyboardInterrupt.
        """
        started = time.monotonic()
        copied = _CopyState(task.source)
        reason: str | None = None
        error: Exception | None = None
        try:
            self._copy(task, copied)
        except CopyCatError as caught:
            reason, error = str(caught), caught
        except Exception as caught:
            _logger.exception("unexpected")
            reason, error = f"unexpected {type(caught).__name__}: {sentence(caught)}", caught
        return Result(
            name=task.source.name,
            key=task.key,
            outcome=Outcome.FAILED if error else copied.outcome,
            reason=reason,
            generation=copied.source.generation,
            size=copied.source.size,
            sent=copied.sent,
            crc32c=copied.crc32c or copied.source.crc32c,
            etag=None if error else copied.etag,
            seconds=time.monotonic() - started,
            transient=isinstance(error, (OutageError, StoppedError)),
            configuration=isinstance(error, SetupError),
            denied=error.permission if isinstance(error, DeniedError) else None,
        )

    def close(self) -> None:
        """Close the connections and stop the threads that copy parts."""
        self._pool.shutdown(cancel_futures=True)
        self._google.close()
        self._s3.close()

    def _copy(self, task: Task, copied: _CopyState) -> None:
        length = len(task.key.encode("utf-8", "surrogatepass"))
        if not 1 <= length <= _MAX_KEY_LENGTH:
            raise CopyError(f"its key would have {length} bytes; S3 accepts 1 to {_MAX_KEY_LENGTH}")
        decision = decide(task.source, task.destination, check_metadata=self._settings.check_metadata)
        if decision is Decision.SKIP:
            copied.outcome = Outcome.SKIPPED
            copied.etag = task.destination.etag if task.destination else None
            return
        # The ETag of the object to replace is the condition of the write. Its generation shows whether another run has copied
        # a newer one in the meantime.
        self._until_it_is_copied(task.key, copied, self._s3.head(task.key) if task.destination else None)

    def _until_it_is_copied(self, key: str, copied: _CopyState, head: Head | None) -> None:
        """Write an object until S3 confirms it. If either side changes in the meantime, compare both sides again."""
        problem: CopyError = CopyError("it kept changing")
        for number in range(_MAX_ROUNDS):
            if self._is_copied(copied, head):
                return
            if number or (head and head.origin and head.origin.generation > copied.source.generation):
                newest = self._google.describe(copied.source.name)
                seen = (copied.source.generation, copied.source.metageneration)
                if (newest.generation, newest.metageneration) != seen:
                    copied.source = newest
                    if self._is_copied(copied, head):
                        return
            try:
                if self._write(key, copied, head):
                    copied.outcome = Outcome.COPIED
                    return
                problem = CopyError("S3 did not confirm its checksum and does not have the copy")
            except (ConditionError, MissingError) as error:
                problem = error
            head = self._s3.head(key)
        if not self._is_copied(copied, head):
            self._large.discard(key)
            raise CopyError(f"{problem} (tried {_MAX_ROUNDS} times)")

    def _is_copied(self, copied: _CopyState, head: Head | None) -> bool:
        """Return whether S3 has the object, and record whether this run copied it."""
        check_metadata = self._settings.check_metadata
        if head is None or decide_with_head(copied.source, head, check_metadata=check_metadata) is Decision.COPY:
            return False
        if copied.attempted is not None and not self._has_requested_key(head):
            return False
        # If only the response was lost, this run has copied the object.
        ours = head.origin is not None and head.origin.generation == copied.attempted
        copied.outcome = Outcome.COPIED if ours else Outcome.SKIPPED
        copied.etag, copied.crc32c = head.etag, head.crc32c
        return True

    def _write(self, key: str, copied: _CopyState, head: Head | None) -> bool:
        """Copy an object. Return whether S3 has it, according to its response or else to a HEAD request."""
        etag = head.etag if head else None
        copied.attempted = copied.source.generation
        if copied.source.size <= MAX_SINGLE_PUT:
            with self._memory.reserve(copied.source.size):
                copied.source, content = self._read(copied.source)
                copied.sent += len(content.data)
                written = self._s3.put(key, content.data, content.crc, metadata.describe(copied.source), etag)
            self._progress(copied.source.size)
        else:
            copied.source = self._with_checksum(copied.source)
            written = self._large.write(key, copied, etag, self._progress)
        copied.crc32c, copied.etag = copied.source.crc32c, written.etag
        if written.crc32c == copied.source.crc32c and written.etag and self._has_requested_key(written):
            return True
        found = self._s3.head(key)
        if found is None or not is_copy(copied.source, found) or not self._has_requested_key(found):
            return False
        copied.etag = found.etag
        return True

    def _read(self, source: SourceObject) -> tuple[SourceObject, Content]:
        """Read a small object. Read it again if the content does not match its checksum."""
        for _ in range(_MAX_READS):
            content = self._google.read(source)
            if source.crc32c is None and content.hashes.get("crc32c"):
                source = dataclasses.replace(source, crc32c=content.hashes["crc32c"], md5=content.hashes.get("md5"))
            source = self._with_checksum(source)
            found = checksums.encode(content.crc)
            if found == source.crc32c:
                return source, content
        raise CopyError(f"the content read has CRC32C {found}, but Cloud Storage states {source.crc32c}")

    def _with_checksum(self, source: SourceObject) -> SourceObject:
        """Add the CRC32C to an object that was listed without one, for example because of a customer-managed key."""
        if source.crc32c is None:
            described = self._google.describe(source.name, source.generation)
            source = dataclasses.replace(source, crc32c=described.crc32c, md5=source.md5 or described.md5)
        if source.crc32c is None:
            raise CopyError("Cloud Storage has no CRC32C for it, so a copy cannot be verified")
        return source

    def _has_requested_key(self, head: Head) -> bool:
        """Return whether the object has the KMS key of the settings. A resumed upload may have been created with another."""
        requested = self._settings.kms_key_id
        if not requested or "alias/" in requested or head.kms_key is None:
            return True
        return head.kms_key.rpartition("/")[2] == requested.rpartition("/")[2]
