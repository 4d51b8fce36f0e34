"""Copies one object: compares, reads, checks, writes, and checks again."""

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
from copycat.memory import Budget
from copycat.multipart import LARGEST_WITHOUT_PARTS, LargeObjects
from copycat.objects import Outcome, Result, SourceObject, Task
from copycat.retrying import PATIENCE
from copycat.s3 import S3
from copycat.settings import Settings

_logger = logging.getLogger(__name__)
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html: bytes.
_LONGEST_KEY = 1024
# How often an object is read that does not have its checksum, and how often both sides are looked at again.
_READS = 3
_ROUNDS = 5
# At once, also for a single object.
_FEWEST_PARTS_AT_ONCE = 4


@dataclasses.dataclass(slots=True)
class _Copied:
    """How it went with an object so far."""

    source: SourceObject
    outcome: Outcome = Outcome.FAILED
    tried: int | None = None  # the generation of which a write was tried
    sent: int = 0
    etag: str | None = None
    crc32c: str | None = None


class Copier:
    """Copies objects one by one. One per process; its threads share it.

    Args:
        settings: of the run.
        stop: when it is set, what is under way is given up.
        progress: is told of bytes when S3 has received them, by several threads.
        patience: seconds that a cloud may be away.

    Raises:
        ConfigurationError: The settings of the Google identity are invalid.
    """

    def __init__(
        self,
        settings: Settings,
        stop: threading.Event,
        progress: Callable[[int], object] = lambda _: None,
        *,
        patience: float = PATIENCE,
    ) -> None:
        threads = -(-settings.workers // settings.processes)
        parts = max(_FEWEST_PARTS_AT_ONCE, threads)
        self._settings = settings
        self._stop = stop
        self._progress = progress
        self._google = CloudStorage(settings, stop, threads + parts, patience)
        self._s3 = S3(settings, stop, threads + parts, patience)
        self._memory = Budget(settings.memory // settings.processes, stop)
        self._pool = concurrent.futures.ThreadPoolExecutor(parts, thread_name_prefix="part")
        self._large = LargeObjects(self._google, self._s3, self._memory, self._pool, parts, settings)

    def copy(self, task: Task) -> Result:
        """Compare an object with what S3 has, and copy it unless they are equal.

        Every exception becomes a failed result, except those that end a process, as KeyboardInterrupt.
        """
        started = time.monotonic()
        copied = _Copied(task.source)
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
        """Close the connections and end the threads for parts."""
        self._pool.shutdown(cancel_futures=True)
        self._google.close()
        self._s3.close()

    def _copy(self, task: Task, copied: _Copied) -> None:
        length = len(task.key.encode("utf-8", "surrogatepass"))
        if not 1 <= length <= _LONGEST_KEY:
            raise CopyError(f"its key would have {length} bytes, and S3 accepts 1 to {_LONGEST_KEY}")
        decision = decide(task.source, task.destination, check_metadata=self._settings.check_metadata)
        if decision is Decision.SKIP:
            copied.outcome = Outcome.SKIPPED
            copied.etag = task.destination.etag if task.destination else None
            return
        # S3 is asked for what is to be replaced: its entity tag is the condition of the write, and its generation tells
        # whether another run has copied a newer one meanwhile.
        self._until_it_is_there(task.key, copied, self._s3.head(task.key) if task.destination else None)

    def _until_it_is_there(self, key: str, copied: _Copied, head: Head | None) -> None:
        """Write an object, and look at both sides again when one of them has changed meanwhile."""
        problem: CopyError = CopyError("it did not come to rest")
        for number in range(_ROUNDS):
            if self._is_there(copied, head):
                return
            if number or (head and head.origin and head.origin.generation > copied.source.generation):
                newest = self._google.describe(copied.source.name)
                seen = (copied.source.generation, copied.source.metageneration)
                if (newest.generation, newest.metageneration) != seen:
                    copied.source = newest
                    if self._is_there(copied, head):
                        return
            try:
                if self._write(key, copied, head):
                    copied.outcome = Outcome.COPIED
                    return
                problem = CopyError("S3 did not confirm its checksum, and does not have it")
            except (ConditionError, MissingError) as error:
                problem = error
            head = self._s3.head(key)
        if not self._is_there(copied, head):
            self._large.discard(key)
            raise CopyError(f"{problem} (tried {_ROUNDS} times)")

    def _is_there(self, copied: _Copied, head: Head | None) -> bool:
        """Tell whether S3 has the object, and note how it came there."""
        check_metadata = self._settings.check_metadata
        if head is None or decide_with_head(copied.source, head, check_metadata=check_metadata) is Decision.COPY:
            return False
        if copied.tried is not None and not self._encrypted_as_wanted(head):
            return False
        # A reply that was lost is no reason to call it "skipped".
        ours = head.origin is not None and head.origin.generation == copied.tried
        copied.outcome = Outcome.COPIED if ours else Outcome.SKIPPED
        copied.etag, copied.crc32c = head.etag, head.crc32c
        return True

    def _write(self, key: str, copied: _Copied, head: Head | None) -> bool:
        """Copy an object; tell whether S3 has it. False: S3 confirmed nothing, and does not have it."""
        etag = head.etag if head else None
        copied.tried = copied.source.generation
        if copied.source.size <= LARGEST_WITHOUT_PARTS:
            with self._memory.hold(copied.source.size):
                copied.source, content = self._read(copied.source)
                copied.sent += len(content.data)
                written = self._s3.put(key, content.data, content.crc, metadata.describe(copied.source), etag)
            self._progress(copied.source.size)
        else:
            copied.source = self._with_checksum(copied.source)
            written = self._large.write(key, copied, etag, self._progress)
        copied.crc32c, copied.etag = copied.source.crc32c, written.etag
        if written.crc32c == copied.source.crc32c and written.etag and self._encrypted_as_wanted(written):
            return True
        found = self._s3.head(key)
        if found is None or not is_copy(copied.source, found) or not self._encrypted_as_wanted(found):
            return False
        copied.etag = found.etag
        return True

    def _read(self, source: SourceObject) -> tuple[SourceObject, Content]:
        """Read a small object; it is read again if what was read does not have the object's checksum."""
        for _ in range(_READS):
            content = self._google.read(source)
            if source.crc32c is None and content.hashes.get("crc32c"):
                source = dataclasses.replace(source, crc32c=content.hashes["crc32c"], md5=content.hashes.get("md5"))
            source = self._with_checksum(source)
            found = checksums.encode(content.crc)
            if found == source.crc32c:
                return source, content
        raise CopyError(f"what was read has the CRC32C {found}, and Cloud Storage says {source.crc32c}")

    def _with_checksum(self, source: SourceObject) -> SourceObject:
        """Complete an object that was listed without CRC32C, as those with a customer-managed key are."""
        if source.crc32c is None:
            described = self._google.describe(source.name, source.generation)
            source = dataclasses.replace(source, crc32c=described.crc32c, md5=source.md5 or described.md5)
        if source.crc32c is None:
            raise CopyError("Cloud Storage gives no CRC32C for it, so that no copy can be checked")
        return source

    def _encrypted_as_wanted(self, head: Head) -> bool:
        """Tell whether the KMS key is the one of the settings: a resumed upload may have been created with another."""
        wanted = self._settings.kms_key_id
        if not wanted or "alias/" in wanted or head.kms_key is None:
            return True
        return head.kms_key.rpartition("/")[2] == wanted.rpartition("/")[2]
